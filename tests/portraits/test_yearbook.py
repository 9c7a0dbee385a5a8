"""A customer's year is made of their own rows, and compared with the others by nothing but a share."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

import gongbi
from gongbi.errors import GongbiError, InvalidInput, NotYet, UnknownName
from gongbi.portraits.yearbook import compared, longest_run, told
from gongbi.testing.shop import lay_out, open_for_half_a_year
from gongbi.workspace import Workspace

BOOK = """
yearbook: year
fact: order
title: {zh: "你的 {year}", en: "Your {year}"}
streak: week
figures:
  - figure: orders
    expr: count(order) filter (where during())
    words: {zh: "{value} 单", en: "{value} orders"}
    compare: true
  - figure: spend
    expr: sum(order.amount) filter (where during())
    unit: CNY
    words: {zh: "{value}", en: "{value}"}
    compare: true
  - figure: refunds
    expr: sum(order.amount) filter (where during() and order.amount < 0)
    words: {zh: "{value}", en: "{value}"}
charts:
  - {chart: months, name: {zh: 月, en: Months}, expr: sum(order.amount) filter (where during()), unit: CNY}
"""


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A shop of sixty customers and half a year."""
    root = lay_out(tmp_path_factory.mktemp("years") / "shop")
    open_for_half_a_year(root, 60)
    (root / "definitions/learning.yaml").write_text(BOOK, "utf-8")
    with gongbi.open(root, actor="tester") as opened:
        opened.apply()
        opened.ingest()
        yield opened


def orders(ws: Workspace) -> dict[int, list[tuple[datetime, float]]]:
    """Card → orders by local time, read in plain Python."""
    found: dict[int, list[tuple[datetime, float]]] = {}
    with (ws.root / "data/orders.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            if row["amount"] != "much":
                at = datetime.fromisoformat(row["at"])
                if at.year == 2024:
                    found.setdefault(int(row["card"]), []).append((at, float(row["amount"])))
    return found


def test_figures_months_and_runs_are_those_of_the_customers_own_rows(ws: Workspace) -> None:
    known = orders(ws)
    for card in sorted(known, key=lambda card: -len(known[card]))[::12]:
        mine, book = known[card], ws.yearbook(card, 2024)
        count, spend = book["figures"]
        assert count["value"] == len(mine)
        assert float(spend["value"]) == pytest.approx(sum(amount for _, amount in mine))
        others = [rows for other, rows in known.items() if other != card]
        assert count["less"] == pytest.approx(sum(len(rows) < len(mine) for rows in others) / len(others))
        months = [sum(amount for at, amount in mine if at.month == month) for month in range(1, 13)]
        assert book["charts"][0]["values"] == pytest.approx(months)
        weeks = {(at.date() - timedelta(days=at.weekday())).toordinal() // 7 for at, _ in mine}
        longest = max(next(n for n in range(60) if week + n not in weeks) for week in weeks)
        assert book["streak"]["length"] == longest
        assert str(len(mine)) in count["words"]["zh"]
        assert (book["title"]["en"], book["empty"]) == ("Your 2024", False)


def test_an_empty_year_says_so_and_a_year_to_come_is_refused(ws: Workspace, tmp_path: Path) -> None:
    book = ws.yearbook(10, 2023)
    assert (book["empty"], book["figures"], book["charts"], book["streak"]) == (True, [], [], None)
    ws.print_yearbook(10, 2023, tmp_path / "empty.html", language="en")
    assert "nothing of yours" in (tmp_path / "empty.html").read_text("utf-8")
    with pytest.raises(InvalidInput, match="has not begun"):
        ws.yearbook(10, 2999)
    with pytest.raises(InvalidInput, match="no year"):
        ws.yearbook(10, 7)
    with pytest.raises(UnknownName):
        ws.yearbook(987654, 2024)


def test_what_is_printed_names_nobody_and_goes_on_record(ws: Workspace, tmp_path: Path) -> None:
    done = ws.print_yearbook("card:10", 2024, tmp_path / "year.html", language="en")
    page = (tmp_path / "year.html").read_text("utf-8")
    book = ws.yearbook(10, 2024)
    for figure in book["figures"]:
        assert figure["words"]["en"] in page
    assert "上海" not in page
    assert "Lyon" not in page
    assert "card" not in page
    assert ws.context is not None
    entry = ws.context.store.audit.list()[0]
    assert (entry.action, entry.details["sha256"]) == ("print_yearbook", done["sha256"])


def test_a_year_is_a_pdf_too_in_the_language_asked_for_and_the_same_however_often_it_is_printed(
    ws: Workspace, tmp_path: Path
) -> None:
    pytest.importorskip("weasyprint", reason="the extra `print` is not installed")
    done = [ws.print_yearbook(10, 2024, tmp_path / f"{name}.pdf", language=name[:2]) for name in ("en1", "en2", "zh1")]
    assert (tmp_path / "en1.pdf").read_bytes().startswith(b"%PDF")
    assert done[0]["sha256"] == done[1]["sha256"] != done[2]["sha256"]


def test_few_others_are_not_compared_with(shop: Path) -> None:
    (shop / "definitions/year.yaml").write_text(BOOK, "utf-8")
    with gongbi.open(shop) as ws:
        with pytest.raises(NotYet):
            ws.yearbook(10, 2024)
        ws.apply()
        ws.ingest()
        book = ws.yearbook(10, 2024)
    assert [one["less"] for one in book["figures"]] == [None, None]
    assert book["figures"][0]["value"] == 3


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("count(order) filter (where during())", "count(order)", "does not say of when"),
        ("count(order) filter (where during())", "tag.spend.orders", "knows no period"),
        ("count(order) filter (where during())", "count(order) filter (where ahead(3, 'day'))", "looks ahead"),
        ('zh: "{value} 单"', 'zh: "单"', "have no {value}"),
        ("figure: spend", "figure: orders", "two figures called"),
        ("fact: order", "fact: visit", "visit"),
    ],
)
def test_a_definition_that_tells_of_another_time_is_refused(shop: Path, old: str, new: str, said: str) -> None:
    assert old in BOOK
    (shop / "definitions/year.yaml").write_text(BOOK.replace(old, new, 1), "utf-8")
    with gongbi.open(shop) as ws, pytest.raises(GongbiError, match=said):
        ws.apply()


def test_runs_of_days_weeks_and_months() -> None:
    days = [date(2024, 1, 1), date(2024, 1, 2), date(2024, 1, 9), date(2024, 3, 1), date(2023, 12, 31)]
    assert longest_run(days, "day") == (3, date(2023, 12, 31), date(2024, 1, 2))
    assert longest_run(days, "week") == (3, date(2023, 12, 31), date(2024, 1, 9))
    assert longest_run(days, "month") == (2, date(2023, 12, 31), date(2024, 1, 9))
    assert longest_run([], "day") is None


def test_figures_are_written_as_people_read_them() -> None:
    assert told(datetime(2017, 1, 5, tzinfo=UTC), None, "zh") == "2017年1月5日"
    assert told(12345, None, "en") == "12,345"
    assert told(12345.678, "USD", "zh") == "12,345.68 USD"
    assert compared(1.0, "en") == "Nobody had more."
    assert compared(0.996, "en") == "More than 99% of the others."
