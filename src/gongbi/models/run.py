"""Carry out the plans of a model on an engine: rows to learn from, scores to keep."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gongbi.catalog.base import ModelDef
from gongbi.catalog.catalog import Catalog
from gongbi.core.clock import local_date
from gongbi.core.compiler import Stored
from gongbi.core.types import Type
from gongbi.engine import Engine
from gongbi.errors import InvalidInput, NotYet
from gongbi.estimators.checks import FloatArray
from gongbi.estimators.propensity import OnFold, PropensityModel
from gongbi.models import plan as plans
from gongbi.models import propensity, purchases
from gongbi.models.base import CohortPlans, Trained
from gongbi.models.cohorts import derived, facts_of, sensitive_tags, target_of
from gongbi.models.drift import reference
from gongbi.models.features import feature_frame
from gongbi.models.tables import score_table

OnStage = Callable[[str], None]
#: Of a larger cohort a sample of so many members is learned from, or tested on: 100 tags of them are 240 MB.
MOST_ROWS = 300_000


def train_purchases(engine: Engine, model: ModelDef, catalog: Catalog, as_of: datetime, stage: OnStage) -> Trained:
    """Read the histories, learn, check."""
    stage("histories")
    rows = _floats(engine.query(plans.history_plan(model, catalog, engine.dialect, as_of)))
    stage("fit")
    return purchases.learn(model, rows, as_of)


def train_propensity(
    engine: Engine,
    model: ModelDef,
    catalog: Catalog,
    as_of: datetime,
    stage: OnStage,
    on_fold: OnFold | None = None,
) -> Trained:
    """Read the cohorts, choose on the training ones, learn, judge once on the test ones.

    `on_fold` is told which of how many folds is being learned from, within a stage.

    Raises
    ------
    NotYet
        The outcome of a cohort is not known before `as_of`.
    """
    given = [*((c, "train") for c in model.train), *((c, "test") for c in model.test)]
    cohorts = [plans.cohort_plans(model, cohort, role, catalog, engine.dialect) for cohort, role in given]
    zone = catalog.world.zone
    plans.check_order(cohorts, zone)
    for cohort in cohorts:
        if cohort.matures > as_of:
            raise NotYet(
                f"The outcome of cohort {cohort.name!r} is known on {local_date(cohort.matures, zone)},"
                f" after {local_date(as_of, zone)}.",
                hint="Train as of a later instant, or take the cohort out.",
            )
    types = feature_types(model, catalog)
    if not types:
        raise InvalidInput(
            f"The model {model.model!r} has no tag to learn from.", hint="Name `features`, or define more tags."
        )
    if model.baseline is not None and not catalog.world.tags_of(model.subject)[model.baseline].is_number:
        raise InvalidInput(f"The baseline {model.baseline!r} is not a number.", hint="Name a tag that orders members.")
    rows, left_out = read_cohorts(engine, model, cohorts, types, catalog, stage)
    train, tests = [r for r in rows if r.role == "train"], [r for r in rows if r.role == "test"]
    texts = [name for name, type_ in types.items() if type_.name == "text"]
    stage("choose settings")
    settings, validation = propensity.choose_settings(train, texts, on_fold)
    stage("fit")
    trees, strongest = propensity.fit(train, texts, settings, on_fold), propensity.strongest_tag(train)
    protected = sensitive_tags(model, catalog)
    chances = [trees.predict_proba(t.frame)[:, 1] for t in tests]
    found = [
        propensity.figures_on(t, chance, model.baseline, strongest, protected)
        for t, chance in zip(tests, chances, strict=True)
    ]
    judgement = propensity.judge(found)
    window = {"as_of": as_of.isoformat(), "cohorts": {r.name: r.as_of.isoformat() for r in rows}}
    params = {"settings": settings, **propensity.SETTINGS[settings], "trees": trees.trees_, "seed": propensity.SEED}
    metrics = propensity.metrics(rows, validation, found, trees, judgement)
    metrics |= {"left_out": left_out, "reference": reference(train[-1].frame, chances[-1])}
    return Trained(model.model, "LightGBM", trees.to_json(), metrics, params, window, judgement)


def with_cohorts(engine: Engine, model: ModelDef, catalog: Catalog, as_of: datetime) -> ModelDef:
    """The model with the cohorts that follow from its target and the instant; as it is where it has its own."""
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


def read_cohorts(
    engine: Engine,
    model: ModelDef,
    cohorts: Sequence[CohortPlans],
    types: Mapping[str, Type],
    catalog: Catalog,
    stage: OnStage,
) -> tuple[list[propensity.CohortRows], list[dict[str, str]]]:
    """The rows of all cohorts, and which of those to learn from were left out because too few had the outcome.

    Raises
    ------
    InvalidInput
        That is so of the test, or of all that could be learned from.
    """
    rows: list[propensity.CohortRows] = []
    left_out: list[dict[str, str]] = []
    known = catalog.world.tags_of(model.subject)
    groups = {tag: known[tag] for tag in dict.fromkeys([*model.groups, *sensitive_tags(model, catalog)])}
    teachers = sum(cohort.role == "train" for cohort in cohorts)
    for cohort in cohorts:
        stage(f"cohort {cohort.name}")
        try:
            rows.append(_read(engine, model, cohort, types, groups))
        except InvalidInput as error:
            if cohort.role == "test" or teachers == 1:
                raise
            # The oldest cohorts of a young shop are empty; the others still teach.
            teachers -= 1
            left_out.append({"cohort": cohort.name, "why": error.message})
    return rows, left_out


def train_clusters(
    engine: Engine,
    model: ModelDef,
    catalog: Catalog,
    as_of: datetime,
    stage: OnStage,
    *,
    built: Mapping[str, Stored],
) -> Trained:
    """Read the tags of the population as of an instant, try numbers of clusters, keep the centres of one."""
    from gongbi.models import clusters

    stage("members")
    names = plans.feature_names(model, catalog)
    _, frame = clustered_members(engine, model, names, catalog, as_of, built=built)
    stage("choose clusters")
    return clusters.learn(model, frame, as_of)


def clustered_members(
    engine: Engine,
    model: ModelDef,
    names: Sequence[str],
    catalog: Catalog,
    as_of: datetime,
    *,
    built: Mapping[str, Stored],
) -> tuple[pa.Table, Any]:
    """The ids of a model's population as of an instant, and their tags as a frame."""
    types = catalog.world.tags_of(model.subject)
    rows = engine.query(plans.scored_plan(model, names, catalog, engine.dialect, as_of, built))
    frame = feature_frame(rows, {name: types[name] for name in names}, propensity.microseconds(as_of))
    return rows, frame


def write_scores(
    engine: Engine,
    model: ModelDef,
    catalog: Catalog,
    artifact: Mapping[str, Any],
    as_of: datetime,
    *,
    built: Mapping[str, Stored],
) -> int:
    """Score members as of an instant with a kept model and replace its score table; return how many.

    `built` says where tags of that very instant are kept, so that they need not be computed again.
    """
    if model.estimator == "purchases":
        columns = _purchase_scores(engine, model, catalog, artifact, as_of)
    elif model.estimator == "clusters":
        columns = assigned_clusters(engine, model, catalog, artifact, as_of, built=built)
    else:
        columns = _propensity_scores(engine, model, catalog, artifact, as_of, built)
    table = score_table(model, catalog.world)
    ids = columns["id"]
    instant = pa.array([as_of.astimezone(UTC).replace(tzinfo=None)] * len(ids), pa.timestamp("us"))
    with engine.transaction():
        engine.create(table, replace=True)
        return engine.append(table.name, pa.table({**columns, "as_of": instant}))


def feature_types(model: ModelDef, catalog: Catalog) -> dict[str, Type]:
    """Features and their types, in the order in which they are learned from."""
    types = catalog.world.tags_of(model.subject)
    return {name: types[name] for name in plans.feature_names(model, catalog)}


def _read(
    engine: Engine, model: ModelDef, cohort: CohortPlans, types: Mapping[str, Type], groups: Mapping[str, Type]
) -> propensity.CohortRows:
    members = engine.query(cohort.members)
    target = engine.query(cohort.target, inputs={plans.MEMBERS: members})
    count, positives = len(target), pc.sum(target["yes"]).as_py() or 0
    if count > MOST_ROWS:
        target = stratified(target, MOST_ROWS)
        members = target.select(["id"])
    return propensity.cohort_rows(
        cohort.name,
        cohort.role,
        cohort.as_of,
        cohort.matures,
        features=engine.query(cohort.features, inputs={plans.MEMBERS: members}),
        target=target,
        types=types,
        baseline=model.baseline,
        groups=groups,
        members=count,
        positives=positives,
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


def _purchase_scores(
    engine: Engine, model: ModelDef, catalog: Catalog, artifact: Mapping[str, Any], as_of: datetime
) -> dict[str, Any]:
    rows = engine.query(plans.history_plan(model, catalog, engine.dialect, as_of))
    history = purchases.Histories.of(_floats(rows))
    scores = purchases.PurchaseModels.from_json(artifact).predict(history, model.horizon_days) if len(rows) else {}
    return {"id": rows["id"], **{name: pa.array(values, pa.float64()) for name, values in scores.items()}}


def assigned_clusters(
    engine: Engine,
    model: ModelDef,
    catalog: Catalog,
    artifact: Mapping[str, Any],
    as_of: datetime,
    *,
    built: Mapping[str, Stored],
) -> dict[str, Any]:
    """Columns ``id``, ``cluster`` and ``clarity`` of the population as of an instant, by centres that are kept."""
    from gongbi.estimators.clusters import MixedClusters

    kept = MixedClusters.from_json(artifact)
    # What this version learned from, which an edited definition may not name any more.
    names = kept.space_.columns.names
    rows, frame = clustered_members(engine, model, names, catalog, as_of, built=built)
    label, clarity = kept.assign(frame)
    return {"id": rows["id"], "cluster": pa.array(label + 1, pa.int64()), "clarity": pa.array(clarity, pa.float64())}


def _propensity_scores(
    engine: Engine,
    model: ModelDef,
    catalog: Catalog,
    artifact: Mapping[str, Any],
    as_of: datetime,
    built: Mapping[str, Stored],
) -> dict[str, Any]:
    # What this version learned from, which an edited definition may not name any more.
    trees = PropensityModel.from_json(artifact)
    names, types = trees.feature_names_in_, catalog.world.tags_of(model.subject)
    rows = engine.query(plans.scored_plan(model, names, catalog, engine.dialect, as_of, built))
    frame = feature_frame(rows, {name: types[name] for name in names}, propensity.microseconds(as_of))
    reasons = propensity.explain(trees, frame)
    return {
        "id": rows["id"],
        "score": pa.array(trees.predict_proba(frame)[:, 1], pa.float64()),
        **{f"reason_{i}": pa.array(texts, pa.string()) for i, texts in enumerate(reasons, start=1)},
    }


def _floats(rows: pa.Table) -> dict[str, FloatArray]:
    """All columns but the id as floats, null as NaN."""
    return {
        name: np.asarray(rows[name].cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
        for name in rows.column_names
        if name != "id"
    }
