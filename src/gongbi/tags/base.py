"""What a build gives: values per member, and what can be said of each tag."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gongbi.core.types import Type


@dataclass(frozen=True, slots=True)
class TagColumn:
    """A column of a build."""

    name: str
    type: Type

    def to_json(self) -> dict[str, Any]:
        """As kept with the build."""
        return {"name": self.name, "type": self.type.name, "scale": self.type.scale, "currency": self.type.currency}

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> TagColumn:
        """The column that `to_json` described."""
        return cls(body["name"], Type(body["type"], body.get("scale") or 0, body.get("currency")))


@dataclass(frozen=True, slots=True)
class Built:
    """One subject's build, as reported."""

    subject: str
    build: int
    as_of: datetime
    members: int
    tags: int
    seconds: float
    reused: bool
    current: bool

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
        }
