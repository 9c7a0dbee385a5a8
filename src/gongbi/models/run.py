"""Carry out the plans of a model on an engine: rows to learn from, scores to keep."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gongbi.catalog.base import ModelDef
from gongbi.catalog.catalog import Catalog
from gongbi.catalog.tables import member_table
from gongbi.core.clock import local_date
from gongbi.core.compiler import Stored
from gongbi.core.plan import Plan
from gongbi.core.types import Type
from gongbi.engine import Engine
from gongbi.errors import InvalidInput, NotYet
from gongbi.estimators.checks import FloatArray
from gongbi.estimators.propensity import OnFold, PropensityModel
from gongbi.models import drift, propensity, purchases, uplift
from gongbi.models import plan as plans
from gongbi.models.base import CohortPlans, Trained, Version
from gongbi.models.cohorts import derived, facts_of, sensitive_tags, target_of
from gongbi.models.features import feature_frame
from gongbi.models.tables import score_table, score_table_name

OnStage = Callable[[str], None]
#: Of a larger cohort a sample of so many members is learned from, or tested on: 100 tags of them are 240 MB.
MOST_ROWS = 300_000
#: So many members are scored at a time.
PAGE = 200_000


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
    champion: Version | None = None,
) -> Trained:
    """Read the cohorts, choose on the training ones, learn, judge once on the test ones.

    `on_fold` is told which of how many folds is being learned from, within a stage. The `champion` is scored on the
    same test cohorts where it did not learn from what came after their instant.

    Raises
    ------
    NotYet
        The outcome of a cohort is not known before `as_of`.
    """
    given = [*((c, "train") for c in model.train), *((c, "test") for c in model.test)]
    rival = _trees_of(champion, model, catalog) if champion is not None else None
    also = rival.feature_names_in_ if rival is not None else ()
    cohorts = [plans.cohort_plans(model, cohort, role, catalog, engine.dialect, also) for cohort, role in given]
    _check_known(cohorts, as_of, catalog.world.zone)
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
    if champion is not None and rival is not None:
        for test, chance, figures in zip(tests, chances, found, strict=True):
            if champion.learned_until is not None and champion.learned_until <= test.as_of:
                other = _chances(rival, test, model, catalog)
                figures["champion"] = propensity.beside_champion(test, chance, other, champion.version)
    judgement = propensity.judge(found)
    window = {"as_of": as_of.isoformat(), "cohorts": {r.name: r.as_of.isoformat() for r in rows}}
    params = {"settings": settings, **propensity.SETTINGS[settings], "trees": trees.trees_, "seed": propensity.SEED}
    metrics = propensity.metrics(rows, validation, found, trees, judgement)
    metrics |= {"left_out": left_out, "reference": drift.reference(train[-1].frame, chances[-1])}
    return Trained(model.model, "LightGBM", trees.to_json(), metrics, params, window, judgement)


def train_uplift(engine: Engine, model: ModelDef, catalog: Catalog, as_of: datetime, stage: OnStage) -> Trained:
    """Read the trials, learn from the earlier, judge on the later, or on members held out by lot where there is none.

    Raises
    ------
    NotYet
        The outcome of a cohort is not known before `as_of`.
    """
    given = [*((c, "train") for c in model.train), *((c, "test") for c in model.test)]
    cohorts = [plans.cohort_plans(model, cohort, role, catalog, engine.dialect) for cohort, role in given]
    _check_known(cohorts, as_of, catalog.world.zone)
    types = feature_types(model, catalog)
    rows, left_out = read_cohorts(engine, model, cohorts, types, catalog, stage)
    stage("fit")
    return uplift.learn(model, rows, as_of, left_out)


def _check_known(cohorts: Sequence[CohortPlans], as_of: datetime, zone: str) -> None:
    plans.check_order(cohorts, zone)
    for cohort in cohorts:
        if cohort.matures > as_of:
            raise NotYet(
                f"The outcome of cohort {cohort.name!r} is known on {local_date(cohort.matures, zone)},"
                f" after {local_date(as_of, zone)}.",
                hint="Train as of a later instant, or take the cohort out.",
            )


def _trees_of(version: Version, model: ModelDef, catalog: Catalog) -> PropensityModel | None:
    """The trees of a kept version; None where a tag it learned from is gone, so that it cannot be asked."""
    trees = PropensityModel.from_json(version.artifact)
    return trees if set(trees.feature_names_in_) <= catalog.tags_of(model.subject).keys() else None


def _chances(trees: PropensityModel, cohort: propensity.CohortRows, model: ModelDef, catalog: Catalog) -> FloatArray:
    known = catalog.world.tags_of(model.subject)
    types = {name: known[name] for name in trees.feature_names_in_}
    frame = feature_frame(cohort.known, types, propensity.microseconds(cohort.as_of))
    return trees.predict_proba(frame)[:, 1]


def challenged(
    engine: Engine, model: ModelDef, versions: Sequence[Version], catalog: Catalog, stage: OnStage
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Score kept versions of a propensity model side by side on its newest test cohort.

    Returns
    -------
    tuple
        The cohort, and per version its figures: ``version``, ``fair`` (it learned nothing from after the cohort's
        instant), and where it can still be asked ``auc``, ``brier``, ``gains``, and ``difference`` to the first one.
    """
    asked = [(one, _trees_of(one, model, catalog)) for one in versions]
    also = sorted({name for _, trees in asked if trees is not None for name in trees.feature_names_in_})
    plan = plans.cohort_plans(model, model.test[-1], "test", catalog, engine.dialect, also)
    rows, _ = read_cohorts(engine, model, [plan], feature_types(model, catalog), catalog, stage)
    test, found, first = rows[0], [], None
    for one, trees in asked:
        until = one.learned_until
        figures: dict[str, Any] = {"version": one.version, "fair": until is not None and until <= test.as_of}
        if trees is not None:
            chance = _chances(trees, test, model, catalog)
            first = chance if first is None else first
            figures |= propensity.side_by_side(test, chance, first)
        found.append(figures)
    return test.to_json(), found


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
    then: Mapping[str, Any] | None = None,
) -> tuple[int, dict[str, Any] | None]:
    """Score members as of an instant with a kept model and replace its score table; return how many, and the drift.

    `built` says where tags of that very instant are kept, so that they need not be computed again. Trees score a page
    of members at a time. With `then`, the reference of a training, the drift since it is measured.
    """
    seen = drift.Seen(then) if then else None
    if model.estimator == "purchases":
        parts = iter([_purchase_scores(engine, model, catalog, artifact, as_of)])
    elif model.estimator == "clusters":
        parts = iter([assigned_clusters(engine, model, catalog, artifact, as_of, built=built)])
    elif model.estimator == "uplift":
        parts = _uplift_scores(engine, model, catalog, artifact, as_of, built, seen)
    else:
        parts = _propensity_scores(engine, model, catalog, artifact, as_of, built, seen)
    table, written = score_table(model, catalog.world), 0
    instant = as_of.astimezone(UTC).replace(tzinfo=None)
    with engine.transaction():
        engine.create(table, replace=True)
        for columns in parts:
            instants = pa.array([instant] * len(columns["id"]), pa.timestamp("us"))
            written += engine.append(table.name, pa.table({**columns, "as_of": instants}))
    return written, seen.drift() if seen is not None else None


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
        treated=engine.query(cohort.treated, inputs={plans.MEMBERS: members}) if cohort.treated is not None else None,
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
    seen: drift.Seen | None,
) -> Iterator[dict[str, Any]]:
    trees = PropensityModel.from_json(artifact)
    for rows, frame in _scored_pages(engine, model, trees.feature_names_in_, catalog, as_of, built):
        reasons, score = propensity.explain(trees, frame), trees.predict_proba(frame)[:, 1]
        if seen is not None:
            seen.add(frame, score)
        yield {
            "id": rows["id"],
            "score": pa.array(score, pa.float64()),
            **{f"reason_{i}": pa.array(texts, pa.string()) for i, texts in enumerate(reasons, start=1)},
        }


def _uplift_scores(
    engine: Engine,
    model: ModelDef,
    catalog: Catalog,
    artifact: Mapping[str, Any],
    as_of: datetime,
    built: Mapping[str, Stored],
    seen: drift.Seen | None,
) -> Iterator[dict[str, Any]]:
    kept = uplift.Kept.from_json(artifact)
    for rows, frame in _scored_pages(engine, model, kept.model.feature_names_in_, catalog, as_of, built):
        effect, without, group = kept.score(frame)
        if seen is not None:
            seen.add(frame, effect)
        yield {
            "id": rows["id"],
            "score": pa.array(effect, pa.float64()),
            "without": pa.array(without, pa.float64()),
            "group": pa.array(group, pa.string()),
        }


def _scored_pages(
    engine: Engine,
    model: ModelDef,
    names: Sequence[str],
    catalog: Catalog,
    as_of: datetime,
    built: Mapping[str, Stored],
) -> Iterator[tuple[pa.Table, Any]]:
    """The members to score, page by page: their rows, and the named tags as a frame.

    The names are what a version learned from, which an edited definition may not name any more.
    """
    types = catalog.world.tags_of(model.subject)
    plan = plans.scored_plan(model, names, catalog, engine.dialect, as_of, built)
    for rows in _pages(engine, plan, score_table_name(model.model), member_table(catalog.subjects[model.subject]).name):
        yield rows, feature_frame(rows, {name: types[name] for name in names}, propensity.microseconds(as_of))


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


def _floats(rows: pa.Table) -> dict[str, FloatArray]:
    """All columns but the id as floats, null as NaN."""
    return {
        name: np.asarray(rows[name].cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
        for name in rows.column_names
        if name != "id"
    }
