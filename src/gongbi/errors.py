"""Every error that Gongbi raises on purpose.

An error carries a stable ``code``, the message (what is wrong and which value was seen), a ``hint`` (what to do
next) and, where there is one, a ``place`` (file, line, column). Its ``kind`` says whose move it is:

``caller``     the request is wrong; repeating it will not help. Doors answer with exit code 2 or HTTP 4xx.
``transient``  the world is not ready (a lock, a full disk, a dead server); trying again later may help.
``bug``        Gongbi contradicts itself; it should be reported.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

Kind = Literal["caller", "transient", "bug"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a definition something stands; lines and columns count from 1."""

    file: str | None = None
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        parts = [self.file or "<expression>"]
        if self.line is not None:
            parts.append(str(self.line))
            if self.column is not None:
                parts.append(str(self.column))
        return ":".join(parts)


class GongbiError(Exception):
    """Base of all errors raised on purpose."""

    code: ClassVar[str] = "error"
    kind: ClassVar[Kind] = "caller"
    #: Kind and name of the definition that it is about, where that was noted.
    about: tuple[str, str] | None = None

    def __init__(self, message: str, *, hint: str | None = None, place: Place | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.place = place

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        return f"{where}{self.message}" + (f" {self.hint}" if self.hint else "")

    def at(self, place: Place) -> GongbiError:
        """Return the same error with a place, unless it already has one."""
        if self.place is None:
            self.place = place
        return self

    def to_json(self) -> dict[str, Any]:
        """Return what the doors print: code, kind, message, hint, place."""
        return {
            "code": self.code,
            "kind": self.kind,
            "message": self.message,
            "hint": self.hint,
            "place": str(self.place) if self.place else None,
        }


class InvalidInput(GongbiError, ValueError):
    """A value is not what the call asks for."""

    code = "invalid_input"


class InvalidExpression(GongbiError, ValueError):
    """An expression cannot be read, or means nothing."""

    code = "invalid_expression"


class WrongType(InvalidExpression):
    """An expression is well formed, but its types do not fit."""

    code = "wrong_type"


class InvalidDefinition(GongbiError, ValueError):
    """A definition (YAML) has an unknown key, lacks one, or contradicts another."""

    code = "invalid_definition"
    #: The field of a maker's form that is at fault, where it is one.
    field: str | None = None


class UnknownName(GongbiError, LookupError):
    """A name was looked up that nobody registered."""

    code = "unknown_name"

    def __init__(
        self,
        what: str,
        name: str,
        known: Iterable[str] = (),
        *,
        place: Place | None = None,
        titles: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        names = sorted(known, key=lambda one: (int(one) if one.isdecimal() else -1, one))
        # Who reads a title on a page types the title.
        near = [one for one, told in (titles or {}).items() if name.casefold() in {t.casefold() for t in told}]
        near = near or difflib.get_close_matches(name, names, n=1, cutoff=0.55)
        if near:
            hint = f"Did you mean {near[0]!r}?"
        elif not names:
            hint = f"There is no {what} yet."
        else:
            hint = f"Known: {', '.join(names[:12])}{', …' if len(names) > 12 else ''}."
        super().__init__(f"No {what} is called {name!r}.", hint=hint, place=place)
        self.what, self.name = what, name


class Cycle(InvalidDefinition):
    """Definitions depend on each other in a circle."""

    code = "cycle"


class SourceProblem(GongbiError):
    """A source cannot be loaded as a whole: unreadable file, missing column, changed schema."""

    code = "source_problem"


class WorkspaceProblem(GongbiError):
    """The workspace cannot be used: not one, another format, not initialised."""

    code = "workspace_problem"


class WorkspaceBusy(GongbiError):
    """Another process owns the workspace and does not answer."""

    code = "workspace_busy"
    kind = "transient"


class NotYet(GongbiError):
    """Something must be run first: nothing ingested, nothing built."""

    code = "not_yet"


class NotFitted(GongbiError, AttributeError):
    """A model was asked for an answer before it learned anything."""

    code = "not_fitted"

    def __init__(self, model: object) -> None:
        super().__init__(f"{type(model).__name__} has not learned anything yet.", hint="Call fit first.")


class DidNotConverge(GongbiError, ArithmeticError):
    """The likelihood has no maximum that the search could find."""

    code = "did_not_converge"


class AudienceIsEmpty(GongbiError):
    """Nobody may be chosen for a campaign at its instant."""

    code = "audience_is_empty"


class Refused(GongbiError):
    """The request is understood and not allowed."""

    code = "refused"


class Cancelled(GongbiError):
    """The caller asked for the work to stop; nothing half-done was published."""

    code = "cancelled"


class EngineFailure(GongbiError):
    """The engine could not carry out a plan: out of disk, out of memory, lost executor."""

    code = "engine_failure"
    kind = "transient"


class Bug(GongbiError):
    """Gongbi contradicts itself."""

    code = "bug"
    kind = "bug"
