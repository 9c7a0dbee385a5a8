"""Every text is there in both languages, and every text that a page asks for exists."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest

import gongbi.console
from gongbi.catalog import forms
from gongbi.catalog.forms.read import ABOUT_FACT, BESIDE, MEASURES, SIGNS, STATES
from gongbi.catalog.makers import MAKERS, form
from gongbi.console.conditions import ADDS, FIGURES, ROW_ADDS
from gongbi.console.entries import PHRASES, read_value
from gongbi.console.format import shorter
from gongbi.console.frame import NAVIGATION
from gongbi.console.texts import LANGUAGES, TEXTS, text
from gongbi.core.clock import CALENDAR, ROLLING
from gongbi.errors import GongbiError
from gongbi.sources.base import REASONS
from gongbi.store.loads import LoadStatus
from gongbi.store.runs import RunStatus

#: A program that calls estimators itself meets it; models are fitted before they are asked.
NEVER_SHOWN = {"error.not_fitted"}
SOURCES = sorted(Path(gongbi.console.__file__).parent.rglob("*.py"))


def _blanks(words: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(words) if name}


def test_every_text_is_there_in_both_languages_with_the_same_blanks() -> None:
    # One test: as nine hundred, each of a microsecond, they took seconds of every run.
    assert [key for key, words in TEXTS.items() if not all(text.strip() for text in words)] == []
    assert [key for key, (zh, en) in TEXTS.items() if _blanks(zh) != _blanks(en)] == []
    assert [key for key, (_, en) in TEXTS.items() if re.search(r"[\u4e00-\u9fff]", en)] == [], (
        "Chinese signs in English"
    )


def test_every_text_that_a_page_names_exists() -> None:
    named = set()
    for source in SOURCES:
        body = source.read_text("utf-8")
        named |= set(re.findall(r'\bt\(\s*"([^"{]+)"', body))
        for key in re.findall(r'empty\(\s*(?:self\.)?page,\s*"([^"]+)"', body):
            named |= {key, f"{key}.next"}
    named |= {f"{key}.{part}" for key in NAVIGATION for part in ("title", "about")}
    assert named - set(TEXTS) == set()


def test_every_code_that_a_page_shows_has_its_words() -> None:
    classes, codes = [GongbiError], set()
    for one in classes:
        classes += one.__subclasses__()
        codes.add(one.code)
    wanted = {f"error.{code}" for code in codes} - NEVER_SHOWN
    wanted |= {f"reason.{reason}" for reason in REASONS}
    wanted |= {f"status.{status}" for status in (*get_args(RunStatus), *get_args(LoadStatus))}
    assert wanted - set(TEXTS) == set()
    assert {key for key in TEXTS if key.startswith("reason.")} - wanted == set()


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("4.28504 – 6.93323", "4.29 – 6.93"),
        ("≥ 2991.875", "≥ 2,992"),
        ("0.00012345 – 99.996", "0.000123 – 100"),
        ("< 100.04", "< 100"),
        ("3 – 4", "3 – 4"),
        ("2017-09-01", "2017-09-01"),
    ],
)
def test_a_range_has_as_many_digits_as_say_something_and_no_exponent(label: str, shown: str) -> None:
    assert shorter(label) == shown


def test_a_text_has_its_blanks_filled_in() -> None:
    assert text("en", "tags.count", n=3) == "3 tags"
    assert text("zh", "tags.count", n=3) == "3 个标签"
    assert set(LANGUAGES) == {"zh", "en"}


def test_every_maker_and_every_choice_of_its_form_has_its_words() -> None:
    for name in MAKERS:
        assert f"maker.about.{name}" in TEXTS
        for field in form(name):
            assert {f"maker.choice.{choice}" for choice in field.choices} <= set(TEXTS)
    assert {f"maker.unit.{unit}" for unit in (*ROLLING, *CALENDAR)} <= set(TEXTS)


def test_everything_that_a_form_of_conditions_offers_has_its_words() -> None:
    wanted = {f"form.add.{kind}" for kind in (*ADDS, *ROW_ADDS)} | {f"form.measure.{name}" for name in FIGURES}
    wanted |= {f"form.phrase.{name}" for name in (*PHRASES, *ABOUT_FACT)}
    wanted |= {f"form.op.{key}" for key in (*SIGNS, *BESIDE, *STATES)}
    for kind in get_args(forms.Kind):
        wanted |= {f"form.op.{operator.key}" for operator in forms.operators(kind)}
    assert wanted <= set(TEXTS)
    assert set(MEASURES) <= set(FIGURES)


def test_what_is_typed_into_a_box_becomes_a_constant_of_its_kind() -> None:
    typed = {"1,200": 1200, "-3": -3, "0.50": Decimal("0.50"), "１２": 12, "": None, "many": None, "nan": None}
    assert {text: read_value(text, "number") for text in typed} == typed
    assert (read_value(" it's ", "text"), read_value(" ", "text")) == ("it's", None)
