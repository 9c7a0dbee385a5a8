"""Grades as cells: how many, how much, who is due, and who moved. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gongbi.catalog.catalog import Catalog
from gongbi.catalog.portraits import LEVELS, GradingDef
from gongbi.core import expr as ir
from gongbi.core.compiler import Request, compile_members
from gongbi.core.dialect import Dialect
from gongbi.core.expr import Expr, TagValue
from gongbi.core.plan import Plan
from gongbi.core.world import World


@dataclass(frozen=True, slots=True)
class Cell:
    """The customers of one type and level.

    Attributes
    ----------
    members, volume, due
        How many they are, what they come to, and how many wait for a contact.
    entered, left, up, down
        Since the instant before: who came into the cell and who went out of it, known at both instants; of those who
        came, how many from a lower level and how many from a higher one.
    new
        Who was not known then.
    """

    type: str
    level: int
    members: int
    volume: float
    due: int
    post: str
    days: int
    entered: int = 0
    left: int = 0
    up: int = 0
    down: int = 0
    new: int = 0

    def to_json(self) -> dict[str, Any]:
        """For doors."""
        return {name: getattr(self, name) for name in self.__slots__}


def cells_plan(grading: GradingDef, request: Request, world: World, dialect: Dialect) -> Plan:
    """Members, volume and who is due by type and level. Columns ``type``, ``level``, ``n``, ``volume``, ``due``."""
    types = world.tags_of(grading.subject)
    parts = ("type", "level", "volume", "due")
    columns: dict[str, Expr] = {p: TagValue(f"{grading.prefix}.{p}", types[f"{grading.prefix}.{p}"]) for p in parts}
    plan = compile_members(replace(request, columns=columns, where=None), world, dialect)
    type_, level, volume, due = (dialect.ident(p) for p in parts)
    return plan.then(
        "_cells",
        f"select {type_} as type, {level} as level, count(*) as n,"
        f" sum(cast({volume} as {dialect.types['double']})) as volume,"
        f" count(*) filter (where {due}) as due from _result group by {type_}, {level}",
    )


def grades_plan(grading: GradingDef, as_of: datetime, catalog: Catalog, dialect: Dialect) -> Plan:
    """Type and level of everybody as of an instant, computed from the facts. Columns ``id``, ``type``, ``level``."""
    parts = ("type", "level")
    columns = ir.with_used((f"{grading.prefix}.{part}" for part in parts), catalog.tags_of(grading.subject))
    plan = compile_members(Request(grading.subject, columns, as_of, {}), catalog.world, dialect)
    named = ", ".join(f"{dialect.ident(f'{grading.prefix}.{part}')} as {part}" for part in parts)
    return plan.then("_grades", f"select id, {named} from _result order by id")


Grade = tuple[str, int]


def matrix(
    grading: GradingDef, counted: Iterable[Mapping[str, Any]], before: Mapping[Any, Grade], now: Mapping[Any, Grade]
) -> list[Cell]:
    """All cells, the first type first and the highest level first.

    Parameters
    ----------
    counted
        Rows of `cells_plan`.
    before, now
        Member → type and level at the two instants.
    """
    known = {(row["type"], row["level"]): row for row in counted}
    cells = []
    for type_, care in grading.care.items():
        for level in range(LEVELS, 0, -1):
            row = known.get((type_, level), {"n": 0, "volume": 0.0, "due": 0})
            one = care[level - 1]
            moved = _moved((type_, level), before, now)
            cells.append(
                Cell(type_, level, row["n"], float(row["volume"] or 0), row["due"], one.post, one.days, **moved)
            )
    order = list(grading.types)
    return sorted(cells, key=lambda c: (order.index(c.type), -c.level))


def _moved(cell: Grade, before: Mapping[Any, Grade], now: Mapping[Any, Grade]) -> dict[str, int]:
    found = dict.fromkeys(("entered", "left", "up", "down", "new"), 0)
    for member, grade in now.items():
        then = before.get(member)
        if grade == cell and then is None:
            found["new"] += 1
        elif grade == cell and then is not None and then != cell:
            found["entered"] += 1
            found["up"] += then[1] < cell[1]
            found["down"] += then[1] > cell[1]
        elif then == cell and grade != cell:
            found["left"] += 1
    return found
