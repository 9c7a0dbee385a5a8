"""Deciding and measuring are runs like any other, and figures that have aged say so."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from gongbi.catalog.encode import to_json
from gongbi.cli.report import lines
from gongbi.engine import Engine
from gongbi.errors import NotYet, Refused
from gongbi.services import campaigns
from gongbi.services.report import report
from gongbi.store.definitions import NewDefinition

from .conftest import AS_OF


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


def test_who_is_chosen_is_written_with_arm_reason_and_score_and_put_on_record(
    duckdb_engine: Engine, world_of: Any, open_context: Any, tmp_path: Path
) -> None:
    ctx = open_context(world_of(customers=200), duckdb_engine)
    path = tmp_path / "chosen.csv"
    found = campaigns.decide(ctx, "autumn", to=str(path))
    assert found["file"]["columns"] == ["id", "arm", "reason_zh", "reason_en", "score"]
    rows = list(csv.DictReader(path.open(encoding="utf-8-sig")))
    assert [
        (int(r["id"]), r["arm"], {"zh": r["reason_zh"], "en": r["reason_en"]}, float(r["score"])) for r in rows
    ] == [(r["id"], r["arm"], r["reason"], r["score"]) for r in found["table"]]
    assert {row["arm"] for row in rows} == {"treated", "held_out"}
    (record,) = ctx.store.exports.list()
    assert (record.id, record.rows, record.sha256) == (found["file"]["export"], 100, found["file"]["sha256"])
    assert (record.expression, record.path, record.as_of) == ("campaign autumn", str(path), AS_OF)
    (run,) = ctx.store.runs.list()
    assert (run.kind, run.rows, run.params) == ("decide", 100, {"path": str(path)})
    before = path.read_bytes()
    with pytest.raises(Refused, match="exists already"):
        campaigns.decide(ctx, "autumn", to=str(path))
    assert (path.read_bytes(), len(ctx.store.runs.list())) == (before, 1)
    assert campaigns.decide(ctx, "autumn", to=str(path), overwrite=True)["run"] == found["run"]
    assert len(ctx.store.exports.list()) == 2


def test_a_campaign_that_cannot_be_measured_yet_is_written(
    duckdb_engine: Engine, world_of: Any, open_context: Any, tmp_path: Path
) -> None:
    world = world_of(customers=200)
    coming = replace(world.campaign, as_of="2017-12-24", reasons={})
    ctx = open_context(world.changed(campaign=coming), duckdb_engine)
    with pytest.raises(NotYet):
        campaigns.campaign(ctx, "autumn")
    path = tmp_path / "chosen.parquet"
    found = campaigns.decide(ctx, "autumn", to=str(path))
    table = pq.read_table(path)
    assert table["id"].to_pylist() == [row["id"] for row in found["table"]]
    assert table["reason_en"].null_count == table.num_rows == found["chosen"]
