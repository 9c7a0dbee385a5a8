"""A workspace is made, and what was made is told."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gongbi.packs import demo, demos

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_a_new_workspace_is_told_as_json(gongbi: Run, tmp_path: Path) -> None:
    folder = tmp_path / "corner"
    done = gongbi("init", str(folder), "--zone", "Asia/Shanghai", "--json")
    assert done.returncode == 0, done.stderr
    settings = {"name": "corner", "zone": "Asia/Shanghai", "engine": "duckdb"}
    assert json.loads(done.stdout) == {"folder": str(folder), "settings": settings, "definitions": [], "warnings": []}


def test_a_workspace_that_is_there_is_told_with_its_own_settings_and_no_password(gongbi: Run, shop: Path) -> None:
    settings = shop / "gongbi.toml"
    settings.write_text(settings.read_text("utf-8") + 'store = "postgresql://me:secret@host/db"\n', "utf-8")
    done = gongbi("init", str(shop), "--zone", "UTC", "--demo", "retail", "--json")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert made["settings"] == {"name": "shop", "zone": "Asia/Shanghai", "engine": "duckdb"}
    assert made["definitions"]
    assert all((shop / name).is_file() for name in made["definitions"])
    assert "secret" not in done.stdout
    again = gongbi("init", str(shop), "--demo", "retail")
    assert again.stdout.splitlines()[0] == f"Workspace at {shop}, 0 definition files."


def test_a_workspace_that_is_there_keeps_its_zone_and_engine_and_says_so(gongbi: Run, shop: Path) -> None:
    done = gongbi("init", str(shop), "--zone", "UTC", "--engine", "spark")
    assert "It was there already: its time zone stays Asia/Shanghai, its engine duckdb." in done.stdout
    assert "its time zone stays Asia/Shanghai, not UTC; to have another, make a new workspace." in done.stderr
    assert "its engine stays duckdb, not spark;" in done.stderr
    assert gongbi("init", str(shop), "--zone", "Asia/Shanghai").stderr == ""
    assert "there already" not in gongbi("init", str(shop / "new")).stdout


@pytest.mark.parametrize("pack", demos())
def test_a_demo_brings_its_own_zone(gongbi: Run, tmp_path: Path, pack: str) -> None:
    zones = {"bank": "Asia/Shanghai", "retail": "America/New_York", "synthetic": "Asia/Shanghai"}
    made = json.loads(gongbi("init", str(tmp_path / "new"), "--demo", pack, "--json").stdout)
    assert made["settings"]["zone"] == demo(pack).zone == zones[pack]
    other = json.loads(gongbi("init", str(tmp_path / "other"), "--demo", pack, "--zone", "UTC", "--json").stdout)
    assert other["settings"]["zone"] == "UTC"
    assert pack in gongbi("init", "--help").stdout


def test_a_demo_that_is_not_there_makes_no_workspace(gongbi: Run, tmp_path: Path) -> None:
    done = gongbi("init", str(tmp_path / "new"), "--demo", "retial")
    assert done.returncode == 2
    assert "There is no demo 'retial'. Demos: bank, retail, synthetic." in done.stderr
    assert not (tmp_path / "new").exists()
