"""The numbers of a build, looked at one by one: of everybody in a small build, of a fixed draw of a large one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil

import numpy as np
from numpy.typing import NDArray

from gongbi.core.dialect import Dialect
from gongbi.core.plan import Plan
from gongbi.engine import Engine
from gongbi.tags.base import TagColumn
from gongbi.tags.plan import drawn, share_looked_at

_FIRST_DAY = date(1970, 1, 1)
#: A double is the same from build to build, and from engine to engine, to within so much of itself only.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Look:
    """The values of ordered tags.

    Attributes
    ----------
    values
        Tag → its values in ascending order, without the absent; of a date or an instant, days since 1970.
    everybody
        Nobody was left out, so that every figure is exact.
    """

    values: Mapping[str, NDArray[np.float64]]
    everybody: bool

    def distinct(self, tag: str) -> int:
        """How many different values were seen."""
        seen = self.values[tag]
        return int(np.count_nonzero(np.diff(seen))) + 1 if len(seen) else 0

    def cuts(self, tag: str, parts: int) -> tuple[float, ...]:
        """Values that divide the members into equal parts, each once."""
        seen = self.values[tag]
        if not len(seen):
            return ()
        places = [ceil(len(seen) * k / parts) - 1 for k in range(1, parts)]
        return tuple(sorted({float(seen[place]) for place in places}))

    def in_ranges(self, tag: str, edges: Sequence[float], present: int) -> tuple[int, ...]:
        """Members below the first edge, from each edge to the next, and from the last on; `present` in all.

        A value that lies below an edge by rounding counts as at it: edges are values of an earlier build, and who
        stayed at one has not moved.
        """
        seen, begins = self.values[tag], np.asarray(edges, dtype=np.float64)
        below = np.searchsorted(seen, begins - np.abs(begins) * _ROUNDING, side="left")
        return self._of(np.diff(below, prepend=0, append=len(seen)), present)

    def in_steps(self, tag: str, low: float, high: float, steps: int, present: int) -> tuple[int, ...]:
        """Members in steps of equal width from `low` to `high`, which the last step includes; `present` in all."""
        width = (high - low) / steps
        places = np.clip(np.floor((self.values[tag] - low) / width), 0, steps - 1).astype(np.int64)
        return self._of(np.bincount(places, minlength=steps), present)

    def _of(self, seen: NDArray[np.int64], present: int) -> tuple[int, ...]:
        """What was seen of a draw, as counts of all members: in proportion, the rest to the largest remainders."""
        total = int(seen.sum())
        if total in (0, present):
            return tuple(seen.tolist())
        shares = seen * (present / total)
        counts = np.floor(shares).astype(np.int64)
        order = np.argsort(counts - shares, kind="stable")
        counts[order[: present - int(counts.sum())]] += 1
        return tuple(counts.tolist())


def look_at(engine: Engine, table: str, tags: Sequence[TagColumn], members: int) -> Look:
    """Read the values of the tags that have an order: numbers, dates and instants."""
    ordered = [tag for tag in tags if has_order(tag)]
    if not ordered:
        return Look({}, everybody=True)
    share = share_looked_at(members)
    rows = engine.query(values_plan(table, ordered, engine.dialect, share))
    values: dict[str, NDArray[np.float64]] = {}
    for i, tag in enumerate(ordered):
        seen = rows.column(i).drop_null().to_numpy()
        values[tag.name] = np.sort(seen[np.isfinite(seen)])
    return Look(values, everybody=share is None)


def has_order(tag: TagColumn) -> bool:
    """Whether a tag's values are numbers or moments."""
    return tag.type.is_number or tag.type.name in ("date", "timestamp")


def values_plan(table: str, tags: Sequence[TagColumn], dialect: Dialect, share: float | None = None) -> Plan:
    """The values as doubles. Grain: one row per member, of a share of them where one is given; column ``v{i}``."""
    columns = ", ".join(f"{_number(tag, dialect)} as v{i}" for i, tag in enumerate(tags))
    return Plan().then("values", f"select {columns} from {dialect.ident(table)}{drawn(share, dialect)}")


def _number(tag: TagColumn, dialect: Dialect) -> str:
    """The value as a double; of a date or an instant, days since 1970."""
    name, double = dialect.ident(tag.name), dialect.types["double"]
    if tag.type.is_number:
        return f"cast({name} as {double})"
    day, first = f"cast({name} as date)", dialect.literal(_FIRST_DAY)
    days = f"date_diff('day', {first}, {day})" if dialect.name == "duckdb" else f"datediff({day}, {first})"
    return f"cast({days} as {double})"
