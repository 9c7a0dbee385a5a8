"""What is drawn for a member by lot: the same for ever, on every engine, without a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from gongbi.core.functions.base import PROPAGATES, Example, Function, Param, require
from gongbi.core.types import BOOLEAN, TEXT, Type
from gongbi.errors import WrongType

if TYPE_CHECKING:
    from gongbi.core.expr import Call
    from gongbi.core.render import Rendering


def _in_random_share(call: Call, args: Sequence[str], to: Rendering) -> str:
    """The recipe of `estimators.stats.arms`, without salt: the seed is the experiment, the id the unit.

    SHA-256 over the texts, each with its length in bytes before it; the first 8 bytes are the member's place. They are
    compared as written in hexadecimal, which has the same order.
    """
    share, seed = (getattr(arg, "value", None) for arg in call.args[1:])
    end = math.floor(Fraction(share if isinstance(share, int | Decimal) else str(share)) * (1 << 64))
    if end >= 1 << 64:
        return f"(case when {args[0]} is not null then true end)"
    return f"({_lot(args[0], str(seed), to)} < {to.literal(f'{end:016x}')})"


def _lot(id_: str, seed: str, to: Rendering) -> str:
    """A member's place in a draw, 16 hexadecimal digits."""
    name = seed.encode()
    before = to.literal((bytes(8) + len(name).to_bytes(8, "big") + name).hex())
    text = f"cast({id_} as {to.dialect.types['text']})"
    if to.dialect.name == "duckdb":
        whole = f"unhex({before}) || unhex(lpad(hex(strlen({text})), 16, '0')) || encode({text})"
        digest = f"sha256({whole})"
    else:
        whole = f"unhex({before}) || unhex(lpad(hex(octet_length({text})), 16, '0')) || encode({text}, 'utf-8')"
        digest = f"sha2({whole}, 256)"
    return f"substr({digest}, 1, 16)"


def _unit_type(types: Sequence[Type]) -> Type:
    if types[0].name not in ("integer", "text", "null"):
        raise WrongType(f"A share is drawn by an id, a whole number or a text, not by a {types[0]}.")
    return BOOLEAN


def _lot_type(types: Sequence[Type]) -> Type:
    _unit_type(types)
    return TEXT


def _check_lot(values: Sequence[Any]) -> None:
    require(bool(values[1]), "A draw needs a seed, a text of its own: another seed is another draw.")


def _check_share(values: Sequence[Any]) -> None:
    require(0 <= values[1] <= 1, f"A share is 0 to 1, not {values[1]}.", "A tenth is 0.1.")
    require(bool(values[2]), "A draw needs a seed, a text of its own: another seed is another draw.")


FUNCTIONS: tuple[Function, ...] = (
    Function(
        "in_random_share", "scalar", "members",
        (Param("id", "any", optional=True), Param("share", "number", constant=True), Param("seed", "text", constant=True)),
        _unit_type,
        "按编号与种子抽签，属于随机的一份：同一种子永远抽到同一批，不同种子互不相关；同一种子下小份包含在大份之内。不给编号则用成员自己的编号。",
        "Whether the member is in a random share, drawn by its id and a seed: one seed always draws the same members, "
        "another seed others, and of one seed the smaller share lies within the larger. Without an id it is the member's own.",
        PROPAGATES,
        (Example("in_random_share(0.5, 'spring')", {1: False, 2: True, 3: False, 4: False}), Example("in_random_share('H-7', 1, 'spring')", True)),
        _in_random_share, _in_random_share, check=_check_share, of_member=True,
    ),
    Function(
        "lot", "scalar", "members",
        (Param("id", "any", optional=True), Param("seed", "text", constant=True)),
        _lot_type,
        "按编号与种子抽得的签，一段 16 位的文本，用来随机排序：同一种子总是同一签。不给编号则用成员自己的编号。",
        "The lot that a member draws by its id and a seed, a text of 16 digits to put members in a random order that stays. Without an id it is the member's own.",
        PROPAGATES,
        (Example("lot('spring') < '8'", {1: False, 2: True, 3: False, 4: False}),),
        lambda call, args, to: _lot(args[0], str(getattr(call.args[1], "value", "")), to),
        lambda call, args, to: _lot(args[0], str(getattr(call.args[1], "value", "")), to),
        check=_check_lot, of_member=True,
    ),
)  # fmt: skip
