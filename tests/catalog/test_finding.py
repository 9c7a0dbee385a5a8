"""Finding by what people type: Chinese, pinyin, initials, English, with a slip or two."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongbi.catalog.finding import distance_within, fit

TITLES = {
    "rfm.recency": ("最近消费得分", "Recency score"),
    "value.spend": ("累计消费", "Spend"),
    "person.city": ("重庆客户", "Customers of Chongqing"),
    "value.trips": ("购物次数", "Shopping trips"),
    "bank.length": ("银行客户年限", "Years with the bank"),
}


def found(query: str) -> list[str]:
    places = {tag: fit(query, (*titles, tag)) for tag, titles in TITLES.items()}
    return sorted((tag for tag, place in places.items() if place is not None), key=lambda tag: (places[tag], tag))


@pytest.mark.parametrize(
    ("query", "tag"),
    [
        ("最近消费", "rfm.recency"),
        ("zuijinxiaofei", "rfm.recency"),
        ("zui jin xiao fei", "rfm.recency"),
        ("zjxf", "rfm.recency"),
        ("ZJXF", "rfm.recency"),
        ("recency", "rfm.recency"),
        ("rfm.rec", "rfm.recency"),
        ("score recency", "rfm.recency"),
        # Slips: a letter too few, two swapped, another one; a character.
        ("zuijnxiaofei", "rfm.recency"),
        ("recnecy", "rfm.recency"),
        ("最近销费", "rfm.recency"),
        # 重 and 行 are read by the phrase that they stand in.
        ("chongqing", "person.city"),
        ("cq", "person.city"),
        ("yinhang", "bank.length"),
        ("yhkh", "bank.length"),
        ("消费", "rfm.recency"),
        ("ｔｒｉｐｓ", "value.trips"),
    ],
)
def test_a_tag_is_found_by_what_people_type(query: str, tag: str) -> None:
    assert tag in found(query)


def test_what_fits_best_comes_first_and_what_does_not_fit_is_left_out() -> None:
    assert found("消费") == ["rfm.recency", "value.spend"]
    assert found("spend")[0] == "value.spend"
    # A wrong reading is no more than a slip.
    city = TITLES["person.city"]
    assert (fit("chongqing", city), fit("zhongqing", city)) == (2, 6)
    assert found("xyz") == []
    assert found("zj 次数") == []
    assert len(found("  ")) == len(TITLES)


def by_hand(wanted: str, text: str) -> int:
    """Edit distance to the nearest part of a text, a part at a time."""

    def apart(a: str, b: str) -> int:
        row = list(range(len(b) + 1))
        rows = [row]
        for i, x in enumerate(a, 1):
            row = [i]
            for j, y in enumerate(b, 1):
                best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (x != y))
                if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                    best = min(best, rows[-2][j - 2] + 1)
                row.append(best)
            rows.append(row)
        return rows[-1][-1]

    return min(apart(wanted, text[i:j]) for i in range(len(text) + 1) for j in range(i, len(text) + 1))


@settings(max_examples=60, deadline=None)
@given(st.text("abc", max_size=6), st.text("abc", max_size=7))
def test_slips_are_counted_as_letter_by_letter_by_hand(wanted: str, text: str) -> None:
    assert distance_within(wanted, text) == by_hand(wanted, text)
