"""Every customer is in one of ten cells; who cares, who is due and who moved agree with a plain reading of the rows."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

import gongbi
from gongbi.catalog.yaml import read_text
from gongbi.errors import GongbiError, InvalidDefinition, UnknownName
from gongbi.portraits.grading import matrix
from gongbi.testing.shop import open_for_half_a_year

GRADING = """
grading: buying
name: {zh: 分级, en: Grades}
types: {planned: {zh: 计划, en: Planned}, occasional: {zh: 随机, en: Occasional}}
first: tag.spend.orders >= 5
volume: tag.spend.total
unit: CNY
cuts: [20, 50, 100, 200]
posts: {manager: {zh: 经理, en: Manager}, centre: {zh: 中心, en: Centre}}
care:
  planned:
    - {post: centre, days: 90}
    - {post: centre, days: 60}
    - {post: centre, days: 30}
    - {post: manager, days: 14}
    - {post: manager, days: 7}
  occasional:
    - {post: centre, days: 365}
    - {post: centre, days: 180}
    - {post: centre, days: 90}
    - {post: manager, days: 30}
    - {post: manager, days: 14}
contact: max(order.ts)
period: 60
"""
POSTS = {"planned": ["centre"] * 3 + ["manager"] * 2, "occasional": ["centre"] * 3 + ["manager"] * 2}
DAYS = {"planned": [90, 60, 30, 14, 7], "occasional": [365, 180, 90, 30, 14]}
AS_OF = datetime(2024, 6, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop of forty customers with a grading, built as of the first of June."""
    from gongbi.testing.shop import lay_out

    root = lay_out(tmp_path_factory.mktemp("graded") / "shop")
    open_for_half_a_year(root, 40)
    (root / "definitions/learning.yaml").write_text(GRADING, "utf-8")
    with gongbi.open(root) as ws:
        ws.apply()
        ws.ingest()
        ws.build(as_of=AS_OF)
    return root


def grades(root: Path, as_of: datetime) -> dict[int, tuple[str, int, float, int]]:
    """Card → type, level, volume, whole days since the last order, read from the file in plain Python."""
    orders: dict[int, list[tuple[datetime, float]]] = {}
    with (root / "data/orders.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            at = datetime.fromisoformat(row["at"]).replace(tzinfo=UTC) - timedelta(hours=8)
            if row["amount"] != "much" and at < as_of:
                orders.setdefault(int(row["card"]), []).append((at, float(row["amount"])))
    found = {}
    for card, some in orders.items():
        volume = sum(amount for _, amount in some)
        level = 1 + sum(round(volume, 2) >= cut for cut in (20, 50, 100, 200))
        quiet = (as_of - max(at for at, _ in some)).days
        found[card] = ("planned" if len(some) >= 5 else "occasional", level, volume, quiet)
    return found


def test_cells_agree_with_a_plain_reading_of_the_orders(graded: Path) -> None:
    now, before = grades(graded, AS_OF), grades(graded, AS_OF - timedelta(days=60))
    with gongbi.open(graded) as ws:
        found = ws.grading("buying")
        known = ws.segment("true").count()
    assert len(found["cells"]) == 10
    assert found["members"] == known
    for cell in found["cells"]:
        key = (cell["type"], cell["level"])
        mine = [one for one in now.values() if one[:2] == key]
        nobody = known - len(now) if key == ("occasional", 1) else 0  # Described, but never bought.
        assert cell["members"] == len(mine) + nobody
        assert cell["volume"] == pytest.approx(sum(one[2] for one in mine))
        assert (cell["post"], cell["days"]) == (POSTS[key[0]][key[1] - 1], DAYS[key[0]][key[1] - 1])
        assert cell["due"] == sum(one[3] >= cell["days"] for one in mine) + nobody
        came = [card for card, one in now.items() if one[:2] == key and card in before and before[card][:2] != key]
        assert cell["up"] == sum(before[card][1] < key[1] for card in came)
        assert cell["down"] == sum(before[card][1] > key[1] for card in came) == 0
    assert found["due"] == sum(cell["due"] for cell in found["cells"])


def test_the_list_of_care_holds_who_is_due_and_a_post_sees_its_own(graded: Path, tmp_path: Path) -> None:
    with gongbi.open(graded) as ws:
        everyone = ws.care("buying", limit=None)
        assert everyone["due"] == everyone["table"].num_rows == ws.grading("buying")["due"]
        levels = everyone["table"]["tag.grade.buying.level"].to_pylist()
        assert levels == sorted(levels, reverse=True)
        manager = ws.care("buying", post="manager", limit=None)
        assert set(manager["table"]["tag.grade.buying.post"].to_pylist()) <= {"manager"}
        written = ws.care("buying", post="manager", to=tmp_path / "due.csv")
        assert written["rows"] == manager["due"]
        with pytest.raises(UnknownName, match="'boss'"):
            ws.care("buying", post="boss")
        assert ws.segment("tag.grade.buying.level = 1").count() > 0


@pytest.mark.parametrize(
    ("language", "post", "heading", "types"),
    [
        ("zh", "经理", "{}：责任岗位", {"计划", "随机"}),
        ("en", "Manager", "{}: responsible post", {"Planned", "Occasional"}),
        (None, "manager", "tag.grade.buying.post", {"planned", "occasional"}),
    ],
)
def test_the_file_for_a_post_says_headings_and_values_as_people_do(
    graded: Path, tmp_path: Path, language: str | None, post: str, heading: str, types: set[str]
) -> None:
    with gongbi.open(graded) as ws:
        name = ws.grading("buying")["name"]
        wanted = ws.care("buying", post="manager", limit=None)["table"].to_pylist()
        ws.call("care", name="buying", post="manager", to=str(tmp_path / "due.xlsx"), headings=language)
    heads, *rows = load_workbook(tmp_path / "due.xlsx").active.iter_rows(values_only=True)  # type: ignore[union-attr]
    written = [dict(zip(heads, row, strict=True)) for row in rows]
    head = heading.format(name[language] if language else "")
    assert [row["id"] for row in written] == [row["id"] for row in wanted]
    assert {row[head] for row in written} == {post}
    assert {row[heads[1]] for row in written} <= types
    assert [row[heads[2]] for row in written] == [row["tag.grade.buying.level"] for row in wanted]


def test_what_a_grade_is_made_of_is_said_as_people_call_it(graded: Path) -> None:
    with gongbi.open(graded) as ws:
        (tag,) = (one for one in ws.call("tags") if one["tag"] == "grade.buying.post")
        assert tag["labels"] == {"manager": {"zh": "经理", "en": "Manager"}, "centre": {"zh": "中心", "en": "Centre"}}
        member = ws.segment("true").members()["id"][0].as_py()
        steps = {step["tag"]: step for step in ws.explain("grade.buying.post", member)["steps"]}
    assert "则为「经理」" in steps["grade.buying.post"]["said"]["zh"]
    assert "等于「随机」" in steps["grade.buying.post"]["said"]["zh"]
    assert "“Planned” if" in steps["grade.buying.type"]["said"]["en"]


def test_shares_put_the_largest_on_top(graded: Path) -> None:
    text = GRADING.replace("cuts: [20, 50, 100, 200]", "shares: [0.5, 0.7, 0.8, 0.9]")
    (graded / "definitions/learning.yaml").write_text(text, "utf-8")
    with gongbi.open(graded) as ws:
        ws.apply()
        ws.build(as_of=AS_OF)
        members = ws.segment("true").members(["grade.buying.volume", "grade.buying.level"])
    volumes, levels = (members[f"grade.buying.{part}"].to_pylist() for part in ("volume", "level"))
    below = [sum(other < mine for other in volumes) / (len(volumes) - 1) for mine in volumes]
    assert levels == [1 + sum(share >= limit for limit in (0.5, 0.7, 0.8, 0.9)) for share in below]


def test_moves_are_those_of_members_known_at_both_instants() -> None:
    (definition,) = read_text(GRADING)
    before = {1: ("planned", 2), 2: ("planned", 3), 3: ("occasional", 1)}
    now = {1: ("planned", 3), 2: ("planned", 3), 3: ("planned", 1), 4: ("planned", 3)}
    cells = {(c.type, c.level): c for c in matrix(definition, [], before, now)}  # type: ignore[arg-type]
    top, bottom, gone = cells["planned", 3], cells["planned", 1], cells["occasional", 1]
    assert (top.entered, top.up, top.down, top.new, top.left) == (1, 1, 0, 1, 0)
    assert (bottom.entered, bottom.up, bottom.down) == (1, 0, 0)
    assert (gone.left, cells["planned", 2].left) == (1, 1)


def test_before_a_build_it_says_what_to_run(shop: Path, gongbi: Callable[..., Any]) -> None:
    (shop / "definitions/grading.yaml").write_text(GRADING, "utf-8")
    assert gongbi("apply").returncode == 0
    done = gongbi("grading", "buying")
    assert done.returncode == 2
    assert "gongbi build" in done.stderr
    for verb in ("ingest", "build"):
        assert gongbi(verb).returncode == 0
    done = gongbi("grading", "buying")
    assert "4 members" in done.stdout
    assert "Manager" in done.stdout
    assert "buying" in gongbi("grading").stdout
    assert gongbi("grading", "--due").returncode == 2


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("cuts: [20, 50, 100, 200]", "cuts: [20, 50, 100]", "four `cuts`"),
        ("cuts: [20, 50, 100, 200]", "cuts: [20, 50, 50, 200]", "limits rise"),
        ("cuts: [20, 50, 100, 200]", "shares: [0.2, 0.5, 0.8, 1]", "between 0 and 1"),
        ("{post: manager, days: 7}", "{post: boss, days: 7}", "no post 'boss'"),
        ("{post: manager, days: 7}", "{post: manager, days: 0}", "rhythm of care"),
        (", occasional: {zh: 随机, en: Occasional}}", "}", "it needs two"),
        ("    - {post: manager, days: 7}\n", "", "each with five levels"),
        ("period: 60", "period: 0", "`period` is 1 to"),
    ],
)
def test_a_definition_that_makes_no_sense_is_refused(old: str, new: str, said: str) -> None:
    assert old in GRADING
    with pytest.raises(GongbiError, match=said) as caught:
        read_text(GRADING.replace(old, new))
    assert isinstance(caught.value, InvalidDefinition)
