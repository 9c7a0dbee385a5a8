"""Kept versions of models that learn from tags, asked about a cohort with what was known of its members then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gongbi.catalog.base import ModelDef
from gongbi.catalog.catalog import Catalog
from gongbi.estimators.checks import FloatArray
from gongbi.estimators.propensity import PropensityModel
from gongbi.estimators.prospects import ProspectValueModel
from gongbi.models import plan as plans
from gongbi.models import propensity, uplift, wallets
from gongbi.models.base import Version
from gongbi.models.features import feature_frame
from gongbi.models.reading import Work, feature_types, read_cohorts


def trees_of(version: Version, model: ModelDef, catalog: Catalog) -> PropensityModel | None:
    """The trees of a kept version; None where a tag it learned from is gone, so that it cannot be asked."""
    trees = PropensityModel.from_json(version.artifact)
    return trees if set(trees.feature_names_in_) <= catalog.tags_of(model.subject).keys() else None


def effects_of(version: Version, model: ModelDef, catalog: Catalog) -> uplift.Kept | None:
    """The effects of a kept version; None as with `trees_of`."""
    kept = uplift.Kept.from_json(version.artifact)
    return kept if set(kept.model.feature_names_in_) <= catalog.tags_of(model.subject).keys() else None


def values_of(version: Version, model: ModelDef, catalog: Catalog) -> ProspectValueModel | None:
    """The values of a kept version; None as with `trees_of`."""
    kept = ProspectValueModel.from_json(version.artifact)
    return kept if set(kept.feature_names_in_) <= catalog.tags_of(model.subject).keys() else None


def wallets_of(version: Version, model: ModelDef, catalog: Catalog) -> wallets.Kept | None:
    """The wallets of a kept version; None as with `trees_of`."""
    kept = wallets.Kept.from_json(version.artifact)
    return kept if set(kept.model.feature_names_in_) <= catalog.tags_of(model.subject).keys() else None


def chances_of(trees: PropensityModel, cohort: propensity.CohortRows, model: ModelDef, catalog: Catalog) -> FloatArray:
    """The chances that trees give to the members of a cohort."""
    return trees.predict_proba(_known_then(trees.feature_names_in_, cohort, model, catalog))[:, 1]


def foretold_by(kept: uplift.Kept, cohort: propensity.CohortRows, model: ModelDef, catalog: Catalog) -> FloatArray:
    """The effects that a kept version foretells of the members of a cohort."""
    return kept.score(_known_then(kept.model.feature_names_in_, cohort, model, catalog))[0]


def valued_by(kept: ProspectValueModel, cohort: propensity.CohortRows, model: ModelDef, catalog: Catalog) -> FloatArray:
    """The values that a kept version foretells of the members of a cohort."""
    return kept.predict(_known_then(kept.feature_names_in_, cohort, model, catalog))


def quantiles_by(kept: wallets.Kept, cohort: propensity.CohortRows, model: ModelDef, catalog: Catalog) -> FloatArray:
    """The quantiles of spend that a kept version foretells of the members of a cohort."""
    return kept.quantile(_known_then(kept.model.feature_names_in_, cohort, model, catalog))


def _known_then(names: Sequence[str], cohort: propensity.CohortRows, model: ModelDef, catalog: Catalog) -> Any:
    """What was known of a cohort's members then, as another version reads it."""
    known = catalog.world.tags_of(model.subject)
    return feature_frame(cohort.known, {name: known[name] for name in names}, propensity.microseconds(cohort.as_of))


def newest_cohort(work: Work, names: Sequence[str]) -> propensity.CohortRows:
    """The newest cohort, with the tags that versions learned from."""
    model = work.model
    newest = (model.test or model.train)[-1]
    plan = plans.cohort_plans(model, newest, "test", work.catalog, work.engine.dialect, sorted(set(names)))
    return read_cohorts(work, [plan], feature_types(work))[0][0]


def told(
    test: propensity.CohortRows, versions: Sequence[Version], kept: Sequence[Any], figures: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Per version whether it is fair; with the figures of those that can still be asked."""
    left = iter(figures)
    return [
        {"version": one.version, "fair": one.saw_nothing_after(test.as_of), **(next(left) if asked is not None else {})}
        for one, asked in zip(versions, kept, strict=True)
    ]
