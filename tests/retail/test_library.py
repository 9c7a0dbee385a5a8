"""The tag library as a whole: it fits together, and everybody can read what each tag means."""

from __future__ import annotations

import tomllib

import pytest

from gongbi.catalog.makers import MAKERS, NAMES
from gongbi.catalog.makers.members import Rank, Rfm
from gongbi.catalog.makers.rows import Preference
from gongbi.core.compiler import compile_members
from gongbi.core.dialect import DIALECTS

from .journey import DEFINITIONS, DESCRIBED, END, catalog, request

DIMENSIONS = {"固定特征", "兴趣特征", "社会特征", "消费特征", "动态特征"}
TAGS = catalog().tags
SEGMENTS = catalog().segments


def test_there_is_a_library_for_customers_products_and_stores() -> None:
    sizes = {subject: len(catalog().tags_of(subject)) for subject in DESCRIBED}
    assert sizes["customer"] >= 66
    assert sizes["product"] >= 12
    assert sizes["store"] >= 12
    of = [segment.subject for segment in SEGMENTS.values()]
    assert of.count("customer") >= 12
    assert "product" in of
    assert "store" in of


def test_the_library_has_150_tags_and_uses_every_maker() -> None:
    made = [tag.maker for tag in TAGS.values() if tag.maker is not None]
    assert len(TAGS) >= 150
    assert {one.name for one in made} == set(NAMES) == set(MAKERS)
    assert {one.maker.by for one in made if isinstance(one.maker, Preference)} == {"count", "share", "recency"}
    assert {one.maker.by for one in made if isinstance(one.maker, Rank)} == {"place", "share", "score"}
    rfm = [one.maker for one in made if isinstance(one.maker, Rfm)]
    assert {one.part for one in rfm} >= {"frequency", "monetary", "total", "group"}
    assert any(one.recency_cuts and len(set(one.weights)) > 1 for one in rfm)


def test_tags_are_governed_in_every_way_that_there_is() -> None:
    kinds = {tag.history for tag in TAGS.values()} | {tag.pii for tag in TAGS.values()}
    assert {"monthly", "direct"} <= kinds
    assert any(tag.quality is not None for tag in TAGS.values())
    (refined,) = (tag for tag in TAGS.values() if tag.refines)
    assert refined.library == "fresh"
    assert refined.refines in TAGS
    assert not TAGS[refined.refines].library, "the enterprise's own stays as it is"


def test_made_up_values_are_for_tags_that_take_them() -> None:
    told = tomllib.loads((DEFINITIONS.parent / "given" / "given.toml").read_text("utf-8"))
    given = {name: tag.maker.name for name, tag in TAGS.items() if tag.maker is not None and tag.maker.is_given}
    named = {one["tag"]: "imported" for one in told["import"]} | {one["tag"]: "manual" for one in told["set"]}
    assert named == given
    for one in told["import"]:
        lines = (DEFINITIONS.parent / "given" / one["file"]).read_text("utf-8").splitlines()
        assert lines[0].split(",") == [one["key"], one["column"]]
        assert len({line.split(",")[0] for line in lines}) == len(lines) > 200


def test_customer_tags_stand_under_the_five_portrait_dimensions() -> None:
    paths = [tag.category.split("/") for tag in TAGS.values() if tag.subject == "customer"]
    assert {path[0] for path in paths} == DIMENSIONS
    assert all(len(path) == 2 and all(path) for path in paths)


@pytest.mark.parametrize("name", TAGS)
def test_a_tag_says_what_it_means_in_both_languages(name: str) -> None:
    tag = TAGS[name]
    topic, _, fact = name.partition(".")
    assert topic
    assert fact
    assert tag.category
    assert tag.owner
    assert len({tag.name.zh, tag.name.en}) == 2
    assert tag.about.zh.endswith("。")
    assert tag.about.en.endswith(".")


@pytest.mark.parametrize("name", SEGMENTS)
def test_a_segment_says_whom_it_holds_in_both_languages(name: str) -> None:
    segment = SEGMENTS[name]
    assert segment.owner
    assert len({segment.name.zh, segment.name.en}) == 2
    assert segment.about.zh.endswith("。")
    assert segment.about.en.endswith(".")


def test_no_two_tags_of_a_subject_have_the_same_name_for_people() -> None:
    for subject in DESCRIBED:
        for language in ("zh", "en"):
            names = [tag.name.in_(language) for tag in TAGS.values() if tag.subject == subject]
            assert len(set(names)) == len(names)


OF_TRIPS = ("fact_purchase", "_scan_trip")


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
@pytest.mark.parametrize("subject", DESCRIBED)
def test_everything_compiles_and_reads_each_fact_once(subject: str, dialect: object) -> None:
    plan = compile_members(request(subject, END), catalog().world, dialect)  # type: ignore[arg-type]
    for fact in ("fact_purchase", "fact_trip", "fact_campaign_received", "fact_coupon_redeemed"):
        # Trips are made of purchase lines: those that go on at the instant are grouped again from them.
        scans = [step.name for step in plan.steps if fact in step.sql]
        scans = [name for name in scans if (fact, name.replace("_ranks", "")) != OF_TRIPS]
        # The ranks of a wide request are computed apart: a fact is read once for them, once for all else.
        for apart in (True, False):
            assert sum(name.startswith("_ranks") == apart for name in scans) <= 1


def test_segments_stand_on_facts_on_tags_on_segments_and_on_what_is_absent() -> None:
    texts = [segment.expr for segment in SEGMENTS.values()]
    assert any("segment." in text for text in texts)
    assert any("is absent" in text for text in texts)
    assert any("tag." not in text and "count(" in text for text in texts)
