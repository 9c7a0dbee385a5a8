"""Train a model and keep its scores, whatever its kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from typing import Any, NamedTuple

import pyarrow as pa

from gongbi.catalog.base import ModelDef
from gongbi.catalog.history import change_table
from gongbi.core.types import TEXT
from gongbi.errors import InvalidInput
from gongbi.models import drift
from gongbi.models.base import Trained, Version
from gongbi.models.cohorts import derived, facts_of, target_of
from gongbi.models.kinds import INCOMPARABLE, KINDS, Texts
from gongbi.models.reading import Work
from gongbi.models.scoring import OfTags, append_scores, score_into
from gongbi.models.tables import score_table
from gongbi.models.trends import score_twice


def learn(work: Work, champion: Version | None = None) -> Trained:
    """Learn, and judge on what was not learned from; see the kinds."""
    return KINDS[work.model.estimator].train(work, champion)


def scored(work: Work, artifact: Mapping[str, Any], seen: drift.Seen | None = None) -> Iterator[dict[str, Any]]:
    """Columns of scores by a kept model, page by page, without keeping them."""
    return KINDS[work.model.estimator].scores(work, artifact, seen)


class Written(NamedTuple):
    """What a scoring wrote: how many rows, the drift since the training, and how many chances rise and fall."""

    rows: int
    drift: dict[str, Any] | None
    trend: dict[str, Any] | None


def write_scores(work: Work, artifact: Mapping[str, Any], then: Mapping[str, Any] | None = None) -> Written:
    """Score members as of an instant with a kept model and replace its score table.

    With `then`, the reference of a training, the drift since it is measured.
    """
    seen, kind = drift.Seen(then) if then else None, KINDS[work.model.estimator]
    table, trend = score_table(work.model, work.catalog.world), None
    with work.engine.transaction():
        work.engine.create(table, replace=True)
        if isinstance(kind, OfTags) and work.model.trend_days:
            rows, trend = score_twice(table, work, kind, artifact, seen)
        elif isinstance(kind, OfTags):
            rows = score_into(table.name, work, kind, artifact, seen)
        elif isinstance(kind, Texts):
            said = _write_said(work, kind.said(work, artifact))
            rows = append_scores(table.name, work, kind.of_members(work, said))
        else:
            rows = sum(append_scores(table.name, work, part) for part in kind.scores(work, artifact, seen))
    return Written(rows, seen.drift() if seen is not None else None, trend)


def _write_said(work: Work, said: pa.Table) -> pa.Table:
    """Replace the fact that a model of texts writes; return its rows."""
    fact = work.catalog.world.fact(f"{work.model.model}_said")
    table = change_table(fact)
    rows = said.rename_columns([work.model.subject if name == "id" else name for name in said.column_names])
    work.engine.create(table, replace=True)
    # What an edited definition asks for and this version does not know stays absent.
    there = set(rows.column_names)
    for column in table.columns:
        if column.name not in there:
            rows = rows.append_column(
                column.name, pa.nulls(len(rows), pa.string() if column.type == TEXT else pa.float64())
            )
    work.engine.append(table.name, rows.select([column.name for column in table.columns]))
    return said


def with_cohorts(work: Work) -> ModelDef:
    """The model with the cohorts that follow from its target and the instant; as it is where it has its own."""
    engine, model, catalog, as_of = work.engine, work.model, work.catalog, work.as_of
    if model.target is None:
        return model
    there = set(engine.tables())
    facts = facts_of(target_of(model, catalog), catalog, model.subject)
    tables = [fact.table for fact in map(catalog.world.fact, sorted(facts)) if fact.table in there]
    begin = None
    for table in tables:
        first = engine.query(f"select min(ts) as ts from {engine.dialect.ident(table)}")["ts"][0].as_py()
        if first is not None:
            first = first.replace(tzinfo=UTC)
            begin = first if begin is None else min(begin, first)
    return derived(model, catalog, as_of, begin)


def check_comparable(model: ModelDef) -> None:
    """Refuse a kind of model whose versions no outcome tells apart, with the reason."""
    if model.label is None and (why := INCOMPARABLE.get(model.estimator)) is not None:
        raise InvalidInput(f"Versions of a model of {model.estimator} are not compared.", hint=why)


def challenged(work: Work, versions: Sequence[Version]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Look at kept versions side by side on the newest outcome that is known; see `kinds.Compared`."""
    check_comparable(work.model)
    compare = KINDS[work.model.estimator].compare
    assert compare is not None
    return compare(work, versions)
