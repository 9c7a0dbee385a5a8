"""What customers do again and again, when it comes next, and how often it came when it was foretold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gongbi.catalog.base import ModelDef, Words
from gongbi.catalog.score_labels import LABELS
from gongbi.errors import InvalidInput
from gongbi.estimators.recurring import DAYS, MONTHS, Recurrence, recurring
from gongbi.estimators.stats import bootstrap_interval, wilson_interval
from gongbi.models.base import Figures, Judgement, Trained
from gongbi.models.plan import check_hold_out, last_day
from gongbi.models.propensity import SEED, interval_json
from gongbi.models.sections import stat, stats, table

FORMAT = 1
RESAMPLES = 1000
#: By how much amounts of one recurrence may differ.
TOLERANCE = 0.15
#: Recurrences that the card shows as the commonest.
SHOWN = 12
PER_MONTH = {**{name: 30.44 / days for name, days in DAYS.items()}, **{name: 1 / n for name, n in MONTHS.items()}}
TITLES: Mapping[str, Words] = {value: Words(*title) for value, title in LABELS["recurring", "rhythm"].items()}


def learn(model: ModelDef, rows: pa.Table, as_of: datetime, zone: str) -> Trained:
    """Find what recurs, having first foretold the last days from those before them.

    Raises
    ------
    InvalidInput
        There are no rows, or none before the hold-out.
    """
    now = _last(as_of, zone)
    found = _found(rows, now)
    check_hold_out(model, pc.min(rows["day"]).as_py(), last_day(as_of, zone))
    active = [one for one in found if one.next is not None]
    check = _checked(rows, now, model.holdout_days)
    judgement = _judge(check, model.holdout_days)
    members = len({one.customer for one in active})
    metrics: Figures = {
        "headline": {"members": members, "recurrences": len(active), "came": check["came"], "tested": check["tested"]},
        "members": members,
        "recurrences": len(active),
        "ended": len(found) - len(active),
        "check": check,
        "sections": _sections(active, len(found) - len(active), members, check),
        "sentence": _sentence(check, model.holdout_days).to_json(),
        "judgement": judgement.to_json(),
    }
    window = {"as_of": as_of.isoformat(), "holdout_days": model.holdout_days}
    artifact = {"format": FORMAT, "tolerance": TOLERANCE}
    return Trained(
        model.model, "calendar of recurrences", artifact, metrics, {"tolerance": TOLERANCE}, window, judgement
    )


def scores(artifact: Mapping[str, Any], rows: pa.Table, as_of: datetime, zone: str) -> dict[str, Any]:
    """Per member with something that goes on recurring: how many, what comes next and when, and what all cost a month.

    Raises
    ------
    InvalidInput
        The model was written in another format.
    """
    if artifact.get("format") != FORMAT:
        raise InvalidInput(f"The model was written in format {artifact.get('format')}; this is {FORMAT}.")
    together: dict[Any, list[Recurrence]] = defaultdict(list)
    for one in _found(rows, _last(as_of, zone), artifact["tolerance"]):
        if one.next is not None:
            together[one.customer].append(one)
    first = {who: min(some, key=lambda one: (one.next, str(one.payee))) for who, some in together.items()}
    coming = [first[who] for who in together]
    monthly = [
        sum(one.amount * PER_MONTH[one.rhythm] for one in some if one.amount is not None)
        if any(one.amount is not None for one in some)
        else None
        for some in together.values()
    ]
    days = [None if one.next is None else one.next.astype(object) for one in coming]
    return {
        "id": pa.array(list(together), rows["id"].type),
        "count": pa.array([len(some) for some in together.values()], pa.int64()),
        "next": pa.array(days, pa.date32()),
        "payee": pa.array([str(one.payee) for one in coming], pa.string()),
        "rhythm": pa.array([one.rhythm for one in coming], pa.string()),
        "amount": pa.array([one.amount for one in coming], pa.float64()),
        "monthly": pa.array(monthly, pa.float64()),
    }


def _last(as_of: datetime, zone: str) -> np.datetime64:
    return np.datetime64(last_day(as_of, zone))


def _columns(rows: pa.Table) -> tuple[list[Any], list[Any], Any, Any]:
    """Who, to whom, on which day, how much (None without amounts)."""
    days = rows["day"].cast(pa.date32()).to_numpy(zero_copy_only=False).astype("datetime64[D]")
    money = rows["amount"].cast(pa.float64()).to_numpy(zero_copy_only=False) if "amount" in rows.column_names else None
    return rows["id"].to_pylist(), rows["payee"].to_pylist(), days, money


def _found(rows: pa.Table, now: np.datetime64, tolerance: float = TOLERANCE) -> list[Recurrence]:
    if not len(rows):
        raise InvalidInput("There are no rows, so nothing recurs.", hint="Look at `fact`, `payee` and `where`.")
    who, whom, days, money = _columns(rows)
    return recurring(who, whom, days, money, as_of=now, tolerance=tolerance)


def _checked(rows: pa.Table, now: np.datetime64, days: int) -> Figures:
    """Of what recurred up to so many days ago: how often did it come within its bounds, and half a period beside them?

    The second is what a window of that width holds by chance, since some buy there all the time.
    """
    who, whom, dates, money = _columns(rows)
    cut = now - np.timedelta64(days, "D")
    seen: dict[tuple[Any, Any], list[int]] = defaultdict(list)
    for i, key in enumerate(zip(who, whom, strict=True)):
        seen[key].append(i)
    came, beside, by_rhythm = [], [], defaultdict(list)
    for one in recurring(who, whom, dates, money, as_of=cut, tolerance=TOLERANCE):
        if one.next is None or one.earliest is None or one.latest is None or one.latest > now or one.earliest <= cut:
            continue
        period = np.timedelta64(round(30.44 / PER_MONTH[one.rhythm] / 2), "D")
        place = seen[one.customer, one.payee]
        on = [dates[i] for i in place if money is None or _alike(money[i], one.amount)]
        came.append(any(one.earliest <= day <= one.latest for day in on))
        beside.append(any(one.earliest - period <= day <= one.latest - period for day in on))
        by_rhythm[one.rhythm].append(came[-1])
    if not came:
        return {"tested": 0, "came": None, "beside": None, "difference": None, "by_rhythm": {}}
    gap = np.array(came, dtype=np.float64) - np.array(beside, dtype=np.float64)
    difference = bootstrap_interval(lambda drawn: float(np.mean(drawn)), gap, seed=SEED, resamples=RESAMPLES)
    return {
        "tested": len(came),
        "came": interval_json(wilson_interval(sum(came), len(came))),
        "beside": interval_json(wilson_interval(sum(beside), len(beside))),
        "difference": interval_json(difference),
        "by_rhythm": {name: {"tested": len(hits), "came": sum(hits)} for name, hits in by_rhythm.items()},
    }


def _alike(amount: float, usual: float | None) -> bool:
    return usual is None or abs(amount - usual) <= 2 * TOLERANCE * max(abs(usual), 1e-9)


def _judge(check: Figures, days: int) -> Judgement:
    if not check["tested"]:
        return Judgement(
            False,
            Words(
                f"最后 {days} 天里没有到期的重复行为可供检验。",
                f"Nothing that recurs fell due within the last {days} days, so it could not be checked.",
            ),
        )
    if check["difference"]["low"] <= 0:
        return Judgement(
            False,
            Words(
                "到期日前后发生的并不比错开半个周期的时段多：日期没有意义。",
                "No more came on the days foretold than half a period beside them: the dates say nothing.",
            ),
        )
    return Judgement(
        True,
        Words(
            "到期日前后发生的显著多于错开半个周期的时段。", "More came on the days foretold than half a period beside."
        ),
    )


def _sentence(check: Figures, days: int) -> Words:
    if not check["tested"]:
        return Words("没有可检验的。", "There was nothing to check.")
    came, beside = check["came"], check["beside"]
    return Words(
        f"最后 {days} 天里有 {check['tested']:,} 次到期：{100 * came['estimate']:.0f}% 在预计的日期内发生"
        f"（{100 * came['low']:.0f}% ~ {100 * came['high']:.0f}%），错开半个周期的同样时段里是"
        f" {100 * beside['estimate']:.0f}%。",
        f"In the last {days} days {check['tested']:,} fell due: {100 * came['estimate']:.0f}% came within the days"
        f" foretold ({100 * came['low']:.0f}% to {100 * came['high']:.0f}%); of the same windows half a period before"
        f" {100 * beside['estimate']:.0f}% held one.",
    )


def _sections(active: Sequence[Recurrence], ended: int, members: int, check: Figures) -> list[Figures]:
    by_rhythm: dict[str, int] = defaultdict(int)
    by_payee: dict[str, list[Recurrence]] = defaultdict(list)
    for one in active:
        by_rhythm[one.rhythm] += 1
        by_payee[str(one.payee)].append(one)
    commonest = sorted(by_payee.items(), key=lambda item: (-len(item[1]), item[0]))[:SHOWN]
    came = check["came"]
    return [
        stats(
            stat(Words("有重复行为的人", "Members"), members, "count"),
            stat(Words("仍在继续", "Going on"), len(active), "count"),
            stat(Words("已经停止", "Ended"), ended, "count"),
            stat(Words("按预计发生", "Came when foretold"), came["estimate"] if came else None, "percent", came),
        ),
        table(
            Words("节奏", "Rhythms"),
            Words(
                "检验期内到期的次数和如期发生的次数。", "How many fell due in the days kept back, and how many came."
            ),
            [
                (Words("节奏", "Rhythm"), "text"),
                (Words("仍在继续", "Going on"), "count"),
                (Words("检验", "Tested"), "count"),
                (Words("发生", "Came"), "count"),
            ],
            [
                [
                    words,
                    by_rhythm.get(name, 0),
                    check["by_rhythm"].get(name, {}).get("tested", 0),
                    check["by_rhythm"].get(name, {}).get("came", 0),
                ]
                for name, words in TITLES.items()
            ],
        ),
        table(
            Words("最常见的", "The commonest"),
            Words("重复最多的对象，及其金额的中位数。", "What recurs for most members, and its median amount."),
            [
                (Words("对象", "What"), "text"),
                (Words("人数", "Members"), "count"),
                (Words("金额", "Amount"), "number"),
            ],
            [
                [
                    payee,
                    len({one.customer for one in some}),
                    float(np.median([one.amount for one in some if one.amount is not None]))
                    if any(one.amount is not None for one in some)
                    else None,
                ]
                for payee, some in commonest
            ],
        ),
    ]
