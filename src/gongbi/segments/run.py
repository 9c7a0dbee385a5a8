"""Count groups, list them, compare them."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

import pyarrow as pa

from gongbi.core import clock
from gongbi.core.compiler import Request, Stored
from gongbi.core.plan import Plan
from gongbi.core.types import in_order
from gongbi.core.world import World
from gongbi.engine import Engine
from gongbi.segments import plan as plans
from gongbi.segments.base import ABSENT, OTHER, Bin, BinnedTag, Counts, Index, Profile, Unknown
from gongbi.segments.words import Word, counted_plan, counts_beside, everybody_plan, kept_in, words_of, words_plan
from gongbi.store.builds import TagStats
from gongbi.tags.base import TagColumn
from gongbi.tags.plan import share_looked_at

#: Types that are cut at days.
DAYS = ("date", "timestamp")
#: A column with more values than this has a bin for all others, or fifths.
MOST_VALUES = 12


def count_members(engine: Engine, world: World, request: Request) -> int:
    """How many members the condition holds for."""
    return int(engine.value(plans.count_plan(request, world, engine.dialect)))


def count_patterns(engine: Engine, world: World, request: Request, keep: str | None = None) -> dict[int, int]:
    """Pattern of the requested conditions → how many members answer so; see `plan.patterns_plan`.

    `keep` is how the name of the table begins in which the answer is kept, to be read from there the next time.
    """
    rows = _looked_up(engine, plans.patterns_plan(request, world, engine.dialect), keep)
    return dict(zip(rows["pattern"].to_pylist(), rows["n"].to_pylist(), strict=True))


def list_members(
    engine: Engine,
    world: World,
    request: Request,
    *,
    limit: int | None = None,
    order: Sequence[str] = (),
    draw: str | None = None,
    where: str = "true",
) -> pa.Table:
    """The members, their id first, then the requested columns."""
    return engine.query(
        plans.members_plan(request, world, engine.dialect, limit=limit, order=order, draw=draw, where=where)
    )


def count_values(engine: Engine, columns: Sequence[TagColumn], stored: Mapping[str, Stored]) -> dict[str, TagStats]:
    """How often each value of tags with few values occurs, where no build has counted them: numbers of clusters."""
    found = {}
    for tag in columns:
        table, column = (engine.dialect.ident(name) for name in (stored[tag.name].table, stored[tag.name].column))
        sql = f"select {column} as value, count(*) as n from {table} where {column} is not null group by 1 order by 1"
        top = [{"value": row["value"], "count": row["n"]} for row in engine.query(sql).to_pylist()]
        found[tag.name] = TagStats(tag.name, sum(one["count"] for one in top), 1.0, len(top), top=top)
    return found


def binned(
    engine: Engine,
    columns: Sequence[TagColumn],
    stored: Mapping[str, Stored],
    stats: Mapping[str, TagStats],
    zone: str,
    keep: str | None = None,
) -> list[BinnedTag]:
    """Cut every tag into the bins by which groups are compared; each member is in one bin of each tag.

    A tag with few values has a bin for each; one with many has a bin for each of its most frequent values and one for
    all others. The levels of an ordered category stand in their order. Numbers with many values, dates and instants
    have fifths of the base (of a fixed draw where the base is large: `tags.look`), those of instants from midnight to
    midnight of the zone. The unknown are a bin of their own. A tag that nobody has a value of, and a list, has no bins.

    Parameters
    ----------
    keep
        How the tables begin in which the fifths are kept, to be read from there the next time; None keeps none.
    """
    ranged: dict[str, list[TagColumn]] = {}
    for tag in columns:
        found = stats.get(tag.name)
        if (tag.type.is_number or tag.type.name in DAYS) and (found is None or not found.top):
            ranged.setdefault(stored[tag.name].table, []).append(tag)
    cuts: dict[str, Sequence[float | date]] = {}
    for table, tags in ranged.items():
        (counted,) = engine.query(f"select count(*) as n from {engine.dialect.ident(table)}").to_pylist()
        asked = [(stored[t.name].column, t.type) for t in tags]
        plan = plans.quintiles_plan(table, asked, engine.dialect, share_looked_at(counted["n"]))
        row = _looked_up(engine, plan, keep).to_pylist()[0]
        for i, tag in enumerate(tags):
            values = set(row[f"q{i}"] or ()) - {None}
            cuts[tag.name] = sorted(values) if tag.type.is_number else _days(values)
    return [b for tag in columns if (b := _bins(tag, stats.get(tag.name), cuts.get(tag.name, ()), zone)) is not None]


def _looked_up(engine: Engine, plan: Plan, keep: str | None) -> pa.Table:
    """The rows of a plan; where they are kept, from a table whose name tells plans apart."""
    if keep is None:
        return engine.query(plan)
    table = f"{keep}{hashlib.sha256(plan.as_query().encode()).hexdigest()[:12]}"
    if table not in engine.tables():
        engine.build(plan, table)
    return engine.query(f"select * from {engine.dialect.ident(table)}")


def binned_column(engine: Engine, world: World, request: Request, column: TagColumn, zone: str) -> BinnedTag | None:
    """Cut a requested column into bins as a tag is cut: few values each by itself, numbers and days by fifths."""
    commonest = engine.query(
        plans.values_plan(request, column.name, world, engine.dialect, limit=MOST_VALUES + 1)
    ).to_pylist()
    ordered = column.type.is_number or column.type.name in DAYS
    if len(commonest) > MOST_VALUES and ordered:
        asked = [(column.name, column.type)]
        (row,) = engine.query(plans.fifths_plan(request, asked, world, engine.dialect)).to_pylist()
        values = set(row["q0"] or ()) - {None}
        return _bins(column, None, sorted(values) if column.type.is_number else _days(values), zone)
    top = [{"value": found["value"], "count": found["n"]} for found in commonest[:MOST_VALUES]]
    # One more than there are bins for says that there are others.
    present = sum(found["n"] for found in commonest)
    return _bins(column, TagStats(column.name, present, 1.0, top=top), (), zone) if top else None


def count_cells(
    engine: Engine,
    world: World,
    request: Request,
    dimensions: Sequence[tuple[str, Sequence[Bin]]],
    group: str,
    base: str | None,
) -> dict[tuple[int, ...], tuple[int, int, int]]:
    """Cell (number of the bin in each dimension) → members of the group, of the base and of both."""
    rows = engine.query(plans.cells_plan(request, dimensions, group, base, world, engine.dialect)).to_pylist()
    keys = [f"b{i}" for i in range(len(dimensions))]
    return {tuple(row[key] for key in keys): (row["n_group"], row["n_base"], row["n_both"]) for row in rows}


def _days(numbers: Iterable[float]) -> list[date]:
    return sorted({plans.FIRST_DAY + timedelta(days=round(n)) for n in numbers})


def _bins(tag: TagColumn, stats: TagStats | None, cuts: Sequence[float | date], zone: str) -> BinnedTag | None:
    found: list[Bin] = []
    if tag.type.is_many:
        return None
    if stats is not None and stats.top:
        values = in_order(tag.type, sorted((str(v["value"]) for v in stats.top), key=_natural), str)
        found = [Bin(tag.name, value, "value", value) for value in values]
        if sum(v["count"] for v in stats.top) < stats.present:
            found.append(Bin(tag.name, OTHER, "other", tuple(values)))
    elif cuts:
        for low, high in pairwise([None, *cuts, None]):
            begin, end = (_midnight(c, zone) if tag.type.name == "timestamp" else c for c in (low, high))
            found.append(Bin(tag.name, _range(low, high), "range", low=begin, high=end))
    return BinnedTag(tag.name, tag.type, (*found, Bin(tag.name, ABSENT, "absent"))) if found else None


def _midnight(day: float | date | None, zone: str) -> datetime | None:
    return None if day is None else clock.parse_instant(str(day), zone)


def _natural(text: str) -> tuple[int, float, str]:
    try:
        return (0, float(text), "")
    except ValueError:
        return (1, 0.0, text)


def _range(low: float | date | None, high: float | date | None) -> str:
    if low is None:
        return f"< {_edge(high)}"
    if high is None:
        return f"≥ {_edge(low)}"
    if isinstance(high, date):
        # Days are read with their last one.
        high -= timedelta(days=1)
        if low == high:
            return _edge(low)
    return f"{_edge(low)} – {_edge(high)}"


def _edge(cut: float | date | None) -> str:
    return cut.isoformat() if isinstance(cut, date) else f"{cut:.6g}"


def count_bins(
    engine: Engine,
    world: World,
    group: Request,
    tags: Sequence[BinnedTag],
    stored: Mapping[str, Stored],
    kept: Sequence[Word] = (),
) -> Counts:
    """Members of a group, in all and in every bin, in the order of the bins."""
    ((n, bins), *_) = _counts(engine, world, group, None, tags, stored, kept)
    return Counts(n, bins)


def count_everybody(engine: Engine, tags: Sequence[BinnedTag], kept: Sequence[Word]) -> Counts:
    """All members of a build, in all and in every bin of tags whose words are kept."""
    words = _reading(tags, kept)
    rows = engine.query(counted_plan(words, engine.dialect)).to_pylist()
    n = sum(row["n"] for row in rows if row["word"] == "w0")
    return Counts(n, _in_order(tags, _by_bin(words, rows)))


def beside(group: Counts, everybody: Counts) -> Profile:
    """A group beside all members, of whom it is a part."""
    return Profile(group.n, everybody.n, group.n, group=group.bins, base=everybody.bins, both=group.bins)


def profile(
    engine: Engine,
    world: World,
    group: Request,
    base: Request,
    tags: Sequence[BinnedTag],
    stored: Mapping[str, Stored],
    kept: Sequence[Word] = (),
) -> Profile:
    """Members of the group, of the base and of both, then the same per bin, in the order of the bins."""
    (n_group, inside), (n_base, below), (n_both, shared) = _counts(engine, world, group, base, tags, stored, kept)
    return Profile(n_group, n_base, n_both, group=inside, base=below, both=shared)


def keep_words(engine: Engine, build: str, tags: Sequence[BinnedTag], table: str) -> list[Word]:
    """Write the words of everybody in a build as a table, and their counts beside it, for comparisons to read."""
    words = words_of(tags)
    kept = kept_in(table, words)
    with engine.transaction():
        engine.build(words_plan(build, words, engine.dialect), table)
        engine.build(everybody_plan(kept, engine.dialect), counts_beside(table))
    return kept


def _reading(tags: Sequence[BinnedTag], kept: Sequence[Word]) -> list[Word]:
    """Words that hold the tags: those that are kept, and others for what is in none of them."""
    wanted = {tag.tag for tag in tags}
    found = [word for word in kept if any(tag.tag in wanted for tag in word.tags)]
    held = {tag.tag for word in found for tag in word.tags}
    return [*found, *words_of([tag for tag in tags if tag.tag not in held])]


def _counts(
    engine: Engine,
    world: World,
    group: Request,
    base: Request | None,
    tags: Sequence[BinnedTag],
    stored: Mapping[str, Stored],
    kept: Sequence[Word],
) -> list[tuple[int, list[int]]]:
    """How many there are in all and in every bin: of the group, of the base, of both."""
    words = _reading(tags, kept)
    rows: list[dict[str, Any]] = []
    for number, plan in enumerate(plans.profile_plans(group, base, world, engine.dialect, words, stored)):
        # Every piece counts all members; once will do.
        rows += [row for row in engine.query(plan).to_pylist() if row["word"] != "c" or not number]
    found = []
    for sides in ("g", "b", "gb"):
        there = [row for row in rows if all(row[side] for side in sides)]
        n = sum(row["n"] for row in there if row["word"] == "c")
        found.append((n, _in_order(tags, _by_bin(words, there))))
    return found


def _by_bin(words: Sequence[Word], rows: Iterable[Mapping[str, Any]]) -> Counter[tuple[str, int]]:
    """(tag, number of the bin) → members, from the counts of words."""
    found: Counter[tuple[str, int]] = Counter()
    for row in rows:
        if row["word"] != "c":
            for tag, j in words[int(row["word"][1:])].bins_of(row["number"]):
                found[tag.tag, j] += row["n"]
    return found


def _in_order(tags: Sequence[BinnedTag], found: Mapping[tuple[str, int], int]) -> list[int]:
    return [found.get((tag.tag, j), 0) for tag in tags for j in range(len(tag.bins))]


def indices(bins: Sequence[Bin], counts: Profile, *, min_support: int, unknown: Unknown = "among") -> list[Index]:
    """TGI of every bin with at least `min_support` members in the group or expected there, most different first.

    Group and base may share members: see `interval` and `p_value`. The p-values are corrected for all bins compared.

    Parameters
    ----------
    unknown
        ``among``: the unknown are a bin, and count in the shares of all bins of the tag. ``apart``: shares are of the
        members with a value only.
    """
    known = _known(bins, counts) if unknown == "apart" else {}
    kept = []
    for bin_, inside, below, shared in zip(bins, counts.group, counts.base, counts.both, strict=True):
        sizes = known.get(bin_.tag, counts)
        if not sizes.n_group or not sizes.n_base or (unknown == "apart" and bin_.kind == "absent"):
            continue
        if max(inside, below * sizes.n_group / sizes.n_base) >= min_support:
            kept.append((bin_, inside, below, sizes, parts(sizes, inside, below, shared)))
    p_values = [p_value(cells) for *_, cells in kept]
    corrected = zip(kept, holm(p_values), benjamini_hochberg(p_values), strict=True)
    found = []
    for (bin_, inside, below, sizes, cells), p, q in corrected:
        share, base_share = inside / sizes.n_group, below / sizes.n_base
        tgi = low = high = None
        if below:
            tgi = 100 * inside * sizes.n_base / (below * sizes.n_group)
            # The half members can push the interval past its own estimate where that is 0 or as large as can be.
            low, high = (100 * end for end in interval(cells))
            low, high = min(low, tgi), max(high, tgi)
        found.append(Index(bin_.tag, bin_.label, bin_.kind, inside, share, below, base_share, tgi, low, high, p, q))
    return sorted(found, key=lambda i: (-_difference(i), i.tag, i.label))


def _known(bins: Sequence[Bin], counts: Profile) -> dict[str, Profile]:
    """Tag → how many members of the group, of the base and of both have a value."""
    found: dict[str, Profile] = {}
    for bin_, inside, below, shared in zip(bins, counts.group, counts.base, counts.both, strict=True):
        if bin_.kind == "absent":
            sizes = (counts.n_group - inside, counts.n_base - below, counts.n_both - shared)
            found[bin_.tag] = Profile(*sizes, group=(), base=(), both=())
    return found


def _difference(index: Index) -> float:
    """How far apart the shares are in standard errors: large groups do not drown in small oddities."""
    share, base = index.share, index.base_share
    pooled = max((share + base) / 2, 1e-9)
    return abs(share - base) / math.sqrt(pooled * (1 - pooled) + 1e-9)


class Part(NamedTuple):
    """Members of the group only, of the base only, or of both, and how many of them are in the bin."""

    size: int
    inside: int
    in_group: bool
    in_base: bool


def parts(counts: Profile, inside: int, below: int, shared: int) -> list[Part]:
    """Group and base as parts that have no member in common; parts that nobody is in are left out."""
    found = (
        Part(counts.n_both, shared, True, True),
        Part(counts.n_group - counts.n_both, inside - shared, True, False),
        Part(counts.n_base - counts.n_both, below - shared, False, True),
    )
    return [part for part in found if part.size]


def interval(cells: Sequence[Part]) -> tuple[float, float]:
    """95 % interval of the share in the group over the share in the base.

    The parts are independent samples, and the logarithm of the ratio has the variance that the delta method (Agresti
    2013, Categorical Data Analysis, section 16.1) gives for their shares: for groups that share nobody that of Katz et
    al. (1978, Biometrics 34), for a group within the base that of the group against the rest, and 0 for a group that
    is the base. Half a member is added to those in the bin and to those outside it, in every part.
    """
    smooth = [(c.size + 1, c.inside + 0.5, c.in_group, c.in_base) for c in cells]
    n_group, n_base = (sum(c[0] for c in smooth if c[i]) for i in (2, 3))
    inside, below = (sum(c[1] for c in smooth if c[i]) for i in (2, 3))
    ratio = (inside * n_base) / (below * n_group)
    variance = sum(k * (1 - k / n) * (g / inside - b / below) ** 2 for n, k, g, b in smooth)
    spread = 1.96 * math.sqrt(variance)
    low, high = ratio * math.exp(-spread), ratio * math.exp(spread)
    # A group within its base cannot have more of the bin than the base has, nor a group around its base less.
    whole = sum(c.size for c in cells if c.in_base) / sum(c.size for c in cells if c.in_group)
    within, around = all(c.in_base for c in cells), all(c.in_group for c in cells)
    return max(low, whole) if around else low, min(high, whole) if within else high


def p_value(cells: Sequence[Part]) -> float:
    """Probability of a difference this large between the shares in the group and in the base by chance, two-sided.

    The difference is divided by its standard error where there is none (as in Miettinen and Nurminen 1985, Statistics
    in Medicine 4): with the shares of the parts moved, as little as possible in squares, until group and base agree.
    For groups that share nobody, and for a group and the rest of the base, that is the test of two pooled shares.
    """
    n_group, n_base = sum(c.size for c in cells if c.in_group), sum(c.size for c in cells if c.in_base)
    weights = [c.in_group / n_group - c.in_base / n_base for c in cells]
    difference = sum(w * c.inside for w, c in zip(weights, cells, strict=True))
    squares = sum(w * w * c.size for w, c in zip(weights, cells, strict=True))
    variance = 0.0
    for w, c in zip(weights, cells, strict=True):
        share = min(max(c.inside / c.size - difference * w / squares, 0.0), 1.0) if squares else 0.0
        variance += w * w * c.size * share * (1 - share)
    return math.erfc(abs(difference) / math.sqrt(2 * variance)) if variance else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (Holm 1979, Scandinavian Journal of Statistics 6)."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, p_values[i] * (len(p_values) - rank)))
        adjusted[i] = largest
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """The step-up procedure of Benjamini and Hochberg (1995, Journal of the Royal Statistical Society B 57)."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i], reverse=True)
    adjusted, least = [0.0] * len(p_values), 1.0
    for place, i in enumerate(order):
        least = min(least, p_values[i] * len(p_values) / (len(p_values) - place))
        adjusted[i] = least
    return adjusted
