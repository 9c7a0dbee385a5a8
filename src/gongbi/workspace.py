"""A workspace: a folder with `gongbi.toml`, `definitions/`, the engine's tables and the stores.

One process owns a workspace (docs/decisions/0002). The first to open it takes the lock and opens a local door; whoever
comes later finds the owner's address in the lock file and works through that door, with the same results.
"""

from __future__ import annotations

import getpass
import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gongbi.answers import Members as Members
from gongbi.answers import Rows as Rows
from gongbi.answers import full as _full
from gongbi.answers import told as _told
from gongbi.errors import UnknownName, WorkspaceBusy, WorkspaceProblem
from gongbi.folder import FORMAT as FORMAT
from gongbi.folder import OWN as OWN
from gongbi.folder import PRIVATE as PRIVATE
from gongbi.folder import SETTINGS as SETTINGS
from gongbi.folder import Settings as Settings
from gongbi.folder import copy_pack as copy_pack
from gongbi.folder import init as init
from gongbi.folder import read_settings as read_settings
from gongbi.ownership.door import Door, OwnerGone, Progress, call_owner, silent
from gongbi.ownership.files import private_folder
from gongbi.ownership.lock import Lock, Owner
from gongbi.portrait_verbs import PortraitVerbs

if TYPE_CHECKING:
    from gongbi.services.context import Context

#: How long an owner may take to close before the next one opens, in seconds: calls end, tables are written back.
SUCCESSION = 60.0


def open(  # noqa: A001
    path: str | Path = ".", *, actor: str | None = None, progress: Progress = silent, wait: float = 0.0
) -> Workspace:
    """Open a workspace: as its owner, or through the owner that has it open.

    Parameters
    ----------
    path
        The folder.
    actor
        Who works; recorded with runs, exports and approvals. By default the operating system's name of the user.
    progress
        Called with (stage, done, total) during long work.
    wait
        Seconds to wait for an owner that does not answer yet.
    """
    root = Path(path).expanduser().resolve()
    settings = read_settings(root)
    who = actor if actor is not None else os.environ.get("GONGBI_ACTOR") or _user()
    workspace = Workspace(root, settings, who, progress)
    workspace.attach(wait=wait)
    return workspace


def _user() -> str:
    """The name under which the operating system knows the user."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "local"  # A container may run under a number that has no name.


def _own(root: Path, settings: Settings, actor: str) -> Context:
    from gongbi.engine import open_engine
    from gongbi.services.build import repair_builds
    from gongbi.services.context import Context
    from gongbi.services.sources import repair_loads
    from gongbi.store import Store

    for name in PRIVATE:
        if name == "engine" or (root / name).is_dir():
            private_folder(root / name)
    with ExitStack() as opened:
        store = opened.enter_context(closing(Store.open(settings.store or root / "store.sqlite")))
        try:
            engine = open_engine(settings.engine, root / "engine", **settings.engine_options)
        except TypeError as error:
            hint = f"Unknown or wrong entry below [engine] in {SETTINGS}."
            raise WorkspaceProblem(f"The engine {settings.engine!r} cannot be opened: {error}.", hint=hint) from error
        opened.enter_context(closing(engine))
        owner = secrets.token_hex(8)
        rules: dict[str, Any] = {"quality": settings.quality, "governance": settings.governance}
        context = Context(root, settings.zone, engine, store, actor=actor, owner=owner, **rules)
        store.runs.mark_interrupted(owner)
        repair_builds(context)
        repair_loads(context)
        opened.pop_all()
    return context


class Workspace(PortraitVerbs):
    """An open workspace. Made by `gongbi.open`; also a context manager.

    Examples
    --------
    >>> with gongbi.open("demo") as ws:  # doctest: +SKIP
    ...     ws.ingest()
    ...     ws.build()
    ...     ws.segment("tag.rfm.recency >= 4").count()
    """

    def __init__(self, root: Path, settings: Settings, actor: str, progress: Progress) -> None:
        self.root, self.settings, self.actor, self.progress = root, settings, actor, progress
        self.context: Context | None = None
        self._lock = Lock(root / "gongbi.lock")
        self._remote: Owner | None = None
        self._door: Door | None = None
        self._attaching = threading.Lock()

    def attach(self, *, wait: float = 0.0, instead_of: Owner | None = None) -> None:
        """Become the owner, or find the one there is; `instead_of` names one that has gone."""
        deadline = time.monotonic() + max(wait, 5.0)
        with self._attaching:
            if instead_of is not None and self._remote != instead_of:
                return  # Another thread has found the next owner already.
            while True:
                owner = self._lock.take_or_find(wait=wait)
                if owner is None or owner != instead_of:
                    break
                if time.monotonic() > deadline:
                    raise WorkspaceBusy(f"The workspace's owner (process {owner.pid}) does not answer.")
                time.sleep(0.05)
            if owner is None:
                try:
                    self.context = _own(self.root, self.settings, self.actor)
                    self._door = Door(self._call_here)
                    self._lock.announce(self._door.address, self._door.token)
                except BaseException:
                    self.close()
                    raise
            self._remote = owner

    @property
    def console(self) -> str:
        """The address of the console of the process that has the engine open; empty where it has none."""
        return self._remote.console if self._remote is not None else ""

    def announce_console(self, address: str) -> None:
        """Let others who open the workspace know where its console is."""
        if self._door is not None:
            self._lock.announce(self._door.address, self._door.token, address)

    @property
    def is_owner(self) -> bool:
        """True in the process that has the engine open."""
        return self.context is not None

    def call(self, verb: str, /, **params: Any) -> Any:
        """Carry out a use case by name, here or at the owner's."""
        return self.call_as(self.actor, verb, **params)

    def call_as(self, actor: str, verb: str, /, **params: Any) -> Any:
        """Carry out a use case in somebody's name; it is recorded and, until accounts exist, not verified."""
        while (remote := self._remote) is not None:
            try:
                return call_owner(remote, verb, params, actor, self.progress)
            except OwnerGone:
                self.attach(wait=SUCCESSION, instead_of=remote)
        return self._call_here(verb, params, actor, self.progress)

    def _call_here(
        self,
        verb: str,
        params: Mapping[str, Any],
        actor: str,
        progress: Progress,
        cancelled: Callable[[], bool] | None = None,
    ) -> Any:
        if self.context is None:
            raise WorkspaceProblem("The workspace is closed.", hint="Open it again with gongbi.open.")
        if not self._lock.is_held:
            raise WorkspaceProblem("This process was forked from the owner.", hint="Call gongbi.open in it.")
        # Who only asks the owner needs none of these, nor the stores and engines behind them.
        from gongbi.services.calling import check_actor, check_call
        from gongbi.services.runs import CHANGING, taking_turns
        from gongbi.services.verbs import VERBS

        if verb not in VERBS:
            raise UnknownName("verb", verb, VERBS)
        context = replace(self.context, actor=actor, report=progress, cancelled=cancelled or self.context.cancelled)
        check_actor(actor)
        check_call(verb, VERBS[verb], params)
        # Only a caller that can ask for an end needs somebody who looks out for it.
        with (
            context.stoppable() if cancelled is not None else nullcontext(),
            taking_turns(context) if verb in CHANGING else nullcontext(),
        ):
            try:
                return VERBS[verb](context, **params)
            except UnknownName as error:
                from gongbi.services.hints import with_likely_name

                with_likely_name(context, error)
                raise

    # -- verbs, spelled out -----------------------------------------------------------------------

    def apply(self, folder: str | None = None) -> dict[str, Any]:
        """Put the YAML of the workspace, or of a folder, in force."""
        return self.call("apply", folder=folder)  # type: ignore[no-any-return]

    def ingest(self, sources: Sequence[str] | str | None = None, *, again: bool = False) -> dict[str, Any]:
        """Load what is new in all sources, in some or in one; with `again`, also content that was undone by hand."""
        wanted = [sources] if isinstance(sources, str) else list(sources) if sources else None
        return self.call("ingest", sources=wanted, again=again)  # type: ignore[no-any-return]

    def sources(self) -> Rows:
        """All sources with what they fill, their rows and rejects."""
        return Rows(self.call("sources"))

    def loads(self, source: str | None = None, *, limit: int = 100) -> Rows:
        """What was loaded, newest first."""
        return Rows(self.call("loads", source=source, limit=limit))

    def undo(self, load: int) -> dict[str, Any]:
        """Take a load out again; rows whose place it had taken come back."""
        return self.call("undo", load=load)  # type: ignore[no-any-return]

    def rejects(self, load: int | None = None, *, limit: int = 200) -> dict[str, Any]:
        """Rejected rows that wait for repair, of all loads or of one: `table`, `counts`, `total`."""
        return self.call("rejects", load=load, limit=limit)  # type: ignore[no-any-return]

    def export_rejects(self, load: int, to: str | Path, *, overwrite: bool = False) -> dict[str, Any]:
        """Write a load's rejected rows as CSV, to be mended."""
        return self.call("export_rejects", load=load, to=_full(to), overwrite=overwrite)  # type: ignore[no-any-return]

    def repair(self, load: int, file: str | Path) -> dict[str, Any]:
        """Load a file of mended rejects of a load."""
        return self.call("repair", load=load, file=_full(file))  # type: ignore[no-any-return]

    def build(self, *, as_of: str | datetime | None = None, force: bool = False, **how: Any) -> dict[str, Any]:
        """Compute all tags; `accept` says why a build that breaks limits is published, `full` starts from no other."""
        given = as_of.isoformat() if isinstance(as_of, datetime) else as_of
        return self.call("build", as_of=given, force=force, **how)  # type: ignore[no-any-return]

    def quality(self, tag: str | None = None, *, subject: str | None = None, limit: int = 30) -> dict[str, Any]:
        """How good the tags of the newest builds are, or the figures of one tag across builds."""
        return self.call("quality", tag=tag, subject=subject, limit=limit)  # type: ignore[no-any-return]

    def explain(
        self,
        tag: str,
        id: Any,  # noqa: A002
        *,
        subject: str | None = None,
        limit: int = 20,
        reveal: str | None = None,
    ) -> dict[str, Any]:
        """Why a member has its value of a tag: the definition in words, the tags it uses, the rows of facts behind."""
        given = {"tag": tag, "id": id, "subject": subject, "limit": limit, "reveal": reveal}
        return _told(self.call("explain", **given))  # type: ignore[no-any-return]

    def history(self, name: str, id: Any, *, limit: int = 1000) -> dict[str, Any]:  # noqa: A002
        """What a tag was for a member, or when it was in a segment, over time."""
        return self.call("history", name=name, id=id, limit=limit)  # type: ignore[no-any-return]

    def backfill(
        self, name: str, start: str, end: str | None = None, *, every: str = "month", again: bool = False
    ) -> dict[str, Any]:
        """Put the values of a tag, or of a segment, as of earlier instants into its history."""
        given = {"name": name, "start": start, "end": end, "every": every, "again": again}
        return self.call("backfill", **given)  # type: ignore[no-any-return]

    def changes(
        self, expression: str, start: str, end: str | None = None, *, subject: str = "customer", limit: int = 100
    ) -> dict[str, Any]:
        """Who entered and who left a group between two instants."""
        given = {"expression": expression, "start": start, "end": end, "subject": subject, "limit": limit}
        return self.call("changes", **given)  # type: ignore[no-any-return]

    def lineage(self, name: str, *, steps: int | None = None) -> dict[str, Any]:
        """What a definition or a column is made from, back to the file, and what is made of it: `nodes` and `edges`."""
        return self.call("lineage", name=name, steps=steps)  # type: ignore[no-any-return]

    @property
    def tags(self) -> Rows:
        """The tag library with the figures of the current build."""
        return Rows(_told(self.call("tags")))

    def search(self, query: str, *, subject: str | None = None, kinds: Sequence[str] = (), limit: int = 20) -> Rows:
        """What is called like that, best first: Chinese, pinyin, its initials or English; slips are forgiven."""
        return Rows(self.call("search", query=query, subject=subject, kinds=list(kinds), limit=limit))

    def makers(self, name: str = "") -> Rows:
        """The makers of tags, or one of them, with the fields of their forms."""
        return Rows(self.call("makers", name=name))

    def set_tag(self, tag: str, id: Any, value: Any, why: str = "", since: str | None = None) -> dict[str, Any]:  # noqa: A002
        """Set a tag of one member by hand; None takes the value away. The values before it are kept."""
        return self.call("set_tag", tag=tag, id=id, value=value, why=why, since=since)  # type: ignore[no-any-return]

    def import_tag(
        self, tag: str, file: str, *, key: str, column: str, kind: str = "", why: str = "", since: str | None = None
    ) -> dict[str, Any]:
        """Take the values of a tag from a column of a file, one for each member that its `key` column names."""
        given = {"key": key, "column": column, "kind": kind, "why": why, "since": since}
        return self.call("import_tag", tag=tag, file=file, **given)  # type: ignore[no-any-return]

    def given_values(self, tag: str, id: Any) -> Rows:  # noqa: A002
        """What a given tag of one member was and is, with who, when and why."""
        return Rows(self.call("given_values", tag=tag, id=id))

    def draft_tag(self, **definition: Any) -> dict[str, Any]:
        """Try a tag that is not in force: what it is written as, its type, its values; the keys are those of YAML."""
        return _told(self.call("draft_tag", definition=definition))  # type: ignore[no-any-return]

    def segment(self, expression: str, subject: str = "customer") -> Segment:
        """A group, by the name of a saved segment or by an expression."""
        return Segment(self, expression, subject)

    def overlap(self, *segments: str, subject: str = "customer") -> Rows:
        """How many members each two groups share; of all saved segments of a subject by default."""
        return Rows(_told(self.call("overlap", segments=list(segments), subject=subject))["pairs"])

    def customer(self, id: Any, subject: str = "customer", *, reveal: str | None = None) -> Portrait:  # noqa: A002
        """One member: identifiers, attributes, tags, time line; personal values are masked without a reason."""
        found = _told(self.call("customer", id=id, subject=subject, reveal=reveal))
        return Portrait(self, found, {"id": id, "subject": subject, "reveal": reveal})

    def train(self, name: str | None = None) -> Any:
        """Train and score the models."""
        return self.call("train", name=name)

    def decide(self, name: str, *, to: str | Path | None = None, overwrite: bool = False) -> dict[str, Any]:
        """Choose a campaign's audience: figures, and in `table` who is chosen.

        With `to` it is also written to a .csv, .xlsx or .parquet file, a new one by default, and put on record.
        """
        wanted = _full(to) if to is not None else None
        return self.call("decide", name=name, to=wanted, overwrite=overwrite)  # type: ignore[no-any-return]

    def runs(self, **params: Any) -> Rows:
        """What ran."""
        return Rows(self.call("runs", **params))

    def report(self) -> dict[str, Any]:
        """The figures of the main job."""
        return self.call("report")  # type: ignore[no-any-return]

    def close(self) -> None:
        """Let go of the workspace; calling it twice is fine. Callers of other processes go on with their work."""
        self._lock.withdraw()
        if self._door is not None:
            self._door.close()
            self._door = None
        context, self.context, self._remote = self.context, None, None
        if context is not None:
            context.engine.close()
            context.store.close()
        self._lock.release()

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        how = "owner" if self.is_owner else "through its owner" if self._remote else "closed"
        return f"<Workspace {self.settings.name!r} at {self.root} ({how}, {self.settings.engine})>"


@dataclass(frozen=True)
class Segment:
    """A group of members, found when asked."""

    workspace: Workspace
    expression: str
    subject: str = "customer"

    def count(self) -> int:
        """How many members."""
        found = _told(self.workspace.call("count", expression=self.expression, subject=self.subject))
        return int(found["count"])

    def members(
        self,
        columns: Sequence[str] | str = (),
        *,
        limit: int | None = None,
        order: Sequence[str] | str = (),
        reveal: str | None = None,
    ) -> Members:
        """Their ids and chosen columns: tags, attributes or expressions; a single one may stand by itself.

        With `reveal`, the reason, values that are masked otherwise are shown; it is put on record.
        """
        columns, order = ([x] if isinstance(x, str) else x for x in (columns, order))
        found = self.workspace.call(
            "members",
            expression=self.expression,
            subject=self.subject,
            columns=list(columns),
            limit=limit,
            order=list(order),
            reveal=reveal,
        )
        return Members(_told(found)["table"])

    def insight(self, *, base: str | None = None, min_support: int = 20, limit: int | None = None) -> Rows:
        """The TGI of every value of every tag, most different first."""
        found = self.workspace.call(
            "insight", expression=self.expression, subject=self.subject, base=base, min_support=min_support, limit=limit
        )
        return Rows(_told(found)["rows"])

    def waterfall(self) -> Rows:
        """How many members each condition removes, in the order in which they are written."""
        found = self.workspace.call("waterfall", expression=self.expression, subject=self.subject)
        return Rows(_told(found)["steps"])

    def export(
        self, to: str | Path, columns: Sequence[str] = (), *, limit: int | None = None, overwrite: bool = False
    ) -> dict[str, Any]:
        """Write the members to a .csv, .xlsx or .parquet file, a new one by default; the export is put on record."""
        return self.workspace.call(  # type: ignore[no-any-return]
            "export",
            expression=self.expression,
            subject=self.subject,
            to=_full(to),
            columns=list(columns),
            limit=limit,
            overwrite=overwrite,
        )


class Portrait(dict[str, Any]):
    """One member, as a dict; shows its tags as a table in a notebook."""

    def __init__(self, workspace: Workspace, body: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
        super().__init__(body)
        self._workspace, self._asked = workspace, asked

    @property
    def tags(self) -> dict[str, Any]:
        """Values by tag."""
        return {row["tag"]: row["value"] for row in self["tags"]}

    def evidence(self, tag: str, *, limit: int = 50) -> dict[str, Any]:
        """The facts behind one tag."""
        return _told(self._workspace.call("evidence", tag=tag, limit=limit, **self._asked))  # type: ignore[no-any-return]

    def _repr_html_(self) -> str:
        return Rows(self["tags"])._repr_html_()
