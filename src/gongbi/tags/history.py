"""Plans that put the values of one instant into the history of a subject, and read changes off it. Pure text.

The history of a tag is known at points: the instants at which it was computed. A value holds from its point to the next
at which another was seen. The values of a new point hold up to the next point that there is, so that points may come in
any order, and one that comes again takes its own place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from gongbi.catalog.history import SEGMENT, SEGMENT_CHANGE
from gongbi.core.dialect import Dialect
from gongbi.core.plan import Plan
from gongbi.core.types import DOUBLE, INTEGER, TEXT, TIMESTAMP, Type
from gongbi.core.world import FactShape


def values_plan(table: str, types: Mapping[str, Type], dialect: Dialect) -> Plan:
    """Columns of a table of members as rows. Grain: one per (member, tag) with a value: ``id, tag, value, number``.

    Of a segment only those who are in it.
    """
    parts = []
    for name, type_ in types.items():
        x = dialect.ident(name)
        number = (
            f"cast({x} as {dialect.types['double']})" if type_.is_number else f"cast(null as {dialect.type(DOUBLE)})"
        )
        holds = x if name.startswith(SEGMENT) else f"{x} is not null"
        parts.append(
            f"select id, {dialect.literal(name)} as tag, cast({x} as {dialect.types['text']}) as value,"
            f" {number} as number from {dialect.ident(table)} where {holds}"
        )
    return Plan().then("_values", " union all ".join(parts))


#: The tags that were computed → the next point of each after the instant; None where it is the last.
Following = Mapping[str, datetime | None]


def changed_plan(history: str, fresh: str, tags: Following, at: datetime, dialect: Dialect) -> Plan:
    """Of whom a tag is another at the instant than the history has it. Grain: one row per such (`id`, `tag`).

    Parameters
    ----------
    history, fresh
        The table of the subject's history, and that of the values at the instant.
    """
    now, listed = dialect.literal(at), ", ".join(dialect.literal(tag) for tag in tags)
    held = (
        f"select id, tag, value from {dialect.ident(history)} where tag in ({listed})"
        f" and valid_from <= {now} and (valid_to is null or valid_to > {now})"
    )
    return (
        Plan()
        .then("_held", held)
        .then(
            "_changed",
            "select coalesce(h.id, f.id) as id, coalesce(h.tag, f.tag) as tag"
            f" from _held h full join {dialect.ident(fresh)} f on f.id = h.id and f.tag = h.tag"
            " where h.value is distinct from f.value",
        )
    )


def _asked(tags: Following, dialect: Dialect) -> str:
    never = f"cast(null as {dialect.type(TIMESTAMP)})"
    return " union all ".join(
        f"select {dialect.literal(tag)} as tag, {never if next_ is None else dialect.literal(next_)} as next_at"
        for tag, next_ in tags.items()
    )


def near_plan(history: str, changed: str, tags: Following, at: datetime, dialect: Dialect) -> Plan:
    """The stretches that a change touches: those that meet the time from the instant to the next point.

    Grain: as the history. No other row has to be written, however long the history is.
    """
    return (
        Plan()
        .then("_asked", _asked(tags, dialect))
        .then(
            "_near",
            f"select h.* from {dialect.ident(history)} h join {dialect.ident(changed)} c on c.id = h.id"
            " and c.tag = h.tag join _asked a on a.tag = h.tag"
            f" where (h.valid_to is null or h.valid_to >= {dialect.literal(at)})"
            " and (a.next_at is null or h.valid_from <= a.next_at)",
        )
    )


def is_near(near: str, dialect: Dialect) -> str:
    """The condition that a row of the history is one of those that are written anew."""
    rows = f"select id as __id, tag as __tag, valid_from as __from from {dialect.ident(near)}"
    return f"exists (select 1 from ({rows}) n where __id = id and __tag = tag and __from = valid_from)"


def merged_plan(near: str, fresh: str, changed: str, tags: Following, at: datetime, dialect: Dialect) -> Plan:
    """The stretches that take the place of those near the instant, with its values in them. Grain: as the history.

    Parameters
    ----------
    near, fresh, changed
        The tables of `near_plan`, of the values at the instant, and of `changed_plan`.
    """
    now, never = dialect.literal(at), f"cast(null as {dialect.type(TIMESTAMP)})"
    columns, old = "h.id, h.tag, h.value, h.number", dialect.ident(near)
    return (
        Plan()
        .then("_asked", _asked(tags, dialect))
        .then(
            "_pieces",
            # What was before the instant, what is at it, what is known from the next point on.
            f"select {columns}, h.valid_from,"
            f" case when h.valid_to is null or h.valid_to > {now} then {now} else h.valid_to end as valid_to"
            f" from {old} h where h.valid_from < {now}"
            f" union all select {columns}, {now} as valid_from, a.next_at as valid_to"
            f" from {dialect.ident(fresh)} h join {dialect.ident(changed)} c on c.id = h.id and c.tag = h.tag"
            " join _asked a on a.tag = h.tag"
            f" union all select {columns},"
            " case when h.valid_from < a.next_at then a.next_at else h.valid_from end as valid_from, h.valid_to"
            f" from {old} h join _asked a on a.tag = h.tag"
            " where a.next_at is not null and (h.valid_to is null or h.valid_to > a.next_at)",
        )
        .then(
            "_marked",
            "select *, case when lag(value) over w = value and lag(valid_to) over w = valid_from then 0 else 1 end"
            " as begins"
            " from _pieces window w as (partition by id, tag order by valid_from)",
        )
        .then(
            "_counted",
            "select *, sum(begins) over (partition by id, tag order by valid_from"
            " rows between unbounded preceding and current row) as stretch from _marked",
        )
        .then(
            "_history",
            "select id, tag, value, max(number) as number, min(valid_from) as valid_from,"
            f" case when count(valid_to) = count(*) then max(valid_to) else {never} end as valid_to"
            " from _counted group by id, tag, value, stretch",
        )
    )


def touching(tags: Following, at: datetime) -> dict[tuple[datetime, ...], list[str]]:
    """The instants at which changes can be others once a point is written → the tags of which that is so."""
    found: dict[tuple[datetime, ...], list[str]] = {}
    for tag, next_ in tags.items():
        found.setdefault((at,) if next_ is None else (at, next_), []).append(tag)
    return found


Touching = Mapping[tuple[datetime, ...], Sequence[str]]


def is_told(fact: FactShape, wanted: Touching, dialect: Dialect) -> str | None:
    """The condition that a row of a fact of changes is about some tags at some instants; None where it tells none."""
    of_segments = fact.name == SEGMENT_CHANGE
    mine = {
        instants: [tag.removeprefix(SEGMENT) for tag in tags if tag.startswith(SEGMENT) == of_segments]
        for instants, tags in wanted.items()
    }
    column = dialect.ident("segment" if of_segments else "tag")
    return _among(column, ["ts"], {k: v for k, v in mine.items() if v}, dialect)


def _among(tag: str, times: Sequence[str], wanted: Touching, dialect: Dialect) -> str | None:
    parts = []
    for instants, tags in wanted.items():
        listed, moments = (", ".join(dialect.literal(one) for one in some) for some in (tags, instants))
        seen = " or ".join(f"{time} in ({moments})" for time in times)
        parts.append(f"({tag} in ({listed}) and ({seen}))")
    return f"({' or '.join(parts)})" if parts else None


def united_sql(history: str, identifiers: str | None, dialect: Dialect) -> str:
    """The history with the members of now: of those who were united, one value at a time. Grain: as the history.

    At a time at which several of those that a member was known as had a value, that of the member's own id counts, then
    that of the smallest id. Ids that part again have their own values again.

    Parameters
    ----------
    identifiers
        The table that says which member each own id belongs to; None where nobody was united.
    """
    table = dialect.ident(history)
    if identifiers is None:
        return f"select * from {table}"
    never = f"cast(null as {dialect.type(TIMESTAMP)})"
    merged = f"select distinct own, customer from {dialect.ident(identifiers)} where own <> customer"
    several = (
        f"select own as __id, customer as member from ({merged}) a union select customer, customer from ({merged}) b"
    )
    rows = f"select h.*, s.member from {table} h join ({several}) s on s.__id = h.id"
    edges = f"select member, tag, valid_from as edge from ({rows}) r union select member, tag, valid_to from ({rows}) r"
    # From each edge to the next nothing changes: one of those who have a value then is chosen.
    pieces = (
        "select member, tag, edge, lead(edge) over (partition by member, tag order by edge) as next_edge"
        f" from ({edges}) e where edge is not null"
    )
    chosen = (
        "select p.member as id, p.tag, r.value, r.number, p.edge as valid_from, p.next_edge as valid_to, row_number()"
        " over (partition by p.member, p.tag, p.edge order by case when r.id = p.member then 0 else 1 end, r.id) as nth"
        f" from ({pieces}) p join ({rows}) r on r.member = p.member and r.tag = p.tag and r.valid_from <= p.edge"
        " and (r.valid_to is null or r.valid_to > p.edge)"
    )
    marked = (
        "select *, case when lag(value) over (partition by id, tag order by valid_from) = value"
        " and lag(valid_to) over (partition by id, tag order by valid_from) = valid_from then 0 else 1 end as begins"
        f" from ({chosen}) c where nth = 1"
    )
    counted = f"select *, sum(begins) over (partition by id, tag order by valid_from) as stretch from ({marked}) m"
    return (
        f"select h.id, h.tag, h.value, h.number, h.valid_from, h.valid_to from {table} h"
        f" where not exists (select 1 from ({several}) s where s.__id = h.id)"
        " union all select id, tag, value, max(number) as number, min(valid_from) as valid_from,"
        f" case when count(valid_to) = count(*) then max(valid_to) else {never} end as valid_to"
        f" from ({counted}) n group by id, tag, value, stretch"
    )


def changes_plan(
    fact: FactShape,
    histories: Mapping[str, str],
    points: str,
    dialect: Dialect,
    *,
    only: Touching | None = None,
    identifiers: Mapping[str, str] | None = None,
) -> Plan:
    """The rows of ``tag_change`` or ``segment_change``: all, or those of some tags at some instants.

    What held at the first point of a tag is no change: nobody knows since when.

    Parameters
    ----------
    histories
        Subject → the table of its history.
    points
        The table of points.
    only
        Instants → tags, as of `touching`.
    identifiers
        Subject → the table that says who was united, where somebody was; see `united_sql`.
    """
    of_segments = fact.name == SEGMENT_CHANGE
    like = f"h.tag like {dialect.literal(SEGMENT + '%')}"
    # Stretches that meet at an instant are next to each other among those that begin or end there.
    near = _among("h.tag", ["h.valid_from", "h.valid_to"], only, dialect) if only else ""
    parts = []
    for subject, table in histories.items():
        first = (
            f"select tag, min({dialect.ident('at')}) as first_at from {dialect.ident(points)}"
            f" where subject = {dialect.literal(subject)} group by tag"
        )
        over = "over (partition by h.id, h.tag order by h.valid_from)"
        united = united_sql(table, (identifiers or {}).get(subject), dialect)
        rows = (
            f"(select h.*, f.first_at, lag(h.value) {over} as before_value, lag(h.valid_to) {over} as before_to,"
            f" lead(h.valid_from) {over} as after_from from ({united}) h join ({first}) f on f.tag = h.tag"
            f" where {like if of_segments else f'not {like}'}{f' and {near}' if near else ''})"
        )
        old = "case when before_to = valid_from then before_value end"
        begun = f"from {rows} r where valid_from > first_at"
        ended = f"from {rows} r where valid_to is not null and (after_from is null or after_from > valid_to)"
        if of_segments:
            name = f"substr(tag, {len(SEGMENT) + 1})"
            seen = [("valid_from", [name, dialect.literal("entered")], begun)]
            seen.append(("valid_to", [name, dialect.literal("left")], ended))
        else:
            nothing = f"cast(null as {dialect.type(TEXT)})"
            seen = [("valid_from", ["tag", old, "value"], begun), ("valid_to", ["tag", "value", nothing], ended)]
        for ts, values, source in seen:
            then = _among("tag", [ts], only, dialect) if only else ""
            parts.append(f"select {_row(fact, subject, ts, values, dialect)} {source}{f' and {then}' if then else ''}")
    return Plan().then("_changes", " union all ".join(parts))


def _row(fact: FactShape, subject: str, ts: str, values: Sequence[str], dialect: Dialect) -> str:
    integer = dialect.type(INTEGER)
    given = {"_load": f"cast(0 as {integer})", "_row": f"cast(null as {integer})", "ts": ts}
    given |= {
        name: "id" if name == subject else f"cast(null as {dialect.type(type_)})"
        for name, type_ in fact.subjects.items()
    }
    given |= dict(zip(fact.columns, values, strict=True))
    return ", ".join(f"{text} as {dialect.ident(name)}" for name, text in given.items())
