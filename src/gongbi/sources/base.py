"""Words of the stage: problems, loads, reports, and the ports that ingest asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, TypedDict, Unpack

import pyarrow as pa

from gongbi.catalog.base import SourceDef
from gongbi.errors import Cancelled, Place, SourceProblem

#: Why a row was set aside. Stable: they are stored, counted and translated.
REASONS: Mapping[str, str] = {
    "wrong_field_count": "The line has more or fewer fields than the header.",
    "truncated": "The file ends in the middle of this row.",
    "unclosed_quote": "A quotation mark in this line is never closed.",
    "not_json": "The line is not a JSON object.",
    "wrong_type": "The value cannot be read as the column's type.",
    "missing_value": "A required value or a part of the key is absent.",
    "too_large": "The number has more digits than a value of the column's type can have.",
    "future": "The time lies more than a day after the load, and the mapping does not say `future: accept`.",
    "ends_before_start": "The end comes before the start.",
    "out_of_range": "The value is below `min` or above `max`.",
    "not_allowed": "The value is not among `values`.",
    "negative_amount": "The amount is negative and the mapping says `sign: positive`.",
    "duplicate_key": "Another row of the same file has this key and other content; the first was kept.",
    "unknown_member": "No member is called so; of values that a file gives to members.",
}

Trouble = Literal[
    "missing_file",
    "unreadable",
    "empty",
    "wrong_encoding",
    "truncated",
    "missing_column",
    "schema_changed",
    "wrong_type",
    "not_computed",
    "rejected",
    "mapping_changed",
]


class UnreadableSource(SourceProblem):
    """A file, table or query cannot be loaded as a whole; what was loaded before stays as it is.

    Attributes
    ----------
    trouble
        Which of a few kinds it is, for programs.
    path
        File, package table or query.
    """

    def __init__(
        self, trouble: Trouble, path: str, message: str, *, hint: str | None = None, place: Place | None = None
    ) -> None:
        super().__init__(message, hint=hint, place=place)
        self.trouble: Trouble = trouble
        self.path = path

    def to_json(self) -> dict[str, Any]:
        """Return what the doors print, with `trouble` and `path`."""
        return {**super().to_json(), "trouble": self.trouble, "path": self.path}


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that could not even be split into columns."""

    row: int
    reason: str
    value: str
    raw: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of a file: `rows` has the raw columns; `numbers` their row numbers, from 1; `bad` those set aside."""

    rows: pa.RecordBatch
    numbers: pa.Array
    bad: tuple[BadRow, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What became of one file, package table or query. `read` = good + rejected + repeated.

    Attributes
    ----------
    outcome
        ``loaded``; ``unchanged``: the same content is there; ``undone``: it was there and taken out by hand;
        ``failed``: see `problem`, what was there before stays.
    replaced
        Rows of the earlier load of this path that went away.
    superseded
        Rows of other loads whose key came again.
    unmatched
        Column that names a member → rows whose member nobody describes.
    negative, zero
        Money column → rows.
    rounded
        Column → rows whose value had more digits after the point than the column keeps.
    schema_changes
        How the columns differ from those of the source's load before.
    """

    source: str
    path: str
    outcome: Literal["loaded", "unchanged", "undone", "failed"]
    load: int | None = None
    read: int = 0
    good: int = 0
    repeated: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    replaced: int = 0
    superseded: int = 0
    unmatched: Mapping[str, int] = field(default_factory=dict)
    negative: Mapping[str, int] = field(default_factory=dict)
    zero: Mapping[str, int] = field(default_factory=dict)
    rounded: Mapping[str, int] = field(default_factory=dict)
    schema_changes: tuple[Mapping[str, str], ...] = ()
    merged: int = 0
    repaired: int = 0
    seconds: float = 0.0
    problem: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an ingest did, and what is there now.

    Attributes
    ----------
    loads
        One for each file, in the order in which they were taken.
    facts
        Fact → rows that are there now.
    unmatched
        Fact → column → rows whose member nobody describes; members that identity resolves are not counted.
    mixed
        Derived fact → column → groups with several values, where the smallest was taken.
    members
        Subject → members.
    seconds
        Stage → seconds.
    lost
        ``source``, ``path`` and ``load`` of files whose rows are in and that are not there any more.
    """

    loads: tuple[LoadReport, ...]
    facts: Mapping[str, int]
    unmatched: Mapping[str, Mapping[str, int]]
    mixed: Mapping[str, Mapping[str, int]]
    members: Mapping[str, int]
    changed: bool
    seconds: Mapping[str, float]
    lost: tuple[Mapping[str, Any], ...] = ()

    @property
    def problems(self) -> tuple[LoadReport, ...]:
        """Loads that failed."""
        return tuple(load for load in self.loads if load.outcome == "failed")

    @property
    def rejects(self) -> dict[str, int]:
        """Reason → rows set aside by this ingest."""
        found: dict[str, int] = {}
        for load in self.loads:
            for reason, count in load.rejected.items():
                found[reason] = found.get(reason, 0) + count
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON data."""
        return {**asdict(self), "loads": [asdict(load) for load in self.loads], "rejects": self.rejects}


Progress = Callable[[str, int, int | None], None]
IsCancelled = Callable[[], bool]


def no_progress(_stage: str, _done: int, _total: int | None) -> None:
    """Tell nobody."""


def never() -> bool:
    """Nobody cancels."""
    return False


def stop_if(cancelled: IsCancelled) -> None:
    """Raise `Cancelled` when the caller asked for it."""
    if cancelled():
        raise Cancelled("Ingest was stopped; the file under way was not loaded.", hint="Run it again to go on.")


class LoadRow(Protocol):
    """What ingest reads of a load on record."""

    @property
    def id(self) -> int: ...
    @property
    def source(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def status(self) -> str: ...


class Figures(TypedDict):
    """What is put on record of a finished load; what each is, `store.loads.Load` says."""

    rows_read: int
    rows_good: int
    rows_rejected: int
    rows_repeated: int
    rows_unmatched: Mapping[str, int]
    rows_replaced: int
    schema: Mapping[str, Any]
    schema_changes: Sequence[Any]


class LoadRecord(Protocol):
    """Where loads are put on record: `store.loads`.

    The engine's own table `loaded` is the truth of what is in; this record follows it (see `sources.ledger.repair`).
    """

    def start(
        self, source: str, path: str, *, sha256: str, size: int, now: datetime, mapping_version: int | None = None
    ) -> LoadRow:
        """Put a load on record as `loading` and give it an id that is never given again."""
        ...

    def finish(self, load_id: int, *, now: datetime, **figures: Unpack[Figures]) -> LoadRow:
        """Make it `loaded`, and the one before it of the same source and path `replaced`."""
        ...

    def fail(self, load_id: int, error: Mapping[str, Any], now: datetime) -> LoadRow:
        """Mark a load that was `loading` as `failed`."""
        ...

    def undo(self, load_id: int) -> LoadRow:
        """Mark a load that was `loaded` as `undone`."""
        ...

    def restore(self, load_id: int) -> LoadRow:
        """Mark a load that was `replaced` as `loaded` again."""
        ...

    def get(self, load_id: int) -> LoadRow:
        """Return one load."""
        ...

    def list(self) -> Sequence[LoadRow]:
        """Return all loads, newest first."""
        ...


class Resolver(Protocol):
    """Turns identifiers into members; `identity.run.Identities` is the one. Called inside the load's transaction."""

    def prepare(self) -> None:
        """Create the tables that it keeps, where they are missing."""
        ...

    def resolve(self, source: SourceDef, role: str, identifiers: pa.Table, load: int) -> pa.Table:
        """Say whom rows name; `role` is the column of the target that will hold the id.

        `identifiers` has one row per distinct combination and the kinds of identifier as columns, null where a row had
        none. The answer is the same rows with `own`, the id that the row alone gives, and `id`, the member.
        """
        ...

    def settle(self, source: SourceDef, load: int, now: datetime) -> int:
        """After the last row of a load: unite what its records have joined, everywhere; return how many merged."""
        ...

    def forget(self, source: SourceDef, loads: Sequence[int], now: datetime) -> None:
        """Take back what only these loads had said."""
        ...
