"""The language in plain Python, read from the typed expression and the rows: nothing here knows any SQL.

Values are None, bool, int, Decimal, float, str, date and naive UTC datetime. None is both absent and unknown.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import readings

from gongbi.core.expr import Attribute, Call, Constant, Expr, FactColumn, RelatedColumn, TagValue

Row = Mapping[str, Any]


@dataclass
class Oracle:
    """Everything that is known, and the expressions asked for by name."""

    subject: str
    members: Sequence[int]
    facts: Mapping[str, Sequence[Row]]
    attributes: Mapping[str, Mapping[int, Row]]
    as_of: datetime
    zone: str
    tags: Mapping[str, Expr] = field(default_factory=dict)
    known: dict[tuple[Expr, int], Any] = field(default_factory=dict)

    def answer(self, expr: Expr) -> dict[int, Any]:
        return {member: self.member(expr, member) for member in self.members}

    # -- members -------------------------------------------------------------------------------------

    def member(self, expr: Expr, member: int) -> Any:
        if (expr, member) not in self.known:
            self.known[expr, member] = self.worked_out(expr, member)
        return self.known[expr, member]

    def worked_out(self, expr: Expr, member: int) -> Any:
        if isinstance(expr, Constant):
            return expr.value
        if isinstance(expr, Attribute):
            return member if expr.attribute == "id" else self.attribute(self.subject, member, expr.attribute)
        if isinstance(expr, TagValue):
            return self.member(self.tags[expr.tag], member)
        assert isinstance(expr, Call), expr
        if expr.wrote is not None:
            return self.phrase(expr.wrote, member)
        if expr.function.kind == "sequence":
            return self.sequence(expr, member)
        if expr.is_aggregate:
            return self.aggregate(expr, member)
        if expr.is_rank:
            return self.rank(expr, member)
        return self.call(expr, [self.member(arg, member) for arg in expr.args])

    def attribute(self, subject: str, id_: Any, name: str) -> Any:
        return self.attributes[subject].get(id_, {}).get(name)

    def row(self, expr: Expr, row: Row) -> Any:
        if isinstance(expr, Constant):
            return expr.value
        if isinstance(expr, FactColumn):
            return row[expr.column]
        if isinstance(expr, RelatedColumn):
            return self.attribute(expr.subject, row[expr.subject], expr.attribute)
        assert isinstance(expr, Call), expr
        return self.call(expr, [self.row(arg, row) for arg in expr.args])

    # -- scalar functions ----------------------------------------------------------------------------

    def call(self, expr: Call, args: list[Any]) -> Any:
        name = expr.function.name
        if name in THREE_VALUED:
            return THREE_VALUED[name](args)
        if name in WINDOWS:
            return None if args[0] is None else WINDOWS[name](self, *args)
        if name == "as_of":
            return self.as_of
        if name == "active":
            return None if args[0] is None else args[0] < self.as_of and (args[1] is None or args[1] >= self.as_of)
        if any(arg is None for arg in args):
            return None
        if name in IN_TIME:
            return IN_TIME[name](self, *args)
        if name == "convert":
            return converted(args[0], expr.type.name)
        value = PLAIN[name](*args)
        return float(value) if expr.type.name == "double" and value is not None else value

    def local(self, moment: Any) -> date:
        if isinstance(moment, str):
            return date.fromisoformat(moment)
        if not isinstance(moment, datetime):
            return moment
        return moment.replace(tzinfo=UTC).astimezone(ZoneInfo(self.zone)).date()

    def midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), ZoneInfo(self.zone)).astimezone(UTC).replace(tzinfo=None)

    def within(self, ts: datetime, n: int, unit: str, ago: int = 0) -> bool:
        if unit.startswith("calendar_"):
            return self.periods(ts, n, unit.removeprefix("calendar_"), ago)
        length = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1)}.get(
            unit, timedelta(days=7 if unit == "week" else 1)
        )
        return self.as_of - (n + ago) * length <= ts < self.as_of - ago * length

    def periods(self, ts: datetime, n: int, unit: str, ago: int) -> bool:
        """Whether the local day lies in the wanted periods, counted as numbers rather than as bounds."""
        if ago == 0 and ts >= self.as_of:
            return False
        back = self.number(self.local(self.as_of), unit) - self.number(self.local(ts), unit)
        return ago <= back < ago + n

    @staticmethod
    def number(day: date, unit: str) -> int:
        if unit in ("day", "week"):
            return (day.toordinal() - 1) // (7 if unit == "week" else 1)
        return (day.year * 12 + day.month - 1) // {"month": 1, "quarter": 3, "year": 12}[unit]

    # -- aggregates ----------------------------------------------------------------------------------

    def aggregate(self, expr: Call, member: int) -> Any:
        values = [tuple(self.row(arg, r) for arg in expr.args) for r in self.rows(expr, member)]
        name = expr.function.name
        if name == "average_daily":
            return readings.average_daily(self, values)
        if name.startswith("gap_"):
            return gaps(name, {self.local(ts) for (ts,) in values if ts is not None})
        return AGGREGATES[name](values)

    def rows(self, expr: Call, member: int) -> list[Row]:
        """The rows of a member that an aggregate, a step or a phrase reads."""
        rows = [r for r in self.facts[str(expr.fact)] if r[self.subject] == member and r["ts"] < self.as_of]
        return [r for r in rows if expr.filter is None or self.row(expr.filter, r) is True]

    def phrase(self, expr: Call, member: int) -> Any:
        """What was written, and not what the checker made of it."""
        own = expr.function.params[0].accepts != "fact"
        rows = [(r["ts"], self.row(expr.args[0], r) if own else None) for r in self.rows(expr, member)]
        given = [self.row(arg, {}) for arg in expr.args[own:]]
        return readings.PHRASES[expr.function.name](self, rows, *given)

    # -- sequences -----------------------------------------------------------------------------------

    def sequence(self, expr: Call, member: int) -> bool:
        """Try every row at every place of the sequence."""
        steps = [self.taken(step, member) for step in expr.args if isinstance(step, Call)]
        bound = expr.args[-1].value if isinstance(expr.args[-1], Constant) else None
        length = None if bound is None else timedelta(microseconds=bound)
        if expr.function.name == "followed_by":
            return any(length is None or last[0] - first[0] < length for first, *_, last in runs(steps))
        for run in runs(steps[:-1]):
            (began, _), (ended, shared) = run[0], run[-1]
            over = None if length is None else began + length
            if over is not None and not ended < over <= self.as_of:
                continue
            later = [ts for ts, value in steps[-1] if ts > ended and value == shared]
            if all(over is not None and ts >= over for ts in later):
                return True
        return False

    def taken(self, step: Call, member: int) -> list[tuple[datetime, Any]]:
        """Time and shared value of a member's rows that are such a step."""
        found = [(r["ts"], self.row(step.args[1], r) if len(step.args) > 1 else 0) for r in self.rows(step, member)]
        return [(ts, shared) for ts, shared in found if shared is not None]

    # -- ranks ---------------------------------------------------------------------------------------

    def rank(self, expr: Call, member: int) -> Any:
        everyone = {m: self.member(expr.args[0], m) for m in self.members}
        if expr.function.name in readings.GROUPS:
            chosen = {m: self.member(expr.args[1], m) for m in self.members}
            return readings.GROUPS[expr.function.name](member, everyone, chosen)
        there = {m: value for m, value in everyone.items() if value is not None}
        if member not in there:
            return None
        n = self.member(expr.args[1], member) if len(expr.args) > 1 else None
        return RANKS[expr.function.name](member, there, n)


def runs(steps: Sequence[Sequence[tuple[datetime, Any]]]) -> list[list[tuple[datetime, Any]]]:
    """All ways to take the steps one after the other, each strictly later, with one shared value."""
    found: list[list[tuple[datetime, Any]]] = [[]]
    for taken in steps:
        found = [
            [*run, one]
            for run in found
            for one in dict.fromkeys(taken)
            if not run or (run[-1][0] < one[0] and run[-1][1] == one[1])
        ]
    return found


def converted(value: Any, type_: str) -> Any:
    return float(value) if type_ == "double" else Decimal(value) if type_ == "decimal" else value


# -- three-valued logic -------------------------------------------------------------------------------


def every(args: Sequence[Any]) -> Any:
    return False if False in args else None if None in args else True


def some(args: Sequence[Any]) -> Any:
    return True if True in args else None if None in args else False


def case(args: Sequence[Any]) -> Any:
    return next(
        (value for condition, value in zip(args[:-1:2], args[1::2], strict=False) if condition is True), args[-1]
    )


def member_of(args: Sequence[Any]) -> Any:
    return some([None if args[0] is None or item is None else args[0] == item for item in args[1:]])


def between(args: Sequence[Any]) -> Any:
    x, low, high = args
    return every([None if None in (x, low) else x >= low, None if None in (x, high) else x <= high])


THREE_VALUED: dict[str, Callable[[Sequence[Any]], Any]] = {
    **readings.OF_ABSENT,
    "and": every,
    "or": some,
    "not": lambda a: None if a[0] is None else not a[0],
    "is_absent": lambda a: a[0] is None,
    "is_true": lambda a: a[0] is True,
    "is_false": lambda a: a[0] is False,
    "case": case,
    "if": lambda a: a[1] if a[0] is True else a[2],
    "coalesce": lambda a: next((x for x in a if x is not None), None),
    "nullif": lambda a: None if a[0] is not None and a[0] == a[1] else a[0],
    "greatest": lambda a: max((x for x in a if x is not None), default=None),
    "least": lambda a: min((x for x in a if x is not None), default=None),
    "in": member_of,
    "between": between,
}
WINDOWS: dict[str, Callable[..., bool]] = {
    **readings.WINDOWS,
    "within": Oracle.within,
    "this": lambda o, ts, unit: o.periods(ts, 1, unit, 0),
    "previous": lambda o, ts, unit: o.periods(ts, 1, unit, 1),
    "since": lambda o, ts, day: ts >= o.midnight(date.fromisoformat(day)),
    "before": lambda o, ts, day: ts < o.midnight(date.fromisoformat(day)),
}


def instant(oracle: Oracle, text: str) -> datetime:
    written = datetime.fromisoformat(text)
    aware = written if written.tzinfo else written.replace(tzinfo=ZoneInfo(oracle.zone))
    return aware.astimezone(UTC).replace(tzinfo=None)


#: Functions that need the instant or the zone.
IN_TIME: dict[str, Callable[..., Any]] = {
    "instant": instant,
    "date": lambda o, ts: o.local(ts),
    "start_of": lambda o, unit, moment: readings.start_of(unit, o.local(moment)),
    "hour": lambda o, ts: ts.replace(tzinfo=UTC).astimezone(ZoneInfo(o.zone)).hour,
    "days_since": lambda o, ts: (o.as_of - ts).days,
    "ends_within": lambda o, ts, n, unit: o.as_of <= ts < o.as_of + n * LENGTHS[unit],
    "days_to_end": lambda o, ts: int((ts - o.as_of) / timedelta(days=1)),
}


def remainder(a: int, b: int) -> int | None:
    return None if b == 0 else int(math.fmod(a, b))


def rounded(x: Any, digits: int = 0) -> Any:
    if isinstance(x, int):
        return x
    if isinstance(x, Decimal):
        return x.quantize(Decimal(1).scaleb(-min(digits, 2)), ROUND_HALF_UP)
    whole = math.copysign(math.floor(abs(x) * 10**digits + 0.5), x)
    return int(whole) if digits == 0 else whole / 10**digits


LENGTHS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}


def element(items: Sequence[Any], n: int) -> Any:
    return items[n - 1 if n > 0 else n] if 1 <= abs(n) <= len(items) else None


PLAIN: dict[str, Callable[..., Any]] = {
    **readings.PLAIN,
    "has": lambda items, x: x in items,
    "list_length": len,
    "element_at": element,
    "top_of": lambda spread: spread[0]["value"],
    "share_in": lambda spread, x: next((one["share"] for one in spread if one["value"] == x), 0.0),
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: None if b == 0 else float(a) / float(b),
    "%": remainder,
    "negative": lambda a: -a,
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "||": lambda a, b: a + b,
    "abs": abs,
    "round": rounded,
    "floor": math.floor,
    "ceil": math.ceil,
    "to_integer": int,
    "length": len,
    "contains": lambda a, b: b in a,
    "starts_with": str.startswith,
    "position": lambda a, b: a.find(b) + 1,
    "left": lambda a, n: a[:n],
    "clamp": lambda x, low, high: low if x < low else min(x, high),
    "band": lambda x, *cuts: sum(x >= cut for cut in cuts),
    "month": lambda d: d.month,
    "year": lambda d: d.year,
    "weekday": date.isoweekday,
    "week": lambda d: d.isocalendar().week,
}

# -- aggregates: lists of argument tuples -> value ----------------------------------------------------

Values = Sequence[tuple[Any, ...]]


def there(values: Values) -> list[Any]:
    """The first arguments that are not absent."""
    return [v[0] for v in values if v[0] is not None]


def counted(values: Values) -> int:
    return sum(1 for v in values if not v or v[0] is not None)


def share(values: Values) -> Any:
    weights = [(yes, v[0] if v else 1) for yes, *v in values if yes is not None]
    weights = [(yes, w) for yes, w in weights if w is not None]
    total = sum(w for _, w in weights)
    return None if not total else float(sum(w for yes, w in weights if yes)) / float(total)


def weighed(values: Values) -> dict[Any, Any]:
    """Value → number of rows, or the sum of their weights (absent where no weight is there)."""
    groups: dict[Any, list[Any]] = defaultdict(list)
    for x, *weight in values:
        if x is not None:
            groups[x].append(weight[0] if weight else 1)
    return {x: sum(kept) if (kept := [w for w in ws if w is not None]) else None for x, ws in groups.items()}


def heaviest(values: Values) -> Any:
    groups = weighed(values)
    if not groups:
        return None
    weights = [w for w in groups.values() if w is not None]
    best = max(weights) if weights else None
    return min(x for x, w in groups.items() if w == best)


def top_share(values: Values) -> Any:
    weights = [w for w in weighed(values).values() if w is not None]
    return float(max(weights)) / float(sum(weights)) if weights and sum(weights) else None


def entropy(values: Values) -> Any:
    weights = [float(w) for w in weighed(values).values() if w is not None and w > 0]
    total = sum(weights)
    return -sum(w / total * math.log(w / total) for w in weights) if weights else None


def ordered_by_weight(values: Values) -> list[tuple[Any, Any]]:
    """Values with their weights, the heaviest first, those without a weight last; of equals the smallest first."""
    return sorted(weighed(values).items(), key=lambda one: (one[1] is None, -(one[1] or 0), one[0]))


def top_k(values: Values) -> Any:
    found = [x for x, _ in ordered_by_weight([(x, *weight) for x, _, *weight in values])]
    return found[: values[0][1]] if found else None


def distribution(values: Values) -> Any:
    there_is = [(x, w) for x, w in ordered_by_weight(values) if w is not None and w > 0]
    total = float(sum(w for _, w in there_is))
    return [{"value": x, "share": float(w) / total} for x, w in there_is] or None


def extreme(values: Values, best: Callable[..., Any]) -> Any:
    pairs = [(x, by) for x, by in values if x is not None and by is not None]
    return min(x for x, by in pairs if by == best(b for _, b in pairs)) if pairs else None


def gaps(name: str, days: set[date]) -> Any:
    ordered = sorted(days)
    found = [(b - a).days for a, b in pairwise(ordered)]
    if not found:
        return None
    if name == "gap_stddev":
        return statistics.stdev(found) if len(found) > 1 else None
    return {"gap_avg": statistics.fmean, "gap_min": min, "gap_max": max}[name](found)


def quantile(values: Sequence[float], q: float) -> Any:
    if not values:
        return None
    ordered, at = sorted(values), q * (len(values) - 1)
    low = math.floor(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def paired(values: Values) -> list[tuple[float, float]]:
    return [(float(y), float(x)) for y, x in values if y is not None and x is not None]


def slope(values: Values) -> Any:
    pairs = paired(values)
    if len({x for _, x in pairs}) < 2:
        return None
    return statistics.linear_regression([x for _, x in pairs], [y for y, _ in pairs]).slope


def correlation(values: Values) -> Any:
    pairs = paired(values)
    if len({x for _, x in pairs}) < 2 or len({y for y, _ in pairs}) < 2:
        return None
    return statistics.correlation([x for _, x in pairs], [y for y, _ in pairs])


AGGREGATES: dict[str, Callable[[Values], Any]] = {
    "repeat_share": readings.repeat_share,
    "list": lambda v: sorted(set(there(v))) or None,
    "top_k": top_k,
    "distribution": distribution,
    "count": counted,
    "exists": lambda v: counted(v) > 0,
    "count_distinct": lambda v: len(set(there(v))),
    "sum": lambda v: sum(there(v)) if there(v) else None,
    "avg": lambda v: float(sum(there(v))) / len(there(v)) if there(v) else None,
    "min": lambda v: min(there(v), default=None),
    "max": lambda v: max(there(v), default=None),
    "stddev": lambda v: statistics.stdev(map(float, there(v))) if len(there(v)) > 1 else None,
    "variance": lambda v: statistics.variance(map(float, there(v))) if len(there(v)) > 1 else None,
    "median": lambda v: quantile([float(x) for x in there(v)], 0.5),
    "quantile": lambda v: quantile([float(x[0]) for x in v if x[0] is not None], float(v[0][1]) if v else 0),
    "any": lambda v: any(there(v)) if there(v) else None,
    "all": lambda v: all(there(v)) if there(v) else None,
    "share": share,
    "slope": slope,
    "correlation": correlation,
    "mode": lambda v: min(
        (x for x, n in Counter(there(v)).items() if n == max(Counter(there(v)).values())), default=None
    ),
    "top_by": heaviest,
    "top_share": top_share,
    "entropy": entropy,
    "arg_max": lambda v: extreme(v, max),
    "arg_min": lambda v: extreme(v, min),
    "first": lambda v: extreme(v, min),
    "last": lambda v: extreme(v, max),
}

# -- ranks: (member, member -> value, n) -> value -----------------------------------------------------


def score(m: int, values: Mapping[int, Any], n: int) -> int:
    return 1 + sum(v < values[m] for v in values.values()) * n // len(values)


def ntile(m: int, values: Mapping[int, Any], n: int) -> int:
    place = sorted(values, key=lambda i: (values[i], i)).index(m)
    size, larger = divmod(len(values), n)
    cut = larger * (size + 1)
    return place // (size + 1) + 1 if place < cut else larger + (place - cut) // size + 1


def z_score(m: int, values: Mapping[int, Any], n: Any) -> Any:
    numbers = [float(v) for v in values.values()]
    if len(set(numbers)) < 2:
        return None
    return (float(values[m]) - statistics.fmean(numbers)) / statistics.stdev(numbers)


RANKS: dict[str, Callable[[int, Mapping[int, Any], Any], Any]] = {
    "score": score,
    "ntile": ntile,
    "place": readings.place,
    "rank": lambda m, v, n: 1 + sum(x > v[m] for x in v.values()),
    "dense_rank": lambda m, v, n: 1 + len({x for x in v.values() if x > v[m]}),
    "percent_rank": lambda m, v, n: sum(x < v[m] for x in v.values()) / (len(v) - 1) if len(v) > 1 else 0.0,
    "cume_dist": lambda m, v, n: sum(x <= v[m] for x in v.values()) / len(v),
    "z_score": z_score,
    "share_of_total": lambda m, v, n: float(v[m]) / float(sum(v.values())) if sum(v.values()) else None,
}
