"""How a message is recognised: as a whole, as sentences, as lines, with its parts; quickly, or not at all."""

from __future__ import annotations

import time

import pytest

from gongbi.errors import UnknownName
from gongbi.translation import in_language, sentences
from gongbi.translation.templates import Catalogue, Template, joined

ZH = {
    "No {what} is called {name!r}.": "没有名为「{name}」的{what!t}。",
    "tag": "标签",
    "tag of {of}": "{of!t}标签",
    "customer": "客户",
    "Known: {names}.": "可用的有：{names!l}。",
    "The sides are {types}.": "两侧是{types!w}。",
    "{model}: {stage}": "{model}：{stage!k}",
    "fit": "拟合",
    "Out of memory: {text}": "内存不足：{text}",
    "At character {n}: `{part}`.": "位置：第 {n} 个字符，`{part}`。",
    "{n} errors in the definitions:": "定义中有 {n} 处错误：",
}


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue([ZH])


@pytest.mark.parametrize(
    ("text", "put"),
    [
        ("No tag is called 'a'.", "没有名为「a」的标签。"),
        ('No tag is called "it\'s".', "没有名为「it's」的标签。"),
        ("No tag is called 'a\\\\b'.", "没有名为「a\\b」的标签。"),
        # A message in a message; a kind that somebody named is left as it is.
        ("No tag of customer is called 'a'.", "没有名为「a」的客户标签。"),
        ("No tag of 会员 is called 'a'.", "没有名为「a」的会员标签。"),
        # Names to be typed stay as they are; words do not.
        ("Known: tag, customer, x.", "可用的有：tag、customer、x。"),
        ("The sides are tag, 'a' and customer.", "两侧是标签、「a」、客户。"),
        # Two sentences, though the first hole could hold both.
        ("No tag is called 'a. b'. At character 3: `c. d`.", "没有名为「a. b」的标签。位置：第 3 个字符，`c. d`。"),
        ("f.yaml:3:1: No tag is called 'a'. Known: b.", "f.yaml:3:1: 没有名为「a」的标签。可用的有：b。"),
        (
            "2 errors in the definitions:\na.yaml:1: Known: b.\nelse",
            "定义中有 2 处错误：\na.yaml:1: 可用的有：b。\nelse",
        ),
        # What must be known and is not: the template does not fit.
        ("clv: fit", "clv：拟合"),
        ("clv: fat", None),
        # An engine's own words are left alone, however many lines they have.
        ("Out of memory: could not allocate 3. Try again.", "内存不足：could not allocate 3. Try again."),
        ("Binder Error: no such column", None),
        ("No tag is called a thing that nobody quoted.", None),
        ("No tag is called ''.", "没有名为「」的标签。"),
        ("", None),
    ],
)
def test_a_message_is_recognised_by_its_words(catalogue: Catalogue, text: str, put: str | None) -> None:
    assert catalogue.translate(text) == put


@pytest.mark.parametrize(
    "text",
    [
        "No tag is called 'a'. " * 400,
        "No " + "is called " * 3000,
        "a: " * 6000,
        "No tag is called '" + "\\'" * 9000,
        "x" * 2_000_000,
        "1 errors in the definitions:\n" + "No tag is called 'a'.\n" * 700,
        "Out of memory: " + "Known: a. " * 900,
    ],
)
def test_a_text_of_any_length_is_done_with_at_once(text: str) -> None:
    started = time.process_time()
    in_language(text, "zh")
    assert time.process_time() - started < 2


def test_what_is_not_known_stays_as_it_is_and_english_is_never_touched() -> None:
    assert in_language("Conversion Error: 'x'", "zh") == "Conversion Error: 'x'"
    assert in_language("Split it.", "en") == "Split it."


def test_an_error_and_its_hint_are_one_text() -> None:
    error = UnknownName("tag", "recncy", ["recency"])
    assert sentences(error.message, error.hint, language="en") == str(error)
    assert sentences(error.message, error.hint, language="zh") == "没有名为「recncy」的标签。是不是「recency」？"
    assert sentences(error.message, None, language="zh") == "没有名为「recncy」的标签。"


def test_chinese_and_latin_signs_stand_apart_and_chinese_ones_together() -> None:
    assert joined("需要", "1 到 2") == "需要 1 到 2"
    assert joined("需要 ", "两个") == "需要两个"
    assert joined("标签「", "a") == "标签「a"
    assert joined("round` ", "的") == "round` 的"


def test_a_sentence_in_a_sentence_ends_once_and_what_a_user_wrote_stays_as_it_is(catalogue: Catalogue) -> None:
    assert joined("没有。", "。又") == "没有。又"
    assert catalogue.translate("No tag is called 'a。。b'.") == "没有名为「a。。b」的标签。"
    assert catalogue.translate("Known: a。。b.") == "可用的有：a。。b。"


def test_a_template_reads_from_left_to_right_and_its_holes_are_never_empty() -> None:
    template = Template("{a} of {b}.", "{b}的{a}")
    assert template.match("x of y of z.") == {"a": "x", "b": "y of z"}
    assert template.match(" of y.") is None
    assert template.match("x of .") is None
