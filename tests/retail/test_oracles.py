"""Tags and segments against hand-written SQL, member by member, on both engines."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa
import pytest

from gongbi.engine.base import Engine
from gongbi.testing.comparing import column, differences

from .conftest import built
from .journey import DESCRIBED, catalog, journey, load, sample
from .oracles import SEGMENTS, TAGS

CASES = [(subject, tag) for subject, oracles in TAGS.items() for tag in oracles]


def expected(truth: duckdb.DuckDBPyConnection, subject: str, tag: str) -> dict[Any, Any]:
    oracle = TAGS[subject][tag]
    members = dict.fromkeys((row[0] for row in truth.execute(f"select id from {subject}s").fetchall()), oracle.empty)
    found = truth.execute(f"select * from ({oracle.sql}) t(id, value)").fetchall()
    return members | {id_: oracle.empty if value is None else value for id_, value in found}


def check_tag(table: pa.Table, truth: duckdb.DuckDBPyConnection, subject: str, tag: str) -> None:
    wrong = differences(column(table, tag), expected(truth, subject, tag))
    assert not wrong, f"{len(wrong)} of {table.num_rows} differ, e.g. {dict(list(wrong.items())[:5])}"


def check_segment(table: pa.Table, truth: duckdb.DuckDBPyConnection, segment: str) -> None:
    found = {id_ for id_, inside in column(table, f"segment.{segment}").items() if inside}
    assert found == {row[0] for row in truth.execute(SEGMENTS[segment][1]).fetchall()}


def test_there_are_enough_oracles() -> None:
    assert [len(TAGS[s]) >= n for s, n in zip(DESCRIBED, (26, 4, 4), strict=True)] == [True] * 3
    assert len(SEGMENTS) >= 7
    for subject, oracles in TAGS.items():
        assert set(oracles) <= set(catalog().tags_of(subject))
    assert {s: catalog().segments[s].subject for s in SEGMENTS} == {s: of for s, (of, _) in SEGMENTS.items()}


@pytest.mark.parametrize(("subject", "tag"), CASES, ids=[tag for _, tag in CASES])
def test_a_tag_is_what_hand_written_sql_says(
    portraits: dict[str, pa.Table], truth: duckdb.DuckDBPyConnection, subject: str, tag: str
) -> None:
    check_tag(portraits[subject], truth, subject, tag)


@pytest.mark.parametrize("segment", SEGMENTS)
def test_a_segment_holds_whom_hand_written_sql_finds(
    portraits: dict[str, pa.Table], truth: duckdb.DuckDBPyConnection, segment: str
) -> None:
    check_segment(portraits[SEGMENTS[segment][0]], truth, segment)


def check_equal(found: dict[str, pa.Table], expected: dict[str, pa.Table]) -> None:
    """Every cell of every tag and segment."""
    wrong: dict[str, Any] = {}
    for subject in DESCRIBED:
        assert found[subject].schema.names == expected[subject].schema.names
        for name in found[subject].schema.names[1:]:
            differing = differences(column(found[subject], name), column(expected[subject], name))
            wrong |= {name: (len(differing), dict(list(differing.items())[:3]))} if differing else {}
    assert not wrong


@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.timeout(900)
def test_spark_gives_every_cell_that_duckdb_gives_for_a_few_households(
    spark_engine: Engine, duckdb_engine: Engine
) -> None:
    for engine in (spark_engine, duckdb_engine):
        load(engine, sample())
    check_equal(built(spark_engine, "september"), built(duckdb_engine, "september"))


@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("instant", ["september"], scope="session")
def test_spark_gives_every_cell_that_duckdb_gives_and_agrees_with_the_oracles(
    spark_engine: Engine, portraits: dict[str, pa.Table], truth: duckdb.DuckDBPyConnection, instant: str
) -> None:
    load(spark_engine, journey())
    found = built(spark_engine, instant)
    check_equal(found, portraits)
    for subject, tag in CASES:
        check_tag(found[subject], truth, subject, tag)
    for segment, (subject, _) in SEGMENTS.items():
        check_segment(found[subject], truth, segment)
