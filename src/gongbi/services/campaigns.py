"""Campaigns: decide who is chosen, and measure what one that was sent has changed."""

from __future__ import annotations

from typing import Any

from gongbi.campaigns.base import Decision
from gongbi.campaigns.run import choose, record
from gongbi.core.clock import parse_instant
from gongbi.services.context import Context
from gongbi.store.campaigns import CampaignRun


def decide(ctx: Context, name: str) -> dict[str, Any]:
    """Choose a campaign's audience as of its instant, draw the hold-out and put both on record.

    Deciding again with the same definition and data gives the record that is there.

    Returns
    -------
    dict
        ``run`` (of the record), ``campaign``, ``as_of``, ``eligible``, ``scored``, ``chosen``, ``arms``, ``reasons``,
        ``cut_off``, ``fingerprint`` and ``table``: a dict with ``id``, ``arm``, ``reason`` and ``score`` for each
        chosen customer, best first.

    Raises
    ------
    AudienceIsEmpty
        Nobody can be chosen; nothing is put on record.
    """
    run, decision = _decided(ctx, name)
    table = []
    for chosen in decision.chosen:
        words = decision.reason_words(chosen.reason)
        reason = {"zh": words.zh, "en": words.en} if words else None
        table.append({"id": chosen.id, "arm": chosen.arm, "reason": reason, "score": chosen.score})
    return {"run": run.id, "campaign": name, **decision.to_json(), "table": table}


def _decided(ctx: Context, name: str) -> tuple[CampaignRun, Decision]:
    catalog = ctx.catalog()
    campaign = catalog.campaign(name)
    as_of = parse_instant(campaign.as_of, ctx.zone)
    ctx.progress("campaign audience", 0, 1)
    decision = choose(campaign, catalog, ctx.engine, as_of)
    ctx.check_cancelled()
    run = record(decision, ctx.store, actor=ctx.actor, now=ctx.now())
    ctx.progress("campaign audience", 1, 1)
    return run, decision
