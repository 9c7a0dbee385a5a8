"""How many rows a caller may ask for."""

from __future__ import annotations

from gongbi.errors import InvalidInput

#: Nothing has more rows, and every engine and store can read the number.
_MOST = 2**62


def checked(limit: int) -> int:
    """A limit that is a number from 0 on, as every store and engine takes it; anything else is refused."""
    # A caller's types are not checked before they arrive here.
    if not isinstance(limit, int) or limit < 0:  # type: ignore[redundant-expr]
        raise InvalidInput(f"A limit is a number from 0 on, not {limit!r}.")
    return min(limit, _MOST)
