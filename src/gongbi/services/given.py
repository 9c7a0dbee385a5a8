"""Values of tags that are given: set by a person, or imported from a file, with who, when and why."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from gongbi.catalog.base import TagDef
from gongbi.catalog.catalog import Catalog
from gongbi.catalog.makers.given import Imported, Manual, attribute_of, table_of
from gongbi.catalog.mapping import Origin
from gongbi.catalog.tables import REJECTS, given_table, own_column
from gongbi.core import clock
from gongbi.core.plan import Plan
from gongbi.core.table import Table
from gongbi.core.types import INTEGER
from gongbi.errors import GongbiError, InvalidInput, NotYet, Refused, UnknownName
from gongbi.identity.tables import Kept, identifier_table
from gongbi.services.context import Context
from gongbi.services.customers import resolve
from gongbi.services.limits import checked
from gongbi.services.privacy import Veil
from gongbi.sources.readers import find
from gongbi.sources.rejects import forget, set_aside
from gongbi.store.loads import Load
from gongbi.store.values import digest

_TRUE, _FALSE = {"true", "yes", "1", "是"}, {"false", "no", "0", "否"}
_TICK = timedelta(microseconds=1)
#: What the record of loads calls the source of a tag's values, and how it calls an act by hand.
SOURCE, BY_HAND = "tag ", "manual:"
#: A member, the id that it was named by, the value, and the row of the file.
_New = tuple[Any, Any, Any, int]


def _table(ctx: Context, tag: TagDef) -> Table:
    return given_table(tag, ctx.catalog().world.subject(tag.subject).id_type)


def given_tags(catalog: Catalog, subject: str) -> list[TagDef]:
    """The tags of a subject whose values are given."""
    found = (tag for tag in catalog.tags.values() if tag.subject == subject and tag.maker is not None)
    return [tag for tag in found if tag.maker is not None and isinstance(tag.maker.maker, Manual | Imported)]


def given_members(ctx: Context) -> list[Kept]:
    """The tables of given values, whose members may be united with others."""
    catalog = ctx.catalog()
    return [Kept(s, _table(ctx, tag)) for s in catalog.subjects for tag in given_tags(catalog, s)]


def ensure_tables(ctx: Context, subject: str) -> None:
    """Make the tables of given values that nobody has given yet."""
    engine, there = ctx.engine, set(ctx.engine.tables())
    for tag in given_tags(ctx.catalog(), subject):
        table = _table(ctx, tag)
        if table.name not in there:
            engine.create(table)
            ctx.memory.pop("tables", None)
        elif "_ended" not in dict(engine.columns(table.name)):
            ident, integer = engine.dialect.ident, engine.dialect.type(INTEGER)
            more = f"cast(null as {integer}) as {ident('_ended')}, id as {ident(own_column('id'))}"
            engine.build(Plan().then("_kept", f"select *, {more} from {ident(table.name)}"), table.name)


@contextmanager
def _giving(ctx: Context, tag: str, path: str, sha256: str, size: int) -> Iterator[int]:
    """A load on record while its values are written; failed where they are not."""
    loads = ctx.store.loads
    load = loads.start(f"{SOURCE}{tag}", path, sha256=sha256, size=size, now=ctx.now())
    try:
        yield load.id
    except GongbiError as error:
        loads.fail(load.id, error.to_json(), ctx.now())
        raise


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
        ``tag``, ``load`` (with which `undo` takes it back), ``id``, ``value``, ``before`` (the value until then),
        ``since``, ``by``, ``why``.
    """
    definition = _tag(ctx, tag, Manual)
    member = resolve(ctx, id, definition.subject)
    kept = None if value is None else _read(definition, value)
    moment = _since(ctx, since)
    ensure_tables(ctx, definition.subject)
    held = _held(ctx, definition, moment, member)
    if kept is None and not held:
        raise InvalidInput(f"The tag {definition.tag!r} of {member} has no value to take away.")
    change = digest([definition.tag, str(member), str(kept), moment.isoformat(), why, ctx.now().isoformat()])
    with _giving(ctx, definition.tag, f"{BY_HAND}{change[:12]}", change, 0) as load:
        new = [] if kept is None else [(member, member, kept, 1)]
        _write(ctx, definition, held, new, moment, why, load)
    ctx.store.loads.finish(load, now=ctx.now(), rows_read=1, rows_good=1)
    details = {"member": str(member), "why": why, "since": moment.isoformat(), "removed": kept is None}
    ctx.store.audit.append(
        actor=ctx.actor, action="set tag", object=f"tag {definition.tag}", now=ctx.now(), details=details
    )
    before = held[-1]["value"] if held else None
    return {
        "tag": definition.tag,
        "load": load,
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
    definition = _tag(ctx, tag, Imported)
    moment = _since(ctx, since)
    ensure_tables(ctx, definition.subject)
    with ctx.run("import", definition.tag), ExitStack() as resources:
        path, piece = _piece(ctx, file, resources)
        read, good, bad = _taken(ctx, definition, piece, key, column, kind)
        held = _held(ctx, definition, moment)
        with _giving(ctx, definition.tag, path.name, piece.digest(), piece.size) as load, ctx.engine.transaction():
            if REJECTS.name not in ctx.engine.tables():
                ctx.engine.create(REJECTS)
            set_aside(ctx.engine, bad, load=load, source=f"{SOURCE}{definition.tag}", path=path.name)
            _write(ctx, definition, held, good, moment, why, load)
        ctx.store.loads.finish(
            load, now=ctx.now(), rows_read=read, rows_good=len(good), rows_rejected=len(bad), rows_replaced=len(held)
        )
    ctx.store.audit.append(
        actor=ctx.actor,
        action="import tag",
        object=f"tag {definition.tag}",
        now=ctx.now(),
        details={"load": load, "why": why, "since": moment.isoformat(), "good": len(good)},
    )
    return {
        "tag": definition.tag,
        "load": load,
        "read": read,
        "good": len(good),
        "rejected": len(bad),
        "reasons": dict(Counter(one["reason"] for one in bad)),
        "ended": len(held),
        "since": moment.isoformat(),
        "hint": "Run `gongbi build` to see it in the tags.",
    }


def give(ctx: Context, tag: str, values: Mapping[Any, Any], *, source: str, why: str = "") -> dict[str, Any]:
    """Take the values of a tag from what was worked out: member → value. Those before hold until then.

    Parameters
    ----------
    tag
        A tag with the maker `imported`.
    source
        What they come from; stands in place of a file's name.

    Returns
    -------
    dict
        ``tag``, ``load`` (with which `undo` takes it back), ``good``, ``ended``, ``since``.
    """
    definition, moment = _tag(ctx, tag, Imported), _since(ctx, None)
    ensure_tables(ctx, definition.subject)
    held = _held(ctx, definition, moment)
    new = [(member, member, _read(definition, value), n) for n, (member, value) in enumerate(values.items(), 1)]
    print_ = digest([definition.tag, source, moment.isoformat(), ctx.now().isoformat()])
    with _giving(ctx, definition.tag, source, print_, 0) as load:
        _write(ctx, definition, held, new, moment, why, load)
    ctx.store.loads.finish(load, now=ctx.now(), rows_read=len(new), rows_good=len(new), rows_replaced=len(held))
    details = {"load": load, "why": why, "since": moment.isoformat(), "good": len(new), "source": source}
    ctx.store.audit.append(
        actor=ctx.actor, action="import tag", object=f"tag {definition.tag}", now=ctx.now(), details=details
    )
    return {
        "tag": definition.tag,
        "load": load,
        "good": len(new),
        "ended": len(held),
        "since": moment.isoformat(),
        "hint": "Run `gongbi build` to see it in the tags.",
    }


def preview_tag(
    ctx: Context, tag: str, file: str, *, key: str = "", column: str = "", kind: str = "", limit: int = 10
) -> dict[str, Any]:
    """What importing a column of a file would give; nothing is kept.

    Parameters
    ----------
    key, column, kind
        As of `import_tag`; where one of the first two is left out, only the file's columns and first rows are told.
    limit
        So many rows of the file, of what would be taken and of what would be refused.

    Returns
    -------
    dict
        ``columns``, ``rows`` (of the file, as text); and with `key` and `column`: ``read``, ``good``, ``rejected``,
        ``reasons`` (reason → how many), ``taken`` (``row``, ``id``, ``value``), ``refused`` (``row``, ``reason``,
        ``column``, ``value``).
    """
    definition, limit = _tag(ctx, tag, Imported), checked(limit)
    with ExitStack() as resources:
        _, piece = _piece(ctx, file, resources)
        stream = piece.open()
        names, rows = list(stream.schema.names), list[dict[str, Any]]()
        for batch in stream.batches:
            rows += batch.rows.slice(0, limit - len(rows)).to_pylist()
            if len(rows) >= limit:
                break
    found: dict[str, Any] = {
        "tag": definition.tag,
        "columns": names,
        "rows": [{name: None if row[name] is None else str(row[name]) for name in names} for row in rows],
    }
    if not key or not column:
        return found
    with ExitStack() as resources:
        _, piece = _piece(ctx, file, resources)
        read, good, bad = _taken(ctx, definition, piece, key, column, kind)
    return found | {
        "read": read,
        "good": len(good),
        "rejected": len(bad),
        "reasons": dict(Counter(one["reason"] for one in bad)),
        "taken": [{"row": n, "id": member, "value": value} for member, _, value, n in good[:limit]],
        "refused": [
            {"row": one["_row"], "reason": one["reason"], "column": one["column"], "value": one["value"]}
            for one in bad[:limit]
        ],
    }


def _piece(ctx: Context, file: str, resources: ExitStack) -> tuple[Path, Any]:
    """The one table that a file holds."""
    path = Path(file).expanduser()
    (piece,) = find(Origin(file=str(path.resolve() if path.exists() else path)), ctx.root, resources)
    return path, piece


def _taken(
    ctx: Context, definition: TagDef, piece: Any, key: str, column: str, kind: str
) -> tuple[int, list[_New], list[dict[str, Any]]]:
    """How many rows a file has; those that give a value to a member, and those that cannot, with the reason."""
    stream = piece.open()
    for name in (key, column):
        if name not in stream.schema.names:
            raise UnknownName("column", name, stream.schema.names)
    rows: list[tuple[int, str, str]] = []
    bad: list[dict[str, Any]] = []
    read = 0
    for batch in stream.batches:
        bad += [{"_row": b.row, "reason": b.reason, "column": None, "value": b.value, "raw": b.raw} for b in batch.bad]
        columns = (batch.numbers, batch.rows.column(key), batch.rows.column(column))
        for n, who, value in zip(*(c.to_pylist() for c in columns), strict=True):
            read += 1
            if who is not None and value is not None and str(value).strip():
                rows.append((n, str(who).strip(), str(value).strip()))
    good, rejected = _matched(ctx, definition, rows, key, column, kind)
    return read, good, [*bad, *rejected]


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
        ends = {
            name: row[name].replace(tzinfo=UTC).isoformat() if row[name] else None
            for name in ("valid_from", "valid_to")
        }
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


def take_back(ctx: Context, load: Load) -> tuple[int, list[int]]:
    """Take the values out that a load gave, in any order of loads; those that it had ended hold again.

    They hold up to the next act after it: what was given to the member next, or the next import.

    Returns
    -------
    rows, restored
        How many values went, and the load of the same file that is active again.
    """
    tag, engine = load.source.removeprefix(SOURCE), ctx.engine
    table, ident = table_of(tag), ctx.engine.dialect.ident
    if load.status != "loaded":
        raise Refused(f"Load {load.id} is {load.status}; only an active load can be undone.")
    rows = 0
    with engine.transaction():
        if "_ended" in (dict(engine.columns(table)) if table in engine.tables() else {}):
            n, given, ended = int(load.id), ident("_load"), ident("_ended")
            acts = engine.query(
                f"select id, valid_from as instant, {given} as n from {ident(table)} where {given} > {n} union"
                f" select id, valid_to as instant, {ended} as n from {ident(table)} where {ended} > {n}"
            ).to_pylist()
            by_hand, following = load.path.startswith(BY_HAND), dict[Any, tuple[datetime, int]]()
            for act in sorted(acts, key=lambda one: (one["instant"], one["n"])):
                following.setdefault(act["id"] if by_hand else None, (act["instant"], act["n"]))
            again = engine.query(f"select * from {ident(table)} where {ended} = {n}").to_pylist()
            for row in again:
                row["valid_to"], row["_ended"] = following.get(row["id"] if by_hand else None, (None, None))
            rows = engine.delete(table, f"{given} = {n}")
            engine.delete(table, f"{ended} = {n}")
            if again:
                engine.append(table, pa.Table.from_pylist(again, schema=pa.schema(engine.columns(table))))
        if REJECTS.name in engine.tables():
            forget(engine, load.id)
    loads = ctx.store.loads
    loads.undo(load.id)
    before = (one.id for one in loads.list(source=load.source, status="replaced") if one.path == load.path)
    restored = [n for n in before if n < load.id][:1]
    for n in restored:
        loads.restore(n)
    return rows, restored


def mend_given(ctx: Context) -> None:
    """Put acts on record whose process died after their values were written; called before loads are repaired."""
    for load in ctx.store.loads.list(status="loading"):
        table = table_of(load.source.removeprefix(SOURCE))
        if not load.source.startswith(SOURCE) or table not in ctx.engine.tables():
            continue
        columns = [name for name in ("_load", "_ended") if name in dict(ctx.engine.columns(table))]
        ident = ctx.engine.dialect.ident
        given, ended = (
            int(ctx.engine.value(f"select count(*) as n from {ident(table)} where {ident(name)} = {load.id}"))
            if name in columns
            else 0
            for name in ("_load", "_ended")
        )
        if given or ended:
            ctx.store.loads.finish(load.id, now=ctx.now(), rows_read=given, rows_good=given, rows_replaced=ended)


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
) -> tuple[list[_New], list[dict[str, Any]]]:
    """The rows that name a member and have a value of the type; the others, with the reason."""
    known = _members(ctx, tag.subject, [who for _, who, _ in rows], kind)
    good: list[_New] = []
    bad: list[dict[str, Any]] = []
    seen: set[Any] = set()
    for n, who, value in rows:
        member, own = known.get(who, (None, None))
        problem: tuple[str, str, str] | None = None
        if member is None:
            problem = ("unknown_member", key, who)
        elif member in seen:
            problem = ("duplicate_key", key, who)
        else:
            try:
                good.append((member, own, _read(tag, value), n))
                seen.add(member)
            except (InvalidInput, UnknownName):
                problem = ("wrong_type", column, value)
        if problem is not None:
            reason, where, seen_value = problem
            bad.append({"_row": n, "reason": reason, "column": where, "value": seen_value, "raw": None})
    return good, bad


def _members(ctx: Context, subject: str, keys: Sequence[str], kind: str) -> Mapping[str, tuple[Any, Any]]:
    """What a file calls a member → its id, and the id that the name alone stands for."""
    dialect, definition = ctx.engine.dialect, ctx.catalog().subjects[subject]
    if kind and kind not in definition.identifiers:
        raise UnknownName(f"identifier of {subject}", kind, definition.identifiers)
    if f"member_{subject}" not in ctx.engine.tables():
        raise NotYet(f"No {subject} is known yet.", hint="Run `gongbi ingest` first.")
    text = dialect.types["text"]
    source = f"select id, id as own, cast(id as {text}) as name from {dialect.ident(f'member_{subject}')}"
    if kind:
        known = dialect.ident(identifier_table(definition).name)
        source = f"select customer as id, own, value as name from {known} where kind = {dialect.literal(kind)}"
    asked = pa.table({"name": pa.array(sorted(set(keys)), pa.string())})
    sql = (
        "select g.name, min(m.id) as id, min_by(m.own, m.id) as own"
        f" from _given g join ({source}) m on m.name = g.name group by g.name"
    )
    found = ctx.engine.query(sql, inputs={"_given": asked}).to_pylist()
    return {row["name"]: (row["id"], row["own"]) for row in found}


def _held(ctx: Context, tag: TagDef, moment: datetime, member: Any = None) -> list[dict[str, Any]]:
    """The rows that still hold, of a member or of all; refused where something was given or ended after the instant."""
    rows = _rows(ctx, tag, member)
    last = max((time for row in rows for time in (row["valid_from"], row["valid_to"]) if time), default=moment)
    if last > moment:
        changed = clock.local_time(last, ctx.zone)
        raise InvalidInput(f"The tag {tag.tag!r} was changed as of {changed} already.", hint="Give a later instant.")
    return [row for row in rows if row["valid_to"] is None]


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
    new: Sequence[_New],
    moment: datetime,
    why: str,
    load: int,
) -> None:
    """End the values that hold, and add those that hold from now on: both or neither."""
    table, attribute, dialect = table_of(tag.tag), attribute_of(tag.tag), ctx.engine.dialect
    names = [column.name for column in _table(ctx, tag).columns]
    ended = [{**row, "valid_to": moment, "_ended": load} for row in held]
    begun = [
        {
            "id": m,
            attribute: v,
            "valid_from": moment,
            "valid_to": None,
            "by": ctx.actor,
            "why": why,
            "_load": load,
            "_row": n,
            "_ended": None,
            own_column("id"): own,
        }
        for m, own, v, n in new
    ]
    schema = pa.schema(ctx.engine.columns(table))
    with ctx.engine.transaction():
        if ended:
            one = "" if len({row["id"] for row in ended}) > 1 else f" and id = {dialect.literal(ended[0]['id'])}"
            ctx.engine.delete(table, f"valid_to is null{one}")
        if ended or begun:
            rows = [{name: row[name] for name in names} for row in (*ended, *begun)]
            ctx.engine.append(table, pa.Table.from_pylist(rows, schema=schema))
