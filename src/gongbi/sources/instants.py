"""Dates and instants: from what a file holds to naive UTC, the same whichever engine takes the rows afterwards.

Work is done once per distinct text, and once per quarter of an hour for wall-clock times, because offsets change on
quarters. The rules where clocks jump are those of `TimeMap`: a skipped time moves on by the gap, of a doubled time
the first is meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gongbi.errors import InvalidDefinition

T = TypeVar("T")
Micros = npt.NDArray[np.int64]

_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: ?(?:Z|[+-]\d\d:?\d\d))?)?", re.ASCII)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  (wall-clock arithmetic)
_MICRO = timedelta(microseconds=1)
_QUARTER = 15 * 60 * 1_000_000
_DAY = 24 * 3600 * 1_000_000


def zone_named(name: str) -> ZoneInfo:
    """Return an IANA zone; `InvalidDefinition` where there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidDefinition(
            f"There is no time zone {name!r}.", hint="An IANA name, e.g. Asia/Shanghai or America/New_York."
        ) from None


def to_instants(values: pa.Array, zone: str, format_: str | None = None) -> pa.Array:
    """Read instants: text, naive timestamps as wall-clock time in `zone`, dates as the first instant of the day.

    Returns
    -------
    pa.Array
        `timestamp[us]` in UTC; null where the value is null or is no time.
    """
    if pa.types.is_timestamp(values.type):
        if values.type.tz is not None:
            return values.cast(pa.timestamp("us", values.type.tz), safe=False).cast(pa.timestamp("us"))
        return _utc(values.cast(pa.timestamp("us"), safe=False), zone)
    if pa.types.is_date(values.type):
        return _utc(values.cast(pa.timestamp("us")), zone)
    if not _is_text(values.type):
        if format_ is None or not pa.types.is_integer(values.type):
            return pa.nulls(len(values), pa.timestamp("us"))
        values = values.cast(pa.string())
    parse = _instant_reader(format_)

    def read(text: str) -> tuple[int, bool] | None:
        moment = parse(text)
        if moment is None:
            return None
        if moment.tzinfo is None:
            return (moment - _EPOCH) // _MICRO, False
        try:
            return (moment.astimezone(UTC).replace(tzinfo=None) - _EPOCH) // _MICRO, True
        except OverflowError:
            return None

    encoded, found = _per_distinct(values, read)
    wall = pa.array([None if f is None else f[0] for f in found], pa.timestamp("us"))
    utc = _utc(wall, zone)
    absolute = pa.array([f is not None and f[1] for f in found], pa.bool_())
    return pc.if_else(absolute, wall, utc).take(encoded)


def to_dates(values: pa.Array, format_: str | None = None) -> pa.Array:
    """Read calendar days as `date32`: text, dates, and the day of a timestamp as it is written."""
    if pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
        return values.cast(pa.date32(), safe=False)
    if not _is_text(values.type):
        if format_ is None or not pa.types.is_integer(values.type):
            return pa.nulls(len(values), pa.date32())
        values = values.cast(pa.string())
    parse = _instant_reader(format_)

    def read(text: str) -> date | None:
        moment = parse(text)
        return None if moment is None else moment.date()

    encoded, found = _per_distinct(values, read)
    return pa.array(found, pa.date32()).take(encoded)


def day_starts(days: pa.Array, zone: str, *, plus: int = 0) -> pa.Array:
    """Return the first instant of each day in `zone`, or of the day `plus` days later, in UTC."""
    micros, valid = _micros(days.cast(pa.timestamp("us")))
    return _utc(_array(micros + plus * _DAY, valid), zone)


def day_ends(days: pa.Array, zone: str) -> pa.Array:
    """Return the last microsecond of each day in `zone`, in UTC."""
    micros, valid = _micros(day_starts(days, zone, plus=1))
    return _array(micros - 1, valid)


def _is_text(type_: pa.DataType) -> bool:
    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_))


@cache
def _instant_reader(format_: str | None) -> Callable[[str], datetime | None]:
    def by_format(text: str) -> datetime | None:
        assert format_ is not None
        try:
            return datetime.strptime(text.strip(), format_)  # noqa: DTZ007  (the zone is applied later)
        except ValueError:
            return None

    def iso(text: str) -> datetime | None:
        text = text.strip()
        try:
            return datetime.fromisoformat(text.replace(" Z", "Z")) if _ISO.fullmatch(text) else None
        except ValueError:
            return None

    return iso if format_ is None else by_format


def _per_distinct(values: pa.Array, read: Callable[[str], T | None]) -> tuple[pa.Array, list[T | None]]:
    encoded = values.dictionary_encode()
    return encoded.indices, [read(text) for text in encoded.dictionary.to_pylist()]


def _micros(values: pa.Array) -> tuple[Micros, npt.NDArray[np.bool_]]:
    valid = values.is_valid().to_numpy(zero_copy_only=False)
    return values.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False), valid


def _array(micros: Micros, valid: npt.NDArray[np.bool_]) -> pa.Array:
    return pa.array(micros, pa.int64(), mask=~valid).cast(pa.timestamp("us"))


def _utc(wall: pa.Array, zone: str) -> pa.Array:
    if zone in ("UTC", "Etc/UTC"):
        return wall
    tz = zone_named(zone)
    micros, valid = _micros(wall)
    quarters, position = np.unique(micros // _QUARTER, return_inverse=True)
    starts = np.array([_offset(int(q) * _QUARTER, tz) for q in quarters], np.int64)
    ends = np.array([_offset((int(q) + 1) * _QUARTER - 1, tz) for q in quarters], np.int64)
    offsets = starts[position]
    # Local mean times of the 19th century end at odd seconds: look at each such value by itself.
    for i in np.flatnonzero((starts != ends)[position]):
        offsets[i] = _offset(int(micros[i]), tz)
    return _array(micros - offsets, valid)


def _offset(micros: int, tz: ZoneInfo) -> int:
    try:
        offset = (_EPOCH + timedelta(microseconds=micros)).replace(tzinfo=tz, fold=0).utcoffset()
    except OverflowError:
        return 0
    return 0 if offset is None else offset // _MICRO
