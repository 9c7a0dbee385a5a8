"""Gongbi (工笔): customer profiles drawn tag by tag, acted on, and measured.

Importing this package loads no engine: `gongbi.open` fetches the workspace, and with it DuckDB, on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gongbi.services.evaluate import evaluate
    from gongbi.workspace import open  # noqa: A004

__all__ = ["__version__", "evaluate", "open"]

__version__ = "0.1.0.dev0"


def __getattr__(name: str) -> object:
    if name == "evaluate":
        return import_module("gongbi.services.evaluate").evaluate
    if name == "open":
        return import_module("gongbi.workspace").open
    raise AttributeError(f"module 'gongbi' has no attribute {name!r}")
