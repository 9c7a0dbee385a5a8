"""Likeness to a seed group: what is planted is found, chance is not, and what defines the seeds is left out."""

from __future__ import annotations

import csv
from datetime import datetime
from hashlib import md5
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gongbi.errors import InvalidInput, UnknownName
from gongbi.estimators.likeness import KINDS, REACHES, CrossLikeness, LikenessModel, cross_scores, judge
from gongbi.services import alike_rows


def planted(n: int = 600) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Those who are alike have a large `x` and live in A; a third of them are seeds."""
    rng = np.random.default_rng(3)
    alike = rng.random(n) < 0.3
    x = rng.normal(size=n) + 2 * alike
    town = np.where(alike & (rng.random(n) < 0.7), "A", rng.choice(["A", "B", "C"], n)).astype(object)
    x[rng.random(n) < 0.1] = np.nan
    frame = pd.DataFrame({"x": x, "town": town, "noise": rng.normal(size=n)})
    return frame, alike & (rng.random(n) < 0.4), alike


@pytest.mark.parametrize("kind", KINDS)
def test_those_who_are_alike_stand_above_the_others(kind: str) -> None:
    frame, seeds, alike = planted()
    score = cross_scores(frame, seeds, kind)  # type: ignore[arg-type]
    others = ~seeds
    assert ((score > 0) & (score < 1)).all()
    assert score[others & alike].mean() > score[others & ~alike].mean() + 0.15
    model = LikenessModel(kind).fit(frame, seeds)  # type: ignore[arg-type]
    parts = np.abs(model.contributions(frame)).mean(axis=0)
    assert parts.shape == (3,)
    if kind != "centroid":
        assert parts[model.names_.index("noise")] == parts.min()


def test_held_back_seeds_are_found_more_often_than_by_chance_and_the_interval_says_so() -> None:
    frame, seeds, _ = planted()
    judged = {one.kind: one for one in judge(frame, seeds, repeats=4)}
    for one in judged.values():
        assert one.auc_low <= one.auc <= one.auc_high
        assert one.curve[0] == (0.0, 0.0)
        assert one.curve[-1] == pytest.approx((1.0, 1.0))
        assert len(one.lift) == len(REACHES)
    assert judged["logistic"].auc_low > 0.6
    assert judged["logistic"].lift[1] > 1.3
    nothing = judge(frame[["noise"]], seeds, ["logistic"], repeats=6)[0]
    assert nothing.auc_low < 0.5 < nothing.auc_high


def test_what_cannot_be_learned_is_told() -> None:
    frame, seeds, _ = planted(60)
    with pytest.raises(InvalidInput, match="too few to learn from"):
        judge(frame, np.arange(60) < 3)
    with pytest.raises(InvalidInput, match="one flag for each row"):
        LikenessModel().fit(frame, np.ones(60, dtype=bool))
    with pytest.raises(UnknownName, match="ranker"):
        LikenessModel("magic")  # type: ignore[arg-type]
    assert seeds.shape == (60,)


def test_the_tags_that_define_the_seeds_are_left_out_and_named(half_year, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "alike.csv"
    found = half_year.ws.call("lookalike", expression="often", top=15, repeats=2, kind="logistic", to=str(file))
    left_out = {row["tag"] for row in found["excluded"]}
    # Orders are named; the total, the first and the last visit count rows of the same fact without a condition.
    assert {"spend.orders", "visit.first", "visit.last", "visit.recent"} <= left_out
    several = next(row for row in found["excluded"] if row["tag"] == "visit.items")
    assert several["reason"]["en"] == "It has several values at once: nothing can be learned from it."
    assert not left_out & set(found["learned_from"])
    seeds = half_year.ids("often")
    assert found["seeds"] == len(seeds)
    assert found["candidates"] == len(half_year.ids("true") - seeds)
    assert [row["place"] for row in found["rows"]] == list(range(1, 16))
    assert not {row["id"] for row in found["rows"]} & seeds
    scores = [row["score"] for row in found["rows"]]
    assert scores == sorted(scores, reverse=True)
    for row in found["rows"]:
        assert {reason["tag"] for reason in row["reasons"]} <= set(found["learned_from"])
    assert found["file"]["rows"] == 15
    assert len(file.read_text("utf-8-sig").splitlines()) == 16
    some = half_year.ws.call("lookalike", expression="often", among="town", tags=["spend.total"], repeats=2, top=500)
    assert {row["id"] for row in some["rows"]} == half_year.ids("town") - seeds
    with pytest.raises(InvalidInput, match="No tags are left"):
        half_year.ws.call("lookalike", expression="often", tags=["spend.orders"])
    with pytest.raises(InvalidInput, match="too few to learn from"):
        half_year.ws.call("lookalike", expression="customer.id = 1")


def test_the_instants_among_the_reasons_are_said_in_the_workspaces_zone(half_year, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "alike.csv"
    asked = {"expression": "town", "tags": ["visit.last"], "repeats": 2, "kind": "logistic"}
    found = half_year.ws.call("lookalike", top=100, to=str(file), **asked)
    told = {row["id"]: one["value"] for row in found["rows"] for one in row["reasons"]}
    cells = {int(row["id"]): row["reasons"] for row in csv.DictReader(file.read_text("utf-8-sig").splitlines())}
    assert told
    for id_, value in told.items():
        last = max(order.ts for order in half_year.orders if order.customer == id_)
        assert datetime.fromisoformat(value) == last
        assert cells[id_] == f"visit.last = {last:%Y-%m-%d %H:%M:%S} Asia/Shanghai"


def test_the_result_is_kept_as_a_list_and_as_a_score_that_tags_can_use(half_year) -> None:  # type: ignore[no-untyped-def]
    ws, asked = half_year.ws, {"expression": "often", "kind": "logistic"}
    ranked = ws.call("lookalike", top=500, repeats=2, **asked)["rows"]
    kept = ws.call("save_lookalike", as_list="like_often", top=7, why="spring", **asked)
    assert kept["list"]["members"] == 7
    assert half_year.ids("segment.like_often") == {row["id"] for row in ranked[:7]}
    draft = ws.call("save_lookalike", as_tag="alike.often", **asked)
    assert draft["tag"] == {"tag": "alike.often", "state": "draft", "version": 1}
    ws.call("submit_tag", names=["alike.often"])
    ws.call_as("somebody else", "approve_tag", names=["alike.often"])
    done = ws.call("save_lookalike", as_tag="alike.often", **asked)
    assert done["tag"]["good"] == len(ranked) == done_candidates(ws, asked)
    first = ws.call("given_values", tag="alike.often", id=ranked[0]["id"])
    assert first[0]["value"] == pytest.approx(ranked[0]["score"])
    with pytest.raises(InvalidInput, match="a list, a tag or both"):
        ws.call("save_lookalike", **asked)


def done_candidates(ws, asked) -> int:  # type: ignore[no-untyped-def]
    return int(ws.call("lookalike", top=1, repeats=2, **asked)["candidates"])


def test_what_speaks_for_a_member_is_told_against_everybody_not_against_the_others_named() -> None:
    frame, seeds, _ = planted()
    for kind in KINDS:
        model = LikenessModel(kind).fit(frame, seeds)
        best = np.argsort(-model.score(frame), kind="stable")[:10]
        together = model.contributions(frame.iloc[best])
        one_by_one = np.vstack([model.contributions(frame.iloc[[i]]) for i in best])
        assert together == pytest.approx(one_by_one)
        # Those who are most alike are not so by chance: both planted traits speak for them.
        assert (together[:, :2].mean(axis=0) > 0).all()


def test_those_nobody_learned_from_are_scored_as_those_of_a_fold_are() -> None:
    frame, seeds, alike = planted(1_200)
    learned = np.arange(len(frame)) < 600
    ranker = CrossLikeness("logistic").fit(frame[learned], seeds[learned])
    assert ranker.scores_ == pytest.approx(cross_scores(frame[learned], seeds[learned], "logistic"))
    others = ranker.score(frame[~learned])
    assert ((others > 0) & (others < 1)).all()
    # Both are places among the same kind of members.
    assert others.mean() == pytest.approx(ranker.scores_.mean(), abs=0.05)
    assert others[alike[~learned]].mean() > others[~alike[~learned]].mean() + 0.15


def test_more_members_than_fit_are_learned_from_by_lot_and_all_are_ranked(half_year, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    asked = {"expression": "often", "kind": "logistic", "repeats": 2}
    whole = half_year.ws.call("lookalike", top=1_000, **asked)
    seeds, others = half_year.ids("often"), half_year.ids("true") - half_year.ids("often")
    assert whole["learned"] == {"seeds": len(seeds), "others": len(others)}
    total = len(seeds) + len(others)
    monkeypatch.setattr(alike_rows, "MOST_MEMBERS", total - 1)
    monkeypatch.setattr(alike_rows, "DRAWN", total // 3)
    monkeypatch.setattr(alike_rows, "FEWEST_SEEDS", len(seeds))
    found = half_year.ws.call("lookalike", top=1_000, **asked)
    # By hand: the place of a member is the first 32 bits of the md5 of the id.
    place = {id_: int(md5(str(id_).encode()).hexdigest()[:8], 16) / 2**32 for id_ in others}
    drawn = sum(place[id_] < total // 3 / total for id_ in others)
    assert found["learned"] == {"seeds": len(seeds), "others": drawn}
    assert 0 < drawn < len(others)
    assert (found["seeds"], found["candidates"]) == (len(seeds), len(others))
    assert sorted(row["id"] for row in found["rows"]) == sorted(others)
    scores = [row["score"] for row in found["rows"]]
    assert scores == sorted(scores, reverse=True)
    first = half_year.ws.call("lookalike", top=5, **asked)
    assert first["rows"] == found["rows"][:5]


def test_the_first_shares_of_the_ranking_are_previewed(half_year) -> None:  # type: ignore[no-untyped-def]
    found = half_year.ws.call("lookalike", expression="often", top=3, repeats=2, kind="logistic")
    (chosen,) = [one for one in found["judged"] if one["kind"] == "logistic"]
    assert [tier["share"] for tier in found["tiers"]] == [0.01, 0.05, 0.1]
    for tier in found["tiers"]:
        assert tier["members"] == max(1, round(tier["share"] * found["candidates"]))
        assert tier["lift"] == chosen["lift"][found["reaches"].index(tier["share"])]
        assert tier["found"] == pytest.approx(tier["lift"] * tier["share"])
        assert tier["lift_low"] <= tier["lift"] <= tier["lift_high"]
