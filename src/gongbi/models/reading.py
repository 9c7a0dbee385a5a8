"""What models are given of an engine: cohorts to learn from, members page by page, rows of facts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gongbi.catalog.base import ModelDef
from gongbi.catalog.catalog import Catalog
from gongbi.catalog.tables import member_table
from gongbi.core.clock import local_date
from gongbi.core.compiler import Stored
from gongbi.core.expr import Expr
from gongbi.core.plan import Plan
from gongbi.core.types import Type
from gongbi.engine import Engine
from gongbi.errors import InvalidInput, NotYet
from gongbi.estimators.checks import FloatArray
from gongbi.estimators.propensity import OnFold
from gongbi.models import plan as plans
from gongbi.models import propensity
from gongbi.models.base import CohortPlans
from gongbi.models.cohorts import sensitive_tags
from gongbi.models.features import amounts, feature_frame
from gongbi.models.tables import score_table_name

OnStage = Callable[[str], None]
#: Of a larger cohort a sample of so many members is learned from, or tested on: 100 tags of them are 240 MB.
MOST_ROWS = 300_000
#: So many members are scored at a time.
PAGE = 200_000


def _unwatched(stage: str) -> None:
    """Nobody wants to know which stage begins."""


@dataclass(frozen=True)
class Work:
    """A training or a scoring: of which model, on which engine, as of when.

    Attributes
    ----------
    built
        Where tags of that very instant are kept, so that they need not be computed again.
    stage, on_fold
        Told which stage begins, and which of how many folds is being learned from within it.
    """

    engine: Engine
    model: ModelDef
    catalog: Catalog
    as_of: datetime
    built: Mapping[str, Stored] = field(default_factory=lambda: MappingProxyType({}))
    stage: OnStage = _unwatched
    on_fold: OnFold | None = None


def feature_types(work: Work) -> dict[str, Type]:
    """Features and their types, in the order in which they are learned from."""
    types = work.catalog.world.tags_of(work.model.subject)
    return {name: types[name] for name in plans.feature_names(work.model, work.catalog)}


def planned_cohorts(work: Work, also: Iterable[str] = ()) -> list[CohortPlans]:
    """The plans of the cohorts to learn from, then of those to judge by; the tags `also` are read beside the features.

    Raises
    ------
    NotYet
        The outcome of a cohort is not known by the instant.
    InvalidDefinition
        What one teaches lies after the instant of another.
    """
    model, catalog, zone = work.model, work.catalog, work.catalog.world.zone
    given = [*((c, "train") for c in model.train), *((c, "test") for c in model.test)]
    cohorts = [plans.cohort_plans(model, cohort, role, catalog, work.engine.dialect, also) for cohort, role in given]
    plans.check_order(cohorts, zone)
    for cohort in cohorts:
        if cohort.matures > work.as_of:
            raise NotYet(
                f"The outcome of cohort {cohort.name!r} is known on {local_date(cohort.matures, zone)},"
                f" after {local_date(work.as_of, zone)}.",
                hint="Train as of a later instant, or take the cohort out.",
            )
    return cohorts


def read_cohorts(
    work: Work, cohorts: Sequence[CohortPlans], types: Mapping[str, Type]
) -> tuple[list[propensity.CohortRows], list[dict[str, str]]]:
    """The rows of all cohorts, and which of those to learn from were left out because too few had the outcome.

    Raises
    ------
    InvalidInput
        That is so of the test, or of all that could be learned from.
    """
    rows: list[propensity.CohortRows] = []
    left_out: list[dict[str, str]] = []
    known = work.catalog.world.tags_of(work.model.subject)
    groups = {tag: known[tag] for tag in dict.fromkeys([*work.model.groups, *sensitive_tags(work.model, work.catalog)])}
    teachers = sum(cohort.role == "train" for cohort in cohorts)
    for cohort in cohorts:
        work.stage(f"cohort {cohort.name}")
        try:
            rows.append(_read(work, cohort, types, groups))
        except InvalidInput as error:
            if cohort.role == "test" or teachers == 1:
                raise
            # The oldest cohorts of a young shop are empty; the others still teach.
            teachers -= 1
            left_out.append({"cohort": cohort.name, "why": error.message})
    taught = [row.frame for row in rows if row.role == "train"]
    if taught and not any(frame[name].nunique(dropna=False) > 1 for frame in taught for name in frame.columns):
        raise InvalidInput(
            f"No tag that the model {work.model.model!r} learns from differs between members:"
            f" {', '.join(taught[0].columns)}.",
            hint="Name other `features`.",
        )
    return rows, left_out


def _read(
    work: Work, cohort: CohortPlans, types: Mapping[str, Type], groups: Mapping[str, Type]
) -> propensity.CohortRows:
    members = work.engine.query(cohort.members)
    target = work.engine.query(cohort.target, inputs={plans.MEMBERS: members})
    count, positives = len(target), pc.sum(target["yes"]).as_py() or 0
    if count > MOST_ROWS:
        target = stratified(target, MOST_ROWS)
        members = target.select(["id"])
    return propensity.cohort_rows(
        cohort.name,
        cohort.role,
        cohort.as_of,
        cohort.matures,
        features=work.engine.query(cohort.features, inputs={plans.MEMBERS: members}),
        target=target,
        types=types,
        baseline=work.model.baseline,
        groups=groups,
        members=count,
        positives=positives,
        treated=work.engine.query(cohort.treated, inputs={plans.MEMBERS: members})
        if cohort.treated is not None
        else None,
        elsewhere=work.engine.query(cohort.elsewhere, inputs={plans.MEMBERS: members})
        if cohort.elsewhere is not None
        else None,
        # Where it is known how much members spend, nobody has to have spent nothing.
        amounts=work.model.estimator == "wallet",
    )


def stratified(target: pa.Table, most: int) -> pa.Table:
    """A sample of members with the same share of each outcome as all of them, in the order of the rows.

    The rates stay, so that probabilities need no correction. The same rows give the same sample.
    """
    yes = np.asarray(target["yes"].to_numpy(zero_copy_only=False), dtype=bool)
    share, rng = most / len(yes), np.random.default_rng(propensity.SEED)
    kept = [
        rng.choice(which, size=min(len(which), max(1, round(share * len(which)))), replace=False)
        for which in (np.flatnonzero(yes), np.flatnonzero(~yes))
        if len(which)
    ]
    return target.take(pa.array(np.sort(np.concatenate(kept))))


def scored_pages(
    work: Work, names: Sequence[str], beside: Mapping[str, Expr] = MappingProxyType({})
) -> Iterator[tuple[pa.Table, Any]]:
    """The members to score, page by page: their rows, and the named tags and what is asked `beside` as a frame.

    The names are what a version learned from, which an edited definition may not name any more.
    """
    engine, model, catalog, as_of = work.engine, work.model, work.catalog, work.as_of
    types = catalog.world.tags_of(model.subject)
    plan = plans.scored_plan(model, names, catalog, engine.dialect, as_of, work.built, beside)
    told, more = {name: types[name] for name in names}, {name: expr.type for name, expr in beside.items()}
    for rows in _pages(engine, plan, score_table_name(model.model), member_table(catalog.subjects[model.subject]).name):
        yield rows, feature_frame(rows, told, propensity.microseconds(as_of), more)


def _pages(engine: Engine, plan: Plan, name: str, members: str) -> Iterator[pa.Table]:
    """The rows of a plan in the order of their ids, at most `PAGE` at a time where the members are many.

    Then they are written down once and read page by page, so that memory holds one page whatever the engine.
    """
    if members not in engine.tables() or engine.value(f"select count(*) from {engine.dialect.ident(members)}") <= PAGE:
        yield engine.query(plan)
        return
    passing = f"_{name}_rows"
    quoted, last = engine.dialect.ident(passing), ""
    engine.build(plan, passing)
    try:
        while True:
            page = engine.query(f"select * from {quoted}{last} order by id limit {PAGE}")
            if not len(page):
                return
            yield page
            last = f" where id > {engine.dialect.literal(page['id'][-1].as_py())}"
    finally:
        engine.drop(passing)


def members_with(work: Work, names: Sequence[str]) -> tuple[pa.Table, Any]:
    """The ids of everybody who is to be scored, and their tags as a frame."""
    engine, model, catalog, as_of = work.engine, work.model, work.catalog, work.as_of
    types = catalog.world.tags_of(model.subject)
    rows = engine.query(plans.scored_plan(model, names, catalog, engine.dialect, as_of, work.built))
    frame = feature_frame(rows, {name: types[name] for name in names}, propensity.microseconds(as_of))
    return rows, frame


def only_asked(work: Work, found: pa.Table) -> dict[str, pa.ChunkedArray]:
    """The columns of scores, of those whom the model is asked about; of all where it names nobody."""
    if work.model.score is not None:
        plan = plans.scored_plan(work.model, (), work.catalog, work.engine.dialect, work.as_of, work.built)
        found = found.join(work.engine.query(plan).select(["id"]), "id", join_type="left semi")
    return {name: found[name] for name in found.column_names}


def floats(rows: pa.Table) -> dict[str, FloatArray]:
    """All columns but the id as floats, null as NaN."""
    return {name: amounts(rows[name]) for name in rows.column_names if name != "id"}
