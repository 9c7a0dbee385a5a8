"""A campaign's definition → the plans that read what was before it and what came of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gongbi.campaigns.plan import SUBJECT, members_at
from gongbi.catalog.base import CampaignDef, Words
from gongbi.catalog.catalog import Catalog
from gongbi.core.clock import Window, zone_of
from gongbi.core.dialect import Dialect
from gongbi.core.expr import Expr, TagValue
from gongbi.core.language import check_condition, check_expression
from gongbi.core.plan import Plan
from gongbi.measurement.base import Periods, bounds

OUTCOME = "_outcome"

RECEIVED = Words("收到活动", "Received the campaign")
RESPONDED = Words("响应活动", "Responded")


def step_column(number: int) -> str:
    """The column that says whether a member took a step of the funnel."""
    return f"_step_{number}"


def steps(campaign: CampaignDef) -> dict[str, Words]:
    """All steps of the funnel: condition → words, from receiving to responding."""
    return {campaign.received: RECEIVED, **campaign.funnel, campaign.responded: RESPONDED}


def periods(campaign: CampaignDef, as_of: datetime, zone: str) -> Periods:
    """Return the periods before and after `as_of`, in local days: a change of the clocks makes none of them shorter."""
    local = as_of.astimezone(zone_of(zone))
    # Adding days to a local time keeps the hour on the clock.
    back, ahead = timedelta(days=-campaign.days), timedelta(days=campaign.days)
    starts = [(local + n * back).astimezone(UTC) for n in (2, 1, 0)]
    ends = [*starts[1:], (local + ahead).astimezone(UTC)]
    return Periods(*(Window(start, end) for start, end in zip(starts, ends, strict=True)))


def tags(campaign: CampaignDef, catalog: Catalog) -> dict[str, Expr]:
    """The tags to match on and to split by, as references to their values."""
    types = catalog.world.tags_of(SUBJECT)
    names = catalog.features([*campaign.match_on, *campaign.by], SUBJECT)
    return {name: TagValue(name, types[name]) for name in names}


def outcome(campaign: CampaignDef, catalog: Catalog) -> Expr:
    """The checked outcome."""
    return check_expression(campaign.outcome, catalog.world, SUBJECT, ahead=True)


def state(campaign: CampaignDef, catalog: Catalog, period: Window, dialect: Dialect) -> Plan:
    """What was known when `period` ended: the tags at that instant, and the outcome over the period.

    Grain: one row per member known then; columns ``id``, `OUTCOME` and one for each tag.
    """
    found = {OUTCOME: outcome(campaign, catalog)}
    for name, value in tags(campaign, catalog).items():
        found[f"_tag_{name}"] = value
    return members_at(found, catalog, bounds(period)[1], dialect, during=period)


def result(campaign: CampaignDef, catalog: Catalog, period: Window, dialect: Dialect) -> Plan:
    """What came of the campaign in its period: each step of the funnel, and the outcome.

    Grain: one row per member known at the end of the period; columns ``id``, `OUTCOME` and a boolean for each step.
    Conditions are read as of the end, so that one without ``during()``, as a campaign's key, sees the whole period.
    """
    found = {OUTCOME: outcome(campaign, catalog)}
    for number, text in enumerate(steps(campaign)):
        found[step_column(number)] = check_condition(text, catalog.world, SUBJECT, ahead=True)
    return members_at(found, catalog, bounds(period)[1], dialect, during=period)
