"""A small workspace, a corner shop, and other processes that work in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import gongbi
from gongbi.workspace import Workspace, init

SHOP = Path(__file__).parent / "shop"


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop with its data loaded and its tags built; not to be opened."""
    root = init(tmp_path_factory.mktemp("built") / "shop", name="shop")
    shutil.copytree(SHOP, root, dirs_exist_ok=True)
    with gongbi.open(root) as ws:
        ws.apply()
        ws.ingest()
        ws.build()
    return root


@pytest.fixture
def root(built: Path, tmp_path: Path) -> Path:
    """A copy of the shop."""
    return Path(shutil.copytree(built, tmp_path / "shop"))


@pytest.fixture
def shop(root: Path) -> Iterator[Workspace]:
    """The shop, opened by its owner."""
    with gongbi.open(root) as ws:
        yield ws
