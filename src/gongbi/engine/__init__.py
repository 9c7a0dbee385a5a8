"""Engines: somewhere tables are kept and plans are carried out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gongbi.engine.base import Capabilities, Engine, Inputs, OnProgress
from gongbi.errors import UnknownName
from gongbi.ownership.files import private_file

__all__ = ["Capabilities", "Engine", "Inputs", "OnProgress", "open_engine"]

ENGINES = ("duckdb", "spark")


def open_engine(name: str, root: Path, **settings: Any) -> Engine:
    """Open the engine of that name with its tables below the folder `root`.

    Only the chosen engine's libraries are imported. Settings are those of `DuckDBEngine` or `SparkEngine`.
    """
    if name == "duckdb":
        from gongbi.engine.duckdb import DuckDBEngine

        root.mkdir(parents=True, exist_ok=True)
        settings.setdefault("temp_directory", root / "tmp")
        engine = DuckDBEngine(root / "tables.duckdb", **settings)
        private_file(root / "tables.duckdb")
        return engine
    if name == "spark":
        from gongbi.engine.spark import SparkEngine

        return SparkEngine(root / "spark", **settings)
    raise UnknownName("engine", name, ENGINES)
