"""Price: elasticities on made-up sales whose truth is known, best prices by search, ladders, fairness."""

from __future__ import annotations

import json
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

from gongbi.errors import InvalidInput, NotFitted, Refused
from gongbi.estimators.price import PriceElasticity, double_ml_elasticity
from gongbi.estimators.pricing import best_discount, best_price, fair_prices, price_ladder, unfair_reason

TRUTH = np.array([-1.4, -2.0, -2.6, -3.2])


def sales(n: int = 4000, seed: int = 1, noise: float = 0.3) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    product, unit = rng.integers(0, 4, n), rng.integers(0, 30, n)
    deal = (rng.random(n) < 0.2).astype(float)
    # Dear stores sell more: without their levels the slope would be wrong.
    level = rng.normal(0, 1, (4, 30))[product, unit]
    log_price = 0.3 * level + rng.normal(0, 0.15, n) - 0.1 * deal
    log_quantity = 3 + level + TRUTH[product] * log_price + 0.5 * deal + rng.normal(0, noise, n)
    return {
        "quantity": np.exp(log_quantity),
        "price": np.exp(log_price),
        "product": product,
        "unit": unit,
        "controls": deal[:, None],
    }


def test_elasticities_are_found_with_promotion_and_levels_taken_out() -> None:
    model = PriceElasticity().fit(**sales())
    found = {one["product"]: one for one in model.table_}
    for product, truth in enumerate(TRUTH):
        assert found[product]["elasticity"] == pytest.approx(truth, abs=0.25)
        assert found[product]["low"] < found[product]["elasticity"] < found[product]["high"]
        assert model.promotion_[product][0] == pytest.approx(0.5, abs=0.1)
    # The plain slope over all stores is far off.
    data = sales()
    naive = np.polyfit(np.log(data["price"]), np.log(data["quantity"]), 1)[0]
    assert naive > -1


def test_a_product_with_few_rows_is_pulled_to_the_others() -> None:
    data = sales()
    rng = np.random.default_rng(2)
    rare = np.flatnonzero(data["product"] == 0)
    keep = np.ones(len(data["product"]), dtype=bool)
    keep[rng.permutation(rare)[45:]] = False
    model = PriceElasticity().fit(**{name: values[keep] for name, values in data.items()})
    thin = next(one for one in model.table_ if one["product"] == 0)
    assert thin["raw"] is None or abs(thin["elasticity"] - model.overall_) < abs(thin["raw"] - model.overall_)
    assert thin["high"] - thin["low"] > 0.3


def test_groups_may_differ_in_their_slope() -> None:
    rng = np.random.default_rng(3)
    n = 6000
    group, p = rng.choice(["town", "land"], n), rng.normal(0, 0.2, n)
    q = np.where(group == "town", -3.0, -1.5) * p + rng.normal(0, 0.2, n)
    model = PriceElasticity().fit(np.exp(q), np.exp(p), np.zeros(n), group=group)
    found = {one["group"]: one["elasticity"] for one in model.table_}
    assert found == {"town": pytest.approx(-3, abs=0.1), "land": pytest.approx(-1.5, abs=0.1)}
    assert model.predict([1.1], [0.0], group=["town"])[0] < model.predict([1.1], [0.0], group=["land"])[0]


def test_it_predicts_from_the_level_of_product_and_unit() -> None:
    data, fresh = sales(), sales(seed=1, n=4000)
    quantity = data.pop("quantity")
    model = PriceElasticity().fit(quantity, **data)
    given = {name: values for name, values in fresh.items() if name != "quantity"}
    assert np.std(model.predict(**given) - np.log(fresh["quantity"])) < 0.33
    strange = model.predict([1.0], [2], unit=[999])
    assert np.isfinite(strange).all()
    with pytest.raises(InvalidInput, match="was not in the rows"):
        model.predict([1.0], [77])


def test_what_is_written_down_predicts_the_same() -> None:
    data = sales(600)
    model = PriceElasticity(level=0.9).fit(**data)
    kept = PriceElasticity.from_json(json.loads(json.dumps(model.to_json())))
    asked = {name: values for name, values in data.items() if name != "quantity"}
    np.testing.assert_array_equal(kept.predict(**asked), model.predict(**asked))
    assert (kept.table_, kept.overall_, kept.overall_error_) == (model.table_, model.overall_, model.overall_error_)
    with pytest.raises(InvalidInput, match="format 9; this is 1"):
        PriceElasticity.from_json({"format": 9})
    with pytest.raises(NotFitted):
        PriceElasticity().to_json()


def test_it_is_cloned_pickled_and_refuses_before_it_learned() -> None:
    with pytest.raises(NotFitted):
        PriceElasticity().predict([1.0], [0])
    model = clone(PriceElasticity(level=0.9)).fit(**sales(800))
    assert pickle.loads(pickle.dumps(model)).table_ == model.table_
    assert model.get_params() == {"level": 0.9}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"quantity": -1.0}, "quantity must be above 0"),
        ({"price": 0.0}, "price must be above 0"),
        ({"price": np.nan}, "price must be finite"),
    ],
)
def test_sales_that_cannot_be_are_refused(change: dict[str, float], words: str) -> None:
    data = sales(200)
    for name, value in change.items():
        data[name] = data[name].copy()
        data[name][7] = value
    with pytest.raises(InvalidInput, match=words):
        PriceElasticity().fit(**data)


def test_a_price_that_never_moves_teaches_nothing() -> None:
    data = sales(200) | {"price": np.full(200, 2.0)}
    with pytest.raises(InvalidInput, match="no elasticity to learn"):
        PriceElasticity().fit(**data)


@pytest.mark.slow
def test_double_learning_takes_out_what_moves_price_and_sales() -> None:
    pytest.importorskip("econml")
    rng = np.random.default_rng(4)
    season = rng.random(3000) * 6
    p = 0.3 * np.sin(season) + rng.normal(0, 0.1, 3000)
    q = 2 + 1.5 * np.sin(season) - 2.0 * p + rng.normal(0, 0.2, 3000)
    found, low, high = double_ml_elasticity(np.exp(q), np.exp(p), season)
    assert low[0] < -2.0 + 0.15
    assert high[0] > -2.0 - 0.15
    assert found[0] == pytest.approx(-2.0, abs=0.3)
    assert np.polyfit(p, q, 1)[0] > 0


@given(st.floats(-6, -0.2), st.floats(0.1, 5), st.floats(0.5, 10), st.floats(0, 0.6), st.floats(0.01, 0.5))
def test_the_best_price_is_that_of_a_search_within_the_limits(
    elasticity: float, cost: float, current: float, floor: float, change: float
) -> None:
    found = best_price(elasticity, cost, current, margin_floor=floor, most_change=change)
    least = cost / (1 - floor)
    assert found.price >= least - 1e-9
    low, high = max(current * (1 - change), least), max(current * (1 + change), least)
    grid = np.linspace(low, high, 400)
    profit = (grid - cost) * (grid / current) ** elasticity
    best = (found.price - cost) * (found.price / current) ** elasticity
    assert best >= profit.max() - 1e-6 * max(1.0, abs(profit.max()))


def test_a_discount_pays_only_where_demand_is_elastic_enough() -> None:
    assert best_discount(-5.0, 0.5, 1.0)[0]["discount"] > 0
    assert best_discount(-1.2, 0.5, 1.0)[0]["discount"] == 0.0
    floored = best_discount(-5.0, 0.8, 1.0, margin_floor=0.15)
    assert [one["allowed"] for one in floored] == [True, True, False, False, False, False]
    with pytest.raises(InvalidInput, match="above cost"):
        best_discount(-2.0, 2.0, 1.0)


@given(st.lists(st.floats(0.5, 50), min_size=1, max_size=8), st.integers(0, 999))
def test_on_a_ladder_a_larger_pack_costs_no_less_and_no_more_per_unit(prices: list[float], seed: int) -> None:
    sizes = np.random.default_rng(seed).permutation(len(prices)) + 1.0
    found = price_ladder(prices, sizes, least_step=0.02)[np.argsort(sizes)]
    assert (np.diff(found) >= -1e-9).all()
    assert (np.diff(found / np.sort(sizes)) <= 1e-9).all()


def test_nobody_pays_more_for_loyalty_device_or_willingness() -> None:
    prices = [10.0, 12.0, 11.0, 8.0, 13.0, 20.0]
    products, terms = ["tea"] * 5 + ["wine"], ["home"] * 6
    reasons = [None, "customer tenure", "device: ios", "coupon SPRING", "surcharge", None]
    found = fair_prices(prices, products, terms, reasons)
    assert found.prices.tolist() == [10, 10, 10, 8, 10, 20]
    assert [one["reason"] for one in found.lowered] == ["loyalty", "device", "above the list price"]
    with pytest.raises(Refused, match="3 customers would pay more"):
        fair_prices(prices, products, terms, reasons, refuse=True)
    assert fair_prices([10, 12], ["a", "a"], ["x", "x"], ["tenure", "tenure"]).prices.tolist() == [10, 10]


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("价格敏感度低", "willingness to pay"),
        ("老客", "loyalty"),
        ("os", "device"),
        ("cost of delivery", None),
        (None, None),
    ],
)
def test_an_unfair_reason_is_known_by_its_words(reason: Any, kind: Any) -> None:
    assert unfair_reason(reason) == kind


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: best_price(0.5, 1, 2), "dearer sells better"),
        (lambda: best_price(-2, -1, 2), "cost"),
        (lambda: best_price(-2, 1, 2, margin_floor=1), "margin_floor"),
        (lambda: best_discount(-2, 1, 2, discounts=[1.5]), "A discount is a share"),
        (lambda: price_ladder([1, 2], [1, 1]), "same size"),
        (lambda: price_ladder([0, 2], [1, 2]), "above 0"),
        (lambda: fair_prices([1.0], [], [], []), "equally long"),
    ],
)
def test_prices_that_make_no_sense_are_refused(call: Any, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        call()
