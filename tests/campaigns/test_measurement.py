from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from gongbi.core.clock import parse_instant
from gongbi.engine import Engine
from gongbi.errors import InvalidInput, NotYet
from gongbi.services import campaigns

ZONE = "America/New_York"
AS_OF = parse_instant("2017-10-30", ZONE).replace(tzinfo=None)
END = parse_instant("2017-12-25", ZONE).replace(tzinfo=None)
BEFORE = parse_instant("2017-09-04", ZONE).replace(tzinfo=None)


def spent(world: Any, start: Any, end: Any) -> pd.Series[float]:
    rows = world.purchase[(world.purchase.ts >= start) & (world.purchase.ts < end)]
    return rows.groupby("customer").amount.sum().reindex(world.customers).fillna(0).astype(float)


def test_figures_agree_with_plain_pandas(engine: Engine, world_of: Any, open_context: Any) -> None:
    world = world_of()
    found = campaigns.measure(open_context(world, engine), "autumn")
    received = set(world.sent.customer)
    during = world.purchase[(world.purchase.ts >= AS_OF) & (world.purchase.ts < END)]
    bought = received & set(during.customer)
    redeemed = received & set(world.redeemed[world.redeemed.campaign == 18].customer)
    assert [step["count"] for step in found["funnel"]] == [len(received), len(bought), len(bought & redeemed)]
    assert found["received"] == len(received)
    assert found["responded"] == len(redeemed)
    assert found["response"]["value"] == pytest.approx(len(redeemed) / len(received))
    mask = pd.Series(world.customers, index=world.customers).isin(received)
    for key, rows in (("received", mask), ("others", ~mask)):
        assert found["sums"][key]["members"] == rows.sum()
        assert found["sums"][key]["before"] == pytest.approx(spent(world, BEFORE, AS_OF)[rows].sum())
        assert found["sums"][key]["after"] == pytest.approx(spent(world, AS_OF, END)[rows].sum())
    assert found["unit"] == "USD"
    # The split puts every member in one part, and its funnels add up to the whole.
    assert sum(part["members"] for part in found["by"]) == len(world.customers)
    for step in range(3):
        assert sum(part["funnel"][step]["count"] for part in found["by"]) == found["funnel"][step]["count"]
    level = pd.qcut(spent(world, BEFORE, AS_OF).rank(method="first"), 4, labels=False) + 1
    best = next(part for part in found["by"] if part["value"] == 4)
    assert best["received"] == len(received & set(level[level == 4].index))


def test_the_planted_effect_is_found_and_the_placebo_is_near_zero(
    duckdb_engine: Engine, world_of: Any, open_context: Any
) -> None:
    found = campaigns.measure(open_context(world_of(seed=3, effect=30.0, customers=1500), duckdb_engine), "autumn")
    assert found["effect"]["low"] <= 30 <= found["effect"]["high"]
    assert found["effect"]["low"] > 0
    assert found["naive"]["low"] > 60
    assert abs(next(b for b in found["balance"] if b["column"] == "before")["after"]) < 0.1
    assert found["matched"]["received"] + found["dropped"]["received"] == found["received"]


def test_a_list_chosen_by_the_period_before_fails_the_placebo_loudly(
    duckdb_engine: Engine, world_of: Any, open_context: Any
) -> None:
    # Receivers were chosen for what they spent in the very period that the placebo takes for the campaign's.
    found = campaigns.measure(open_context(world_of(seed=4, effect=0.0, customers=1500), duckdb_engine), "autumn")
    assert found["placebo"]["near_zero"] is False
    assert found["placebo"]["effect"]["low"] > 0
    assert any("WARNING" in text for text in found["words"]["en"])
    assert any("警告" in text for text in found["words"]["zh"])
    assert found["effect"]["low"] <= 0 <= found["effect"]["high"]


def test_no_planted_effect_is_told_as_none(duckdb_engine: Engine, world_of: Any, open_context: Any) -> None:
    found = campaigns.measure(open_context(world_of(seed=5, effect=0.0), duckdb_engine), "autumn")
    assert found["effect"]["low"] <= 0 <= found["effect"]["high"]
    assert any("no change can be told from chance" in text for text in found["words"]["en"])


def test_figures_are_kept_with_the_record(duckdb_engine: Engine, world_of: Any, open_context: Any) -> None:
    ctx = open_context(world_of(customers=200), duckdb_engine)
    both = campaigns.campaign(ctx, "autumn")
    (run,) = ctx.store.campaigns.list(campaign="autumn")
    assert json.loads(json.dumps(both, allow_nan=False)) == both
    assert run.figures["measurement"] == both["measurement"]
    assert run.figures["decision"].items() <= both["decision"].items()
    assert campaigns.measure(ctx, "autumn") == both["measurement"]
    assert campaigns.decide(ctx, "autumn")["run"] == run.id == both["decision"]["run"]
    compared = both["measurement"]["overlap"]
    assert compared["chosen"] == both["decision"]["chosen"]
    assert compared["chosen_received"] + compared["rest_received"] == both["measurement"]["received"]


def test_the_order_of_rows_plays_no_part(duckdb_engine: Engine, world_of: Any, open_context: Any) -> None:
    world = world_of(customers=200)
    first = campaigns.measure(open_context(world, duckdb_engine), "autumn")
    shuffled = world.changed(customers=world.customers[::-1], purchase=world.purchase.sample(frac=1, random_state=1))
    assert campaigns.measure(open_context(shuffled, duckdb_engine), "autumn") == first


def test_a_campaign_that_nobody_received_is_refused(duckdb_engine: Engine, world_of: Any, open_context: Any) -> None:
    world = world_of(customers=200)
    ctx = open_context(world.changed(sent=world.sent.iloc[:0]), duckdb_engine)
    with pytest.raises(InvalidInput, match="Nobody received 'autumn'"):
        campaigns.measure(ctx, "autumn")


def test_an_absent_outcome_is_refused_rather_than_left_out(
    duckdb_engine: Engine, world_of: Any, open_context: Any
) -> None:
    world = world_of(customers=200)
    outcome = "sum(purchase.amount) filter (where during() and amount > 200)"
    ctx = open_context(world.changed(campaign=replace(world.campaign, outcome=outcome)), duckdb_engine)
    with pytest.raises(InvalidInput, match="absent for"):
        campaigns.measure(ctx, "autumn")


def test_a_period_that_is_not_over_is_not_measured(duckdb_engine: Engine, world_of: Any, open_context: Any) -> None:
    ctx = replace(
        open_context(world_of(customers=200), duckdb_engine),
        clock=lambda: parse_instant("2017-12-24T12:00:00", ZONE) + timedelta(hours=1),
    )
    with pytest.raises(NotYet, match="ends at 2017-12-25"):
        campaigns.measure(ctx, "autumn")


def test_the_work_can_be_followed_and_stopped(duckdb_engine: Engine, world_of: Any, open_context: Any) -> None:
    seen: list[tuple[str, int, int | None]] = []
    ctx = replace(open_context(world_of(customers=200), duckdb_engine), report=lambda *step: seen.append(step))
    campaigns.measure(ctx, "autumn")
    assert seen[-1] == ("campaign measurement", 3, 3)
    assert ("campaign audience", 1, 1) in seen
