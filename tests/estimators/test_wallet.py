"""Wallet and growth: made-up customers and cells whose truth is known."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from gongbi.errors import InvalidInput, NotFitted
from gongbi.estimators.wallet import WalletModel, growth_cells


def customers(n: int = 3000, seed: int = 1) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Traits, spend with us, and the true wallet, of which each gives us some share."""
    rng = np.random.default_rng(seed)
    size, kind = rng.integers(1, 6, n), rng.choice(["shop", "firm"], n)
    wallet = 100.0 * size * np.where(kind == "firm", 4, 1) * np.exp(rng.normal(0, 0.1, n))
    return pd.DataFrame({"size": size, "kind": kind}), wallet * rng.beta(2, 2, n), wallet


def test_wallets_are_near_the_truth_and_never_below_spend() -> None:
    traits, spend, wallet = customers()
    found = WalletModel().fit(traits, spend).predict(traits, spend)
    assert (found.wallet >= spend).all()
    assert found.potential == pytest.approx(found.wallet - spend)
    assert np.corrcoef(np.log(found.wallet), np.log(wallet))[0, 1] > 0.9
    assert np.median(found.wallet / wallet) == pytest.approx(0.82, abs=0.08)
    assert ((found.share > 0) & (found.share <= 1)).all()


def test_the_quantiles_hold_the_shares_of_peers_they_say_and_do_not_cross() -> None:
    model = WalletModel().fit(*customers()[:2])
    traits, spend, _ = customers(seed=2)
    quantiles = model.predict_quantiles(traits)
    assert (np.diff(quantiles, axis=1) >= 0).all()
    for i, tau in enumerate(model.quantiles_):
        assert (spend <= quantiles[:, i]).mean() == pytest.approx(tau, abs=0.04)


def test_spend_known_elsewhere_sets_the_scale_and_is_taken_as_it_is() -> None:
    traits, spend, wallet = customers()
    elsewhere = np.where(np.arange(len(spend)) % 10 == 0, wallet - spend, np.nan)
    model = WalletModel().fit(traits, spend, elsewhere)
    assert model.scale_ > 1
    found = model.predict(traits, spend, elsewhere)
    assert found.wallet[found.known] == pytest.approx(wallet[found.known])
    # In total as the known ones say; without them it was a tenth too low.
    assert found.wallet.sum() == pytest.approx(wallet.sum(), rel=0.05)


def test_it_is_cloned_pickled_and_refuses_before_it_learned() -> None:
    traits, spend, _ = customers(400)
    with pytest.raises(NotFitted):
        WalletModel().predict(traits, spend)
    model = clone(WalletModel(quantile=0.8, trees=20)).fit(traits, spend)
    again = pickle.loads(pickle.dumps(model))
    assert (again.predict_quantiles(traits) == model.predict_quantiles(traits)).all()


@pytest.mark.parametrize(
    ("model", "spend", "words"),
    [
        (WalletModel(quantile=0.4), None, "quantile lies"),
        (WalletModel(), -1.0, "spend must not be negative"),
        (WalletModel(), np.nan, "spend must be finite"),
    ],
)
def test_what_shows_no_wallet_is_refused(model: WalletModel, spend: Any, words: str) -> None:
    traits, money, _ = customers(100)
    if spend is not None:
        money[3] = spend
    with pytest.raises(InvalidInput, match=words):
        model.fit(traits, money)
    with pytest.raises(InvalidInput, match="show no wallet"):
        WalletModel().fit(traits, np.zeros(100))


def cells(seed: int, spread: float, rows: int = 30) -> tuple[dict[str, Any], dict[tuple[str, str], float]]:
    rng = np.random.default_rng(seed)
    told: dict[str, list[Any]] = {"market": [], "product": [], "before": [], "after": []}
    truth = {}
    for m in range(6):
        for p in range(5):
            growth = 0.02 * m + 0.03 * p + rng.normal(0, spread)
            truth[f"m{m}", f"p{p}"] = np.expm1(growth)
            before = rng.exponential(100, rows)
            told["before"] += before.tolist()
            told["after"] += (before * np.exp(growth + rng.normal(0, 0.3, rows) - 0.045)).tolist()
            told["market"] += [f"m{m}"] * rows
            told["product"] += [f"p{p}"] * rows
    return told, truth


def test_growth_is_nearer_to_the_truth_than_the_raw_rates_and_covered_by_its_interval() -> None:
    own, raw, covered, n = 0.0, 0.0, 0, 0
    for seed in range(8):
        told, truth = cells(seed, 0.03)
        for one in growth_cells(**told):
            known = truth[one.market, one.product]
            assert one.raw is not None
            own, raw = own + (one.growth - known) ** 2, raw + (one.raw - known) ** 2
            covered, n = covered + (one.low <= known <= one.high), n + 1
    assert own < 0.6 * raw
    assert 0.85 < covered / n <= 1


def test_a_cell_without_sales_before_has_the_growth_of_its_market_and_product() -> None:
    told, _ = cells(2, 0.0)
    told["before"] = [0.0 if (m, p) == ("m2", "p2") else b
                      for m, p, b in zip(told["market"], told["product"], told["before"], strict=True)]  # fmt: skip
    found = {(one.market, one.product): one for one in growth_cells(**told)}
    assert found["m2", "p2"].raw is None
    assert found["m2", "p2"].low < np.expm1(0.1) < found["m2", "p2"].high
    assert found["m2", "p2"].growth == pytest.approx(np.expm1(0.1), abs=0.15)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"before": [-1.0, 1.0]}, "must not be negative"),
        ({"market": ["a"]}, "equally long"),
        ({}, "Fewer than two cells"),
    ],
)
def test_cells_that_cannot_be_compared_are_refused(change: dict[str, Any], words: str) -> None:
    told = {"market": ["a", "b"], "product": ["x", "x"], "before": [1.0, 2.0], "after": [1.0, 2.0]}
    with pytest.raises(InvalidInput, match=words):
        growth_cells(**(told | change))
