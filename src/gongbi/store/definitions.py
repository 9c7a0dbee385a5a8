"""Definitions with their versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, and_, func, insert, select, tuple_, update

from gongbi.core.kinds import KINDS
from gongbi.errors import InvalidDefinition, Refused, UnknownName
from gongbi.store.repository import Repository
from gongbi.store.tables import definition_changes, definition_states, definitions
from gongbi.store.values import digest

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

#: A version that is `replaced` never came into force: a later draft took its place.
State = Literal["draft", "review", "rejected", "replaced", "published"]
#: States of a version that waits for somebody.
OPEN: tuple[State, ...] = ("draft", "review")
#: Where a change was asked for: with a folder of files, or in the library itself.
How = Literal["apply", "library"]


_STATE = func.coalesce(definition_states.c.state, "published")


class DefinitionKey(NamedTuple):
    """What a definition is called: names are unique within a kind."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class NewDefinition:
    """A definition to be kept; `body` is what its YAML says, `file` where it says so.

    A `draft` waits beside the version in force; nothing is computed from it.
    """

    kind: str
    name: str
    body: Mapping[str, Any]
    file: str | None = None
    draft: bool = False
    why: str = ""

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
    """One version of a definition. `text_hash` is equal for equal bodies, whatever the order of their keys.

    `actor` wrote it at `applied_at`; what became of it since is told by `Definitions.changes`.
    """

    kind: str
    name: str
    version: int
    body: dict[str, Any]
    text_hash: str
    file: str | None
    applied_at: datetime
    actor: str
    retired_at: datetime | None
    state: State = "published"
    why: str = ""

    @property
    def key(self) -> DefinitionKey:
        return DefinitionKey(self.kind, self.name)

    @property
    def in_force(self) -> bool:
        """Whether it is published and was not retired; a later version may have taken its place."""
        return self.state == "published" and self.retired_at is None


@dataclass(frozen=True, slots=True)
class Change:
    """Who moved a version of a definition into which state, when and why; `state` may also be ``retired``."""

    id: int
    kind: str
    name: str
    version: int
    state: str
    actor: str
    at: datetime
    why: str
    how: How


@dataclass(frozen=True, slots=True)
class Applied:
    """What `put_all` did. A retired definition that comes back counts as added; a draft is neither of the others."""

    added: tuple[DefinitionKey, ...] = ()
    changed: tuple[DefinitionKey, ...] = ()
    unchanged: tuple[DefinitionKey, ...] = ()
    retired: tuple[DefinitionKey, ...] = ()
    drafted: tuple[DefinitionKey, ...] = ()

    @property
    def anything(self) -> bool:
        """Whether the store is now different."""
        return bool(self.added or self.changed or self.retired or self.drafted)


class Definitions(Repository):
    """Every version of every definition. Nothing is overwritten; retiring needs the names."""

    def put_all(
        self,
        new: Iterable[NewDefinition],
        actor: str,
        now: datetime,
        *,
        retire: Iterable[tuple[str, str]] = (),
        why: str = "",
        how: How = "apply",
    ) -> Applied:
        """Keep definitions and retire others, all or nothing.

        A body equal to the current one makes no new version; only the file it came from is brought up to date.
        Definitions that are not mentioned stay as they are. A draft takes the place of the one that was open.

        Parameters
        ----------
        why, how
            For the record of those that are retired.
        """
        wanted, leaving = _by_key(new), tuple(DefinitionKey(*key) for key in dict.fromkeys(retire))
        if torn := [key for key in leaving if key in wanted]:
            raise InvalidDefinition(f"The {torn[0].kind} {torn[0].name!r} is both applied and retired.")
        added: list[DefinitionKey] = []
        changed: list[DefinitionKey] = []
        unchanged: list[DefinitionKey] = []
        drafted: list[DefinitionKey] = []
        rows: list[dict[str, Any]] = []
        states: list[dict[str, Any]] = []
        with self._database.transaction() as connection:
            latest = {item.key: item for item in _latest(connection)}
            newest = {item.key: item for item in _read(connection, *_newest(None, published=False))}
            for key, item in wanted.items():
                old, last, text_hash = latest.get(key), newest.get(key), digest(item.body)
                same = last if item.draft and last is not None and last.state in OPEN else old
                if same and same.retired_at is None and same.text_hash == text_hash:
                    unchanged.append(key)
                    if item.file != same.file and item.file is not None:
                        connection.execute(update(definitions).where(_is(same)).values(file=item.file))
                    continue
                if item.draft:
                    drafted.append(key)
                    if last is not None and last.state in OPEN:
                        _move(connection, last, "replaced", actor, now, "", "library")
                else:
                    (changed if old and old.retired_at is None else added).append(key)
                rows.append(
                    {
                        "kind": item.kind,
                        "name": item.name,
                        "version": last.version + 1 if last else 1,
                        "body": item.body,
                        "text_hash": text_hash,
                        "file": item.file,
                        "applied_at": now,
                        "actor": actor,
                    }
                )
                if item.draft or item.why:
                    state = "draft" if item.draft else "published"
                    version = {name: rows[-1][name] for name in ("kind", "name", "version")}
                    states.append(version | {"state": state, "why": item.why})
            if rows:
                connection.execute(insert(definitions), rows)
            if states:
                connection.execute(insert(definition_states), states)
            for key in leaving:
                old = latest.get(key)
                if old is None or old.retired_at is not None:
                    raise UnknownName(key.kind, key.name, _names(latest.values(), key.kind))
                _move(connection, old, "retired", actor, now, why, how)
        return Applied(tuple(added), tuple(changed), tuple(unchanged), leaving, tuple(drafted))

    def retire(
        self, keys: Iterable[tuple[str, str]], actor: str, now: datetime, *, why: str = "", how: How = "apply"
    ) -> Applied:
        """Take definitions out of use; their versions stay on record."""
        return self.put_all((), actor, now, retire=keys, why=why, how=how)

    def move(
        self, item: Definition, state: State, actor: str, now: datetime, *, why: str = "", how: How = "library"
    ) -> Definition:
        """Bring an open version into another state, on record.

        Raises
        ------
        Refused
            Somebody moved it meanwhile, or a later version is in force.
        """
        with self._database.transaction() as connection:
            here = _read(connection, _is(item))
            if not here or here[0].state != item.state or item.state not in OPEN:
                raise Refused(
                    f"Version {item.version} of the {item.kind} {item.name!r} is no open draft any more.",
                    hint=f"`gongbi tags history {item.name}` shows what became of it.",
                )
            _move(connection, item, state, actor, now, why, how)
            return _read(connection, _is(item))[0]

    def open_versions(self, kind: str | None = None) -> tuple[Definition, ...]:
        """Return the drafts and what is in review, by kind and name; a definition has at most one."""
        where = [_STATE.in_(OPEN)] + ([] if kind is None else [definitions.c.kind == kind])
        with self._database.reading() as connection:
            return _read(connection, *where)

    def changes(self, kind: str, name: str) -> tuple[Change, ...]:
        """Return who moved which version into which state, the oldest first."""
        table = definition_changes.c
        query = select(definition_changes).where(table.kind == kind, table.name == name).order_by(table.id)
        with self._database.reading() as connection:
            return tuple(Change(**row) for row in connection.execute(query).mappings())

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
    """The newest published versions; those of retired definitions too."""
    return _read(connection, *_newest(kinds))


def _move(connection: Connection, item: Definition, state: str, actor: str, now: datetime, why: str, how: How) -> None:
    if state == "retired":
        connection.execute(update(definitions).where(_is(item)).values(retired_at=now))
    else:
        connection.execute(update(definition_states).where(_is(item, definition_states)).values(state=state))
    record = {"kind": item.kind, "name": item.name, "version": item.version, "state": state}
    connection.execute(insert(definition_changes), record | {"actor": actor, "at": now, "why": why, "how": how})


def _newest(kinds: tuple[str, ...] | None, *, published: bool = True) -> list[ColumnElement[bool]]:
    key = (definitions.c.kind, definitions.c.name)
    newest = select(*key, func.max(definitions.c.version)).group_by(*key)
    if published:
        waiting = select(definition_states).where(_same_version(), definition_states.c.state != "published")
        newest = newest.where(~waiting.exists())
    where: list[ColumnElement[bool]] = [tuple_(*key, definitions.c.version).in_(newest)]
    if kinds is not None:
        where.append(definitions.c.kind.in_(kinds))
    return where


def _read(connection: Connection, *where: ColumnElement[bool]) -> tuple[Definition, ...]:
    joined = definitions.outerjoin(definition_states, _same_version())
    why = func.coalesce(definition_states.c.why, "").label("why")
    query = select(definitions, _STATE.label("state"), why).select_from(joined).where(*where)
    # Sorted here, because databases disagree about the order of text.
    found = (Definition(**row) for row in connection.execute(query).mappings())
    return tuple(sorted(found, key=lambda item: (item.kind, item.name, item.version)))


def _same_version() -> ColumnElement[bool]:
    one, other = definitions.c, definition_states.c
    return and_(one.kind == other.kind, one.name == other.name, one.version == other.version)


def _is(item: Definition, table: Table = definitions) -> ColumnElement[bool]:
    column = table.c
    return and_(column.kind == item.kind, column.name == item.name, column.version == item.version)


def _names(found: Iterable[Definition], kind: str) -> list[str]:
    return [item.name for item in found if item.kind == kind and item.retired_at is None]
