"""What an entry of the function catalogue is.

A function without an entry does not exist. From the entries come the type checker, the documentation, the completion
of the console and the contract test of the engines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from gongbi.core.types import Type
from gongbi.errors import InvalidExpression, UnknownName, WrongType

if TYPE_CHECKING:
    from gongbi.core.expr import Call
    from gongbi.core.render import Rendering

Kind = Literal["scalar", "time", "place", "aggregate", "rank", "phrase", "step", "sequence"]
#: What an argument may be. `constant …` must be known when the plan is made; `same` shares one type with its like.
Accepts = Literal[
    "number", "integer", "text", "boolean", "date", "timestamp", "moment", "any", "same", "ordered", "fact", "step",
    "column", "interval", "list", "distribution",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Param:
    """One argument.

    Parameters
    ----------
    accepts
        ``moment`` is a date or an instant, ``ordered`` anything that can be sorted, ``fact`` the name of a fact,
        ``same`` a type that all `same` arguments share after widening, ``column`` a column that several facts have,
        ``interval`` a length of time (``interval 1 day``).
    constant
        The value must stand in the expression itself.
    optional, repeated
        May be left out; may come any number of times (at least once unless optional).
    named
        Written ``name => value``.
    """

    name: str
    accepts: Accepts
    constant: bool = False
    optional: bool = False
    repeated: bool = False
    named: bool = False

    def __str__(self) -> str:
        if self.named:
            return f"{self.name} => {'interval 1 day' if self.accepts == 'interval' else self.accepts}"
        return self.name + ("?" if self.optional else "") + ("…" if self.repeated else "")


@dataclass(frozen=True, slots=True)
class Example:
    """An expression and its value, run on both engines and printed in the documentation.

    For aggregates and ranks the rows are those of the fact `sample` in `core.functions.sample`.
    """

    text: str
    value: Any


@dataclass(frozen=True, slots=True)
class Cannot:
    """An engine cannot carry a function out, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Regroup:
    """An aggregate that first groups a member's rows once more.

    The rows are grouped by (member, `key`), `inner` computes named values per group, then `outer` aggregates the
    groups of a member. Several aggregates may share one grouping, so names are given by the compiler.

    Parameters
    ----------
    key
        The inner grouping key, from the rendered arguments.
    inner
        Name → plain aggregate over the rows of one (member, key).
    outer
        Aggregate over the groups of one member, from the columns of ``k`` (the key), the inner names and ``place``. The
        key and counts of 0 also come from groups in which the aggregate has no rows; the key is absent there.
    rank_by
        If given, an order of the groups, ``{name}`` standing for a column; ``place`` counts from 1 in it.
    over
        Name → aggregate over all groups of a member, known to each of them: ``{"total": "sum({n})"}``.
    lag, lead
        Give every group the key before it as ``prev``, the one after it as ``next``; such an aggregate shares no groups
        but its own.
    needs_first
        Rows whose first argument is absent are left out; rows whose key is absent always are.
    """

    key: Callable[[Sequence[str], Rendering], str]
    outer: Callable[[Mapping[str, str], Rendering], str]
    inner: Mapping[str, Callable[[Sequence[str], Rendering], str]] = field(default_factory=dict)
    rank_by: str | None = None
    over: Mapping[str, str] = field(default_factory=dict)
    lag: bool = False
    lead: bool = False
    needs_first: bool = False


@dataclass(frozen=True, slots=True)
class Phrase:
    """A function that stands for a longer expression.

    Parameters
    ----------
    text
        From the values of the arguments (None where one is a name): the expression, ``_1`` standing for the first.
    """

    text: Callable[[Sequence[Any]], str]


@dataclass(frozen=True, slots=True)
class Run:
    """A function that follows the steps of a sequence through the rows of several facts; see `core.sequences`.

    Parameters
    ----------
    completed
        True for members whose run got to the last step, false for those whose run waited for it in vain. None for a
        step, which is nothing by itself.
    """

    completed: bool | None


Render = Callable[["Call", Sequence[str], "Rendering"], str]
Sql = str | Render | Cannot | Regroup | Phrase | Run


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A function, an operator or an aggregate of the language.

    Parameters
    ----------
    name
        As written; operators are named by their sign.
    kind
        ``scalar`` works on values, ``time`` on the time of a fact's row, ``place`` on a longitude and a latitude, by
        default those of the row or the member, ``aggregate`` on rows of a member, ``rank`` on all members; a ``phrase`` stands for a longer expression; a ``sequence`` holds some of kind ``step``, each of which
        reads rows of one fact.
    group
        The chapter of the documentation.
    params, returns
        Signature. `returns` is a type, or a function from the argument types to one; it may raise `WrongType`.
    zh, en
        What it does.
    nulls
        What happens to absent values, in words (English, Chinese).
    ties
        Which of several equal candidates is taken, where that can matter.
    duckdb, spark
        How each engine writes it: a template with ``{0}``, ``{1}``, a function, or `Cannot`; or how it is planned.
    check
        Further demands on constant arguments; called with their values (None where not constant).
    looks_ahead
        Reads what comes after the instant: allowed in targets and outcomes only.
    relative
        Its value moves with the as-of instant, so that it means nothing where there is none (a source's columns).
    empty
        Value of an aggregate over no rows, where it is not absent.
    reads
        For ``time``: the columns of the row that stand for the instants that are not given.
    of_member
        The member's id is its first argument, where none was given.
    """

    name: str
    kind: Kind
    group: str
    params: tuple[Param, ...]
    returns: Type | Callable[[Sequence[Type]], Type]
    zh: str
    en: str
    nulls: tuple[str, str]
    examples: tuple[Example, ...]
    duckdb: Sql
    spark: Sql
    ties: tuple[str, str] | None = None
    check: Callable[[Sequence[Any]], None] | None = None
    looks_ahead: bool = False
    relative: bool = False
    empty: Any = None
    sign: bool = False
    convert: Type | None = None
    reads: tuple[str, ...] = ("ts",)
    of_member: bool = False

    def result(self, types: Sequence[Type]) -> Type:
        """Type of the result for these argument types."""
        return self.returns(types) if callable(self.returns) else self.returns

    def sql(self, dialect: str) -> Sql:
        """The rendering for a dialect."""
        return self.duckdb if dialect == "duckdb" else self.spark

    @property
    def signature(self) -> str:
        """For people: ``round(x, digits?)``."""
        return f"{self.name}({', '.join(map(str, self.params))})"

    def arity_error(self, given: int) -> WrongType:
        """The error for a wrong number of arguments."""
        least = sum(1 for p in self.params if not p.optional)
        most = None if any(p.repeated for p in self.params) else len(self.params)
        wants = f"{least}" if most == least else f"at least {least}" if most is None else f"{least} to {most}"
        plural = "argument" if wants == "1" else "arguments"
        return WrongType(f"`{self.name}` takes {wants} {plural}, not {given}.", hint=f"Write {self.signature}.")


PROPAGATES = ("Absent if an argument is absent.", "任一参数缺失则缺失。")
SKIPS = ("Absent values are skipped; absent where no row is left.", "忽略缺失值；没有行时缺失。")


def choose(what: str, value: str, known: Sequence[str]) -> None:
    """Refuse a constant that is not one of a list, and name the nearest that is."""
    if value not in known:
        raise UnknownName(what, value, known)


def require(condition: bool, message: str, hint: str | None = None) -> None:
    """Refuse a constant argument."""
    if not condition:
        raise InvalidExpression(message, hint=hint)
