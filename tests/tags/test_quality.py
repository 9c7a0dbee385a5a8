"""The quality of a build: the stability index, limits, refusal and acceptance, figures across builds."""

from __future__ import annotations

import json
import math
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gongbi as package
from gongbi.catalog.quality import Quality
from gongbi.errors import InvalidDefinition, Refused, WorkspaceProblem
from gongbi.tags.look import Look
from gongbi.tags.quality import TagQuality, broken, stability
from gongbi.translation import sentences

Run = Callable[..., subprocess.CompletedProcess[str]]
COUNTS = st.lists(st.integers(0, 1000), min_size=2, max_size=8)


@given(COUNTS, COUNTS)
def test_stability_is_zero_for_equals_symmetrical_and_never_negative(one: list[int], other: list[int]) -> None:
    size = min(len(one), len(other))
    a, b = one[:size], other[:size]
    if not sum(a) or not sum(b):
        return
    assert stability(a, a) == 0
    assert stability(a, b) == pytest.approx(stability(b, a))
    assert stability(a, b) >= 0


def test_stability_is_the_sum_written_out() -> None:
    by_hand = (0.6 - 0.5) * math.log(0.6 / 0.5) + (0.4 - 0.5) * math.log(0.4 / 0.5)
    assert stability([50, 50], [60, 40]) == pytest.approx(by_hand)
    # An empty bin counts half a member: 10 and 0.5 of 10.5, against 5 and 5 of 10.
    p, q = 0.5 / 10.5, 0.5
    assert stability([5, 5, 0], [10, 0, 0]) == pytest.approx(
        (p - q) * math.log(p / q) + (q - p) * math.log((1 - p) / q)
    )


def test_a_limit_is_kept_at_its_own_value_and_broken_beyond() -> None:
    limits = Quality(coverage_min=0.5, psi_max=0.25, distinct_max=3, freshness_max_days=2)
    fine = TagQuality("t", 0.5, 3, base_build=1, psi=0.25, freshness_days=2.0)
    assert broken(fine, limits) == ()
    bad = TagQuality("t", 0.49, 4, base_build=1, psi=0.26, freshness_days=2.5)
    assert {b.limit for b in broken(bad, limits)} == {"coverage_min", "psi_max", "distinct_max", "freshness_max_days"}
    edited = TagQuality("t", 0.9, 1, base_build=1, psi=9.0, edited=True)
    assert broken(edited, limits) == (), "another definition is meant to give other values"


def test_limits_of_the_workspace_hold_where_a_tag_says_none() -> None:
    assert Quality(psi_max=1).over(Quality(psi_max=0.1, coverage_min=0.2)) == Quality(psi_max=1, coverage_min=0.2)
    with pytest.raises(InvalidDefinition, match="has no limit 'psi'"):
        Quality.from_settings({"psi": 1})
    with pytest.raises(InvalidDefinition, match="share from 0 to 1"):
        Quality(coverage_min=50)


def spoil(shop: Path) -> None:
    """Half a file arrives: three of five orders are gone, and so is a customer."""
    lines = (shop / "data/orders.csv").read_text("utf-8").splitlines(keepends=True)
    (shop / "data/orders.csv").write_text("".join(lines[:3]), "utf-8")


def demand(shop: Path, limits: str) -> None:
    path = shop / "definitions/tags.yaml"
    text = path.read_text("utf-8")
    path.write_text(text.replace("expr: share(", f"quality: {{{limits}}}\nexpr: share("), "utf-8")


def test_a_broken_build_is_refused_the_last_good_one_stays_and_may_be_overruled(gongbi: Run, built_shop: Path) -> None:
    demand(built_shop, "coverage_min: 0.4")
    assert gongbi("apply").returncode == 0
    assert gongbi("build").returncode == 0
    with package.open(built_shop) as ws:
        before = ws.context.store.builds.current("customer")  # type: ignore[union-attr]
        good = ws.call("customer", id=10)["tags"]
    spoil(built_shop)
    gongbi("ingest")
    refused = gongbi("build")
    assert refused.returncode == 2
    assert "spend.fruit_share covers 33.3 % of members where 40 % are demanded" in refused.stderr
    assert f"Build {before.id} stays in force" in refused.stderr
    assert "--accept" in refused.stderr
    with package.open(built_shop) as ws:
        assert ws.context.store.builds.current("customer") == before  # type: ignore[union-attr]
        assert ws.call("customer", id=10)["tags"] == good
        newest = ws.quality(subject="customer")
        assert newest["builds"][0]["status"] == "refused"
        assert newest["tags"][0]["tag"] == "spend.fruit_share"
        assert newest["tags"][0]["light"] == "red"
    again = gongbi("build")
    assert refused.stderr.splitlines()[-1] == again.stderr.splitlines()[-1], "the same build is not computed again"
    accepted = gongbi("build", "--accept", "the shop was closed", "--json")
    assert accepted.returncode == 0, accepted.stderr
    customer = next(b for b in json.loads(accepted.stdout)["builds"] if b["subject"] == "customer")
    assert customer["reused"]
    assert customer["current"]
    with package.open(built_shop) as ws:
        store = ws.context.store  # type: ignore[union-attr]
        assert store.builds.current("customer").id == customer["build"]
        _, said = store.builds.verdict(customer["build"])
        assert (said["actor"], said["reason"]) == ("tester", "the shop was closed")
        assert "accept build" in {entry.action for entry in store.audit.list()}
        history = ws.quality("spend.fruit_share")["history"]
        assert [point["status"] for point in history][-1] == "published"
        assert history[-1]["coverage"] == pytest.approx(1 / 3)
        assert history[-1]["absent_rise"] == pytest.approx(history[-2]["coverage"] - 1 / 3)


def limit(shop: Path, limits: str) -> None:
    """Another limit, and nothing else."""
    path = shop / "definitions/tags.yaml"
    text = re.sub(r"(?m)^quality: .*$\n", "", path.read_text("utf-8"))
    path.write_text(text, "utf-8")
    demand(shop, limits)


def state(ws: package.Workspace) -> tuple[int, str, int]:
    """The build in force, the status of the newest one, and its number."""
    (newest,) = ws.quality(subject="customer")["builds"]
    return newest["current"], newest["status"], newest["build"]


def test_another_limit_alone_publishes_or_holds_back_without_a_build(gongbi: Run, built_shop: Path) -> None:
    limit(built_shop, "coverage_min: 0.4")
    gongbi("apply")
    gongbi("build")
    with package.open(built_shop) as ws:
        first, _, _ = state(ws)
    spoil(built_shop)
    gongbi("ingest")
    assert gongbi("build").returncode == 2
    with package.open(built_shop) as ws:
        builds, audit = ws.context.store.builds, ws.context.store.audit  # type: ignore[union-attr]
        made = {build.id for build in builds.list()}
        _, _, held = state(ws)
        limit(built_shop, "coverage_min: 0.3")
        (judged,) = ws.apply()["judged"]
        assert (judged["outcome"], judged["build"], judged["breaches"]) == ("published", held, [])
        assert state(ws) == (held, "published", held)
        assert ws.quality(subject="customer")["tags"][0]["light"] != "red"
        assert ws.apply()["judged"] == [], "nothing is told twice"
        limit(built_shop, "coverage_min: 0.35")
        (judged,) = ws.apply()["judged"]
        assert (judged["outcome"], judged["current"]) == ("held_back", first)
        assert state(ws) == (first, "refused", held)
        assert ws.segment("tag.spend.fruit_share is not absent").count() == 2
        assert {build.id for build in builds.list()} == made, "nothing was computed"
        with pytest.raises(Refused, match=f"Build {held} of customer breaks limits"):
            ws.build(subjects=["customer"])
        assert "judge build" in {entry.action for entry in audit.list()}
    again = gongbi("build", "--force", "-s", "customer")
    assert again.returncode == 2
    assert f"Build {first} stays in force" in again.stderr
    assert '--accept "reason"' in again.stderr
    assert gongbi("build", "-s", "customer", "--accept", "half a file").returncode == 0
    with package.open(built_shop) as ws:
        current, status, newest = state(ws)
        assert (current, status) == (newest, "published")
        assert ws.apply()["judged"] == [], "what was accepted stays"
        assert ws.build(subjects=["customer"])["builds"][0]["reused"]
        limit(built_shop, "coverage_min: 0.36")
        (judged,) = ws.apply()["judged"]
        assert judged["outcome"] == "held_back", "what was accepted was another limit"


def test_a_build_that_breaks_new_limits_stays_where_there_is_no_other(gongbi: Run, built_shop: Path) -> None:
    limit(built_shop, "coverage_min: 0.9")
    told = gongbi("apply")
    assert "holds because no earlier one keeps them" in " ".join(told.stdout.split())
    refused = gongbi("build")
    assert refused.returncode == 2
    assert "stays in force because no earlier one keeps them: spend.fruit_share covers" in refused.stderr
    with package.open(built_shop) as ws:
        current, status, _ = state(ws)
        assert status == "published"
        assert ws.apply()["judged"] == []
        ws.build(accept="few buy fruit")
        assert ws.build(subjects=["customer"])["builds"][0]["build"] == current
        assert ws.quality(subject="customer")["builds"][0]["accepted"]["reason"] == "few buy fruit"
    limit(built_shop, "coverage_min: 0.95")
    gongbi("apply")
    limit(built_shop, "coverage_min: 0.1")
    assert "keeps the limits of quality now" in " ".join(gongbi("apply").stdout.split())
    with package.open(built_shop) as ws:
        assert ws.quality(subject="customer")["builds"][0]["breaches"] == []


def test_a_stability_limit_counts_the_new_build_in_the_bins_of_the_old(gongbi: Run, built_shop: Path) -> None:
    spoil(built_shop)
    gongbi("ingest")
    with package.open(built_shop) as ws:
        ws.build()
        (row,) = (r for r in ws.quality(subject="customer")["tags"] if r["tag"] == "spend.orders")
        members = ws.segment("true").members(["spend.orders"]).to_pylist()
        bins = {r["tag"]: r["bins"] for r in ws.context.store.builds.quality(row["base_build"])}  # type: ignore[union-attr]
    then = bins["spend.orders"]
    now = [sum(str(m["spend.orders"]) == v for m in members) for v in then["values"]]
    now += [len(members) - sum(now), 0]
    assert row["psi"] == pytest.approx(stability([*then["counts"], then["absent"]], now))
    assert row["light"] == "amber"


def test_who_stayed_has_not_moved_by_rounding() -> None:
    values = np.array([1 / n for n in range(30, 0, -1)])
    wobbling = np.array([math.nextafter(v, i % 2) for i, v in enumerate(values)])
    before, after = (Look({"x": np.sort(seen)}, everybody=True) for seen in (values, wobbling))
    edges = before.cuts("x", 10)
    # Ten ranges that begin at the tenths: the third lowest of thirty, the sixth, and so on.
    assert before.in_ranges("x", edges, 30) == after.in_ranges("x", edges, 30) == (2, *[3] * 8, 4)


def test_limits_in_the_settings_are_checked(shop: Path) -> None:
    settings = shop / "gongbi.toml"
    settings.write_text(settings.read_text("utf-8") + "[quality]\npsi_max = 'much'\n", "utf-8")
    with pytest.raises(WorkspaceProblem, match="psi_max"):
        package.open(shop)


def test_a_first_build_may_be_refused_too_and_an_empty_reason_is_none(shop: Path) -> None:
    settings = shop / "gongbi.toml"
    settings.write_text(settings.read_text("utf-8") + "[quality]\nfreshness_max_days = 0.01\n", "utf-8")
    with package.open(shop) as ws:
        ws.apply()
        ws.ingest()
        with pytest.raises(Refused, match="rests on rows that are"):
            ws.build()
        with pytest.raises(package.errors.InvalidInput, match="say why"):
            ws.build(accept=" ")
        assert ws.context.current_build("customer") is None  # type: ignore[union-attr]


def test_values_that_are_given_are_held_to_no_share_of_members_but_their_own(gongbi: Run, built_shop: Path) -> None:
    settings = built_shop / "gongbi.toml"
    settings.write_text(settings.read_text("utf-8") + "\n[quality]\ncoverage_min = 0.3\n", "utf-8")
    given = built_shop / "definitions" / "given.yaml"
    text = "tag: care.note\nname: Note\nmaker: {manual: {type: text}}\n"
    given.write_text(text, "utf-8")
    assert gongbi("apply").returncode == 0
    assert gongbi("build").returncode == 0
    given.write_text(text + "quality: {coverage_min: 0.3}\n", "utf-8")
    gongbi("apply")
    refused = gongbi("build", "--force")
    assert "care.note covers 0 % of members where 30 % are demanded" in refused.stderr
    said = "\n".join(sentences(line.removeprefix("gongbi: "), language="zh") for line in refused.stderr.splitlines())
    assert "care.note 只覆盖 0% 的成员，要求 30%" in said
