"""Files that leave the workspace are on record as what they are; and a limit is a number from 0 on at every door."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import gongbi as package
from gongbi.errors import InvalidInput
from gongbi.segments.run import list_members
from gongbi.services import segments

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_an_export_names_its_segment_however_it_was_asked_for(built_shop: Path) -> None:
    with package.open(built_shop) as ws:
        for i, name in enumerate(("regulars", "segment.regulars", " segment.regulars ", "tag.spend.orders > 0")):
            ws.segment(name).export(built_shop / f"{i}.csv")
        assert [row["segment"] for row in ws.call("exports")] == [None, "regulars", "regulars", "regulars"]


def test_an_export_names_the_build_that_its_values_are_from(built_shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with package.open(built_shop) as ws:
        before = ws.context.current_build("customer").id  # type: ignore[union-attr]

        def overtaken(*args: Any, **more: Any) -> Any:
            found = list_members(*args, **more)
            ws.build(force=True)
            return found

        monkeypatch.setattr(segments, "list_members", overtaken)
        ws.segment("regulars").export(built_shop / "list.csv", ["spend.total"])
        assert ws.context.current_build("customer").id != before  # type: ignore[union-attr]
        (export,) = ws.context.store.exports.list()  # type: ignore[union-attr]
        assert export.build_ids == [before]


def test_rejected_rows_that_are_written_to_a_file_are_on_record(gongbi: Run, shop: Path) -> None:
    orders = shop / "data/orders.csv"
    orders.write_text(orders.read_text("utf-8").replace("9.90", "nine"), "utf-8")
    gongbi("apply")
    gongbi("ingest")
    (load,) = json.loads(gongbi("sources", "loads", "orders", "--json").stdout)
    assert gongbi("sources", "rejects", str(load["id"]), "--to", "bad.csv", "--as", "ada").returncode == 0
    (export,) = json.loads(gongbi("segment", "exports", "--json").stdout)
    told = {key: export[key] for key in ("actor", "segment", "expression", "rows", "path", "sha256")}
    assert told == {
        "actor": "ada",
        "segment": None,
        "expression": f"rejected rows of load {load['id']}",
        "rows": 1,
        "path": str(shop / "bad.csv"),
        "sha256": hashlib.sha256((shop / "bad.csv").read_bytes()).hexdigest(),
    }
    assert export["columns"][:2] == ["_load", "_row"]
    with package.open(shop) as ws:
        (entry,) = ws.context.store.audit.list(action="export")  # type: ignore[union-attr]
        assert (entry.actor, entry.object) == ("ada", told["expression"])


#: By the use case; by the door, which knows the types.
REFUSED = "A limit is a number from 0 on, not|takes for `(limit|events)` a value of type int"


@pytest.mark.parametrize("limit", [-1, "5", None, 1.5])
def test_verbs_refuse_a_limit_that_is_none(built_shop: Path, limit: Any) -> None:
    calls: dict[str, dict[str, Any]] = {
        "rejects": {},
        "loads": {},
        "runs": {},
        "exports": {},
        "evidence": {"id": 1, "tag": "spend.total"},
    }
    if limit is not None:
        calls |= {
            "members": {"expression": "true"},
            "export": {"expression": "true", "to": str(built_shop / "x.csv")},
        }
    with package.open(built_shop) as ws:
        for verb, params in calls.items():
            with pytest.raises(InvalidInput, match=REFUSED):
                ws.call(verb, limit=limit, **params)
        with pytest.raises(InvalidInput, match=REFUSED):
            ws.call("customer", id=1, events="many")


def test_a_limit_may_be_none_at_all_or_more_than_there_is(built_shop: Path) -> None:
    with package.open(built_shop) as ws:
        for verb in ("loads", "runs"):
            assert ws.call(verb, limit=0) == []
            assert ws.call(verb, limit=10**30) == ws.call(verb, limit=1000) != []
        assert ws.segment("true").members(limit=10**30).num_rows == 4


@pytest.mark.parametrize(
    "command",
    [
        ("sources", "rejects"),
        ("runs",),
        ("segment", "overlap"),
        ("segment", "members", "true"),
        ("segment", "insight", "true"),
    ],
)
def test_commands_refuse_a_negative_limit(gongbi: Run, built_shop: Path, command: tuple[str, ...]) -> None:
    done = gongbi(*command, "--limit", "-1")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--limit" in done.stderr
