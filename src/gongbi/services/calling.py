"""What is asked of a use case, checked before it runs: who asks, the names of what is given, and its plain types."""

from __future__ import annotations

import inspect
import numbers
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from gongbi.errors import InvalidInput, UnknownName

#: Plain annotations of use cases → what may be given for them. All others are checked where they are read.
PLAIN: Mapping[str, tuple[type, ...]] = {
    "str": (str,), "bool": (bool,), "int": (numbers.Integral,), "float": (numbers.Real,), "None": (type(None),),
}  # fmt: skip


def check_actor(actor: str) -> None:
    """Refuse an empty name, and one with characters that nobody sees: it would look like somebody else's.

    Raises
    ------
    InvalidInput
        With the code point.
    """
    if not actor.strip():
        raise InvalidInput(
            "Nobody is named as the one who works.", hint="Give a name, or none to be who the system says."
        )
    unseen = [one for one in actor if unicodedata.category(one).startswith("C")]
    if unseen:
        raise InvalidInput(
            f"The name {actor.strip()!a} has the invisible character U+{ord(unseen[0]):04X}.",
            hint="Type the name anew, without it.",
        )


def check_call(verb: str, use_case: Callable[..., Any], params: Mapping[str, Any]) -> None:
    """Refuse what the use case does not take.

    Raises
    ------
    UnknownName
        It has no parameter of that name.
    InvalidInput
        One is missing, or is of another type.
    """
    signature = inspect.signature(use_case)
    known = dict(list(signature.parameters.items())[1:])
    for name, value in params.items():
        if name not in known:
            raise UnknownName(f"parameter of `{verb}`", name, known)
        plain = str(known[name].annotation).split(" | ")
        allowed = [kind for one in plain for kind in PLAIN.get(one, (object,))]
        # In Python true is a number; where one is asked for, it is a mistake.
        if not isinstance(value, tuple(allowed)) or (isinstance(value, bool) and not {bool, object} & {*allowed}):
            wanted = " or ".join(one for one in plain if one != "None")
            raise InvalidInput(f"`{verb}` takes for `{name}` a value of type {wanted}, not {value!r}.")
    try:
        signature.bind(None, **params)
    except TypeError as error:
        raise InvalidInput(f"`{verb}` cannot be called so: {error}.") from error
