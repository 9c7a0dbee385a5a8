"""How many amounts of a file had more digits after the point than their column keeps. Pure, and the same everywhere.

Rounding changes an amount, so it is counted and told. What differs from an amount with the column's digits by less than
a ten-thousandth of the last one is not counted: binary fractions write 3.49 as 3.4899999999 and mean the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

#: Share of the last digit kept below which a difference is noise.
_NOISE = 1e-4
#: What `casts` reads as a decimal with an exponent.
_SMALL = r"^\s*[+-]?[0-9]([.][0-9]{0,17})?[eE]-[0-9]{1,3}\s*$"


def rounded(
    rows: pa.Table, numbers: pa.Array, aside: Collection[int], wanted: Mapping[str, tuple[str, int]]
) -> dict[str, int]:
    """Count the rows whose value was rounded, by column.

    Parameters
    ----------
    rows, numbers
        Raw rows and their row numbers.
    aside
        Numbers of the rows that were rejected: nothing of them was rounded.
    wanted
        Column → the raw column and the digits after the point that are kept.
    """
    found = {}
    for name, (raw, scale) in wanted.items():
        lost = np.flatnonzero(loses_digits(rows.column(raw), scale))
        if lost.size and aside:
            lost = lost[~np.isin(numbers.to_numpy()[lost], list(aside))]
        if lost.size:
            found[name] = int(lost.size)
    return found


def loses_digits(values: pa.ChunkedArray, scale: int) -> npt.NDArray[np.bool_]:
    """Whether each value has digits after the first `scale` behind the point; false where it is no number."""
    type_ = values.type
    if pa.types.is_floating(type_):
        return _of_floats(values, scale)
    if pa.types.is_decimal(type_):
        if type_.scale <= scale:
            return np.zeros(len(values), np.bool_)
        return _plain(pc.not_equal(values, pc.round(values, scale)))
    if pa.types.is_dictionary(type_):
        values = values.cast(type_.value_type)
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        kept = rf"[.][0-9]{{{scale}}}"
        more = _plain(pc.match_substring_regex(values, rf"{kept}[0-9]*[1-9]"))
        # The second look is for the few that need it.
        if more.any():
            more[more] = ~_plain(pc.match_substring_regex(values.filter(pa.array(more)), rf"{kept}(0000|9999)"))
        return _small(values, more, scale)
    return np.zeros(len(values), np.bool_)


def _small(values: pa.ChunkedArray, more: npt.NDArray[np.bool_], scale: int) -> npt.NDArray[np.bool_]:
    """The point of a text with a negative exponent stands elsewhere: such a one is looked at as a float."""
    small = _plain(pc.match_substring_regex(values, _SMALL))
    if small.any():
        floats = pc.utf8_trim_whitespace(values.filter(pa.array(small))).cast(pa.float64())
        more = more.copy()
        more[small] = _of_floats(floats, scale)
    return more


def _of_floats(values: pa.ChunkedArray, scale: int) -> npt.NDArray[np.bool_]:
    # The digits that a float of this width has at all.
    relative = 1e-15 if values.type.bit_width == 64 else 2e-7
    scaled = values.cast(pa.float64()).to_numpy() * 10.0**scale
    # In place, to spare copies of a million rows.
    with np.errstate(invalid="ignore"):
        off = np.rint(scaled)
        off -= scaled
        np.abs(off, out=off)
        np.abs(scaled, out=scaled)
        scaled *= relative
        scaled += _NOISE
        lost: npt.NDArray[np.bool_] = off > scaled
    return lost


def _plain(flags: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    found: npt.NDArray[np.bool_] = flags.fill_null(False).to_numpy()
    return found
