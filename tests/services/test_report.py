"""The report names what failed, and takes its figures from where the commands take theirs."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import gongbi as package
from gongbi.cli.report import lines
from gongbi.services.models import calibration_words
from gongbi.testing.shop import MODEL, open_for_half_a_year
from gongbi.testing.tracing import command_of, leaves, retraced, untraced

Run = Callable[..., subprocess.CompletedProcess[str]]


def asking(gongbi: Run) -> Callable[[str], Any]:
    def ask(command: str) -> Any:
        program, *words = shlex.split(command)
        assert program == "gongbi"
        done = gongbi(*words, "--json")
        assert done.returncode == 0, (command, done.stderr)
        return json.loads(done.stdout)

    return ask


def report_that_its_commands_give_again(gongbi: Run) -> dict[str, Any]:
    ask = asking(gongbi)
    report: dict[str, Any] = ask("gongbi report")
    assert untraced(report) == []
    again = retraced(report, ask)
    assert again.keys() == report.keys() - {"commands"}, "a part of the report is not compared"
    assert dict(leaves(again)) == {path: value for path, value in leaves(report) if path[0] != "commands"}
    return report


@pytest.fixture
def torn(shop: Path) -> Path:
    """A shop with a file that cannot be loaded and a model that cannot be trained."""
    (shop / "data/items.csv").write_bytes(b"")
    (shop / "definitions/models.yaml").write_text(MODEL, "utf-8")
    return shop


def test_loads_and_models_that_failed_when_last_tried_are_listed(torn: Path) -> None:
    with package.open(torn) as ws:
        report = ws.call("demo")
        assert [(part["kind"], part["what"]) for part in report["failed"]] == [
            ("ingest", "items (data/items.csv)"),
            ("train", "comes_again"),
        ]
        text = "\n".join(lines(report))
        assert "items (data/items.csv)" in text
        assert "needs two or more" in text
        runs = {run["kind"]: run for run in ws.runs()}
        assert runs["ingest"]["status"] == "done", "the other files were loaded"
        assert runs["ingest"]["error"]["failed"][0]["trouble"] == "empty"
        (torn / "data/items.csv").write_text("item,shelf\napple,fruit\n", "utf-8")
        (torn / "definitions/models.yaml").unlink()
        assert ws.call("demo")["failed"] == []


def test_a_demo_of_which_a_part_failed_ends_with_code_2(
    torn: Path, gongbi: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gongbi.workspace.copy_pack", lambda *_: [])
    done = gongbi("demo", str(torn), "--json")
    assert done.returncode == 2
    assert [part["kind"] for part in json.loads(done.stdout)["failed"]] == ["ingest", "train"]
    assert "A part of the demo failed" in done.stderr
    assert gongbi("train").returncode == 2


def test_every_figure_of_a_whole_report_comes_again_from_the_command_it_names(gongbi: Run, shop: Path) -> None:
    open_for_half_a_year(shop)
    with package.open(shop) as ws:
        ws.call("demo")
    report = report_that_its_commands_give_again(gongbi)
    headlines = {name: model["headline"] for name, model in report["models"].items()}
    assert headlines["comes_again"]["auc"]["estimate"] > 0.5
    assert headlines["buying"]["predicted"] > 0
    assert report["campaign"]["figures"]["measurement"]["funnel"]
    assert report["rejects"] == {"wrong_type": 1}
    assert report["unmatched"]["order.item"] > 0
    assert {"ingest", "build", "train", "campaign", "apply"} <= report["seconds"].keys()
    assert report["segments"].keys() == {"likely", "regulars"}
    assert report["members"].keys() == {"customer", "item"}


def test_what_failed_and_what_cannot_be_counted_comes_again_too_however_old_its_run_is(torn: Path, gongbi: Run) -> None:
    (torn / "definitions/more.yaml").write_text("segment: likely\nexpr: tag.model.comes_again > 0.5\n", "utf-8")
    with package.open(torn) as ws:
        ws.call("demo")
    for _ in range(25):
        gongbi("apply")
    report = report_that_its_commands_give_again(gongbi)
    assert [part["kind"] for part in report["failed"]] == ["ingest", "train"]
    assert [part["what"] for part in report["uncounted"]] == ["likely"]
    listed = {run["id"] for run in json.loads(gongbi("runs", "--json").stdout)}
    assert report["runs"]["build"] not in listed, "the list alone would not have shown it"
    shown = gongbi("runs", "show", str(report["runs"]["build"]))
    assert "customer" in shown.stdout


def test_a_report_of_edited_tags_and_several_instants_comes_again_from_its_commands(
    built_shop: Path, gongbi: Run
) -> None:
    (built_shop / "definitions/more.yaml").write_text("tag: spend.level\nexpr: count(order) * 10\n", "utf-8")
    tags = built_shop / "definitions/tags.yaml"
    tags.write_text(tags.read_text("utf-8").replace("expr: count(order)\n", "expr: count(order) + 1\n"), "utf-8")
    assert gongbi("apply").returncode == 0
    assert gongbi("build", "--as-of", "2024-03-25", "-s", "item").returncode == 0
    report = report_that_its_commands_give_again(gongbi)
    assert report["tags"] == {"customer": 3, "item": 1}, "one tag was not built yet"
    assert [said["code"] for said in report["warnings"]] == ["edited_tags"]


def test_a_subject_of_another_name_is_counted_by_its_own_command(shop: Path, gongbi: Run) -> None:
    for name in ("subjects", "sources", "tags"):
        path = shop / f"definitions/{name}.yaml"
        text = path.read_text("utf-8").replace("subject: customer", "subject: 顾客").replace("customer: {", "顾客: {")
        text = text.replace("attributes: customer", "attributes: 顾客").replace("order.customer", "order.顾客")
        path.write_text(re.sub(r"(tag: spend.*)", r"\1\nsubject: 顾客", text), "utf-8")
    (shop / "definitions/segments.yaml").unlink()
    for command in ("apply", "ingest", "build"):
        assert gongbi(command).returncode == 0
    report = report_that_its_commands_give_again(gongbi)
    assert report["customers"] is None
    assert report["members"] == {"item": 3, "顾客": 4}
    assert command_of(report, ("members", "顾客")) == "gongbi segment count true -s '顾客'"


def test_seconds_are_those_of_a_run_that_did_something(built_shop: Path) -> None:
    with package.open(built_shop) as ws:
        before = {run["kind"]: run for run in ws.runs()}
        ws.build()
        ws.ingest()
        report = ws.report()
        runs = {run["id"]: run for run in ws.runs()}
    assert report["runs"] == {kind: run["id"] for kind, run in before.items()}
    assert report["seconds"] == {kind: runs[id_]["seconds"] for kind, id_ in report["runs"].items()}


def test_a_segment_that_cannot_be_counted_yet_is_told_and_the_others_are_counted(built_shop: Path, gongbi: Run) -> None:
    (built_shop / "definitions/more.yaml").write_text(
        MODEL + "---\ntag: spend.level\nexpr: count(order) * 10\n---\nsegment: high\nexpr: tag.spend.level > 10\n"
        "---\nsegment: likely\nexpr: tag.model.comes_again > 0.5\n",
        "utf-8",
    )
    assert gongbi("apply").returncode == 0
    listed = gongbi("segment", "list", "--json")
    assert listed.returncode == 0, listed.stderr
    rows = {row["segment"]: row for row in json.loads(listed.stdout)}
    assert {name: row["count"] for name, row in rows.items()} == {"high": None, "likely": None, "regulars": 1}
    assert rows["regulars"]["problem"] is None
    assert rows["high"]["problem"] == {
        "code": "not_yet",
        "message": "The tag 'spend.level' was not built yet.",
        "hint": "Run `gongbi build` first.",
    }
    (line,) = [line for line in gongbi("segment", "list").stdout.splitlines() if line.startswith("high")]
    assert "—" in line
    assert "The tag 'spend.level' was not built yet. Run `gongbi build` first." in line
    report = json.loads(gongbi("report", "--json").stdout)
    assert report["segments"] == {"regulars": 1}
    assert [part["what"] for part in report["uncounted"]] == ["high", "likely"]
    assert {"what": "high", **rows["high"]["problem"]} in report["uncounted"]
    assert report["failed"] == []
    text = "\n".join(lines(report))
    assert "The tag 'spend.level' was not built yet. Run `gongbi build` first." in text


def test_calibration_is_told_in_words() -> None:
    groups = [
        {"predicted": 0.1, "low": 0.05, "high": 0.2, "observed": 0.12},
        {"predicted": 0.5, "low": 0.6, "high": 0.9, "observed": 0.8},
    ]
    test = {
        "cohort": "autumn",
        "predicted_positives": 29.6,
        "positives": 46,
        "expected_calibration_error": 0.16,
        "calibration": groups,
    }
    words = calibration_words({"tests": [test]})
    assert words is not None
    assert words["en"] == (
        "Calibration on autumn: 30 predicted to have the outcome, 46 had it. In 1 of 2 groups by score the prediction"
        " lies within the 95% interval of what was seen; on average they differ by 16.0 points."
    )
    assert "2 组，1 组的预测" in words["zh"]
    assert calibration_words({"holdout": {}}) is None
