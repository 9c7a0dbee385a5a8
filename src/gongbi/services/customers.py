"""One member of a subject: who it is, its tags with the facts behind them, its time line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import Any

from gongbi.catalog.called import tag_called, tag_title
from gongbi.core import expr as ir
from gongbi.core.evidence import evidence_plan, moments_plan
from gongbi.core.expr import Attribute, Call, Constant, Expr
from gongbi.core.grouping import rows_as_of
from gongbi.core.relations import trait_end
from gongbi.core.runs import first_run
from gongbi.errors import InvalidInput, NotYet, UnknownName
from gongbi.segments.run import list_members
from gongbi.services.context import Context
from gongbi.services.limits import checked
from gongbi.services.privacy import Veil
from gongbi.services.saying import value_said
from gongbi.services.segments import instant, request
from gongbi.services.warnings import warn_of_tags


def resolve(ctx: Context, given: Any, subject: str = "customer") -> Any:
    """Turn what a person types into a member's id: the id itself, an identifier's value, or ``kind:value``."""
    ctx.check_subject(subject)
    shape, dialect = ctx.catalog().world.subject(subject), ctx.engine.dialect
    definition = ctx.catalog().subjects[subject]
    text = str(given).strip()
    kind, _, value = text.partition(":")
    table = dialect.ident(f"member_{subject}")
    if f"member_{subject}" not in ctx.engine.tables():
        raise NotYet(f"No {subject} is known yet.", hint="Run `gongbi ingest` first.")
    if not (value and kind in definition.identifiers):
        try:
            key: Any = int(text) if shape.id_type.name == "integer" else text
        except ValueError:
            key = None
        if key is not None and -(2**63) <= (key if isinstance(key, int) else 0) < 2**63:
            sql = f"select id from {table} where id = {dialect.literal(key)}"
            if ctx.engine.query(sql).num_rows:
                return key
    if definition.identifiers and "identifier" in ctx.engine.tables():
        named = bool(value) and kind in definition.identifiers
        condition = f"value = {dialect.literal(value if named else text)}"
        if named:
            condition += f" and kind = {dialect.literal(kind)}"
        found = ctx.engine.query(f"select distinct customer from identifier where {condition}")["customer"].to_pylist()
        if len(found) > 1:
            raise InvalidInput(f"{text!r} names {len(found)} {subject}s.", hint="Write it as kind:value.")
        if found:
            return found[0]
    error = UnknownName(subject, text, [])
    kinds = ", ".join(f"{kind}:…" for kind in definition.identifiers)
    error.hint = f"Give its id{' or an identifier, ' + kinds if kinds else ''}."
    raise error


def customer(
    ctx: Context,
    id: Any,  # noqa: A002
    *,
    subject: str = "customer",
    events: int = 50,
    reveal: str | None = None,
) -> dict[str, Any]:
    """Everything known about one member as of the instant of the current build; personal values are masked.

    Parameters
    ----------
    reveal
        Why masked values are to be seen, by a named person; put on record.

    Returns
    -------
    dict
        ``id``, ``identifiers``, ``attributes``, ``tags`` (name, words, value and what people call it, unit, category),
        ``timeline`` (the newest `events` rows of all facts), ``facts`` (fact → how many rows), ``as_of``, ``warnings``.
    """
    events = checked(events)
    catalog, dialect = ctx.catalog(), ctx.engine.dialect
    member, as_of = resolve(ctx, id, subject), instant(ctx, subject)
    here = dialect.literal(member)
    identifiers: list[dict[str, Any]] = []
    if catalog.subjects[subject].identifiers and "identifier" in ctx.engine.tables():
        sql = f"select kind, value from identifier where customer = {here} order by kind, value"
        identifiers = ctx.engine.query(sql).to_pylist()
    veil, kinds = Veil(ctx, subject, member, reveal), catalog.subjects[subject].identifiers
    for one in identifiers:
        grade = kinds[one["kind"]].pii if one["kind"] in kinds else "none"
        one["value"] = veil.value(one["kind"], one["value"], grade)
    tags = _tags(ctx, subject, member, veil)
    attributes = attributes_of(ctx, subject, member)
    found = {
        "subject": subject,
        "id": veil.id,
        "as_of": as_of.isoformat(),
        "identifiers": identifiers,
        # Given values are shown as the tags that they are.
        "attributes": {k: veil.attribute(k, v) for k, v in attributes.items() if not k.startswith("given.")},
        "tags": tags,
        "timeline": [
            {"fact": event["fact"], **veil.row(event["fact"], {k: v for k, v in event.items() if k != "fact"})}
            for event in _timeline(ctx, subject, member, events)
        ],
        "facts": _counts(ctx, subject, member),
    }
    return {**found, "warnings": [*warn_of_tags(ctx, subject, (tag["tag"] for tag in tags)), *veil.told()]}


def attributes_of(ctx: Context, subject: str, member: Any) -> dict[str, Any]:
    """A member's attributes as of the instant of its tags; absent ones too."""
    dialect, shape = ctx.engine.dialect, ctx.catalog().world.subject(subject)
    now = dialect.literal(instant(ctx, subject))
    found: dict[str, Any] = dict.fromkeys(shape.attributes)
    there = set(ctx.engine.tables())
    for table in dict.fromkeys(a.table for a in shape.attributes.values()):
        if table not in there:
            continue
        names = [a.name for a in shape.attributes.values() if a.table == table]
        sql = (
            f"select {', '.join(dialect.ident(n) for n in names)} from {dialect.ident(table)}"
            f" where id = {dialect.literal(member)} and (valid_from is null or valid_from < {now})"
            f" and (valid_to is null or valid_to >= {now})"
            " order by valid_from desc nulls last, _load desc, _row desc limit 1"
        )
        for row in ctx.engine.query(sql).to_pylist():
            found |= row
    return found


def neighbours_of(ctx: Context, subject: str, member: Any, traits: Sequence[Attribute]) -> dict[str, Any]:
    """What is known of the one neighbour that a member has along a relation: key → value, as of its own tags."""
    world = ctx.catalog().world
    whom: dict[str, str] = {}
    for trait in traits:
        whom[trait.attribute.rpartition("/")[0]] = trait_end(world, subject, trait.attribute)[0]
    if not whom:
        return {}
    columns: dict[str, Expr] = {
        way: Attribute(subject, f"{way}/id", world.subject(owner).id_type) for way, owner in whom.items()
    }
    here = f"id = {ctx.engine.dialect.literal(member)}"
    ids = list_members(ctx.engine, world, request(ctx, "true", subject, columns), where=here).to_pylist()[0]
    known: dict[str, Any] = {}
    for way, owner in whom.items():
        if (one := ids[way]) is not None:
            tags = {f"tag.{tag}": value for tag, value in values_of(ctx, owner, one).items()}
            of_it = {"id": one, **attributes_of(ctx, owner, one), **tags}
            known |= {f"{way}/{name}": value for name, value in of_it.items()}
    return {trait.attribute: known.get(trait.attribute) for trait in traits}


def values_of(ctx: Context, subject: str, member: Any) -> dict[str, Any]:
    """A member's tags that were built: name → value."""
    dialect, stored = ctx.engine.dialect, ctx.stored(subject)
    values: dict[str, Any] = {}
    for table in dict.fromkeys(s.table for s in stored.values()):
        sql = f"select * from {dialect.ident(table)} where id = {dialect.literal(member)}"
        row: dict[str, Any] = next(iter(ctx.engine.query(sql).to_pylist()), {})
        values |= {tag: row.get(s.column) for tag, s in stored.items() if s.table == table}
    return values


def _tags(ctx: Context, subject: str, member: Any, veil: Veil) -> list[dict[str, Any]]:
    catalog, found = ctx.catalog(), []
    for tag, kept in values_of(ctx, subject, member).items():
        definition, value = catalog.tags.get(tag), veil.tag(tag, kept)
        found.append(
            {
                "tag": tag,
                "value": value,
                "label": value_said(catalog, subject, tag, value),
                "unit": tag_called(catalog, tag).unit,
                "category": definition.category if definition else "预测/模型",
                "name": definition.name.to_json() if definition else tag_title(catalog, tag).to_json(),
                "about": definition.about.to_json() if definition else {"zh": "", "en": ""},
            }
        )
    return found


def _timeline(ctx: Context, subject: str, member: Any, limit: int) -> list[dict[str, Any]]:
    """The newest rows of all facts, each with its own columns."""
    dialect, world = ctx.engine.dialect, ctx.catalog().world
    there, as_of = set(ctx.engine.tables()), instant(ctx, subject)
    events: list[dict[str, Any]] = []
    for fact in world.facts.values():
        if subject not in fact.subjects or fact.table not in there:
            continue
        columns = ", ".join(dialect.ident(n) for n in fact.names if n != subject)
        sql = (
            f"select {columns} from ({rows_as_of(fact, world, dialect, as_of)}) f"
            f" where {dialect.ident(subject)} = {dialect.literal(member)}"
            f" order by ts desc limit {limit}"
        )
        events += [{"fact": fact.name, **row} for row in ctx.engine.query(sql).to_pylist()]
    return sorted(events, key=lambda e: e["ts"], reverse=True)[:limit]


def _counts(ctx: Context, subject: str, member: Any) -> dict[str, int]:
    dialect, world = ctx.engine.dialect, ctx.catalog().world
    there, as_of = set(ctx.engine.tables()), instant(ctx, subject)
    found = {}
    for fact in world.facts.values():
        if subject in fact.subjects and fact.table in there:
            sql = f"select count(*) as n from ({rows_as_of(fact, world, dialect, as_of)}) f"
            found[fact.name] = ctx.engine.value(f"{sql} where {dialect.ident(subject)} = {dialect.literal(member)}")
    return found


def evidence(
    ctx: Context,
    id: Any,  # noqa: A002
    tag: str,
    *,
    subject: str = "customer",
    limit: int = 50,
    reveal: str | None = None,
) -> dict[str, Any]:
    """The facts behind a tag of one member; personal values are masked.

    Parameters
    ----------
    tag
        Its name, also as it stands in expressions: ``tag.NAME``.
    reveal
        As of `customer`.

    Returns
    -------
    dict
        ``tag``, ``value``, ``expr``, ``as_of``, ``warnings`` and ``parts``: one per aggregate of the tag and of the
        tags it uses, with its ``fact`` and ``table`` (Arrow; the newest `limit` rows); of a sequence one per step,
        see `rows_behind`.
    """
    limit = checked(limit)
    catalog, tag = ctx.catalog(), tag.strip().removeprefix("tag.")
    definition = catalog.tag(tag)
    member, as_of = resolve(ctx, id, subject), instant(ctx, subject)
    if definition.subject != subject:
        raise InvalidInput(f"The tag {tag!r} describes a {definition.subject}, not a {subject}.")
    veil = Veil(ctx, subject, member, reveal)
    found = {
        "tag": tag,
        "id": veil.id,
        "value": veil.tag(tag, values_of(ctx, subject, member).get(tag)),
        "expr": definition.expression,
        "as_of": as_of.isoformat(),
        "parts": rows_behind(ctx, tag, subject, member, veil, limit),
    }
    return {**found, "warnings": [*warn_of_tags(ctx, subject, [tag]), *veil.told()]}


def rows_behind(ctx: Context, tag: str, subject: str, member: Any, veil: Veil, limit: int) -> list[dict[str, Any]]:
    """The rows behind each aggregate of a tag and of the tags it uses: ``tag``, ``fact``, ``table``.

    Of a sequence, the run that first made it true: a part for each step, with ``step`` (from 1), and ``note`` (``zh``,
    ``en``) where there is no row; where it is false, one part with a note and no rows.
    """
    catalog, as_of, parts = ctx.catalog(), instant(ctx, subject), []
    for owner, call in _aggregates_behind(catalog.expressions[subject, tag], tag, catalog.tags_of(subject)):
        if call.is_sequence:
            parts += [{"tag": owner, **part} for part in _run_behind(ctx, call, subject, member, veil)]
            continue
        plan = evidence_plan(call, subject, member, as_of, catalog.world, ctx.engine.dialect, limit=limit)
        assert call.fact is not None
        parts.append({"tag": owner, "fact": call.fact, "table": veil.rows(call.fact, ctx.engine.query(plan))})
    return parts


NO_RUN = {"zh": "没有走完的序列，因此没有行。", "en": "No run of the sequence is complete, so there are no rows."}
CAME = {
    "zh": "没有落空的等待：前面的步骤没有做到，或最后一步已经发生，或时间还没有过完，因此没有行。",
    "en": "Nothing was waited for in vain: the steps before were not taken, the last one came, or time is not over; "
    "so there are no rows.",
}
MISSED = {"zh": "这一步没有发生。", "en": "This step did not come."}


def _run_behind(ctx: Context, call: Call, subject: str, member: Any, veil: Veil) -> list[dict[str, Any]]:
    """The parts of a sequence; see `rows_behind`."""
    as_of, world, dialect = instant(ctx, subject), ctx.catalog().world, ctx.engine.dialect
    steps, last = [arg for arg in call.args if isinstance(arg, Call)], call.args[-1]
    window = timedelta(microseconds=last.value) if isinstance(last, Constant) else None
    moments = [ctx.engine.query(moments_plan(step, subject, member, as_of, world, dialect)) for step in steps]
    rows = [list(zip(found["t"].to_pylist(), found["k"].to_pylist(), strict=True)) for found in moments]
    completed = call.function.name == "followed_by"
    now = as_of.astimezone(UTC).replace(tzinfo=None)
    run = first_run(rows, window, now, completed=completed)
    parts: list[dict[str, Any]] = []
    for number, step in enumerate(steps, 1):
        assert step.fact is not None
        taken = run[number - 1] if number <= len(run) else None
        plan = evidence_plan(
            step, subject, member, as_of, world, dialect, limit=1 if taken is not None else 0, taken=taken
        )
        table = veil.rows(step.fact, ctx.engine.query(plan))
        if not run:
            return [{"fact": step.fact, "table": table, "step": None, "note": NO_RUN if completed else CAME}]
        note = None if taken is not None else MISSED
        parts.append({"fact": step.fact, "table": table, "step": number, "note": note})
    return parts


def _aggregates_behind(expression: Expr, tag: str, tags: dict[str, Expr]) -> list[tuple[str, Call]]:
    """The different row sets that a tag rests on, its own and those of the tags it uses."""
    found: dict[Any, tuple[str, Call]] = {}
    queue, seen = [(tag, expression)], {tag}
    while queue:
        name, expr = queue.pop(0)
        for call in ir.walk(expr, into_aggregates=False):
            if not isinstance(call, Call) or call.is_step:
                continue
            if call.is_sequence:
                found.setdefault(call, (name, call))
            elif call.is_aggregate:
                first = call.args[0] if call.args and call.args[0].level == "row" else None
                found.setdefault((call.fact, call.filter, first), (name, call))
        for used in sorted(ir.tags_used(expr)):
            if used not in seen and used in tags:
                seen.add(used)
                queue.append((used, tags[used]))
    return list(found.values())
