"""A name that nobody knows but a page uses as a title leads to the name that is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

import gongbi as package
from gongbi.errors import UnknownName
from gongbi.services.hints import likely

TITLES = {"purchase": ("购买明细", "Purchase lines"), "trip": ("购物行程", "Shopping trips"), "x": ("", "")}


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("购买", "purchase"),
        ("购买明细", "purchase"),
        ("tag.购物行程", "trip"),
        ("shopping trip", "trip"),
        ("购物行程数", "trip"),
        ("余额", None),
        ("q", None),
        ("", None),
    ],
)
def test_the_most_like_title_is_taken_and_none_where_nothing_is_like_it(written: str, name: str | None) -> None:
    assert likely(written, TITLES) == name


OFFERED = {
    "消费额 > 3": "tag.spend.total",
    "tag.订单 > 3": "spend.orders",
    "not 常客们": "segment.regulars",
    "count(购买) > 1": "order",
    "count(order) filter (where 付款 > 3) > 0": "amount",
}


def test_titles_of_definitions_are_offered(built_shop: Path) -> None:
    sources = built_shop / "definitions/sources.yaml"
    named = sources.read_text("utf-8").replace("source: orders\n", "source: orders\nname: {zh: 购买明细, en: Lines}\n")
    named = named.replace("currency: CNY}", "currency: CNY, name: {zh: 付款金额, en: Paid}}")
    sources.write_text(named, "utf-8")
    with package.open(built_shop) as ws:
        ws.apply()
        for expression, near in OFFERED.items():
            with pytest.raises(UnknownName) as refused:
                ws.call("count", expression=expression)
            assert (refused.value.hint or "").endswith(f"Did you mean {near!r}?"), expression
