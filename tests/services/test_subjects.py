"""Whoever is no customer is described as fully: households with texts as ids, beside a plain reading of the files."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import gongbi
from gongbi.testing.shop import lay_out, open_for_half_a_year

CUSTOMERS = 120
#: Lives in no home.
ALONE = 10
DEFINITIONS = """subject: household
name: {zh: 家庭, en: Household}
key: text
---
source: homes
name: {zh: 同住, en: Who lives where}
from: {file: data/homes.csv}
relation: lives_in
to_one: true
key: [card, home]
subjects: {member: {subject: customer, identifier: card}, household: home}
---
source: addresses
from: {file: data/addresses.csv}
attributes: household
key: [home]
id: home
columns: {district: {type: text, name: {zh: 城区, en: District}}}
---
source: names
from: {file: data/names.csv}
attributes: customer
key: [card]
id: {identifier: card}
columns: {full_name: {type: text, pii: direct}}
---
tag: home.spend
subject: household
name: {zh: 全家消费, en: Spend of the household}
history: keep
expr: coalesce(sum(member.tag.spend.total), 0)
unit: CNY
---
tag: home.people
subject: household
name: {zh: 人数, en: People}
expr: count(member)
---
tag: home.each
subject: household
name: {zh: 人均消费, en: Spend of each}
expr: tag.home.spend / nullif(tag.home.people, 0)
---
tag: home.district
subject: household
name: {zh: 城区, en: District}
expr: district
---
tag: home.called
subject: household
name: {zh: 姓名, en: Names}
expr: max(member.full_name)
---
tag: person.share
name: {zh: 占全家消费, en: Share of the household's spend}
expr: tag.spend.total / nullif(household.tag.home.spend, 0)
---
tag: person.near
name: {zh: 附近, en: Near}
expr: coalesce(household.district, household)
---
segment: rich_homes
name: {zh: 富裕家庭, en: Rich homes}
subject: household
history: keep
expr: tag.home.spend >= 150
---
worklist: visits
subject: household
expr: segment.rich_homes
columns: {tag.home.spend: {zh: 消费, en: Spend}}
order: [tag.home.spend]
by: district
"""


@dataclass(frozen=True)
class Homes:
    """The workspace, and what its files say."""

    ws: gongbi.Workspace
    members: dict[str, list[int]]
    district: dict[str, str]
    orders: list[tuple[int, datetime, float]]

    def spend(self, home: str, day: str = "2025-01-01") -> float:
        """What a home had spent before a local day."""
        end = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo("Asia/Shanghai"))
        return sum(amount for card, at, amount in self.orders if card in self.members[home] and at < end)

    def rich(self, day: str = "2025-01-01") -> set[str]:
        return {home for home in self.members if round(self.spend(home, day), 2) >= 150}

    def ids(self, expression: str) -> set[str]:
        return set(self.ws.segment(expression, subject="household").members()["id"].to_pylist())


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homes]:
    root = lay_out(tmp_path_factory.mktemp("homes") / "shop")
    open_for_half_a_year(root, CUSTOMERS)
    members: dict[str, list[int]] = defaultdict(list)
    for card in range(ALONE + 1, 10 + CUSTOMERS):
        members[f"h{card * 7 % 50:02}"].append(card)
    district = {home: ("north", "south", "west")[i % 3] for i, home in enumerate(sorted(members))}
    files = {
        "data/homes.csv": ["card,home", *(f"{card},{home}" for home, cards in members.items() for card in cards)],
        "data/addresses.csv": ["home,district", *(f"{home},{where}" for home, where in district.items())],
        "data/names.csv": ["card,full_name", *(f"{card},王小明{card}" for cards in members.values() for card in cards)],
        "definitions/learning.yaml": [DEFINITIONS],
    }
    for name, lines in files.items():
        (root / name).write_text("\n".join(lines) + "\n", "utf-8")
    orders = []
    with (root / "data/orders.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            if row["amount"] != "much":
                at = datetime.fromisoformat(row["at"]).replace(tzinfo=ZoneInfo("Asia/Shanghai"))
                orders.append((int(row["card"]), at, float(row["amount"])))
    with gongbi.open(root, actor="tester") as ws:
        ws.apply()
        ws.ingest()
        ws.build()
        yield Homes(ws, dict(members), district, orders)


def test_tags_and_groups_are_those_of_the_files(homes: Homes) -> None:
    table = homes.ws.segment("true", subject="household").members(["home.spend", "home.people", "home.district"])
    for row in table.to_pylist():
        assert float(row["home.spend"]) == pytest.approx(homes.spend(row["id"]))
        assert row["home.people"] == len(homes.members[row["id"]])
        assert row["home.district"] == homes.district[row["id"]]
    assert homes.ids("rich_homes") == homes.rich()
    assert 5 < len(homes.rich()) < len(homes.members) - 5


def test_a_roll_up_is_explained_down_to_the_neighbours_and_their_values(homes: Homes) -> None:
    home, cards = next(iter(homes.members.items()))
    found = homes.ws.explain("home.each", home)
    assert found["value"] == pytest.approx(homes.spend(home) / len(cards))
    assert [step["tag"] for step in found["steps"]] == ["home.each", "home.people", "home.spend"]
    assert "人数" in found["said"]["zh"]
    behind = {part["tag"]: part["table"].to_pylist() for part in found["parts"]}
    assert {row["member"] for row in behind["home.people"]} == set(cards)
    spent = {row["member"]: float(row["member.tag.spend.total"]) for row in behind["home.spend"]}
    for card in cards:
        assert spent[card] == pytest.approx(sum(amount for who, _, amount in homes.orders if who == card))


def test_names_of_neighbours_are_masked_behind_a_value_too(homes: Homes) -> None:
    home, cards = next(iter(homes.members.items()))
    found = homes.ws.explain("home.called", home)
    assert "王小明" not in str(found)
    shown = homes.ws.explain("home.called", home, reveal="to check")
    (part,) = shown["parts"]
    assert {row["member.full_name"] for row in part["table"].to_pylist()} == {f"王小明{card}" for card in cards}
    assert "王小明" not in str(homes.ws.customer(home, "household"))


def test_what_is_read_of_the_one_neighbour_is_shown_with_its_value(homes: Homes) -> None:
    home, (card, *_) = next(iter(homes.members.items()))
    found = homes.ws.explain("person.share", card)
    own = sum(amount for who, _, amount in homes.orders if who == card)
    assert found["value"] == pytest.approx(own / homes.spend(home))
    assert found["steps"][0]["attributes"] == {}
    (read,) = found["steps"][0]["neighbours"]
    assert (read["of"], read["said"]["en"]) == (
        "home.spend",
        "the tag “Spend of the household” of the Household (Who lives where)",
    )
    assert float(read["value"]) == pytest.approx(homes.spend(home))
    assert (read["unit"], read["label"]) == ("CNY", None)


def test_whoever_has_no_neighbour_has_nothing_of_it(homes: Homes) -> None:
    read = homes.ws.explain("person.near", ALONE)["steps"][0]["neighbours"]
    assert [(one["of"], one["value"]) for one in read] == [("household.district", None), ("household.id", None)]
    home, (card, *_) = next(iter(homes.members.items()))
    read = homes.ws.explain("person.near", card)["steps"][0]["neighbours"]
    assert [one["value"] for one in read] == [homes.district[home], home]


def test_a_card_of_a_household_has_its_attributes_and_tags(homes: Homes) -> None:
    home = max(homes.members)
    card = homes.ws.customer(home, "household")
    assert card["attributes"] == {"district": homes.district[home]}
    assert float(card.tags["home.spend"]) == pytest.approx(homes.spend(home))
    part = homes.ws.call("evidence", id=home, tag="home.people", subject="household")["parts"][0]
    assert part["table"].num_rows == len(homes.members[home])


def test_a_history_is_filled_and_its_changes_are_facts(homes: Homes) -> None:
    days = ["2024-03-01", "2024-05-01"]
    for day in days:
        homes.ws.backfill("home.spend", day, day, every="day")
        homes.ws.backfill("segment.rich_homes", day, day, every="day")
    for home in [*homes.members][:8]:
        values = homes.ws.history("home.spend", home)["values"]
        wanted = [round(homes.spend(home, day), 2) for day in (*days, "2025-01-01")]
        assert [round(float(v["value"]), 2) for v in values] == [
            v for i, v in enumerate(wanted) if i == 0 or v != wanted[i - 1]
        ]
    found = homes.ws.changes("rich_homes", *days, subject="household")
    assert set(found["entered_ids"]) == homes.rich(days[1]) - homes.rich(days[0])
    assert (found["before"], found["after"], found["left"]) == (len(homes.rich(days[0])), len(homes.rich(days[1])), 0)
    told = "segment = 'rich_homes' and change = 'entered' and before('2024-05-02')"
    assert homes.ids(f"count(segment_change) filter (where {told}) > 0") == homes.rich(days[1]) - homes.rich(days[0])


def test_insight_and_drill_down_count_the_members_of_the_sets(homes: Homes) -> None:
    asked = {"expression": "rich_homes", "subject": "household", "min_support": 0}
    rows = homes.ws.call("insight", tags=["home.district"], **asked)["rows"]
    inside = Counter(homes.district[home] for home in homes.rich())
    everybody = Counter(homes.district.values())
    assert {row["label"]: (row["support"], row["base_count"]) for row in rows if row["kind"] == "value"} == {
        where: (inside[where], n) for where, n in everybody.items()
    }
    cells = homes.ws.call("drill", expression="rich_homes", by=["home.people"], subject="household")["rows"]
    people = Counter(len(homes.members[home]) for home in homes.rich())
    assert sum(cell["support"] for cell in cells) == len(homes.rich())
    for cell in cells:
        assert len(homes.ids(cell["members_are"])) == cell["support"]
        if cell["labels"][0].isdigit():
            assert cell["support"] == people[int(cell["labels"][0])]


def test_overlaps_waterfalls_and_flows_are_those_of_the_sets(homes: Homes) -> None:
    asked: dict[str, Any] = {"subject": "household"}
    north = {home for home, where in homes.district.items() if where == "north"}
    (pair,) = homes.ws.call("overlap", segments=["rich_homes", "district = 'north'"], **asked)["pairs"]
    assert pair["both"] == len(homes.rich() & north)
    steps = homes.ws.call("waterfall", expression="segment.rich_homes and district = 'north'", **asked)["steps"]
    assert [step["left"] for step in steps] == [len(homes.rich()), len(homes.rich() & north)]
    assert homes.ids(steps[1]["removed_are"]) == homes.rich() - north
    flows = homes.ws.call("flows", groups=["rich_homes"], since="2024-03-01", until="2024-05-01", **asked)
    (rich,) = [state for state in flows["states"] if state["state"] == "rich_homes"]
    before, after = homes.rich("2024-03-01"), homes.rich("2024-05-01")
    assert (rich["before"], rich["after"], rich["stayed"]) == (len(before), len(after), len(before & after))


def test_lists_samples_trials_and_look_alikes_work_with_texts_as_ids(homes: Homes) -> None:
    ws, asked = homes.ws, {"subject": "household"}
    wanted = sorted(homes.members)[:3]
    kept = ws.call("save_list", name="chosen", values=[*wanted, "nowhere"], **asked)
    assert (kept["members"], kept["unmatched"]["values"]) == (3, ["nowhere"])
    assert homes.ids("segment.chosen") == set(wanted)
    found = ws.call("sample", expression="rich_homes", columns=["home.called", "home.spend"], limit=100, **asked)
    assert {row["key"] for row in found["rows"]} == homes.rich()
    assert "王小明" not in str(found["rows"])
    tried = ws.call("try_segment", expression="tag.home.spend >= 150", n=20, **asked)
    assert tried["holds"] == len({row["id"] for row in tried["rows"]} & homes.rich())
    tag = ws.call("try_tag", definition={"tag": "new.tag", "subject": "household", "expr": "count(member) * 2"}, n=10)
    assert all(row["value"] == 2 * len(homes.members[row["id"]]) for row in tag["rows"])
    sql = ws.call("segment_sql", expression="rich_homes", **asked)["sql"]
    assert ws.context is not None
    assert set(ws.context.engine.query(sql)["id"].to_pylist()) == homes.rich()
    alike = ws.call("lookalike", expression="rich_homes", tags=["home.people", "home.district"], repeats=2, **asked)
    assert {row["id"] for row in alike["rows"]} == set(homes.members) - homes.rich()
    table = ws.worklist("visits", language="en")["table"]
    assert set(table["id"].to_pylist()) == homes.rich()
    assert table["Spend"].to_pylist() == sorted(table["Spend"].to_pylist(), reverse=True)
