"""Sources and files through the doors: what a person sees of rounding, of the future, of files that are there."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import gongbi as package
from gongbi.errors import Refused, UnknownName

Run = Callable[..., subprocess.CompletedProcess[str]]


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_rounding_is_told_by_the_ingest_and_with_the_loads(gongbi: Run, shop: Path) -> None:
    edit(shop / "data/orders.csv", "9.90", "9.905")
    gongbi("apply")
    told = gongbi("ingest").stdout
    assert "orders: values of amount rounded to its `scale`: 1" in told
    (load,) = json.loads(gongbi("sources", "loads", "orders", "--json").stdout)
    assert load["rounded"] == {"amount": 1}
    assert "amount 1" in gongbi("sources", "loads", "orders").stdout
    edit(shop / "data/orders.csv", "9.905", "9.90")
    gongbi("ingest")
    loads = json.loads(gongbi("sources", "loads", "orders", "--json").stdout)
    assert [load["rounded"] for load in loads] == [{}, {"amount": 1}]


def test_planned_facts_do_not_move_the_end_of_old_data(shop: Path) -> None:
    edit(shop / "data/orders.csv", "5,10,cheese", "6,10,cheese,2999-01-01T09:00:00,1.00,1\n5,10,cheese")
    with package.open(shop) as ws:
        ws.apply()
        assert ws.ingest()["rejects"] == {"future": 1}
        end = ws.build()["as_of"]
        edit(shop / "definitions/sources.yaml", "zone: Asia/Shanghai}", "zone: Asia/Shanghai, future: accept}")
        ws.apply()
        assert ws.ingest()["facts"] == {"order": 6}
        assert ws.build()["as_of"] == end == "2024-03-20T16:00:00+00:00"


def test_an_export_does_not_take_the_place_of_a_file_unless_told_to(gongbi: Run, built_shop: Path) -> None:
    file = built_shop / "list.csv"
    file.write_text("mine")
    command = ("segment", "members", "regulars", "--to", "list.csv")
    done = gongbi(*command)
    assert done.returncode == 2
    assert "list.csv' exists already. Give another name, or --overwrite" in done.stderr
    assert file.read_text() == "mine"
    assert json.loads(gongbi("segment", "exports", "--json").stdout) == []
    assert gongbi(*command, "--overwrite").returncode == 0
    assert "10" in file.read_text("utf-8-sig")
    with package.open(built_shop) as ws:
        with pytest.raises(Refused, match="exists already"):
            ws.segment("regulars").export(file)
        assert ws.segment("regulars").export(file, overwrite=True)["rows"] == 1


def test_rejects_are_exported_mended_and_undone_from_python(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit(shop / "data/orders.csv", "9.90", "nine")
    monkeypatch.chdir(shop)
    with package.open(shop) as ws:
        ws.apply()
        ws.ingest()
        (load,) = (row["id"] for row in ws.loads("orders"))
        assert ws.rejects(load)["counts"][0]["reason"] == "wrong_type"
        assert ws.export_rejects(load, "bad.csv")["rows"] == 1
        edit(shop / "bad.csv", ",nine,1", ",9.90,1")
        with pytest.raises(Refused, match="exists already"):
            ws.export_rejects(load, "bad.csv")
        mended = ws.repair(load, "bad.csv")
        assert (mended["good"], mended["repaired"]) == (1, 1)
        assert ws.rejects()["total"] == 0
        assert next(s["rows"] for s in ws.sources() if s["source"] == "orders") == 5
        assert ws.undo(mended["load"])["rows"] == 1
        assert ws.rejects(load=load)["total"] == 1
        for verb in ("rejects", "export_rejects", "repair", "undo"):
            with pytest.raises(UnknownName, match="999"):
                ws.call(
                    verb, load=999, **{"export_rejects": {"to": "x.csv"}, "repair": {"file": "bad.csv"}}.get(verb, {})
                )


def test_a_repair_says_what_remains_and_the_lists_follow(gongbi: Run, shop: Path) -> None:
    edit(shop / "data/orders.csv", "9.90", "nine")
    edit(shop / "data/orders.csv", "6.00", "six")
    gongbi("apply")
    assert gongbi("ingest").returncode == 0
    (load,) = json.loads(gongbi("sources", "loads", "orders", "--json").stdout)
    assert (load["rows_rejected"], load["repaired"], load["remaining"]) == (2, 0, 2)
    gongbi("sources", "rejects", str(load["id"]), "--to", "bad.csv")
    edit(shop / "bad.csv", "12:00:00,nine,1", "12:00:00,9.90,1")
    done = gongbi("sources", "repair", str(load["id"]), "bad.csv")
    assert done.returncode == 0, done.stderr
    said = dict(line.split() for line in done.stdout.splitlines() if line.startswith(("repaired", "remaining")))
    assert said == {"repaired": "1", "remaining": "1"}
    second, first = json.loads(gongbi("sources", "loads", "orders", "--json").stdout)
    assert (first["rows_rejected"], first["repaired"], first["remaining"]) == (2, 1, 1)
    assert (second["rows_rejected"], second["repaired"], second["remaining"]) == (0, 0, 0)
    orders = next(row for row in json.loads(gongbi("sources", "--json").stdout) if row["source"] == "orders")
    assert [orders[name] for name in ("rejected", "repaired", "remaining", "failed")] == [2, 1, 1, 0]
    assert "repaired  remaining" in gongbi("sources", "loads").stdout
    undone = json.loads(gongbi("sources", "undo", str(first["id"]), "--json").stdout)
    assert undone["repairs"] == [second["id"]]
    assert undone["hint"]["en"].endswith(f"to take them out too: `gongbi sources undo {second['id']}`.")
    refused = gongbi("sources", "repair", str(load["id"]), "bad.csv")
    assert refused.returncode == 2
    assert "is undone, so none of its rows wait for repair. `gongbi ingest --again`" in refused.stderr


def test_an_undo_says_to_build_where_tags_are_older_than_the_data(gongbi: Run, built_shop: Path) -> None:
    (load,) = json.loads(gongbi("sources", "loads", "orders", "--json").stdout)
    out = gongbi("sources", "undo", str(load["id"])).stdout
    assert "Tags are still of the data before: run `gongbi build`." in " ".join(out.split())
    assert "train" not in out, "no model was trained"
    assert built_shop.is_dir()


HEAD = "_load,_row,_reason,_column,_value,order_id,card,item,at,amount,units\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "order_id,card,item,at,amount,units\n77,10,apple,2024-03-01T09:00:00,1,1\n",
            "has no columns '_load' and '_row'",
        ),
        (HEAD + "1,1,,,,77,10,apple,2024-03-01T09:00:00,1,1\n", "load 1, row 1 is no rejected row of load"),
        (HEAD + "9,4,,,,4,12,cheese,2024-02-01T12:00:00,9.90,1\n", "load 9, row 4 is no rejected row of load"),
        (HEAD + ",,,,,4,12,cheese,2024-02-01T12:00:00,9.90,1\n", "load ?, row ? is no rejected row of load"),
    ],
)
def test_a_repair_takes_no_other_rows_in(gongbi: Run, shop: Path, text: str, said: str) -> None:
    edit(shop / "data/orders.csv", "9.90", "nine")
    gongbi("apply")
    gongbi("ingest")
    (load,) = json.loads(gongbi("sources", "loads", "orders", "--json").stdout)
    (shop / "strange.csv").write_text(text.replace("\n1,1,", f"\n{load['id']},1,"), "utf-8")
    done = gongbi("sources", "repair", str(load["id"]), "strange.csv")
    assert done.returncode == 2
    assert said.replace("load 1,", f"load {load['id']},") in done.stderr
    report = json.loads(gongbi("report", "--json").stdout)
    assert (report["facts"], report["rejects"]) == ({"order": 4}, {"wrong_type": 1})
    assert not list((shop / "repairs").glob("*.csv"))


def test_mended_rows_that_take_the_place_of_good_ones_are_told(gongbi: Run, shop: Path) -> None:
    edit(shop / "data/orders.csv", "9.90", "nine")
    gongbi("apply")
    gongbi("ingest")
    (load,) = json.loads(gongbi("sources", "loads", "orders", "--json").stdout)
    gongbi("sources", "rejects", str(load["id"]), "--to", "bad.csv")
    edit(shop / "bad.csv", ",4,12,cheese,2024-02-01T12:00:00,nine,1", ",1,12,cheese,2024-02-01T12:00:00,9.90,1")
    done = gongbi("sources", "repair", str(load["id"]), "bad.csv")
    assert done.returncode == 0, done.stderr
    assert "took the place of 1 good row with the same key" in done.stderr
