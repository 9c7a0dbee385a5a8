"""The as-of instant, and instants written out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gongbi.core import clock
from gongbi.core.functions.base import Example, Function, Param
from gongbi.core.types import TIMESTAMP

if TYPE_CHECKING:
    from gongbi.core.expr import Call
    from gongbi.core.render import Rendering


def _instant(call: Call, args: Sequence[str], to: Rendering) -> str:
    return to.literal(clock.parse_instant(getattr(call.args[0], "value", ""), to.zone))


def _check(values: Sequence[Any]) -> None:
    clock.parse_instant(values[0], "UTC")


FUNCTIONS: tuple[Function, ...] = (
    Function(
        "as_of", "scalar", "calendar", (), TIMESTAMP, "截止时刻：一切计算都以它为准。",
        "The instant of the computation: nothing that became known later is visible.", ("Never absent.", "从不缺失。"),
        (Example("year(as_of())", 2017),),
        lambda call, args, to: to.literal(to.as_of), lambda call, args, to: to.literal(to.as_of), relative=True,
    ),
    Function(
        "instant", "scalar", "calendar", (Param("text", "text", constant=True),), TIMESTAMP,
        "把文本写成时刻：不带偏移量的按工作区时区。", "A written instant; without an offset it is local to the workspace.",
        ("Never absent.", "从不缺失。"), (Example("hour(instant('2017-09-01T23:00:00'))", 23),), _instant, _instant, check=_check,
    ),
)  # fmt: skip
