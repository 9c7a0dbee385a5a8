"""What a form of conditions is made of: frozen values, from which the expression is written and into which it is read.

Nothing here knows what a name means: a form is as good as its text, and the text is checked like any other. What no row
can express is kept as it was written (`Text`), so that a form never loses a part of an expression.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Value = str | int | Decimal | float | bool
Joined = Literal["and", "or"]


@dataclass(frozen=True, slots=True)
class Field:
    """A value that is there already: a tag, an attribute, a column of a fact's row.

    Parameters
    ----------
    name
        As it is written: ``tag.rfm.recency``, ``customer.age``, ``purchase.product.category``.
    """

    name: str


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of which all must hold, or one; true where there are none of them to fail."""

    joined: Joined = "and"
    rows: tuple[Row, ...] = ()
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of a member's rows of one fact: how often, how much, how long ago.

    Parameters
    ----------
    function
        An aggregate of the language, ``count_distinct``, or ``days_since`` (the last row).
    fact
        Whose rows.
    column
        What is aggregated, as it is written; empty where rows are counted or their time is meant.
    where
        Which rows count.
    zero
        Nothing is taken for 0 (``coalesce(…, 0)``).
    """

    function: str
    fact: str
    column: str = ""
    where: Group = Group()
    zero: bool = False


@dataclass(frozen=True, slots=True)
class Formula:
    """A function of the language, or ``+ - * /``, of constants, other values and conditions.

    Parameters
    ----------
    arguments
        As many as were written; a condition stands as a `Group`: ``share(amount > 10)``.
    where
        Of an aggregate: which rows count.
    """

    function: str
    arguments: tuple[Argument, ...] = ()
    where: Group = Group()


Operand = Field | Measure | Formula
Argument = Value | Operand | Group


@dataclass(frozen=True, slots=True)
class Compare:
    """A value set beside constants, or beside another value.

    Parameters
    ----------
    other
        The other value, with an operator that takes one; then there are no constants.
    operator
        A sign, ``between``, ``in``, ``like``, ``is_absent``, ``is_true``, ``is_false``, a function that takes the value
        and one constant, or ``holds`` where the value is a condition by itself.
    """

    what: Operand
    operator: str
    values: tuple[Value, ...] = ()
    negated: bool = False
    other: Operand | None = None


@dataclass(frozen=True, slots=True)
class InSegment:
    """A member of a saved segment."""

    segment: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Phrase:
    """A short way to say what was done or when: ``stopped(order, 30, 'day')``, ``within(7, 'day')``.

    Parameters
    ----------
    fact
        Empty where the phrase is about the time of a row.
    where
        Which rows count; of phrases about a fact.
    """

    function: str
    fact: str = ""
    values: tuple[Value, ...] = ()
    negated: bool = False
    where: Group = Group()


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a sequence: a row of a fact."""

    fact: str
    where: Group = Group()


@dataclass(frozen=True, slots=True)
class Sequence:
    """Steps in the order of time.

    Parameters
    ----------
    function
        ``followed_by`` or ``not_followed_by``.
    same
        The column in which all steps agree, as it is written; empty for none.
    n, unit
        The time from the first step to the last; 0 for any.
    """

    function: str = "followed_by"
    steps: tuple[Step, ...] = ()
    same: str = ""
    n: int = 0
    unit: str = "day"
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """A condition that no other row can express, as it was written."""

    text: str
    negated: bool = False


Row = Compare | InSegment | Phrase | Sequence | Text | Group
