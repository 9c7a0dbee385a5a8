from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gongbi.catalog.base import ModelDef
from gongbi.catalog.catalog import assemble
from gongbi.core.clock import midnight, parse_instant
from gongbi.engine import Engine
from gongbi.errors import AudienceIsEmpty, GongbiError, Refused
from gongbi.estimators.stats import arm
from gongbi.services import campaigns

ZONE = "America/New_York"
AS_OF = parse_instant("2017-10-30", ZONE).replace(tzinfo=None)


def expected(world: Any) -> pd.DataFrame:
    """Spend, redemptions, score and reason by plain pandas."""
    past = world.purchase[(world.purchase.ts < AS_OF) & (world.purchase.ts >= AS_OF - timedelta(days=56))]
    spend = past.groupby("customer").amount.sum().reindex(world.customers).fillna(0).astype(float)
    before = world.redeemed[world.redeemed.ts < AS_OF].groupby("customer").size().reindex(world.customers).fillna(0)
    found = pd.DataFrame({"spend": spend, "before": before, "score": spend + 100 * before})
    found = found[found.spend > 0].reset_index(names="id")
    found["reason"] = np.select([found.before > 0, found.spend > 150], ["Redeemed before", "Spends much"], "Came")
    return found.sort_values(["score", "id"], ascending=[False, True]).reset_index(drop=True)


def test_the_best_scores_are_chosen_with_the_first_true_reason(
    engine: Engine, world_of: Any, open_context: Any
) -> None:
    world = world_of(customers=200)
    found = campaigns.decide(open_context(world, engine), "autumn")
    plain = expected(world)
    assert found["eligible"] == found["scored"] == len(plain)
    plain = plain.head(100)
    table = pd.DataFrame(found["table"])
    assert table.id.tolist() == plain.id.tolist()
    np.testing.assert_allclose(table.score, plain.score)
    assert [reason["en"] for reason in table.reason] == plain.reason.tolist()
    assert {r["en"]: r["count"] for r in found["reasons"] if r["count"]} == plain.reason.value_counts().to_dict()
    assert found["cut_off"] == pytest.approx(plain.score.iloc[-1])
    shares = {"treated": 0.8, "held_out": 0.2}
    assert table.arm.tolist() == [arm("autumn", i, shares) for i in table.id]
    assert found["arms"] == {a: int((table.arm == a).sum()) for a in shares}
    assert 8 <= found["arms"]["held_out"] <= 32


def test_a_decision_is_on_record_once_and_again_after_the_data_change(
    duckdb_engine: Engine, world_of: Any, open_context: Any
) -> None:
    world = world_of(customers=200)
    ctx = open_context(world, duckdb_engine)
    first = campaigns.decide(ctx, "autumn")
    shuffled = world.changed(purchase=world.purchase.sample(frac=1, random_state=1))
    again = campaigns.decide(open_context(shuffled, duckdb_engine, store=ctx.store), "autumn")
    assert again == first
    (run,) = ctx.store.campaigns.list(campaign="autumn")
    assert (run.treated, run.held_out) == (first["arms"]["treated"], first["arms"]["held_out"])
    kept = {a.customer_id: (a.arm, a.reason, a.score) for a in ctx.store.campaigns.assignments(run.id)}
    assert kept == {str(row["id"]): (row["arm"], row["reason"], row["score"]) for row in first["table"]}

    best = first["table"][0]["id"]
    fewer = world.changed(purchase=world.purchase[world.purchase.customer != best])
    other = campaigns.decide(open_context(fewer, duckdb_engine, store=ctx.store), "autumn")
    assert other["run"] != first["run"]
    assert len(ctx.store.campaigns.list(campaign="autumn")) == 2


def test_nobody_changes_arm_when_customers_join(duckdb_engine: Engine, world_of: Any, open_context: Any) -> None:
    world = world_of(customers=200)
    first = campaigns.decide(open_context(world, duckdb_engine), "autumn")
    extra = world.purchase[world.purchase.customer <= 50].assign(customer=lambda rows: rows.customer + 1000)
    larger = world.changed(
        customers=[*world.customers, *range(1001, 1051)], purchase=pd.concat([world.purchase, extra])
    )
    second = campaigns.decide(open_context(larger, duckdb_engine), "autumn")
    arms = {row["id"]: row["arm"] for row in first["table"]}
    both = [row for row in second["table"] if row["id"] in arms]
    assert 50 < len(both) < 100
    assert all(arms[row["id"]] == row["arm"] for row in both)


def test_equal_scores_go_to_the_smaller_id(duckdb_engine: Engine, world_of: Any, open_context: Any) -> None:
    world = world_of(customers=200)
    world = world.changed(campaign=replace(world.campaign, score="1", limit=3))
    found = campaigns.decide(open_context(world, duckdb_engine), "autumn")
    assert [row["id"] for row in found["table"]] == sorted(expected(world).id)[:3]


def test_a_customer_without_a_score_is_never_chosen(duckdb_engine: Engine, world_of: Any, open_context: Any) -> None:
    world = world_of(customers=200)
    score = "case when tag.before > 0 then tag.spend end"
    world = world.changed(campaign=replace(world.campaign, score=score, limit=10_000, holdout=0.0))
    found = campaigns.decide(open_context(world, duckdb_engine), "autumn")
    assert found["chosen"] == found["scored"] == int((expected(world).before > 0).sum()) < found["eligible"]
    assert found["arms"]["held_out"] == 0


def test_what_comes_after_the_instant_changes_nothing(duckdb_engine: Engine, world_of: Any, open_context: Any) -> None:
    world = world_of(customers=200)
    first = campaigns.decide(open_context(world, duckdb_engine), "autumn")
    rng = np.random.default_rng(1)

    def scrambled(rows: pd.DataFrame) -> pd.DataFrame:
        past, later = rows[rows.ts < AS_OF], rows[rows.ts >= AS_OF]
        later = later.assign(customer=rng.permutation(later.customer)).sample(frac=0.5, random_state=2)
        return pd.concat([past, later])

    other = world.changed(
        purchase=scrambled(world.purchase), sent=scrambled(world.sent), redeemed=scrambled(world.redeemed)
    )
    assert campaigns.decide(open_context(other, duckdb_engine), "autumn")["table"] == first["table"]


@pytest.mark.parametrize(
    ("change", "says"),
    [({"eligible": "tag.spend > 1e9"}, "nobody eligible"), ({"score": "tag.spend / 0"}, "none with a score")],
)
def test_an_empty_audience_is_refused_and_leaves_no_record(
    duckdb_engine: Engine, world_of: Any, open_context: Any, change: dict[str, str], says: str
) -> None:
    world = world_of(customers=200)
    ctx = open_context(world.changed(campaign=replace(world.campaign, **change)), duckdb_engine)
    with pytest.raises(AudienceIsEmpty, match=says):
        campaigns.decide(ctx, "autumn")
    assert ctx.store.campaigns.list() == ()


def test_a_model_score_of_today_is_refused(duckdb_engine: Engine, world_of: Any, open_context: Any) -> None:
    world = world_of(customers=200)
    model = ModelDef("next", "purchases", fact="purchase", amount="amount")
    catalog = assemble(
        [*world.definitions[:-1], model, replace(world.campaign, score="tag.model.next.value")], zone=ZONE
    )
    from gongbi.campaigns.run import choose

    world.fill(duckdb_engine)
    with pytest.raises(Refused, match=r"model\.next\.value"):
        choose(catalog.campaign("autumn"), catalog, duckdb_engine, parse_instant("2017-10-30", ZONE))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"score": "tag.spend > 1"}, "must be a number"),
        ({"outcome": "sum(purchase.amount)"}, "when it is measured"),
        ({"funnel": {"tag.spend": None}}, "true or false"),
        ({"eligible": "exists(sent) filter (where during())"}, "during"),
        ({"match_on": ("nothing.*",)}, "nothing"),
    ],
)
def test_a_campaign_that_makes_no_sense_is_refused_before_anything_runs(
    world_of: Any, change: dict[str, Any], says: str
) -> None:
    world = world_of(customers=10)
    with pytest.raises(GongbiError, match=says):
        assemble([*world.definitions[:-1], replace(world.campaign, **change)], zone=ZONE)


def test_the_end_of_the_period_follows_the_calendar() -> None:
    # 56 local days from local midnight: the hour that the clocks give back in November is within them.
    assert midnight(pd.Timestamp("2017-12-25").date(), ZONE) - parse_instant("2017-10-30", ZONE) == timedelta(
        days=56, hours=1
    )
