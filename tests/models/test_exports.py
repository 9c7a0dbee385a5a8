"""Estimators are imported from `gongbi.models` by name, and none before it is asked for."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import gongbi.models


@pytest.mark.parametrize("name", gongbi.models.ESTIMATORS)
def test_an_estimator_is_the_class_of_its_module(name: str) -> None:
    found = getattr(gongbi.models, name)
    assert (found.__module__, found.__name__) == (gongbi.models.ESTIMATORS[name], name)
    assert name in dir(gongbi.models)


def test_type_checkers_see_the_same_names_in_the_same_modules() -> None:
    tree = ast.parse(Path(gongbi.models.__file__).read_text("utf-8"))
    [block] = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {name.asname: one.module for one in block.body if isinstance(one, ast.ImportFrom) for name in one.names}
    assert seen == gongbi.models.ESTIMATORS


def test_an_unknown_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'BetaGeo'"):
        _ = gongbi.models.BetaGeo


def test_importing_the_room_loads_nothing_heavy() -> None:
    code = (
        "import sys, gongbi.models; print([m for m in ('scipy', 'sklearn', 'lightgbm', 'pandas') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
