"""Errors and warnings on the command line: English, or Chinese where that is asked for; JSON always English."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from gongbi import cli, workspace
from gongbi.cli.output import show


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


def test_tables_are_headed_and_categories_named_in_the_language_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    category = {"category": "消费特征/价值", "category_name": {"zh": "消费特征/价值", "en": "Consumption/Value"}}
    rows = [{"tag": "a.b", "name": {"zh": "甲", "en": "First"}, "current": True, **category}]
    monkeypatch.delenv("GONGBI_LANG", raising=False)
    show(rows)
    english = capsys.readouterr().out
    assert english.split() == ["tag", "name", "category", "a.b", "First", "Consumption/Value"]
    monkeypatch.setenv("GONGBI_LANG", "zh")
    show(rows)
    assert capsys.readouterr().out.split() == ["标签", "名称", "分类", "a.b", "甲", "消费特征/价值"]
    show({"current": True, "owner": "marketing"})
    assert capsys.readouterr().out.split() == ["当前", "是", "负责人", "marketing"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("tags", "--wrong"), "没有选项 --wrong。"),
        (("nonsense",), "没有命令「nonsense」。"),
        (("explain",), "缺少参数 tag。"),
        (("explain", "a", "1", "more"), "多出的参数：more。"),
        (("explain", "a", "1", "--limit", "x"), "--limit 的值不对："),
    ],
)
def test_what_is_wrong_with_a_command_line_is_said_in_chinese(
    given: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GONGBI_LANG", "zh")
    assert run(*given, monkeypatch=monkeypatch) == 2
    assert said in capsys.readouterr().err.replace("'", "")
