"""Search and what conditions can be about, on the small shop."""

from __future__ import annotations

from pathlib import Path

import pytest

import gongbi
from gongbi.errors import UnknownName


def test_what_is_defined_is_found_by_pinyin_initials_and_words(built_shop: Path) -> None:
    with gongbi.open(built_shop) as ws:
        assert [row["name"] for row in ws.search("xfze")] == ["tag.spend.total"]
        assert [row["name"] for row in ws.search("changke")] == ["segment.regulars"]
        assert [row["name"] for row in ws.search("town")] == ["customer.town"]
        assert [row["name"] for row in ws.search("shuigo", kinds=["tag"])] == ["tag.spend.fruit_share"]
        assert ws.search("gmrs", subject="customer") == []
        assert [row["name"] for row in ws.search("gmrs")] == ["tag.item.buyers"]
        assert [tag["tag"] for tag in ws.call("tags", search="dingdan")] == ["spend.orders"]
        with pytest.raises(UnknownName, match="kind"):
            ws.search("x", kinds=["tags"])


def test_the_fields_of_a_form_are_what_an_expression_may_name(built_shop: Path) -> None:
    with gongbi.open(built_shop) as ws:
        found = ws.call("fields")
        kinds = {field["name"]: field["kind"] for field in found["fields"]}
        assert kinds == {
            "tag.spend.total": "number",
            "tag.spend.orders": "number",
            "tag.spend.fruit_share": "number",
            "customer.town": "text",
        }
        (order,) = found["facts"]
        columns = [column["name"] for column in order["columns"]]
        assert columns == ["order.ts", "order.amount", "order.units", "order.item", "order.item.shelf"]
        for field in found["fields"]:
            ws.segment(f"{field['name']} is not absent").count()
        for column in columns:
            ws.segment(f"count(distinct {column}) > 0").count()
        assert found["segments"] == [{"name": "regulars", "title": {"zh": "常客", "en": "Regulars"}}]
