"""Expressions in words: every function of the catalogue, both languages, nothing lost and nothing confused."""

from __future__ import annotations

import itertools
import re

import pytest

from gongbi.core import expr as ir
from gongbi.core.expr import Constant
from gongbi.core.functions import CATALOGUE
from gongbi.core.functions.sample import WORLD
from gongbi.core.functions.words import WORDS
from gongbi.core.language import check_expression
from gongbi.core.words import Titles, sentence

EXAMPLES = [example.text for entry in CATALOGUE.values() for example in entry.examples]


def said(text: str, titles: Titles | None = None) -> tuple[str, str]:
    expr = check_expression(text, WORLD, "member", ahead=True)
    known = titles or Titles()
    return sentence(expr, known, "zh"), sentence(expr, known, "en")


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_function_can_be_said_with_all_its_constants(name: str) -> None:
    for example in CATALOGUE[name].examples:
        try:
            expr = check_expression(example.text, WORLD, "member", ahead=True)
        except Exception:  # noqa: BLE001 (an example about another world is that world's business)
            continue
        for text in said(example.text):
            assert text
            assert not re.search(r"\{(\d|rows)\}", text), "a hole was left"
            assert "\ue000" not in text
            for part in ir.walk(expr):
                if isinstance(part, Constant) and isinstance(part.value, str) and part.value not in SPOKEN:
                    assert part.value in text
                if isinstance(part, Constant) and isinstance(part.value, int) and not isinstance(part.value, bool):
                    assert str(part.value) in text or name in ("regularly", "within")


#: Texts that are said in words of their own: units and periods.
SPOKEN = {
    u for unit in ("minute", "hour", "day", "week", "month", "quarter", "year") for u in (unit, f"calendar_{unit}")
}


def test_words_are_of_functions_that_exist() -> None:
    assert {name.split("/")[0] if name != "/" else name for name in WORDS} <= set(CATALOGUE)


def test_different_expressions_are_said_differently() -> None:
    texts = [
        *("sum(sample.amount)", "avg(sample.amount)", "count(sample)", "count(sample.amount)"),
        *(f"count(sample) filter (where within({n}, '{u}', {a}))"
          for n, u, a in itertools.product((1, 2, 30), ("day", "month", "calendar_month", "calendar_day"), (0, 1, 2))
          if u != "month"),
        *("count(sample) filter (where this('month'))", "count(sample) filter (where previous('month'))"),
        *("1 - (2 - 3)", "(1 - 2) - 3", "true and (false or true)", "(true and false) or true", "not (true and false)"),
        "count(sample) filter (where promoted and within(30, 'day'))",
        "count(sample) filter (where not within(30, 'day'))",
    ]  # fmt: skip
    for language in (0, 1):
        # This month so far is one thing, however it is written.
        same = {"count(sample) filter (where this('month'))", "count(sample) filter (where previous('month'))"}
        seen = [said(text)[language] for text in texts if text not in same]
        assert len(set(seen)) == len(seen)


def test_names_of_definitions_are_used() -> None:
    titles = Titles(
        facts={"sample": ("消费", "purchases")},
        columns={("sample", "amount"): ("金额", "paid"), ("sample", "category"): ("品类", "category")},
    )
    text = "sum(sample.amount) filter (where category = 'A' and within(30, 'day'))"
    assert said(text, titles) == (
        "近 30 天内消费（其中品类等于「A」）的金额合计",
        "the sum of paid over purchases within the last 30 days where category is “A”",
    )
    assert said("count(sample) filter (where within(30, 'day'))", titles) == (
        "近 30 天内消费的次数",
        "the number of purchases within the last 30 days",
    )


def test_blanks_and_signs_inside_a_text_stay_as_they_are() -> None:
    zh, en = said("trim('  a （ b')")
    assert "「  a （ b」" in zh
    assert "“  a （ b”" in en
