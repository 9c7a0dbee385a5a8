"""Values of tags that are given: set by a person, or imported from a file, with who, when and why."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from gongbi.catalog.base import TagDef
from gongbi.catalog.catalog import Catalog
from gongbi.catalog.makers.given import TYPES, Imported, Manual, attribute_of, table_of
from gongbi.catalog.mapping import Origin
from gongbi.catalog.tables import REJECTS
from gongbi.core.table import Column, Table
from gongbi.core.types import INTEGER, TEXT, TIMESTAMP
from gongbi.errors import InvalidInput, NotYet, UnknownName
from gongbi.services.context import Context
from gongbi.services.customers import resolve
from gongbi.services.privacy import Veil
from gongbi.sources.readers import find
from gongbi.sources.rejects import set_aside
from gongbi.store.values import digest

_TRUE, _FALSE = {"true", "yes", "1", "是"}, {"false", "no", "0", "否"}
_TICK = timedelta(microseconds=1)


def given_table(tag: TagDef, catalog: Catalog) -> Table:
    """One row per member and time in which a value holds; `_load` leads to the file or the act that gave it."""
    assert tag.maker is not None
    type_ = TYPES[tag.maker.maker.type]  # type: ignore[attr-defined]
    columns = (
        Column("id", catalog.world.subject(tag.subject).id_type),
        Column(attribute_of(tag.tag), type_),
        Column("valid_from", TIMESTAMP, "It holds from this instant on."),
        Column("valid_to", TIMESTAMP, "And up to this one; still, where absent."),
        Column("by", TEXT, "Who gave it."),
        Column("why", TEXT),
        Column("_load", INTEGER),
        Column("_row", INTEGER),
    )
    return Table(table_of(tag.tag), columns, grain=f"one row per {tag.subject} and time of a value")


def given_tags(catalog: Catalog, subject: str) -> list[TagDef]:
    """The tags of a subject whose values are given."""
    found = (tag for tag in catalog.tags.values() if tag.subject == subject and tag.maker is not None)
    return [tag for tag in found if tag.maker is not None and isinstance(tag.maker.maker, Manual | Imported)]


def ensure_tables(ctx: Context, subject: str) -> None:
    """Make the tables of given values that nobody has given yet."""
    catalog, there = ctx.catalog(), set(ctx.engine.tables())
    for tag in given_tags(catalog, subject):
        if table_of(tag.tag) not in there:
            ctx.engine.create(given_table(tag, catalog))
            ctx.memory.pop("tables", None)


def set_tag(ctx: Context, tag: str, id: Any, value: Any, *, why: str = "", since: str | None = None) -> dict[str, Any]:  # noqa: A002
    """Set a tag of one member by hand; the value before it holds until then.

    Parameters
    ----------
    tag, id
        A tag with the maker `manual`, and the member as people name it.
    value
        As text or of the tag's type; None takes the value away.
    why
        The reason; kept with the value and in the audit trail.
    since
        ISO date or instant from which it holds; by default now, or the end of old data.

    Returns
    -------
    dict
        ``tag``, ``id``, ``value``, ``before`` (the value until then), ``since``, ``by``, ``why``.
    """
    definition, member, catalog = _tag(ctx, tag, Manual), None, ctx.catalog()
    member = resolve(ctx, id, definition.subject)
    kept = None if value is None else _read(definition, value)
    moment = _since(ctx, since)
    ensure_tables(ctx, definition.subject)
    held = [row for row in _rows(ctx, definition, member) if row["valid_to"] is None]
    if any(row["valid_from"] > moment for row in held):
        raise InvalidInput(
            f"The tag {definition.tag!r} of {member} has a value from {held[0]['valid_from']} on.",
            hint="Give a later instant.",
        )
    if kept is None and not held:
        raise InvalidInput(f"The tag {definition.tag!r} of {member} has no value to take away.")
    change = digest([definition.tag, str(member), str(kept), moment.isoformat(), why, ctx.now().isoformat()])
    load = ctx.store.loads.start(f"tag {definition.tag}", f"manual:{change[:12]}", sha256=change, size=0, now=ctx.now())
    new = [] if kept is None else [(member, kept, load.id, 1)]
    _write(ctx, definition, held, new, moment, why, catalog)
    ctx.store.loads.finish(load.id, now=ctx.now(), rows_read=1, rows_good=1)
    details = {"member": str(member), "why": why, "since": moment.isoformat(), "removed": kept is None}
    ctx.store.audit.append(
        actor=ctx.actor, action="set tag", object=f"tag {definition.tag}", now=ctx.now(), details=details
    )
    before = held[-1]["value"] if held else None
    return {
        "tag": definition.tag,
        "id": member,
        "value": kept,
        "before": before,
        "since": moment.isoformat(),
        "by": ctx.actor,
        "why": why,
        "hint": "Run `gongbi build` to see it in the tags.",
    }


def import_tag(
    ctx: Context, tag: str, file: str, *, key: str, column: str, kind: str = "", why: str = "", since: str | None = None
) -> dict[str, Any]:
    """Take the values of a tag from a column of a file; those of the import before hold until then.

    Parameters
    ----------
    tag
        A tag with the maker `imported`.
    file
        CSV, TSV, JSON lines, Parquet or Excel.
    key, column
        The file's column that names the member, and the one with the value. Rows without a value are passed over.
    kind
        The kind of identifier in `key`; the member's id where it is left out.
    why, since
        As of `set_tag`.

    Returns
    -------
    dict
        ``tag``, ``load``, ``read``, ``good``, ``rejected`` and ``reasons`` (reason → how many), ``ended`` (values of
        the import before), ``since``. Rejected rows are kept with those of loads.
    """
    definition, catalog = _tag(ctx, tag, Imported), ctx.catalog()
    moment = _since(ctx, since)
    ensure_tables(ctx, definition.subject)
    with ctx.run("import", definition.tag), ExitStack() as resources:
        path = Path(file).expanduser()
        (piece,) = find(Origin(file=str(path.resolve() if path.exists() else path)), ctx.root, resources)
        stream = piece.open()
        for name in (key, column):
            if name not in stream.schema.names:
                raise UnknownName("column", name, stream.schema.names)
        rows: list[tuple[int, str, str]] = []
        bad: list[dict[str, Any]] = []
        read = 0
        for batch in stream.batches:
            bad += [
                {"_row": b.row, "reason": b.reason, "column": None, "value": b.value, "raw": b.raw} for b in batch.bad
            ]
            columns = (batch.numbers, batch.rows.column(key), batch.rows.column(column))
            for n, who, value in zip(*(c.to_pylist() for c in columns), strict=True):
                read += 1
                if who is not None and value is not None and str(value).strip():
                    rows.append((n, str(who).strip(), str(value).strip()))
        good, rejected = _matched(ctx, definition, rows, key, column, kind)
        bad += rejected
        record = ctx.store.loads
        load = record.start(f"tag {definition.tag}", path.name, sha256=piece.digest(), size=piece.size, now=ctx.now())
        held = [row for row in _rows(ctx, definition) if row["valid_to"] is None]
        if any(row["valid_from"] > moment for row in held):
            raise InvalidInput(
                f"The values of {definition.tag!r} were imported from a later instant on.", hint="Give a later instant."
            )
        with ctx.engine.transaction():
            if REJECTS.name not in ctx.engine.tables():
                ctx.engine.create(REJECTS)
            set_aside(ctx.engine, bad, load=load.id, source=f"tag {definition.tag}", path=path.name)
            _write(ctx, definition, held, [(m, v, load.id, n) for n, m, v in good], moment, why, catalog)
        record.finish(
            load.id, now=ctx.now(), rows_read=read, rows_good=len(good), rows_rejected=len(bad), rows_replaced=len(held)
        )
    reasons: dict[str, int] = {}
    for one in bad:
        reasons[one["reason"]] = reasons.get(one["reason"], 0) + 1
    ctx.store.audit.append(
        actor=ctx.actor,
        action="import tag",
        object=f"tag {definition.tag}",
        now=ctx.now(),
        details={"load": load.id, "why": why, "since": moment.isoformat(), "good": len(good)},
    )
    return {
        "tag": definition.tag,
        "load": load.id,
        "read": read,
        "good": len(good),
        "rejected": len(bad),
        "reasons": reasons,
        "ended": len(held),
        "since": moment.isoformat(),
        "hint": "Run `gongbi build` to see it in the tags.",
    }


def given_values(ctx: Context, tag: str, id: Any) -> list[dict[str, Any]]:  # noqa: A002
    """What a given tag of one member was and is, the newest first, with who, when, why and from which load.

    Personal values are masked.

    Returns
    -------
    list of dict
        ``value``, ``valid_from``, ``valid_to`` (None where it still holds), ``by``, ``why``, ``load``, ``row``,
        ``path``.
    """
    definition = _tag(ctx, tag, Manual | Imported)
    member = resolve(ctx, id, definition.subject)
    veil = Veil(ctx, definition.subject, member, None)
    return [{**row, "value": veil.tag(definition.tag, row["value"])} for row in given_rows(ctx, definition, member)]


def given_rows(ctx: Context, definition: TagDef, member: Any) -> list[dict[str, Any]]:
    """What `given_values` says of a member, in the clear."""
    if table_of(definition.tag) not in ctx.engine.tables():
        return []
    found = []
    for row in reversed(_rows(ctx, definition, member)):
        ends = {name: row[name].isoformat() if row[name] else None for name in ("valid_from", "valid_to")}
        load = ctx.store.loads.get(row["_load"])
        told = {"by": row["by"], "why": row["why"], "load": load.id, "row": row["_row"], "path": load.path}
        found.append({"value": row["value"], **ends, **told})
    return found


def has_values(ctx: Context, tag: str) -> bool:
    """Whether anybody ever gave a value of a given tag to anybody."""
    table = table_of(_tag(ctx, tag, Manual | Imported).tag)
    if table not in ctx.engine.tables():
        return False
    return bool(ctx.engine.query(f"select id from {ctx.engine.dialect.ident(table)} limit 1").num_rows)


def _tag(ctx: Context, name: str, maker: Any) -> TagDef:
    definition = ctx.catalog().tag(name.strip().removeprefix("tag."))
    if definition.maker is None or not isinstance(definition.maker.maker, maker):
        wanted = {Manual: "manual", Imported: "imported"}.get(maker, "manual` or `imported")
        raise InvalidInput(
            f"The values of {definition.tag!r} are not given but computed.",
            hint=f"Only tags with the maker `{wanted}` take values.",
        )
    return definition


def _since(ctx: Context, given: str | None) -> datetime:
    """The instant from which a value holds, as engines keep it; just before the instant of the next build."""
    try:
        instant = ctx.as_of(given) if given is not None else min(ctx.now(), ctx.as_of()) - _TICK
    except NotYet:
        instant = ctx.now() - _TICK
    return instant.astimezone(UTC).replace(tzinfo=None)


def _whole(text: str) -> int | None:
    with suppress(ValueError):
        return number if abs(number := int(text)) < 2**63 else None
    return None


def _finite(text: str) -> float | None:
    with suppress(ValueError):
        return number if math.isfinite(number := float(text)) else None
    return None


def _day(text: str) -> date | None:
    with suppress(ValueError):
        return date.fromisoformat(text)
    return None


def _yes(text: str) -> bool | None:
    return True if text.casefold() in _TRUE else False if text.casefold() in _FALSE else None


_PARSED: Mapping[str, Callable[[str], Any]] = {"integer": _whole, "number": _finite, "date": _day, "boolean": _yes}


def _read(tag: TagDef, value: Any) -> Any:
    """A value as its tag's type has it.

    Raises
    ------
    InvalidInput
        It is none.
    """
    assert tag.maker is not None
    type_, text = tag.maker.maker.type, str(value).strip()  # type: ignore[attr-defined]
    if type_ != "text":
        found = _PARSED[type_](text)
        if found is None:
            raise InvalidInput(f"{text!r} is no {type_}; the tag {tag.tag!r} takes nothing else.")
        return found
    if tag.closed and text not in tag.closed:
        raise UnknownName(f"value of {tag.tag}", text, [str(one) for one in tag.closed])
    return text


def _matched(
    ctx: Context, tag: TagDef, rows: Sequence[tuple[int, str, str]], key: str, column: str, kind: str
) -> tuple[list[tuple[int, Any, Any]], list[dict[str, Any]]]:
    """(row, member, value) of the rows that name a member and have a value of the type; the others, with the reason."""
    known = _members(ctx, tag.subject, [who for _, who, _ in rows], kind)
    good: list[tuple[int, Any, Any]] = []
    bad: list[dict[str, Any]] = []
    seen: set[Any] = set()
    for n, who, value in rows:
        member = known.get(who)
        problem: tuple[str, str, str] | None = None
        if member is None:
            problem = ("unknown_member", key, who)
        elif member in seen:
            problem = ("duplicate_key", key, who)
        else:
            try:
                good.append((n, member, _read(tag, value)))
                seen.add(member)
            except (InvalidInput, UnknownName):
                problem = ("wrong_type", column, value)
        if problem is not None:
            reason, where, seen_value = problem
            bad.append({"_row": n, "reason": reason, "column": where, "value": seen_value, "raw": None})
    return good, bad


def _members(ctx: Context, subject: str, keys: Sequence[str], kind: str) -> Mapping[str, Any]:
    """What a file calls a member → its id."""
    dialect, definition = ctx.engine.dialect, ctx.catalog().subjects[subject]
    if kind and kind not in definition.identifiers:
        raise UnknownName(f"identifier of {subject}", kind, definition.identifiers)
    if f"member_{subject}" not in ctx.engine.tables():
        raise NotYet(f"No {subject} is known yet.", hint="Run `gongbi ingest` first.")
    text = dialect.types["text"]
    source = f"select id, cast(id as {text}) as name from {dialect.ident(f'member_{subject}')}"
    if kind:
        source = f"select customer as id, value as name from identifier where kind = {dialect.literal(kind)}"
    asked = pa.table({"name": pa.array(sorted(set(keys)), pa.string())})
    sql = f"select g.name, min(m.id) as id from _given g join ({source}) m on m.name = g.name group by g.name"
    found = ctx.engine.query(sql, inputs={"_given": asked})
    return dict(zip(found["name"].to_pylist(), found["id"].to_pylist(), strict=True))


def _rows(ctx: Context, tag: TagDef, member: Any = None) -> list[dict[str, Any]]:
    """The kept rows of a tag, oldest first, its value under ``value``."""
    dialect = ctx.engine.dialect
    where = "" if member is None else f" where id = {dialect.literal(member)}"
    value = dialect.ident(attribute_of(tag.tag))
    sql = f"select *, {value} as value from {dialect.ident(table_of(tag.tag))}{where} order by valid_from, _load, _row"
    found: list[dict[str, Any]] = ctx.engine.query(sql).to_pylist()
    return found


def _write(
    ctx: Context,
    tag: TagDef,
    held: Sequence[Mapping[str, Any]],
    new: Sequence[tuple[Any, Any, int, int]],
    moment: datetime,
    why: str,
    catalog: Catalog,
) -> None:
    """End the values that hold, and add those that hold from now on: both or neither."""
    table, attribute, dialect = table_of(tag.tag), attribute_of(tag.tag), ctx.engine.dialect
    names = [column.name for column in given_table(tag, catalog).columns]
    ended = [{**row, "valid_to": moment} for row in held]
    begun = [
        {
            "id": m,
            attribute: v,
            "valid_from": moment,
            "valid_to": None,
            "by": ctx.actor,
            "why": why,
            "_load": n,
            "_row": r,
        }
        for m, v, n, r in new
    ]
    schema = pa.schema(ctx.engine.columns(table))
    with ctx.engine.transaction():
        if ended:
            one = "" if len({row["id"] for row in ended}) > 1 else f" and id = {dialect.literal(ended[0]['id'])}"
            ctx.engine.delete(table, f"valid_to is null{one}")
        if ended or begun:
            rows = [{name: row[name] for name in names} for row in (*ended, *begun)]
            ctx.engine.append(table, pa.Table.from_pylist(rows, schema=schema))
