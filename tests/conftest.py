"""What holds for every test: where it runs when there are several workers, and how long Hypothesis may take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

pytest_plugins = ["gongbi.testing.engine", "gongbi.testing.processes", "gongbi.testing.shop"]

# How long an example takes says more about the machine than about the code; a test that hangs has pytest's timeout.
settings.register_profile("gongbi", deadline=None)
settings.load_profile("gongbi")


def on_spark(nodeid: str) -> bool:
    """Whether a test needs the Spark session; workers know a test by its id alone."""
    return "spark" in nodeid.partition("::")[2]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort tests into tiers."""
    for item in items:
        if item.get_closest_marker("spark"):
            if not on_spark(item.nodeid):
                raise pytest.UsageError(f"{item.nodeid} is marked `spark`; put the word into its name or parameter.")
            if item.get_closest_marker("slow_on_spark"):
                item.add_marker(pytest.mark.slow)
            if not item.get_closest_marker("timeout"):
                # Two cores may carry two Spark clusters at once: that of the demo and that of the tests.
                item.add_marker(pytest.mark.timeout(1500))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Let one worker run all tests of a file, so that its fixtures are made once, and one all tests on Spark.

    That is `--dist=loadgroup`, which pytest-xdist 3.8 cannot do under pytest 9.2: ids cannot be changed any more.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFileAndEngine(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "spark" if on_spark(nodeid) else nodeid.partition("::")[0]

    return ByFileAndEngine(config, log)
