"""What a card says of a model of contracts: whether it may come into use, a sentence, figures and tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gongbi.catalog.base import Words
from gongbi.estimators.checks import FloatArray
from gongbi.estimators.stats import wilson_interval
from gongbi.models.base import Figures, Judgement
from gongbi.models.groups import ranges
from gongbi.models.propensity import interval_json
from gongbi.models.sections import Format, stat, stats, table

#: Values of a column, and columns, that are shown.
SHOWN, SHOWN_COLUMNS = 6, 8
#: Numbers of many values are cut into so many parts.
THIRDS = 3
#: The share that stays is told after so many horizons.
HORIZONS = (1, 2, 4, 8, 16, 32)


@dataclass(frozen=True)
class Staying:
    """Of how many contracts which share lasts beyond each time (Kaplan-Meier), and the longest time seen."""

    contracts: int
    times: FloatArray
    stays: FloatArray
    longest: float


def by_value(frame: Any, yes: NDArray[np.bool_], chance: FloatArray) -> list[Figures]:
    """Per column and value, or third of its numbers: how many contracts, what was foretold and what came."""
    import pandas as pd

    found: list[Figures] = []
    for name in list(frame.columns)[:SHOWN_COLUMNS]:
        values = frame[name].reset_index(drop=True)
        numbers = values.dtype != object
        if numbers and values.nunique() > SHOWN:
            values = pd.Series(ranges(values.tolist(), THIRDS)).where(values.notna())
        elif numbers:
            values = values.map("{:g}".format, na_action="ignore")
        counts = values.value_counts().head(SHOWN)
        if numbers:
            counts = counts.sort_index(key=lambda names: [float(one.partition(" – ")[0]) for one in names])
        for value, n in counts.items():
            mine = np.asarray(values == value, dtype=bool)
            seen = interval_json(wilson_interval(int(yes[mine].sum()), int(n)))
            told = {"column": name, "value": str(value), "contracts": int(n), "predicted": float(chance[mine].mean())}
            found.append(told | {"left": seen})
    return found


def judge(check: Figures | None, why: Words | None) -> Judgement:
    if check is None:
        assert why is not None
        return Judgement(False, why)
    if check["difference"]["low"] > 0:
        return Judgement(
            False,
            Words(
                "Brier 分数差于只看时长的曲线，区间不含 0。",
                "Its Brier score is worse than that of the time since the beginning alone, with an interval without 0.",
            ),
        )
    if check["auc"]["high"] < 0.5:
        return Judgement(False, Words("比随机排序还差。", "It is worse than a random order."))
    return Judgement(
        True,
        Words("不显著差于只看时长的曲线。", "It is not shown to be worse than the time since the beginning alone."),
    )


def sentence(check: Figures | None, why: Words | None, days: int) -> Words:
    if check is None:
        assert why is not None
        return why
    area, gap = check["auc"], check["auc_difference"]
    better = ("优于", "better than") if gap["low"] > 0 else ("不优于", "not shown to be better than")
    better = ("不如", "worse than") if gap["high"] < 0 else better
    share = 100 * check["left"] / check["contracts"]
    n, came, foretold, alone = (check[key] for key in ("contracts", "left", "predicted", "auc_of_time"))
    alone = alone["estimate"]
    return Words(
        f"上一个 {days} 天：{n:,} 份合同中预计离开 {foretold:,.0f}，实际 {came:,}（{share:.1f}%）。AUC"
        f" {area['estimate']:.3f}（{area['low']:.3f} ~ {area['high']:.3f}），排序{better[0]}只看时长（{alone:.3f}）。",
        f"In the last {days} days {foretold:,.0f} of {n:,} contracts were foretold to be left, and {came:,} were"
        f" ({share:.1f}%). AUC {area['estimate']:.3f} ({area['low']:.3f} to {area['high']:.3f}): {better[1]} the time"
        f" since the beginning alone ({alone:.3f}).",
    )


def sections(check: Figures | None, staying: Staying, members: int, expected: float, days: int) -> list[Figures]:
    """Figures in a row, calibration by fifths of risk, by values of columns, and how long contracts last."""
    found = [
        stats(
            stat(Words("合同在期的人", "Members under contract"), members, "count"),
            stat(Words(f"预计 {days} 天内离开", f"Expected to leave within {days} days"), expected, "count"),
            stat(
                Words("预计离开（上一期）", "Foretold, a horizon ago"), check["predicted"] if check else None, "count"
            ),
            stat(Words("实际离开", "Left"), check["left"] if check else None, "count"),
            stat(
                Words("AUC", "AUC"),
                check["auc"]["estimate"] if check else None,
                "number",
                check["auc"] if check else None,
            ),
        )
    ]
    if check:
        seen: list[tuple[Words, Format]] = [
            (Words("实际", "Left"), "percent"),
            (Words("下限", "Low"), "percent"),
            (Words("上限", "High"), "percent"),
        ]
        found += [
            table(
                Words("预测与实际", "Foretold and seen"),
                Words(
                    "上一期在期的合同，按离开概率分五组；区间为 95%。",
                    "Contracts under way a horizon ago, by fifths of their chance to be left; intervals are of 95%.",
                ),
                [(Words("合同", "Contracts"), "count"), (Words("预测", "Foretold"), "percent"), *seen],
                [
                    [one["size"], one["predicted"], one["observed"], one["low"], one["high"]]
                    for one in check["calibration"]
                ],
            ),
            table(
                Words("谁会离开", "Who leaves"),
                Words(
                    "同一批合同，按各列的取值；数字列分三段。",
                    "The same contracts by what is known of them; numbers are cut into thirds.",
                ),
                [
                    (Words("列", "Column"), "text"),
                    (Words("取值", "Value"), "text"),
                    (Words("合同", "Contracts"), "count"),
                    (Words("预测", "Foretold"), "percent"),
                    *seen,
                ],
                [
                    [
                        one["column"],
                        one["value"],
                        one["contracts"],
                        one["predicted"],
                        *(one["left"][key] for key in ("estimate", "low", "high")),
                    ]
                    for one in check["by_value"]
                ],
            ),
        ]
    marks = [n * days for n in HORIZONS if n * days <= staying.longest]
    shares = np.concatenate([[1.0], staying.stays])[np.searchsorted(staying.times, marks, side="right")]
    lasting = table(
        Words("合同持续多久", "How long contracts last"),
        Words(
            f"由 {staying.contracts:,} 份合同得出，未结束的也计入（Kaplan–Meier）。",
            f"From {staying.contracts:,} contracts, those that go on among them (Kaplan-Meier).",
        ),
        [(Words("天", "Days"), "count"), (Words("仍在", "Stay"), "percent")],
        [[mark, share] for mark, share in zip(marks, shares.tolist(), strict=True)],
    )
    return [*found, lasting]
