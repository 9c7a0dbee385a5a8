"""Train a model and keep its scores, whatever its kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from typing import Any

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
from gongbi.models.scoring import OfTags, scored_there
from gongbi.models.tables import score_table


def learn(work: Work, champion: Version | None = None) -> Trained:
    """Learn, and judge on what was not learned from; see the kinds."""
    return KINDS[work.model.estimator].train(work, champion)


def scored(work: Work, artifact: Mapping[str, Any], seen: drift.Seen | None = None) -> Iterator[dict[str, Any]]:
    """Columns of scores by a kept model, page by page, without keeping them."""
    return KINDS[work.model.estimator].scores(work, artifact, seen)


def write_scores(
    work: Work, artifact: Mapping[str, Any], then: Mapping[str, Any] | None = None
) -> tuple[int, dict[str, Any] | None]:
    """Score members as of an instant with a kept model and replace its score table; return how many, and the drift.

    With `then`, the reference of a training, the drift since it is measured.
    """
    seen, kind = drift.Seen(then) if then else None, KINDS[work.model.estimator]
    engine, table, written = work.engine, score_table(work.model, work.catalog.world), 0
    instant = work.as_of.astimezone(UTC).replace(tzinfo=None)
    with engine.transaction():
        engine.create(table, replace=True)
        if isinstance(kind, OfTags) and engine.capabilities.maps:
            written = scored_there(work, kind, artifact, seen)
            parts: Iterator[dict[str, Any]] = iter(())
        elif isinstance(kind, Texts):
            parts = iter([kind.of_members(work, _write_said(work, kind.said(work, artifact)))])
        else:
            parts = kind.scores(work, artifact, seen)
        for columns in parts:
            instants = pa.array([instant] * len(columns["id"]), pa.timestamp("us"))
            written += engine.append(table.name, pa.table({**columns, "as_of": instants}))
    return written, seen.drift() if seen is not None else None


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
