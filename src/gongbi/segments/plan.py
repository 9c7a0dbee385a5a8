"""Plans about groups: how many, who, and how they differ. Pure text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from gongbi.core.compiler import Request, Stored, compile_members
from gongbi.core.dialect import Dialect
from gongbi.core.levels import place_of
from gongbi.core.plan import Plan
from gongbi.core.types import Type
from gongbi.core.world import World
from gongbi.segments.base import Bin
from gongbi.segments.words import Word, seen
from gongbi.tags.plan import drawn

#: Columns of tags per statement.
WIDTH = 200
#: Days are counted from it.
FIRST_DAY = date(1970, 1, 1)


def count_plan(request: Request, world: World, dialect: Dialect) -> Plan:
    """How many members the condition holds for. One row, column ``n``."""
    plan = compile_members(replace(request, columns={}), world, dialect)
    return plan.then("_count", "select count(*) as n from _result")


def members_plan(
    request: Request,
    world: World,
    dialect: Dialect,
    *,
    limit: int | None,
    order: Sequence[str] = (),
    draw: str | None = None,
    where: str = "true",
) -> Plan:
    """The members and the requested columns, in order of `order` (descending) and id.

    `where`, in this dialect, keeps those for whom it is true of their id and requested columns.

    A category with levels of its own is ordered by these, the highest first.

    With `draw` they stand in an order by lot instead, which depends on that seed and their ids alone: a member's place
    among others stays when some come or go, and is the same on every engine.
    """
    plan = compile_members(request, world, dialect)
    keys = []
    for name in order:
        column, type_ = dialect.ident(name), request.columns[name].type
        by = place_of(column, type_, dialect.literal) if type_.has_places else column
        keys.append(f"{by} desc nulls last")
    if draw is not None:
        keys.append(f"md5(concat({dialect.literal(draw + ' ')}, cast(id as {dialect.types['text']})))")
    sql = f"select * from _result where {where} order by {', '.join([*keys, 'id'])}"
    return plan.then("_members", sql + (f" limit {int(limit)}" if limit is not None else ""))


#: A pattern is a whole number of 64 bits; one is its sign.
MOST_PATTERN_BITS = 62
#: They are put together in numbers of 32 bits first, which takes DuckDB a fifth less time.
_NARROW_BITS = 30


def patterns_plan(request: Request, world: World, dialect: Dialect) -> Plan:
    """How many members answer the requested conditions alike.

    Parameters
    ----------
    request
        Its columns are conditions; the first answers to bit 0 of the pattern.

    Returns
    -------
    Plan
        Columns ``pattern`` (the sum of 2^i over the conditions i that are true) and ``n``. Grain: one row per pattern
        that occurs.
    """
    names, long = [dialect.ident(name) for name in request.columns], dialect.types["integer"]
    parts = []
    for start in range(0, len(names), _NARROW_BITS):
        piece = enumerate(names[start : start + _NARROW_BITS])
        bits = [f"(case when {name} then cast({2**i} as int) else cast(0 as int) end)" for i, name in piece]
        parts.append(f"cast({' + '.join(bits)} as {long}) * {dialect.literal(2**start)}")
    plan = compile_members(request, world, dialect)
    plan = plan.then("_patterns", f"select {' + '.join(parts)} as pattern from _result")
    return plan.then("_counted", "select pattern, count(*) as n from _patterns group by pattern")


def quintiles_plan(
    table: str, columns: Sequence[tuple[str, Type]], dialect: Dialect, share: float | None = None
) -> Plan:
    """Four cuts per column of numbers or days; a day is the number of days since 1970, in UTC for instants.

    One row; the list ``q{i}`` for the i-th column. Where a share is given, that share of the members is drawn by
    ``id``, always the same: cuts need not be of everybody, and exact ones would hold every value in memory.
    """
    double = dialect.types["double"]
    shares = ", ".join(str(k / 5) for k in range(1, 5))
    name, asked = ("quantile_cont", f"[{shares}]") if dialect.name == "duckdb" else ("percentile", f"array({shares})")
    cuts = [
        f"{name}(cast({_number(column, type_, dialect)} as {double}), {asked}) as q{i}"
        for i, (column, type_) in enumerate(columns)
    ]
    return Plan().then("quintiles", f"select {', '.join(cuts)} from {dialect.ident(table)}{drawn(share, dialect)}")


def _number(column: str, type_: Type, dialect: Dialect) -> str:
    name = dialect.ident(column)
    if type_.is_number:
        return name
    day, first = f"cast({name} as date)", dialect.literal(FIRST_DAY)
    return f"date_diff('day', {first}, {day})" if dialect.name == "duckdb" else f"datediff({day}, {first})"


def condition(bin_: Bin, dialect: Dialect, column: str) -> str:
    """True of the members in a bin."""
    if bin_.kind == "absent":
        return f"{column} is null"
    text = f"cast({column} as {dialect.types['text']})"
    if bin_.kind == "value":
        return f"{text} = {dialect.literal(bin_.value)}"
    if bin_.kind == "other":
        assert isinstance(bin_.value, tuple)
        return f"{text} not in ({', '.join(map(dialect.literal, bin_.value))})"
    days = isinstance(bin_.low if bin_.low is not None else bin_.high, date)
    ordered = column if days else f"cast({column} as {dialect.types['double']})"
    parts = [f"{column} is not null"]
    if bin_.low is not None:
        parts.append(f"{ordered} >= {dialect.literal(bin_.low)}")
    if bin_.high is not None:
        parts.append(f"{ordered} < {dialect.literal(bin_.high)}")
    return " and ".join(parts)


def profile_plans(
    group: Request,
    base: Request | None,
    world: World,
    dialect: Dialect,
    words: Sequence[Word],
    stored: Mapping[str, Stored],
) -> list[Plan]:
    """Count every word among the members of a group; with a base, among those of the group, of the base and of both.

    Each member's bin of every tag is worked out once, and the words that bins make are then counted as rows: an
    aggregate per bin, each with a filter of its own, took DuckDB 150 times as long (700 bins of 3,000 members: 2.3 s
    instead of 15 ms).

    Parameters
    ----------
    group, base
        The conditions, as of one instant. Without a base, whoever is not in the group is not looked at.
    words
        The tags; what is kept of them is read, the rest worked out.
    stored
        tag → where it is kept.

    Returns
    -------
    list of Plan
        Each for a piece of the words, numbered through all pieces. Columns ``word`` (``w{i}``; ``c`` for all members),
        ``number``, ``g``, ``b`` (whether in the group, in the base) and ``n``. Grain: one row per combination that
        occurs, of members of either.
    """
    if base is None:
        flags, members = "true as g, true as b", compile_members(replace(group, columns={}), world, dialect)
    else:
        assert group.where is not None
        assert base.where is not None
        conditions = {"_group": group.where, "_base": base.where}
        members = compile_members(replace(group, columns=conditions, where=None), world, dialect)
        members = members.then("_either", "select * from _result where _group or _base")
        flags = "coalesce(m._group, false) as g, coalesce(m._base, false) as b"
    plans = []
    for piece in _pieces(words):
        alias: dict[str, str] = {}
        listed: list[str] = []
        places = {"c": dialect.literal(0)}
        for i, word in piece:
            if word.column is not None:
                column = _joined(word.column, alias, dialect)
                # Who came later than the build is not in it.
                listed.append(f"coalesce({column}, {word.unknown}) as s{i}")
                places[f"w{i}"] = f"s{i}"
            else:
                columns = [seen(tag, _joined(stored[tag.tag], alias, dialect), dialect) for tag in word.tags]
                names = [f"s{i}_{j}" for j in range(len(columns))]
                listed += [f"{column} as {name}" for column, name in zip(columns, names, strict=True)]
                places[f"w{i}"] = word.sql(names, dialect)
        joins = [f"left join {dialect.ident(table)} {name} on {name}.id = m.id" for table, name in alias.items()]
        read = ", ".join([flags, *listed])
        plan = members.then("_seen", f"select {read} from {members.result.name} m {' '.join(joins)}")
        numbers = ", ".join(f"{text} as {name}" for name, text in places.items())
        plan = plan.then("_placed", f"select g, b, {numbers} from _seen")
        rows = f"select * from _placed unpivot (number for word in ({', '.join(places)}))"
        counted = f"select word, number, g, b, count(*) as n from ({rows}) u group by word, number, g, b"
        plans.append(plan.then("_profile", counted))
    return plans


def _joined(where: Stored, alias: dict[str, str], dialect: Dialect) -> str:
    """A column of a table that is joined, under an alias."""
    return f"{alias.setdefault(where.table, f't{len(alias)}')}.{dialect.ident(where.column)}"


def _pieces(words: Sequence[Word]) -> list[list[tuple[int, Word]]]:
    """Divide the words so that each statement reads at most `WIDTH` columns, or one word; there is one at least."""
    pieces: list[list[tuple[int, Word]]] = [[]]
    width = 0
    for i, word in enumerate(words):
        columns = 1 if word.column is not None else len(word.tags)
        if pieces[-1] and width + columns > WIDTH:
            pieces.append([])
            width = 0
        pieces[-1].append((i, word))
        width += columns
    return pieces


def values_plan(request: Request, column: str, world: World, dialect: Dialect, *, limit: int) -> Plan:
    """The commonest values of a requested column: ``value`` (as text), ``n``; ties in order of the text."""
    name, text = dialect.ident(column), dialect.types["text"]
    counted = f"select cast({name} as {text}) as value, count(*) as n from _result where {name} is not null group by 1"
    plan = compile_members(request, world, dialect).then("_values", counted)
    return plan.then("_commonest", f"select value, n from _values order by n desc, value limit {int(limit)}")


def fifths_plan(request: Request, columns: Sequence[tuple[str, Type]], world: World, dialect: Dialect) -> Plan:
    """Four cuts per requested column; see `quintiles_plan`."""
    plan = compile_members(request, world, dialect)
    return plan.then("_fifths", quintiles_plan("_result", columns, dialect).result.sql)


def cells_plan(
    request: Request,
    dimensions: Sequence[tuple[str, Sequence[Bin]]],
    group: str,
    base: str | None,
    world: World,
    dialect: Dialect,
) -> Plan:
    """Count the members of a group and of a base by the bins of several columns, in one pass.

    Parameters
    ----------
    request
        Its columns are the dimensions and the conditions.
    dimensions
        Column → its bins.
    group, base
        Columns that are true of the members of the group and of the base; without the latter it is everybody.

    Returns
    -------
    Plan
        Columns ``b0``, ``b1``, … (number of the bin in each dimension), ``n_group``, ``n_base``, ``n_both``. Grain: one
        row per cell that somebody is in.
    """
    places = []
    for i, (column, bins) in enumerate(dimensions):
        name = dialect.ident(column)
        cases = " ".join(f"when {condition(bin_, dialect, name)} then {j}" for j, bin_ in enumerate(bins))
        places.append(f"case {cases} end as b{i}")
    who = f"{dialect.ident(group)} as g, {'true' if base is None else dialect.ident(base)} as b"
    plan = compile_members(request, world, dialect)
    plan = plan.then("_placed", f"select {', '.join(places)}, {who} from _result")
    keys = ", ".join(f"b{i}" for i in range(len(dimensions)))
    counts = "count(*) filter (where g) as n_group, count(*) filter (where b) as n_base"
    counts += ", count(*) filter (where g and b) as n_both"
    return plan.then("_cells", f"select {keys}, {counts} from _placed group by {keys}")


def flows_plan(before: Request, after: Request, states: Sequence[Bin] | int, world: World, dialect: Dialect) -> Plan:
    """Count the members by their state at two instants.

    Parameters
    ----------
    before, after
        As of the two instants, with a column per state that is true of its members, the first that holds counting; or
        with one column whose bins are the states.
    states
        How many columns, or the bins of the one.

    Returns
    -------
    Plan
        Columns ``s0``, ``s1`` (number of the state; one more than the last where none holds; null where the member was
        not known) and ``n``. Grain: one row per pair that occurs.
    """
    plan = Plan()
    for i, request in enumerate((before, after)):
        names = [dialect.ident(name) for name in request.columns]
        if isinstance(states, int):
            conditions = names[-states:]
        else:
            conditions = [condition(bin_, dialect, names[-1]) for bin_ in states]
        cases = " ".join(f"when {text} then {j}" for j, text in enumerate(conditions))
        plan = plan.then(f"_members_{i}", compile_members(request, world, dialect).as_query())
        plan = plan.then(f"_state_{i}", f"select id, case {cases} else {len(conditions)} end as s from _members_{i}")
    joined = "select a.s as s0, b.s as s1 from _state_0 a full outer join _state_1 b on b.id = a.id"
    return plan.then("_joined", joined).then("_flows", "select s0, s1, count(*) as n from _joined group by s0, s1")
