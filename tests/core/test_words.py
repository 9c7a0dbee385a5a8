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
            for part in ir.walk(getattr(expr, "wrote", None) or expr):
                if isinstance(part, Constant) and isinstance(part.value, str) and part.value not in SPOKEN:
                    assert part.value in text or part.value.startswith("POLYGON")
                if isinstance(part, Constant) and isinstance(part.value, int) and not isinstance(part.value, bool):
                    assert str(part.value) in text or name in SAID_OTHERWISE


#: Their numbers are said as weekdays, as orders (last), as lengths of time, in words (a whole number).
SAID_OTHERWISE = {
    *("regularly", "within", "nth_weekday", "add_workdays", "element_at", "date_add", "is_workday", "round"),
    *("step", "followed_by", "not_followed_by"),
}


#: Texts that are said in words of their own: units and periods.
SPOKEN = {"workday"} | {
    u for unit in ("minute", "hour", "day", "week", "month", "quarter", "year") for u in (unit, f"calendar_{unit}")
}


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_function_has_words_of_its_own_in_both_languages_without_signs_of_the_language(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsaid(self: object, call: ir.Call, *_: object) -> str:
        raise AssertionError(f"{call.function.name} has no words")

    monkeypatch.setattr("gongbi.core.words._Speaker.named", unsaid)
    for example in CATALOGUE[name].examples:
        for text, quoted in zip(said(example.text), ("「[^」]*」", "“[^”]*”"), strict=True):
            plain = re.sub(quoted, "", text)
            assert not re.search(r"[_'{}<>]|=>|\bfilter\b", plain), plain
            # Nothing looks like a call: a name and an open bracket without a blank.
            assert not re.search(r"[A-Za-z]\(", plain), plain
    zh, en = said(CATALOGUE[name].examples[0].text) if CATALOGUE[name].examples else ("全", "all")
    assert not re.search("[\u3400-\u9fff]", re.sub("“[^”]*”", "", en)), en
    assert not re.search(r"\b(the|of|is)\b", re.sub("「[^」]*」", "", zh)), zh


SAID = {
    "exists_within(sample, 30, 'day') filter (where promoted)": (
        "有近 30 天内 sample（其中 promoted 为真）",
        "any sample within the last 30 days where promoted is true",
    ),
    "first_time(sample, 1, 'week')": (
        "第一次 sample 发生在近 1 周内",
        "the first of sample was within the last 1 week",
    ),
    "stopped(sample, 30, 'day') or true": (
        "（有过 sample，但近 30 天内没有），或真",
        "(any sample earlier, but none within the last 30 days) or true",
    ),
    "resurrected(sample, 90, 1, 'day')": (
        "近 1 天内又有 sample，此前至少中断了 90 天",
        "any sample again within the last 1 day, after a break of at least 90 days",
    ),
    "regularly(sample, 3, 4, 'month') filter (where quantity > 2)": (
        "最近 4 个整月中至少 3 个整月有 sample（其中 quantity 大于 2）",
        "any sample where quantity is more than 2 in at least 3 of the last 4 whole months",
    ),
    "value_at(sample.quantity, '2017-08-31') > 2": (
        "2017-08-31 结束时 sample 的 quantity 大于 2",
        "quantity of sample at the end of 2017-08-31 is more than 2",
    ),
    "value_before(sample.quantity, 1, 'calendar_month')": (
        "不在本月内的最近一行 sample 的 quantity",
        "quantity of the latest of sample not in this month so far",
    ),
    "followed_by(step(sample, promoted), step(sample), same => category, within => interval 2 days)": (
        "先有 sample（其中 promoted 为真），之后有 sample（各步 category 相同，从第一步到最后一步不到 2 天）",
        "first sample where promoted is true, then sample, all with the same category, "  # noqa: ISC004
        "in less than 2 days from the first step to the last",
    ),
    "not_followed_by(step(sample), step(sample), within => interval 90 minutes)": (
        "先有 sample，且自第一步起 90 分钟内没有 sample",
        "first sample, and no sample within 90 minutes of the first step",
    ),
    "count(sample) filter (where last_year('month', true))": (
        "去年同月同期内 sample 的次数",
        "the number of sample in the same month of last year, as far as this one has got",
    ),
    "count(distinct start_of('month', sample.ts))": (
        "sample 中不同的时间所在月的第一天的个数",
        "the number of different first day of the month of time in sample",
    ),
    "in_random_share(0.125, 'spring')": (
        "该成员在随机抽取的 12.5% 之中（种子「spring」）",
        "the member is in the random 12.5% drawn with the seed “spring”",
    ),
}


@pytest.mark.parametrize("text", SAID)
def test_phrases_and_sequences_are_said_as_they_are_written(text: str) -> None:
    assert said(text) == SAID[text]


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


VALUES = Titles(
    values={
        "sample.category": {"A": ("甲类", "first class"), "B": ("乙类", "second class")},
        "tag.x.kind": {"A": ("冠军", "Champions"), "1": ("一", "One")},
    }
)


@pytest.mark.parametrize(
    ("text", "zh", "en"),
    [
        ("mode(sample.category) = 'A'", "「甲类」", "“first class”"),
        ("mode(sample.category) in ('A', 'C')", "「甲类」、「C」", "“first class”, “C”"),
        ("'B' <> last(sample.category)", "「乙类」", "“second class”"),
        ("count(sample) filter (where category = 'B')", "「乙类」", "“second class”"),
        ("coalesce(mode(sample.category), 'A') = 'B'", "「甲类」", "“first class”"),
        ("has(list(sample.category), 'B')", "「乙类」", "“second class”"),
        ("case when sum(sample.amount) > 1 then 'A' else 'Z' end", "「冠军」", "“Champions”"),
        ("if(sum(sample.amount) > 1, 'A', coalesce(null, 'A'))", "「冠军」", "“Champions”"),
        ("mode(case when sample.quantity > 1 then 'A' else 'B' end)", "「冠军」", "“Champions”"),
        ("top_k(case when sample.quantity > 1 then 'A' else 'B' end, 1)", "1", "1"),
        # What only looks like a value is none: part of a text, a number that is counted, a seed.
        ("contains(mode(sample.category), 'A')", "「A」", "“A”"),
        ("if(count(sample) > 1, 'A', 'Z')", "大于 1", "more than 1"),
        ("if(mode(sample.category) = 'A', 'A', 'Z')", "等于「甲类」时为「冠军」", "“Champions” if"),
    ],
)
def test_values_are_called_as_people_call_them_where_they_stand_for_values(text: str, zh: str, en: str) -> None:
    expr = check_expression(text, WORLD, "member")
    said_zh, said_en = (sentence(expr, VALUES, language, "tag.x.kind") for language in ("zh", "en"))  # type: ignore[arg-type]
    assert zh in said_zh
    assert en in said_en


def test_blanks_and_signs_inside_a_text_stay_as_they_are() -> None:
    zh, en = said("trim('  a （ b')")
    assert "「  a （ b」" in zh
    assert "“  a （ b”" in en
