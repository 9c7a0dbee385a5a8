"""A sequence of steps in an expression: what each step reads is looked up, what the steps share, how long they take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from gongbi.core import clock
from gongbi.core import expr as ir
from gongbi.core.expr import Call, Constant, Expr, FactColumn
from gongbi.core.functions import CATALOGUE, Function
from gongbi.core.functions.base import choose
from gongbi.core.syntax import Apply, Literal, Name, Node
from gongbi.core.types import BOOLEAN, INTEGER, TIMESTAMP
from gongbi.core.world import FactShape
from gongbi.errors import GongbiError, InvalidExpression, UnknownName, WrongType

if TYPE_CHECKING:
    from gongbi.core.check import Setting

MAX_STEPS = 10
#: A hundred years.
MAX_SECONDS = 36_500 * 86_400


class Checker(Protocol):
    """What a sequence asks of the checker."""

    def of(self, node: Node, at: Setting) -> Expr: ...
    def condition(self, node: Node, at: Setting, what: str) -> Expr: ...
    def describing(self, name: str, at: Setting) -> FactShape: ...
    def placed(self, error: GongbiError, node: Node) -> GongbiError: ...


def sequence(checker: Checker, entry: Function, node: Apply, at: Setting) -> Call:
    """Check ``followed_by(step(…), step(…), same => column, within => interval 1 day)`` or its opposite.

    Raises
    ------
    InvalidExpression, WrongType, UnknownName
        Fewer than two steps or too many, an argument that is no step, a shared column that a fact lacks, …
    """
    if entry.kind == "step":
        raise InvalidExpression(
            "`step` is nothing by itself.", hint="It stands in followed_by(step(…), step(…)) and not_followed_by(…)."
        )
    if at.inside or at.raw is not None:
        raise InvalidExpression(f"`{entry.name}` says something of a member and cannot stand here.")
    if node.filter is not None:
        raise InvalidExpression(
            f"`{entry.name}` has no filter of its own.",
            hint="Write the condition into its steps: step(fact, condition).",
        )
    if not 2 <= len(node.args) <= MAX_STEPS:
        raise WrongType(
            f"`{entry.name}` has 2 to {MAX_STEPS} steps, not {len(node.args)}.", hint=f"Write {entry.signature}."
        )
    named = _named(checker, entry, node)
    found = [_step(checker, entry, arg, named.get("same"), at) for arg in node.args]
    kinds = list(dict.fromkeys(str(step.args[1].type) for step in found if len(step.args) > 1))
    if len(kinds) > 1:
        raise WrongType(f"`same` of `{entry.name}` is {' and '.join(sorted(kinds))}, which do not go together.")
    if entry.name == "not_followed_by" and any(map(ir.looks_ahead, found)):
        raise InvalidExpression(f"`{entry.name}` waits until its time is over, so it cannot look ahead.")
    window = named.get("within")
    bound = () if window is None else (Constant(_microseconds(checker, window), INTEGER),)
    return Call(entry, (*found, *bound), BOOLEAN, "member")


def _named(checker: Checker, entry: Function, node: Apply) -> Mapping[str, Node]:
    """The named arguments, each at most once."""
    known = [param.name for param in entry.params if param.named]
    found: dict[str, Node] = {}
    for name, value in node.named:
        if name not in known:
            raise checker.placed(UnknownName(f"argument of {entry.name}", name, known), value)
        if name in found:
            raise checker.placed(InvalidExpression(f"`{name} => …` is there twice."), value)
        found[name] = value
    return found


def _step(checker: Checker, entry: Function, node: Node, same: Node | None, at: Setting) -> Call:
    """One step: the rows of a fact that fulfil all its conditions."""
    try:
        if not isinstance(node, Apply) or node.function != "step":
            raise WrongType(f"`{entry.name}` takes steps.", hint="Write step(fact) or step(fact, condition).")
        if node.named or node.filter is not None or node.distinct or node.star:
            raise InvalidExpression("A step is a fact and conditions.", hint="Write step(fact, condition).")
        if not node.args or not isinstance(node.args[0], Name):
            raise WrongType("`step` takes the name of a fact first.", hint="Write step(fact, condition).")
        name, *conditions = node.args
        fact = checker.describing(str(name), at)
        inner = replace(at, fact=fact, inside=True)
        kept = [checker.condition(condition, inner, "A condition of `step`") for condition in conditions]
        shared = () if same is None else (_shared(checker, same, inner),)
    except GongbiError as error:
        raise checker.placed(error, node) from None
    condition = kept[0] if len(kept) == 1 else Call(CATALOGUE["and"], tuple(kept), BOOLEAN, "row") if kept else None
    return Call(
        CATALOGUE["step"], (FactColumn(fact.name, "ts", TIMESTAMP), *shared), TIMESTAMP, "member", fact.name, condition
    )


def _shared(checker: Checker, node: Node, at: Setting) -> Expr:
    """The value that rows of all steps share: a column of that name in each fact, or an attribute of a subject."""
    if not isinstance(node, Name):
        raise checker.placed(
            WrongType(
                "`same` takes the name of a column that every step's fact has.", hint="For example same => product."
            ),
            node,
        )
    found = checker.of(node, at)
    if found.type.name in ("list", "double"):
        raise checker.placed(WrongType(f"`same` compares by equality, and {found.type} has none."), node)
    return found


def _microseconds(checker: Checker, node: Node) -> int:
    """How long an interval is."""
    try:
        if not isinstance(node, Apply) or node.function != "interval":
            raise WrongType("`within` takes an interval.", hint="Write within => interval 1 day.")
        n, unit = (arg.value for arg in node.args if isinstance(arg, Literal))
        choose("unit", str(unit), tuple(clock.ROLLING))
        if not isinstance(n, int) or not 1 <= n <= MAX_SECONDS // clock.ROLLING[str(unit)]:
            raise InvalidExpression(f"An interval is a whole number of units, up to 36,500 days, not {n} {unit}.")
    except GongbiError as error:
        raise checker.placed(error, node) from None
    return n * clock.ROLLING[str(unit)] * 1_000_000
