"""Definitions with their versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import ColumnElement, and_, func, insert, select, tuple_, update

from gongbi.errors import InvalidDefinition, UnknownName
from gongbi.store.repository import Repository
from gongbi.store.tables import definitions
from gongbi.store.values import digest

if TYPE_CHECKING:
    from sqlalchemy import Connection

KINDS = ("subject", "source", "tag", "segment", "model", "campaign", "grading", "cast", "yearbook")


class DefinitionKey(NamedTuple):
    """What a definition is called: names are unique within a kind."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class NewDefinition:
    """A definition to be kept; `body` is what its YAML says, `file` where it says so."""

    kind: str
    name: str
    body: Mapping[str, Any]
    file: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InvalidDefinition(f"There is no kind {self.kind!r}.", hint=f"Kinds: {', '.join(KINDS)}.")
        if not self.name.strip():
            raise InvalidDefinition(f"A {self.kind} has no name.")

    @property
    def key(self) -> DefinitionKey:
        return DefinitionKey(self.kind, self.name)


@dataclass(frozen=True, slots=True)
class Definition:
    """One version of a definition. `text_hash` is equal for equal bodies, whatever the order of their keys."""

    kind: str
    name: str
    version: int
    body: dict[str, Any]
    text_hash: str
    file: str | None
    applied_at: datetime
    actor: str
    retired_at: datetime | None

    @property
    def key(self) -> DefinitionKey:
        return DefinitionKey(self.kind, self.name)


@dataclass(frozen=True, slots=True)
class Applied:
    """What `put_all` did. A retired definition that comes back counts as added."""

    added: tuple[DefinitionKey, ...] = ()
    changed: tuple[DefinitionKey, ...] = ()
    unchanged: tuple[DefinitionKey, ...] = ()
    retired: tuple[DefinitionKey, ...] = ()

    @property
    def anything(self) -> bool:
        """Whether the store is now different."""
        return bool(self.added or self.changed or self.retired)


class Definitions(Repository):
    """Every version of every definition. Nothing is overwritten; retiring needs the names."""

    def put_all(
        self,
        new: Iterable[NewDefinition],
        actor: str,
        now: datetime,
        *,
        retire: Iterable[tuple[str, str]] = (),
    ) -> Applied:
        """Keep definitions and retire others, all or nothing.

        A body equal to the current one makes no new version; only the file it came from is brought up to date.
        Definitions that are not mentioned stay as they are.
        """
        wanted, leaving = _by_key(new), tuple(DefinitionKey(*key) for key in dict.fromkeys(retire))
        if torn := [key for key in leaving if key in wanted]:
            raise InvalidDefinition(f"The {torn[0].kind} {torn[0].name!r} is both applied and retired.")
        added: list[DefinitionKey] = []
        changed: list[DefinitionKey] = []
        unchanged: list[DefinitionKey] = []
        rows: list[dict[str, Any]] = []
        with self._database.transaction() as connection:
            latest = {item.key: item for item in _latest(connection)}
            for key, item in wanted.items():
                old, text_hash = latest.get(key), digest(item.body)
                if old and old.retired_at is None and old.text_hash == text_hash:
                    unchanged.append(key)
                    if item.file != old.file:
                        connection.execute(update(definitions).where(_is(old)).values(file=item.file))
                    continue
                (changed if old and old.retired_at is None else added).append(key)
                rows.append(
                    {
                        "kind": item.kind,
                        "name": item.name,
                        "version": old.version + 1 if old else 1,
                        "body": item.body,
                        "text_hash": text_hash,
                        "file": item.file,
                        "applied_at": now,
                        "actor": actor,
                    }
                )
            if rows:
                connection.execute(insert(definitions), rows)
            for key in leaving:
                old = latest.get(key)
                if old is None or old.retired_at is not None:
                    raise UnknownName(key.kind, key.name, _names(latest.values(), key.kind))
                connection.execute(update(definitions).where(_is(old)).values(retired_at=now))
        return Applied(tuple(added), tuple(changed), tuple(unchanged), leaving)

    def retire(self, keys: Iterable[tuple[str, str]], actor: str, now: datetime) -> Applied:
        """Take definitions out of use; their versions stay on record."""
        return self.put_all((), actor, now, retire=keys)

    def current(self, kind: str | None = None) -> tuple[Definition, ...]:
        """Return the versions in use, by kind and name."""
        with self._database.reading() as connection:
            found = _latest(connection, None if kind is None else (kind,))
        return tuple(item for item in found if item.retired_at is None)

    def get(self, kind: str, name: str) -> Definition:
        """Return the version in use of one definition."""
        found = self.current(kind)
        for item in found:
            if item.name == name:
                return item
        raise UnknownName(kind, name, _names(found, kind))

    def history(self, kind: str, name: str) -> tuple[Definition, ...]:
        """Return every version of one definition, the oldest first; empty where there never was one."""
        with self._database.reading() as connection:
            return _read(connection, definitions.c.kind == kind, definitions.c.name == name)

    def at_version(self, kind: str, name: str, version: int) -> Definition:
        """Return one version of one definition, also of a retired one."""
        versions = {str(item.version): item for item in self.history(kind, name)}
        if str(version) not in versions:
            raise UnknownName(f"version of {kind} {name}", str(version), versions)
        return versions[str(version)]

    def fingerprint(self, kinds: Iterable[str] | None = None) -> str:
        """Return a hash of the current bodies of some kinds (default: all): what a build is keyed by.

        Equal definitions have equal fingerprints, also after a change and back, and in another store.
        """
        table = definitions.c
        query = select(table.kind, table.name, table.text_hash, table.retired_at).where(
            *_newest(None if kinds is None else tuple(kinds))
        )
        # Hashes only: this is asked before every answer, and bodies are long.
        with self._database.reading() as connection:
            found = connection.execute(query).all()
        return digest(sorted((kind, name, text) for kind, name, text, retired_at in found if retired_at is None))


def _by_key(new: Iterable[NewDefinition]) -> dict[DefinitionKey, NewDefinition]:
    found: dict[DefinitionKey, NewDefinition] = {}
    for item in new:
        if item.key in found:
            files = " and ".join(str(other.file or "no file") for other in (found[item.key], item))
            raise InvalidDefinition(f"The {item.kind} {item.name!r} is defined twice, in {files}.")
        found[item.key] = item
    return found


def _latest(connection: Connection, kinds: tuple[str, ...] | None = None) -> tuple[Definition, ...]:
    return _read(connection, *_newest(kinds))


def _newest(kinds: tuple[str, ...] | None) -> list[ColumnElement[bool]]:
    key = (definitions.c.kind, definitions.c.name)
    newest = select(*key, func.max(definitions.c.version)).group_by(*key)
    where: list[ColumnElement[bool]] = [tuple_(*key, definitions.c.version).in_(newest)]
    if kinds is not None:
        where.append(definitions.c.kind.in_(kinds))
    return where


def _read(connection: Connection, *where: ColumnElement[bool]) -> tuple[Definition, ...]:
    query = select(definitions).where(*where)
    # Sorted here, because databases disagree about the order of text.
    found = (Definition(**row) for row in connection.execute(query).mappings())
    return tuple(sorted(found, key=lambda item: (item.kind, item.name, item.version)))


def _is(item: Definition) -> ColumnElement[bool]:
    table = definitions.c
    return and_(table.kind == item.kind, table.name == item.name, table.version == item.version)


def _names(found: Iterable[Definition], kind: str) -> list[str]:
    return [item.name for item in found if item.kind == kind and item.retired_at is None]
