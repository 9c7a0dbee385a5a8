"""The corner shop of the workspace tests, to be served."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import gongbi
from gongbi.testing.postgres import postgres_server, postgres_url
from gongbi.workspace import Workspace, init

__all__ = ["postgres_server", "postgres_url"]

SHOP = Path(__file__).parent.parent / "workspace" / "shop"


@pytest.fixture
def make_shop(tmp_path: Path) -> Callable[..., Path]:
    """Write a workspace folder, with its definitions in force and its data not yet loaded."""

    def make(store: str = "") -> Path:
        root = init(tmp_path / "shop", name="shop")
        if store:
            toml = root / "gongbi.toml"
            toml.write_text(toml.read_text().replace("\n[engine]", f'store = "{store}"\n\n[engine]'))
        shutil.copytree(SHOP, root, dirs_exist_ok=True)
        with gongbi.open(root) as ws:
            ws.apply()
        return root

    return make


@pytest.fixture
def shop(make_shop: Callable[..., Path]) -> Iterator[Workspace]:
    """The shop, opened by its owner."""
    with gongbi.open(make_shop()) as ws:
        yield ws
