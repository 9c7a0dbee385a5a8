"""Which kinds `gongbi evaluate` offers; a module is imported when its kind is asked for."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from gongbi.errors import UnknownName
from gongbi.models.evaluation.base import Kind

#: In the order of the help. A kind whose module is not there is not offered.
NAMES = ("value", "propensity", "churn", "uplift", "text", "price", "graph")
_ROOM = "gongbi.models.evaluation"


def offered() -> tuple[str, ...]:
    """The kinds that there are, without importing them."""
    return tuple(name for name in NAMES if find_spec(f"{_ROOM}.{name}") is not None)


def kind(name: str) -> Kind:
    """One kind.

    Raises
    ------
    UnknownName
        No such kind is offered.
    """
    if name not in offered():
        raise UnknownName("kind of evaluation", name, offered())
    found: Kind = import_module(f"{_ROOM}.{name}").KIND
    return found
