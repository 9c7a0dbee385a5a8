import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gongbi.store import Store

# What several tests of this folder share: `shop`, a small world whose rules are known.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with Store.open(tmp_path / "store.sqlite") as opened:
        yield opened
