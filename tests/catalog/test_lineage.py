"""Lineage: columns of files behind a tag, listed by hand for the retail demo; what is made of them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from gongbi.catalog.catalog import Catalog, assemble
from gongbi.catalog.lineage import Graph, as_json, find, lineage_of
from gongbi.catalog.yaml import read_definitions, read_text
from gongbi.errors import UnknownName
from gongbi.packs import demo

WHO, WHEN = "raw:transactions.household_id", "raw:transactions.transaction_timestamp"
BASKET, PAID = "raw:transactions.basket_id", "raw:transactions.sales_value"
PRODUCT = "raw:transactions.product_id"

#: Tag → columns of files that its value rests on, read off the YAML by a person.
BY_HAND = {
    "rfm.recency": {WHO, WHEN, BASKET},
    "value.spend_365d": {WHO, WHEN, BASKET, PAID},
    "household.marital_status": {"raw:demographics.marital_status"},
    "category.breadth": {WHO, PRODUCT, BASKET, "raw:products.product_category"},
    "campaign.coupons_redeemed": {
        "raw:coupon_redemptions.household_id",
        "raw:coupon_redemptions.coupon_upc",
        "raw:coupon_redemptions.campaign_id",
        "raw:coupon_redemptions.redemption_date",
    },
}


@cache
def retail() -> tuple[Catalog, Graph]:
    catalog = assemble(read_definitions(demo("retail").definitions), zone="America/New_York")
    return catalog, lineage_of(catalog)


@pytest.mark.parametrize("tag", BY_HAND)
def test_the_columns_behind_a_tag_are_those_that_a_person_finds(tag: str) -> None:
    _, graph = retail()
    behind = graph.around(f"tag:{tag}", down=False).nodes.values()
    assert {node.id for node in behind if node.kind == "raw"} == BY_HAND[tag]


def test_downstream_of_a_tag_are_segments_models_and_the_campaign() -> None:
    _, graph = retail()
    after = graph.around("tag:rfm.recency", up=False).nodes
    assert {"tag:rfm.group", "segment:champions", "model:coupon_redemption", "campaign:campaign_18"} <= set(after)
    assert "tag:household.marital_status" not in after
    assert not [name for name in after if name.startswith(("raw:", "file:", "column:"))]


def test_every_tag_leads_back_to_a_column_of_a_file() -> None:
    catalog, graph = retail()
    for tag, definition in catalog.tags.items():
        if definition.maker is not None and definition.maker.is_given:
            continue  # A person or a file of somebody's gave it, not a source.
        behind = graph.around(f"tag:{tag}", down=False).nodes.values()
        assert any(node.kind == "raw" for node in behind), tag


def test_steps_bound_the_neighbourhood_and_edges_stay_inside() -> None:
    _, graph = retail()
    near = graph.around("tag:rfm.recency", steps=1)
    assert set(near.nodes) < set(graph.around("tag:rfm.recency").nodes)
    assert all(read in near.nodes and made in near.nodes for read, made in near.edges)


def test_names_are_found_as_people_write_them() -> None:
    _, graph = retail()
    assert find(graph, "rfm.recency") == find(graph, "tag.rfm.recency") == "tag:rfm.recency"
    assert find(graph, "segment.champions") == find(graph, "champions") == "segment:champions"
    assert find(graph, "purchase.amount") == "column:purchase.amount"
    assert find(graph, "transactions.sales_value") == "raw:transactions.sales_value"
    with pytest.raises(UnknownName, match=r"rfm\.recentcy"):
        find(graph, "rfm.recentcy")


def test_a_segment_in_a_segment_stands_between() -> None:
    text = """subject: customer
---
source: orders
from: {file: orders.csv}
fact: order
key: [id]
time: {column: at}
subjects: {customer: card}
columns: {amount: {type: double}}
---
segment: buyers
expr: sum(order.amount) > 10
---
segment: recent_buyers
expr: segment.buyers and count(order) filter (where within(30, 'day')) > 0
"""
    graph = lineage_of(assemble(read_text(text)))
    assert ("segment:buyers", "segment:recent_buyers") in graph.edges
    assert ("column:order.amount", "segment:buyers") in graph.edges
    assert ("column:order.amount", "segment:recent_buyers") not in graph.edges
    assert "raw:orders.amount" in graph.around("segment:recent_buyers", down=False).nodes


HOMES = """subject: customer
---
subject: household
key: text
---
source: orders
from: {file: orders.csv}
fact: order
key: [id]
time: {column: at}
subjects: {customer: card}
columns: {amount: {type: double}}
---
source: homes
from: {file: homes.csv}
relation: lives_in
to_one: true
key: [card, home]
subjects: {member: {subject: customer, column: card}, household: home}
columns: {rooms: integer}
---
tag: spend.total
expr: sum(order.amount)
---
tag: home.spend
subject: household
expr: sum(member.tag.spend.total)
---
tag: home.share
expr: tag.spend.total / household.tag.home.spend
---
segment: family
expr: count(relation.lives_in) filter (where relation.lives_in.rooms > 3) > 1
"""


def test_relations_stand_between_members_and_what_is_read_of_others() -> None:
    graph = lineage_of(assemble(read_text(HOMES)))
    read = {made: {one for one, other in graph.edges if other == made} for made in graph.nodes}
    assert read["relation:lives_in"] == {"raw:homes.card", "raw:homes.home"}
    assert read["tag:home.spend"] == {"relation:lives_in", "tag:spend.total"}
    assert read["tag:home.share"] == {"relation:lives_in", "tag:spend.total", "tag:home.spend"}
    assert read["segment:family"] == {"relation:lives_in", "column:lives_in.rooms"}
    assert find(graph, "lives_in") == "relation:lives_in"
    known = {"order.amount", "order.ts", "order.customer", "lives_in.rooms"}
    assert {node.name for node in graph.nodes.values() if node.kind == "column"} == known


def test_gradings_worklists_casts_and_yearbooks_lead_back_to_files_too() -> None:
    catalog, graph = retail()
    drawn = {"grading": catalog.gradings, "worklist": catalog.worklists}
    drawn |= {"cast": catalog.casts, "yearbook": catalog.yearbooks}  # type: ignore[dict-item]
    for kind, names in drawn.items():
        assert names
        for name in names:
            behind = graph.around(f"{kind}:{name}", down=False).nodes.values()
            assert any(node.kind == "raw" for node in behind), name
    assert ("grading:buying", "tag:grade.buying.level") in graph.edges
    assert find(graph, "grading.buying") == "grading:buying"
    data = as_json(graph, "grading:buying")
    assert len(data["nodes"]) == len(graph.nodes)


def test_models_lead_back_to_what_their_target_their_population_and_their_market_read() -> None:
    catalog, graph = retail()
    assert ("column:trip.ts", "model:lapse") in graph.edges
    (purse,) = read_text("""
model: purse
estimator: wallet
target: sum(trip.amount) filter (where ahead(90, 'day'))
features: [household.size]
elsewhere: tag.campaign.coupons_redeemed
fact: purchase
amount: amount
market: customer.income
product: purchase.product.department
""")
    read = {a for a, b in lineage_of(replace(catalog, models={"purse": purse})).edges if b == "model:purse"}
    assert read >= {"column:trip.amount", "column:purchase.amount", "tag:household.size", "attribute:customer.income"}
    assert "tag:campaign.coupons_redeemed" in read


@pytest.mark.parametrize("pack", ["retail", "bank", "synthetic"])
def test_every_node_of_what_ships_leads_back_to_a_file_or_a_person(pack: str) -> None:
    graph = lineage_of(assemble(read_definitions(demo(pack).definitions), zone="UTC"))
    made = {made for _, made in graph.edges}
    assert not [name for name, node in graph.nodes.items() if name not in made and node.kind not in ("file", "person")]
    for name in graph.nodes:
        roots = {node.kind for node in graph.around(name, down=False).nodes.values()}
        assert roots & {"file", "person"}, name
        assert not any(part.startswith("_") for part in name.split(".")), f"{name} is an internal name"


def test_ends_given_values_neighbours_and_ids_are_followed_to_their_beginning() -> None:
    _, shop = retail()
    assert [read for read, made in shop.edges if made == "tag:care.grade"] == ["person:care.grade"]
    assert shop.nodes["person:care.grade"].title == ("人工录入", "Set by hand")
    assert [read for read, made in shop.edges if made == "tag:outside.satisfaction"] == ["file:outside.satisfaction"]
    graph = lineage_of(assemble(read_definitions(demo("bank").definitions), zone="UTC"))
    assert ("raw:deposits.maturity", "column:deposit.until") in graph.edges
    assert ("raw:managing.until", "relation:looked_after") in graph.edges
    assert "raw:managers.manager_id" in graph.around("attribute:manager.id", down=False).nodes
    behind = graph.around("tag:balance.average_90", down=False).nodes
    assert {"tag:account.average_balance", "raw:balances.balance", "relation:owns", "file:owning"} <= set(behind)
    after = graph.around("tag:account.dormant", up=False).nodes
    assert {"tag:balance.dormant_accounts", "segment:sleeping", "worklist:sleeping"} <= set(after)
    assert graph.nodes["column:balance.amount"].title == ("余额", "balance")
