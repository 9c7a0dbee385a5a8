"""`gongbi.toml`: what it may say, and what is refused politely."""

from __future__ import annotations

from pathlib import Path

import pytest

import gongbi
from gongbi.errors import GongbiError, InvalidInput, UnknownName, WorkspaceProblem
from gongbi.workspace import FORMAT, init, read_settings

REFUSED = {
    "a newer format": (f"format = {FORMAT + 1}", "Upgrade Gongbi"),
    "no format": ('name = "x"', "says no `format`"),
    "a format that is no number": ("format = true", "says no `format`"),
    "an unknown entry": ("format = 1\nnmae = 'x'", "unknown entry 'nmae'"),
    "an engine that is no table": ("format = 1\nengine = 'duckdb'", "`engine` is a table"),
    "a name that is no text": ("format = 1\nname = 7", "`name` is a text"),
    "an engine name that is no text": ("format = 1\n[engine]\nname = 7", "`engine.name` is a text"),
    "broken TOML": ("format = ", "cannot be read"),
    "a zone that nobody knows": ("format = 1\nzone = 'Mars/Base'", "no time zone"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_is_refused(case: str, tmp_path: Path) -> None:
    text, words = REFUSED[case]
    (tmp_path / "gongbi.toml").write_text(text)
    with pytest.raises((WorkspaceProblem, InvalidInput)) as caught:
        gongbi.open(tmp_path)
    assert words in str(caught.value)
    assert [file.name for file in tmp_path.iterdir()] == ["gongbi.toml"]


@pytest.mark.parametrize(
    ("text", "class_"),
    [("[engine]\nname = 'oracle'", UnknownName), ("[engine]\ncolour = 'red'", WorkspaceProblem)],
)
def test_an_engine_that_cannot_be_opened_frees_the_lock(text: str, class_: type[GongbiError], tmp_path: Path) -> None:
    root = init(tmp_path / "w")
    good = (root / "gongbi.toml").read_text()
    (root / "gongbi.toml").write_text(f"format = 1\n{text}")
    with pytest.raises(class_):
        gongbi.open(root)
    (root / "gongbi.toml").write_text(good)
    with gongbi.open(root) as ws:
        assert ws.is_owner


def test_a_folder_without_settings_is_no_workspace(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceProblem, match="gongbi init"):
        gongbi.open(tmp_path)


def test_a_name_with_quotes_is_read_back_as_written(tmp_path: Path) -> None:
    assert read_settings(init(tmp_path / "w", name='Jo\'s "shop" \\ 店')).name == 'Jo\'s "shop" \\ 店'
