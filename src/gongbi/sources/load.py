"""One load: a file's rows into its target, in one transaction of the engine."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from gongbi.catalog.base import SourceDef, SubjectDef
from gongbi.catalog.encode import to_json
from gongbi.catalog.tables import key_columns, roles, subject_of, target_table
from gongbi.core.table import Table
from gongbi.core.types import Type
from gongbi.engine.base import Engine
from gongbi.errors import GongbiError, InvalidDefinition, InvalidInput
from gongbi.sources import rejects
from gongbi.sources.base import (
    BadRow,
    Batch,
    LoadReport,
    UnreadableSource,
    stop_if,
)
from gongbi.sources.derive import money_columns, signs, unmatched
from gongbi.sources.ledger import Entry, figures
from gongbi.sources.once import KeysSeen
from gongbi.sources.overflow import MOST, Uncomputable, overflowing, too_large, without
from gongbi.sources.plan import Found, RowPlan, how_of, row_plan
from gongbi.sources.readers import Piece
from gongbi.sources.rounding import rounded
from gongbi.sources.schema import Changes, check_schema
from gongbi.sources.settle import forget, settle, touch
from gongbi.sources.shape import Prepared, described, prepare, prepared, raw_types
from gongbi.sources.text import empty
from gongbi.sources.versions import TWICE, has_twice, is_touched, is_twice, keys_of, shared_keys, twice, twice_table
from gongbi.sources.work import Work

_TRUSTED_AFTER = 2_000_000_000  # nanoseconds
#: The part of a file's rows from which on not the rows are at fault, but the mapping.
NEARLY_ALL = 0.95
T = TypeVar("T")


@dataclass(slots=True)
class Filled:
    """What became of the rows of a file."""

    good: int = 0
    repeated: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    rounded: Counter[str] = field(default_factory=Counter)
    #: Why rows failed a check: reason and column → rows; and the first of each.
    checked: Counter[tuple[str, str]] = field(default_factory=Counter)
    first: dict[tuple[str, str], tuple[int, str | None]] = field(default_factory=dict)

    def note(self, aside: Sequence[Mapping[str, Any]]) -> None:
        """Count rows that were set aside."""
        for row in aside:
            self.rejected[row["reason"]] += 1
            if row["column"]:
                why = row["reason"], row["column"]
                self.checked[why] += 1
                self.first.setdefault(why, (row["_row"], row["value"]))

    @property
    def read(self) -> int:
        return self.good + self.repeated + sum(self.rejected.values())


@dataclass(frozen=True, slots=True)
class Opened:
    """A piece whose columns fit the mapping."""

    piece: Piece
    total: int | None
    batches: Iterator[Batch]
    absent: list[str]
    columns: Mapping[str, str]
    changes: Changes
    plan: RowPlan


def open_piece(work: Work, source: SourceDef, piece: Piece, *, compare: bool = True) -> Opened:
    """Open a piece and plan how its rows are read; one that does not fit is refused before anything changes."""
    stream = piece.open()
    columns = described(stream.schema)
    before = work.ledger.last_columns(source.source) if compare else {}
    changes, absent = check_schema(source, piece.path, columns, before)
    types = raw_types(pa.schema([*stream.schema, *((name, pa.string()) for name in absent)]))
    plan = _plan(work, source, types, piece.path)
    return Opened(piece, stream.total, stream.batches, absent, columns, changes, plan)


def fill(work: Work, source: SourceDef, opened: Opened, table: Table, load: int, *, repaired: bool = False) -> Filled:
    """Bring a file's rows into `table`: good ones, rejects, each key once. Inside the caller's transaction.

    Raises
    ------
    UnreadableSource
        Nearly every row falls for one reason and column; not where the file is one of mended rejects.
    """
    engine, plan, path = work.engine, opened.plan, opened.piece.path
    done = Filled()
    inputs: dict[str, Any] = {found.name: _look_up(work, found) for found in plan.found}
    seen = 0
    keys = _keys_seen(source, opened, table)
    for rows, numbers, bad in _chunks(opened, work.rows_per_chunk):
        stop_if(work.cancelled)
        keys.add(rows)
        raw = prepare(rows, numbers, plan.prepared)
        inputs["raw"] = raw
        for role, combined in plan.identifiers.items():
            inputs[f"who_{role}"] = _who(work, source, role, engine.query(combined, inputs={"raw": raw}), load)
        aside = rejects.unreadable(bad)
        seen += rows.num_rows + len(bad)
        if over := work.overflowing.get((source.source, path)):
            aside += _set_aside(work, source, opened, rows, numbers, inputs, over)
            kept = pc.invert(pc.is_in(numbers, value_set=pa.array(list(over), pa.int64())))
            rows, numbers, inputs["raw"] = rows.filter(kept), numbers.filter(kept), raw.filter(kept)
        good = _insert(engine, source, opened, table, load, inputs) if rows.num_rows else 0
        if good < rows.num_rows:
            aside += rejects.failing(plan, engine.query(plan.bad(), inputs=inputs), rows, numbers)
        rejects.set_aside(engine, aside, load=load, source=source.source, path=path)
        done.good += good
        done.note(aside)
        done.rounded.update(rounded(rows, numbers, {row["_row"] for row in aside}, plan.rounded))
        work.progress(source.source, seen, opened.total)
    if seen == 0:
        raise empty(path)
    if not repaired:
        _refuse_if_the_mapping_is_at_fault(source, path, done)
    stop_if(work.cancelled)
    if keys.may_repeat():
        _once(work, source, opened.piece, table, load, done)
    stop_if(work.cancelled)
    return done


def _refuse_if_the_mapping_is_at_fault(source: SourceDef, path: str, done: Filled) -> None:
    """Refuse a file that could be loaded and whose rows are nearly all set aside, for one reason and column."""
    for (reason, column), count in done.checked.most_common(1):
        if count <= MOST or count < done.read * NEARLY_ALL:
            return
        row, value = done.first[reason, column]
        raise UnreadableSource(
            "rejected",
            path,
            f"{path}: {count:,} of {done.read:,} rows are rejected by column {column!r} ({reason}), first row {row}"
            f" with the value {value!r}.",
            hint=f"Look at the mapping of source {source.source!r}: it does not fit the file."
            " Nothing of it was loaded.",
            place=source.place,
        )


def _set_aside(
    work: Work,
    source: SourceDef,
    opened: Opened,
    rows: pa.Table,
    numbers: pa.Array,
    inputs: dict[str, Any],
    over: Mapping[int, str],
) -> list[dict[str, Any]]:
    """Rejects of the rows of a chunk that cannot be computed."""
    found: list[dict[str, Any]] = []
    for column in dict.fromkeys(over.values()):
        mine = pc.is_in(numbers, value_set=pa.array([n for n, name in over.items() if name == column], pa.int64()))
        these, which = rows.filter(mine), numbers.filter(mine)
        if these.num_rows:
            plan = _plan(work, without(source, column), opened.plan.raw, opened.piece.path)
            failed = work.engine.query(plan.bad(), inputs={**inputs, "raw": prepare(these, which, plan.prepared)})
            found += too_large(plan, column, failed, these, which)
    return found


def _plan(work: Work, source: SourceDef, types: Mapping[str, Type], path: str) -> RowPlan:
    dialect, zone = work.engine.dialect, work.zone
    return row_plan(source, work.subjects, work.references, types, dialect, zone=zone, path=path, now=work.now)


def _insert(engine: Engine, source: SourceDef, opened: Opened, table: Table, load: int, inputs: dict[str, Any]) -> int:
    try:
        return engine.insert(table.name, opened.plan.good(load), inputs=inputs)
    except InvalidInput as error:
        raise Uncomputable(error, source, opened.piece.path, opened.plan, dict(inputs)) from error


def _keys_seen(source: SourceDef, opened: Opened, table: Table) -> KeysSeen:
    kept = key_columns(source)
    # A raw text kept as a key of its own is compared as it stands; anything else by its type in the table.
    return KeysSeen(
        list(kept), [opened.plan.raw[name] for name in kept], [table.column(name).type for name in kept.values()]
    )


def _chunks(opened: Opened, size: int) -> Iterator[tuple[pa.Table, pa.Array, list[BadRow]]]:
    waiting: list[Batch] = []

    def gathered() -> tuple[pa.Table, pa.Array, list[BadRow]]:
        rows = pa.Table.from_batches([batch.rows for batch in waiting]).unify_dictionaries()
        for name in opened.absent:
            rows = rows.append_column(name, pa.nulls(rows.num_rows, pa.string()))
        return rows, pa.concat_arrays([b.numbers for b in waiting]), [bad for b in waiting for bad in b.bad]

    for batch in opened.batches:
        waiting.append(batch)
        if sum(b.rows.num_rows + len(b.bad) for b in waiting) >= size:
            yield gathered()
            waiting = []
    if waiting:
        yield gathered()


def _look_up(work: Work, found: Found) -> pa.Table:
    """Carry out a time lookup and turn its dates and wall-clock times into instants."""
    rows = work.engine.query(found.plan)
    values = rows.column("__v").combine_chunks()
    target = found.name.removeprefix("found_")
    how = how_of(target, found.time)
    # A stored instant is in UTC already; what is only a date is a day in the zone.
    zone = (found.time.zone or work.zone) if how != "instant" or found.type.name == "date" else "UTC"
    instants = prepared(values, Prepared("v", "v", how, zone, None))
    return rows.set_column(rows.schema.get_field_index("__v"), "__v", instants)


def _who(work: Work, source: SourceDef, role: str, combined: pa.Table, load: int) -> pa.Table:
    if work.resolver is None:
        raise InvalidDefinition(
            f"Source {source.source!r} names members by identifiers, and nobody resolves them.",
            hint="Give `ingest` a resolver: gongbi.identity.run.Identities.",
            place=source.place,
        )
    answer = work.resolver.resolve(source, role, combined, load)
    kinds = {name: f"__i{i}" for i, name in enumerate(combined.column_names)}
    return answer.rename_columns([kinds.get(name, f"__{name}") for name in answer.column_names])


def _once(work: Work, source: SourceDef, piece: Piece, table: Table, load: int, done: Filled) -> None:
    """Keep one row per key: the same content again is counted, other content is set aside."""
    engine = work.engine
    if not engine.query(has_twice(table, load, engine.dialect)).num_rows:
        return
    engine.create(twice_table(), replace=True)
    count = engine.insert(TWICE, twice(table, load, engine.dialect))
    other = engine.query(f"select __row from {TWICE} where not __repeated order by __row")["__row"].to_pylist()
    engine.delete(table.name, is_twice(load, engine.dialect))
    engine.drop(TWICE)
    aside = rejects.same_key(piece, source.key, other) if other else []
    rejects.set_aside(engine, aside, load=load, source=source.source, path=piece.path)
    done.good -= count
    done.repeated += count - len(other)
    done.rejected.update(row["reason"] for row in aside)


def settle_load(work: Work, table: Table, load: int, before: Entry | None) -> tuple[int, int]:
    """Let a load's rows take the place of others'; return how many it replaced and superseded."""
    engine = work.engine
    names = (table.name, f"superseded_{table.name}")
    ident = engine.dialect.ident
    others = sum(
        _count(engine, f"select count(*) as n from {ident(n)} where {ident('_load')} <> {load}") for n in names
    )
    if not others:
        return 0, 0
    replaced = work.ledger.replaced([table.name])
    gone = 0
    if before is not None:
        replaced[before.load] = load
        gone = sum(
            _count(engine, f"select count(*) as n from {ident(n)} where {ident('_load')} = {before.load}")
            for n in names
        )
    engine_keys = keys_of(table, [load, before.load], engine.dialect) if before else None
    touched = touch(engine, table, engine_keys or shared_keys(table, load, engine.dialect))
    if not touched:
        forget(engine)
        return 0, 0
    mine = f"{ident('_load')} in ({load}{f', {before.load}' if before else ''})"
    live = f"select count(*) as n from {ident(table.name)} where {is_touched(table, engine.dialect)} and not ({mine})"
    superseded = _count(engine, live)
    settle(engine, table, replaced)
    return gone, superseded


def _count(engine: Engine, sql: str) -> int:
    return int(engine.value(sql))


def identifier_types(subjects: Mapping[str, SubjectDef], source: SourceDef) -> dict[str, dict[str, str]]:
    """Subject that a source names → ``key`` and its identifiers → their types: how a load read who is meant."""
    found: dict[str, dict[str, str]] = {}
    for name, _ in roles(source).values():
        subject = subject_of(subjects, name, source)
        found[name] = {"key": subject.key, **{kind: one.type for kind, one in subject.identifiers.items()}}
    return found


def entry_of(
    work: Work, source: SourceDef, opened: Opened, load: int, sha256: str, report: LoadReport, **more: Any
) -> Entry:
    """What the engine remembers of a load."""
    piece = opened.piece
    # A file written a moment ago may change again within the same tick of its clock.
    trusted = piece.modified and time.time_ns() - piece.modified > _TRUSTED_AFTER
    details = {
        "mapping": to_json(source),
        "zone": work.zone,
        "references": work.reference_loads(source),
        "identifiers": identifier_types(work.subjects, source),
        "columns": dict(opened.columns),
        "report": asdict(report),
        **more,
    }
    target = target_table(source, work.subjects).name
    return Entry(
        load,
        source.source,
        piece.path,
        target,
        sha256,
        piece.size,
        piece.modified if trusted else 0,
        "loaded",
        None,
        details,
    )


def report_of(
    work: Work, source: SourceDef, opened: Opened, table: Table, load: int, done: Filled, moved: tuple[int, int]
) -> LoadReport:
    """Count what a report tells of a load that is in."""
    engine = work.engine
    counted = signs(source, table, load, engine.dialect)
    found = engine.query(counted).to_pylist()[0] if counted else {}
    money = money_columns(source)
    query = unmatched(source, work.subjects, work.describing, engine.dialect, load=load) if source.fact else None
    return LoadReport(
        source.source,
        opened.piece.path,
        "loaded",
        load,
        done.read,
        done.good,
        done.repeated,
        dict(done.rejected),
        *moved,
        unmatched={k: v for k, v in (engine.query(query).to_pylist()[0] if query else {}).items() if v},
        negative={name: found[f"n{i}"] for i, name in enumerate(money) if found[f"n{i}"]},
        zero={name: found[f"z{i}"] for i, name in enumerate(money) if found[f"z{i}"]},
        rounded=dict(done.rounded),
        schema_changes=opened.changes,
    )


def load_piece(
    work: Work, source: SourceDef, piece: Piece, *, again: bool = False, repaired: bool = False
) -> LoadReport:
    """Load a piece unless its content is there; a piece that cannot be loaded is reported and changes nothing.

    With `again`, content that was undone by hand is loaded once more; with `repaired`, it is a file of mended rejects.
    """
    started = time.perf_counter()
    ledger, path = work.ledger, piece.path
    before = ledger.active(source.source, path)
    if before and before.modified and (before.size, before.modified) == (piece.size, piece.modified):
        return LoadReport(source.source, path, "unchanged", before.load)
    try:
        sha256 = piece.digest()
    except OSError as error:
        problem = UnreadableSource("unreadable", path, f"{path} cannot be read: {error.strerror or error}.")
        return LoadReport(source.source, path, "failed", problem=problem.to_json())
    if before and before.sha256 == sha256:
        if piece.modified and time.time_ns() - piece.modified > _TRUSTED_AFTER:
            ledger.put(replace(before, size=piece.size, modified=piece.modified))
        return LoadReport(source.source, path, "unchanged", before.load)
    undone = [e for e in ledger.loads("undone") if (e.source, e.path, e.sha256) == (source.source, path, sha256)]
    if undone and not again:
        return LoadReport(source.source, path, "undone", undone[-1].load)
    load = work.record.start(source.source, path, sha256=sha256, size=piece.size, now=work.present()).id
    try:
        entry, report = retried(work, lambda: _load(work, source, piece, load, sha256, before, repaired=repaired))
    except UnreadableSource as error:
        ledger.refresh()
        work.record.fail(load, error.to_json(), work.present())
        seconds = time.perf_counter() - started
        return LoadReport(source.source, path, "failed", load, seconds=seconds, problem=error.to_json())
    except BaseException as error:
        put_on_record(work, [load], error)
        raise
    work.record.finish(load, now=work.present(), **figures(entry))
    return replace(report, seconds=time.perf_counter() - started)


def put_on_record(work: Work, loads: Sequence[int], error: BaseException) -> None:
    """Note that loads ended with an error, which its caller raises on.

    The error that ended them is the one to be told, so one of the record itself is added to it as a note. The loads
    stay `loading` then, and become `failed` when the workspace is opened the next time (see `ledger.repair`).
    """
    told = error.to_json() if isinstance(error, GongbiError) else {"code": type(error).__name__, "message": str(error)}
    try:
        work.ledger.refresh()
        for load in loads:
            work.record.fail(load, told, work.present())
    except Exception as second:  # noqa: BLE001  whatever it is, it must not hide the first
        error.add_note(f"That load {', '.join(map(str, loads))} failed could not be put on record: {second}")


def retried(work: Work, carry_out: Callable[[], T]) -> T:
    """Carry out a transaction; where values cannot be computed, again without their rows, until the rest is in."""
    work.overflowing.clear()
    while True:
        try:
            return carry_out()
        except Uncomputable as refused:
            work.ledger.refresh()
            try:
                found = overflowing(work.engine, refused)
            except UnreadableSource as error:
                raise error from refused.error
            work.overflowing.setdefault((refused.source.source, refused.path), {}).update(found)


def _load(
    work: Work, source: SourceDef, piece: Piece, load: int, sha256: str, before: Entry | None, *, repaired: bool
) -> tuple[Entry, LoadReport]:
    opened = open_piece(work, source, piece, compare=not repaired)
    table = target_table(source, work.subjects)
    with work.engine.transaction():
        done = fill(work, source, opened, table, load, repaired=repaired)
        moved = settle_load(work, table, load, before)
        merged = work.resolver.settle(source, load, work.now) if work.resolver and opened.plan.identifiers else 0
        report = replace(report_of(work, source, opened, table, load, done, moved), merged=merged)
        if before is not None:
            work.ledger.change(before.load, "replaced", replaced_by=load)
        more = {"repaired": to_json(source)["from"], "mends": _mends(work, source, piece)} if repaired else {}
        entry = entry_of(work, source, opened, load, sha256, report, **more)
        work.ledger.put(entry)
        settle_rejects(work, source.source)
        if repaired:
            report = replace(report, repaired=rejects.repaired_by(work.engine, load))
            entry = replace(entry, details={**entry.details, "report": asdict(report)})
            work.ledger.put(entry)
    return entry, report


def _mends(work: Work, source: SourceDef, piece: Piece) -> list[rejects.Mend]:
    entries = (entry for entry in work.ledger.loads() if entry.source == source.source)
    before = (mend for entry in entries for mend in entry.details.get("mends", ()))
    return rejects.mends(work.engine, piece, before)


def settle_rejects(work: Work, source: str) -> None:
    """After the loads of a source have changed: say which of its rejects wait. Inside the caller's transaction."""
    entries = [e for e in work.ledger.loads("loaded", "replaced") if e.source == source]
    replaced = {e.load: e.replaced_by for e in entries if e.status == "replaced" and e.replaced_by is not None}
    mended = {e.load: e.details["mends"] for e in entries if e.status == "loaded" and "mends" in e.details}
    rejects.settle(work.engine, source, replaced, mended)
