"""Names and types: what is refused before anything runs, and with which words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongbi.core.dialect import DIALECTS
from gongbi.core.functions import CATALOGUE
from gongbi.core.language import check_condition, check_expression, compile_group, compile_row
from gongbi.core.types import BOOLEAN, DATE, DOUBLE, INTEGER, TEXT, TIMESTAMP, decimal, money
from gongbi.core.world import AttributeShape, FactShape, SubjectShape, World
from gongbi.errors import GongbiError, InvalidExpression, Place

ATTRIBUTES = {"age": INTEGER, "城市": TEXT, "born": DATE, "joined": TIMESTAMP, "vip": BOOLEAN}
WORLD = World(
    {
        "customer": SubjectShape("customer", INTEGER, {a: AttributeShape(a, t, "attr_customer") for a, t in ATTRIBUTES.items()}),
        "product": SubjectShape("product", TEXT, {"category": AttributeShape("category", TEXT, "attr_product")}),
        "view": SubjectShape("view", TEXT, {"page": AttributeShape("page", TEXT, "attr_view")}),
    },
    {
        "purchase": FactShape(
            "purchase",
            "fact_purchase",
            {"amount": money("USD"), "tax": money("CNY", 4), "quantity": INTEGER, "note": TEXT, "gift": BOOLEAN, "weight": DOUBLE, "day": DATE},
            {"customer": INTEGER, "product": TEXT},
        ),
        "click": FactShape("click", "fact_click", {"position": INTEGER, "purchase": INTEGER}, {"customer": INTEGER, "view": TEXT}),
        "restock": FactShape("restock", "fact_restock", {"n": INTEGER}, {"product": TEXT}),
        "order": FactShape("order", "fact_order", {"total": money("USD")}, {"customer": INTEGER}),
    },
    {("customer", "rfm.recency"): INTEGER, ("customer", "top"): TEXT, ("product", "sold"): INTEGER},
    {
        "loyal": ("customer", "count(purchase) > 3"),
        "round": ("customer", "segment.about"),
        "about": ("customer", "segment.round or age > 3"),
        "broken": ("customer", "age + 1"),
        "goods": ("product", "tag.sold > 1"),
        **{f"s{i}": ("customer", f"segment.s{i - 1} and segment.s{i - 1}") for i in range(1, 40)},
        **{f"d{i}": ("customer", "not (" * 40 + f"segment.d{i - 1}" + ")" * 40) for i in range(1, 10)},
        "s0": ("customer", "age > 1"),
        "d0": ("customer", "age > 1"),
        "hopeful": ("customer", "count(purchase) filter (where ahead(3, 'day')) > 0"),
    },
)  # fmt: skip

GOOD = [
    ("count(purchase)", INTEGER),
    ("count(order)", INTEGER),
    ("sum(order.total)", money("USD")),
    ("sum(purchase.amount) / count(click)", DOUBLE),
    ("sum(purchase.amount * quantity)", money("USD")),
    ("sum(purchase.amount) * 1.25", DOUBLE),
    ("sum(purchase.amount) + 1.125", money("USD", 3)),
    ("max(purchase.product.category)", TEXT),
    ("count(distinct product.category) filter (where purchase.quantity > 1)", INTEGER),
    ("count(click) filter (where view.page = 'x')", INTEGER),
    ("count(click) filter (where click.purchase > 3)", INTEGER),
    ("mode(purchase.product) = 'a'", BOOLEAN),
    ("age + 1", INTEGER),
    ("customer.城市 || '市'", TEXT),
    ("customer", INTEGER),
    ("tag.rfm.recency >= 4 and segment.loyal", BOOLEAN),
    ("born > '1990-01-01'", BOOLEAN),
    ("joined < '2017-09-01T08:00:00+08:00'", BOOLEAN),
    ("within(joined, 30, 'day')", BOOLEAN),
    ("days_since(max(purchase.ts))", INTEGER),
    ("if(vip, 1, 2.5)", decimal(1)),
    ("case when vip then 'a' end", TEXT),
    ("score(sum(purchase.amount), 5)", INTEGER),
    ("rank(score(age, 5))", INTEGER),
    ("share(gift, amount) filter (where purchase.day >= '2017-01-01')", DOUBLE),
    ("coalesce(null, born)", DATE),
    ("1", INTEGER),
    ("matches(城市, '^([0-9]{1,3}[.]){3}[0-9]{1,3}$')", BOOLEAN),
    ("matches(城市, '^(上海|杭州).*(区|县)$')", BOOLEAN),
    ("matches(城市, 'a+b+c+d+ *[0-9]+')", BOOLEAN),
    ("matches(城市, '[(|*]+|\\(x\\)+a*')", BOOLEAN),
    ("exists(purchase) filter (where note like '%\\%%')", BOOLEAN),
]


@pytest.mark.parametrize(("text", "type_"), GOOD)
def test_an_expression_has_a_type(text: str, type_: Any) -> None:
    assert check_expression(text, WORLD, "customer").type == type_


BAD = [
    # names
    ("cuont(purchase)", "Did you mean 'count'?"),
    ("count(purchse)", "Did you mean 'purchase'?"),
    ("sum(purchse.amount)", "Did you mean 'purchase'?"),
    ("sum(purchase.amuont)", "Did you mean 'amount'?"),
    ("sum(purchase.product.categry)", "Did you mean 'category'?"),
    ("customer.agee", "Did you mean 'age'?"),
    ("agee > 3", "Did you mean 'age'?"),
    ("tag.rfm.recencey", "Did you mean 'rfm.recency'?"),
    ("tag.sold", "tag of customer"),
    ("segment.loyl", "Did you mean 'loyal'?"),
    ("nothing_like_it", "No name is called"),
    ("pg_sleep(10)", "No function is called"),
    ("read_csv('/etc/passwd')", "No function is called"),
    ("getenv('HOME')", "No function is called"),
    ("convert(1)", "No function is called"),
    # facts and levels
    ("purchase", "needs an aggregate"),
    ("purchase.amount", "needs an aggregate"),
    ("purchase.amount > 3", "needs an aggregate"),
    ("sum(purchase.amount * click.position)", "One aggregate reads one fact"),
    ("count(purchase) filter (where click.position > 1)", "One aggregate reads one fact"),
    ("count(restock)", "names no customer"),
    ("sum(max(purchase.amount))", "inside another aggregate"),
    ("sum(purchase.amount) filter (where count(purchase) > 1)", "inside another aggregate"),
    ("sum(rank(purchase.amount))", "cannot stand inside an aggregate"),
    ("count(purchase) filter (where score(amount, 5) = 1)", "cannot stand inside an aggregate"),
    ("count(purchase) filter (where tag.rfm.recency > 1)", "cannot stand inside an aggregate"),
    ("count(purchase) filter (where segment.loyal)", "cannot stand here"),
    ("segment.goods", "holds products"),
    ("sum(purchase.amount.x)", "nothing can follow"),
    ("sum(purchase.product.category.x)", "plain attribute of product"),
    # shapes of calls
    ("count()", "takes 1 argument, not 0"),
    ("count(purchase, 2)", "takes 1 argument, not 2"),
    ("count(1)", "which fact"),
    ("count(*)", "Write count(fact)"),
    ("count(null)", "which fact"),
    ("sum(1)", "which fact"),
    ("any(true) filter (where purchase.gift)", "says nothing about rows"),
    ("sum(distinct purchase.amount)", "count(distinct"),
    ("abs(age) filter (where vip)", "belongs to an aggregate"),
    ("abs(distinct age)", "count(distinct"),
    ("abs(age, 2)", "takes 1 argument, not 2"),
    ("abs()", "takes 1 argument, not 0"),
    ("abs(x => age)", "no named arguments"),
    ("count(purchase) filter (where within())", "takes 2 to 3 arguments, not 0"),
    ("within(30, 'day')", "needs a row's time"),
    ("within(born, 30, 'day')", "takes an instant, not a date"),
    # constants
    ("count(purchase) filter (where within(30, 'dya'))", "Did you mean 'day'?"),
    ("count(purchase) filter (where within(0, 'day'))", "1 to 36,500"),
    ("count(purchase) filter (where within(quantity, 'day'))", "must be written out"),
    ("count(purchase) filter (where within(null, 'day'))", "cannot be absent"),
    ("count(purchase) filter (where within('90', 'day'))", "Argument 1 of `within` must be"),
    ("within(joined, '90', 'day')", "Argument 2 of `within` must be"),
    ("in_random_share(0.1, 5)", "Argument 2 of `in_random_share` must be"),
    ("customer.age > '5'", "Write numbers without quotes."),
    ("count(purchase) filter (where this('fortnight'))", "No period"),
    ("count(purchase) filter (where since('1 Sept'))", "not a date"),
    ("count(purchase) filter (where between_dates('2017-02-01', '2017-01-01'))", "comes before"),
    ("count(purchase) filter (where ahead(3, 'day'))", "only targets"),
    ("segment.hopeful", "only targets"),
    ("score(age, 1)", "2 to 1,000"),
    ("score(age, age)", "must be written out"),
    ("quantile(purchase.amount, 2)", "0 to 1"),
    ("band(age, 30, 18)", "must rise"),
    ("clamp(age, 9, 1)", "must rise"),
    ("round(age, 99)", "0 to 9"),
    ("round(age, null)", "cannot be absent"),
    ("城市 like '\\a'", "backslash"),
    ("城市 like '\\'", "backslash"),
    ("城市 like null", "cannot be absent"),
    ("城市 like 城市", "must be written out"),
    ("matches(城市, '(')", "not a regular expression"),
    ("matches(城市, '(?=a)')", "read differently"),
    ("matches(城市, '\\bword')", "read differently"),
    ("matches(城市, 'a++')", "read differently"),
    ("matches(城市, 'a{2000}')", "read differently"),
    ("matches(城市, '[[:alpha:]]')", "class"),
    ("matches(城市, '(a+)+$')", "too many ways"),
    ("matches(城市, '(a*)*b')", "too many ways"),
    ("matches(城市, '(?:a|aa)+$')", "too many ways"),
    ("matches(城市, '(a?){30}b')", "too many ways"),
    ("matches(城市, '((a|b){9}){9}')", "too many ways"),
    ("matches(城市, '(x[0-9]{0,99}){2,}')", "too many ways"),
    ("matches(城市, '.*a.*b.*c')", "More than 2 open repeats"),
    ("matches(城市, 'a+a+[a-c]+')", "More than 2 open repeats"),
    ("matches(城市, '画+.{2,}[^a]*')", "More than 2 open repeats"),
    ("substr(城市, 0)", "from 1"),
    ("lpad(城市, 3, '')", "fill with"),
    ("date_add(born, 1, 'hour')", "No unit"),
    ("instant('yesterday')", "not a date or an instant"),
    # types
    ("城市 + 1", "must be a number"),
    ("age || 'x'", "must be a text"),
    ("age and vip", "must be a condition"),
    ("not age", "must be a condition"),
    ("age = 'x'", "do not go together"),
    ("born = joined", "Take date(…)"),
    ("born > '1 May'", "is not a date"),
    ("born = 城市", "Use date(text)"),
    ("if(age, 1, 2)", "must be a condition"),
    ("age = null", "the comparison is never true"),
    ("absent <> 城市", "the comparison is never true"),
    ("case age when null then 1 end", "the comparison is never true"),
    ("if(vip, 1, 'x')", "do not go together"),
    ("case when age then 1 end", "must be a condition"),
    ("case when vip then 1 else 'x' end", "do not go together"),
    ("1.5 % 2", "must be a whole number"),
    ("hour(born)", "must be an instant"),
    ("to_text(1 / 3)", "Round it first"),
    ("to_text(joined)", "Take parts of it"),
    ("count(purchase) filter (where quantity)", "must be a condition"),
    ("sum(purchase.amount + tax)", "CNY and USD do not mix"),
    ("sum(purchase.amount) > sum(purchase.tax)", "CNY and USD do not mix"),
    ("sum(purchase.amount) / sum(purchase.tax)", "CNY and USD do not mix"),
    ("sum(purchase.note)", "must be a number"),
    # segments
    ("segment.round", "contains itself"),
    ("segment.broken", "must be a condition"),
    ("segment.s39", "parts long"),
    ("segment.d9", "nested more than"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "part"), BAD)
def test_a_wrong_expression_is_refused_with_a_reason(text: str, part: str) -> None:
    with pytest.raises(GongbiError) as caught:
        check_expression(text, WORLD, "customer")
    assert part in str(caught.value)
    assert caught.value.kind == "caller"


def test_an_error_carries_the_place_of_its_definition() -> None:
    with pytest.raises(GongbiError, match=r"^tags/rfm\.yaml:7: .*At character 1: `cuont") as caught:
        check_expression("cuont(purchase)", WORLD, "customer", place=Place("tags/rfm.yaml", 7))
    assert caught.value.place == Place("tags/rfm.yaml", 7)


def test_a_condition_must_be_true_or_false() -> None:
    with pytest.raises(InvalidExpression, match="this is integer"):
        check_condition("age", WORLD, "customer")
    assert check_condition("null", WORLD, "customer").type == BOOLEAN


def test_a_target_may_look_ahead_but_the_segments_in_it_may_not() -> None:
    assert check_condition("exists(purchase) filter (where ahead(30, 'day'))", WORLD, "customer", ahead=True)
    with pytest.raises(InvalidExpression, match="only targets"):
        check_condition("segment.hopeful", WORLD, "customer", ahead=True)


def test_a_segment_is_put_in_with_unknown_as_no() -> None:
    expr = check_expression("not segment.loyal", WORLD, "customer")
    assert expr.args[0].function is CATALOGUE["is_true"]  # type: ignore[union-attr]


RAW = {"price": decimal(2), "n": INTEGER, "at": TIMESTAMP, "名称": TEXT}


@pytest.mark.parametrize("text", ["as_of()", "days_since(at)", "within(at, 3, 'day')", "this(at, 'month')"])
def test_a_column_of_a_source_does_not_depend_on_the_instant(text: str) -> None:
    with pytest.raises(InvalidExpression, match="depends on the instant"):
        compile_row(text, RAW, DIALECTS["duckdb"], zone="UTC")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("sum(n)", "only the one"),
        ("rank(n)", "cannot stand"),
        ("nn", "Did you mean 'n'"),
        ("since('2017-01-01')", "needs a row's time"),
    ],
)
def test_a_row_has_no_aggregates_and_no_ranks(text: str, part: str) -> None:
    with pytest.raises(GongbiError) as caught:
        compile_row(text, RAW, DIALECTS["duckdb"], zone="UTC")
    assert part in str(caught.value)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_rows_and_groups_are_written_for_each_engine(dialect: str) -> None:
    assert compile_row("price * n", RAW, DIALECTS[dialect], zone="UTC").type == decimal(2)
    assert compile_group("count(rows)", RAW, DIALECTS[dialect], zone="UTC").sql == "count(*)"
    with pytest.raises(InvalidExpression, match="derived fact"):
        compile_group("mode(n)", RAW, DIALECTS[dialect], zone="UTC")
    with pytest.raises(InvalidExpression, match="needs an aggregate"):
        compile_group("n", RAW, DIALECTS[dialect], zone="UTC")


PIECES = [
    *CATALOGUE, *ATTRIBUTES, "purchase", "purchase.amount", "click", "click.position", "purchase.ts", "tag.top", "segment.loyal", "customer",
    "(", ")", "(", ")", ",", "1", "2.5", "'day'", "'x'", "null", "filter (where", "distinct", "purchase.product.category",
]  # fmt: skip
CALLS = st.recursive(
    st.sampled_from(["1", "2.5", "'day'", "'2017-01-01'", "null", "age", "城市", "born", "joined", "vip", "purchase", "purchase.amount", "click.position", "tag.top"]),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from([n for n in CATALOGUE if n[0].isalpha()]), st.lists(inner, max_size=4)).map(lambda t: f"{t[0]}({', '.join(t[1])})"),
        st.tuples(inner, st.sampled_from(["+", "/", "%", "||", "and", "=", "<", "like", "is absent and"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
    ),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=400)
@given(st.one_of(CALLS, st.lists(st.sampled_from(PIECES), max_size=25).map(" ".join)))
def test_any_words_are_understood_or_refused(text: str) -> None:
    try:
        expr = check_expression(text, WORLD, "customer", ahead=True)
    except GongbiError as error:
        blamed = error.kind
    else:
        blamed = "caller" if hash(expr) else "nobody"
    assert blamed == "caller"


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("share(purchase, gift)", "'purchase' is the fact itself", "purchase.amount"),
        ("max(purchase)", "'purchase' is the fact itself", "count(purchase)"),
        ("count(purchase) filter (where within(purchase, 7, 'day'))", "takes the time of the row by itself", "within(n, unit"),
        ("min(days_to_end(purchase))", "takes the time of the row by itself", "days_to_end()"),
        ("any(view.page = 'x')", "No relation leads from a customer to a view", "click.view.page"),
        ("max(product.category) + 1", "No relation leads from a customer to a product", "purchase.product.category"),
    ],
)  # fmt: skip
def test_what_stands_where_a_column_should_is_told(text: str, said: str, hint: str) -> None:
    with pytest.raises(InvalidExpression) as refused:
        check_expression(text, WORLD, "customer")
    assert said in refused.value.message
    assert hint in (refused.value.hint or "")
