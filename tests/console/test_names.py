"""What subjects and facts are called: as their definitions say, else in usual words."""

from __future__ import annotations

import pytest

from gongbi.console.words import named, one_of

THINGS = {
    "customer": {"zh": "顾客家庭", "en": "Household"},
    "store": {"zh": "门店", "en": "Store"},
    "deposit": {"zh": "定期存款", "en": "Deposits"},
    "manager": {"zh": "客户经理", "en": ""},
}


@pytest.mark.parametrize(
    ("name", "zh", "en"),
    [
        ("customer", "顾客家庭", "Household"),
        # Called as it usually is: the usual word has a plural.
        ("store", "门店", "Stores"),
        ("deposit", "定期存款", "Deposits"),
        ("manager", "客户经理", "客户经理"),
        ("product", "商品", "Products"),
        ("relation.owns.deposit", "owns · 定期存款", "owns · Deposits"),
        ("customer.manager", "顾客家庭 · 客户经理", "Household · 客户经理"),
        ("nobody", "nobody", "nobody"),
    ],
)
def test_a_thing_is_called_as_its_definition_says_else_in_usual_words(name: str, zh: str, en: str) -> None:
    assert (named(name, "zh", THINGS), named(name, "en", THINGS)) == (zh, en)


def test_one_of_many_is_in_the_singular() -> None:
    assert [one_of(name, "en", THINGS) for name in ("store", "customer", "product", "deposit")] == [
        "Store",
        "Household",
        "Product",
        "Deposits",
    ]
