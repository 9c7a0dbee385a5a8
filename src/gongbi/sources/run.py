"""Ingest: every source of a workspace, in an order in which each finds what it looks up."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from gongbi.catalog.base import Origin, SourceDef, SubjectDef
from gongbi.catalog.tables import member_table, superseded_table, target_table
from gongbi.core.table import Table
from gongbi.engine.base import Engine
from gongbi.errors import InvalidDefinition, Refused, UnknownName
from gongbi.sources import rejects
from gongbi.sources.base import (
    IngestReport,
    IsCancelled,
    LoadRecord,
    LoadReport,
    Progress,
    Resolver,
    UnreadableSource,
    never,
    no_progress,
    stop_if,
)
from gongbi.sources.ledger import Ledger, repair
from gongbi.sources.load import load_piece, settle_rejects
from gongbi.sources.readers import find
from gongbi.sources.refresh import refresh
from gongbi.sources.reload import mapping_of, prepare_table
from gongbi.sources.settle import settle, touch
from gongbi.sources.versions import keys_of
from gongbi.sources.work import ROWS_PER_CHUNK, Work

__all__ = ["ingest", "load_repaired", "prepare", "repair", "undo"]

_STAGES = ("reference", "attributes", "fact", "relation")


def ingest(
    engine: Engine,
    loads: LoadRecord,
    sources: Sequence[SourceDef],
    subjects: Sequence[SubjectDef],
    *,
    root: Path,
    zone: str,
    now: datetime,
    resolver: Resolver | None = None,
    progress: Progress = no_progress,
    cancelled: IsCancelled = never,
    only: Sequence[str] | None = None,
    again: bool = False,
    rows_per_chunk: int = ROWS_PER_CHUNK,
) -> IngestReport:
    """Load what is new in every source; what is there already is recognised and left alone.

    References come first, then attributes, facts, relations and derived facts. A file that cannot be loaded is reported
    as `failed` and the others go on; each file is one transaction. Stopping loses the file under way and no other: the
    next run goes on with it.

    Parameters
    ----------
    engine, loads
        Where rows go, and `store.loads`, where loads are put on record.
    sources, subjects
        All definitions of the workspace.
    root, zone
        The workspace's folder and IANA zone.
    now
        For the record.
    resolver
        `gongbi.identity.run.Identities`, where a subject has identifiers.
    progress
        Called with (source, rows done, rows in all or None).
    cancelled
        Asked between chunks; when it says yes, `Cancelled` is raised.
    only
        Names of the sources to load; all where absent.
    again
        Load content again that was undone by hand.
    rows_per_chunk
        How many rows are held in memory at a time.
    """
    known = _by_name(sources, subjects)
    with Work(engine, loads, *known, root, zone, now, resolver, progress, cancelled, rows_per_chunk) as work:
        for name in only or ():
            if name not in work.sources:
                raise UnknownName("source", name, work.sources)
        reports: list[LoadReport] = []
        seconds: dict[str, float] = {}
        for stage in _STAGES:
            started = time.perf_counter()
            reports += _stage(work, stage, only, again=again)
            seconds[stage] = time.perf_counter() - started
        started = time.perf_counter()
        summary, refreshed = refresh(work)
        seconds["derived"] = time.perf_counter() - started
        return IngestReport(
            tuple(reports),
            facts=summary["facts"],
            unmatched=summary["unmatched"],
            mixed=summary["mixed"],
            members=summary["members"],
            changed=refreshed or any(report.outcome == "loaded" for report in reports),
            seconds=seconds,
            lost=tuple(lost_files(work, only)),
        )


def lost_files(work: Work, only: Sequence[str] | None) -> list[dict[str, Any]]:
    """Files that were loaded and are not there any more; their rows stay until somebody undoes the load."""
    found = []
    for source in work.sources.values():
        if source.from_.file is None or (only is not None and source.source not in only):
            continue
        with suppress(UnreadableSource), ExitStack() as opened:
            there = {piece.path for piece in find(source.from_, work.root, opened)}
            found += [
                {"source": source.source, "path": entry.path, "load": entry.load}
                for entry in work.ledger.loads("loaded")
                if entry.source == source.source and "repaired" not in entry.details and entry.path not in there
            ]
    return found


def prepare(
    engine: Engine, sources: Sequence[SourceDef], subjects: Sequence[SubjectDef], resolver: Resolver | None = None
) -> None:
    """Create the empty tables of a workspace that has loaded nothing yet, so that expressions find them."""
    known = {subject.subject: subject for subject in subjects}
    Ledger(engine)
    if resolver is not None:
        resolver.prepare()
    tables = set(engine.tables())
    wanted = [member_table(subject) for subject in subjects]
    for source in sources:
        table = target_table(source, known)
        wanted += [table] if source.is_derived else [table, superseded_table(table)]
    for table in {table.name: table for table in wanted if table.name not in tables}.values():
        engine.create(table)


def _by_name(
    sources: Sequence[SourceDef], subjects: Sequence[SubjectDef]
) -> tuple[dict[str, SourceDef], dict[str, SubjectDef]]:
    return {source.source: source for source in sources}, {subject.subject: subject for subject in subjects}


def _stage(work: Work, stage: str, only: Sequence[str] | None, *, again: bool) -> list[LoadReport]:
    by_table: dict[str, list[SourceDef]] = {}
    for source in work.sources.values():
        if source.target == stage and not source.is_derived:
            by_table.setdefault(target_table(source, work.subjects).name, []).append(source)
    reports: list[LoadReport] = []
    for sources in by_table.values():
        stop_if(work.cancelled)
        _check_alike(work, sources)
        prepared = prepare_table(work, sources)
        reports += prepared
        if any(report.outcome == "failed" for report in prepared):
            continue
        reloaded = {(report.source, report.path) for report in prepared}
        for source in sources:
            if only is None or source.source in only:
                found = _source(work, source, again=again)
                reports += [r for r in found if r.outcome != "unchanged" or (r.source, r.path) not in reloaded]
    return reports


def _check_alike(work: Work, sources: Sequence[SourceDef]) -> None:
    """Sources that fill one table must give it the same columns and key."""
    first = target_table(sources[0], work.subjects)
    for source in sources[1:]:
        table = target_table(source, work.subjects)
        if (set(table.columns), table.key) != (set(first.columns), first.key):
            raise InvalidDefinition(
                f"Sources {sources[0].source!r} and {source.source!r} both fill {first.name!r} and differ in columns"
                " or key.",
                place=source.place,
            )


def _source(work: Work, source: SourceDef, *, again: bool) -> list[LoadReport]:
    work.progress(source.source, 0, None)
    try:
        pieces = find(source.from_, work.root, work.resources, place=source.place)
    except UnreadableSource as error:
        return [LoadReport(source.source, error.path, "failed", problem=error.to_json())]
    reports = []
    for piece in pieces:
        stop_if(work.cancelled)
        reports.append(load_piece(work, source, piece, again=again))
    return reports


def load_repaired(
    engine: Engine,
    loads: LoadRecord,
    sources: Sequence[SourceDef],
    subjects: Sequence[SubjectDef],
    source: str,
    file: Path,
    *,
    root: Path,
    zone: str,
    now: datetime,
    resolver: Resolver | None = None,
) -> LoadReport:
    """Load mended rejects (CSV as `export_rejects` wrote it) as a load of their own.

    Rows that are good now are marked as repaired in the rejects table; the others are rejected again, by this load.
    """
    with Work(engine, loads, *_by_name(sources, subjects), root, zone, now, resolver) as work:
        if source not in work.sources:
            raise UnknownName("source", source, work.sources)
        told = work.sources[source]
        full, home = file.resolve(), root.resolve()
        name = (full.relative_to(home) if full.is_relative_to(home) else full).as_posix()
        origin = Origin(file=name, format="csv", types=told.from_.types, null_values=told.from_.null_values)
        failed = [r for r in prepare_table(work, [told]) if r.outcome == "failed"]
        if failed:
            return failed[0]
        piece = find(origin, root, work.resources)[0]
        # Who repairs by hand wants the rows in, also where the same repair was undone before.
        report = load_piece(work, replace(told, from_=origin), piece, again=True, repaired=True)
        refresh(work)
        return report


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo did: the load that is gone, rows that went, and the loads of the same path that came back."""

    load: int
    rows: int
    restored: tuple[int, ...]


def undo(
    engine: Engine,
    loads: LoadRecord,
    sources: Sequence[SourceDef],
    subjects: Sequence[SubjectDef],
    load: int,
    *,
    root: Path,
    zone: str,
    now: datetime,
    resolver: Resolver | None = None,
) -> Undone:
    """Take a load out again; rows whose place it had taken come back. The same content is not loaded again by itself.

    Raises
    ------
    UnknownName
        There is no such load.
    Refused
        It is not active: it was replaced, undone, or failed.
    """
    with Work(engine, loads, *_by_name(sources, subjects), root, zone, now, resolver) as work:
        entry = work.ledger.get(load)
        if entry is None or entry.status != "loaded":
            status = loads.get(load).status
            by = f" by load {entry.replaced_by}" if entry and entry.replaced_by else ""
            raise Refused(f"Load {load} is {status}{by}; only an active load can be undone.")
        source = work.sources.get(entry.source) or mapping_of(entry)
        table = target_table(source, work.subjects)
        if entry.target != table.name or [n for n, _ in engine.columns(table.name)] != [c.name for c in table.columns]:
            source = mapping_of(entry)
            table = target_table(source, work.subjects)
        back = [e for e in work.ledger.loads("replaced") if e.replaced_by == load]
        try:
            with engine.transaction():
                rows = _take_out(work, entry.source, table, load, [e.load for e in back])
                if work.resolver is not None:
                    work.resolver.forget(source, [load], now)
        except BaseException:
            work.ledger.refresh()
            raise
        loads.undo(load)
        for other in back:
            loads.restore(other.load)
        refresh(work)
        return Undone(load, rows, tuple(e.load for e in back))


def _take_out(work: Work, source: str, table: Table, load: int, back: Sequence[int]) -> int:
    engine = work.engine
    touch(engine, table, keys_of(table, [load, *back], engine.dialect))
    rows = 0
    for name in (table.name, f"superseded_{table.name}"):
        rows += engine.delete(name, f"{engine.dialect.ident('_load')} = {load}")
    work.ledger.change(load, "undone")
    for other in back:
        work.ledger.change(other, "loaded")
    settle(engine, table, work.ledger.replaced([table.name]))
    rejects.forget(engine, load)
    settle_rejects(work, source)
    return rows
