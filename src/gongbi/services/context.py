"""What every use case is given: the engine, the store, the definitions, the clock, a way to report and to stop."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gongbi.catalog.catalog import Catalog, assemble, model_tags
from gongbi.catalog.lists import MEMBER, SETTING, ListDef, list_of
from gongbi.catalog.quality import NO_LIMITS, Quality
from gongbi.catalog.yaml import from_json
from gongbi.core import clock, types
from gongbi.core.compiler import Stored
from gongbi.engine import Engine
from gongbi.engine.watch import watching
from gongbi.errors import Cancelled, GongbiError, NotYet, Refused, UnknownName
from gongbi.ownership.door import Progress, silent
from gongbi.store import Store
from gongbi.store.builds import Build

#: A workspace whose newest fact is older than this is taken for a demo: its "now" is the end of its data.
STALE = timedelta(days=7)

#: How often work looks whether it is to stop, and says on its record how far it is, in seconds.
LOOK = 0.25


@dataclass
class Context:
    """The ports of a use case.

    Attributes
    ----------
    root
        The workspace's folder.
    zone
        Its IANA zone.
    actor
        Who asks; recorded, not verified until accounts exist.
    owner
        Token of the owning process.
    run_id
        The run on whose record the work goes; None for work that leaves none.
    quality
        The workspace's limits, which hold for tags that say none of their own.
    governance
        ``tags``, ``segments`` → ``open`` or ``reviewed``, as the workspace's settings say.
    """

    root: Path
    zone: str
    engine: Engine
    store: Store
    actor: str = "local"
    owner: str = ""
    report: Progress = silent
    cancelled: Callable[[], bool] = lambda: False
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    memory: dict[str, Any] = field(default_factory=dict)
    run_id: int | None = None
    quality: Quality = NO_LIMITS
    governance: Mapping[str, str] = field(default_factory=dict)

    def now(self) -> datetime:
        """The present instant, UTC."""
        return self.clock()

    def progress(self, stage: str, done: int, total: int | None = None) -> None:
        """Tell how far the work is; stops it where someone asked for that."""
        self.check_cancelled()
        self.report(stage, done, total)

    def check_cancelled(self) -> None:
        """Raise `Cancelled` if the caller wants the work to stop."""
        if self.cancelled():
            raise Cancelled("The work was stopped.", hint="Run the same command again to go on.")

    def remembered(self, key: str, version: str, make: Callable[[], Any]) -> Any:
        """Return `make()`, made once for each version of what it depends on."""
        known = self.memory.get(key)
        if known is None or known[0] != version:
            known = (version, make())
            self.memory[key] = known
        return known[1]

    def _ask(self, key: str, make: Callable[[], Any]) -> Any:
        """Ask the store, or the engine, once for as long as nobody writes to the store; every change ends with that."""
        return self.remembered(key, str(self.store.generation), make)

    def fingerprint(self) -> str:
        """The version of all definitions."""
        return self._ask("fingerprint", self.store.definitions.fingerprint)  # type: ignore[no-any-return]

    def data_version(self) -> str:
        """The version of what is loaded."""
        return self._ask("data", self.store.loads.data_version)  # type: ignore[no-any-return]

    def current_build(self, subject: str) -> Build | None:
        """The build that readers of a subject see."""
        return self._ask(f"build {subject}", lambda: self.store.builds.current(subject))  # type: ignore[no-any-return]

    def tables(self) -> set[str]:
        """The names of the engine's tables."""
        return self._ask("tables", lambda: set(self.engine.tables()))  # type: ignore[no-any-return]

    def rows(self, table: str) -> int:
        """How many rows a table of the engine has."""
        sql = f"select count(*) as n from {self.engine.dialect.ident(table)}"
        return int(self.engine.value(sql))

    def single(self, subject: str) -> frozenset[str]:
        """The attribute tables of a subject that hold one row per member, as the data loaded now happen to be."""

        def make() -> frozenset[str]:
            ident, there = self.engine.dialect.ident, self.tables()
            tables = {a.table for a in self.catalog().world.subjects[subject].attributes.values()} & there
            return frozenset(
                table
                for table in tables
                if self.engine.value(f"select count(*) = count(distinct id) from {ident(table)}")
            )

        return self.remembered(f"single {subject}", self.data_version() + self.fingerprint(), make)  # type: ignore[no-any-return]

    def catalog(self) -> Catalog:
        """The definitions that are in force."""
        lists = self.lists()

        def make() -> Catalog:
            current = self.store.definitions.current()
            return assemble((from_json(d.kind, d.body) for d in current), zone=self.zone, lists=lists)  # type: ignore[arg-type]

        version = f"{self.fingerprint()} {[(one.name, one.table) for one in lists]}"
        return self.remembered("catalog", version, make)  # type: ignore[no-any-return]

    def lists(self) -> tuple[ListDef, ...]:
        """The lists that are kept, in their newest version."""

        def make() -> tuple[ListDef, ...]:
            found = self.store.settings.all()
            return tuple(list_of(key, value) for key, value in found.items() if key.startswith(SETTING) and value)

        return self._ask("lists", make)  # type: ignore[no-any-return]

    def check_subject(self, name: str) -> None:
        """Refuse a subject that nobody defined; where it is the one that is meant unless told, ask which is meant."""
        known = sorted(self.catalog().subjects)
        if name in known:
            return
        error = UnknownName("subject", name, known)
        if name == "customer" and known:
            names = ", ".join(known[:12])
            error.hint = f"Add `-s {names}`." if len(known) == 1 else f"Say which with `-s`: {names}."
        raise error

    def newest_fact(self) -> datetime | None:
        """The instant of the newest fact that has happened; the newest of all where none has, None without facts."""
        now = self.now()

        def make() -> datetime | None:
            there = self.tables()
            facts = (fact for fact in self.catalog().world.facts.values() if not fact.recorded)
            tables = [fact.table for fact in facts if fact.table in there]
            if not tables:
                return None
            # What is planned must not hide that the data are old.
            past = f"max(case when ts <= {self.engine.dialect.literal(now)} then ts end) as past"
            parts = " union all ".join(
                f"select {past}, max(ts) as ts from {self.engine.dialect.ident(t)}" for t in tables
            )
            newest = self.engine.query(f"select coalesce(max(past), max(ts)) as ts from ({parts}) t")["ts"][0].as_py()
            return newest.replace(tzinfo=UTC) if newest is not None else None

        # By the hour: what was planned becomes past.
        version = f"{self.data_version()} {self.fingerprint()} {now:%Y-%m-%d %H}"
        return self.remembered("newest", version, make)  # type: ignore[no-any-return]

    def as_of(self, given: str | datetime | None = None) -> datetime:
        """The instant of a computation: as given, else now, else the end of data that are older than a week.

        The end of the data is the first local midnight after the newest fact.
        """
        if isinstance(given, datetime):
            return given if given.tzinfo else given.replace(tzinfo=UTC)
        if given is not None:
            return clock.parse_instant(given, self.zone)
        newest = self.newest_fact()
        if newest is None:
            raise self._no_facts()
        if self.now() - newest <= STALE:
            return self.now()
        return clock.midnight(clock.local_date(newest, self.zone) + timedelta(days=1), self.zone)

    def _no_facts(self) -> NotYet:
        """Why there is nothing to compute from: nothing was loaded, or nothing of it was good."""
        loads = self.store.loads.list()
        rejected = sum(load.rows_rejected or 0 for load in loads if load.status == "loaded")
        if rejected:
            hint = "See why with `gongbi sources rejects`."
            return NotYet(f"There are no facts yet: {rejected:,} rows were rejected.", hint=hint)
        if any(load.status == "failed" for load in loads):
            return NotYet(
                "There are no facts yet: no file could be loaded.", hint="See why with `gongbi sources loads`."
            )
        return NotYet("There are no facts yet.", hint="Run `gongbi ingest` first.")

    def stored(self, subject: str) -> Mapping[str, Stored]:
        """Where the tags of a subject are kept: its current build, and the scores of models.

        A tag whose values have become of another kind since, as a text that was a number, has none until it is built.
        """
        found = dict(self._built(subject))
        there = self.tables()
        for model in self.catalog().models.values():
            if model.subject == subject and f"model_{model.model}" in there:
                found |= {tag: Stored(f"model_{model.model}", column) for tag, column in model_tags(model).items()}
        return found | {one.tag: Stored(one.table, MEMBER) for one in self.lists() if one.subject == subject}

    def _built(self, subject: str) -> Mapping[str, Stored]:
        """Where the tags of the current build are kept that are still of the kind that they were built as."""
        build = self.current_build(subject)
        if build is None:
            return {}

        def make() -> Mapping[str, Stored]:
            now = self.catalog().world.tags_of(subject)
            return {
                tag["name"]: Stored(build.table, tag["name"])
                for tag in build.tags
                if tag["name"] not in now or now[tag["name"]].alike(types.from_json(tag))
            }

        version = f"{build.id} {build.table} {self.fingerprint()}"
        return self.remembered(f"built tags {subject}", version, make)  # type: ignore[no-any-return]

    # -- work on record -------------------------------------------------------------------------------

    @contextmanager
    def run(self, kind: str, subject: str = "", **params: Any) -> Iterator[Context]:
        """Put a piece of work on record; gives the context to do it with. A part of a larger run goes under that."""
        if self.run_id is not None:
            yield self
            return
        run = self.store.runs.start(
            kind, subject, actor=self.actor, owner=self.owner, now=self.now(), params=params or None
        )
        with self.recorded(run.id) as inner:
            yield inner

    @contextmanager
    def recorded(self, run_id: int) -> Iterator[Context]:
        """Work under a run that is there already, and put its end on record."""
        runs, inner = self.store.runs, self.under(run_id)
        try:
            with inner.stoppable():
                yield inner
        except (Cancelled, KeyboardInterrupt):
            runs.cancel(run_id, self.now())
            raise
        except GongbiError as error:
            runs.fail(run_id, error.to_json(), self.now())
            raise
        except Exception as error:
            runs.fail(run_id, {"code": "bug", "message": f"{type(error).__name__}: {error}"}, self.now())
            raise
        runs.finish(run_id, self.now())

    def under(self, run_id: int) -> Context:
        """A context whose progress goes on a run's record, and whose work stops when that run is asked to stop."""
        runs, shown, told, looked, stopped = self.store.runs, [""], [0.0], [0.0], [False]

        def report(stage: str, done: int, total: int | None) -> None:
            self.report(stage, done, total)
            if stage != shown[0] or time.monotonic() - told[0] > LOOK:
                shown[0], told[0] = stage, time.monotonic()
                with suppress(Refused):  # It was ended elsewhere; `cancelled` says so.
                    runs.advance(run_id, stage=stage, done=done, total=total)

        def cancelled() -> bool:
            if not stopped[0] and time.monotonic() - looked[0] > LOOK:
                looked[0] = time.monotonic()
                run = runs.get(run_id)
                stopped[0] = run.cancel_requested or run.status != "running"
            return stopped[0] or self.cancelled()

        return replace(self, report=report, cancelled=cancelled, run_id=run_id)

    def note(self, *, rows: int | None = None, failed: Sequence[Mapping[str, Any]] = ()) -> None:
        """Add to the record of the run what a part of the work gave; see `store.runs.Runs.note`."""
        if self.run_id is not None:
            self.store.runs.note(self.run_id, rows=rows, failed=failed)

    @contextmanager
    def stoppable(self) -> Iterator[None]:
        """Interrupt the engine too when the work is cancelled, instead of waiting for the end of a long query."""
        with self.engine.cancellable() as stop, _ctrl_c() as pressed:

            def look() -> bool:
                if wanted := pressed() or self.cancelled():
                    stop()
                return wanted

            with watching(look, LOOK, "gongbi-watch"):
                yield


@contextmanager
def _ctrl_c() -> Iterator[Callable[[], bool]]:
    """Tells another thread whether Ctrl-C was pressed: the main thread cannot notice it while it is in the engine."""
    waits = threading.current_thread() is threading.main_thread()
    if not waits or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield lambda: False
        return
    reader, writer = socket.socketpair()
    with reader, writer:
        reader.setblocking(False)
        writer.setblocking(False)

        def pressed() -> bool:
            with suppress(BlockingIOError):
                return signal.SIGINT in reader.recv(64)
            return False

        before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        try:
            yield pressed
        finally:
            signal.set_wakeup_fd(before)
