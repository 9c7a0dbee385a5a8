"""Arguments against a function's signature: one parameter each, widened, with the type and level of the result."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from gongbi.core import clock, levels
from gongbi.core.demands import ACCEPTED, demand, written
from gongbi.core.expr import Call, Constant, Expr, Level
from gongbi.core.functions import Function, Param, function
from gongbi.core.functions.operators import conversion, wider
from gongbi.core.types import DATE, DOUBLE, INTEGER, NULL, TEXT, TIMESTAMP, Type, distribution_of, list_of
from gongbi.errors import InvalidExpression, WrongType

_NUMBER = re.compile(r"\s*[+-]?[0-9]+([.][0-9]+)?\s*", re.ASCII)


def typed_call(entry: Function, args: Sequence[Expr], unwritten: int = 0) -> Call:
    """Apply a function, after its arguments were checked and widened; the first few may stand there unwritten."""
    params = matched(entry, len(args))
    for i, (param, arg) in enumerate(zip(params, args, strict=True), 1 - unwritten):
        spoken = f"Argument {i} of `{entry.name}`" if not entry.sign else f"A side of `{entry.name}`"
        demand(arg, param.accepts, spoken)
        if param.constant and not isinstance(arg, Constant):
            raise InvalidExpression(f"{spoken} must be written out; it cannot depend on data.")
        if param.constant and isinstance(arg, Constant) and arg.value is None:
            raise InvalidExpression(f"{spoken} cannot be absent.")
    args = levels.checked(entry, args)
    same = [i for i, param in enumerate(params) if param.accepts == "same"]
    if same:
        spoken = f"The arguments of `{entry.name}`" if not entry.sign else f"The sides of `{entry.name}`"
        for i, value in zip(same, unified([args[i] for i in same], spoken), strict=True):
            args = [*args[:i], value, *args[i + 1 :]]
    args = [_defaulted(arg, param) for arg, param in zip(args, params, strict=True)]
    if entry.check is not None:
        entry.check([written(arg) for arg in args])
    type_ = levels.result_type(entry, [args[i] for i in same] or args, entry.result([arg.type for arg in args]))
    return Call(entry, tuple(args), type_, joint_level(args))


def _defaulted(arg: Expr, param: Param) -> Expr:
    """Give a bare null the type that its place asks for."""
    if arg.type != NULL or param.accepts not in ACCEPTED:
        return arg
    wanted = {"number": INTEGER, "moment": TIMESTAMP, "ordered": INTEGER, "date": DATE, "timestamp": TIMESTAMP}
    wanted |= {"list": list_of(TEXT), "distribution": distribution_of(TEXT)}
    return Constant(None, wanted.get(param.accepts) or Type(param.accepts))  # type: ignore[arg-type]


def matched(entry: Function, given: int) -> list[Param]:
    """One parameter per argument; a repeated one stands as often as needed."""
    params: list[Param] = []
    left = given
    for i, param in enumerate(entry.params):
        later = sum(1 for p in entry.params[i + 1 :] if not p.optional)
        if param.repeated:
            n = left - later
            if n < (0 if param.optional else 1):
                raise entry.arity_error(given)
            params += [param] * n
            left -= n
        elif left > later or not param.optional:
            params.append(param)
            left -= 1
    if entry.params and entry.params[0].accepts == "fact" and given == 0:
        return []
    if left != 0:
        raise entry.arity_error(given)
    return params


def joint_level(args: Sequence[Expr]) -> Level:
    """The level of a function of these arguments."""
    levels = {arg.level for arg in args}
    return "member" if "member" in levels else "row" if "row" in levels else "constant"


def unified(args: Sequence[Expr], what: str) -> list[Expr]:
    """Widen all arguments to one type: numbers to the widest, written dates to dates, nulls to anything."""
    types = [arg.type for arg in args if arg.type != NULL]
    names = {t.name for t in types}
    if not types:
        return [Constant(None, INTEGER) for _ in args]
    if names <= {"integer", "decimal", "double"}:
        type_ = wider(types)
    elif len(names) == 1 and (len(set(types)) == 1 or types[0].element is None):
        type_ = types[0]
    elif names in ({"date", "text"}, {"timestamp", "text"}):
        type_ = next(t for t in types if t.name != "text")
        args = [_moment(arg, type_, what) if arg.type == TEXT else arg for arg in args]
    else:
        hint = "Take date(…) of the instant." if names == {"date", "timestamp"} else None
        if any(isinstance(arg, Constant) and arg.type == TEXT and _NUMBER.fullmatch(arg.value) for arg in args):
            hint = "Write numbers without quotes."
        raise WrongType(
            f"{what} are {' and '.join(sorted({str(t) for t in types}))}, which do not go together.", hint=hint
        )
    return [widened(arg, type_) for arg in args]


def _moment(arg: Expr, type_: Type, what: str) -> Expr:
    if not isinstance(arg, Constant):
        raise WrongType(f"{what} are text and {type_}.", hint="Use date(text) to read a date from text.")
    try:
        if type_ == DATE:
            return Constant(date.fromisoformat(arg.value), DATE)
    except ValueError as error:
        raise InvalidExpression(f"{arg.value!r} is not a date.", hint="Write it as 2017-09-01.") from error
    clock.parse_instant(arg.value, "UTC")
    return Call(function("instant"), (arg,), TIMESTAMP, "constant")


def widened(arg: Expr, type_: Type) -> Expr:
    """The same value in a wider type."""
    if arg.type == type_:
        return arg
    if isinstance(arg, Constant):
        return Constant(_converted(arg.value, type_), type_)
    if arg.type.name == type_.name == "decimal" and arg.type.scale == type_.scale:
        return arg
    return Call(conversion(type_), (arg,), type_, arg.level)


def _converted(value: Any, type_: Type) -> Any:
    if value is None or isinstance(value, str | bool | date | datetime):
        return value
    return float(value) if type_ == DOUBLE else Decimal(value) if type_.name == "decimal" else value
