"""What a notebook shows of a result: a table with every cell of it."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa

import gongbi
from gongbi.workspace import Members, Rows


class Cells(HTMLParser):
    """The texts of a table's cells, row by row."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.rows[-1][-1] += data


def test_rows_show_as_a_table_and_what_looks_like_markup_is_text() -> None:
    rows = Rows([{"名称": "常客", "n": 2}, {"名称": "<script>alert(1)</script> & co", "n": None}])
    html = rows._repr_html_()
    assert "<script>" not in html
    head, first, second = Cells(html).rows
    assert head[1:] == ["名称", "n"]
    assert first[1:] == ["常客", "2.0"]
    assert second[1] == "<script>alert(1)</script> & co"
    assert Cells(Rows()._repr_html_()).rows[1:] == [], "nothing is a table without rows"


def test_many_rows_are_cut_and_said_to_be() -> None:
    html = Rows({"n": n} for n in range(1000))._repr_html_()
    assert len(Cells(html).rows) < 80
    assert re.search(r"1000 rows", unescape(html))


def test_answers_of_a_workspace_show_as_tables(built_shop: Path) -> None:
    with gongbi.open(built_shop) as ws:
        tags, runs = ws.tags, ws.runs()
        shown = [row[1:] for row in Cells(tags._repr_html_()).rows]
        assert shown[0] == list(tags[0])
        at = shown[0].index("tag")
        assert [row[at] for row in shown[1:]] == [tag["tag"] for tag in tags]
        assert len(Cells(runs._repr_html_()).rows) == 1 + len(runs) > 2
        customer = ws.customer(10)
        head, *listed = Cells(customer._repr_html_()).rows
        values = {row[head.index("tag")]: row[head.index("value")] for row in listed}
    assert values.keys() == customer.tags.keys()
    assert float(values["spend.total"]) == 17.5
    assert float(values["spend.orders"]) == 3


def test_members_are_an_arrow_table_that_shows(built_shop: Path) -> None:
    with gongbi.open(built_shop) as ws:
        members = ws.segment("true").members(["customer.town"])
    assert isinstance(members, Members)
    table = pa.table(members)
    assert table.column_names == ["id", "customer.town"]
    head, *rows = Cells(members._repr_html_()).rows
    assert head == ["id", "customer.town"]
    assert [row[0] for row in rows] == [str(id_) for id_ in table["id"].to_pylist()]
    assert members == table
    assert len(members) == members.num_rows == 4


def test_a_long_list_shows_both_ends_and_its_length() -> None:
    members = Members(pa.table({"id": range(100_000)}))
    html = members._repr_html_()
    shown = [row[0] for row in Cells(html).rows[1:]]
    assert shown[0] == "0"
    assert shown[-1] == "99999"
    assert len(shown) == 60
    assert "100,000 rows" in html
