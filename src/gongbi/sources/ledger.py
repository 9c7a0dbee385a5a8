"""The engine's own record of what is loaded, written in the same transaction as the rows.

Order of a load: (1) the store gives an id and notes `loading`; (2) one engine transaction brings the rows, the rejects,
the merges and this record; (3) the store notes `loaded`. An undo: (1) one engine transaction, (2) the store. A process
that dies inside a transaction leaves no row; one that dies after it leaves a store that is behind, which `repair`
brings up to date. So the engine is the truth, nothing is ever half-loaded, and nothing has to be cleaned.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

import pyarrow as pa

from gongbi.catalog.tables import LOAD, REJECTS
from gongbi.core.table import Column, Table
from gongbi.core.types import INTEGER, TEXT
from gongbi.engine.base import Engine
from gongbi.sources.base import Figures, LoadRecord

Status = Literal["loaded", "replaced", "undone", "gone", "derived"]

LOADED = Table(
    "loaded",
    (
        LOAD,
        Column("source", TEXT),
        Column("path", TEXT, "File, package table or query."),
        Column("target", TEXT, "The table that the rows went to."),
        Column("sha256", TEXT, "Of the content."),
        Column("size", INTEGER, "Bytes."),
        Column("modified", INTEGER, "Of the file, in nanoseconds since 1970; 0 where it cannot be trusted."),
        Column("status", TEXT, "loaded, replaced, undone, gone (replaced, and no undo brings it back), derived."),
        Column("replaced_by", INTEGER, "The load of the same path that took its place."),
        Column("details", TEXT, "JSON: mapping, zone, references, columns, report."),
    ),
    key=("_load", "source"),
    grain="one row per load, and one for all that is derived",
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One load as the engine remembers it.

    `details` holds `mapping` (the source's definition), `zone`, `references` (reference → loads it had), `columns`
    (raw column → type) and `report` (the figures that the store is told).
    """

    load: int
    source: str
    path: str
    target: str
    sha256: str
    size: int
    modified: int
    status: Status
    replaced_by: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


class Ledger:
    """The table `loaded`, read once and kept in step."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        tables = engine.tables()
        for table in (LOADED, REJECTS):
            if table.name not in tables:
                engine.create(table)
        self.refresh()

    def refresh(self) -> None:
        """Read the table again: after a transaction that did not come to its end."""
        rows = self._engine.query(f"select * from {LOADED.name}").to_pylist()
        entries = [
            Entry(
                row["_load"],
                row["source"],
                row["path"],
                row["target"],
                row["sha256"],
                row["size"],
                row["modified"],
                row["status"],
                row["replaced_by"],
                json.loads(row["details"]),
            )
            for row in rows
        ]
        self._entries = {(e.load, e.source): e for e in sorted(entries, key=lambda e: e.load)}

    def put(self, *entries: Entry) -> None:
        """Write entries, in place of those of the same load."""
        ident, literal = self._engine.dialect.ident, self._engine.dialect.literal
        types = {"integer": pa.int64(), "text": pa.string()}
        schema = pa.schema([(column.name, types[column.type.name]) for column in LOADED.columns])
        with self._engine.transaction():
            for entry in entries:
                if (entry.load, entry.source) in self._entries:
                    where = f"{ident('_load')} = {entry.load} and {ident('source')} = {literal(entry.source)}"
                    self._engine.delete(LOADED.name, where)
            self._engine.append(LOADED.name, pa.Table.from_pylist([_row(e) for e in entries], schema=schema))
        self._entries |= {(e.load, e.source): e for e in entries}

    def change(self, load: int, status: Status, *, replaced_by: int | None = None) -> None:
        """Give a load another status."""
        entry = self.get(load)
        assert entry is not None
        self.put(replace(entry, status=status, replaced_by=replaced_by))

    def get(self, load: int) -> Entry | None:
        """The entry of a load, if its transaction was completed."""
        return next((e for e in self._entries.values() if e.load == load and e.status != "derived"), None)

    def derived(self) -> Entry | None:
        """What the derived tables were made from."""
        return next((e for e in self._entries.values() if e.status == "derived"), None)

    def loads(self, *status: Status) -> list[Entry]:
        """Entries of real loads, oldest first, of these statuses (all where none is given)."""
        found = [e for e in self._entries.values() if e.status != "derived" and (not status or e.status in status)]
        return sorted(found, key=lambda e: e.load)

    def active(self, source: str, path: str) -> Entry | None:
        """The load of a path whose rows are in."""
        return next((e for e in self.loads("loaded") if (e.source, e.path) == (source, path)), None)

    def last_columns(self, source: str) -> Mapping[str, str]:
        """Raw columns of the newest load of a source that is in; mended rejects have columns of their own."""
        mine = [e for e in self.loads("loaded") if e.source == source and "repaired" not in e.details]
        return dict(mine[-1].details.get("columns", {})) if mine else {}

    def replaced(self, targets: Iterable[str]) -> dict[int, int]:
        """Loads of these tables that were replaced → by which."""
        wanted = set(targets)
        return {
            e.load: e.replaced_by for e in self.loads("replaced") if e.target in wanted and e.replaced_by is not None
        }


def reports(engine: Engine) -> dict[int, Mapping[str, Any]]:
    """Load → the report that it ended with; of every load that was completed, whatever became of it since."""
    if LOADED.name not in engine.tables():
        return {}
    rows = engine.query(f"select * from {LOADED.name} where status <> 'derived'").to_pylist()
    return {row["_load"]: json.loads(row["details"]).get("report", {}) for row in rows}


def loads_in(engine: Engine) -> frozenset[int]:
    """The loads whose rows are kept, live or superseded; a load that is undone, or read anew, is not among them."""
    if LOADED.name not in engine.tables():
        return frozenset()
    load = engine.dialect.ident("_load")
    rows = engine.query(f"select {load} as n from {LOADED.name} where status in ('loaded', 'replaced')")
    return frozenset(rows["n"].to_pylist())


def repairs_of(engine: Engine, load: int) -> list[int]:
    """Loads that are in and hold repaired rows of a load, oldest first."""
    if LOADED.name not in engine.tables():
        return []
    entries = Ledger(engine).loads("loaded")
    return [e.load for e in entries if any(of == load for *_, of, _ in e.details.get("mends", ()))]


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "_load": entry.load,
        "source": entry.source,
        "path": entry.path,
        "target": entry.target,
        "sha256": entry.sha256,
        "size": entry.size,
        "modified": entry.modified,
        "status": entry.status,
        "replaced_by": entry.replaced_by,
        "details": json.dumps(entry.details, ensure_ascii=False),
    }


def repair(engine: Engine, record: LoadRecord, now: datetime) -> list[str]:
    """Bring the store's record of loads in step with the engine; call it when a workspace is opened.

    Returns
    -------
    list of str
        What was put right, in words; empty where nothing was.
    """
    ledger = Ledger(engine)
    done: list[str] = []
    # The oldest first: `finish` makes the load before it `replaced`.
    for load in sorted(record.list(), key=lambda row: row.id):
        entry = ledger.get(load.id)
        if load.status == "loading":
            if entry is None:
                error = {"code": "interrupted", "message": "The process ended before the load did; nothing was kept."}
                record.fail(load.id, error, now)
                done.append(f"Load {load.id} of {load.path} was interrupted and left nothing.")
            else:
                record.finish(load.id, now=now, **figures(entry))
                done.append(f"Load {load.id} of {load.path} was complete; it is on record now.")
    for load in sorted(record.list(), key=lambda row: row.id):
        entry = ledger.get(load.id)
        if load.status == "loaded" and entry is not None and entry.status == "undone":
            record.undo(load.id)
            done.append(f"Load {load.id} of {load.path} was undone; it is on record now.")
    for load in record.list():
        entry = ledger.get(load.id)
        if load.status == "replaced" and entry is not None and entry.status == "loaded":
            record.restore(load.id)
            done.append(f"Load {load.id} of {load.path} is active again.")
    return done


def figures(entry: Entry) -> Figures:
    """What the store is told of a finished load."""
    report = entry.details.get("report", {})
    return {
        "rows_read": report.get("read", 0),
        "rows_good": report.get("good", 0),
        "rows_rejected": sum(report.get("rejected", {}).values()),
        "rows_repeated": report.get("repeated", 0),
        "rows_unmatched": report.get("unmatched", {}),
        "rows_replaced": report.get("replaced", 0),
        "schema": entry.details.get("columns", {}),
        "schema_changes": report.get("schema_changes", []),
    }
