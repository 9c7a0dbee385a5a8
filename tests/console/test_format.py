"""Numbers, dates and values as readers of both languages see them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from gongbi.console import charts
from gongbi.console.format import Format

ZH, EN = Format("zh", "America/New_York"), Format("en", "America/New_York")


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "—"), (0, "0"), (1474255, "1,474,255"), (31.857, "31.86"), (0.0589, "0.059"), (-0.001, "-0.0010"),
     (Decimal("2.00"), "2"), (float("nan"), "—"), (12345.6, "12,346")],
)  # fmt: skip
def test_a_number_has_its_thousands_apart_and_as_many_digits_as_say_something(value: Any, shown: str) -> None:
    assert EN.number(value) == shown


def test_a_rounded_number_is_never_minus_zero() -> None:
    assert EN.number(-0.002, 2) == "0.00"


def test_an_instant_without_a_zone_is_utc_and_shown_in_the_zone_of_the_workspace() -> None:
    assert EN.instant(datetime.fromisoformat("2018-01-01T05:00")) == "1 Jan 2018 00:00"
    assert ZH.instant("2018-01-01T05:00:00+00:00") == "2018年1月1日 00:00"
    assert ZH.date(date(2017, 12, 31)) == "2017年12月31日"


def test_a_chart_has_the_clock_of_the_workspace_whatever_the_browser_s() -> None:
    """In summer New York is four hours behind UTC, in winter five."""
    assert EN.on_axis("2018-07-01T03:30:00+00:00") == "2018-06-30T23:30:00Z"
    assert EN.on_axis(datetime.fromisoformat("2018-01-01T05:00")) == "2018-01-01T00:00:00Z"
    assert EN.on_axis(None) is None
    options = charts.over_time([(EN.on_axis("2018-07-01T03:30:00+00:00"), 1)], "x", EN.zone.key)
    assert (options["useUTC"], options["xAxis"]["name"]) == (True, "America/New_York")


def test_absent_is_a_dash_and_never_zero() -> None:
    assert EN.value(None, "USD") == "—"
    assert EN.percent(None) == "—"
    assert EN.interval(None) == "—"


def test_values_speak_the_language_of_the_reader() -> None:
    assert (ZH.value(True), EN.value(True)) == ("是", "yes")
    assert (ZH.value(12, "days"), EN.value(12, "days")) == ("12 天", "12 days")
    assert (ZH.value("at_risk"), EN.value("at_risk")) == ("有流失风险", "at risk")


def test_an_interval_shows_its_bounds() -> None:
    assert EN.interval({"estimate": 0.849, "low": 0.82, "high": 0.878}, digits=3) == "0.849 (0.820 – 0.878)"
    assert EN.interval({"value": 0.189, "low": 0.167, "high": 0.213}, percent=True) == "18.9% (16.7% – 21.3%)"
