"""The Python in the documentation runs: the blocks of a page are one program, from top to bottom.

A block that cannot run has the line `<!-- not run: why -->` before it.
"""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
BLOCK = re.compile(
    r"^(?P<skip><!-- not run: [^\n]+ -->\n+)?(?P<indent> *)```(?:python|py)\b[^\n]*\n(?P<code>.*?)^(?P=indent)```",
    re.MULTILINE | re.DOTALL,
)


def program(markdown: str) -> str:
    """The page with everything but its code blanked out, so that a traceback gives the page's own line."""
    lines = [""] * (markdown.count("\n") + 1)
    for block in BLOCK.finditer(markdown):
        if block["skip"]:
            continue
        first = markdown.count("\n", 0, block.start("code"))
        width = len(block["indent"])
        for offset, line in enumerate(block["code"].splitlines()):
            lines[first + offset] = line[width:]
    return "\n".join(lines)


def pages_with_code() -> list[Path]:
    return [page for page in sorted(DOCS.rglob("*.md")) if program(page.read_text("utf-8")).strip()]


@pytest.mark.parametrize("page", pages_with_code(), ids=lambda page: str(page.relative_to(DOCS)))
def test_the_python_of_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(program(page.read_text("utf-8")), str(page), "exec"), {"__name__": "__main__"})


def test_a_program_keeps_the_lines_of_its_page_and_leaves_out_what_is_not_run() -> None:
    markdown = "# T\n```python\na = 1\n```\n<!-- not run: needs a server -->\n```python\nb = 2\n```\n"
    assert program(markdown).splitlines()[2] == "a = 1"
    assert "b = 2" not in program(markdown)
