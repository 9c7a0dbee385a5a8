"""What a job is: a piece of long work that survives the process, and how often it is to be done again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gongbi.catalog.base import Refresh
from gongbi.errors import InvalidInput, UnknownName

JobKind = Literal["ingest", "build", "train"]

#: The kinds in the order in which data flows, each with the parameters it takes.
KINDS: Mapping[str, frozenset[str]] = {
    "ingest": frozenset({"sources"}),
    "build": frozenset({"as_of", "subjects", "force", "full"}),
    "train": frozenset({"models"}),
}

#: The parameter that names what a kind is about; where it is absent, it is about everything.
ABOUT: Mapping[str, str] = {"ingest": "sources", "build": "subjects", "train": "models"}


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of work by kind and parameters. Two jobs with one `key` are the same job.

    Parameters
    ----------
    kind
        ``ingest``, ``build`` or ``train``.
    params
        What the service is given, as plain JSON values; those that are None are left out.
    """

    kind: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UnknownName("kind of job", self.kind, KINDS)
        object.__setattr__(self, "params", {k: v for k, v in self.params.items() if v is not None and v is not False})
        for name in self.params:
            if name not in KINDS[self.kind]:
                raise UnknownName(f"parameter of a {self.kind} job", name, KINDS[self.kind])
        about = self.params.get(ABOUT[self.kind], [])
        if not isinstance(about, list) or not all(isinstance(name, str) for name in about):
            raise InvalidInput(f"`{ABOUT[self.kind]}` is a list of names, not {about!r}.")

    @property
    def key(self) -> str:
        """Equal for equal jobs."""
        return f"{self.kind} {json.dumps(self.params, sort_keys=True, ensure_ascii=False)}"

    @property
    def about(self) -> str:
        """The names it is about, as a run's `subject`; empty for everything."""
        return ", ".join(self.params.get(ABOUT[self.kind], []))


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often something is done again: the subject of a build, a model, or (without a name) the ingest."""

    kind: JobKind
    name: str
    refresh: Refresh


@dataclass(frozen=True, slots=True)
class Step:
    """A part of a job that is done again from its beginning if the process dies within it: 1 to 30 seconds."""

    stage: str
    params: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """As it is put on record."""
        return {"stage": self.stage, "params": dict(self.params)}
