"""A segment of at most so many, by order or by lot, without a line of YAML: counted, saved, listed."""

from __future__ import annotations

from pathlib import Path

import pytest

import gongbi as package
from gongbi.errors import GongbiError
from gongbi.workspace import Workspace

# The shop's customers: 10 spent 17.50 in three orders, 12 spent 9.90, 11 spent 6.00, 13 nothing.


def test_a_limit_counts_saves_and_lists_the_first_by_a_tag_and_some_by_lot(built_shop: Path) -> None:
    with package.open(built_shop, actor="ana") as ws:
        assert ws.call("count", expression="true")["count"] == 4
        assert ws.call("count", expression="true", limit=3, order="spend.total")["count"] == 3
        assert ws.call("count", expression="regulars", limit=3, draw="spring")["count"] == 1
        both = {"title": {"zh": "前两名", "en": "First two"}, "why": "a gift"}
        draft = ws.call("save_segment", name="first_two", expression="true", limit=2, order="spend.total", **both)
        assert (draft["state"], draft["kind"]) == ("draft", "segment")
        publish(ws, "segment.first_two")
        ws.call("save_segment", name="some", expression="first_two", limit=1, draw="it's")
        publish(ws, "segment.some")
        listed = {row["segment"]: row for row in ws.call("segments")}
        told = {key: listed["first_two"][key] for key in ("limit", "order", "draw", "count", "name")}
        assert told == {
            "limit": 2, "order": "tag.spend.total", "draw": None, "count": 2, "name": both["title"],
        }  # fmt: skip
        assert (listed["some"]["expr"], listed["some"]["draw"], listed["some"]["count"]) == (
            "segment.first_two",
            "it's",
            1,
        )
        best = ws.call("members", expression="first_two", columns=["spend.total"])["table"]["spend.total"].to_pylist()
        assert sorted(map(float, best)) == [9.9, 17.5]


def publish(ws: Workspace, name: str) -> None:
    """Ana submits, Bo approves."""
    ws.call("submit_tag", names=[name])
    ws.call_as("bo", "approve_tag", names=[name])


@pytest.mark.parametrize(
    "given",
    [{"limit": 3}, {"order": "spend.total"}, {"draw": "x"}, {"limit": 3, "order": "spend.total", "draw": "x"},
     {"limit": 0, "draw": "x"}],
)  # fmt: skip
def test_a_limit_without_a_way_or_a_way_without_a_limit_is_refused(built_shop: Path, given: dict[str, object]) -> None:
    with package.open(built_shop) as ws:
        for verb, more in (("count", {}), ("save_segment", {"name": "x"})):
            with pytest.raises(GongbiError, match="go together"):
                ws.call(verb, expression="true", **more, **given)
