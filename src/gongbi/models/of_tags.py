"""Kinds that learn from tags: of each, how it learns as of an instant and what it says of a member."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gongbi.catalog.base import ModelDef
from gongbi.catalog.called import tag_title
from gongbi.catalog.catalog import Catalog
from gongbi.core.expr import Expr
from gongbi.errors import InvalidInput
from gongbi.estimators.propensity import PropensityModel
from gongbi.estimators.prospects import ProspectValueModel
from gongbi.estimators.traits import InferredTrait
from gongbi.models import drift, markets, newcomers, propensity, traits, uplift, wallets
from gongbi.models import plan as plans
from gongbi.models.base import Trained, Version
from gongbi.models.cohorts import sensitive_tags
from gongbi.models.kept import (
    chances_of,
    effects_of,
    foretold_by,
    newest_cohort,
    quantiles_by,
    told,
    trees_of,
    valued_by,
    values_of,
    wallets_of,
)
from gongbi.models.reading import Work, feature_types, members_with, planned_cohorts, read_cohorts
from gongbi.models.scoring import Columns, OfTags

if TYPE_CHECKING:
    from gongbi.estimators.clusters import MixedClusters
from gongbi.models.kind import Compared


class Propensity(OfTags):
    """Boosted trees on tags."""

    FOLLOWED = "score"

    def train(self, work: Work, champion: Version | None) -> Trained:
        """Read the cohorts, choose on the training ones, learn, judge once on the test ones.

        The `champion` is scored on the same test cohorts where it did not learn from what came after their instant.

        Raises
        ------
        NotYet
            The outcome of a cohort is not known before the instant.
        """
        model, catalog, as_of = work.model, work.catalog, work.as_of
        rival = trees_of(champion, model, catalog) if champion is not None else None
        also = rival.feature_names_in_ if rival is not None else ()
        cohorts = planned_cohorts(work, also)
        types = feature_types(work)
        if not types:
            raise InvalidInput(
                f"The model {model.model!r} has no tag to learn from.", hint="Name `features`, or define more tags."
            )
        ways = propensity.directions(model, types)
        rows, left_out = read_cohorts(work, cohorts, types)
        train, tests = [r for r in rows if r.role == "train"], [r for r in rows if r.role == "test"]
        texts = [name for name, type_ in types.items() if type_.name == "text"]
        work.stage("choose settings")
        settings, validation = propensity.choose_settings(train, texts, work.on_fold, ways)
        work.stage("fit")
        trees, strongest = propensity.fit(train, texts, settings, work.on_fold, ways), propensity.strongest_tag(train)
        protected, title = sensitive_tags(model, catalog), partial(tag_title, catalog)
        chances = [trees.predict_proba(t.frame)[:, 1] for t in tests]
        found = [
            propensity.figures_on(t, chance, model.baseline, strongest, protected, title)
            for t, chance in zip(tests, chances, strict=True)
        ]
        if champion is not None and rival is not None:
            for test, chance, figures in zip(tests, chances, found, strict=True):
                if champion.saw_nothing_after(test.as_of):
                    other = chances_of(rival, test, model, catalog)
                    figures["champion"] = propensity.beside_champion(test, chance, other, champion.version)
        judgement = propensity.judge(found)
        window = {"as_of": as_of.isoformat(), "cohorts": {r.name: r.as_of.isoformat() for r in rows}}
        params = {"settings": settings, **propensity.SETTINGS[settings], "trees": trees.trees_, "seed": propensity.SEED}
        metrics = propensity.metrics(rows, validation, found, trees, judgement)
        metrics |= {"left_out": left_out, "reference": drift.reference(train[-1].frame, chances[-1])}
        return Trained(model.model, "LightGBM", trees.to_json(), metrics, params, window, judgement)

    def wake(self, artifact: Mapping[str, Any]) -> PropensityModel:
        """The trees."""
        return PropensityModel.from_json(artifact)

    def reads(self, kept: PropensityModel) -> Sequence[str]:
        """The features."""
        return kept.feature_names_in_

    def say(self, kept: PropensityModel, frame: Any) -> Columns:
        """The chance, with the tags that move it most."""
        reasons, score = propensity.explain(kept, frame), kept.predict_proba(frame)[:, 1]
        named = {f"reason_{i}": pa.array(texts, pa.string()) for i, texts in enumerate(reasons, start=1)}
        return {"score": pa.array(score, pa.float64()), **named}

    def compare(self, work: Work, versions: Sequence[Version]) -> Compared:
        """Rank the newest test cohort by each."""
        kept = [trees_of(one, work.model, work.catalog) for one in versions]
        test = newest_cohort(work, [name for one in kept if one is not None for name in one.feature_names_in_])
        chances = [chances_of(one, test, work.model, work.catalog) for one in kept if one is not None]
        figures = [propensity.side_by_side(test, chance, chances[0]) for chance in chances]
        return test.to_json(), told(test, versions, kept, figures)


class Uplift(OfTags):
    """What a treatment changes for each member."""

    FOLLOWED = "score"

    def train(self, work: Work, champion: Version | None) -> Trained:
        """Read the trials, learn from the earlier, judge on the later, or on members held out by lot.

        The `champion` foretells the same later trial, where it learned nothing from it.

        Raises
        ------
        NotYet
            The outcome of a cohort is not known before the instant.
        """
        model, catalog = work.model, work.catalog
        rival = effects_of(champion, model, catalog) if champion is not None else None
        also = rival.model.feature_names_in_ if rival is not None else ()
        cohorts = planned_cohorts(work, also)
        rows, left_out = read_cohorts(work, cohorts, feature_types(work))
        work.stage("fit")
        beside = None
        if champion is not None and rival is not None:
            beside = champion, lambda cohort: foretold_by(rival, cohort, model, catalog)
        return uplift.learn(model, rows, work.as_of, left_out, beside)

    def compare(self, work: Work, versions: Sequence[Version]) -> Compared:
        """Rank the newest trial by each; of one that taught as well, those whom no version learned from."""
        kept = [effects_of(one, work.model, work.catalog) for one in versions]
        test = newest_cohort(work, [name for one in kept if one is not None for name in one.model.feature_names_in_])
        held_out = [one is not None and one.held_out for one in kept]
        effects = [foretold_by(one, test, work.model, work.catalog) for one in kept if one is not None]
        if work.model.test or not all(held_out):
            return test.to_json(), told(test, versions, kept, uplift.side_by_side(test, effects))
        among = uplift.by_lot(test.ids)
        found = told(test, versions, kept, uplift.side_by_side(test, effects, among))
        about = test.to_json() | {"role": uplift.BY_LOT, "members": int(among.sum())}
        return about, [{**one, "fair": True} for one in found]

    def wake(self, artifact: Mapping[str, Any]) -> uplift.Kept:
        """The arms and the borders of the groups."""
        return uplift.Kept.from_json(artifact)

    def reads(self, kept: uplift.Kept) -> Sequence[str]:
        """The features."""
        return kept.model.feature_names_in_

    def say(self, kept: uplift.Kept, frame: Any) -> Columns:
        """What the treatment changes, what would come without it, and the group."""
        effect, without, group = kept.score(frame)
        return {
            "score": pa.array(effect, pa.float64()),
            "without": pa.array(without, pa.float64()),
            "group": pa.array(group, pa.string()),
        }


class Newcomers(OfTags):
    """What those without a history come to be worth."""

    FOLLOWED = "value"

    def train(self, work: Work, champion: Version | None) -> Trained:
        """Read the cohorts, learn from the earlier, judge once on the test.

        The `champion` values the same members, where it learned nothing from them or later.

        Raises
        ------
        NotYet
            The outcome of a cohort is not known before the instant.
        """
        model, catalog = work.model, work.catalog
        rival = values_of(champion, model, catalog) if champion is not None else None
        also = rival.feature_names_in_ if rival is not None else ()
        cohorts = planned_cohorts(work, also)
        rows, left_out = read_cohorts(work, cohorts, feature_types(work))
        work.stage("fit")
        beside = None
        if champion is not None and rival is not None:
            beside = champion, lambda cohort: valued_by(rival, cohort, model, catalog)
        protected, title = sensitive_tags(model, catalog), partial(tag_title, catalog)
        return newcomers.learn(model, rows, work.as_of, left_out, protected, work.on_fold, beside, title)

    def compare(self, work: Work, versions: Sequence[Version]) -> Compared:
        """Value the newest test cohort by each."""
        kept = [values_of(one, work.model, work.catalog) for one in versions]
        test = newest_cohort(work, [name for one in kept if one is not None for name in one.feature_names_in_])
        values = [None if one is None else valued_by(one, test, work.model, work.catalog) for one in kept]
        return newcomers.compare(test, versions, values)

    def wake(self, artifact: Mapping[str, Any]) -> ProspectValueModel:
        """The two halves of the model."""
        return ProspectValueModel.from_json(artifact)

    def reads(self, kept: ProspectValueModel) -> Sequence[str]:
        """The features."""
        return kept.feature_names_in_

    def say(self, kept: ProspectValueModel, frame: Any) -> Columns:
        """The value, and what it is made of."""
        found = newcomers.scores(kept, frame)
        return {name: pa.array(values, pa.float64()) for name, values in found.items()}


class Wallets(OfTags):
    """What members could spend, by their peers, and how their market grows."""

    FOLLOWED = "wallet"

    def train(self, work: Work, champion: Version | None) -> Trained:
        """Read the cohorts and the markets, learn from the earlier cohorts, judge once on the test.

        The `champion` foretells the same members, where it learned nothing from them or later.
        """
        model, catalog = work.model, work.catalog
        rival = wallets_of(champion, model, catalog) if champion is not None else None
        also = rival.model.feature_names_in_ if rival is not None else ()
        cohorts = planned_cohorts(work, also)
        rows, left_out = read_cohorts(work, cohorts, feature_types(work))
        grown = None
        if model.market is not None:
            work.stage("markets")
            plan = markets.cells_plan(model, catalog, work.engine.dialect, work.as_of)
            grown = markets.Markets.of(work.engine.query(plan))
        work.stage("fit")
        beside = None
        if champion is not None and rival is not None:
            beside = champion, lambda cohort: quantiles_by(rival, cohort, model, catalog)
        return wallets.learn(model, catalog, rows, work.as_of, left_out, grown, beside)

    def compare(self, work: Work, versions: Sequence[Version]) -> Compared:
        """Foretell the newest test cohort by each."""
        kept = [wallets_of(one, work.model, work.catalog) for one in versions]
        test = newest_cohort(work, [name for one in kept if one is not None for name in one.model.feature_names_in_])
        foretold = [None if one is None else quantiles_by(one, test, work.model, work.catalog) for one in kept]
        return wallets.compare(test, work.model.quantile, versions, foretold)

    def wake(self, artifact: Mapping[str, Any]) -> wallets.Kept:
        """The peers and the markets."""
        return wallets.Kept.from_json(artifact)

    def reads(self, kept: wallets.Kept) -> Sequence[str]:
        """The features."""
        return kept.model.feature_names_in_

    def asks(self, model: ModelDef, catalog: Catalog) -> Mapping[str, Expr]:
        """What was spent over the last horizon, with us and with others, and in which market."""
        return plans.asked_of_wallets(model, catalog)

    def say(self, kept: wallets.Kept, frame: Any) -> Columns:
        """The wallet, our share of it, what is left, and how the market grows."""
        return wallets.scores(kept, frame)


class Trait:
    """What members did not declare, from behaviour."""

    compare = None

    def train(self, work: Work, champion: Version | None) -> Trained:  # noqa: ARG002
        """Read the tags and what was declared, judge on a part, learn from all who declared."""
        work.stage("members")
        declared = self._declared(work)
        _, frame = members_with(work, plans.feature_names(work.model, work.catalog))
        work.stage("fit")
        return traits.learn(work.model, frame, declared, work.as_of)

    def scores(
        self,
        work: Work,
        artifact: Mapping[str, Any],
        seen: drift.Seen | None,  # noqa: ARG002
    ) -> Iterator[Columns]:
        """What each declared, or is inferred of them where the confidence suffices."""
        fitted = InferredTrait.from_json(artifact["trait"])
        rows, frame = members_with(work, artifact["features"])
        value, confidence, method = fitted.infer(frame, self._declared(work))
        yield {
            "id": rows["id"],
            "value": pa.array(value.tolist(), pa.string()),
            "confidence": pa.array(confidence, pa.float64()),
            "method": pa.array(method.tolist(), pa.string()),
        }

    def _declared(self, work: Work) -> NDArray[Any]:
        plan = plans.trait_plan(work.model, work.catalog, work.engine.dialect, work.as_of)
        return np.array(work.engine.query(plan)["declared"].to_pylist(), dtype=object)


class Clusters(OfTags):
    """Groups of members who are alike in their tags."""

    compare = None

    def train(self, work: Work, champion: Version | None) -> Trained:  # noqa: ARG002
        """Read the tags of the population, try numbers of clusters, keep the centres of one."""
        from gongbi.models import clusters

        work.stage("members")
        _, frame = members_with(work, plans.feature_names(work.model, work.catalog))
        work.stage("choose clusters")
        return clusters.learn(work.model, frame, work.as_of)

    def wake(self, artifact: Mapping[str, Any]) -> MixedClusters:
        """The centres."""
        from gongbi.estimators.clusters import MixedClusters

        return MixedClusters.from_json(artifact)

    def reads(self, kept: MixedClusters) -> Sequence[str]:
        """The tags that span the space."""
        return kept.space_.columns.names

    def say(self, kept: MixedClusters, frame: Any) -> Columns:
        """The nearest centre, and how clearly it is the nearest."""
        label, clarity = kept.assign(frame)
        return {"cluster": pa.array(label + 1, pa.int64()), "clarity": pa.array(clarity, pa.float64())}
