"""What texts talk about more than before: topics of a model of texts, counted over time, with levels that warn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa

from gongbi.catalog.base import ModelDef
from gongbi.catalog.catalog import Catalog
from gongbi.core.dialect import Dialect
from gongbi.core.grouping import rows_as_of
from gongbi.core.language import compile_row
from gongbi.core.plan import Plan
from gongbi.core.types import TIMESTAMP
from gongbi.errors import InvalidInput, NotYet
from gongbi.estimators.checks import IntArray
from gongbi.estimators.text.bursts import bursts, warning_levels
from gongbi.models.base import Figures
from gongbi.models.plan import last_day
from gongbi.models.texts import BAD

#: The longest period, and the most periods that are looked at.
MOST_DAYS = 366
MOST_PERIODS = 104


def said_plan(model: ModelDef, catalog: Catalog, dialect: Dialect, as_of: datetime) -> Plan:
    """Texts per local day and topic, as of the instant.

    Grain: one row per day and topic, the topic null of texts that none accounts for. Columns ``day``, ``topic``,
    ``texts``, and of them ``bad``.
    """
    fact = catalog.world.fact(f"{model.model}_said")
    day = compile_row("date(ts)", {"ts": TIMESTAMP}, dialect, zone=catalog.world.zone).sql
    rows = rows_as_of(fact, catalog.world, dialect, as_of)
    return Plan().then(
        "counted",
        f"select {day} as day, topic, count(*) as texts, count(*) filter (where sentiment = '{BAD}') as bad"
        f" from ({rows}) r group by {day}, topic order by day, topic",
    )


@dataclass(frozen=True, slots=True)
class Counted:
    """Texts in periods of equal length, the last of which ends with the last day that is known.

    Attributes
    ----------
    begins
        First day of each period.
    topics, bad
        Texts of each topic, and those of them that are bad, of shape (n_periods, n_topics).
    totals
        All texts, also those of no topic.
    """

    begins: tuple[date, ...]
    topics: IntArray
    bad: IntArray
    totals: IntArray


def counted(rows: pa.Table, topics: int, last: date, days: int) -> Counted:
    """Put days into periods counted back from the last day; those that began before the first text are left out."""
    found = rows.to_pylist()
    first = min((row["day"] for row in found), default=last)
    periods = min(((last - first).days + 1) // days, MOST_PERIODS)
    table, bad = (np.zeros((periods, topics), dtype=np.int64) for _ in range(2))
    totals = np.zeros(periods, dtype=np.int64)
    for row in found:
        place = periods - 1 - (last - row["day"]).days // days
        if place < 0:
            continue
        totals[place] += row["texts"]
        if row["topic"] is not None:
            table[place, row["topic"] - 1] += row["texts"]
            bad[place, row["topic"] - 1] += row["bad"]
    begins = tuple(last - timedelta(days=days * (periods - k) - 1) for k in range(periods))
    return Counted(begins, table, bad, totals)


def hot(rows: pa.Table, words: Mapping[int, str], as_of: datetime, zone: str, *, days: int, past: int) -> Figures:
    """Which topics rose beyond chance, and from how many texts on each warns in the period to come.

    Parameters
    ----------
    rows
        As `said_plan` gives them.
    words
        Number of a topic, from 1 on → its words.
    days, past
        Length of a period, and with how many before it one is compared.

    Raises
    ------
    InvalidInput
        `days` or `past` cannot be.
    NotYet
        The texts reach over too few periods.
    """
    if not 1 <= days <= MOST_DAYS or not 2 <= past < MOST_PERIODS:
        raise InvalidInput(
            f"A period has 1 to {MOST_DAYS} days and is compared with 2 to {MOST_PERIODS - 1} before it,"
            f" not {days} and {past}."
        )
    found = counted(rows, len(words), last_day(as_of, zone), days)
    if len(found.begins) <= past:
        raise NotYet(
            f"The texts reach over {len(found.begins)} periods of {days} days; {past + 1} are needed to compare one"
            f" with {past} before it.",
            hint="Take shorter periods, or compare with fewer.",
        )
    risen = bursts(found.topics, found.totals, past=past)
    now = len(found.begins) - 1
    before, last = slice(now - past, now), slice(now - past + 1, now + 1)
    reached = warning_levels(found.topics[before], found.totals[before], full=float(found.totals[now]))
    coming = warning_levels(found.topics[last], found.totals[last])
    rising = {int(topic) for period, topic in zip(risen.period, risen.topic, strict=True) if period == now}
    size = max(float(found.totals[before].sum()), 1.0)
    topics = []
    for number, name in sorted(words.items()):
        k = number - 1
        seen, bad = int(found.topics[now, k]), int(found.bad[now, k])
        topics.append(
            {
                "topic": number,
                "words": name,
                "texts": int(found.topics[:, k].sum()),
                "now": seen,
                "usual": float(found.topics[before, k].sum()) * float(found.totals[now]) / size,
                "bad": bad / seen if seen else None,
                "rising": k in rising,
                "warned": seen >= int(reached[k]),
                "level": int(coming[k]),
                "counts": found.topics[:, k].tolist(),
            }
        )
    topics.sort(key=lambda one: (not one["rising"], not one["warned"], -one["now"], one["topic"]))
    return {
        "days": days,
        "past": past,
        "periods": [day.isoformat() for day in found.begins],
        "texts": found.totals.tolist(),
        "topics": topics,
        "bursts": [
            {
                "period": found.begins[period].isoformat(),
                "topic": int(topic) + 1,
                "words": words[int(topic) + 1],
                "texts": int(seen),
                "usual": float(usual),
                "chance": float(chance),
            }
            for period, topic, seen, usual, chance in zip(
                risen.period, risen.topic, risen.seen, risen.expected, risen.chance, strict=True
            )
        ],
    }
