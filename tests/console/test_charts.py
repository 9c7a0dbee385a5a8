"""What charts say, against figures that plain SQL takes from the files themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

import gongbi
from gongbi.console import charts, parts
from gongbi.console.frame import Page
from gongbi.console.pages import overview, tags

from .small_shop import build_shop

Ask = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_shop(tmp_path_factory.mktemp("charts") / "shop")


@pytest.fixture(scope="module")
def ask(root: Path) -> Iterator[Ask]:
    """Ask a DuckDB that knows nothing of the platform, only the two files; amounts that are no numbers are left out."""
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        for name in ("people", "purchases"):
            connection.execute(f"create table all_{name} as from read_csv('{root / name}.csv', all_varchar = true)")
        connection.execute("create view people as select card::bigint as card, city from all_people")
        connection.execute(
            'create view purchases as select card::bigint as card, cast("at" as timestamp) as moment,'
            " amount::decimal(18, 2) as amount, basket from all_purchases"
            " where try_cast(amount as decimal(18, 2)) is not null"
        )
        yield lambda sql: connection.sql(sql).fetchall()


class Asked(Page):
    """A page that asks in the thread of the test."""

    async def call(self, verb: str, **params: Any) -> Any:
        return self.ws.call(verb, **params)


@pytest.fixture
def page(root: Path) -> Iterator[Page]:
    with gongbi.open(root) as ws:
        yield Asked(SimpleNamespace(ws=ws), "overview", "en", "/")  # type: ignore[arg-type]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The options of the charts that a page draws."""
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(parts, "chart", lambda options, *_, **__: found.append(options))
    return found


def series(options: dict[str, Any]) -> list[list[Any]]:
    return [list(one["data"]) for one in options["series"]]


def test_the_weeks_of_the_overview_are_those_of_the_file(page: Page, drawn: list[dict[str, Any]], ask: Ask) -> None:
    overview._weekly(page, page.ws.call("overview"))
    (options,) = drawn
    weeks = ask(
        "select strftime(date_trunc('week', moment), '%Y-%m-%d'), count(*), count(distinct card)"
        " from purchases group by 1 order by 1"
    )
    assert len(weeks) > 20
    assert options["xAxis"]["data"] == [week for week, _, _ in weeks]
    assert series(options) == [[n for _, n, _ in weeks], [members for _, _, members in weeks]]


def test_the_groups_of_the_overview_are_the_counted_ones(page: Page, drawn: list[dict[str, Any]], ask: Ask) -> None:
    asyncio.run(overview._rfm(page))
    (options,) = drawn
    ((known,),) = ask("select count(*) from people")
    best = page.ws.segment("tag.rfm.recency >= 4 and tag.rfm.frequency >= 4").count()
    found = dict(zip(options["yAxis"]["data"], series(options)[0], strict=True))
    assert 0 < best < known
    assert found == {"champions": best, "occasional": known - best}


def described(page: Page, name: str) -> dict[str, Any]:
    return next(tag for tag in page.ws.call("tags") if tag["tag"] == name)


TRIPS = "select count(distinct basket) as trips from people left join purchases using (card) group by card"
FEW = {
    "person.city": "select city, count(*) from people group by 1 order by 2 desc",
    "value.trips": f"select trips::varchar, count(*) from ({TRIPS}) group by trips order by trips",
}


@pytest.mark.parametrize("tag", FEW)
def test_the_distribution_of_a_tag_with_few_values_is_that_of_the_file(
    tag: str, page: Page, drawn: list[dict[str, Any]], ask: Ask
) -> None:
    tags._distribution(page, described(page, tag))
    (options,) = drawn
    expected = ask(FEW[tag])
    assert dict(zip(options["yAxis"]["data"], series(options)[0], strict=True)) == dict(expected)
    if tag == "value.trips":
        assert options["yAxis"]["data"] == [name for name, _ in expected], "in the order of the numbers"


def test_the_distribution_of_an_amount_is_that_of_the_file(page: Page, drawn: list[dict[str, Any]], ask: Ask) -> None:
    tag = described(page, "value.spend")
    tags._distribution(page, tag | {"unit": None})  # The unit is a label beside the chart.
    (options,) = drawn
    spent = [amount for (amount,) in ask("select sum(amount) from purchases group by card")]
    (bars,) = series(options)
    assert sum(bars) == len(spent)
    bins = tag["histogram"]
    low, high, width = min(spent), max(spent), float(max(spent) - min(spent)) / len(bins)
    assert (bins[0]["low"], bins[-1]["high"]) == pytest.approx((float(low), float(high)))
    counted = [0] * len(bins)
    for amount in spent:
        counted[min(int(float(amount - low) / width), len(bins) - 1)] += 1
    assert bars == counted


@pytest.mark.parametrize(("highest", "marks"), [(0.012, charts.PERCENT), (0.4, "v => Math.round(100 * v) + `%`")])
def test_heights_of_less_than_a_few_per_cent_are_marked_apart(highest: float, marks: str) -> None:
    curve = {"name": "Qini", "data": [[0.0, 0.0], [0.5, highest], [1.0, -highest / 2]]}
    options = charts.lines([curve], x="treated", y="")
    assert options["yAxis"]["axisLabel"][":formatter"] == marks
    assert options["xAxis"]["axisLabel"][":formatter"] == "v => Math.round(100 * v) + `%`"


def test_each_value_lies_in_its_interval_on_a_row_of_its_own() -> None:
    """Names as rows from the top, and 0 marked, so that an interval that reaches it is seen to."""
    whole = charts.intervals(["milk", "eggs"], [-1.9, -0.8], [-3.1, -1.6], [-0.7, 0.1])
    options, media = whole["baseOption"], whole["media"]
    assert ["query" in one for one in media] == [True, False], "the last holds wherever the page is not narrow"
    spans, ends, values = options["series"]
    assert options["yAxis"]["data"] == ["milk", "eggs"]
    assert options["yAxis"]["inverse"] is True
    assert [one["value"] for one in values["data"]] == [[-1.9, 0], [-0.8, 1]]
    assert [one["coords"] for one in spans["data"]] == [[[-3.1, 0], [-0.7, 0]], [[-1.6, 1], [0.1, 1]]]
    assert values["markLine"]["data"] == [{"xAxis": 0}]
    # The axis goes by points alone: without the ends and 0 among them an interval would be cut off.
    assert sorted(x for x, _ in ends["data"]) == [-3.1, -1.6, -0.7, 0.0, 0.1]
    assert ends["symbolSize"] == 0
