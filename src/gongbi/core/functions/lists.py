"""Lists and distributions: gathered from rows, or written out; asked, compared and taken apart.

A list is made of values that are there, so that none of its elements is absent. A distribution holds values with their
shares of the whole, the largest share first, equal ones by the smallest value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from gongbi.core.functions.base import PROPAGATES, SKIPS, Example, Function, Param, Regroup, require
from gongbi.core.functions.groups import SMALLEST, W
from gongbi.core.functions.texts import trimmed
from gongbi.core.types import BOOLEAN, DOUBLE, INTEGER, TEXT, Type, distribution_of, list_of
from gongbi.errors import WrongType

if TYPE_CHECKING:
    from gongbi.core.expr import Call
    from gongbi.core.render import Rendering

#: How many elements a list or a distribution has at most, unless it says otherwise, and how many it may ask for.
LIMIT: Final = 100
MOST: Final = 1000

L, D, X = Param("list", "list"), Param("distribution", "distribution"), Param("x", "ordered")
LIMIT_PARAM = Param("limit", "integer", constant=True, optional=True)
Of = Mapping[str, str]


# -- types ------------------------------------------------------------------------------------------


def _kept(type_: Type) -> Type:
    """The type of an element: only values that can be told apart surely."""
    if type_.name == "double":
        raise WrongType("Elements of a list are compared exactly, and a double is not exact.", hint="Round it first.")
    return type_


def _list(types: Sequence[Type]) -> Type:
    return list_of(_kept(types[0]))


def _distribution(types: Sequence[Type]) -> Type:
    return distribution_of(_kept(types[0]))


def _element(types: Sequence[Type]) -> Type:
    assert types[0].element is not None
    return types[0].element


def _values(types: Sequence[Type]) -> Type:
    return list_of(_element(types))


def _fitting(returns: Type) -> Callable[[Sequence[Type]], Type]:
    """All further arguments must be such that the elements can be equal to them."""

    def check(types: Sequence[Type]) -> Type:
        element = _element(types)
        for type_ in types[1:]:
            widened = (
                element.name == "decimal" and type_.name in ("integer", "decimal") and type_.scale <= element.scale
            )
            if type_.name != element.name and not widened:
                raise WrongType(f"A {types[0]} holds no {type_}.")
        return returns

    return check


def _alike(types: Sequence[Type]) -> Type:
    if types[0] != types[1]:
        raise WrongType(f"A {types[0]} and a {types[1]} do not go together.")
    return types[0]


def _alike_or_not(types: Sequence[Type]) -> Type:
    _alike(types)
    return BOOLEAN


def _text_list(types: Sequence[Type]) -> Type:
    if types[0].element != TEXT:
        raise WrongType(f"Only a list of text can be joined, not a {types[0]}.")
    return TEXT


# -- SQL --------------------------------------------------------------------------------------------


def _duck(to: Rendering) -> bool:
    return to.dialect.name == "duckdb"


def each(items: str, to: Rendering, what: str, where: str | None = None) -> str:
    """The elements `e` of a list for which a condition holds, each made into something else."""
    if _duck(to):
        found = items if where is None else f"list_filter({items}, lambda e: {where})"
        return found if what == "e" else f"list_transform({found}, lambda e: {what})"
    found = items if where is None else f"filter({items}, e -> {where})"
    return found if what == "e" else f"transform({found}, e -> {what})"


def size(items: str, to: Rendering) -> str:
    """How many elements a list has."""
    return f"len({items})" if _duck(to) else f"cast(size({items}) as bigint)"


def _sorted(items: str, to: Rendering) -> str:
    return f"list_sort(list_distinct({items}))" if _duck(to) else f"array_sort(array_distinct({items}))"


def _same_as_element(arg: str, call: Call, to: Rendering) -> str:
    element = call.args[0].type.element
    assert element is not None
    return f"cast({arg} as {to.type(element)})"


def _gathered(value: str, of: Of, to: Rendering, there: str) -> str:
    """The groups' values in the order of their places, absent where there is none; `there` says which take part."""
    limit = f"filter (where {of['place']} <= {of['most']} and {there})"
    if _duck(to):
        return f"list({value} order by {of['place']}) {limit}"
    # Spark collects in any order, and gives an empty array where there is nothing to collect.
    found = f"array_sort(collect_list(struct({of['place']} as p, {value} as v)) {limit})"
    return f"(case when count(case when {there} then 1 end) > 0 then transform({found}, e -> e.v) end)"


def _most(at: int) -> Callable[[Sequence[str], Rendering], str]:
    return lambda args, to: f"max({args[at] if len(args) > at else to.literal(LIMIT)})"


def _weight(at: int) -> Callable[[Sequence[str], Rendering], str]:
    return lambda args, to: f"sum({args[at]})" if len(args) > at else "count(*)"


def _spread(of: Of, to: Rendering) -> str:
    """Values with shares; those whose weight is nothing have none."""
    double = to.type(DOUBLE)
    share = f"cast({of['n']} as {double}) / cast({of['total']} as {double})"
    # Spark refuses a division by zero even where the row is filtered out afterwards.
    share = f"(case when {of['n']} > 0 then {share} end)"
    if _duck(to):
        record = f'struct_pack("value" := {of["k"]}, "share" := {share})'
    else:
        record = f"named_struct('value', {of['k']}, 'share', {share})"
    return _gathered(record, of, to, f"{of['n']} > 0")


def _has(call: Call, args: Sequence[str], to: Rendering) -> str:
    word = "list_contains" if _duck(to) else "array_contains"
    return f"{word}({args[0]}, {_same_as_element(args[1], call, to)})"


def _has_of(word: str) -> Any:
    def write(call: Call, args: Sequence[str], to: Rendering) -> str:
        found = "list_contains" if _duck(to) else "array_contains"
        tests = (f"{found}({args[0]}, {_same_as_element(arg, call, to)})" for arg in args[1:])
        return f"({f' {word} '.join(tests)})"

    return write


def _length(call: Call, args: Sequence[str], to: Rendering) -> str:
    # An absent array has the size -1, or none at all, by a setting of Spark.
    return f"len({args[0]})" if _duck(to) else f"(case when {args[0]} is not null then {size(args[0], to)} end)"


def _element_at(call: Call, args: Sequence[str], to: Rendering) -> str:
    n = getattr(call.args[1], "value", 1)
    return f"{args[0]}[{n}]" if _duck(to) else f"try_element_at({args[0]}, {n})"


def _pair(duckdb: str, spark: str) -> Any:
    def write(call: Call, args: Sequence[str], to: Rendering) -> str:
        text = (duckdb if _duck(to) else spark).format(*args)
        return f"(case when {args[0]} is not null and {args[1]} is not null then {_sorted(text, to)} end)"

    return write


def _shares_any(call: Call, args: Sequence[str], to: Rendering) -> str:
    return f"list_has_any({args[0]}, {args[1]})" if _duck(to) else f"arrays_overlap({args[0]}, {args[1]})"


def _list_of(call: Call, args: Sequence[str], to: Rendering) -> str:
    items = f"[{', '.join(args)}]" if _duck(to) else f"array({', '.join(args)})"
    there = each(items, to, "e", "e is not null")
    type_ = to.type(call.type)
    return f"cast({_sorted(there, to)} as {type_})"


def _split(call: Call, args: Sequence[str], to: Rendering) -> str:
    delimiter = getattr(call.args[1], "value", ",")
    if _duck(to):
        parts = f"string_split({args[0]}, {to.literal(delimiter)})"
    else:
        parts = f"split({args[0]}, {to.literal('[' + ']['.join(_in_class(c) for c in delimiter) + ']')})"
    found = each(each(parts, to, trimmed("e", to)), to, "e", "e <> ''")
    return f"list_slice({found}, 1, {MOST})" if _duck(to) else f"slice({found}, 1, {MOST})"


def _in_class(letter: str) -> str:
    """A character as a class of a regular expression of Java."""
    return "\\" + letter if letter in "\\[]^-&" else letter


def _joined(call: Call, args: Sequence[str], to: Rendering) -> str:
    return f"array_to_string({args[0]}, {args[1]})" if _duck(to) else f"array_join({args[0]}, {args[1]})"


def _share_in(call: Call, args: Sequence[str], to: Rendering) -> str:
    value = _same_as_element(args[1], call, to)
    matching = each(args[0], to, "e", f"e.{to.dialect.ident('value')} = {value}")
    first = f"({matching})[1]" if _duck(to) else f"get({matching}, 0)"
    there = f"{args[0]} is not null and {args[1]} is not null"
    return f"(case when {there} then coalesce({first}.{to.dialect.ident('share')}, {to.literal(0.0)}) end)"


def _at_place(part: str) -> Any:
    def write(call: Call, args: Sequence[str], to: Rendering) -> str:
        n = getattr(call.args[1], "value", 1) if len(call.args) > 1 else 1
        record = f"{args[0]}[{n}]" if _duck(to) else f"get({args[0]}, {n - 1})"
        return f"({record}).{to.dialect.ident(part)}"

    return write


def _values_of(call: Call, args: Sequence[str], to: Rendering) -> str:
    return each(args[0], to, f"e.{to.dialect.ident('value')}")


# -- checks -----------------------------------------------------------------------------------------


def _check_limit(at: int, name: str) -> Callable[[Sequence[Any]], None]:
    def check(values: Sequence[Any]) -> None:
        if len(values) > at:
            n = values[at]
            require(isinstance(n, int) and 1 <= n <= MOST, f"`{name}` keeps 1 to {MOST:,} values, not {n}.")

    return check


def _check_place(values: Sequence[Any]) -> None:
    if len(values) > 1:
        n = values[1]
        require(isinstance(n, int) and 1 <= n <= MOST, f"A place of a distribution is 1 to {MOST:,}, not {n}.")


def _check_index(values: Sequence[Any]) -> None:
    n = values[1]
    require(
        isinstance(n, int) and n != 0 and abs(n) <= MOST,
        f"Elements count from 1, or from -1 at the end; there is no {n}.",
    )


def _check_split(values: Sequence[Any]) -> None:
    require(bool(values[1]) and len(values[1]) <= 20, "`split` needs a delimiter of 1 to 20 characters.")


# -- entries ----------------------------------------------------------------------------------------


def _gather(
    name: str, params: tuple[Param, ...], returns: Any, zh: str, en: str, examples: tuple[Example, ...], plan: Regroup,
    check: Any, ties: tuple[str, str] | None = None,
) -> Function:  # fmt: skip
    return Function(
        name, "aggregate", "lists", params, returns, zh, en, SKIPS, examples, plan, plan, ties=ties, check=check
    )


def _value(
    name: str, params: tuple[Param, ...], returns: Any, zh: str, en: str, examples: tuple[Example, ...], sql: Any,
    *, nulls: tuple[str, str] = PROPAGATES, check: Any = None, ties: tuple[str, str] | None = None,
) -> Function:  # fmt: skip
    return Function(name, "scalar", "lists", params, returns, zh, en, nulls, examples, sql, sql, check=check, ties=ties)


def _over(text: str) -> Callable[[Of, Rendering], str]:
    return lambda of, to: _gathered(of[text], of, to, f"{of[text]} is not null")


KEY: Callable[[Sequence[str], Any], str] = lambda args, to: args[0]  # noqa: E731
UNKNOWN_LIST = (
    "Absent if the list is absent; an absent value is found in no list.",
    "列表缺失则缺失；缺失的值不在任何列表中。",
)
ABC, SPREAD = "list_of('a', 'b', 'c')", "distribution(sample.category)"
A_THIRD, TWO_THIRDS = 1 / 3, 2 / 3

FUNCTIONS: tuple[Function, ...] = (
    _gather("list", (X, LIMIT_PARAM), _list,
            f"不同值的列表，从小到大；最多 limit 个（不写为 {LIMIT}，最大 {MOST}），超出时保留最小的。",
            f"The different values, smallest first; at most `limit` of them ({LIMIT} unless said, {MOST:,} at most), the smallest.",
            (Example("list(sample.category)", {1: ["A", "B"], 2: ["A", "B"], 3: ["C"], 4: None}),
             Example("list(sample.quantity, 2)", {1: [1, 2], 2: [1, 4], 3: [1], 4: None})),
            Regroup(key=KEY, inner={"most": _most(1)}, outer=_over("k"), rank_by="{k}"), _check_limit(1, "list")),
    _gather("top_k", (X, Param("k", "integer", constant=True), W), _list,
            f"出现最多（或权重合计最大）的 k 个值的列表，多的在前；k 最大 {MOST}。",
            f"The k most frequent values, or those with the largest total weight, the largest first; k is at most {MOST:,}.",
            (Example("top_k(sample.category, 1)", {1: ["A"], 2: ["A"], 3: ["C"], 4: None}),
             Example("top_k(sample.category, 2, sample.quantity)", {1: ["A", "B"], 2: ["A", "B"], 3: ["C"], 4: None})),
            Regroup(key=KEY, inner={"most": _most(1), "n": _weight(2)}, outer=_over("k"), rank_by="{n} desc nulls last, {k}"),
            _check_limit(1, "top_k"), SMALLEST),
    _gather("distribution", (X, W), _distribution,
            f"各值所占份额（按行数或权重），大的在前；最多 {LIMIT} 个值，份额仍按全部计算；权重不为正的值不计。",
            f"Each value with its share of the rows, or of their weight, the largest first. At most {LIMIT} values; shares stay those of the whole. "
            "Values whose weight is not positive take no part.",
            (Example("distribution(sample.category)",
                     {1: [{"value": "A", "share": TWO_THIRDS}, {"value": "B", "share": A_THIRD}],
                      2: [{"value": "A", "share": 0.5}, {"value": "B", "share": 0.5}], 3: [{"value": "C", "share": 1.0}], 4: None}),
             Example("distribution(sample.category, sample.amount)",
                     {1: [{"value": "A", "share": TWO_THIRDS}, {"value": "B", "share": A_THIRD}],
                      2: [{"value": "A", "share": 0.5}, {"value": "B", "share": 0.5}], 3: None, 4: None})),
            Regroup(key=KEY, inner={"most": _most(9), "n": _weight(1)}, outer=_spread, rank_by="{n} desc nulls last, {k}",
                    over={"total": "sum(case when {n} > 0 then {n} end)"}), None, SMALLEST),
    _value("list_of", (Param("x", "same", repeated=True),), _list, "由给出的值组成的列表：不同的值，从小到大。",
           "A list of the values given: the different ones, smallest first.",
           (Example("list_of('b', 'a', 'b')", ["a", "b"]), Example("list_of(1, null)", [1])), _list_of,
           nulls=("Absent values are left out; the list may be empty.", "略去缺失值；列表可以为空。")),
    _value("split", (Param("text", "text"), Param("delimiter", "text", constant=True)), list_of(TEXT),
           f"按分隔符切开成列表，去掉各段两端空白与空段，次序不变；最多 {MOST} 段。",
           f"The pieces of a text between delimiters as a list, in their order, without blanks around them and without empty ones; at most {MOST:,}.",
           (Example("split('tea, rice,,oil', ',')", ["tea", "rice", "oil"]), Example("split('', ',')", [])), _split, check=_check_split),
    _value("has", (L, X), _fitting(BOOLEAN), "列表中有这个值。", "The list holds the value.",
           (Example(f"has({ABC}, 'b')", True), Example("has(list(sample.category), 'B')", {1: True, 2: True, 3: False, 4: None})), _has),
    _value("has_any", (L, Param("x", "ordered", repeated=True)), _fitting(BOOLEAN), "列表中至少有其中一个值。", "The list holds at least one of the values.",
           (Example(f"has_any({ABC}, 'x', 'c')", True),), _has_of("or"),
           nulls=("Unknown where the list or one of the values is absent and none of the others decides.", "列表或某个值缺失、且其余的值不能决定时未知。")),
    _value("has_all", (L, Param("x", "ordered", repeated=True)), _fitting(BOOLEAN), "列表中有全部这些值。", "The list holds all of the values.",
           (Example(f"has_all({ABC}, 'a', 'c')", True), Example(f"has_all({ABC}, 'a', 'x')", False)), _has_of("and"),
           nulls=("Unknown where the list or one of the values is absent and none of the others decides.", "列表或某个值缺失、且其余的值不能决定时未知。")),
    _value("list_length", (L,), INTEGER, "列表的元素个数。", "How many elements a list has.",
           (Example(f"list_length({ABC})", 3), Example("list_length(list(sample.category))", {1: 2, 2: 2, 3: 1, 4: None})), _length),
    _value("element_at", (L, Param("n", "integer", constant=True)), _element, "列表的第 n 个元素，从 1 数；-1 为最后一个。",
           "The n-th element, from 1; -1 is the last.",
           (Example(f"element_at({ABC}, 2)", "b"), Example(f"element_at({ABC}, -1)", "c"), Example(f"element_at({ABC}, 9)", None)), _element_at,
           nulls=("Absent if the list is absent or has no such element.", "列表缺失或没有该元素则缺失。"), check=_check_index),
    _value("list_intersect", (L, Param("other", "list")), _alike, "两个列表共有的值，从小到大。", "The values that both lists hold, smallest first.",
           (Example(f"list_intersect({ABC}, list_of('c', 'd'))", ["c"]),), _pair("list_intersect({0}, {1})", "array_intersect({0}, {1})")),
    _value("list_union", (L, Param("other", "list")), _alike, "两个列表合在一起的不同值，从小到大。", "The values that either list holds, smallest first.",
           (Example("list_union(list_of(1, 2), list_of(2, 3))", [1, 2, 3]),), _pair("list_concat({0}, {1})", "array_union({0}, {1})")),
    _value("list_except", (L, Param("other", "list")), _alike, "只在第一个列表中的值，从小到大。", "The values of the first list that the second does not hold, smallest first.",
           (Example(f"list_except({ABC}, list_of('c', 'd'))", ["a", "b"]),), _pair("list_filter({0}, lambda e: not list_contains({1}, e))", "array_except({0}, {1})")),
    _value("overlaps", (L, Param("other", "list")), _alike_or_not, "两个列表至少共有一个值。", "The two lists share at least one value.",
           (Example(f"overlaps({ABC}, list_of('c', 'd'))", True), Example(f"overlaps({ABC}, list_of('d'))", False)), _shares_any),
    _value("list_join", (L, Param("delimiter", "text", constant=True)), _text_list, "用分隔符把文本列表连成一段文本。", "The texts of a list as one text, with a delimiter between them.",
           (Example(f"list_join({ABC}, '、')", "a、b、c"),), _joined),
    _value("share_in", (D, X), _fitting(DOUBLE), "某个值在分布中的份额，0 到 1；分布中没有则为 0。", "The share of a value in a distribution, 0 to 1; 0 where the distribution lacks it.",
           (Example(f"share_in({SPREAD}, 'B')", {1: A_THIRD, 2: 0.5, 3: 0.0, 4: None}),), _share_in),
    _value("top_of", (D, Param("place", "integer", constant=True, optional=True)), _element, "分布中份额最大的值；给出 place 则为第几大的。",
           "The value with the largest share; with `place`, the one in that place.",
           (Example(f"top_of({SPREAD})", {1: "A", 2: "A", 3: "C", 4: None}), Example(f"top_of({SPREAD}, 2)", {1: "B", 2: "B", 3: None, 4: None})),
           _at_place("value"), nulls=("Absent if the distribution is absent or has fewer values.", "分布缺失或没有那么多值则缺失。"),
           check=_check_place, ties=SMALLEST),
    _value("share_of_top", (D, Param("place", "integer", constant=True, optional=True)), DOUBLE, "分布中最大的份额；给出 place 则为第几大的。",
           "The largest share of a distribution; with `place`, the one in that place.",
           (Example(f"share_of_top({SPREAD})", {1: TWO_THIRDS, 2: 0.5, 3: 1.0, 4: None}),),
           _at_place("share"), nulls=("Absent if the distribution is absent or has fewer values.", "分布缺失或没有那么多值则缺失。"), check=_check_place),
    _value("values_of", (D,), _values, "分布中的各个值，份额大的在前。", "The values of a distribution as a list, the largest share first.",
           (Example(f"values_of({SPREAD})", {1: ["A", "B"], 2: ["A", "B"], 3: ["C"], 4: None}),), _values_of),
)  # fmt: skip
