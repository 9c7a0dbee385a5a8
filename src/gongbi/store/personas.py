"""Personas as they were last made, and the interviews that are evidence for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update

from gongbi.errors import UnknownName
from gongbi.store.repository import Repository
from gongbi.store.tables import interviews, personas


@dataclass(frozen=True, slots=True)
class Persona:
    """One persona of a cast: `key` is its cluster's number or its segment's name, `body` what is said of it.

    `nickname` is the name that people gave it; making the cast again keeps it.
    """

    cast: str
    key: str
    place: int
    nickname: dict[str, str] | None
    body: dict[str, Any]
    made_at: datetime
    actor: str


@dataclass(frozen=True, slots=True)
class Interview:
    """What somebody said: to whom, when, about which persona, and whether it may be used.

    `member` is the id of a customer who is known; None for somebody who stays anonymous. `quotes` have a ``field`` of
    personas and the ``words``.
    """

    id: int
    cast: str
    persona: str
    member: str | None
    conducted_by: str
    conducted_on: str
    consent: bool
    quotes: list[dict[str, str]]
    recorded_at: datetime
    actor: str


class Personas(Repository):
    """The personas of every cast."""

    def replace(self, cast: str, made: Sequence[tuple[str, Mapping[str, Any]]], actor: str, now: datetime) -> None:
        """Put new personas, key and body, in the place of a cast's former ones, all at once; nicknames stay."""
        with self._database.transaction() as connection:
            known = {one.key: one.nickname for one in self.list(cast)}
            connection.execute(delete(personas).where(personas.c.cast == cast))
            for place, (key, body) in enumerate(made):
                row = {"cast": cast, "key": key, "place": place, "nickname": known.get(key)}
                connection.execute(insert(personas).values(**row, body=body, made_at=now, actor=actor))

    def rename(self, cast: str, key: str, nickname: Mapping[str, str] | None) -> None:
        """Give a persona a name, or take it away."""
        with self._database.transaction() as connection:
            known = [one.key for one in self.list(cast)]
            if key not in known:
                raise UnknownName("persona", key, known)
            which = (personas.c.cast == cast) & (personas.c.key == key)
            connection.execute(update(personas).where(which).values(nickname=nickname))

    def list(self, cast: str | None = None) -> tuple[Persona, ...]:
        """Return personas in their order."""
        query = select(personas).order_by(personas.c.cast, personas.c.place)
        if cast is not None:
            query = query.where(personas.c.cast == cast)
        with self._database.reading() as connection:
            return tuple(Persona(**row) for row in connection.execute(query).mappings())


class Interviews(Repository):
    """What people said, entered by hand."""

    def add(self, values: Mapping[str, Any], now: datetime) -> Interview:
        """Keep an interview."""
        with self._database.transaction() as connection:
            change = insert(interviews).values(**values, recorded_at=now).returning(interviews)
            return Interview(**connection.execute(change).mappings().one())

    def remove(self, id: int) -> None:  # noqa: A002
        """Forget an interview, words and all: whoever withdraws consent leaves nothing behind."""
        with self._database.transaction() as connection:
            if not connection.execute(delete(interviews).where(interviews.c.id == id)).rowcount:
                raise UnknownName("interview", str(id), [str(one.id) for one in self.list()])

    def list(self, cast: str | None = None) -> tuple[Interview, ...]:
        """Return interviews, the newest first."""
        query = select(interviews).order_by(interviews.c.id.desc())
        if cast is not None:
            query = query.where(interviews.c.cast == cast)
        with self._database.reading() as connection:
            return tuple(Interview(**row) for row in connection.execute(query).mappings())
