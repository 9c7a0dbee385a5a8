"""Malformed and hostile expressions: each is refused before anything runs, in both languages."""

from __future__ import annotations

import re

import pytest
from test_check import BAD, WORLD
from test_parser import MALFORMED

from gongbi import translation
from gongbi.core.language import check_expression
from gongbi.errors import GongbiError

CHINESE = re.compile("[\u4e00-\u9fff]")
#: What is written, and the beginning of what is said of it; the place follows.
REFUSED = [
    ("1; drop table x", "An expression is one expression, without `;`.", "表达式只写一个，不带 `;`。"),
    ("1 -- comment", "Comments are not part of an expression.", "表达式里不能写注释。"),
    ("1 /* c */", "Comments are not part of an expression.", "表达式里不能写注释。"),
    ("(select max(x) from t)", "An expression is not a query.", "表达式不是查询。"),
    ("exists(select 1)", "An expression is not a query.", "表达式不是查询。"),
    ("drop table x", "An expression is not a query.", "表达式不是查询。"),
    ("1 union select 2", "The expression should end here.", "表达式到这里应该结束。"),
    ("sum(x) over (partition by y)", "There is no `over (…)`.", "没有 `over (…)`。"),
    ("'open", "A text is opened and never closed.", "文本只有开头的引号，没有结尾的。"),
    ("'\x00'", "A text cannot contain a zero byte.", "文本中不能有零字节。"),
    (
        "'\ud800'",
        "The expression contains half a character (a lone surrogate), which no text can hold.",
        "表达式中有半个字符（孤立的代理项），文本里放不下。",
    ),
    ("1e999", "The number is too large for a double.", "数字太大，超出双精度的范围。"),
    ("99999999999999999999", "A whole number has at most 64 bits.", "整数最多 64 位。"),
    (
        "replace(replace('a', 'a', '" + "a" * 150 + "'), 'a', '" + "a" * 150 + "') = ''",
        "`replace` within `replace` could make a text 22,500 times as long; 10,000 is the most.",
        "`replace` 里套 `replace` 可能使文本变成原来的 22,500 倍长；最多 10,000 倍。",
    ),
    ("a::int", "The language has no character ':'.", "语言中没有字符「:」。"),
    ("{x}", "The language has no character '{'.", "语言中没有字符「{」。"),
    ("$1", "The language has no character '$'.", "语言中没有字符「$」。"),
    ("1 +", "The expression ends too early.", "表达式没有写完。"),
    ("1 2", "The expression should end here.", "表达式到这里应该结束。"),
    ("(1", "Expected `)` to close the bracket.", "括号结尾应有 `)`。"),
    ("count(a,)", "Expected a value, a name or a function.", "这里应是值、名称或函数。"),
    ("a < b < c", "Comparisons do not chain.", "比较不能连写。"),
    ("a in ()", "Expected a value, a name or a function.", "这里应是值、名称或函数。"),
    ("1 + not a", "`not` needs brackets here.", "`not` 在这里要加括号。"),
    ("case when a then 1", "Expected `end` at the end of `case`.", "`case` 末尾应有 `end`。"),
    ("f(a => 1, 2)", "A named argument cannot be followed by a plain one.", "命名参数之后不能再有普通参数。"),
    ("a.b(c)", "A function's name has neither dots nor quotes.", "函数名里不能有点和引号。"),
    ("", "The expression is empty.", "表达式是空的。"),
    ("read_csv('/etc/passwd')", "No function is called 'read_csv'.", "没有名为「read_csv」的函数。"),
    ("pg_sleep(10)", "No function is called 'pg_sleep'.", "没有名为「pg_sleep」的函数。"),
    ("getenv('HOME')", "No function is called 'getenv'.", "没有名为「getenv」的函数。"),
    ("cuont(purchase)", "No function is called 'cuont'.", "没有名为「cuont」的函数。"),
    ("sum(purchase.amuont)", "No column of purchase is called 'amuont'.", "没有名为「amuont」的购买列。"),
    ("tag.rfm.recencey", "No tag of customer is called 'rfm.recencey'.", "没有名为「rfm.recencey」的客户标签。"),
    ("segment.loyl", "No segment is called 'loyl'.", "没有名为「loyl」的客群。"),
    (
        "purchase.amount > 3",
        "'purchase.amount' has many rows per customer; it needs an aggregate.",
        "每个客户有多行「purchase.amount」，需要聚合。",
    ),
    (
        "sum(purchase.amount * click.position)",
        "One aggregate reads one fact; this one names click and purchase.",
        "一个聚合只能读取一个事实；这里写了 click、purchase。",
    ),
    ("sum(max(purchase.amount))", "`max` stands inside another aggregate.", "`max` 放在了另一个聚合里。"),
    (
        "count(purchase) filter (where score(amount, 5) = 1)",
        "`score` compares members and cannot stand inside an aggregate.",
        "`score` 在成员之间比较，不能放在聚合里。",
    ),
    ("count(*)", "`*` counts nothing by itself.", "`*` 本身不能计数。"),
    ("count()", "`count` takes 1 argument, not 0.", "`count` 需要 1 个参数，现有 0 个。"),
    ("sum(1)", "`sum` does not say which fact it reads.", "`sum` 没有说明读取哪个事实。"),
    (
        "abs(age) filter (where vip)",
        "`filter (where …)` belongs to an aggregate; `abs` is none.",
        "`filter (where …)` 只能用于聚合；`abs` 不是聚合。",
    ),
    (
        "within(30, 'day')",
        "`within` needs a row's time: it stands inside an aggregate, or takes an instant first.",
        "`within` 需要行的时间：请放在聚合里，或把时刻作为第一个参数。",
    ),
    ("count(purchase) filter (where within(30, 'dya'))", "No unit is called 'dya'.", "没有名为「dya」的单位。"),
    (
        "count(purchase) filter (where within(0, 'day'))",
        "A window has a length of 1 to 36,500, not 0.",
        "窗口的长度是 1 到 36,500，而不是 0。",
    ),
    (
        "count(purchase) filter (where within(36500, 'calendar_year'))",
        "A window reaches 100 years at most, not 36500 × calendar_year.",
        "窗口最长 100 年，而不是 36500 × calendar_year。",
    ),
    (
        "exists_within(purchase, 99, 'calendar_year') and regularly(purchase, 1, 3650, 'year')",
        "A window reaches 100 years at most, not 3650 × calendar_year.",
        "窗口最长 100 年，而不是 3650 × calendar_year。",
    ),
    (
        "count(purchase) filter (where since('1 Sept'))",
        "'1 Sept' is not a date or an instant.",
        "「1 Sept」不是日期或时刻。",
    ),
    (
        "count(purchase) filter (where ahead(3, 'day'))",
        "`ahead` looks at what comes after the instant; only targets and outcomes may.",
        "`ahead` 查看时刻之后的事；只有目标和结果才能这样做。",
    ),
    (
        "quantile(purchase.amount, 2)",
        "A quantile's share is 0 to 1, not 2.",
        "分位数的比例应在 0 到 1 之间，而不是 2。",
    ),
    ("band(age, 30, 18)", "The cuts of `band` must rise.", "`band` 的分界点必须递增。"),
    (
        "matches(城市, '(?=a)')",
        "The regular expression uses '(?', which engines read differently.",
        "正则表达式用了「(?」，各引擎对它的理解不同。",
    ),
    (
        "matches(城市, '(a+)+$')",
        "A repeated group of a regular expression can be passed in too many ways: '(a+)+$'.",
        "正则表达式中重复的括号有太多种走法：「(a+)+$」。",
    ),
    (
        "matches(城市, '.*a.*b.*c')",
        "More than 2 open repeats of the regular expression could take the same character.",
        "正则表达式中有超过 2 个不限次数的重复可以匹配同一个字符。",
    ),
    (
        "matches(城市, 'a{2000}')",
        "The regular expression uses '{', which engines read differently.",
        "正则表达式用了「{」，各引擎对它的理解不同。",
    ),
    ("城市 + 1", "A side of `+` must be a number, not text.", "`+` 的一侧应是数值，而不是文本。"),
    ("age and vip", "A side of `and` must be a condition, not integer.", "`and` 的一侧应是条件，而不是整数。"),
    (
        "age = 'x'",
        "The sides of `=` are integer and text, which do not go together.",
        "`=` 的两侧类型不一：整数、文本，不能放在一起。",
    ),
    (
        "born = joined",
        "The sides of `=` are date and timestamp, which do not go together.",
        "`=` 的两侧类型不一：日期、时刻，不能放在一起。",
    ),
    (
        "if(vip, 1, 'x')",
        "The arguments of `if` are integer and text, which do not go together.",
        "`if` 的各个参数类型不一：整数、文本，不能放在一起。",
    ),
    ("1.5 % 2", "A side of `%` must be a whole number, not decimal(1).", "`%` 的一侧应是整数，而不是小数（1 位）。"),
    ("to_text(1 / 3)", "A double has no single way to be written.", "数值没有唯一的写法，不能转为文本。"),
    ("sum(purchase.amount + tax)", "Amounts in CNY and USD do not mix.", "币种不同的金额不能混算：CNY、USD。"),
    (
        "sum(purchase.note)",
        "Argument 1 of `sum` must be a number, not text.",
        "`sum` 的第 1 个参数应是数值，而不是文本。",
    ),
    (
        "segment.round",
        "The segment 'round' contains itself: round → about → round.",
        "客群「round」包含了它自己：round → about → round。",
    ),
    (
        "segment.s39",
        "With the segments it names, the expression is more than 10,000 parts long.",
        "连同所引用的客群，表达式超过 10,000 个部分。",
    ),
    (
        "segment.d9",
        "With the segments it names, the expression is nested more than 150 deep.",
        "连同所引用的客群，表达式嵌套超过 150 层。",
    ),
    (
        "segment.goods",
        "The segment 'goods' holds products and cannot stand here.",
        "客群「goods」里是商品，不能用在这里。",
    ),
    (
        "count(restock)",
        "A row of 'restock' names no customer, so it cannot describe one.",
        "「restock」的行里没有客户，因此不能用来描述它。",
    ),
    ("(" * 200 + "1" + ")" * 200, "The expression is nested more than 100 deep.", "表达式嵌套超过 100 层。"),
    ("not " * 300 + "vip", "The expression is nested more than 100 deep.", "表达式嵌套超过 100 层。"),
    (
        "a" * 10_001,
        "The expression has 10,001 characters; at most 10,000 are allowed.",
        "表达式有 10,001 个字符，最多 10,000 个。",
    ),
    (
        "1" + " + 1" * 6000,
        "The expression has 24,001 characters; at most 10,000 are allowed.",
        "表达式有 24,001 个字符，最多 10,000 个。",
    ),
]


def refused(text: str) -> GongbiError:
    with pytest.raises(GongbiError) as caught:
        check_expression(text, WORLD, "customer")
    assert caught.value.kind == "caller"
    return caught.value


@pytest.mark.parametrize(("text", "english", "chinese"), REFUSED)
def test_an_expression_is_refused_with_the_right_message_in_both_languages(
    text: str, english: str, chinese: str
) -> None:
    message = refused(text).message
    assert message.startswith(english)
    assert translation.in_language(message, "zh").startswith(chinese)


def test_there_are_more_than_fifty_and_no_two_are_the_same() -> None:
    assert len({text for text, *_ in REFUSED}) == len(REFUSED) > 50
    assert len({text for text, _ in (*MALFORMED, *BAD)}) > 150


@pytest.mark.parametrize("text", sorted({text for text, _ in (*MALFORMED, *BAD)}))
def test_whatever_is_refused_is_said_in_chinese_with_its_hint(text: str) -> None:
    error = refused(text)
    for said in filter(None, (error.message, error.hint)):
        put = translation.in_language(said, "zh")
        assert put != said
        assert CHINESE.search(re.sub(r"`[^`]*`", "", put)), "the sentence, not only what was written"
