"""Wallets: what members could spend by their peers, held to a world whose wallets and sizes are known."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shop
from scipy.stats import spearmanr
from sklearn.linear_model import QuantileRegressor
from sklearn.metrics import mean_pinball_loss

from gongbi.catalog.catalog import Catalog, model_tags
from gongbi.core.compiler import Request, Stored, compile_members
from gongbi.core.language import check_condition
from gongbi.engine import Engine
from gongbi.models import plan as plans
from gongbi.models.cohorts import left_out_of
from gongbi.models.markets import cells_plan
from gongbi.models.reading import Work
from gongbi.models.run import learn, with_cohorts
from gongbi.models.wallets import Kept, judge, pinball
from gongbi.services import cards, models
from gongbi.store import Store
from gongbi.testing.engine import on_every_engine

#: Customers who live somewhere, in a home of a size; some tell what they spend elsewhere in 60 days.
HOMES = """
source: homes
from: {file: homes.csv}
attributes: customer
key: [customer]
id: customer
columns: {size: integer, place: text, sex: text, others: double}
---
tag: home.size
expr: customer.size
---
tag: home.place
expr: customer.place
---
tag: home.sex
expr: customer.sex
pii: sensitive
---
tag: spend.late
expr: tag.spend.mean * 2
---"""
BASKETS = """
source: baskets
from: {fact: visit, group_by: [shelf]}
fact: basket
subjects: {customer: customer}
columns:
  shelf: text
  total: {expr: sum(amount), type: money, currency: USD}
  lines: {expr: count(visit), type: integer}
---
tag: basket.most
expr: max(basket.total)
---
tag: basket.lines
expr: sum(basket.lines)
---"""
PURSE = """
model: purse
estimator: wallet
target: sum(visit.amount) filter (where ahead(60, 'day'))
features: [home.*, spend.*]
fact: visit
amount: amount
market: customer.place
product: shelf
elsewhere: others
groups: [home.place]
"""
DAYS = 60
#: What a home of each size spends in 60 days, here and elsewhere; places only bring customers closer or farther.
PER_HEAD = 100.0


def world(n: int = 1200, seed: int = 3) -> tuple[shop.Rows, np.ndarray[Any, Any]]:
    """Visits of homes whose wallet is their size's, times their luck; each gives us a share of it for good."""
    rng = np.random.default_rng(seed)
    size = rng.integers(1, 6, n)
    wallet = PER_HEAD * size * np.exp(rng.normal(0, 0.1, n))
    share = rng.beta(2, 2, n)
    rows: shop.Rows = {"visits": [], "mailings": [], "answers": [], "homes": []}
    length = (shop.END - shop.BEGIN).days
    for i in range(n):
        place = "NSW"[i % 3]
        rows["homes"].append(
            {
                "id": i + 1,
                "size": int(size[i]),
                "place": place,
                "sex": "fm"[int(rng.integers(2))],
                # One in ten says it.
                "others": float(wallet[i] * (1 - share[i])) if i % 10 == 0 else None,
            }
        )
        for day in np.flatnonzero(rng.random(length) < 0.12):
            at = shop.BEGIN + timedelta(days=int(day), hours=9)
            shelf = "AB"[int(rng.integers(2))]
            # In the north one shelf grows by half in the last 60 days.
            grown = 1.5 if place == "N" and shelf == "A" and shop.END - at <= timedelta(days=DAYS) else 1.0
            cents = round(100 * wallet[i] * share[i] / (0.12 * DAYS) * grown * float(rng.gamma(4, 0.25))) + 1
            rows["visits"].append({"ts": at, "customer": i + 1, "amount": Decimal(cents) / 100, "shelf": shelf})
    return rows, wallet


ROWS, WALLET = world()


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return shop.definitions(models=HOMES + PURSE)


def spent(begin: Any, end: Any, rows: shop.Rows = ROWS) -> dict[int, Decimal]:
    found: dict[int, Decimal] = defaultdict(Decimal)
    for row in rows["visits"]:
        if begin <= row["ts"] < end:
            found[row["customer"]] += row["amount"]
    return found


@on_every_engine()
def test_own_spend_and_growth_are_of_the_last_horizons_that_are_over(engine: Engine, catalog: Catalog) -> None:
    rows, _ = world(150)
    shop.load(engine, catalog, rows)
    learned = with_cohorts(Work(engine, catalog.model("purse"), catalog, shop.END))
    made = plans.cohort_plans(learned, learned.test[0], "test", catalog, engine.dialect)
    members = {plans.MEMBERS: engine.query(made.members)}
    cut, before = shop.END - timedelta(days=DAYS), shop.END - timedelta(days=2 * DAYS)
    own, then = spent(before, cut, rows), spent(cut, shop.END, rows)
    features, target = (engine.query(plan, inputs=members).to_pylist() for plan in (made.features, made.target))
    assert {row["id"]: float(row[plans.OWN] or 0) for row in features} == pytest.approx(
        {row["id"]: float(own[row["id"]]) for row in features}
    )
    assert {row["id"]: row["value"] for row in target} == pytest.approx(
        {row["id"]: float(then[row["id"]]) for row in target}
    )
    place = {row["id"]: row["place"] for row in rows["homes"]}
    sold: dict[tuple[str, str], dict[int, list[float]]] = defaultdict(lambda: defaultdict(lambda: [0.0, 0.0]))
    for row in rows["visits"]:
        if row["ts"] >= before:
            pair = sold[place[row["customer"]], row["shelf"]][row["customer"]]
            pair[int(row["ts"] >= cut)] += float(row["amount"])
    cells = engine.query(cells_plan(catalog.model("purse"), catalog, engine.dialect, shop.END)).to_pylist()
    assert {(cell["market"], cell["product"]) for cell in cells} == set(sold)
    for cell in cells:
        pairs = np.array(list(sold[cell["market"], cell["product"]].values()))
        assert cell["rows"] == len(pairs)
        told = [cell[key] for key in ("before", "after", "before_squared", "both", "after_squared")]
        b, a = pairs[:, 0], pairs[:, 1]
        assert told == pytest.approx([b.sum(), a.sum(), (b * b).sum(), (b * a).sum(), (a * a).sum()])


@pytest.fixture
def ports(tmp_path: Path, registry: Store, duckdb_engine: Engine, catalog: Catalog) -> shop.Ports:
    shop.load(duckdb_engine, catalog, ROWS)
    return shop.Ports(tmp_path, duckdb_engine, registry, catalog)


def test_wallets_hold_and_recover_those_that_are_hidden(ports: shop.Ports, tmp_path: Path) -> None:
    (done,) = models.train(ports)
    assert (done["status"], done["promoted"], done["scored"]) == ("trained", True, len(WALLET)), done
    card = models.model_card(ports, "purse")
    metrics, figures = card["metrics"], card["metrics"]["wallet"]
    assert figures["difference"]["high"] < 0
    # Where nothing grows, a tenth spend more than the quantile of their peers.
    levels = {one["level"]: one["exceeded"] for one in figures["by_group"]["home.place"]}
    assert all(levels[place]["low"] <= 0.1 <= levels[place]["high"] for place in "SW")
    assert levels["N"]["low"] > 0.1
    assert [one["level"] for one in figures["fairness"]["home.sex"]] == ["m", "f"]
    # Those who are told most room spent least of it before, and fill part of it at most.
    fifths = figures["fifths"]
    assert [one["potential"] for one in fifths] == sorted((one["potential"] for one in fifths), reverse=True)
    assert fifths[0]["more"]["low"] > 0 > fifths[-1]["more"]["high"]
    assert 0 < fifths[0]["came_true"] < 0.5
    assert figures["known"]["members"] == len(WALLET) / 10
    assert figures["known"]["said"] == pytest.approx(figures["known"]["true"], rel=0.15)

    own = spent(shop.END - timedelta(days=DAYS), shop.END)
    mine = np.array([float(own[i + 1]) for i in range(len(WALLET))])
    rows = ports.engine.query("select * from model_purse order by id").to_pylist()
    said = {key: np.array([row[key] for row in rows]) for key in ("wallet", "share", "potential", "known", "growth")}
    others = np.array([row["others"] or 0.0 for row in ROWS["homes"]])
    declared = np.array([row["others"] is not None for row in ROWS["homes"]])
    assert (said["known"] == declared).all()
    assert said["wallet"][declared] == pytest.approx((mine + others)[declared])
    assert (said["wallet"] >= mine - 1e-9).all()
    assert said["potential"] == pytest.approx(said["wallet"] - mine)
    assert said["share"] == pytest.approx(mine / said["wallet"])
    hidden = ~declared
    assert spearmanr(said["wallet"][hidden], WALLET[hidden]).statistic > 0.8
    assert spearmanr(said["potential"][hidden], (WALLET - mine)[hidden]).statistic > 0.75
    assert said["wallet"][hidden].sum() == pytest.approx(WALLET[hidden].sum(), rel=0.15)
    growth = {row["place"]: rate for row, rate in zip(ROWS["homes"], said["growth"], strict=True)}
    assert growth["N"] > 0.15 > max(growth["S"], growth["W"])
    best = metrics["growth"]["cells"][0]
    assert (best["market"], best["product"]) == ("N", "A")
    assert best["low"] < 0.5 < best["high"] + 0.05
    (drawn,) = [one for one in metrics["sections"] if one["kind"] == "dots"]
    sold = sorted(metrics["growth"]["cells"], key=lambda cell: -cell["before"])
    assert drawn["names"] == [f"{cell['market']} · {cell['product']}" for cell in sold][: len(drawn["names"])]
    assert drawn["values"][drawn["names"].index("N · A")] == pytest.approx(100 * best["growth"])

    assert "spend.late, spend.mean" in card["limits"][0]["en"]
    for language, words in (("zh", "潜力会成真吗"), ("en", "Does potential come true?")):
        cards.print_model_card(ports, "purse", str(tmp_path / "card.html"), language=language, overwrite=True)
        page = (tmp_path / "card.html").read_text(encoding="utf-8")
        assert words in page
        assert card["metrics"]["sentence"][language].split("：")[0] in unescape(page)
    # A condition on the scores, as a segment has it.
    condition = "tag.model.purse.potential >= 100 and not tag.model.purse.known"
    where = check_condition(condition, ports.catalog().world, "customer")
    stored = {tag: Stored("model_purse", column) for tag, column in model_tags(ports.catalog().model("purse")).items()}
    plan = compile_members(
        Request("customer", {}, shop.END, stored, where=where), ports.catalog().world, ports.engine.dialect
    )
    found = {row["id"] for row in ports.engine.query(plan).to_pylist()}
    assert found == {i + 1 for i in np.flatnonzero((said["potential"] >= 100) & hidden)}


def test_the_quantile_is_that_of_the_peers_as_plain_regression_has_it(ports: shop.Ports) -> None:
    models.train(ports)
    champion = ports.store.models.champion("purse")
    assert champion is not None
    kept = Kept.from_json(models.artifact_of(ports, champion))
    size, place = (np.array([row[key] for row in ROWS["homes"]]) for key in ("size", "place"))
    ends = [shop.END - timedelta(days=i * DAYS) for i in (2, 1, 0)]
    (taught, then), sizes = (
        [
            np.array([float(money[i + 1]) for i in range(len(WALLET))])
            for money in (spent(begin, end) for begin, end in pairwise(ends))
        ],
        np.eye(5)[size - 1],
    )
    plain = QuantileRegressor(quantile=0.9, alpha=0, fit_intercept=False).fit(sizes, taught).predict(sizes)
    frame = pd.DataFrame({"home.size": size.astype(float), "home.place": place, "spend.shelf": "B"})
    said, calm = kept.quantile(frame), place != "N"
    loss = {name: mean_pinball_loss(then[calm], of[calm], alpha=0.9) for name, of in (("own", said), ("plain", plain))}
    assert loss["own"] < 1.05 * loss["plain"]
    assert pinball(then, said, 0.9).mean() == pytest.approx(mean_pinball_loss(then, said, alpha=0.9))
    for n in range(1, 6):
        some = calm & (size == n)
        assert (then > said)[some].mean() == pytest.approx((then > plain)[some].mean(), abs=0.05)


def test_tags_that_tell_the_spend_are_left_out_also_through_facts_made_of_others() -> None:
    text = HOMES + BASKETS + PURSE.replace("home.*, ", "home.*, basket.*, ")
    catalog = shop.definitions(models=text)
    model = catalog.model("purse")
    assert plans.feature_names(model, catalog) == ["home.size", "home.place", "basket.lines", "spend.shelf"]
    reasons = left_out_of(model, catalog)
    assert {tag for tag, why in reasons.items() if why == "spend"} == {"basket.most", "spend.mean", "spend.late"}
    assert reasons["home.sex"] == "protected"
    # Where a target adds up nothing, but counts rows, all that rests on these rows tells it.
    catalog = shop.definitions(models=text.replace("sum(visit.amount)", "count(visit)"))
    counted = {tag for tag, why in left_out_of(catalog.model("purse"), catalog).items() if why == "spend"}
    assert counted == {"visits.count", "visits.score", "visits.last", "visits.recent", "spend.mean", "spend.late",
                       "spend.shelf"}  # fmt: skip


def figures(**changed: Any) -> dict[str, Any]:
    near = {"estimate": 0.1, "low": 0.08, "high": 0.12}
    told = {"cohort": "c", "members": 1000, "quantile": 0.9, "exceeded": near}
    return {**told, "difference": {"estimate": -1.0, "low": -2.0, "high": 0.5}, **changed}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({}, None),
        ({"exceeded": {"estimate": 0.3, "low": 0.19, "high": 0.4}}, None),
        ({"exceeded": {"estimate": 0.3, "low": 0.21, "high": 0.4}}, "half and twice"),
        ({"exceeded": {"estimate": 0.03, "low": 0.01, "high": 0.049}}, "half and twice"),
        ({"difference": {"estimate": 1.0, "low": 0.1, "high": 2.0}}, "the same wallet for everybody"),
        ({"members": 99}, "takes 100"),
        ({"champion": {"version": 1, "difference": {"estimate": 2, "low": 1, "high": 3}}}, "version 1"),
    ],
)
def test_a_wallet_comes_into_use_where_it_is_not_worse_and_about_as_many_exceed_it(
    changed: dict[str, Any], why: str | None
) -> None:
    found = judge(figures(**changed))
    assert found.promoted == (why is None)
    assert (why or "") in found.reason.en


def test_everybody_may_have_spent_something(duckdb_engine: Engine) -> None:
    catalog = shop.definitions(models=PURSE.replace("home.*, spend.*", "visits.*, luck.*").split("fact:")[0])
    found = catalog.model("purse")
    shop.load(duckdb_engine, catalog, {**ROWS, "visits": [row for row in ROWS["visits"] if row["customer"] <= 200]})
    work = Work(duckdb_engine, with_cohorts(Work(duckdb_engine, found, catalog, shop.END)), catalog, shop.END)
    metrics = learn(work).metrics
    assert metrics["cohorts"][-1]["rate"] == 1
    assert (metrics["growth"], metrics["wallet"]["known"]) == (None, None)
