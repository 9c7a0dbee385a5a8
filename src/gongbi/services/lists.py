"""Lists: people who are pasted, uploaded, or fixed from a group, kept as a segment with versions.

A list holds the members that it was given, as of any instant at which it is read: it says nothing of the past. So tags,
models and campaigns, which are computed as of earlier instants, cannot use one; groups, insight and exports can.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from gongbi.catalog.base import SubjectDef
from gongbi.catalog.lists import (
    MEMBER,
    MOST,
    SETTING,
    TABLE,
    column_of,
    numbered,
    pasted,
    spellings,
    table_of_text,
)
from gongbi.catalog.naming import check_name
from gongbi.catalog.tables import member_table_name, own_column
from gongbi.core import expr as ir
from gongbi.core.table import Column, Table
from gongbi.core.types import BOOLEAN, INTEGER, TEXT, Type
from gongbi.errors import InvalidInput, NotYet, Refused, UnknownName
from gongbi.identity.tables import Kept, identifier_table
from gongbi.segments.run import list_members as rows_of
from gongbi.services.context import Context
from gongbi.services.files import check_writable, hand_out
from gongbi.services.limits import checked
from gongbi.services.segments import column, condition, members, request

#: Versions of a list that stay.
KEPT = 5
#: Values that an answer names.
NAMED = 50
OUTCOMES = ("unmatched", "ambiguous", "doubled", "shared")
STATIC = {
    "code": "list_is_of_now",
    "zh": "名单是固定的成员：不随时间变化，也不能用于标签、模型和活动的历史时刻。",
    "en": "A list is fixed: it does not change with time, and tags, models and campaigns cannot look back with it.",
}


def read_values(
    path: str, *, column: str | None = None, identifier: str | None = None, body: bytes | None = None
) -> list[str]:
    """The values of a file's column: that of its name or number, the likely one otherwise."""
    return column_of(read_rows(path, body, columns=column is not None), column, identifier)


def read_rows(path: str, body: bytes | None = None, *, columns: bool = False) -> Sequence[Sequence[Any]]:
    """The rows of a file: .xlsx and its like, or text.

    Parameters
    ----------
    body
        The file's content where it is at hand already; its name then only says what it is.
    columns
        Whether any text has columns; otherwise only .csv and .tsv do, and other text has a value a row.
    """
    try:
        content = Path(path).read_bytes() if body is None else body
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}.") from error
    if Path(path).suffix.lower() in (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods"):
        return _sheet(path, content)
    rows = table_of_text(content)
    if columns or (Path(path).suffix.lower() in (".csv", ".tsv") and any(len(row) > 1 for row in rows)):
        return rows
    return [[value] for row in rows for cell in row for value in pasted(cell)]


def _sheet(path: str, content: bytes) -> Sequence[Sequence[Any]]:
    import io
    from zipfile import BadZipFile

    from python_calamine import CalamineError, CalamineWorkbook

    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        return book.get_sheet_by_index(0).to_python(skip_empty_area=False)
    except (CalamineError, BadZipFile, OSError, ValueError, IndexError) as error:
        raise InvalidInput(
            f"{Path(path).name} is no workbook that can be read: {error}.", hint="Save it again."
        ) from error


def save_list(
    ctx: Context,
    name: str,
    values: Sequence[str],
    *,
    identifier: str | None = None,
    subject: str = "customer",
    title: Mapping[str, str] | None = None,
    why: str = "",
    replace: bool = False,
) -> dict[str, Any]:
    """Make a group of the members whom identifiers name; afterwards it is ``segment.NAME``.

    Parameters
    ----------
    values
        As people hand them in: blanks, hyphens, +86 and full-width digits make no difference.
    identifier
        Their kind; by default any that the subject has.
    replace
        Make a further version of a list that is there.

    Returns
    -------
    dict
        ``list``, ``version``, ``given``, ``different``, ``matched`` (different identifiers), ``members``, and what must
        be looked at: ``unmatched``, ``ambiguous`` (one identifier, several members: left out), ``doubled`` (given more
        than once), ``shared`` (several identifiers, one member), each with ``count`` and its first ``values``;
        ``warnings``.
    """
    definition = _subject(ctx, subject, identifier)
    _check_name(ctx, name, replace)
    given = [(place, value, key) for place, value, key in numbered(values) if key]
    if not given:
        raise InvalidInput("The list is empty.", hint="Give one identifier a line.")
    if len(given) > MOST:
        raise InvalidInput(f"A list has at most {MOST:,} values, not {len(given):,}.")
    ctx.progress("match", 0, len(given))
    found = _matched(ctx, definition, identifier, {key: value for _, value, key in given})
    sure = {key: next(iter(ids.values())) for key, ids in found.items() if len(set(ids.values())) == 1}
    times, owners = Counter(key for *_, key in given), defaultdict(list)
    for key in times:
        if key in sure:
            owners[sure[key]].append(key)
    first = {key: value for _, value, key in reversed(given)}
    left = {
        "unmatched": [first[key] for key in times if key not in found],
        "ambiguous": [first[key] for key in times if key in found and key not in sure],
        "doubled": [first[key] for key, n in times.items() if n > 1],
        "shared": [first[key] for keys in owners.values() if len(keys) > 1 for key in keys],
    }
    figures = {"given": len(given), "different": len(times), "matched": len(sure), "members": len(owners)}
    figures |= {outcome: len(rows) for outcome, rows in left.items()}
    about = {"identifier": identifier, "source": "values", "figures": figures}
    named = {own: member for key in sure for own, member in found[key].items()}
    version = _keep(ctx, name, subject, named, left, title, why, about)
    return {
        "list": name,
        "subject": subject,
        "version": version,
        **{key: figures[key] for key in ("given", "different", "matched", "members")},
        **{outcome: {"count": len(rows), "values": rows[:NAMED]} for outcome, rows in left.items()},
        "warnings": [STATIC],
    }


def save_list_of(
    ctx: Context,
    name: str,
    expression: str,
    *,
    subject: str = "customer",
    limit: int | None = None,
    order: Sequence[str] = (),
    draw: str | None = None,
    title: Mapping[str, str] | None = None,
    why: str = "",
    replace: bool = False,
) -> dict[str, Any]:
    """Fix who is in a group now, or the first of them, as a list.

    Parameters
    ----------
    limit, order, draw
        At most so many: the largest by `order`, or by lot from the seed `draw`; see `members`.

    Returns
    -------
    dict
        ``list``, ``version``, ``members``, ``as_of``, ``warnings``.
    """
    _check_name(ctx, name, replace)
    found = members(ctx, expression, subject=subject, limit=0, order=order, draw=draw)
    # Those of `members` may be masked.
    ids = _ids(ctx, expression, subject, limit, order, draw)
    if not ids:
        raise InvalidInput("Nobody is in the group, so there is no list to keep.")
    about = {"source": expression, "limit": limit, "order": list(order), "draw": draw, "as_of": found["as_of"]}
    version = _keep(ctx, name, found["subject"], {one: one for one in ids}, {}, title, why, about)
    return {
        "list": name,
        "subject": found["subject"],
        "version": version,
        "members": len(ids),
        "as_of": found["as_of"],
        "warnings": [*found["warnings"], STATIC],
    }


def _ids(
    ctx: Context, expression: str, subject: str, limit: int | None, order: Sequence[str], draw: str | None
) -> list[Any]:
    _, about = condition(ctx, expression, subject)
    wanted = request(ctx, expression, subject, {name: column(ctx, name, about) for name in order})
    limit = None if limit is None else checked(limit)
    table = rows_of(ctx.engine, ctx.catalog().world, wanted, limit=limit, order=order, draw=draw)
    return list(table["id"].to_pylist())


def keep_members(
    ctx: Context,
    name: str,
    subject: str,
    ids: Sequence[Any],
    *,
    source: str,
    why: str = "",
    replace: bool = False,
    **about: Any,
) -> dict[str, Any]:
    """Keep members that were worked out as a list; `about` says how."""
    _check_name(ctx, name, replace)
    if not ids:
        raise InvalidInput("Nobody is in the group, so there is no list to keep.")
    version = _keep(ctx, name, subject, {id_: id_ for id_ in ids}, {}, None, why, {"source": source, **about})
    return {"list": name, "subject": subject, "version": version, "members": len(ids), "warnings": [STATIC]}


def _subject(ctx: Context, subject: str, identifier: str | None) -> SubjectDef:
    ctx.check_subject(subject)
    definition = ctx.catalog().subjects[subject]
    if identifier is not None and identifier not in definition.identifiers:
        raise UnknownName(f"identifier of {subject}", identifier, definition.identifiers)
    if member_table_name(subject) not in ctx.engine.tables():
        raise NotYet(f"No {subject} is known yet.", hint="Run `gongbi ingest` first.")
    return definition


def _check_name(ctx: Context, name: str, replace: bool) -> None:
    check_name(name, "segment")
    lists = {one.name for one in ctx.lists()}
    if name in lists and not replace:
        raise Refused(f"There is a list {name!r} already.", hint="Give another name, or --replace for a new version.")
    if name not in lists and name in ctx.catalog().segments:
        raise Refused(f"{name!r} is a segment that a definition describes.", hint="Give the list another name.")


def _matched(
    ctx: Context, subject: SubjectDef, identifier: str | None, values: Mapping[str, str]
) -> dict[str, dict[Any, Any]]:
    """Normal form → the ids that it stands for by itself → their members, in whatever way a source wrote it."""
    dialect = ctx.engine.dialect
    pairs = [(key, one) for key, value in values.items() for one in spellings(value)]
    asked = pa.table(
        {"k": pa.array([k for k, _ in pairs], pa.string()), "v": pa.array([v for _, v in pairs], pa.string())}
    )
    text = dialect.type(TEXT)
    if subject.identifiers:
        kind = f" and i.kind = {dialect.literal(identifier)}" if identifier is not None else ""
        table = dialect.ident(identifier_table(subject).name)
        rows = f"select i.own as own, i.customer as id, i.value as name from {table} i where true{kind}"
    else:
        table = dialect.ident(member_table_name(subject.subject))
        rows = f"select id as own, id, cast(id as {text}) as name from {table}"
    sql = f"select distinct a.k as k, m.own as own, m.id as id from asked a join ({rows}) m on m.name = a.v"
    found: dict[str, dict[Any, Any]] = defaultdict(dict)
    for row in ctx.engine.query(sql, inputs={"asked": asked}).to_pylist():
        found[row["k"]][row["own"]] = row["id"]
    return dict(found)


def _keep(
    ctx: Context,
    name: str,
    subject: str,
    named: Mapping[Any, Any],
    left: Mapping[str, Sequence[str]],
    title: Mapping[str, str] | None,
    why: str,
    about: Mapping[str, Any],
) -> int:
    """Write the members, then make the version the current one; of values only those are kept that need a look.

    Parameters
    ----------
    named
        The id by which a member was named → the member.
    """
    ids = list(dict.fromkeys(named.values()))
    setting = SETTING + name
    versions = list((ctx.store.settings.get(setting) or {"versions": []})["versions"])
    number = versions[-1]["version"] + 1 if versions else 1
    table, rest = f"{TABLE}{name}_{number}", f"{TABLE}{name}_{number}_left"
    id_type = ctx.catalog().world.subject(subject).id_type
    who = Table(
        table, (Column("id", id_type), Column(MEMBER, BOOLEAN)), key=("id",), grain="one row per member of the list"
    )
    kept = Table(
        rest,
        (Column("outcome", TEXT), Column("place", INTEGER), Column("value", TEXT)),
        grain="one row per value that needs a look",
    )
    rows = [(outcome, i, value) for outcome, some in left.items() for i, value in enumerate(some, 1)]
    engine = ctx.engine
    with engine.transaction():
        engine.create(who, replace=True)
        kind = pa.int64() if id_type == INTEGER else pa.string()
        engine.append(table, pa.table({"id": pa.array(ids, kind), MEMBER: pa.array([True] * len(ids))}))
        own = _own_table(table, id_type)
        engine.create(own, replace=True)
        engine.append(
            own.name, pa.table({"id": pa.array(named.values(), kind), own_column("id"): pa.array(named, kind)})
        )
        engine.create(kept, replace=True)
        if rows:
            columns = zip(*rows, strict=True)
            types = (pa.string(), pa.int64(), pa.string())
            arrays = [pa.array(values, type_) for values, type_ in zip(columns, types, strict=True)]
            engine.append(rest, pa.table(arrays, names=["outcome", "place", "value"]))
    versions.append(
        {
            "version": number,
            "subject": subject,
            "table": table,
            "members": len(ids),
            "title": dict(title or (versions[-1]["title"] if versions else {"zh": name, "en": name})),
            "actor": ctx.actor,
            "at": ctx.now().isoformat(),
            "why": why,
            **about,
        }
    )
    ctx.store.settings.set(setting, {"versions": versions[-KEPT:]}, ctx.now())
    ctx.store.audit.append(
        actor=ctx.actor, action="list", object=name, now=ctx.now(), details={"version": number, "members": len(ids)}
    )
    for old in versions[:-KEPT]:
        _drop(ctx, old["table"])
    return number


def _own_table(table: str, id_type: Type) -> Table:
    columns = (Column("id", id_type), Column(own_column("id"), id_type, "The id that it was named by."))
    return Table(f"{table}_own", columns, grain="one row per id that the list was given")


def _drop(ctx: Context, table: str) -> None:
    for name in (table, f"{table}_left", f"{table}_own"):
        ctx.engine.drop(name)


def list_members(ctx: Context) -> list[Kept]:
    """The tables of lists, whose members may be united with others."""
    found, subjects = [], ctx.catalog().world.subjects
    for one in ctx.lists():
        for version in ctx.store.settings.get(SETTING + one.name)["versions"]:
            table = version["table"]
            if one.subject in subjects:
                own = _own_table(table, subjects[one.subject].id_type)
                found.append(Kept(one.subject, own, table))
    return found


def lists(ctx: Context) -> list[dict[str, Any]]:
    """All lists with their versions, newest version first: who made it, when, why, from what, how many members."""
    found = []
    for one in ctx.lists():
        versions = ctx.store.settings.get(SETTING + one.name)["versions"]
        found.append(
            {
                "list": one.name,
                "subject": one.subject,
                "title": one.title.to_json(),
                "members": versions[-1]["members"],
                "version": versions[-1]["version"],
                "actor": versions[-1]["actor"],
                "at": versions[-1]["at"],
                "why": versions[-1]["why"],
                "versions": [{k: v for k, v in row.items() if k != "table"} for row in reversed(versions)],
            }
        )
    return found


def list_left(
    ctx: Context, name: str, *, outcome: str | None = None, to: str | None = None, limit: int | None = None
) -> dict[str, Any]:
    """The values of a list that need a look: not matched, ambiguous, given twice, or one of several of a member.

    Parameters
    ----------
    outcome
        Only these: ``unmatched``, ``ambiguous``, ``doubled``, ``shared``.
    to
        Write them to a file; put on record like any export.
    """
    limit = None if limit is None else checked(limit)
    if outcome is not None and outcome not in OUTCOMES:
        raise UnknownName("outcome", outcome, OUTCOMES)
    one = _list(ctx, name)
    if to is not None:
        check_writable(Path(to))
    dialect = ctx.engine.dialect
    where = f" where outcome = {dialect.literal(outcome)}" if outcome is not None else ""
    most = f" limit {limit}" if limit is not None else ""
    sql = f"select outcome, value from {dialect.ident(one.table + '_left')}{where} order by outcome, place{most}"
    table = ctx.engine.query(sql)
    if to is None:
        return {"list": name, "table": table}
    with ctx.run("export", f"list {name}", path=to) as inner:
        return {"list": name, **hand_out(inner, table, Path(to), expression=f"list {name}", as_of=ctx.now())}


def drop_list(ctx: Context, name: str) -> dict[str, Any]:
    """Take a list away, with all its versions; refused while a saved segment uses it."""
    one, catalog = _list(ctx, name), ctx.catalog()
    users = [s for s, condition in catalog.conditions.items() if s != name and one.tag in ir.tags_used(condition)]
    if users:
        raise Refused(f"The list {name!r} is used by the segment {users[0]!r}.", hint="Change that one first.")
    versions = ctx.store.settings.get(SETTING + name)["versions"]
    ctx.store.settings.set(SETTING + name, None, ctx.now())
    ctx.store.audit.append(actor=ctx.actor, action="list_dropped", object=name, now=ctx.now(), details={})
    for version in versions:
        _drop(ctx, version["table"])
    return {"list": name, "versions": len(versions)}


def _list(ctx: Context, name: str) -> Any:
    known = {one.name: one for one in ctx.lists()}
    if name not in known:
        raise UnknownName("list", name, known)
    return known[name]
