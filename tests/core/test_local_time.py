"""Local time by offsets, as engines reckon it, against the zone itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

from gongbi.core.dialect import DUCKDB
from gongbi.core.functions.dates import local, offsets
from gongbi.core.render import Rendering

ZONES = [
    "America/New_York", "Asia/Shanghai", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo",
    "Pacific/Apia", "Africa/Casablanca", "Asia/Pyongyang", "UTC",
]  # fmt: skip
MICRO = timedelta(microseconds=1)


@pytest.mark.parametrize("zone", ZONES)
def test_local_time_is_that_of_the_zone(zone: str) -> None:
    here = ZoneInfo(zone)
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        for year in (1976, 1990, 2011, 2017, 2026):
            draw = Random(f"{zone} {year}")
            around = offsets(zone, year)
            start, end = around[0][0], around[-1][0]
            instants = [start + timedelta(microseconds=draw.randrange((end - start) // MICRO)) for _ in range(300)]
            instants += [since + n * MICRO for since, _ in around[1:-1] for n in (-1_000_000, -1, 0, 1, 1_000_000)]
            wanted = {t.replace(tzinfo=None): t.astimezone(here).replace(tzinfo=None) for t in (start, *instants)}
            assert read(connection, zone, year, list(wanted)) == wanted
            # The rest is left to the engine's own calendar, whose edition may differ from Python's.
            outside = [t.replace(tzinfo=None) for t in (start - MICRO, end, datetime(1883, 1, 1), datetime(2090, 7, 1))]
            values = ", ".join(f"(timestamp '{t}')" for t in outside)
            sql = f"select ts, timezone('{zone}', timezone('UTC', ts)) from (values {values}) t(ts)"
            assert read(connection, zone, year, outside) == dict(connection.execute(sql).fetchall())


def read(connection: duckdb.DuckDBPyConnection, zone: str, year: int, instants: list[datetime]) -> dict[Any, Any]:
    to = Rendering(DUCKDB, datetime(year, 6, 1, tzinfo=UTC), zone, names=str)
    values = ", ".join(f"(timestamp '{t}')" for t in instants)
    found = dict(connection.execute(f"select ts, {local('ts', to)} from (values {values}, (null)) t(ts)").fetchall())
    assert found.pop(None) is None
    return found


def test_offsets_of_a_zone_without_changes() -> None:
    around = offsets("Asia/Shanghai", 2026)
    assert [offset for _, offset in around] == [timedelta(hours=8)] * 2
    assert around[0][0] == datetime(2023, 1, 1, tzinfo=UTC)
    assert offsets("Asia/Shanghai", 1700) == ()
