"""One word for one thing in Chinese: the glossary of `docs/zh.md`, held to everything that is written in Chinese."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_BEFORE, GLOSSARY, _AFTER = re.split(r"\n(## 用词\n(?:.*\n)+?)(?=接着读)", (ROOT / "docs/zh.md").read_text("utf-8"))
#: English → the word, and those that are not used for it.
WORDS = {
    english: (word, others.split("、"))
    for english, word, others in re.findall(r"^\| (\w[^|]*) \| ([^|]+) \| ([^|]+) \|$", GLOSSARY, re.MULTILINE)
    if english != "英文"
}
PAGES = [ROOT / "README.zh-CN.md", *(ROOT / "docs/reference").rglob("*.md")]
CODE = [file for kind in ("py", "yaml", "js") for file in (ROOT / "src/gongbi").rglob(f"*.{kind}")]
TEXTS = {str(file.relative_to(ROOT)): file.read_text("utf-8") for file in PAGES + CODE} | {
    "docs/zh.md": _BEFORE + _AFTER
}


def test_the_glossary_is_read() -> None:
    assert WORDS.keys() == {"ingest", "load", "rejected row", "column"}
    assert "src/gongbi/translation/messages.zh.yaml" in TEXTS


@pytest.mark.parametrize("english", WORDS)
def test_a_thing_is_called_by_its_word_and_by_no_other(english: str) -> None:
    word, others = WORDS[english]
    assert any(word in text for text in TEXTS.values())
    assert [(place, other) for place, text in TEXTS.items() for other in others if other in text] == []
