"""How long a regular expression may take: bounded by what may be written, since a running match cannot be stopped.

One engine matches in linear time (RE2), the other tries one way after another (Java). There a repeated group that can
be passed in several ways takes exponential time, and open repeats that can share characters a power of the text's
length. Both are bounded here, so that a definition is refused on either engine before it runs.
"""

from __future__ import annotations

import re
from collections import Counter

from gongbi.core.functions.base import require

#: With three, a text of 200 characters took seconds.
MOST_SHARING = 2
#: A repeat of so few varies no further than a person can count.
FEW = 10

_PIECE = re.compile(r"(\(\?:|\\.|\[(?:\\.|[^\]\\])*\]|.)([*+?]|\{[0-9]+(?:,[0-9]*)?\})?", re.DOTALL)
#: Characters of every kind that repeats tell apart.
_SAMPLE = [chr(code) for code in range(32, 127)] + ["\t", "\n", "é", "画", "，"]


def check_cost(pattern: str) -> None:
    """Refuse a pattern that could take very long.

    Raises
    ------
    InvalidExpression
        A repeated group holds an open repeat (``(a+)+``), or alternatives and is repeated often (``(a|b)*``); more than
        two open repeats could take the same character.
    """
    groups = [0]  # Of each open group: 0 one way to pass it, 1 a few, 2 any number.
    taking: Counter[str] = Counter()
    for piece, count in _PIECE.findall(pattern.removeprefix("(?i)")):
        if piece in ("(", "(?:"):
            groups.append(0)
            continue
        if piece == "|":
            groups[-1] = max(groups[-1], 1)
            continue
        ways = groups.pop() if piece == ")" and len(groups) > 1 else 0
        least, most = _bounds(count)
        unsafe = (ways == 2 and most > 1) or (ways == 1 and most > FEW)
        require(
            not unsafe,
            f"A repeated group of a regular expression can be passed in too many ways: {pattern!r}.",
            "Write a class, such as [ab]+ for (a|b)+, or repeat what is inside only.",
        )
        if most - least > FEW:
            taking.update(_taken(piece))
            ways = 2
        elif most > least or (ways and most > 1):
            ways = 2 if ways and most > 1 else max(ways, 1)
        groups[-1] = max(groups[-1], ways)
    require(
        max(taking.values(), default=0) <= MOST_SHARING,
        f"More than {MOST_SHARING} open repeats of the regular expression could take the same character.",
        "Bound them, as in [0-9]{1,9}, or split the condition in two.",
    )


def _taken(piece: str) -> list[str]:
    """The characters that a repeated piece can take; all of them for a group, or where it cannot be read."""
    if piece == ")":
        return _SAMPLE
    try:
        one = re.compile(piece, re.IGNORECASE)
    except re.error:
        return _SAMPLE
    return [char for char in _SAMPLE if one.fullmatch(char)]


def _bounds(count: str) -> tuple[float, float]:
    """How often a piece stands at least and at most."""
    if count in ("*", "+", "?", ""):
        return {"*": (0, float("inf")), "+": (1, float("inf")), "?": (0, 1), "": (1, 1)}[count]
    low, comma, high = count[1:-1].partition(",")
    return float(low), float(high) if high else float("inf") if comma else float(low)
