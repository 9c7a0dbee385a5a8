"""What holds for every test: where it runs when there are several workers, and how long Hypothesis may take."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

pytest_plugins = ["gongbi.testing.engine", "gongbi.testing.processes", "gongbi.testing.shop"]

# How long an example takes says more about the machine than about the code; a test that hangs has pytest's timeout.
settings.register_profile("gongbi", deadline=None)
settings.load_profile("gongbi")


#: What one worker is longest at. It begins with these, so that the others do not wait for it in the end.
LONGEST = (
    "tests/demo/test_demo.py",
    "spark",
    "tests/console/test_browser.py",
    "tests/workspace/test_two_processes.py",
    "tests/cli/test_main_job.py",
    "tests/services/test_killed_anywhere.py",
)


def on_spark(nodeid: str) -> bool:
    """Whether a test needs the Spark session; workers know a test by its id alone."""
    return "spark" in nodeid.partition("::")[2]


def lot_of(nodeid: str) -> str:
    """What one worker does as a whole: all tests of a file, so that its fixtures are made once, and all on Spark."""
    return "spark" if on_spark(nodeid) else nodeid.partition("::")[0]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sort tests into tiers; for workers, the longest lots first and then those of many tests."""
    if hasattr(config, "workerinput"):
        lots = Counter(lot_of(item.nodeid) for item in items)
        places = {lot: LONGEST.index(lot) if lot in LONGEST else len(LONGEST) for lot in lots}
        items.sort(key=lambda item: (places[lot := lot_of(item.nodeid)], -lots[lot], lot))
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
    """Let one worker run a lot as a whole, in the order in which they come.

    That is `--dist=loadgroup`, which pytest-xdist 3.8 cannot do under pytest 9.2: ids cannot be changed any more.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFileAndEngine(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return lot_of(nodeid)

    config.option.loadscopereorder = False
    return ByFileAndEngine(config, log)
