"""Packs: definitions for a kind of company, with demos that `gongbi init --demo` copies."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from gongbi.errors import WorkspaceProblem

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Demo:
    """What `demo/pack.toml` of a pack says of its demo, and where its definitions and its given values are."""

    pack: str
    name: str
    zone: str
    definitions: Path
    given: Path


def demos() -> list[str]:
    """The packs that have a demo."""
    return sorted(file.parent.parent.name for file in _HERE.glob("*/demo/pack.toml"))


def demo(pack: str) -> Demo:
    """The demo of a pack."""
    if pack not in demos():
        raise WorkspaceProblem(f"There is no demo {pack!r}.", hint=f"Demos: {', '.join(demos())}.")
    folder = _HERE / pack / "demo"
    return Demo(
        pack,
        **tomllib.loads((folder / "pack.toml").read_text("utf-8")),
        definitions=folder / "definitions",
        given=folder / "given",
    )
