"""What a build gives: values per member, and what can be said of each tag."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gongbi.core import types
from gongbi.core.types import Type


@dataclass(frozen=True, slots=True)
class TagColumn:
    """A column of a build. `definition` is a digest of what it was made from, besides data."""

    name: str
    type: Type
    definition: str = ""

    def to_json(self) -> dict[str, Any]:
        """As kept with the build."""
        return {"name": self.name, **types.to_json(self.type), "definition": self.definition}

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> TagColumn:
        """The column that `to_json` described."""
        return cls(body["name"], types.from_json(body), body.get("definition") or "")


@dataclass(frozen=True, slots=True)
class Built:
    """One subject's build, as reported; `made` says from which earlier one, and of how many members values changed."""

    subject: str
    build: int
    as_of: datetime
    members: int
    tags: int
    seconds: float
    reused: bool
    current: bool
    made: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """For reports."""
        return {
            "subject": self.subject,
            "build": self.build,
            "as_of": self.as_of.isoformat(),
            "members": self.members,
            "tags": self.tags,
            "seconds": round(self.seconds, 3),
            "reused": self.reused,
            "current": self.current,
            **({"made": dict(self.made)} if self.made else {}),
        }
