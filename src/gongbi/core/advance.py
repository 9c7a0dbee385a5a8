"""A build made from an earlier one: what is computed again for whom, and how the two are put together. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from gongbi.core import expr as ir
from gongbi.core.changes import STATE, Split
from gongbi.core.compiler import Request, Stored, compile_members
from gongbi.core.dialect import Dialect
from gongbi.core.expr import Attribute, Call, Expr, TagValue
from gongbi.core.plan import Plan
from gongbi.core.touched import known_members
from gongbi.core.world import World

#: The step that holds what stays, of everybody.
_STAYED = "_stayed"


def with_states(columns: Mapping[str, Expr], split: Split) -> dict[str, Expr]:
    """The columns of a build: its tags, then the hidden states that a later build starts from."""
    return {**columns, **dict(sorted(split.states.items()))}


@dataclass(frozen=True, slots=True)
class Part:
    """Columns that stay, and change for the same members.

    Attributes
    ----------
    columns
        Their names.
    split
        These columns, and those that they are computed from.
    """

    columns: tuple[str, ...]
    split: Split


def parts_by_cause(split: Split) -> tuple[Part, ...]:
    """Divide what stays by what changes it: rows of which fact, and whether rows that come do alone, or windows too.

    Whose orders changed has the same views as before. And many more members have a row that leaves some window on a
    day than have a new one, while what is of all time, favourites say, costs the most to compute.
    Columns of no fact are a part, and so are those of several.
    """
    facts: dict[str, frozenset[str]] = {}
    windows: dict[str, bool] = {}
    groups: dict[tuple[str, bool], list[str]] = {}
    for name, e in split.kept.items():
        used, reaches = ir.tags_used(e), [split.reaches[call] for call in ir.aggregates(e)]
        facts[name] = frozenset(ir.facts_used(e)).union(*(facts[tag] for tag in used))
        windows[name] = any(r.windows or r.filter for r in reaches) or any(windows[tag] for tag in used)
        fact = " " if len(facts[name]) > 1 else "".join(facts[name])
        groups.setdefault((fact, windows[name]), []).append(name)
    return tuple(Part(tuple(names), _alone(split, names)) for names in groups.values())


def _alone(split: Split, names: Sequence[str]) -> Split:
    """The split of some columns and those that they are computed from."""
    wanted, kept = set(names), split.kept
    for name in reversed(kept):  # Tags follow those they use.
        if name in wanted:
            wanted |= ir.tags_used(kept[name])
    read = {p.attribute for name in wanted for p in ir.walk(kept[name]) if isinstance(p, Attribute)}
    return replace(
        split,
        stay={name: e for name, e in split.stay.items() if name in wanted},
        states={name: e for name, e in split.states.items() if name in wanted},
        moving={},
        everyone={},
        own=split.own & read,
    )


def renewed_plan(parts: Sequence[tuple[Part, str]], before: str, touched: str, dialect: Dialect) -> Plan:
    """What stays of the members in the table `touched`: computed again where that can have changed, else as before.

    Grain: one row per member of `touched`; columns of all parts.

    Parameters
    ----------
    parts
        Each with the table of `again_plan`: one row per member for whom its columns can have changed.
    before
        A table with the earlier values, which need not have others than the touched.
    """
    quote = dialect.ident
    changed, new, joins = "", "", ""
    for i, (part, again) in enumerate(parts):
        joins += f" left join {quote(again)} a{i} on a{i}.id = t.id"
        for column in map(quote, part.columns):
            changed += f", case when a{i}.id is not null then a{i}.{column} else t.{column} end as {column}"
            new += f", a{i}.{column}"
    # The few wide rows are found first, and then pass by the narrower tables: a join would keep all of them in memory.
    known = f"(select p.* from {quote(before)} p semi join {quote(touched)} w on w.id = p.id) t"
    fresh = f"(select w.id from {quote(touched)} w anti join {quote(before)} p on p.id = w.id) t"
    return Plan().then(
        "_renewed", f"select t.id{changed} from {known}{joins} union all select t.id{new} from {fresh}{joins}"
    )


def moved_plans(request: Request, split: Split, table: str, world: World, dialect: Dialect) -> Iterator[Plan]:
    """What moves, of everybody, from a table that holds what stays: each to be set in it before the next is asked.

    First what follows from the member's own row, then the rest: ranks, which are sorted with fewer columns so. Grain of
    each: one row per row of the table.
    """
    names = [name for name in request.columns if name in split.moving]
    names += sorted(name for name in split.moving if name.startswith(STATE))
    known = set(split.kept)
    own = [name for name in names if _of_own_row(split.moving[name], known)]
    for some in (own, [name for name in names if name not in own]):
        if some:
            stored = {name: Stored(table, name) for name in known}
            columns = {name: split.moving[name] for name in some}
            yield compile_members(replace(request, columns=columns, stored=stored, known=table), world, dialect)
            known |= set(some)


def _of_own_row(e: Expr, known: set[str]) -> bool:
    """Whether a value follows from known columns of the member's row."""
    looks = any(isinstance(p, Call) and (p.is_rank or p.is_aggregate or p.is_sequence) for p in ir.walk(e))
    return not looks and ir.tags_used(e) <= known


def departed_plan(request: Request, before: str, dialect: Dialect) -> Plan:
    """Members of an earlier build who are not known as of the request's instant. Grain: one row per member, `id`."""
    known = known_members(request.subject, request.as_of, dialect)
    anti = f"anti join ({known}) k on k.id = b.id"
    return Plan().then("_departed", f"select b.id from {dialect.ident(before)} b {anti}")


def was_plan(part: Part, before: str, touched: str, departed: str, dialect: Dialect) -> Plan:
    """The columns of a part as they were, of those for whom they can be others or who are gone. One row each."""
    quote = dialect.ident
    listed = "".join(f", p.{quote(name)}" for name in part.columns)
    who = f"(select id from {quote(touched)} union all select id from {quote(departed)}) t"
    return Plan().then("_was", f"select p.id{listed} from {quote(before)} p semi join {who} on t.id = p.id")


def earlier_plan(
    columns: Sequence[str], parts: Sequence[tuple[Part, str]], now: str, moved: str, dialect: Dialect
) -> Plan:
    """An earlier build, read through the one that was made of it. Grain: one row per row of `moved`.

    Parameters
    ----------
    columns
        Those of both, in order, without ``id``.
    parts
        What stays, each with the table of `was_plan`.
    now
        The table of the later build.
    moved
        All other columns as they were, of all members of the earlier build.
    """
    quote = dialect.ident
    joins = [f"left join {quote(now)} p on p.id = m.id"]
    of = dict.fromkeys(columns, "m.{0}")
    for i, (part, was) in enumerate(parts):
        joins.append(f"left join {quote(was)} w{i} on w{i}.id = m.id")
        of |= dict.fromkeys(part.columns, f"case when w{i}.id is not null then w{i}.{{0}} else p.{{0}} end")
    listed = "".join(f", {of[name].format(quote(name))} as {quote(name)}" for name in columns)
    return Plan().then("_earlier", f"select m.id{listed} from {quote(moved)} m {' '.join(joins)}")


def again_plan(request: Request, split: Split, touched: str, world: World, dialect: Dialect) -> Plan:
    """What stays, computed again for the members in the table `touched`. Grain: one row per member of it."""
    return compile_members(replace(request, columns=split.kept, among=touched), world, dialect)


def advanced_plan(
    request: Request, split: Split, before: str, touched: str, again: str, world: World, dialect: Dialect
) -> Plan:
    """A whole build: what stays from the table `before` or, of the touched, from `again`; what moves, for everybody.

    Grain: one row per member known as of the request's instant; columns as `with_states` gives them.
    """
    listed = _listed(split, dialect)
    known = f"semi join ({known_members(request.subject, request.as_of, dialect)}) k on k.id = p.id"
    stayed = (
        f"select p.id{listed} from {dialect.ident(before)} p {known}"
        f" anti join {dialect.ident(touched)} t on t.id = p.id"
        f" union all select p.id{listed} from {dialect.ident(again)} p"
    )
    return _derived(request, split, stayed, world, dialect)


def _listed(split: Split, dialect: Dialect) -> str:
    return "".join(f", p.{dialect.ident(name)}" for name in split.kept)


def _derived(request: Request, split: Split, stayed: str, world: World, dialect: Dialect) -> Plan:
    """The moving columns of everybody, from those that stay."""
    kept = split.kept
    states = [name for name in (*split.moving, *kept) if name.startswith(STATE)]
    columns: dict[str, Expr] = {
        name: TagValue(name, kept[name].type) if name in kept else split.moving[name]
        for name in (*request.columns, *sorted(states))
    }
    stored = {name: Stored(_STAYED, name) for name in kept}
    rest = compile_members(replace(request, columns=columns, stored=stored, known=_STAYED), world, dialect)
    return Plan().then(_STAYED, stayed).followed_by(rest)
