"""A phrase of the catalogue → the expression that it stands for, as a syntax tree."""

from __future__ import annotations

from dataclasses import replace

from gongbi.core.functions import CATALOGUE, Function, Phrase
from gongbi.core.parser import parse
from gongbi.core.syntax import Apply, Literal, Name, Node
from gongbi.errors import WrongType


def expanded(entry: Function, phrase: Phrase, node: Apply) -> Node:
    """Write a phrase out; its filter goes to every aggregate in it.

    Parameters
    ----------
    entry, phrase
        What the catalogue says. In the text, ``_1`` is the first argument.
    node
        The phrase as it was written.

    Raises
    ------
    WrongType
        There are too few or too many arguments, or the first is no name of a fact.
    """
    if len(node.args) != len(entry.params):
        raise entry.arity_error(len(node.args))
    if not isinstance(node.args[0], Name):
        what = "the name of a fact" if entry.params[0].accepts == "fact" else "a column of a fact"
        raise WrongType(f"`{entry.name}` takes {what} first.", hint=f"Write {entry.signature}.")
    for param, arg in zip(entry.params, node.args, strict=True):
        if param.constant and not isinstance(arg, Literal):
            raise WrongType(f"`{param.name}` of `{entry.name}` is written out, not computed.")
    text = phrase.text([arg.value if isinstance(arg, Literal) else None for arg in node.args])
    return _filled(parse(text), node)


def in_whole_days(node: Apply) -> Apply:
    """``average_daily(x, within(90, 'day'))`` → ``average_daily(x, 90)``: its window said as elsewhere."""
    match node.args:
        case (x, Apply("within", (Literal() as n, Literal("day" | "calendar_day")), filter=None), *more):
            return replace(node, args=(x, n, *more))
    return node


def _filled(part: Node, node: Apply) -> Node:
    """The text's tree with the arguments in it, standing where the phrase stands."""
    if isinstance(part, Name):
        place = part.parts[0].removeprefix("_")
        if not place.isdecimal():
            return replace(part, span=node.span)
        given, rest = node.args[int(place) - 1], part.parts[1:]
        return Name((*given.parts, *rest), given.span) if isinstance(given, Name) else given
    if isinstance(part, Literal):
        return replace(part, span=node.span)
    condition = _filled(part.filter, node) if part.filter is not None else None
    if node.filter is not None and CATALOGUE[part.function].kind == "aggregate":
        both = (condition, node.filter) if condition is not None else (node.filter,)
        condition = Apply("and", both, node.span) if len(both) > 1 else node.filter
    return replace(part, args=tuple(_filled(arg, node) for arg in part.args), filter=condition, span=node.span)
