"""A shop, a console that serves it in a process of its own, and a browser."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
# `test_browser` has the words in which the other browser tests are said.
sys.path[:0] = [str(HERE), str(HERE.parent / "services")]
#: Names under which Chromium is installed; the first that is found is taken. `.ci/run` looks for the same ones.
BROWSERS = ("chromium", "google-chrome")


def _shop() -> Any:
    spec = importlib.util.spec_from_file_location("console_shop", HERE / "small_shop.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass
class Served:
    """A console that answers."""

    root: Path
    address: str
    process: subprocess.Popen[str]

    @property
    def port(self) -> int:
        return int(self.address.rsplit(":", 1)[1])


def start(root: Path) -> Served:
    """Serve a workspace until `stop`."""
    process = subprocess.Popen([sys.executable, str(HERE / "server.py"), str(root)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    assert address.startswith("http://127.0.0.1:"), f"The console did not start: {address!r}."
    return Served(root, address, process)


def stop(served: Served) -> None:
    served.process.terminate()
    served.process.wait(30)


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that is loaded and built."""
    return Path(_shop().build_shop(tmp_path_factory.mktemp("shop") / "shop"))


@pytest.fixture(scope="session")
def served(shop: Path) -> Iterator[Served]:
    """The console of the shop."""
    running = start(shop)
    yield running
    stop(running)


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The console of a workspace in which nothing was done."""
    from gongbi import workspace

    running = start(workspace.init(tmp_path_factory.mktemp("empty") / "empty"))
    yield running
    stop(running)


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The console of a workspace whose customers have names and phones, and ids that are personal too."""
    import phones

    root = phones.build(tmp_path_factory.mktemp("private") / "ws", personal_id=True)
    running = start(root)
    yield running
    stop(running)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser of its own; the tests that want it are skipped where there is none."""
    binary = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip(f"There is no {' or '.join(BROWSERS)}, or no chromedriver.")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = binary
    flags = """--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
        --disable-component-update --disable-sync --disable-dev-shm-usage --window-size=1280,900""".split()
    for flag in [*flags, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield opened
    opened.quit()
