"""`gongbi evaluate value`: a list of purchases or a summary, cuts that nothing looks beyond, plain baselines beside."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gongbi.errors import InvalidInput, UnknownName
from gongbi.estimators.purchase_log import PurchaseLog, by_frequency
from gongbi.models import ModifiedBetaGeoModel
from gongbi.models.evaluation.base import Request
from gongbi.models.evaluation.value import run
from gongbi.services.evaluate import evaluate


@cache
def purchases(n: int = 400, days: int = 360) -> pd.DataFrame:
    """A cohort that came in the first quarter; about half of them leave."""
    rng = np.random.default_rng(4)
    rows = []
    for i in range(n):
        now, rate, gone = rng.uniform(0, 90), rng.gamma(1.0, 1 / 40), rng.exponential(250)
        spend, end = rng.gamma(3, 10), rng.uniform(0, 90) + gone
        while now < min(days, end):
            rows.append((f"C{i}", now, spend * rng.gamma(4, 0.25)))
            now += rng.exponential(1 / rate)
    frame = pd.DataFrame(rows, columns=["who", "day", "paid"]).sample(frac=1, random_state=1)
    frame["when"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(frame["day"], unit="D")
    return frame.reset_index(drop=True)


# --- the log -----------------------------------------------------------------------------------------------


def test_histories_are_those_counted_by_hand_and_know_nothing_of_later_days() -> None:
    frame, cut = purchases(), 200
    log = PurchaseLog.of(frame["who"], frame["day"], frame["paid"])
    known = log.histories(cut)
    names = frame["who"].unique()
    daily = frame.assign(day=np.floor(frame["day"])).groupby(["who", "day"], as_index=False)["paid"].sum()
    past = daily[daily["day"] <= cut]
    for i, number in enumerate(known.customer[:50]):
        own = past[past["who"] == names[number]].sort_values("day")
        assert known.frequency[i] == len(own) - 1
        assert known.recency[i] == pytest.approx((own["day"].max() - own["day"].min()) / 7)
        assert known.age[i] == pytest.approx((cut - own["day"].min()) / 7)
        assert known.mean_spend[i] == pytest.approx(own["paid"].iloc[1:].mean() if len(own) > 1 else 0)
    assert len(known.customer) == past["who"].nunique()
    count, spend = log.between(cut, 300, known.customer)
    ahead = daily[(daily["day"] > cut) & (daily["day"] <= 300) & daily["who"].isin(past["who"])]
    assert count.sum() == len(ahead)
    assert spend.sum() == pytest.approx(ahead["paid"].sum())
    before = PurchaseLog.of(past["who"], past["day"], past["paid"]).histories(cut)
    assert sorted(before.recency) == pytest.approx(sorted(known.recency))


def test_tracking_sums_what_the_model_expects_of_each_customer_s_age() -> None:
    frame = purchases()
    log = PurchaseLog.of(frame["who"], frame["day"])
    model = ModifiedBetaGeoModel().fit(*log.histories(200).past())
    found = log.tracking(model, 200)
    first = frame.assign(day=np.floor(frame["day"])).groupby("who")["day"].min()
    last = found["day"][-1]
    born = first[first <= 200]
    expected = model.expected_purchases(np.maximum(last - born.to_numpy(), 0) / 7).sum()
    assert found["expected_cumulative"][-1] == pytest.approx(expected)
    assert found["actual"].sum() == found["actual_cumulative"][-1]
    inside = found["day"] <= 200
    assert found["expected"][inside].sum() == pytest.approx(found["actual"][inside].sum(), rel=0.1)


def test_means_by_frequency_are_those_of_pandas() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.integers(0, 12, 200), "e": rng.random(200), "a": rng.poisson(2, 200)})
    found = by_frequency(frame["x"], frame["e"], frame["a"], most=5)
    grouped = frame.assign(x=frame["x"].clip(upper=5)).groupby("x")
    assert found["actual"] == pytest.approx(grouped["a"].mean().to_numpy())
    assert found["expected"] == pytest.approx(grouped["e"].mean().to_numpy())
    assert found["customers"].sum() == 200
    spread = grouped["a"].std(ddof=0) / np.sqrt(grouped.size())
    assert found["standard_error"] == pytest.approx(spread.to_numpy())


# --- the evaluation ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("split", ["random", "folds", "time"])
def test_a_list_of_purchases_is_judged_beside_plain_baselines(split: str, tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    purchases().assign(paid=lambda f: f["paid"].round(2)).to_csv(file, index=False)
    options = {"customer": "who", "amount": "paid", "model": "modified_beta_geo"}
    page = tmp_path / "found.html"
    found = evaluate("value", file, options, time_column="when", repeats=3, split=split, folds=2, to=page)
    measures = {one["measure"]: one for one in found["measures"]}
    assert set(measures["spend_rmse"]["baselines"]) == {"last period", "rate", "rate if recent"}
    assert measures["purchases_rmse"]["mean"] < measures["purchases_rmse"]["baselines"]["rate"]["mean"]
    assert found["details"]["model"] == "modified_beta_geo"
    assert found["details"]["horizon_days"] == 119
    assert page.stat().st_size > 5000


def test_the_page_tracks_purchases_over_time_on_both_sides_of_the_cut() -> None:
    frame = purchases()
    options = {"customer": "who", "model": "modified_beta_geo", "horizon": "100"}
    charts = {one.name: one for one in run(frame, Request(options=options, repeats=2, time="when")).charts}
    assert set(charts) == {"by_frequency", "tracking", "tracking_cumulative"}
    expected, actual, cut = charts["tracking_cumulative"].lines
    days = frame.assign(day=np.floor(frame["day"])).drop_duplicates(["who", "day"])
    first = days.groupby("who")["day"].min()
    newest, oldest = days["day"].max(), days["day"].min()
    known = days[days["who"].map(first) <= newest - 100]
    over = oldest + 7 * np.array(expected.x)
    by_hand = [int(((known["day"] > known["who"].map(first)) & (known["day"] <= end)).sum()) for end in over]
    assert list(actual.y) == by_hand
    assert newest - 7 < over[-1] <= newest
    assert list(cut.x) == [(newest - 100 - oldest) / 7] * 2
    assert expected.y[-1] == pytest.approx(actual.y[-1], rel=0.15)
    # What is drawn step by step adds up to what is drawn added up.
    for single, summed in zip(charts["tracking"].lines[:2], (expected, actual), strict=True):
        assert np.cumsum(single.y) == pytest.approx(np.array(summed.y))


def test_nothing_after_the_cut_is_learned_from() -> None:
    frame = purchases()[["who", "when"]]
    request = Request(
        options={"customer": "who", "model": "modified_beta_geo", "horizon": "100"}, repeats=2, time="when"
    )
    later = frame.copy()
    end = later["when"].max()
    moved = later["when"] > end - pd.Timedelta(days=100)
    # Other purchases after the cut, on other days: forecasts stay, only what they are compared with differs.
    later.loc[moved, "when"] = end - (end - later.loc[moved, "when"]) / 2
    one, two = (run(which, request).sentences[0].en for which in (frame, later))
    assert one.split(":")[1].split(" expected")[0] == two.split(":")[1].split(" expected")[0]


def test_a_summary_is_judged_too() -> None:
    frame = purchases()
    log = PurchaseLog.of(frame["who"], frame["day"])
    known = log.histories(240)
    summary = pd.DataFrame(
        {"x": known.frequency, "tx": known.recency, "T": known.age, "next": log.between(240, 350, known.customer)[0]}
    )
    columns = {"frequency": "x", "recency": "tx", "age": "T", "actual": "next", "horizon": "15.7"}
    found = run(summary, Request(options={**columns, "model": "beta_geo"}, repeats=3)).to_json()
    assert {one["measure"] for one in found["measures"]} == {
        "purchases_rmse", "purchases_mae", "purchases_correlation", "purchases_total"
    }  # fmt: skip
    with pytest.raises(InvalidInput, match="also needs --age, --horizon"):
        run(summary, Request(options={"frequency": "x", "recency": "tx", "actual": "next"}))


def test_what_cannot_be_judged_is_refused() -> None:
    frame = purchases()
    for options, time, message in (
        ({}, "when", "needs --customer"),
        ({"customer": "who"}, None, "needs --time"),
        ({"customer": "who", "horizon": "900"}, "when", "--horizon is 1 to"),
    ):
        with pytest.raises(InvalidInput, match=message):
            run(frame, Request(options=options, time=time))
    with pytest.raises(UnknownName, match="best"):
        run(frame, Request(options={"customer": "who", "model": "best"}, time="when"))
    with pytest.raises(InvalidInput, match="too few to learn"):
        run(frame[frame["day"] < 20], Request(options={"customer": "who"}, time="when"))
