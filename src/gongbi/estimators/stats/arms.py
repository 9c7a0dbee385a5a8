r"""Who is in which arm of an experiment, without a table of assignments.

A unit's arm follows from a hash, so that every process and every machine, now and in ten years, gives the same
answer. The recipe, complete enough to be repeated in any language:

1. Take three texts: salt, experiment, unit id (a whole number is written in decimal digits). Encode each as UTF-8.
2. Put before each its length in bytes as 8 bytes, big-endian, and join the three.
3. SHA-256; the first 8 bytes of the digest, read as a big-endian whole number h, give the position h / 2^64.
4. Sort the arms by name (by code point). Each takes a stretch of [0, 1) as long as its share, in that order: an
   arm's stretch ends at floor(2^64 * sum of the shares so far); the last one's ends at 2^64.

Two experiments hash different texts, so that knowing one arm of a unit says nothing about another.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from fractions import Fraction

from gongbi.errors import InvalidInput

WHOLE = 1 << 64


def arm(experiment: str, unit_id: str | int, shares: Mapping[str, float], salt: str = "") -> str:
    """Return the arm of one unit; see the recipe above.

    Parameters
    ----------
    experiment : str
        Its name; another name is another, independent draw.
    unit_id : str or int
        Whoever is assigned. ``7`` and ``"7"`` are the same unit; ``"07"`` is another.
    shares : mapping of str to float
        Share of each arm, in [0, 1]; they sum to 1. The order of the mapping plays no part.
    salt : str, optional
        Changes every assignment; a secret one keeps outsiders from working out the arms.

    Raises
    ------
    InvalidInput
        When the shares do not sum to 1, or the unit has no id.
    """
    return _arm_at(_hash(experiment, unit_id, salt), _ends(shares))


def arms(experiment: str, unit_ids: Iterable[str | int], shares: Mapping[str, float], salt: str = "") -> list[str]:
    """Return the arm of every unit, in order; `arm` for many."""
    ends = _ends(shares)
    return [_arm_at(_hash(experiment, unit_id, salt), ends) for unit_id in unit_ids]


def position(experiment: str, unit_id: str | int, salt: str = "") -> float:
    """Return the unit's place in [0, 1), uniform over units; the greatest float below 1 stands for what is nearer."""
    return min(_hash(experiment, unit_id, salt) / WHOLE, math.nextafter(1.0, 0.0))


def _hash(experiment: str, unit_id: object, salt: str) -> int:
    if isinstance(unit_id, bool) or not isinstance(unit_id, str | int) or unit_id == "":
        raise InvalidInput(
            f"A unit is named by a text or a whole number, not by {unit_id!r}.",
            hint="A number with a decimal point has more than one spelling, and so would have more than one arm.",
        )
    if not experiment:
        raise InvalidInput("An experiment needs a name: without one, all experiments would share their arms.")
    digest = hashlib.sha256()
    for text in (salt, experiment, str(unit_id)):
        encoded = text.encode()
        # The length first, so that ("ab", "c") and ("a", "bc") are different.
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return int.from_bytes(digest.digest()[:8], "big")


def _ends(shares: Mapping[str, float]) -> list[tuple[int, str]]:
    if any(not 0 <= share <= 1 for share in shares.values()) or abs(math.fsum(shares.values()) - 1) > 1e-9:
        raise InvalidInput(f"The shares of the arms must lie in [0, 1] and sum to 1, not {dict(shares)}.")
    taken = [(name, Fraction(share)) for name, share in sorted(shares.items()) if share]
    ends, so_far = [], Fraction(0)
    for name, share in taken:
        so_far += share
        ends.append((math.floor(so_far * WHOLE), name))
    ends[-1] = (WHOLE, ends[-1][1])
    return ends


def _arm_at(point: int, ends: list[tuple[int, str]]) -> str:
    return next(name for end, name in ends if point < end)
