"""Requests for tags: a business question, who asked it, who answers it, and the tag that came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import insert, select, update

from gongbi.errors import UnknownName
from gongbi.store.repository import Repository
from gongbi.store.tables import tag_requests

RequestState = Literal["open", "assigned", "answered", "closed"]


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `proposed` and `expression` are what the asker had in mind, `tag` is what answered it."""

    id: int
    question: str
    asked_by: str
    asked_at: datetime
    subject: str
    proposed: str
    expression: str
    owner: str
    state: RequestState
    tag: str | None
    answer: str
    changed_at: datetime


class Requests(Repository):
    """The requests. Who did what with one is in the audit trail."""

    def add(
        self, question: str, *, actor: str, now: datetime, subject: str, proposed: str = "", expression: str = ""
    ) -> Request:
        """Put a question on record."""
        values = {
            "question": question,
            "asked_by": actor,
            "asked_at": now,
            "subject": subject,
            "proposed": proposed,
            "expression": expression,
            "owner": "",
            "state": "open",
            "answer": "",
            "changed_at": now,
        }
        with self._database.transaction() as connection:
            query = insert(tag_requests).values(values).returning(tag_requests)
            return Request(**connection.execute(query).mappings().one())

    def change(self, request: int, now: datetime, **values: Any) -> Request:
        """Change some fields of a request."""
        query = update(tag_requests).where(tag_requests.c.id == request).values(values | {"changed_at": now})
        with self._database.transaction() as connection:
            connection.execute(query)
        return self.get(request)

    def get(self, request: int) -> Request:
        """Return one request."""
        found = {one.id: one for one in self.list()}
        if request not in found:
            raise UnknownName("tag request", str(request), map(str, found))
        return found[request]

    def list(self, *, state: str | None = None) -> tuple[Request, ...]:
        """Return requests, the newest first."""
        query = select(tag_requests).order_by(tag_requests.c.id.desc())
        if state is not None:
            query = query.where(tag_requests.c.state == state)
        with self._database.reading() as connection:
            return tuple(Request(**row) for row in connection.execute(query).mappings())
