"""How much longer than what it reads a text may become: replacing within what was replaced multiplies."""

from __future__ import annotations

from gongbi.core.expr import Call, Constant, Expr
from gongbi.errors import InvalidExpression

#: So many times as long a text may become by replacing; a few characters written as longer ones stay far below.
MOST_TIMES = 10_000
#: What is put in from a column is taken to be so long.
OF_A_COLUMN = 100


def bounded(call: Call) -> Call:
    """Return a call unless it replaces so that texts could become longer than any memory has room for.

    Raises
    ------
    InvalidExpression
        With how many times as long a text could become.
    """
    if call.function.name == "replace" and (times := growth(call)) > MOST_TIMES:
        raise InvalidExpression(
            f"`replace` within `replace` could make a text {times:,} times as long; {MOST_TIMES:,} is the most.",
            hint="Put in shorter texts, or replace fewer times within each other.",
        )
    return call


def growth(expr: Expr) -> int:
    """At most so many times as long as the texts that it reads is what an expression gives."""
    if not isinstance(expr, Call):
        return 1
    if expr.function.name == "replace":
        text, old, new = expr.args
        shortest = len(str(old.value)) if isinstance(old, Constant) and old.value else 1
        longest = len(str(new.value or "")) if isinstance(new, Constant) else OF_A_COLUMN * growth(new)
        return growth(text) * max(1, -(-longest // shortest))
    each = [growth(arg) for arg in expr.args]
    return sum(each) if expr.function.name == "||" else max(each, default=1)
