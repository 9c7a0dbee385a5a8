"""Errors and warnings on the command line: English, or Chinese where that is asked for; JSON always English."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from gongbi import cli, workspace


def run(*args: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["gongbi", *args])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return int(stop.value.code or 0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return workspace.init(tmp_path / "w")


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (None, "gongbi: No run is called '7'. There is no run yet."),
        ("en", "gongbi: No run is called '7'. There is no run yet."),
        ("zh", "gongbi: 没有名为「7」的运行。还没有运行。"),
        ("fr", "gongbi: No run is called '7'. There is no run yet."),
    ],
)
def test_an_error_is_printed_in_the_language_asked_for(
    root: Path, language: str | None, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GONGBI_LANG", raising=False)
    if language:
        monkeypatch.setenv("GONGBI_LANG", language)
    assert run("runs", "cancel", "7", "-w", str(root), monkeypatch=monkeypatch) == 2
    assert capsys.readouterr().err.strip() == said


def test_a_place_stands_before_the_chinese_message(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GONGBI_LANG", "zh")
    (root / "definitions" / "wrong.yaml").write_text("segment: a\nexprs: 1\n", "utf-8")
    assert run("apply", "-w", str(root), monkeypatch=monkeypatch) == 2
    said = capsys.readouterr().err
    assert "wrong.yaml:2:1: 客群没有「exprs」这个键。是不是「expr」？" in said
    assert "这个定义缺少 `expr`。" in said


def test_json_stays_english(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("GONGBI_LANG", "zh")
    source = "source: returns\nfrom: {file: returns.csv}\nreference: returns\nkey: [id]\n"
    (root / "definitions" / "returns.yaml").write_text(source, "utf-8")
    with workspace.open(root) as ws:
        ws.apply()
    assert run("ingest", "--json", "-w", str(root), monkeypatch=monkeypatch) == 2
    (load,) = json.loads(capsys.readouterr().out)["loads"]
    assert load["problem"]["message"].startswith("There is no file 'returns.csv'")
