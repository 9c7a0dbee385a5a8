"""What commands say in words: how a build came about, and to which group a command belongs."""

from __future__ import annotations

import typer
from typer.main import get_command

from gongbi.cli.app import _GROUPS, app
from gongbi.cli.work import WHOLE, made_words
from gongbi.services.advance import Made


def test_how_a_build_came_about_is_said_in_both_languages() -> None:
    part = Made(1000, start=7, touched=25).to_json()
    assert made_words(part, zh=False) == "from build 7, 25 again (2.5%)"
    assert made_words(part, zh=True) == "接着版本 7，重算 25 位（2.5%）"
    for why in WHOLE:
        whole = Made(1000, why=why).to_json()
        assert "everything" in made_words(whole, zh=False)
        assert "全部计算" in made_words(whole, zh=True)
    assert made_words({}, zh=True) == "", "a build that was taken over from before"


def test_every_command_has_a_group_of_its_own_in_the_help() -> None:
    group = get_command(app)
    context = typer.Context(group)
    named = [name for names in _GROUPS.values() for name in names]
    assert sorted(named) == sorted(group.list_commands(context))  # type: ignore[attr-defined]
