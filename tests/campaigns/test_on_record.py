"""Deciding and measuring are runs like any other, and figures that have aged say so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gongbi.catalog.encode import to_json
from gongbi.cli.report import lines
from gongbi.engine import Engine
from gongbi.services import campaigns
from gongbi.services.report import report
from gongbi.store.definitions import NewDefinition


def test_deciding_and_measuring_alone_are_runs_of_their_own(
    duckdb_engine: Engine, world_of: Any, open_context: Any
) -> None:
    ctx = open_context(world_of(), duckdb_engine)
    chosen = campaigns.decide(ctx, "autumn")["chosen"]
    campaigns.measure(ctx, "autumn")
    campaigns.campaign(ctx, "autumn")
    runs = [(run.kind, run.subject, run.status, run.rows) for run in ctx.store.runs.list()]
    # What was measured a moment ago is given again, so the third is no work.
    assert runs == [("measure", "autumn", "done", chosen), ("decide", "autumn", "done", chosen)]


def test_figures_older_than_the_definitions_of_now_say_so_until_they_are_measured_again(
    duckdb_engine: Engine, world_of: Any, open_context: Any
) -> None:
    world = world_of()
    ctx = open_context(world, duckdb_engine)
    assert campaigns.campaigns(ctx)[0]["warnings"] == []
    campaigns.campaign(ctx, "autumn")
    assert campaigns.campaigns(ctx)[0]["warnings"] == []
    smaller = to_json(replace(world.campaign, limit=50))
    ctx.store.definitions.put_all([NewDefinition("campaign", "autumn", smaller)], "test", ctx.now())
    (warning,) = campaigns.campaigns(ctx)[0]["warnings"]
    assert warning["code"] == "stale_figures"
    assert "`gongbi campaign autumn` measures again" in warning["en"]
    assert "gongbi campaign autumn" in warning["zh"]
    assert campaigns.campaign(ctx, "autumn")["decision"]["chosen"] == 50
    assert campaigns.campaigns(ctx)[0]["warnings"] == []


def test_the_report_shows_the_campaign_that_was_run_last(
    duckdb_engine: Engine, world_of: Any, open_context: Any
) -> None:
    world = world_of(customers=200)
    ctx = open_context(world, duckdb_engine)
    assert report(ctx)["campaign"] == {}
    winter = to_json(replace(world.campaign, campaign="winter", limit=50))
    ctx.store.definitions.put_all([NewDefinition("campaign", "winter", winter)], "test", ctx.now())
    campaigns.campaign(ctx, "autumn")
    assert report(ctx)["campaign"]["campaign"] == "autumn"
    campaigns.decide(ctx, "winter")
    found = report(ctx)
    assert found["campaign"]["campaign"] == "winter"
    text = "\n".join(lines(found))
    assert "chosen by Gongbi                  50" in text
    assert "not measured yet" in text
