"""What each kind of model does to learn and to score: one small entry each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from gongbi.catalog.base import ModelDef
from gongbi.catalog.catalog import Catalog
from gongbi.core.dialect import Dialect
from gongbi.core.plan import Plan
from gongbi.models import (
    circles,
    contracts,
    drift,
    lifeevents,
    needs,
    prices,
    purchases,
    rivals,
    sendtime,
    stages,
    text_labels,
    texts,
)
from gongbi.models import plan as plans
from gongbi.models.base import Trained, Version
from gongbi.models.kind import Compared, Kind
from gongbi.models.of_facts import Facts, OfFacts
from gongbi.models.of_tags import Clusters, Newcomers, Propensity, Trait, Uplift, Wallets
from gongbi.models.reading import Work, floats, only_asked
from gongbi.models.scoring import Columns


class Texts:
    """What texts of a fact say; each text's answer becomes a row of a fact of its own."""

    def train(self, work: Work, champion: Version | None) -> Trained:
        """Read the texts, learn, judge labels on the last ones, beside the `champion` where it knows none of them."""
        work.stage("texts")
        rows = self._read(work)
        work.stage("fit")
        return texts.learn(work.model, rows, work.as_of, champion)

    def compare(self, work: Work, versions: Sequence[Version]) -> Compared:
        """Label the last texts by each."""
        work.stage("texts")
        return text_labels.compare(work.model, texts.learned_from(self._read(work)), work.as_of, versions)

    def said(self, work: Work, artifact: Mapping[str, Any]) -> pa.Table:
        """What a kept model says of every text that was known at the instant."""
        return texts.said(artifact, self._read(work))

    def scores(
        self,
        work: Work,
        artifact: Mapping[str, Any],
        seen: drift.Seen | None = None,  # noqa: ARG002
    ) -> Iterator[Columns]:
        """Say of members what their texts say."""
        yield self.of_members(work, self.said(work, artifact))

    def of_members(self, work: Work, said: pa.Table) -> Columns:
        """The scores that follow from what is said of each text."""
        return only_asked(work, texts.of_members(work.model, said, work.as_of))

    def _read(self, work: Work) -> pa.Table:
        return work.engine.query(texts.texts_plan(work.model, work.catalog, work.engine.dialect, work.as_of))


def _circle_plans(
    model: ModelDef,
    catalog: Catalog,
    dialect: Dialect,
    as_of: datetime,
    learning: bool,  # noqa: ARG001
) -> dict[str, Plan]:
    asked = {"ties": circles.ties_plan(model, catalog, dialect, as_of)}
    if model.rival or model.worth or model.keys:
        asked["traits"] = circles.traits_plan(model, catalog, dialect, as_of)
    return asked


def _circle_scores(model: ModelDef, artifact: Mapping[str, Any], facts: Facts) -> Columns:
    found = circles.score(model, artifact, facts.tables)
    return {name: found[name] for name in found.column_names}


#: Why versions of a kind are not looked at side by side; those of texts are by their labels, where they have some.
INCOMPARABLE: Mapping[str, str] = {
    "recurring": "It learns nothing: each scoring finds anew what recurs.",
    "life_event": "Each version learns from all whose event is known, so nobody is left to judge two of them by.",
    "contracts": "Each version is judged at its own training, on contracts that it did not learn from.",
    "circles": "Each scoring finds the circles anew in the ties of that instant.",
    "clusters": "Clusters foretell nothing that could come true.",
    "trait": "Each version learns from all who declared, so nobody is left by whom to judge two of them fairly.",
    "texts": "Without `label` nothing tells versions apart.",
}


KINDS: Mapping[str, Kind] = {
    "propensity": Propensity(),
    "newcomers": Newcomers(),
    "wallet": Wallets(),
    "trait": Trait(),
    "uplift": Uplift(),
    "clusters": Clusters(),
    "stages": OfFacts(
        lambda model, catalog, dialect, as_of, _: {"log": plans.days_plan(model, catalog, dialect, as_of)},
        lambda model, facts: stages.learn(model, facts.tables["log"], facts.as_of, facts.zone, facts.champion),
        lambda model, artifact, facts: stages.scores(model, artifact, facts.tables["log"], facts.as_of, facts.zone),
        lambda model, facts, versions: stages.compare(model, facts.tables["log"], facts.as_of, facts.zone, versions),
    ),
    "contracts": OfFacts(
        contracts.plans,
        lambda model, facts: contracts.learn(
            model, facts.tables, contracts.types_of(model, facts.catalog), facts.as_of
        ),
        lambda model, artifact, facts: contracts.scores(
            model, artifact, facts.tables["rows"], contracts.types_of(model, facts.catalog), facts.as_of
        ),
    ),
    "recurring": OfFacts(
        lambda model, catalog, dialect, as_of, _: {"rows": plans.payments_plan(model, catalog, dialect, as_of)},
        lambda model, facts: needs.learn(model, facts.tables["rows"], facts.as_of, facts.zone),
        lambda _, artifact, facts: needs.scores(artifact, facts.tables["rows"], facts.as_of, facts.zone),
    ),
    "life_event": OfFacts(
        lifeevents.plans,
        lambda model, facts: lifeevents.learn(model, facts.tables["days"], facts.as_of, facts.zone),
        lambda model, artifact, facts: lifeevents.scores(model, artifact, facts.tables["days"]),
    ),
    "send_time": OfFacts(
        sendtime.plans,
        lambda model, facts: sendtime.learn(model, facts.tables, facts.as_of, facts.zone, facts.champion),
        lambda model, artifact, facts: sendtime.scores(model, artifact, facts.tables, facts.as_of),
        lambda model, facts, versions: sendtime.compare(model, facts.tables, facts.as_of, facts.zone, versions),
    ),
    "texts": Texts(),
    "price": prices.Prices(),
    "circles": OfFacts(
        _circle_plans,
        lambda model, facts: circles.learn(model, facts.tables, facts.as_of),
        _circle_scores,
    ),
    "purchases": OfFacts(
        lambda model, catalog, dialect, as_of, _: {"rows": plans.history_plan(model, catalog, dialect, as_of)},
        lambda model, facts: purchases.learn(
            model,
            floats(facts.tables["rows"]),
            facts.as_of,
            rivals.fair(facts.champion, model.holdout_days, facts.as_of, facts.zone),
        ),
        lambda model, artifact, facts: {
            "id": facts.tables["rows"]["id"],
            **purchases.scores(model, artifact, floats(facts.tables["rows"])),
        },
        lambda model, facts, versions: purchases.side_by_side(
            model, floats(facts.tables["rows"]), facts.as_of, facts.zone, versions
        ),
    ),
}
