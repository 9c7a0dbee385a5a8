"""What an ingest works with, from its first file to its last."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from gongbi.catalog.base import SourceDef, SubjectDef
from gongbi.catalog.tables import attribute_table_name
from gongbi.engine.base import Engine
from gongbi.sources.base import IsCancelled, LoadRecord, Progress, Resolver, never, no_progress
from gongbi.sources.ledger import Ledger

ROWS_PER_CHUNK = 1_500_000


@dataclass(slots=True)
class Work:
    """What an ingest works with; inside `with`, all of it is there."""

    engine: Engine
    record: LoadRecord
    sources: Mapping[str, SourceDef]
    subjects: Mapping[str, SubjectDef]
    root: Path
    zone: str
    now: datetime
    resolver: Resolver | None = None
    progress: Progress = no_progress
    cancelled: IsCancelled = never
    rows_per_chunk: int = ROWS_PER_CHUNK
    #: Source and path → rows that cannot be computed, with the column at fault; found when the file was tried before.
    overflowing: dict[tuple[str, str], dict[int, str]] = field(default_factory=dict)
    #: What is closed at the end.
    resources: ExitStack = field(init=False, default_factory=ExitStack)
    ledger: Ledger = field(init=False)

    started: float = field(init=False, default_factory=time.monotonic)

    def present(self) -> datetime:
        """The instant by now, for the record: `now`, and what has gone by since; one file takes longer than another."""
        return self.now + timedelta(seconds=time.monotonic() - self.started)

    def __enter__(self) -> Self:
        if self.resolver is not None:
            self.resolver.prepare()
        self.ledger = Ledger(self.engine)
        return self

    def __exit__(self, *error: object) -> None:
        self.resources.close()

    @property
    def references(self) -> dict[str, SourceDef]:
        """Reference → the source that fills it."""
        return {s.reference: s for s in self.sources.values() if s.reference is not None}

    @property
    def describing(self) -> dict[str, list[str]]:
        """Subject → tables that describe its members."""
        found: dict[str, list[str]] = {}
        for source in self.sources.values():
            if source.attributes is not None:
                found.setdefault(source.attributes, []).append(attribute_table_name(source.source))
        return found

    def reference_loads(self, source: SourceDef) -> dict[str, list[int]]:
        """Reference that a source looks up → the loads that it holds now."""
        lookups = [m.lookup for m in source.columns.values()]
        lookups += [t.lookup for t in (source.time, source.valid_from, source.valid_to) if t is not None]
        names = {lookup.reference for lookup in lookups if lookup is not None}
        filled = {name: self.references[name].source for name in sorted(names) if name in self.references}
        loads = self.ledger.loads("loaded")
        return {name: [e.load for e in loads if e.source == source_] for name, source_ in filled.items()}
