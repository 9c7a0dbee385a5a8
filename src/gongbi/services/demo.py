"""The main job from end to end: definitions, data, tags, predictions, one campaign, the report."""

from __future__ import annotations

from typing import Any

from gongbi.services import build, campaigns, definitions, models, report, sources
from gongbi.services.context import Context


def demo(ctx: Context) -> dict[str, Any]:
    """Run every stage that has something to do, in order; what is done already is not done twice.

    Returns
    -------
    dict
        The report (see `services.report.report`).
    """
    definitions.apply(ctx)
    sources.ingest(ctx)
    build.build(ctx)
    models.train_on_record(ctx)
    for name in ctx.catalog().campaigns:
        campaigns.campaign(ctx, name)
    return report.report(ctx)
