"""What is asked of a use case is checked before it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

import gongbi
from gongbi.errors import InvalidInput, UnknownName
from gongbi.services.calling import check_actor, check_call


def use_case(ctx: object, name: str, *, top: int = 5, share: float | None = None, ids: list[int] | None = None) -> None:
    """One with parameters of every kind."""


def test_what_fits_passes() -> None:
    check_call("use_case", use_case, {"name": "a", "top": 3, "share": 1, "ids": [1]})
    check_call("use_case", use_case, {"name": "a", "share": None})


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"name": ["a"]}, r"`use_case` takes for `name` a value of type str, not \['a'\]"),
        ({"name": "a", "top": "3"}, "takes for `top` a value of type int, not '3'"),
        ({"name": "a", "top": True}, "takes for `top` a value of type int, not True"),
        ({"name": "a", "share": "x"}, "takes for `share` a value of type float, not 'x'"),
        ({}, "cannot be called so: missing a required argument: 'name'"),
    ],
)
def test_what_does_not_fit_is_said_with_its_name(params: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        check_call("use_case", use_case, params)


def test_a_parameter_that_is_not_there_is_said() -> None:
    with pytest.raises(UnknownName, match="parameter of `use_case`"):
        check_call("use_case", use_case, {"nmae": "a"})


def test_nobody_looks_like_somebody_else_by_characters_that_are_not_seen(tmp_path: Path) -> None:
    check_actor("王芳")
    for name in ("ana\u200b", "ana\u2060", "\u202eana", "ana\n"):
        with pytest.raises(InvalidInput, match="invisible character"):
            check_actor(name)
    from gongbi.testing.shop import lay_out

    with gongbi.open(lay_out(tmp_path / "shop"), actor="ana") as ws, pytest.raises(InvalidInput, match=r"U\+200B"):
        ws.call_as("ana\u200b", "sources")
    with gongbi.open(tmp_path / "shop", actor="") as ws, pytest.raises(InvalidInput, match="Nobody"):
        ws.call("sources")
