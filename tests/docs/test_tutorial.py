"""What the tutorial says beside its commands is what happens, too; its commands and their output: test_commands."""

import re
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import gongbi
from gongbi.catalog.yaml import InvalidDefinitions
from gongbi.errors import GongbiError
from gongbi.workspace import init

from .pages import ROOT
from .workspaces import TUTORIAL, tutorial_files, write_files


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    root = init(tmp_path / "shop", zone="Europe/Berlin")
    write_files(root, tutorial_files())
    return root


def test_a_misspelt_function_is_named_with_its_file_its_line_and_what_was_meant(shop: Path) -> None:
    tags = shop / "definitions" / "tags" / "orders.yaml"
    tags.write_text(tags.read_text("utf-8").replace("count(order)", "coutn(order)"), "utf-8")
    with gongbi.open(shop) as ws, pytest.raises((GongbiError, InvalidDefinitions)) as raised:
        ws.apply()
    assert "orders.yaml:4" in str(raised.value)
    assert "'count'" in str(raised.value)


def test_without_an_instant_a_build_is_as_of_the_first_midnight_after_the_newest_order(shop: Path) -> None:
    page = (ROOT / TUTORIAL).read_text("utf-8")
    with gongbi.open(shop) as ws:
        ws.apply()
        ws.ingest()
        assert not ws.ingest()["changed"], "the same content under the same path adds nothing"
        told = ws.build(as_of="2026-03-01")["as_of"]
        assert ws.build()["as_of"] == told
    shown = f"{datetime.fromisoformat(told).astimezone(ZoneInfo('Europe/Berlin')):%Y-%m-%d %H:%M:%S}"
    assert re.search(rf"^    as_of +{shown}$", page, re.MULTILINE)
