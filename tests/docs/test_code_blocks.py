"""The Python in the documentation runs: the blocks of a page are one program, from top to bottom.

Here it is also seen to that no block of any page stays unchecked: every one is of a kind that a test reads, or says in
a comment, or its kind says here, why none does.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from .pages import PAGES, ROOT, Block, blocks

PYTHON = ("python", "py")
#: Kinds of blocks → the tests that check them.
CHECKED: Mapping[str, str] = {
    **dict.fromkeys(PYTHON, "test_code_blocks"),
    "shell": "test_commands",
    "yaml": "test_definitions",
    "expr": "test_definitions",
    "toml": "test_definitions",
    "tree": "test_docs_cover_the_code",
}
#: Kinds of blocks that are nothing to run, with the reason.
NOT_RUN: Mapping[str, str] = {
    "mermaid": "a picture, drawn by whoever shows the page",
    "markdown": "a form for people to fill in",
}


def unchecked(block: Block) -> bool:
    """Whether a block is one that nothing checks and nobody excuses; a file of a workspace is used by a tutorial."""
    excused = "not run" in block.notes or (block.kind == "text" and block.title)
    return not excused and block.kind not in CHECKED and block.kind not in NOT_RUN


@pytest.mark.parametrize("page", PAGES)
def test_every_block_of_a_page_is_checked_or_says_why_not(page: str) -> None:
    assert [
        f"{block.place} ({block.kind or 'a fence without a kind'})" for block in blocks(page) if unchecked(block)
    ] == []


def test_the_tests_that_check_blocks_exist() -> None:
    here = Path(__file__).parent
    assert [name for name in CHECKED.values() if not (here / f"{name}.py").is_file()] == []


def program(page: str) -> str:
    """The page with everything but its Python blanked out, so that a traceback gives the page's own line."""
    lines = [""] * ((ROOT / page).read_text("utf-8").count("\n") + 1)
    for block in blocks(page):
        if block.kind in PYTHON and "not run" not in block.notes:
            for offset, line in enumerate(block.text.splitlines()):
                lines[block.line - 1 + offset] = line
    return "\n".join(lines)


@pytest.mark.parametrize("page", [page for page in PAGES if program(page).strip()])
def test_the_python_of_a_page_runs(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if '"gongbi-demo"' in program(page):
        import gongbi

        root = shutil.copytree(request.getfixturevalue("small_demo"), tmp_path / "gongbi-demo")
        with gongbi.open(root) as ws:
            ws.build()
    monkeypatch.chdir(tmp_path)
    exec(compile(program(page), str(ROOT / page), "exec"), {"__name__": "__main__"})


def test_a_program_keeps_the_lines_of_its_page() -> None:
    lines = program("docs/tutorial.md").splitlines()
    (block,) = (b for b in blocks("docs/tutorial.md") if b.kind == "python")
    assert lines[block.line - 1] == block.text.splitlines()[0] == "from pathlib import Path"
