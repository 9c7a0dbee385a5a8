"""Models that score members one by one from their tags, and what carries them over everybody.

An engine that `maps` scores in its own processes; from any other, members come here page by page.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from gongbi.catalog.base import ModelDef
from gongbi.catalog.catalog import Catalog
from gongbi.core.expr import Expr
from gongbi.core.plan import Plan
from gongbi.core.table import Column, Table
from gongbi.core.types import TEXT, Type
from gongbi.models import drift
from gongbi.models import plan as plans
from gongbi.models.features import feature_frame
from gongbi.models.propensity import microseconds
from gongbi.models.reading import Work, scored_pages

#: Columns of scores, ``id`` among them.
Columns = dict[str, Any]


class OfTags:
    """A kind whose score of a member follows from that member's tags alone."""

    #: The column whose drift is followed; None where none is.
    FOLLOWED: ClassVar[str | None] = None

    def wake(self, artifact: Mapping[str, Any]) -> Any:
        """The model that was kept."""
        raise NotImplementedError

    def reads(self, kept: Any) -> Sequence[str]:
        """The tags that it learned from, which an edited definition may not name any more."""
        raise NotImplementedError

    def asks(self, model: ModelDef, catalog: Catalog) -> Mapping[str, Expr]:  # noqa: ARG002
        """What else it reads of a member, by names that no tag has."""
        return {}

    def say(self, kept: Any, frame: Any) -> Columns:
        """Columns of scores but the id, for the rows of a frame of those tags and of what else it asks."""
        raise NotImplementedError

    def scores(self, work: Work, artifact: Mapping[str, Any], seen: drift.Seen | None) -> Iterator[Columns]:
        """Score page by page."""
        kept = self.wake(artifact)
        for rows, frame in scored_pages(work, self.reads(kept), self.asks(work.model, work.catalog)):
            said = self.say(kept, frame)
            if seen is not None and self.FOLLOWED is not None:
                seen.add(frame, said[self.FOLLOWED].to_numpy(zero_copy_only=False))
            yield {"id": rows["id"], **said}


@dataclass(frozen=True)
class Scorer:
    """Rows of members in, rows of the score table out. It is sent to other processes, where its model wakes up once."""

    kind: OfTags
    artifact: Mapping[str, Any]
    types: Mapping[str, Type]
    as_of: datetime
    beside: Mapping[str, Type]

    @cached_property
    def kept(self) -> Any:
        """The model, once per process."""
        return self.kind.wake(self.artifact)

    def frame(self, rows: pa.Table) -> Any:
        """What the model reads of some members."""
        types = {name: self.types[name] for name in self.kind.reads(self.kept)}
        return feature_frame(rows, types, microseconds(self.as_of), self.beside)

    def __call__(self, rows: pa.Table) -> pa.Table:
        """Score some members."""
        instant = self.as_of.astimezone(UTC).replace(tzinfo=None)
        instants = pa.array([instant] * len(rows), pa.timestamp("us"))
        return pa.table({"id": rows["id"], **self.kind.say(self.kept, self.frame(rows)), "as_of": instants})


@dataclass(frozen=True)
class Counter:
    """Scored rows in, one row out: how many fell into which bin of a training's reference, as JSON."""

    scorer: Scorer
    then: Mapping[str, Any]

    def __call__(self, rows: pa.Table) -> pa.Table:
        """Count some members."""
        seen = drift.Seen(self.then)
        seen.add(self.scorer.frame(rows), np.asarray(rows["_score"].to_numpy(zero_copy_only=False), dtype=np.float64))
        return pa.table({"counts": [json.dumps(seen.counts())]})


def score_into(
    table: str, work: Work, kind: OfTags, artifact: Mapping[str, Any], seen: drift.Seen | None = None
) -> int:
    """Score members into a table that is there; return how many.

    An engine that maps scores in its own processes. With `seen`, it is shown whom was scored, for the drift.
    """
    if work.engine.capabilities.maps:
        return _scored_there(table, work, kind, artifact, seen)
    return sum(append_scores(table, work, columns) for columns in kind.scores(work, artifact, seen))


def append_scores(table: str, work: Work, columns: Columns) -> int:
    """Append columns of scores with their instant; return how many rows."""
    instant = work.as_of.astimezone(UTC).replace(tzinfo=None)
    instants = pa.array([instant] * len(columns["id"]), pa.timestamp("us"))
    return work.engine.append(table, pa.table({**columns, "as_of": instants}))


def _scored_there(table: str, work: Work, kind: OfTags, artifact: Mapping[str, Any], seen: drift.Seen | None) -> int:
    """As `score_into`, in the engine's own processes, which also count what they scored."""
    engine, model = work.engine, work.model
    passing, counted = f"_{table}_rows", f"_{table}_counts"
    names, known = kind.reads(kind.wake(artifact)), work.catalog.world.tags_of(model.subject)
    asked = kind.asks(model, work.catalog)
    beside = {name: expr.type for name, expr in asked.items()}
    scorer = Scorer(kind, dict(artifact), {name: known[name] for name in names}, work.as_of, beside)
    engine.build(plans.scored_plan(model, names, work.catalog, engine.dialect, work.as_of, work.built, asked), passing)
    read, scores = engine.dialect.ident(passing), engine.dialect.ident(table)
    try:
        written = engine.insert_mapped(table, Plan().then("_rows", f"select * from {read}"), scorer)
        if seen is not None and kind.FOLLOWED is not None:
            score = engine.dialect.ident(kind.FOLLOWED)
            both = f"select r.*, s.{score} as _score from {read} as r join {scores} as s on s.id = r.id"
            engine.create(Table(counted, (Column("counts", TEXT),), grain="one row per batch"), replace=True)
            engine.insert_mapped(counted, Plan().then("_scored", both), Counter(scorer, seen.then))
            for one in engine.query(f"select counts from {engine.dialect.ident(counted)}")["counts"].to_pylist():
                seen.merge(json.loads(one))
    finally:
        engine.drop(passing)
        engine.drop(counted)
    return written
