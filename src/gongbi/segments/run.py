"""Count groups, list them, compare them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import pyarrow as pa

from gongbi.core.compiler import Request
from gongbi.core.world import World
from gongbi.engine import Engine
from gongbi.segments import plan as plans
from gongbi.segments.base import Bin, BinnedTag, Index
from gongbi.store.builds import TagStats
from gongbi.tags.base import TagColumn


def count_members(engine: Engine, world: World, request: Request) -> int:
    """How many members the condition holds for."""
    return int(engine.value(plans.count_plan(request, world, engine.dialect)))


def count_patterns(engine: Engine, world: World, request: Request) -> dict[int, int]:
    """Pattern of the requested conditions → how many members answer so; see `plan.patterns_plan`."""
    rows = engine.query(plans.patterns_plan(request, world, engine.dialect)).to_pylist()
    return {row["pattern"]: row["n"] for row in rows}


def list_members(
    engine: Engine, world: World, request: Request, *, limit: int | None = None, order: Sequence[str] = ()
) -> pa.Table:
    """The members, their id first, then the requested columns."""
    return engine.query(plans.members_plan(request, world, engine.dialect, limit=limit, order=order))


def binned(
    engine: Engine, columns: Sequence[TagColumn], tables: Mapping[str, str], stats: Mapping[str, TagStats]
) -> list[BinnedTag]:
    """Cut every tag into the bins by which groups are compared.

    A tag with few values has a bin for each (its most frequent ones, then none for the rest); a number with many has
    fifths of the base. The unknown are a bin of their own. Dates are left out: they are compared through tags that
    count days.
    """
    numbers: dict[str, list[str]] = {}
    for tag in columns:
        found = stats.get(tag.name)
        if tag.type.is_number and (found is None or not found.top):
            numbers.setdefault(tables[tag.name], []).append(tag.name)
    cuts: dict[str, list[float]] = {}
    for table, names in numbers.items():
        row = engine.query(plans.quintiles_plan(table, names, engine.dialect)).to_pylist()[0]
        for i, name in enumerate(names):
            values = [row[f"q{i}_{k}"] for k in range(1, 5)]
            cuts[name] = sorted({v for v in values if v is not None})
    return [b for tag in columns if (b := _bins(tag, stats.get(tag.name), cuts.get(tag.name))) is not None]


def _bins(tag: TagColumn, stats: TagStats | None, cuts: Sequence[float] | None) -> BinnedTag | None:
    absent = Bin(tag.name, "—")
    if stats is not None and stats.top:
        values = sorted((str(v["value"]) for v in stats.top), key=_natural)
        return BinnedTag(tag.name, tag.type, (*(Bin(tag.name, value, value=value) for value in values), absent))
    if not cuts:
        return None
    edges: list[float | None] = [None, *cuts, None]
    bins = [Bin(tag.name, _range(low, high), low=low, high=high) for low, high in pairwise(edges)]
    return BinnedTag(tag.name, tag.type, (*bins, absent))


def _natural(text: str) -> tuple[int, float, str]:
    try:
        return (0, float(text), "")
    except ValueError:
        return (1, 0.0, text)


def _range(low: float | None, high: float | None) -> str:
    if low is None:
        return f"< {high:.6g}"
    return f"≥ {low:.6g}" if high is None else f"{low:.6g} – {high:.6g}"


def profile(
    engine: Engine, world: World, request: Request, tags: Sequence[BinnedTag], tables: Mapping[str, str]
) -> tuple[int, int, list[int], list[int]]:
    """Members of the group and of everybody, then the same per bin, in the order of the bins."""
    n_group = n_all = 0
    group: list[int] = []
    everybody: list[int] = []
    for plan in plans.profile_plans(request, world, engine.dialect, tags, tables):
        row = engine.query(plan).to_pylist()[0]
        n_group, n_all = row["n_group"], row["n_all"]
        piece = (len(row) - 2) // 2
        group += [row[f"g{i}"] for i in range(piece)]
        everybody += [row[f"a{i}"] for i in range(piece)]
    return n_group, n_all, group, everybody


def indices(
    bins: Sequence[Bin], group: Sequence[int], n_group: int, base: Sequence[int], n_base: int, *, min_support: int
) -> list[Index]:
    """TGI of every bin with at least `min_support` members in the group or expected there, most different first.

    The interval is that of a ratio of two shares (Katz et al. 1978, Biometrics 34), with half a member added to each
    count; the test is that of two shares, corrected by Holm's method for all bins compared.
    """
    if not n_group or not n_base:
        return []
    kept = []
    for bin_, inside, below in zip(bins, group, base, strict=True):
        expected = below * n_group / n_base
        if max(inside, expected) < min_support:
            continue
        kept.append((bin_, inside, below, _p_value(inside, n_group, below, n_base)))
    adjusted = holm([p for *_, p in kept])
    found = []
    for (bin_, inside, below, _), p in zip(kept, adjusted, strict=True):
        share, base_share = inside / n_group, below / n_base
        tgi = 100 * share / base_share if below else None
        low = high = None
        if below:
            ratio = ((inside + 0.5) / (n_group + 0.5)) / ((below + 0.5) / (n_base + 0.5))
            spread = 1.96 * math.sqrt(
                max(1 / (inside + 0.5) - 1 / (n_group + 0.5) + 1 / (below + 0.5) - 1 / (n_base + 0.5), 0)
            )
            # The half members can push the interval past an index of exactly 0; it always holds its own estimate.
            low = min(100 * ratio * math.exp(-spread), tgi or 0.0)
            high = max(100 * ratio * math.exp(spread), tgi or 0.0)
        found.append(Index(bin_.tag, bin_.label, inside, share, below, base_share, tgi, low, high, p))
    return sorted(found, key=lambda i: (-_difference(i), i.tag, i.label))


def _difference(index: Index) -> float:
    """How far apart the shares are in standard errors: large groups do not drown in small oddities."""
    share, base = index.share, index.base_share
    pooled = max((share + base) / 2, 1e-9)
    return abs(share - base) / math.sqrt(pooled * (1 - pooled) + 1e-9)


def _p_value(inside: int, n_group: int, below: int, n_base: int) -> float:
    pooled = (inside + below) / (n_group + n_base)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / n_group + 1 / n_base))
    if spread == 0:
        return 1.0
    return math.erfc(abs(inside / n_group - below / n_base) / spread / math.sqrt(2))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (Holm 1979, Scandinavian Journal of Statistics 6)."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, p_values[i] * (len(p_values) - rank)))
        adjusted[i] = largest
    return adjusted
