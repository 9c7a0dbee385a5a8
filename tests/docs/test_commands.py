"""The commands in the documentation are commands, and those of a page that works on a workspace run from top to bottom.

Every line is given to the real parser: the command and its options exist and the arguments fit. Then the lines of a
page are run in order, each as a reader would after the one before; where the page shows the output, that is what comes.
"""

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.core
import typer.main

import gongbi as package
from gongbi.catalog.yaml import read_definitions, read_text
from gongbi.cli import app
from gongbi.workspace import init

from .pages import PAGES, ROOT, Command, blocks, commands, inline_commands
from .workspaces import CHINESE_SHOP, TUTORIAL, by_name, define, tutorial_files, write_files

Run = Callable[..., subprocess.CompletedProcess[str]]

#: Made from the command line itself, with words such as FOLDER and [OPTIONS] in the place of arguments.
CLI = "docs/reference/cli.md"
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
TARGETS = set(re.findall(r"^([a-z][\w-]*):", MAKEFILE, re.MULTILINE))
VARIABLES = set(re.findall(r"\$\((?:filter 0,\$\()?([A-Z_]+)\)", MAKEFILE))

#: Programs that are not ours and not the shell's, with the reason why a line is not run.
OTHERS: Mapping[str, str] = {"ssh": "needs a second machine"}
#: Commands that are parsed and not run, with the reason.
ONLY_PARSED: Mapping[str, str] = {
    "serve": "stays until Ctrl-C; tests/console runs it",
    "demo": "takes a minute, or Spark; tests/demo runs it",
    "evaluate": "reads a file of the reader's own; tests/models and tests/reference run every kind",
}
#: How a complaint begins about a command that something has to follow.
UNFINISHED = "Unfinished:"


def written(page: str) -> list[Command]:
    return [command for block in blocks(page) if block.kind == "shell" for command in commands(block)]


@cache
def parser() -> typer.core.TyperGroup:
    """The command line, in which every command ends before it does anything."""
    group = typer.main.get_command(app)
    _silence(group)
    return group


def _silence(command: Any) -> None:
    command.callback = lambda **_: None
    if not isinstance(command, typer.core.TyperGroup):
        return
    # Some groups make their commands when they are asked; here they are asked once.
    kept = {word: command.get_command(None, word) for word in command.list_commands(None)}
    for child in kept.values():
        _silence(child)
    command.get_command = lambda _, word: kept.get(word)


def complaint(words: tuple[str, ...]) -> str | None:
    """What is wrong with a command, or None."""
    first, *rest = [word for word in words if not re.match(r"[A-Z_]+=", word)] or [""]
    given = {word.partition("=")[0] for word in words if re.match(r"[A-Z_]+=", word)}
    if first == "make":
        wrong = [word for word in rest if word not in TARGETS] + sorted(given - VARIABLES)
        return f"The Makefile has no {wrong[0]}." if wrong else None
    if first == "gongbi":
        try:
            parser().main(rest, prog_name="gongbi", standalone_mode=False)
        except typer.TyperException as error:
            unfinished = type(error).__name__ in ("MissingParameter", "NoArgsIsHelpError")
            return f"{UNFINISHED} {error}" if unfinished else str(error)
        return None
    return None if first in OTHERS or first == "cd" else f"{first!r} is a program that no test knows."


@pytest.mark.parametrize("page", [page for page in PAGES if page != CLI and written(page)])
def test_every_command_of_a_page_is_one_that_exists(page: str) -> None:
    assert [f"{c.place}: {c}: {wrong}" for c in written(page) if (wrong := complaint(c.words))] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page != CLI and inline_commands(page)])
def test_every_command_in_a_sentence_is_one_that_exists(page: str) -> None:
    found = [(c, complaint(c.words)) for c in inline_commands(page)]
    # A sentence may name a command without what it is about.
    assert [f"{c.place}: {c}: {wrong}" for c, wrong in found if wrong and not wrong.startswith(UNFINISHED)] == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("gongbi segmnt count x", "segmnt"),
        ("gongbi build --as-off 2026-03-01", "--as-off"),
        ("gongbi sources undo seven", "valid integer"),
        ("gongbi customer", UNFINISHED),
        ("gongbi apply one two", "two"),
        ("make demonstration", "demonstration"),
        ("SERVE=0 make demo", "SERVE"),
        ("curl http://127.0.0.1:8080", "curl"),
    ],
)
def test_a_command_that_does_not_exist_is_found(words: str, message: str) -> None:
    assert message in (complaint(tuple(words.split())) or "nothing was found")


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_a_readme_names_every_command(page: str) -> None:
    text = " ".join((ROOT / page).read_text("utf-8").split())
    (listed,) = re.findall(r"`gongbi (init \|[^`]+)`", text)
    assert sorted(listed.split(" | ")) == sorted(typer.main.get_command(app).commands)


# -- running them ---------------------------------------------------------------------------------------


def _nothing(here: Path) -> Path:
    return here


def _tutorial_loaded(here: Path) -> Path:
    root = init(here / "shop", zone="Europe/Berlin")
    write_files(root, tutorial_files())
    with package.open(root) as ws:
        ws.apply()
        ws.ingest()
    return root


#: Page → the workspace on which its reader is when it begins; those not named here begin in an empty folder.
BEGINS: Mapping[str, Callable[[Path], Path]] = {"docs/guides/sources.md": _tutorial_loaded}
#: Pages whose reader is in the demo, with what the page defines.
IN_THE_DEMO = ("docs/guides/tags-and-segments.md",)


def _mend(root: Path) -> None:
    """Write 8.00 for `eight`: in the last column, since those before say why the row was set aside."""
    path = root / "rejects.csv"
    before, _, after = path.read_text("utf-8-sig").rpartition("eight")
    path.write_text(f"{before}8.00{after}", "utf-8")


def _fill_the_chinese_shop(root: Path) -> None:
    write_files(root, CHINESE_SHOP)
    own = [block.text for block in blocks("docs/zh.md") if block.kind == "yaml"]
    (root / "definitions" / "own.yaml").write_text("---\n".join(own), "utf-8")


#: What a page asks its reader to do before a command.
DEEDS: Mapping[tuple[str, str], Callable[[Path], None]] = {
    (TUTORIAL, "gongbi sources repair 1 rejects.csv"): _mend,
    ("docs/guides/sources.md", "gongbi sources repair 1 rejects.csv"): _mend,
    ("docs/zh.md", "gongbi apply"): _fill_the_chinese_shop,
}


def runs(command: Command) -> bool:
    return command.words[0] == "gongbi" and command.words[1] not in ONLY_PARSED


@pytest.mark.parametrize("page", [page for page in PAGES if page != CLI and any(map(runs, written(page)))])
def test_the_commands_of_a_page_run(
    page: str, gongbi: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    here = tmp_path / "reader"
    here.mkdir()
    if page in IN_THE_DEMO:
        here = _in_the_demo(page, shutil.copytree(request.getfixturevalue("small_demo"), here / "gongbi-demo"))
    else:
        here = BEGINS.get(page, _nothing)(here)
    for block in blocks(page):
        if block.title:
            write_files(here, {block.title: block.text})
        for command in commands(block) if block.kind == "shell" else []:
            if deed := DEEDS.get((page, str(command))):
                deed(here)
            if command.words[0] == "cd":
                here = here / command.words[1]
            elif runs(command):
                monkeypatch.chdir(here)
                done = gongbi(*command.words[1:])
                assert done.returncode == 0, f"{command.place}: {command}\n{done.stderr}"
                if command.shown:
                    assert differs(command.shown, done.stdout) is None, f"{command.place}: {command}\n{done.stdout}"


def _in_the_demo(page: str, root: Path) -> Path:
    with package.open(root) as ws:
        here = by_name(read_definitions(root / "definitions"))
        new = by_name(d for b in blocks(page) if b.kind == "yaml" for d in read_text(b.text, b.place))
        define(root, {**here, **new})
        ws.apply()
        ws.build()
    return root


def test_every_deed_belongs_to_a_command() -> None:
    assert [deed for deed in DEEDS if deed[1] not in map(str, written(deed[0]))] == []


def differs(shown: tuple[str, ...], output: str) -> str | None:
    """The first line of a page's output that does not come, or None.

    Blanks count as one. `…` stands for anything: in a line for a part of it, by itself for lines.
    """
    lines = [" ".join(line.split()) for line in output.splitlines() if line.strip()]
    anywhere = False
    for line in shown:
        wanted = " ".join(line.split())
        if wanted == "…":
            anywhere = True
            continue
        pattern = re.compile(".*".join(re.escape(part) for part in wanted.split("…")))
        while lines and anywhere and not pattern.fullmatch(lines[0]):
            lines.pop(0)
        if not lines or not pattern.fullmatch(lines.pop(0)):
            return line
        anywhere = False
    return None if anywhere or not lines else f"(the page ends before: {lines[0]})"


@pytest.mark.parametrize(
    ("shown", "first_wrong"),
    [
        (("count 2", "of   4"), None),
        (("count …", "of 4"), None),
        (("…", "of 4"), None),
        (("count 2", "…"), None),
        (("count 3", "of 4"), "count 3"),
        (("of 4",), "of 4"),
        (("count 2",), "(the page ends before: of 4)"),
        (("count 2", "of 4", "more"), "more"),
    ],
)
def test_output_is_compared_line_by_line(shown: tuple[str, ...], first_wrong: str | None) -> None:
    assert differs(shown, "count          2\n\nof             4\n") == first_wrong
