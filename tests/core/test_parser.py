"""Text to tree: precedence, signs, names, bounds; and that nothing else than `InvalidExpression` ever comes out."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gongbi.core.parser import parse
from gongbi.core.syntax import Apply, Literal, Name, Node
from gongbi.errors import InvalidExpression


def shown(node: Node) -> str:
    """The tree with every bracket."""
    if isinstance(node, Literal):
        return repr(node.value) if isinstance(node.value, str) else str(node.value)
    if isinstance(node, Name):
        return ".".join(node.parts)
    condition = f" | {shown(node.filter)}" if node.filter else ""
    return f"({' '.join([('distinct ' if node.distinct else '') + node.function, *map(shown, node.args)])}{condition})"


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("1 + 2 * 3", "(+ 1 (* 2 3))"),
        ("1 - 2 - 3", "(- (- 1 2) 3)"),
        ("(1 + 2) * 3", "(* (+ 1 2) 3)"),
        ("8 / 4 % 3", "(% (/ 8 4) 3)"),
        ("a || b || 'c'", "(|| (|| a b) 'c')"),
        ("a + 1 || b", "(|| (+ a 1) b)"),
        ("a or b and not c = 1", "(or a (and b (not (= c 1))))"),
        ("not a and b", "(and (not a) b)"),
        ("not not a", "(not (not a))"),
        ("a and b and c or d", "(or (and a b c) d)"),
        ("(a and b) and (c and d)", "(and a b (and c d))"),
        ("a is not null and b is absent", "(and (not (is_absent a)) (is_absent b))"),
        ("a = 1 is true", "(is_true (= a 1))"),
        ("a between 1 and 2 and b", "(and (between a 1 2) b)"),
        ("a not between 1 and 2 + 3", "(not (between a 1 (+ 2 3)))"),
        ("a not in (1, 2)", "(not (in a 1 2))"),
        ("a not like 'x%'", "(not (like a 'x%'))"),
        ("-5", "-5"),
        ("- 5 + 3", "(+ -5 3)"),
        ("-a * b", "(* (negative a) b)"),
        ("1 - -1", "(- 1 -1)"),
        ("-(-(a))", "(negative (negative a))"),
        ("a <> 1", "(<> a 1)"),
        ("a != 1", "(<> a 1)"),
        ("a == 1", "(= a 1)"),
        ("case when a then 1 end", "(case a 1 None)"),
        ("case a when 1 then 'x' else 'y' end", "(case (= a 1) 'x' 'y')"),
        ("count(distinct p.x) filter (where y > 1)", "(distinct count p.x | (> y 1))"),
        ("COUNT(p)", "(count p)"),
        ("'it''s'", '"it\'s"'),
        ("1.50", "1.50"),
        (".5", "0.5"),
        ("1e3", "1000.0"),
        ("NULL", "None"),
        ("absent", "None"),
        ("tag.case", "tag.case"),
        ("count(order)", "(count order)"),
        ("order.ts", "order.ts"),
        ('"数 量" + 1', "(+ 数 量 1)"),
    ],
)
def test_operators_bind_as_in_sql(text: str, tree: str) -> None:
    assert shown(parse(text)) == tree


@pytest.mark.parametrize(
    ("wide", "half"),
    [
        ("count（购买）＞＝３", "count(购买) >= 3"),
        ("城市 ＝ ‘上海’", "城市 = '上海'"),
        ("城市 in （‘上海’，“名称”）", "城市 in ('上海', \"名称\")"),
        ("金额 × 2 ÷ ３ － １", "金额 * 2 / 3 - 1"),
        ("a≥1 and b≤2 and c≠3", "a >= 1 and b <= 2 and c <> 3"),
        ("ｃｏｕｎｔ(购买。数量)", "count(购买.数量)"),
        ("a in (1、2)", "a in (1, 2)"),
        ("a\u3000+\u30001", "a + 1"),
        ("１．５", "1.5"),
        ("5 − 3", "5 - 3"),
        ("a ｜｜ b", "a || b"),
    ],
)
def test_full_width_signs_are_read_as_half_width_ones(wide: str, half: str) -> None:
    assert shown(parse(wide)) == shown(parse(half))


@pytest.mark.parametrize("inside", ["，。（）", "‘quoted’", "ＡＢＣ", "e\u0301", "--", ";", "/* */", "#", '"', "  "])
def test_a_text_stays_exactly_what_was_typed(inside: str) -> None:
    assert parse(f"'{inside}'").value == inside  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["客单价", "café", "Größe", "が", "हिन्दी", "name_2", "_x"])
def test_names_need_no_quotes_and_are_nfc_however_they_were_typed(name: str) -> None:
    for form in ("NFC", "NFD"):
        typed = unicodedata.normalize(form, name)
        assert parse(typed) == parse(f'"{typed}"') or parse(typed).parts == (unicodedata.normalize("NFC", name),)  # type: ignore[union-attr]


def test_an_error_names_the_part_and_the_character_where_it_stands() -> None:
    with pytest.raises(InvalidExpression, match=r"At character 10: `\)`"):
        parse("count（x）＋)")


DEEP = {
    "brackets": "(" * 3000 + "1" + ")" * 3000,
    "open brackets": "(" * 3000,
    "calls": "abs(" * 2000 + "1" + ")" * 2000,
    "not": "not " * 2400 + "a",
    "minus": "- " * 4000 + "1",
    "case": "case when " * 900 + "a",
    "terms": "1" + "+1" * 4000,
    "nested terms": "1+(" * 150 + "1" + ")" * 150,
    "texts": "||".join(["'a'"] * 200),
    "in": "a in (" * 150 + "1" + ")" * 150,
    "length": "1" + " " * 10_000,
    "filters": "count(x) filter (where " * 150 + "a" + ")" * 150,
}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP.keys())
def test_bombs_are_refused_before_they_go_off(text: str) -> None:
    with pytest.raises(InvalidExpression, match=r"nested more|in a row|characters"):
        parse(text)


@pytest.mark.parametrize("sign", ["and", "or"])
@pytest.mark.parametrize("term", ["a", "(a)", "(a = 1)"])
def test_a_long_chain_of_conditions_is_flat(sign: str, term: str) -> None:
    n = 9_900 // (len(term) + len(sign) + 2)
    tree = parse(f" {sign} ".join([term] * n))
    assert isinstance(tree, Apply)
    assert len(tree.args) == n


@pytest.mark.parametrize(
    ("wrap", "tree"),
    [
        ("({})", "{}"),
        ("abs({})", "(abs {})"),
        ("case when {} then 1 end", "(case {} 1 None)"),
        ("a in ({})", "(in a {})"),
        ("count({})", "(count {})"),
        ("not ({})", "(not {})"),
    ],
)
def test_the_deepest_expression_that_is_read_leaves_room_on_the_stack_for_a_server(wrap: str, tree: str) -> None:
    def beneath(frames: int, text: str) -> Node:
        return parse(text) if frames == 0 else beneath(frames - 1, text)

    text, wanted = "1", "1"
    for _ in range(49):
        text, wanted = wrap.format(text), tree.format(wanted)
    used = len(__import__("inspect").stack())
    assert shown(beneath(max(sys.getrecursionlimit() - 600 - used, 0), text)) == wanted


MALFORMED = [
    ("", "is empty"),
    ("   ", "is empty"),
    ("1 +", "ends too early"),
    ("+ ", "ends too early"),
    ("1 2", "should end here"),
    ("a b", "should end here"),
    ("(1", "Expected `)`"),
    ("1)", "should end here"),
    ("()", "Expected a value"),
    ("count(", "ends too early"),
    ("count(a", "Expected `)`"),
    ("count(a,)", "Expected a value"),
    ("count(a b)", "Expected `)`"),
    ("a.", "Expected a name after the dot"),
    ("a.1", "should end here"),
    ("a..b", "Expected a name after the dot"),
    ("a.b(c)", "neither dots nor quotes"),
    ('"f"(1)', "neither dots nor quotes"),
    ("'open", "opened and never closed"),
    ('"open', "opened and never closed"),
    ("‘open", "opened and never closed"),
    ('""', "quoted name is empty"),
    ("'\x00'", "zero byte"),
    ("'\ud800'", "half a character"),
    ("1; drop table x", "without `;`"),
    ("1；", "without `;`"),
    ("1 -- comment", "Comments"),
    ("1 /* c */", "Comments"),
    ("1 # c", "Comments"),
    ("1 //2", "Comments"),
    ("1——2", "Comments"),
    ("select 1", "not a query"),
    ("(select 1)", "not a query"),
    ("(select max(x) from t)", "not a query"),
    ("exists(select 1)", "not a query"),
    ("drop table x", "not a query"),
    ("delete from x", "not a query"),
    ("1 union select 2", "not a query"),
    ("a from b", "should end here"),
    ("sum(x) over (partition by y)", "There is no `over"),
    ("rank() over ()", "There is no `over"),
    ("a < b < c", "do not chain"),
    ("a = b = c", "do not chain"),
    ("a between 1", "Expected `and`"),
    ("a not 1", "Expected `in`"),
    ("a is", "Expected `absent`"),
    ("a is 1", "Expected `absent`"),
    ("a in 1", "Expected `(`"),
    ("a in ()", "Expected a value"),
    ("1 + not a", "needs brackets"),
    ("case end", "Expected"),
    ("case when a end", "Expected `then`"),
    ("case when a then 1", "Expected `end`"),
    ("case 1 else 2 end", "at least one"),
    ("count(x) filter x", "Expected `(`"),
    ("count(x) filter (x)", "Expected `where`"),
    ("f(a => 1, 2)", "cannot be followed"),
    ("*", "Expected a value"),
    ("1.", "should end here"),
    ("12abc", "runs into a name"),
    ("1_000", "runs into a name"),
    ("0x1F", "runs into a name"),
    ("1e999", "too large"),
    ("99999999999999999999", "64 bits"),
    ("1.1234567890", "29 digits"),
    ("1" * 400, "64 bits"),
    ("@x", "no character"),
    ("$1", "no character"),
    ("a ? b", "no character"),
    ("a::int", "no character"),
    ("a[1]", "no character"),
    ("{x}", "no character"),
    ("a & b", "no character"),
    ("`a`", "no character"),
    ("٣", "no character"),
    ("😀", "no character"),
    ("and", "Expected a value"),
    ("a and", "ends too early"),
    ("where", "Expected a value"),
    ("filter (where a)", "Expected a value"),
]


@pytest.mark.parametrize(("text", "part"), MALFORMED)
def test_a_malformed_expression_is_refused_with_a_reason(text: str, part: str) -> None:
    with pytest.raises(InvalidExpression) as caught:
        parse(text)
    assert part in str(caught.value)
    str(caught.value).encode()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("tag.a && tag.b", "`and`"),
        ("!tag.a", "`not`"),
        ("tag.a 大于 5", "`>`"),
        ("tag.a > 1 并且 tag.b", "`and`"),
        ("tag.a 包含 'x'", "like"),
        ("sum(sale.x) where sale.y > 1", "filter (where …)"),
        ("if(tag.a > 1 then 2)", "if(condition, yes, no)"),
        ("tag.a => 5", "`>=`"),
        ("tag.a > 1,000", "`1000`"),
        ("tag.a > 10%", "0.1"),
        ("tag.a, tag.b", "by itself"),
        ("select x from y", "alone"),
    ],
)
def test_what_other_languages_write_is_refused_with_what_to_write_here(text: str, meant: str) -> None:
    with pytest.raises(InvalidExpression) as caught:
        parse(text)
    assert meant in (caught.value.hint or "")


PIECES = (
    "a 客 count sum ( ) , . ' \" + - * / % = < > <> and or not in is null between like case when then else end filter where "
    "distinct 1 2.5 1e3 'x' as_of tag. （ ） ， ‘ ’ “ ” -- /* ; => || \\ # select over"
).split()


def check_read_or_refused(text: str) -> None:
    try:
        tree = parse(text)
    except InvalidExpression as error:
        said = str(error)
    else:
        assert 0 <= tree.span.start < tree.span.end <= len(text)
        said = shown(tree)
    assert said.encode()


@settings(max_examples=400)
@given(st.one_of(st.text(max_size=200), st.lists(st.sampled_from(PIECES), max_size=80).map(" ".join)))
def test_any_text_is_read_or_refused(text: str) -> None:
    check_read_or_refused(text)


@example("1", "")
@example("0", "")
@settings(max_examples=30)
@given(st.sampled_from([*PIECES, "é", "e\u0301", "\U0001f600", "𝒳"]), st.sampled_from(["", " "]))
def test_ten_thousand_characters_of_anything_are_read_or_refused(piece: str, between: str) -> None:
    check_read_or_refused(((piece + between) * 10_000)[:10_000])
