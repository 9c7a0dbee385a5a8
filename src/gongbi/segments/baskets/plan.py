"""Plans about baskets: which items lie in them, which go together, what follows. Pure text."""

from __future__ import annotations

from collections.abc import Sequence

from gongbi.core.compiler import Request, compile_members
from gongbi.core.dialect import Dialect
from gongbi.core.expr import Expr
from gongbi.core.plan import Plan
from gongbi.core.rows import rows_query
from gongbi.core.world import World


def lines_plan(
    group: Request, fact: str, columns: dict[str, Expr], where: Expr | None, world: World, dialect: Dialect
) -> Plan:
    """What lay in the baskets of a group, as of the group's instant.

    Parameters
    ----------
    columns
        ``basket``, ``item`` and ``ts``: expressions about a row of the fact.

    Returns
    -------
    Plan
        Columns ``_m`` (member), ``place`` (1 for the member's first basket; baskets of one instant in the order of
        their names) and ``item`` (text). Grain: one row per member, basket and item.
    """
    rows = rows_query(fact, columns, where, group.subject, group.as_of, world, dialect, single=group.single)
    members = compile_members(group, world, dialect).as_query()
    text = dialect.types["text"]
    there = (
        f"select r._m, r.basket, cast(r.item as {text}) as item, r.ts from _rows r semi join _members m on m.id = r._m"
    )
    laid = (
        "select _m, basket, item, min(ts) as ts from _seen "
        "where basket is not null and item is not null group by _m, basket, item"
    )
    ordered = (
        "select _m, basket, row_number() over (partition by _m order by min(ts), basket) as place "
        "from _lines group by _m, basket"
    )
    return (
        Plan()
        .then("_rows", rows)
        .then("_members", members)
        .then("_seen", there)
        .then("_lines", laid, materialize=True)
        .then("_baskets", ordered)
        .then(
            "_placed",
            "select l._m, b.place, l.item from _lines l join _baskets b on b._m = l._m and b.basket = l.basket",
        )
    )


def totals_plan(table: str, dialect: Dialect) -> Plan:
    """One row: ``baskets``, ``followed`` (baskets that another came after), ``items``, ``members``."""
    name = dialect.ident(table)
    return (
        Plan()
        .then("_baskets", f"select _m, place from {name} group by _m, place")
        .then("_members", "select count(*) as n from _baskets group by _m")
        .then(
            "_totals",
            "select coalesce(sum(n), 0) as baskets, coalesce(sum(n - 1), 0) as followed, count(*) as members, "
            f"(select count(distinct item) from {name}) as items from _members",
        )
    )


def itemsets_plan(table: str, size: int, least: int, dialect: Dialect) -> Plan:
    """Sets of 1, 2 or 3 items that lie in at least so many baskets together.

    A set is looked for among those whose parts are frequent (Agrawal and Srikant 1994, VLDB, section 2.1).

    Returns
    -------
    Plan
        Columns ``i0``, ``i1``, …, in order of the text, and ``n``. Grain: one row per set.
    """
    counted = f"select item, count(*) as n from {dialect.ident(table)} group by item"
    # Joins compare numbers, in the order of the texts.
    numbered = f"select item, n, row_number() over (order by item) as k from _counted where n >= {int(least)}"
    plan = Plan().then("_counted", counted).then("_items", numbered, materialize=size > 1)
    if size == 1:
        return plan.then("_sets", "select item as i0, n from _items")
    kept = f"select l._m, l.place, i.k from {dialect.ident(table)} l join _items i on i.item = l.item"
    two = "select a.k as k0, b.k as k1, count(*) as n from _kept a join _kept b on b._m = a._m and b.place = a.place"
    plan = (
        plan.then("_kept", kept, materialize=True)
        .then("_together", f"{two} and a.k < b.k group by a.k, b.k")
        .then("_pairs", f"select k0, k1, n from _together where n >= {int(least)}", materialize=size > 2)
    )
    if size == 2:
        return plan.then("_sets", _named("_pairs", 2))
    paired = "select a._m, a.place, p.k0, p.k1 from _pairs p join _kept a on a.k = p.k0 "
    paired += "join _kept b on b._m = a._m and b.place = a.place and b.k = p.k1"
    # The third item makes a frequent pair with both of the others.
    closed = "select p.k0, p.k1, q.k1 as k2 from _pairs p join _pairs q on q.k0 = p.k1 "
    closed += "semi join _pairs r on r.k0 = p.k0 and r.k1 = q.k1"
    three = "select c.k0, c.k1, c.k2, count(*) as n from _paired b join _closed c on c.k0 = b.k0 and c.k1 = b.k1 "
    three += "join _kept t on t._m = b._m and t.place = b.place and t.k = c.k2 group by c.k0, c.k1, c.k2"
    return (
        plan.then("_paired", paired)
        .then("_closed", closed)
        .then("_tripled", three)
        .then("_triples", f"select * from _tripled where n >= {int(least)}")
        .then("_sets", _named("_triples", 3))
    )


def _named(sets: str, size: int) -> str:
    names = ", ".join(f"x{i}.item as i{i}" for i in range(size))
    joins = " ".join(f"join _items x{i} on x{i}.k = s.k{i}" for i in range(size))
    return f"select {names}, s.n from {sets} s {joins}"


def following_plans(table: str, least: int, dialect: Dialect) -> Sequence[Plan]:
    """What the next basket of the same member holds.

    Returns
    -------
    sequence of Plan
        How often each item lay in a basket that another followed (``item``, ``n``); how often it lay in one that
        followed (the same); and pairs ``i0``, ``i1``, ``n``: i1 lay in the basket after one with i0, at least so often.
    """
    name = dialect.ident(table)
    plan = Plan().then("_last", f"select _m, max(place) as place from {name} group by _m")
    before = f"select l.* from {name} l join _last t on t._m = l._m and l.place < t.place"
    first = plan.then("_before", before).then("_given", "select item, count(*) as n from _before group by item")
    after = f"select item, count(*) as n from {name} where place > 1 group by item"
    pairs = (
        f"select a.item as i0, b.item as i1, count(*) as n from {name} a "
        f"join {name} b on b._m = a._m and b.place = a.place + 1 group by 1, 2"
    )
    both = Plan().then("_followed", pairs).then("_often", f"select i0, i1, n from _followed where n >= {int(least)}")
    return first, Plan().then("_then", after), both
