"""Lay out the baskets of a group in a table, and count what lies in them together."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import NamedTuple

from gongbi.core.compiler import Request
from gongbi.core.expr import Expr
from gongbi.core.world import World
from gongbi.engine import Engine
from gongbi.segments.baskets import plan as plans
from gongbi.segments.baskets.base import Itemset, Rule, rule, rules_of


class Totals(NamedTuple):
    """How many baskets there are, how many of them another followed, whose they are, and how many items there are."""

    baskets: int
    followed: int
    members: int
    items: int


def lay_out(
    engine: Engine,
    world: World,
    group: Request,
    fact: str,
    columns: Mapping[str, Expr],
    where: Expr | None,
    table: str,
) -> Totals:
    """Write a table of what lay in which basket; see `plan.lines_plan`."""
    engine.build(plans.lines_plan(group, fact, dict(columns), where, world, engine.dialect), table)
    (row,) = engine.query(plans.totals_plan(table, engine.dialect)).to_pylist()
    return Totals(*(int(row[name]) for name in Totals._fields))


def least_count(share: float, total: int) -> int:
    """A share of all baskets as a number of them; once is no pattern."""
    return max(2, ceil(share * total - 1e-9))


def itemsets(engine: Engine, table: str, least: int, largest: int) -> dict[Itemset, int]:
    """Items that lie in at least `least` baskets together → in how many; sets of up to `largest` items."""
    found: dict[Itemset, int] = {}
    for size in range(1, largest + 1):
        rows = engine.query(plans.itemsets_plan(table, size, least, engine.dialect)).to_pylist()
        if not rows:
            break
        found |= {tuple(sorted(row[f"i{i}"] for i in range(size))): row["n"] for row in rows}
    return found


def together(engine: Engine, table: str, totals: Totals, least: int, largest: int) -> list[Rule]:
    """Rules about what lies in one basket."""
    return list(rules_of(itemsets(engine, table, least, largest), totals.baskets))


def following(engine: Engine, table: str, totals: Totals, least: int) -> list[Rule]:
    """Rules about what lies in the next basket of the same member."""
    given, then, pairs = (engine.query(p).to_pylist() for p in plans.following_plans(table, least, engine.dialect))
    before, after = ({row["item"]: row["n"] for row in rows} for rows in (given, then))
    return [
        rule((row["i0"],), row["i1"], row["n"], before[row["i0"]], after[row["i1"]], totals.followed) for row in pairs
    ]
