"""Carrying out a migration: the rows of a table built anew beside it, and swapped in by one transaction."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import cast

from gongbi.catalog.base import SourceDef
from gongbi.catalog.encode import to_json
from gongbi.catalog.tables import roles, superseded_table, superseded_table_name, target_table
from gongbi.catalog.yaml import from_json
from gongbi.core.plan import Plan
from gongbi.core.table import Table
from gongbi.sources import rejects
from gongbi.sources.base import LoadReport, UnreadableSource
from gongbi.sources.ledger import Entry, figures
from gongbi.sources.load import (
    entry_of,
    fill,
    identifier_types,
    open_piece,
    put_on_record,
    report_of,
    retried,
    settle_load,
    settle_rejects,
)
from gongbi.sources.migration import Migration, plan_migration
from gongbi.sources.readers import Piece, find
from gongbi.sources.work import Work

_BESIDE = "new_"


def mapping_of(entry: Entry) -> SourceDef:
    """The definition with which a load was read."""
    return cast("SourceDef", from_json("source", entry.details["mapping"]))


def needed_migration(work: Work, source: SourceDef, entry: Entry) -> Migration:
    """What the loads of a source need before more is loaded: its mapping, the zone or a reference may have changed."""
    old = mapping_of(entry)
    migration = plan_migration(replace(old, from_=source.from_) if "repaired" in entry.details else old, source)
    if migration.kind in ("refuse", "reload"):
        return migration
    reasons = []
    if entry.details["zone"] != work.zone:
        reasons.append(f"The workspace's zone was {entry.details['zone']} and is {work.zone}.")
    now = work.reference_loads(source)
    then = entry.details["references"]
    reasons += [f"Reference {name!r} was loaded again." for name in now if then.get(name) != now[name]]
    reasons += _retyped(work, source, entry)
    return Migration("reload", (*migration.reasons, *reasons)) if reasons else migration


def _retyped(work: Work, source: SourceDef, entry: Entry) -> list[str]:
    """Which identifiers that a load was read by have another type now."""
    now = identifier_types(work.subjects, source)
    then = entry.details.get("identifiers")
    if then is None:
        # A load from before this was noted: what its ids were read as, the table's columns tell.
        there = dict(work.engine.columns(entry.target))
        named = {role: name for role, (name, _) in roles(source).items() if role in there}
        stored = {name: "text" if str(there[role]).endswith("string") else "integer" for role, name in named.items()}
        then = {name: {"key": key} for name, key in stored.items()}
    reasons = []
    for name, types in then.items():
        for kind, type_ in types.items():
            if (wanted := now.get(name, {}).get(kind, type_)) == type_:
                continue
            if kind == "key":
                reasons.append(f"The key of {name!r} was {type_} and is {wanted}.")
            else:
                reasons.append(f"The identifier {kind!r} of {name!r} was {type_} and is {wanted}.")
    return reasons


def prepare_table(work: Work, sources: Sequence[SourceDef]) -> list[LoadReport]:
    """Make the table that these sources fill, or bring it to their present mapping.

    Returns
    -------
    list of LoadReport
        Loads that were read again; where one is `failed`, the table stays as it is and its sources must not be loaded.
    """
    table = target_table(sources[0], work.subjects)
    by_name = {source.source: source for source in sources}
    entries = [e for e in work.ledger.loads("loaded") if e.target == table.name]
    if not entries:
        _create(work, table)
        return []
    needed = {e.load: needed_migration(work, by_name[e.source], e) for e in entries if e.source in by_name}
    kinds = {migration.kind for migration in needed.values()}
    reasons = tuple(dict.fromkeys(reason for m in needed.values() for reason in m.reasons))
    if "refuse" in kinds:
        hint = "Undo its loads and load again, or give the new mapping another source name."
        return [_refused(e, reasons, hint, sources[0]) for e in entries]
    if "reload" in kinds:
        return _reload(work, table, by_name, entries, reasons)
    if "drop" in kinds:
        _drop_columns(work, table, by_name, entries)
    return []


def _create(work: Work, table: Table) -> None:
    engine = work.engine
    with engine.transaction():
        for wanted in (table, superseded_table(table)):
            # Nothing is in it; its columns, or their types, may be those of an earlier mapping.
            engine.create(wanted, replace=True)


def _refused(entry: Entry, reasons: Sequence[str], hint: str, source: SourceDef) -> LoadReport:
    error = UnreadableSource(
        "mapping_changed",
        entry.path,
        f"The mapping of source {entry.source!r} was edited and load {entry.load} ({entry.path}) does not fit it:"
        f" {' '.join(reasons)}",
        hint=f"{hint} What is loaded stays as it is.",
        place=source.place,
    )
    return LoadReport(entry.source, entry.path, "failed", entry.load, problem=error.to_json())


def _piece(work: Work, source: SourceDef, entry: Entry) -> Piece | None:
    origin = source.from_
    if "repaired" in entry.details:
        kept = {**entry.details["mapping"], "from": entry.details["repaired"]}
        origin = cast("SourceDef", from_json("source", kept)).from_
    pieces: list[Piece] = []
    with suppress(UnreadableSource):
        pieces = find(origin, work.root, work.resources)
    return next((piece for piece in pieces if piece.path == entry.path), None)


def _reload(
    work: Work, table: Table, sources: dict[str, SourceDef], entries: Sequence[Entry], reasons: Sequence[str]
) -> list[LoadReport]:
    started = time.perf_counter()
    read: list[tuple[Entry, SourceDef, Piece]] = []
    for entry in entries:
        source = sources.get(entry.source)
        piece = _piece(work, source, entry) if source else None
        if source is None or piece is None:
            hint = "Its file is gone, so its rows cannot be read again: bring it back, or undo the load."
            return [_refused(entry, reasons, hint, next(iter(sources.values())))]
        # A file with other content would take the place of the old rows anyway: it is read as it is now.
        read.append((replace(entry, sha256=piece.digest()), source, piece))
    loads: list[int] = []
    try:
        for entry, _, piece in read:
            row = work.record.start(entry.source, entry.path, sha256=entry.sha256, size=piece.size, now=work.present())
            loads.append(row.id)
        written, reports = retried(work, lambda: _rebuild(work, table, read, loads))
    except BaseException as error:
        put_on_record(work, loads, error)
        if isinstance(error, UnreadableSource):
            return [LoadReport(entries[0].source, error.path, "failed", problem=error.to_json())]
        raise
    for entry in written:
        work.record.finish(entry.load, now=work.present(), **figures(entry))
    seconds = (time.perf_counter() - started) / len(reports)
    changes = tuple({"change": "mapping", "now": reason} for reason in reasons)
    return [replace(report, seconds=seconds, schema_changes=(*changes, *report.schema_changes)) for report in reports]


def _rebuild(
    work: Work, table: Table, read: Sequence[tuple[Entry, SourceDef, Piece]], loads: Sequence[int]
) -> tuple[list[Entry], list[LoadReport]]:
    with work.engine.transaction():
        return _rebuilt(work, table, read, loads)


def _rebuilt(
    work: Work, table: Table, read: Sequence[tuple[Entry, SourceDef, Piece]], loads: Sequence[int]
) -> tuple[list[Entry], list[LoadReport]]:
    engine = work.engine
    beside = replace(table, name=_BESIDE + table.name)
    for wanted in (beside, superseded_table(beside)):
        engine.create(wanted, replace=True)
    if work.resolver:
        for entry, _, _ in read:
            work.resolver.forget(mapping_of(entry), [entry.load], work.now)
    gone = [e for e in work.ledger.loads("replaced") if e.target == table.name]
    work.ledger.put(*(replace(e, status="gone", replaced_by=None) for e in (*gone, *(entry for entry, _, _ in read))))
    filled = []
    for (entry, source, piece), load in zip(read, loads, strict=True):
        opened = open_piece(work, source, piece, compare=False)
        repaired = "repaired" in entry.details
        filled.append((opened, fill(work, source, opened, beside, load, repaired=repaired)))
        settle_load(work, beside, load, None)
    engine.rename(beside.name, table.name)
    engine.rename(superseded_table_name(beside.name), superseded_table_name(table.name))
    written, reports = [], []
    for (entry, source, _), load, (opened, done) in zip(read, loads, filled, strict=True):
        rejects.forget(engine, entry.load)
        if work.resolver and opened.plan.identifiers:
            work.resolver.settle(source, load, work.now)
        more = {name: entry.details[name] for name in ("repaired", "mends") if name in entry.details}
        report = report_of(work, source, opened, table, load, done, (0, 0))
        written.append(entry_of(work, source, opened, load, entry.sha256, report, **more))
        reports.append(report)
    work.ledger.put(*written)
    for before in gone:
        rejects.forget(engine, before.load)
    for name in dict.fromkeys(entry.source for entry in written):
        settle_rejects(work, name)
    return written, reports


def _drop_columns(work: Work, table: Table, sources: dict[str, SourceDef], entries: Sequence[Entry]) -> None:
    engine = work.engine
    with engine.transaction():
        for wanted in (table, superseded_table(table)):
            columns = ", ".join(engine.dialect.ident(c.name) for c in wanted.columns)
            beside = replace(wanted, name=_BESIDE + wanted.name)
            engine.create(beside, replace=True)
            kept = Plan().then("kept", f"select {columns} from {engine.dialect.ident(wanted.name)}")
            engine.insert(beside.name, kept)
            engine.rename(beside.name, wanted.name)
        for entry in entries:
            source = sources.get(entry.source)
            if source is not None:
                work.ledger.put(replace(entry, details={**entry.details, "mapping": to_json(source)}))
