"""Categories: values from a closed list, some of them in an order of their own.

The values stay as they are in tables. Where the order matters (``<``, `between`, `max`, ranks), an expression over an
ordered category is written by the place of the value among the levels: the lowest is 1. A value that is none of the
levels has no place, so that its comparisons are unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gongbi.core import expr as ir
from gongbi.core.expr import Attribute, Call, Constant, Expr, FactColumn, RelatedColumn, TagValue
from gongbi.core.types import NULL, Type
from gongbi.errors import UnknownName, WrongType

if TYPE_CHECKING:
    from gongbi.core.functions import Function
    from gongbi.core.render import Rendering

#: Compare their sides by order, or by equality alone.
_ORDERING = frozenset({"<", "<=", ">", ">=", "between", "greatest", "least"})
_EQUALITY = frozenset({"=", "<>", "in", "nullif"})
#: Give one of their arguments; give a value, or values, of the first.
_CHOOSING = frozenset({"case", "if", "coalesce", "greatest", "least"})
_KEEPING = frozenset(
    "nullif min max mode first last arg_max arg_min top_by list top_k distribution top_of element_at values_of".split()
)
#: Functions that put one argument in order → which; the first of them give a value of it back.
_BACK = frozenset({"min", "max", "greatest", "least"})
_SORTED: Mapping[str, int] = {
    **dict.fromkeys(("min", "max", "score", "ntile", "rank", "dense_rank", "place", "percent_rank", "cume_dist"), 0),
    **dict.fromkeys(("arg_max", "arg_min"), 1),
}
#: Look for values in a list or a distribution, their first argument.
_LOOKING = frozenset({"has", "has_any", "has_all", "share_in"})


def checked(entry: Function, args: Sequence[Expr]) -> list[Expr]:
    """Refuse constants that a category does not have, and an order where it has none.

    Raises
    ------
    UnknownName
        A constant is none of the values; with the nearest that is.
    WrongType
        The sides have no order in common.
    """
    args = list(args)
    if entry.name in _LOOKING and args and args[0].type.element is not None and args[0].type.element.levels:
        for arg in args[1:]:
            _known(arg, args[0], args[0].type.element.levels)
    closed = [arg for arg in args if arg.type.levels]
    if not closed or entry.name not in _ORDERING | _EQUALITY:
        return args
    by_place = [arg for arg in closed if arg.type.has_places]
    if entry.name in _EQUALITY or by_place:
        for side in closed:
            for arg in args:
                _known(arg, side, side.type.levels)
    if entry.name in _EQUALITY:
        return args
    unordered = [arg for arg in closed if arg.type.name == "text" and not arg.type.ordered]
    if unordered:
        raise WrongType(
            f"The values of {_said(unordered[0])!r} have no order, so `{entry.name}` cannot compare them.",
            hint="Declare them `ordered: true`, from least to most, or use = and in.",
        )
    if by_place:
        levels = by_place[0].type.levels
        if any(arg.type.levels != levels for arg in args if not isinstance(arg, Constant) and arg.type != NULL):
            raise WrongType(
                f"The sides of `{entry.name}` have no order in common: only {_said(by_place[0])!r} has these levels.",
                hint="Compare it with one of its levels, or with a value that has the same ones.",
            )
    return args


def _known(arg: Expr, side: Expr, levels: Sequence[Any]) -> None:
    if isinstance(arg, Constant) and arg.value is not None and arg.value not in levels:
        if str(arg.value) in {str(one) for one in levels}:
            raise WrongType(
                f"The values of {_said(side)!r} are of type {side.type.name}: {arg.value!r} is none of them.",
                hint=f"Write {arg.value}, without quotes." if isinstance(arg.value, str) else f"Write '{arg.value}'.",
            )
        raise UnknownName(f"value of {_said(side)}", str(arg.value), [str(one) for one in levels])


def _said(side: Expr) -> str:
    """What a category is called: the first name in it."""
    for part in ir.walk(side):
        match part:
            case TagValue():
                return part.tag
            case Attribute():
                return f"{part.subject}.{part.attribute}"
            case FactColumn():
                return f"{part.fact}.{part.column}"
            case RelatedColumn():
                return f"{part.subject}.{part.attribute}"
    return str(side.type)


def result_type(entry: Function, args: Sequence[Expr], type_: Type) -> Type:
    """The type of a result: with the levels of what it is chosen from, without any where it is worked out."""
    if entry.name in _CHOOSING:
        return chosen_from(args, type_)
    return type_ if entry.name in _KEEPING else type_.plain


def chosen_from(args: Sequence[Expr], type_: Type) -> Type:
    """The type of a value that is one of these.

    Where the arguments bring values that an ordered category does not have, the result has no order.
    """
    type_ = type_.plain
    closed = [arg.type for arg in args if arg.type.levels]
    written = [arg.value for arg in args if isinstance(arg, Constant) and arg.value is not None]
    if not closed or any(not arg.type.levels and not isinstance(arg, Constant) for arg in args if arg.type != NULL):
        return type_
    levels = closed[0].levels
    same = all(one.levels == levels and one.ordered == closed[0].ordered for one in closed)
    if same and all(value in levels for value in written):
        return replace(type_, levels=levels, ordered=closed[0].ordered)
    every = dict.fromkeys([*(value for one in closed for value in one.levels), *written])
    return replace(type_, levels=tuple(every))


# -- SQL --------------------------------------------------------------------------------------------


def by_place(call: Call, args: Sequence[str], to: Rendering) -> list[str]:
    """The written arguments of a call, those that it puts in order by their places where they have some."""
    scale = _scale(call)
    if scale is None:
        return list(args)
    at = _SORTED.get(call.function.name)
    return [
        _place(text, arg, scale, to) if arg is not None and at in (None, i) else text
        for i, (text, arg) in enumerate(zip(args, [*call.args, *[None] * len(args)], strict=False))
    ]


def value_at_place(call: Call, text: str, to: Rendering) -> str:
    """The result of a call, where its arguments were put in order by their places: the value again."""
    scale = _scale(call)
    if scale is None or call.function.name not in _BACK:
        return text
    whens = " ".join(f"when {i} then {to.literal(level)}" for i, level in enumerate(scale.levels, 1))
    return f"(case {text} {whens} end)"


def _scale(call: Call) -> Type | None:
    name = call.function.name
    if name in _ORDERING:
        read = call.args
    elif name in _SORTED and len(call.args) > _SORTED[name]:
        read = (call.args[_SORTED[name]],)
    else:
        return None
    return next((arg.type for arg in read if arg.type.has_places), None)


def _place(text: str, arg: Expr, scale: Type, to: Rendering) -> str:
    if isinstance(arg, Constant) and arg.value is not None:
        return str(scale.levels.index(arg.value) + 1)
    return place_of(text, scale, to.literal)


def place_of(text: str, scale: Type, literal: Callable[[Any], str]) -> str:
    """The SQL of a value's place among the levels, the lowest 1; null of what is none of them."""
    whens = " ".join(f"when {literal(level)} then {i}" for i, level in enumerate(scale.levels, 1))
    return f"(case {text} {whens} end)"
