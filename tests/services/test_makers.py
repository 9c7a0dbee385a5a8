"""Tags that are tried before they are in force: the same values as once they are, and nothing left behind."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import gongbi
from gongbi.catalog.makers import EXAMPLES, MAKERS
from gongbi.errors import GongbiError, NotYet
from gongbi.services.drafts import DRAFT

Run = Callable[..., subprocess.CompletedProcess[str]]
TIERS = {"tiers": {"of": "sum(order.amount)", "cuts": [5, 20], "names": ["low", "mid", "high"]}}


def tables(root: Path) -> list[str]:
    with gongbi.open(root) as ws:
        return list(ws.context.engine.tables())  # type: ignore[union-attr]


def test_a_draft_has_the_figures_that_the_tag_has_once_it_is_built(built_shop: Path) -> None:
    before = tables(built_shop)
    with gongbi.open(built_shop) as ws:
        draft = ws.draft_tag(tag="spend.tier", maker=TIERS)
    assert tables(built_shop) == before
    assert draft["expr"].startswith("case")
    assert draft["type"] == "text"
    assert yaml.safe_load(draft["yaml"]) == {"tag": "spend.tier", "maker": TIERS}
    (built_shop / "definitions" / "more.yaml").write_text(draft["yaml"], "utf-8")
    with gongbi.open(built_shop) as ws:
        ws.apply()
        ws.build()
        (tag,) = [t for t in ws.tags if t["tag"] == "spend.tier"]
        names = {row["id"]: row["spend.tier"] for row in ws.segment("true").members(["spend.tier"]).to_pylist()}
        listed = ws.segment("true").members(["sum(order.amount)"]).to_pylist()
        spent = {row["id"]: row["sum(order.amount)"] for row in listed}
    shared = ("expr", "type", "facts", "uses", "present", "coverage", "distinct", "min", "max", "mean", "top")
    assert {key: tag[key] for key in shared} == {key: draft[key] for key in shared}
    assert names == {
        member: None if s is None else "low" if s < 5 else "mid" if s < 20 else "high" for member, s in spent.items()
    }


def test_a_value_that_no_name_is_listed_for_is_refused_in_a_draft_too(built_shop: Path) -> None:
    with gongbi.open(built_shop) as ws, pytest.raises(GongbiError, match="does not list"):
        ws.draft_tag(tag="a.b", expr="first(order.item)", type={"category": ["cheese"]})
    assert not [table for table in tables(built_shop) if table.startswith(DRAFT)]


@pytest.mark.parametrize(
    ("definition", "said"),
    [
        ({"tag": "a.b"}, "Write an `expr` or a `maker`"),
        ({"tag": "a.b", "expr": "1", "maker": TIERS}, "has an `expr` and a `maker`"),
        ({"tag": "a.b", "maker": {"rank": {"of": "sum(order.amout)"}}}, "`of` of its maker `rank`: No column"),
        ({"tag": "a.b", "maker": {"rank": {"of": "sum(order.amout)"}}}, "Did you mean 'amount'"),
        ({"tag": "a.b", "subject": "custmer", "expr": "1"}, "Did you mean 'customer'"),
        ({"tag": "a b", "expr": "1"}, "'a b'"),
        ({"tag": "a.b", "expr": "1", "colour": "red"}, "no key 'colour'"),
        ({"expr": "1"}, "lacks `tag`"),
    ],
)
def test_a_draft_that_apply_would_refuse_is_refused(built_shop: Path, definition: dict[str, Any], said: str) -> None:
    with gongbi.open(built_shop) as ws, pytest.raises(GongbiError) as error:
        ws.draft_tag(**definition)
    assert said in str(error.value)


def test_a_draft_needs_a_build_and_says_so(shop: Path) -> None:
    with gongbi.open(shop) as ws:
        ws.apply()
        with pytest.raises(NotYet):
            ws.draft_tag(tag="a.b", expr="count(order)")


def test_the_table_of_a_draft_whose_process_died_is_gone_when_the_workspace_is_opened(built_shop: Path) -> None:
    with gongbi.open(built_shop) as ws:
        engine = ws.context.engine  # type: ignore[union-attr]
        engine.rename(next(t for t in engine.tables() if t.startswith("build_")), f"{DRAFT}left")
    assert not [table for table in tables(built_shop) if table.startswith(DRAFT)]


def test_the_command_line_lists_makers_and_shows_one(gongbi: Run, built_shop: Path) -> None:
    listed = json.loads(gongbi("makers", "--json").stdout)
    assert [maker["maker"] for maker in listed] == list(MAKERS)
    assert all(field["about"] for maker in listed for field in maker["fields"])
    shown = gongbi("makers", "tiers").stdout
    assert f"maker: {{tiers: {EXAMPLES['tiers']}}}" in " ".join(shown.split())
    assert "Did you mean 'tiers'?" in gongbi("makers", "tier").stderr
    assert built_shop.is_dir()


def test_a_tag_its_draft_and_an_expression_are_told_as_the_form_that_writes_them(built_shop: Path) -> None:
    with gongbi.open(built_shop) as ws:
        before = ws.call("tag_form", tag=(name := "spend.orders"))
        assert (before["definition"]["tag"], before["state"]) == (name, "published")
        maker = {"metric": {"measure": "count", "of": "order", "within": "90 day"}}
        ws.call("save_tag", definition={**before["definition"], "maker": maker})
        after = ws.call("tag_form", tag=name)
        assert {after["maker"]: after["fields"]} == maker
        assert (after["state"], after["version"]) == ("draft", before["version"] + 1)
        assert after["definition"] == before["definition"]
        again = ws.call("tag_form", expr=after["expr"])
        assert {again["maker"]: again["fields"]} == maker
        assert ws.call("tag_form", expr="1 + 2")["maker"] is None
