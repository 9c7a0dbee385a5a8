"""What holds for every test: where it runs when there are several workers, and how long Hypothesis may take."""

from __future__ import annotations

import pytest
from hypothesis import settings

pytest_plugins = ["gongbi.testing.engine", "gongbi.testing.processes", "gongbi.testing.shop"]

# How long an example takes says more about the machine than about the code; a test that hangs has pytest's timeout.
settings.register_profile("gongbi", deadline=None)
settings.load_profile("gongbi")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort tests into tiers and groups.

    The tests of one file run in one worker, so that its fixtures are made once; all tests on Spark run in one, so that
    there is one session in the run.
    """
    for item in items:
        on_spark = item.get_closest_marker("spark") is not None
        if on_spark and item.get_closest_marker("slow_on_spark"):
            item.add_marker(pytest.mark.slow)
        item.add_marker(pytest.mark.xdist_group("spark" if on_spark else str(item.path)))
