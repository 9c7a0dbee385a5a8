"""Brackets in what people wrote, in data, files and definitions, are shown as they are: they are no markup."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gongbi.cli.output import show

Run = Callable[..., subprocess.CompletedProcess[str]]
ODD = ("[/]", "[red]tea[/red]", "[500, 2000]", "[/b] tea", "a\\[b]", "[@click=x]y[/]")


@pytest.mark.parametrize("text", ODD)
def test_any_answer_shows_them(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    for answer in ([{"a": text, text: 1}], {"a": text, "b": {text: text}, "rows": [text]}, [text], text):
        show(answer)
        assert text in capsys.readouterr().out


def test_data_and_definitions_with_brackets_go_through_the_commands(gongbi: Run, shop: Path) -> None:
    orders = shop / "data/orders.csv"
    orders.write_text(orders.read_text("utf-8").replace("cheese", "[/]").replace("apple", "[red]apple"), "utf-8")
    (shop / "definitions/more.yaml").write_text(
        "tag: last.item\nname: {zh: '[末]', en: '[/last]'}\nexpr: last(order.item)\n"
        "---\nsegment: odd\nname: '[/odd]'\nexpr: tag.last.item = '[/]'\n",
        "utf-8",
    )
    for command in (("apply",), ("ingest",), ("build",)):
        done = gongbi(*command)
        assert done.returncode == 0, done.stderr
    assert "[/]" in gongbi("segment", "members", "odd", "-c", "last.item").stdout
    assert "[red]apple" in gongbi("segment", "members", "true", "-c", "first(order.item)").stdout
    assert "[/last]" in gongbi("tags", "last").stdout
    for command in (
        ("report",),
        ("segment", "list"),
        ("segment", "insight", "odd"),
        ("customer", "card:10"),
        ("tags",),
    ):
        done = gongbi(*command)
        assert done.returncode == 0, done.stderr
