"""Instants as people at the command line read them: in the workspace's zone, which is said once below an answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from gongbi.core.clock import local_time

#: An instant as services write it: a date, a time and an offset; what has no offset is no instant of theirs.
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})")


class Clock:
    """The zone in which a command's answer is printed, and whether the answer had an instant.

    A command line carries out one command in one workspace, so there is one clock.
    """

    def __init__(self) -> None:
        self.zone = "UTC"
        self.told = False

    def say(self, instant: datetime) -> str:
        """An instant in the zone, to the second; naive ones are UTC, as engines give them."""
        self.told = True
        return local_time(instant, self.zone)


CLOCK = Clock()


class _Moment(str):
    """An instant in the zone, which knows whether it was printed: not all of an answer is."""

    __slots__ = ()

    def __str__(self) -> str:
        CLOCK.told = True
        return str.__str__(self)

    def __format__(self, how: str) -> str:
        return format(str(self), how)

    def __getitem__(self, part: Any) -> str:
        return str(self)[part]


def in_zone(value: Any) -> Any:
    """An answer with its instants as texts in the zone; tables of an engine stay, their cells are said one by one."""
    if isinstance(value, Mapping):
        return {key: in_zone(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [in_zone(one) for one in value]
    if isinstance(value, datetime):
        return _Moment(local_time(value, CLOCK.zone))
    if isinstance(value, str) and _ISO.fullmatch(value):
        try:
            return _Moment(local_time(datetime.fromisoformat(value), CLOCK.zone))
        except ValueError:  # A text of the customer's that only looks like one.
            return value
    return value


def with_offset(value: datetime) -> str:
    """An instant for machines: ISO with its offset; naive ones are UTC."""
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
