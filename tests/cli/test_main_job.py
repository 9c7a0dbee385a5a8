"""The main job of a small shop through the command line, and every mistake said in one line."""

from __future__ import annotations

import csv
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def built(gongbi: Run, built_shop: Path) -> Run:
    return gongbi


def answer(done: subprocess.CompletedProcess[str]) -> object:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_shop_goes_from_files_to_a_report(gongbi_process: Run) -> None:
    for command in ("apply", "ingest", "build"):
        assert gongbi_process(command).returncode == 0
    report = answer(gongbi_process("report", "--json"))
    assert isinstance(report, dict)
    assert report["as_of"] == "2024-03-20T16:00:00+00:00", "the end of old data: midnight in Shanghai after 20 March"
    assert report["customers"] == 4
    assert report["facts"] == {"order": 5}
    assert report["unmatched"] == {"order.item": 2}
    assert report["tags"] == {"customer": 3, "item": 1}
    assert report["segments"] == {"regulars": 1}
    assert report["rejects"] == {}
    assert {"ingest", "build"} <= set(report["seconds"])


def test_a_member_has_the_tags_that_the_files_say(built: Run) -> None:
    found = answer(
        built("segment", "members", "customer.town = '上海'", "-c", "spend.total", "-c", "spend.fruit_share", "--json")
    )
    assert isinstance(found, dict)
    assert found["table"] == [
        {"id": 10, "spend.total": 17.5, "spend.fruit_share": pytest.approx(4 / 6.5)},
        {"id": 13, "spend.total": 0, "spend.fruit_share": None},
    ]


def test_a_count_over_raw_facts_agrees_with_tags(built: Run) -> None:
    raw = answer(built("segment", "count", "count(order) >= 2", "--json"))
    saved = answer(built("segment", "count", "regulars", "--json"))
    assert isinstance(raw, dict)
    assert isinstance(saved, dict)
    assert (raw["count"], raw["of"]) == (saved["count"], saved["of"]) == (1, 4)


@pytest.mark.parametrize("suffix", ["csv", "xlsx", "parquet"])
def test_an_export_is_a_file_and_goes_on_record(built: Run, shop: Path, suffix: str) -> None:
    done = answer(built("segment", "members", "regulars", "-c", "spend.total", "--to", f"out.{suffix}", "--json"))
    assert isinstance(done, dict)
    assert done["rows"] == 1
    (record,) = answer(built("segment", "exports", "--json"))  # type: ignore[misc]
    assert (record["segment"], record["rows"], record["sha256"], record["actor"]) == (
        "regulars",
        1,
        done["sha256"],
        "tester",
    )
    path = shop / f"out.{suffix}"
    if suffix == "csv":
        assert list(csv.reader(path.open(encoding="utf-8-sig"))) == [["id", "spend.total"], ["10", "17.50"]]
    elif suffix == "parquet":
        import pyarrow.parquet as pq

        assert pq.read_table(path).column_names == ["id", "spend.total"]
    else:
        import openpyxl

        assert [[c.value for c in row] for row in openpyxl.load_workbook(path).active] == [
            ["id", "spend.total"],
            [10, 17.5],
        ]


def test_a_customer_is_found_by_identifier_and_shows_the_facts_behind_a_tag(built: Run) -> None:
    customer = answer(built("customer", "card:10", "--json"))
    assert isinstance(customer, dict)
    assert customer["attributes"] == {"town": "上海"}
    assert customer["facts"] == {"order": 3}
    behind = answer(built("customer", "10", "--tag", "spend.fruit_share", "--json"))
    assert isinstance(behind, dict)
    (part,) = behind["parts"]
    assert [row["_row"] for row in part["table"]] == [2, 1], (
        "newest first, each with its line of the file; the shelf of cheese is unknown"
    )


def test_ingesting_again_adds_nothing_and_undo_takes_a_load_back(built: Run, shop: Path) -> None:
    again = answer(built("ingest", "--json"))
    assert isinstance(again, dict)
    assert not again["changed"]
    loads = answer(built("sources", "loads", "orders", "--json"))
    assert isinstance(loads, list)
    undone = answer(built("sources", "undo", str(loads[0]["id"]), "--json"))
    assert isinstance(undone, dict)
    assert undone["rows"] == 5
    assert "There are no facts" in built("build").stderr, "nothing is left that could say as of when"
    rebuilt = answer(built("build", "--json", "--as-of", "2024-03-21"))
    assert isinstance(rebuilt, dict)
    assert [b["current"] for b in rebuilt["builds"]] == [True, True]
    count = answer(built("segment", "count", "tag.spend.orders > 0", "--json"))
    assert isinstance(count, dict)
    assert count["count"] == 0


def test_rejected_rows_are_shown_exported_mended_and_loaded(gongbi: Run, shop: Path) -> None:
    orders = shop / "data/orders.csv"
    orders.write_text(orders.read_text("utf-8").replace("9.90", "nine"), "utf-8")
    assert gongbi("apply").returncode == 0
    ingested = answer(gongbi("ingest", "--json"))
    assert isinstance(ingested, dict)
    assert ingested["rejects"] == {"wrong_type": 1}
    shown = answer(gongbi("sources", "rejects", "--json"))
    assert isinstance(shown, dict)
    (row,) = shown["table"]
    assert (row["_row"], row["reason"], row["column"], row["value"]) == (4, "wrong_type", "amount", "nine")
    load = str(row["_load"])
    assert gongbi("sources", "rejects", load, "--to", "bad.csv").returncode == 0
    mended = (shop / "bad.csv").read_text("utf-8-sig").replace("nine,2024", "9.90,2024")
    text = mended.replace(",nine,1", ",9.90,1")
    (shop / "mended.csv").write_text(text, "utf-8")
    repaired = answer(gongbi("sources", "repair", load, "mended.csv", "--json"))
    assert isinstance(repaired, dict)
    assert (repaired["good"], repaired["repaired"]) == (1, 1)
    report = answer(gongbi("report", "--json"))
    assert isinstance(report, dict)
    assert report["facts"] == {"order": 5}
    assert report["rejects"] == {}


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["segment", "count", "tag.spend.totl > 1"], "Did you mean 'spend.total'?"),
        (["segment", "count", "order.amount > 1"], "needs an aggregate"),
        (["segment", "members", "regulars", "--to", "out.docx"], "End it in .csv, .xlsx, .parquet"),
        (["customer", "nobody"], "No customer is called 'nobody'"),
        (["customer", "10", "--tag", "spend.totl"], "Did you mean 'spend.total'?"),
        (["build", "--as-of", "soon"], "is not a date or an instant"),
        (["build", "-s", "shop"], "No subject with tags is called 'shop'"),
        (["sources", "undo", "999"], "999"),
        (["ingest", "ordres"], "Did you mean 'orders'?"),
        (["apply", "nowhere"], "There is no folder"),
        (["runs", "cancel", "999"], "999"),
        (["train", "crystal_ball"], "crystal_ball"),
        (["bild"], "Did you mean 'build'?"),
    ],
)
def test_a_mistake_ends_with_code_2_and_one_clear_line(built: Run, command: list[str], message: str) -> None:
    done = built(*command)
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_a_mistake_in_a_process_of_its_own_ends_with_code_2(gongbi_process: Run, shop: Path) -> None:
    done = gongbi_process("apply", "nowhere")
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr == f"gongbi: There is no folder '{shop / 'nowhere'}'. Give the folder that holds the YAML files.\n"
    )


def test_a_broken_definition_is_refused_with_file_and_line_and_nothing_changes(built: Run, shop: Path) -> None:
    tags = shop / "definitions/tags.yaml"
    tags.write_text(tags.read_text("utf-8").replace("count(order)", "count(ordre)"), "utf-8")
    done = built("apply")
    assert done.returncode == 2
    assert "tags.yaml:10:" in done.stderr, "the line of the expression at fault"
    assert "Did you mean 'order'?" in done.stderr
    assert answer(built("report", "--json"))["tags"] == {"customer": 3, "item": 1}  # type: ignore[index]


TRIP = """source: {0}
from: {{fact: {1}, group_by: [units]}}
fact: {0}
subjects: {{customer: customer}}
columns: {{units: integer}}
"""


@pytest.mark.parametrize(
    ("file", "text", "place", "message"),
    [
        (
            "circle.yaml",
            "tag: a\nexpr: tag.b + 1\n---\ntag: b\nexpr: tag.a * 2\n",
            "circle.yaml:5:7",
            "Tags depend on each other: a → b → a. Write the expression of 'b' without 'a'.",
        ),
        (
            "circle.yaml",
            "tag: a\nexpr: 1 + tag.a\n",
            "circle.yaml:2:7",
            "Tags depend on each other: a → a. Write the expression of 'a' without 'a'.",
        ),
        (
            "derived.yaml",
            "---\n".join([TRIP.format("day", "trip"), TRIP.format("trip", "visit"), TRIP.format("visit", "trip")]),
            "derived.yaml:7:1",
            "Facts are derived in a circle: trip → visit → trip. Derive one of them from a fact that is loaded.",
        ),
        (
            "derived.yaml",
            TRIP.format("trip", "trip"),
            "derived.yaml:1:1",
            "Facts are derived in a circle: trip → trip. Derive one of them from a fact that is loaded.",
        ),
    ],
    ids=["two tags", "a tag of itself", "derived facts", "a derived fact of itself"],
)
def test_a_circle_of_definitions_is_refused_with_file_and_line_and_nothing_changes(
    built: Run, shop: Path, file: str, text: str, place: str, message: str
) -> None:
    before = answer(built("tags", "--json"))
    (shop / "definitions" / file).write_text(text, "utf-8")
    done = built("apply")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(f"{place}: {message}\n")
    assert done.stderr.count("\n") == 1
    assert answer(built("tags", "--json")) == before
    assert answer(built("runs", "--json"))[0]["kind"] == "build"  # type: ignore[index]


def test_definitions_travel_out_and_in_again(built: Run, shop: Path) -> None:
    assert answer(built("export", "elsewhere", "--json"))
    applied = answer(built("apply", "elsewhere", "--json"))
    assert isinstance(applied, dict)
    assert (applied["added"], applied["changed"], applied["retired"]) == ([], [], [])


def test_a_row_that_nobody_mended_stays_rejected(gongbi: Run, shop: Path) -> None:
    orders = shop / "data/orders.csv"
    orders.write_text(orders.read_text("utf-8") + "5,10,cheese,2024-03-20T09:15:00,99.00,1\n", "utf-8")
    assert gongbi("apply").returncode == 0
    assert answer(gongbi("ingest", "--json"))["rejects"] == {"duplicate_key": 1}  # type: ignore[index]
    assert gongbi("sources", "rejects", "3", "--to", "bad.csv").returncode == 0
    done = gongbi("sources", "repair", "3", "bad.csv")
    assert done.returncode == 2
    assert "No row of 'bad.csv' was edited" in done.stderr
    found = answer(gongbi("sources", "--json"))
    assert isinstance(found, list)
    assert {s["source"]: s["rejected"] for s in found}["orders"] == 1


def test_a_build_of_the_future_is_refused(built: Run) -> None:
    done = built("build", "--as-of", "2999-01-01")
    assert done.returncode == 2
    assert "lies in the future" in done.stderr


def test_a_file_that_cannot_be_loaded_ends_with_code_2_and_the_others_are_loaded(gongbi: Run, shop: Path) -> None:
    (shop / "data/items.csv").write_bytes(b"")
    assert gongbi("apply").returncode == 0
    done = gongbi("ingest", "--json")
    assert done.returncode == 2
    assert {load["source"]: load["outcome"] for load in json.loads(done.stdout)["loads"]} == {
        "orders": "loaded",
        "cards": "loaded",
        "items": "failed",
    }


def test_commands_are_listed_in_the_order_in_which_one_works(gongbi_process: Run) -> None:
    listed = re.findall(r"^│ ([a-z]+) ", gongbi_process("--help").stdout, re.MULTILINE)
    assert listed[:5] == ["init", "demo", "apply", "ingest", "build"]
    assert len(listed) == len(set(listed)) > 20


def test_apply_names_what_came_in_and_counts_only_what_there_is(built: Run, shop: Path) -> None:
    tags = "\n---\n".join(f"tag: more.number_{i}\nexpr: count(order)" for i in range(9))
    (shop / "definitions" / "more.yaml").write_text(tags, "utf-8")
    said = " ".join(built("apply").stdout.split())
    assert all(f"tag more.number_{i}" in said for i in range(9))
    assert "campaign 0" not in said
    assert "changed" not in said.replace("unchanged", "")


def test_help_loads_neither_arrow_nor_an_engine(run_python: Callable[..., str]) -> None:
    heavy = "{'pyarrow', 'numpy', 'duckdb', 'sqlalchemy', 'nicegui'}"
    assert run_python(f"import sys, gongbi.cli.app; print({heavy} & set(sys.modules))") == "set()\n"
