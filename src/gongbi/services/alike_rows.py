"""Whom a look-alike expansion reads: all at once, or a draw to learn from and all others in parts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from gongbi.core.expr import Expr, TagValue
from gongbi.core.types import Type
from gongbi.errors import InvalidInput
from gongbi.segments.run import count_patterns, list_members
from gongbi.services.context import Context
from gongbi.services.segments import request
from gongbi.tags.plan import by_lot

#: So many members are learned from and ranked at once, in memory.
MOST_MEMBERS = 2_000_000
#: Of more, about so many are drawn to learn from; the others are scored by as many at a time.
DRAWN = 400_000
#: About so many seeds are drawn at least, where there are as many: a two-hundredth of the draw, so few that their
#: being more frequent there than elsewhere hardly moves a lift (and only downwards).
FEWEST_SEEDS = DRAWN // 200


@dataclass(frozen=True, slots=True)
class Members:
    """Seeds and those who may be found, counted; their rows are read when asked for.

    Attributes
    ----------
    seeds, others
        How many there are; a seed is none of the others.
    share, seed_share
        The shares of the others and of the seeds that are learned from, by lot; 1 is all of them.
    as_of
        The instant of the tags.
    """

    ctx: Context
    subject: str
    columns: Mapping[str, Expr]
    seeds: int
    others: int
    share: float
    seed_share: float
    as_of: datetime

    def learned(self) -> pa.Table:
        """``id``, the tags and ``_seed``, of those who are learned from. Grain: one row per member, by id."""
        lot, (seed, other) = self.ctx.engine.dialect, self._sides()
        seeds = f"{seed} and {by_lot(0, self.seed_share, lot)}"
        return self._read(f"({seeds}) or ({other} and {by_lot(0, self.share, lot)})")

    def parts(self) -> Iterator[pa.Table]:
        """The others who were not learned from, about `DRAWN` at a time, as `learned` has them."""
        left = 1 - self.share
        n = math.ceil(self.others * left / DRAWN)
        cuts = [self.share + left * k / n for k in range(n)] + [1.0]
        for k in range(n):
            lot = by_lot(cuts[k], cuts[k + 1], self.ctx.engine.dialect)
            yield self._read(f"{self._sides()[1]} and {lot}")

    def _sides(self) -> tuple[str, str]:
        seed, pool = (f"coalesce({self.ctx.engine.dialect.ident(name)}, false)" for name in ("_seed", "_pool"))
        return seed, f"not {seed} and {pool}"

    def _read(self, where: str) -> pa.Table:
        wanted = request(self.ctx, "true", self.subject, self.columns)
        table = list_members(self.ctx.engine, self.ctx.catalog().world, wanted, where=where)
        if wanted.as_of.replace(tzinfo=UTC) != self.as_of.replace(tzinfo=UTC):
            raise InvalidInput(
                "The tags were built anew while their members were read.", hint="Ask again: nothing was kept."
            )
        return table


def members(
    ctx: Context, seeds: Expr, pool: Expr, subject: str, types: Mapping[str, Type], names: list[str]
) -> Members:
    """Count the seeds and the others, and settle who of them are learned from."""
    sides = {"_seed": seeds, "_pool": pool}
    wanted = request(ctx, "true", subject, sides)
    counted = count_patterns(ctx.engine, ctx.catalog().world, wanted)
    n_seeds, n_others = counted.get(1, 0) + counted.get(3, 0), counted.get(2, 0)
    share = seed_share = 1.0
    if n_seeds + n_others > MOST_MEMBERS:
        share = DRAWN / (n_seeds + n_others)
        seed_share = min(1.0, max(share, FEWEST_SEEDS / max(n_seeds, 1)))
    columns: dict[str, Expr] = {name: TagValue(name, types[name]) for name in names}
    instant = wanted.as_of if wanted.as_of.tzinfo else wanted.as_of.replace(tzinfo=UTC)
    return Members(ctx, subject, {**columns, **sides}, n_seeds, n_others, share, seed_share, instant)


class Best:
    """The scores of all others, and the rows of the first of them.

    Parameters
    ----------
    top
        How many rows are kept.
    """

    def __init__(self, top: int) -> None:
        self.top = top
        self._ids: list[Any] = []
        self._scores: list[Any] = []
        self.rows: pa.Table | None = None

    def add(self, table: pa.Table, score: Any) -> None:
        """Take in members and their scores."""
        scored = table.append_column("_score", pa.array(score, pa.float64()))
        self._ids.append(table["id"])
        self._scores.append(scored["_score"])
        both = [scored] if self.rows is None else [self.rows, scored]
        # Who is alike to the same degree stands by id, whichever part came first.
        self.rows = pa.concat_tables(both).sort_by([("_score", "descending"), ("id", "ascending")]).slice(0, self.top)

    def scores(self) -> dict[Any, float]:
        """Every one of the others, and the score."""
        ids = [id_ for column in self._ids for id_ in column.to_pylist()]
        found = [score for column in self._scores for score in column.to_pylist()]
        return dict(zip(ids, found, strict=True))
