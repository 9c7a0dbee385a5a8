"""Every sentence of a persona is a figure that a count gives again, or what somebody said; nothing is made up."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import gongbi
from gongbi.catalog.base import Words
from gongbi.catalog.portraits import PERSONA_FIELDS
from gongbi.core.types import BOOLEAN, DATE, DOUBLE, INTEGER, TIMESTAMP, Type
from gongbi.errors import InvalidInput, NotYet, Refused, UnknownName
from gongbi.portraits.avatar import avatar
from gongbi.portraits.personas import Trait, drawn, petals, title
from gongbi.portraits.printing import source_words
from gongbi.testing.shop import lay_out
from gongbi.workspace import Workspace

DEFINITIONS = """
cast: people
name: {zh: 人物, en: People}
segments: [regulars, others]
fields:
  background: [person.*]
  day: [spend.orders]
---
segment: others
expr: not (tag.spend.orders >= 2)
---
tag: person.town
name: {zh: 城市, en: Town}
expr: customer.town
labels: {上海: {zh: 上海市, en: Shanghai}}
---
tag: person.local
name: {zh: 本地, en: Local}
expr: customer.town = '上海'
"""


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A shop whose regulars mostly live in 上海 and whose others mostly do not."""
    root = lay_out(tmp_path_factory.mktemp("people") / "shop")
    chance = random.Random(4)
    orders, cards = ["order_id,card,item,at,amount,units"], ["card,town"]
    for card in range(1, 201):
        often = card <= 100
        cards.append(f"{card},{'上海' if (chance.random() < 0.8) == often else 'Lyon'}")
        for _ in range(3 if often else 1):
            orders.append(f"{len(orders)},{card},apple,2024-03-{chance.randint(1, 20):02d}T09:00:00,4.00,1")
    (root / "data/orders.csv").write_text("\n".join(orders) + "\n", "utf-8")
    (root / "data/cards.csv").write_text("\n".join(cards) + "\n", "utf-8")
    (root / "definitions/cast.yaml").write_text(DEFINITIONS, "utf-8")
    with gongbi.open(root, actor="tester") as opened:
        opened.apply()
        opened.ingest()
        opened.build()
        with pytest.raises(NotYet, match="not made yet"):
            opened.call("persona", cast="people", key="regulars")
        opened.personas("people", make=True)
        yield opened


def test_each_sentence_is_a_figure_that_a_count_gives_again(ws: Workspace) -> None:
    (cast,) = ws.personas()
    assert [one["key"] for one in cast["personas"]] == ["regulars", "others"]
    for one in cast["personas"]:
        assert one["members"] == ws.segment(one["condition"]).count() == 100
        assert one["fields"]["background"]
        for said in one["fields"]["background"]:
            source = said["source"]
            value = {"true": "true", "false": "false"}.get(source["label"], f"'{source['label']}'")
            condition = f"tag.{source['tag']} = {value}"
            assert source["n"] == ws.segment(f"{one['condition']} and {condition}").count()
            assert source["share"] == source["n"] / 100
            assert source["base_share"] == ws.segment(condition).count() / 200
            assert f"{100 * source['share']:.0f}%" in said["zh"]
            assert f"{100 * source['share']:.0f}%" in said["en"]
            assert str(source["n"]) in source_words(source, "en")


def test_a_value_is_said_by_its_label_and_kept_as_it_is_in_the_source(ws: Workspace) -> None:
    (said,) = [
        one
        for one in ws.call("persona", cast="people", key="regulars")["fields"]["background"]
        if one["source"]["tag"] == "person.town"
    ]
    assert said["source"]["label"] == "上海"
    assert "上海市" in said["zh"]
    assert "Town is Shanghai" in said["en"]
    (tag,) = [tag for tag in ws.call("tags") if tag["tag"] == "person.town"]
    assert tag["labels"] == {"上海": {"zh": "上海市", "en": "Shanghai"}}


def test_a_field_that_no_figure_speaks_of_stays_empty(ws: Workspace) -> None:
    for one in ws.personas("people")[0]["personas"]:
        assert list(one["fields"]) == list(PERSONA_FIELDS)
        assert [name for name, said in one["fields"].items() if said and name not in ("background", "day")] == []


def test_an_interview_is_evidence_and_without_consent_it_is_kept_and_not_shown(ws: Workspace) -> None:
    kept = ws.add_interview("people", {"work": "夜班。"}, by="李", on="2024-04-01", member=5, consent=True)
    assert kept["persona"] == "regulars"
    assert kept["actor"] == "tester"
    ws.add_interview("people", {"pains": "Secret."}, by="Li", on="2024-04-01", persona="regulars")
    one = ws.call("persona", cast="people", key="regulars")
    (said,) = one["fields"]["work"]
    assert (said["zh"], said["source"]["interview"], said["source"]["by"]) == ("夜班。", kept["interview"], "李")
    assert "李" in source_words(said["source"], "zh")
    assert (one["fields"]["pains"], one["unused"]) == ([], 1)
    ws.personas("people", make=True)
    assert ws.call("persona", cast="people", key="regulars")["fields"]["work"] == [said]
    for interview in ws.call("interviews", cast="people"):
        ws.call("remove_interview", id=interview["interview"])
    assert ws.call("persona", cast="people", key="regulars")["fields"]["work"] == []
    assert ws.context is not None
    assert ws.context.store.audit.verify().ok


def test_an_interview_that_says_too_little_is_refused(ws: Workspace) -> None:
    good = {"quotes": {"work": "x"}, "by": "Li", "on": "2024-04-01", "persona": "regulars"}
    for change, error, said in [
        ({"by": " "}, InvalidInput, "who held it"),
        ({"on": "May"}, InvalidInput, "is no day"),
        ({"on": "2999-01-01"}, InvalidInput, "still to come"),
        ({"quotes": {}}, InvalidInput, "at least one quotation"),
        ({"quotes": {"work": " "}}, InvalidInput, "A quotation has 1 to"),
        ({"quotes": {"shoes": "x"}}, UnknownName, "'shoes'"),
        ({"persona": None}, InvalidInput, "stays anonymous"),
        ({"persona": "nobody"}, UnknownName, "'nobody'"),
        ({"member": 12345}, UnknownName, "12345"),
    ]:
        with pytest.raises(error, match=said):
            ws.add_interview("people", **{**good, **change})  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="'7'"):
        ws.call("remove_interview", id=7)


def test_a_name_that_people_gave_stays(ws: Workspace) -> None:
    assert "100" not in ws.call("persona", cast="people", key="others")["name"]["en"]
    ws.call("rename_persona", cast="people", key="others", en="Passing by", zh="过客")
    ws.personas("people", make=True)
    assert ws.call("persona", cast="people", key="others")["name"] == {"zh": "过客", "en": "Passing by"}
    ws.call("rename_persona", cast="people", key="others")
    assert ws.call("persona", cast="people", key="others")["name"] == {
        "zh": "城市：Lyon，订单数：1",
        "en": "Town: Lyon, orders: 1",
    }


def test_a_cast_is_printed_with_every_source(ws: Workspace, tmp_path: Path) -> None:
    done = ws.call("print_personas", cast="people", to=str(tmp_path / "people.html"), language="en")
    page = (tmp_path / "people.html").read_text("utf-8")
    assert done["personas"] == 2
    for one in ws.personas("people")[0]["personas"]:
        for said in one["fields"]["background"]:
            assert said["en"].replace("'", "&#x27;") in page
            assert said["source"]["tag"] in page
    assert "No evidence yet: add an interview." in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    with pytest.raises(Refused, match="exists already"):
        ws.call("print_personas", cast="people", to=str(tmp_path / "people.html"))
    with pytest.raises(UnknownName, match="'fr'"):
        ws.call("print_personas", cast="people", to=str(tmp_path / "x.html"), language="fr")


def test_a_pdf_is_the_same_however_often_it_is_printed(ws: Workspace, tmp_path: Path) -> None:
    pytest.importorskip("weasyprint", reason="the extra `print` is not installed")
    printed = [ws.call("print_personas", cast="people", to=str(tmp_path / f"{n}.pdf")) for n in (1, 2)]
    assert (tmp_path / "1.pdf").read_bytes().startswith(b"%PDF")
    assert printed[0]["sha256"] == printed[1]["sha256"]


ROW = {
    "tag": "t.a", "label": "x", "kind": "value", "share": 0.6, "base_share": 0.3, "tgi": 200.0, "low": 180.0,
    "high": 220.0, "support": 60, "p_adjusted": 0.001,
}  # fmt: skip
TRAITS = {"t.a": Trait(Words("甲", "A"), None)}


def test_what_chance_could_make_sets_nobody_apart() -> None:
    unsure = {**ROW, "p_adjusted": 0.4, "share": 0.4}
    assert drawn([unsure], {"work": ["t.a"]}, TRAITS, 100) == {"work": []}
    assert petals([unsure], TRAITS) == []
    assert title(1, []).en == "Persona 1"
    (said,) = drawn([ROW], {"work": ["t.a"]}, TRAITS, 100)["work"]
    assert said["zh"] == "60% 的人甲为 x，是全体（30%）的 2 倍。"
    assert said["en"] == "A is x for 60% of them, twice as often as among everybody (30%)."


def said_of(change: dict[str, object], trait: Trait, among: Words | None = None) -> tuple[str, str]:
    (words,) = drawn([{**ROW, **change}], {"work": ["t.a"]}, {"t.a": trait}, 100, among)["work"]
    return words["zh"], words["en"]


@pytest.mark.parametrize(
    ("label", "type_", "unit", "zh", "en"),
    [
        ("≥ 64.1032", DOUBLE, "USD", "至少 64.1 美元", "64.1 USD or more"),
        ("< 1234.5", DOUBLE, "USD", "低于 1,234 美元", "less than 1,234 USD"),
        ("3 – 5.5", DOUBLE, "days", "在 3 至 5.5 天之间", "3 to 5.5 days"),
        ("0.213 – 0.284", DOUBLE, "share", "在 21% 至 28% 之间", "21% to 28%"),
        ("≥ 0.00123", DOUBLE, "share", "至少 0.12%", "0.12% or more"),
        ("3 – 6", INTEGER, "trips", "在 3 至 5 次购物之间", "3 to 5 trips"),
        ("1 – 2", INTEGER, "trips", "为 1 次购物", "1 trip"),
        ("< 3", INTEGER, "hour of day", "不超过 2 时", "2:00 or less"),
        ("≥ 2017-11-05", DATE, None, "在 2017年11月5日或之后", "5 November 2017 or later"),
        ("< 2017-11-05", TIMESTAMP, None, "早于 2017年11月5日", "before 5 November 2017"),
        ("2017-11-05 – 2017-11-09", DATE, None, "在 2017年11月5日至 2017年11月9日之间",
         "from 5 November 2017 to 9 November 2017"),
        ("2017-11-05", TIMESTAMP, None, "在 2017年11月5日", "5 November 2017"),
    ],
)  # fmt: skip
def test_a_range_is_said_as_people_say_it(label: str, type_: Type, unit: str | None, zh: str, en: str) -> None:
    found = said_of({"label": label, "kind": "range"}, Trait(Words("甲", "A"), unit, type_))
    assert found == (
        f"60% 的人甲{zh}，是全体（30%）的 2 倍。",
        f"A is {en} for 60% of them, twice as often as among everybody (30%).",
    )


def test_a_share_is_said_per_cent_whatever_its_name_begins_with() -> None:
    _, en = said_of(
        {"label": "≥ 0.603", "kind": "range"}, Trait(Words("会员价消费占比", "Share at card price"), "share", DOUBLE)
    )
    assert en.startswith("Share at card price is 60% or more for 60% of them")


@pytest.mark.parametrize(
    ("share", "base", "who", "zh", "en"),
    [
        (1.0, 0.5, "所有的人", "是全体（50%）的 2 倍", "all of them, twice as often as among everybody (50%)"),
        (
            0.999,
            0.8,
            "几乎所有的人",
            "是全体（80%）的 1.2 倍",
            "nearly all of them, 1.2 times as often as among everybody (80%)",
        ),
        (0.52, 0.51, "52% 的人", "与全体（51%）相近", "52% of them, much as among everybody (51%)"),
        (0.6, 0.54, "60% 的人", "略高于全体（54%）", "60% of them, somewhat more often than among everybody (54%)"),
        (0.6, 0.7, "60% 的人", "略低于全体（70%）", "60% of them, somewhat less often than among everybody (70%)"),
        (0.6, 0.9, "60% 的人", "远低于全体（90%）", "60% of them, much less often than among everybody (90%)"),
        (
            0.01,
            0.001,
            "1% 的人",
            "是全体（不到 1%）的 10 倍",
            "1% of them, 10 times as often as among everybody (under 1%)",
        ),
    ],
)
def test_a_share_is_set_beside_that_of_everybody_in_words(
    share: float, base: float, who: str, zh: str, en: str
) -> None:
    change = {"share": share, "base_share": base, "tgi": 100 * share / base}
    assert said_of(change, TRAITS["t.a"]) == (f"{who}甲为 x，{zh}。", f"A is x for {en}.")


def test_a_truth_is_said_to_hold_or_not_and_companies_are_no_persons() -> None:
    truth = Trait(Words("是否有子女", "Has kids"), None, BOOLEAN)
    assert said_of({"label": "true"}, truth)[0] == "60% 的人符合“有子女”，是全体（30%）的 2 倍。"
    assert said_of({"label": "false"}, truth, Words("公司", "Companies")) == (
        "60% 的成员不符合“有子女”，是“公司”（30%）的 2 倍。",
        "“Has kids” does not hold for 60% of them, twice as often as among “Companies” (30%).",
    )


@pytest.mark.parametrize(("name", "verb"), [
    ("Days since the last trip", "are"), ("Campaigns received", "are"), ("Trips of 8 weeks", "are"),
    ("Share of trips with a coupon", "is"), ("Marital status", "is"), ("Home class", "is"), ("Usual gap", "is"),
])  # fmt: skip
def test_a_name_of_several_is_said_in_the_plural(name: str, verb: str) -> None:
    assert said_of({}, Trait(Words("甲", name), None))[1].startswith(f"{name} {verb} x for")


def test_a_unit_that_the_name_says_is_not_said_again() -> None:
    counted = Trait(Words("收到活动数", "Campaigns received"), "campaigns", INTEGER)
    assert said_of({"label": "≥ 5", "kind": "range"}, counted)[1].startswith("Campaigns received are 5 or more for")


def test_what_everybody_is_goes_without_saying() -> None:
    for share, base in ((1.0, 1.0), (0.996, 0.999)):
        row = {**ROW, "share": share, "base_share": base, "tgi": 100 * share / base, "p_adjusted": 1.0}
        assert drawn([row], {"work": ["t.a"]}, TRAITS, 100) == {"work": []}
    not_either = {**ROW, "label": "false", "share": 0.95, "base_share": 0.94, "tgi": 101.0, "p_adjusted": 1.0}
    truth = {"t.a": Trait(Words("甲", "A"), None, BOOLEAN)}
    assert drawn([not_either], {"work": ["t.a"]}, truth, 100) == {"work": []}
    assert len(drawn([{**not_either, "label": "true"}], {"work": ["t.a"]}, truth, 100)["work"]) == 1


RANGE = {**ROW, "tag": "spend.total", "label": "≥ 64.1", "kind": "range"}
NAMED = {
    "spend.total": Trait(Words("累计优惠", "Total discount"), "USD"),
    "spend.last": Trait(Words("最近金额", "Last amount"), "USD"),
    "rfm.sum": Trait(Words("RFM 总分", "RFM score"), None),
    "t.a": TRAITS["t.a"],
}


def test_a_persona_is_called_by_two_traits_of_different_topics_in_words() -> None:
    def called(*rows: object) -> Words:
        return title(4, petals(rows, NAMED))  # type: ignore[arg-type]

    last, low = {**RANGE, "tag": "spend.last"}, {**RANGE, "tag": "rfm.sum", "label": "< 3"}
    middle = {**RANGE, "tag": "rfm.sum", "label": "3 – 5"}
    assert called(RANGE, last, low) == Words("累计优惠高，RFM 总分低", "High total discount, low RFM score")
    assert called(middle) == Words("RFM 总分居中", "Middling RFM score")
    assert called(ROW, RANGE) == Words("甲：x，累计优惠高", "A: x, high total discount")
    again = title(4, petals([middle], NAMED), {"Middling RFM score"})
    assert again == Words("人物 4：RFM 总分居中", "Persona 4: Middling RFM score")


def test_the_picture_is_whole_and_harmless() -> None:
    petal = {"zh": "<b>", "en": '"><script>', "tgi": 1e9}
    for number in range(5):
        ET.fromstring(avatar(number, 2.0, [petal] * 6, "en"))
    assert "<script>" not in avatar(0, 0.5, [petal], "en")
