"""What a workspace does with portraits: clusters, grades, personas, yearbooks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from gongbi.answers import full, told


class PortraitVerbs(ABC):
    """The verbs of `Workspace` that draw portraits; each is one call of a use case."""

    @abstractmethod
    def call(self, verb: str, /, **params: Any) -> Any:
        """Carry out a use case by name; the workspace knows where."""

    def assign_clusters(self, name: str, *, as_of: str | datetime | None = None) -> dict[str, Any]:
        """File members by the kept clusters of a model as of any instant: `table` and `sizes`."""
        given = as_of.isoformat() if isinstance(as_of, datetime) else as_of
        return self.call("assign_clusters", name=name, as_of=given)  # type: ignore[no-any-return]

    def grading(self, name: str, *, days: int | None = None) -> dict[str, Any]:
        """Customers by way of buying and volume: `cells`, with the moves since some days before."""
        return told(self.call("grading", name=name, days=days))  # type: ignore[no-any-return]

    def worklist(
        self,
        name: str,
        *,
        part: str | None = None,
        limit: int | None = 50,
        language: str = "zh",
        as_of: str | datetime | None = None,
        reveal: str | None = None,
    ) -> dict[str, Any]:
        """A list to be worked off, also as of an instant: `parts` with counts, `table`, the most important first."""
        at = as_of.isoformat() if isinstance(as_of, datetime) else as_of
        given = {"name": name, "part": part, "limit": limit, "language": language, "as_of": at}
        given["reveal"] = reveal
        return told(self.call("worklist", **given))  # type: ignore[no-any-return]

    def export_worklist(
        self,
        name: str,
        to: str | Path,
        *,
        part: str | None = None,
        language: str = "zh",
        overwrite: bool = False,
        as_of: str | datetime | None = None,
    ) -> dict[str, Any]:
        """Write a list to a file, an Excel file with a sheet for each part, and put that on record."""
        at = as_of.isoformat() if isinstance(as_of, datetime) else as_of
        given = {"name": name, "to": full(to), "part": part, "language": language, "overwrite": overwrite, "as_of": at}
        return told(self.call("export_worklist", **given))  # type: ignore[no-any-return]

    def care(
        self,
        name: str,
        *,
        post: str | None = None,
        limit: int | None = 50,
        to: str | Path | None = None,
        overwrite: bool = False,
        headings: str | None = None,
    ) -> dict[str, Any]:
        """Who is due for care by a grading: `due` and `table`, or the file that all of them were written to."""
        wanted = full(to) if to is not None else None
        given = {"name": name, "post": post, "limit": limit, "to": wanted, "overwrite": overwrite, "headings": headings}
        return told(self.call("care", **given))  # type: ignore[no-any-return]

    def personas(self, cast: str | None = None, *, make: bool = False) -> list[dict[str, Any]]:
        """The casts with their personas; with `make`, those of `cast` are drawn anew first."""
        verb = "make_personas" if make and cast is not None else "personas"
        return self.call(verb, cast=cast)["casts"]  # type: ignore[no-any-return]

    def add_interview(
        self,
        cast: str,
        quotes: Mapping[str, str],
        *,
        by: str,
        on: str,
        persona: str | None = None,
        member: Any = None,
        consent: bool = False,
    ) -> dict[str, Any]:
        """Keep what somebody said, field → words, as evidence for a persona."""
        said = [{"field": field, "words": words} for field, words in quotes.items()]
        given = {"by": by, "on": on, "persona": persona, "member": member, "consent": consent}
        return self.call("add_interview", cast=cast, quotes=said, **given)  # type: ignore[no-any-return]

    def yearbook(self, id: Any, year: int, name: str | None = None) -> dict[str, Any]:  # noqa: A002
        """One customer's year: figures with their sentences, charts, the longest run."""
        return self.call("yearbook", id=id, year=year, name=name)  # type: ignore[no-any-return]

    def print_yearbook(
        self,
        id: Any,  # noqa: A002
        year: int,
        to: str | Path,
        *,
        name: str | None = None,
        language: str = "zh",
        overwrite: bool = False,
    ) -> dict[str, Any]:
        """Write one customer's year as .html or .pdf; that goes on record."""
        given = {"id": id, "year": year, "to": full(to), "name": name, "language": language, "overwrite": overwrite}
        return self.call("print_yearbook", **given)  # type: ignore[no-any-return]
