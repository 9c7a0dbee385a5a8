"""Choose a campaign's audience and put it on record."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import pyarrow as pa

from gongbi.campaigns.base import TREATED, Chosen, Decision
from gongbi.campaigns.plan import SCORE, audience, reason_column
from gongbi.catalog.base import CampaignDef
from gongbi.catalog.catalog import Catalog
from gongbi.core.clock import local_time
from gongbi.engine import Engine
from gongbi.errors import AudienceIsEmpty
from gongbi.estimators.stats import arms
from gongbi.store import Store
from gongbi.store.campaigns import HELD_OUT, Assignment, CampaignRun

#: Goes into the hash beside campaign and customer id; kept with each run, so that a split can be worked out again.
SALT = ""


def choose(campaign: CampaignDef, catalog: Catalog, engine: Engine, as_of: datetime) -> Decision:
    """Rank the eligible by score, ties by the smaller id, take the first `limit` and draw the hold-out.

    The arm of a customer follows from the names of the campaign and the customer alone (the recipe is in
    `gongbi.estimators.stats.arms`: SHA-256 of salt, campaign and id), so it stays what it is when the choice is
    repeated, when the rows come in another order and when others join. The share held out is therefore met on
    average, not to the customer.

    Raises
    ------
    AudienceIsEmpty
        Nobody is eligible, or nobody eligible has a score.
    """
    rows = engine.query(audience(campaign, catalog, as_of, engine.dialect))
    ids = rows["id"].to_pylist()
    scores = rows[SCORE].cast(pa.float64()).to_pylist()
    scored = ((score, id_, row) for row, (id_, score) in enumerate(zip(ids, scores, strict=True)) if score is not None)
    ranked = sorted(scored, key=lambda entry: (-entry[0], entry[1]))
    if not ranked:
        what = f"{len(ids)} eligible, none with a score" if ids else "nobody eligible"
        raise AudienceIsEmpty(
            f"Campaign {campaign.campaign!r} has {what} as of {local_time(as_of, catalog.world.zone)}.",
            hint="Loosen `eligible`, or check that there are facts before `as_of`.",
        )
    first = ranked[: campaign.limit]
    drawn = arms(campaign.campaign, [id_ for _, id_, _ in first], shares(campaign), SALT)
    reasons = [rows[reason_column(n)].to_pylist() for n in range(len(campaign.reasons))]
    chosen = [
        Chosen(id_, arm, next((n for n, true in enumerate(reasons) if true[row]), None), score)
        for (score, id_, row), arm in zip(first, drawn, strict=True)
    ]
    return Decision(campaign, as_of, len(ids), len(ranked), tuple(chosen))


def shares(campaign: CampaignDef) -> Mapping[str, float]:
    """Share of each arm."""
    return {TREATED: 1 - campaign.holdout, HELD_OUT: campaign.holdout}


def record(decision: Decision, store: Store, *, actor: str, now: datetime) -> CampaignRun:
    """Put a decision on record, once: the same definition, data and instant give the record that is there."""
    figures = decision.to_json()
    with store.transaction():
        for run in store.campaigns.list(campaign=decision.campaign.campaign):
            if run.figures.get("decision", {}).get("fingerprint") == figures["fingerprint"]:
                return run
        return store.campaigns.record(
            decision.campaign.campaign,
            (Assignment(str(c.id), c.arm, _spoken(decision, c), c.score) for c in decision.chosen),
            segment=decision.campaign.eligible,
            as_of=decision.as_of,
            salt=SALT,
            actor=actor,
            now=now,
            figures={"decision": figures},
        )


def _spoken(decision: Decision, chosen: Chosen) -> dict[str, str] | None:
    words = decision.reason_words(chosen.reason)
    return words.to_json() if words else None
