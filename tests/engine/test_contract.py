"""What `gongbi.engine.base` promises, on every engine."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from gongbi.core.plan import Plan
from gongbi.core.table import Column, Table
from gongbi.core.types import BOOLEAN, DATE, DOUBLE, INTEGER, TEXT, TIMESTAMP, decimal, distribution_of, list_of, money
from gongbi.engine.base import Engine
from gongbi.errors import Bug, Cancelled, EngineFailure, GongbiError, InvalidInput, UnknownName
from gongbi.testing.engine import on_every_engine

POINTS = Table("points", (Column("id", INTEGER), Column("label", TEXT)))
EVERYTHING = Table(
    "全部",
    (
        Column("整数", INTEGER),
        Column("amount", money("CNY")),
        Column("ratio", DOUBLE),
        Column("text", TEXT),
        Column("flag", BOOLEAN),
        Column("day", DATE),
        Column("ts", TIMESTAMP),
        Column("tags", list_of(TEXT)),
        Column("counts", list_of(INTEGER)),
        Column("spread", distribution_of(TEXT)),
        Column("prices", distribution_of(decimal())),
    ),
)
EVERYTHING_SCHEMA = pa.schema(
    [
        ("整数", pa.int64()),
        ("amount", pa.decimal128(18, 2)),
        ("ratio", pa.float64()),
        ("text", pa.string()),
        ("flag", pa.bool_()),
        ("day", pa.date32()),
        ("ts", pa.timestamp("us")),
        ("tags", pa.list_(pa.string())),
        ("counts", pa.list_(pa.int64())),
        ("spread", pa.list_(pa.struct([("value", pa.string()), ("share", pa.float64())]))),
        ("prices", pa.list_(pa.struct([("value", pa.decimal128(18, 2)), ("share", pa.float64())]))),
    ]
)


def naive(*parts: int) -> datetime:
    """An instant as it crosses the door: UTC, without saying so."""
    return datetime(*parts, tzinfo=UTC).replace(tzinfo=None)  # type: ignore[misc]


ROWS = [
    [2**63 - 1, Decimal("9999999999999999.99"), 1.7976931348623157e308, "it's 中文 😀 \\ \n", True, date(1, 1, 1)],
    [-(2**63), Decimal("-0.01"), 5e-324, "", False, date(9999, 12, 31)],
    [None] * 6,
]
SPREAD = [{"value": "tea, green", "share": 0.75}, {"value": None, "share": 0.25}]
PRICES = [{"value": Decimal("9.90"), "share": 1.0}]
TAILS = [
    [naive(1500, 3, 1, 12, 30, 0, 1), ["a", None, "b'"], [1, -1], SPREAD, PRICES],
    [naive(9999, 12, 31, 23, 59, 59, 999999), [], [], [], []],
    [None] * 5,
]
HOSTILE = ["a b", 'say "hi"', "back`tick", "x; drop table points; --", "select", "客户.表", "it's", "a\\b", "{x} ${y}"]


def everything() -> pa.Table:
    rows = [[*head, *tail] for head, tail in zip(ROWS, TAILS, strict=True)]
    return pa.Table.from_pylist(
        [dict(zip(EVERYTHING_SCHEMA.names, row, strict=True)) for row in rows], schema=EVERYTHING_SCHEMA
    )


def with_points(engine: Engine, *ids: int, table: str = "points") -> None:
    engine.create(Table(table, POINTS.columns))
    engine.append(table, pa.table({"id": list(ids), "label": [f"p{i}" for i in ids]}))


def ids(engine: Engine, table: str = "points") -> list[int]:
    rows = engine.query(f"select id from {engine.dialect.ident(table)} order by id")
    return rows.column("id").to_pylist()


def plan(engine: Engine, sql: str) -> Plan:
    return Plan().then("result", sql)


def heavy(engine: Engine) -> str:
    """A query of many seconds over tiny inputs."""
    numbers = "select id from points"
    for _ in range(3):
        numbers = f"select a.id * 31 + b.id as id from ({numbers}) a cross join ({numbers}) b"
    return f"select count(*) as n from ({numbers}) t where id % 7 = 1"


@on_every_engine()
def test_a_created_table_is_empty_and_has_the_columns_of_its_definition(engine: Engine) -> None:
    engine.create(EVERYTHING)
    assert engine.tables() == ["全部"]
    assert engine.columns("全部") == [(f.name, f.type) for f in EVERYTHING_SCHEMA]
    empty = engine.query(f"select * from {engine.dialect.ident('全部')}")
    assert empty.num_rows == 0
    assert empty.schema == EVERYTHING_SCHEMA


@on_every_engine()
def test_creating_a_table_twice_is_refused_unless_it_is_replaced(engine: Engine) -> None:
    with_points(engine, 1)
    with pytest.raises(InvalidInput, match="already"):
        engine.create(POINTS)
    assert ids(engine) == [1]
    engine.create(POINTS, replace=True)
    assert ids(engine) == []


@on_every_engine()
def test_every_type_comes_back_as_it_went_in(engine: Engine) -> None:
    engine.create(EVERYTHING)
    assert engine.append("全部", everything()) == 3
    found = engine.query(
        f"select * from {engine.dialect.ident('全部')} order by 整数 desc nulls last".replace(
            "整数", engine.dialect.ident("整数")
        )
    )
    assert found.schema == EVERYTHING_SCHEMA
    assert found.to_pylist() == everything().to_pylist()
    engine.build(plan(engine, f"select * from {engine.dialect.ident('全部')}"), "copy")
    assert engine.columns("copy") == engine.columns("全部")


@on_every_engine()
def test_rows_are_matched_by_name_and_missing_columns_are_null(engine: Engine) -> None:
    engine.create(POINTS)
    assert engine.append("points", pa.table({"label": ["x"]})) == 1
    assert engine.append("points", pa.table({"label": ["y"], "id": pa.array([2], pa.int8())})) == 1
    found = engine.query("select id, label from points order by label").to_pylist()
    assert found == [{"id": None, "label": "x"}, {"id": 2, "label": "y"}]


@on_every_engine()
def test_what_pandas_and_others_write_is_read_as_the_types_of_the_table(engine: Engine) -> None:
    engine.create(EVERYTHING)
    shanghai = pa.array([datetime(2024, 1, 1, tzinfo=UTC)], pa.timestamp("ns", tz="Asia/Shanghai"))
    rows = pa.table(
        {
            "text": pa.array(["a"]).dictionary_encode(),
            "ts": shanghai,
            "amount": pa.array(["1.5"], pa.large_string()),
            "ratio": pa.array([0.5], pa.float32()),
            "tags": pa.array([["u"]], pa.large_list(pa.large_string())),
            "day": pa.array([date(2024, 1, 2)], pa.date64()),
        }
    )
    engine.append("全部", rows)
    (found,) = engine.query(f"select * from {engine.dialect.ident('全部')}").to_pylist()
    assert {k: v for k, v in found.items() if v is not None} == {
        "text": "a",
        "ts": naive(2024, 1, 1),
        "amount": Decimal("1.50"),
        "ratio": 0.5,
        "tags": ["u"],
        "day": date(2024, 1, 2),
    }


@on_every_engine()
@pytest.mark.parametrize(
    "rows",
    [{"nobody": [1]}, {"id": ["one"]}, {"id": [1.5]}, {"id": pa.array([2**63], pa.uint64())}],
    ids=["unknown-column", "text", "fraction", "too-large"],
)
def test_rows_that_do_not_fit_are_refused_and_nothing_is_appended(engine: Engine, rows: dict[str, object]) -> None:
    with_points(engine, 1)
    with pytest.raises(InvalidInput, match=next(iter(rows))):
        engine.append("points", pa.table(rows))
    assert ids(engine) == [1]


@on_every_engine()
def test_a_reader_is_streamed_and_a_bad_batch_at_its_end_appends_nothing(engine: Engine) -> None:
    schema = pa.schema([("id", pa.float64())])

    def reader(*batches: list[float]) -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(
            schema, (pa.record_batch([pa.array(b)], schema=schema) for b in batches)
        )

    engine.create(POINTS)
    assert engine.append("points", reader([1.0], [], [2.0, 3.0])) == 3
    with pytest.raises(InvalidInput, match="'id'"):
        engine.append("points", reader([4.0], [5.5]))
    assert ids(engine) == [1, 2, 3]
    assert engine.append("points", reader()) == 0


@on_every_engine()
def test_insert_appends_the_rows_of_a_plan_by_name(engine: Engine) -> None:
    with_points(engine, 1, 2)
    assert engine.insert("points", plan(engine, "select id + 10 as id from points")) == 2
    assert ids(engine) == [1, 2, 11, 12]
    with pytest.raises(InvalidInput, match="nobody"):
        engine.insert("points", plan(engine, "select id as nobody from points"))
    assert ids(engine) == [1, 2, 11, 12]


def test_a_value_is_that_of_the_one_row_and_column(engine: Engine) -> None:
    assert engine.value("select cast(2 as bigint) + 3") == 5
    assert engine.value(Plan().then("_one", "select 'x' as a").then("_two", "select count(*) as n from _one")) == 1
    assert engine.value("select cast(null as bigint)") is None
    for sql in ("select 1, 2", "select 1 where false", "select * from (values (1), (2)) t(x)"):
        with pytest.raises(Bug):
            engine.value(sql)
    with pytest.raises(GongbiError):
        engine.value("drop table nothing")


@on_every_engine()
def test_build_replaces_the_table_with_columns_and_types_of_the_plan(engine: Engine) -> None:
    with_points(engine, 1, 2)
    seen: list[tuple[float, float | None]] = []
    sql = "select sum(id) as total, cast(1 as int) as small, cast(0.5 as float) as half, null as nothing from points"
    built = engine.build(plan(engine, sql), "points", on_progress=lambda done, total: seen.append((done, total)))
    assert built == 1
    assert engine.columns("points") == [
        ("total", pa.int64()),
        ("small", pa.int64()),
        ("half", pa.float64()),
        ("nothing", pa.int64()),
    ]
    assert engine.query("select * from points").to_pylist() == [{"total": 3, "small": 1, "half": 0.5, "nothing": None}]
    assert seen[-1][0] == seen[-1][1]


@on_every_engine()
def test_a_build_without_rows_keeps_its_columns(engine: Engine) -> None:
    with_points(engine, 1)
    assert engine.build(plan(engine, "select id from points where id > 1"), "none") == 0
    assert engine.query("select * from none").schema == pa.schema([("id", pa.int64())])


@on_every_engine()
def test_a_number_that_becomes_too_large_is_said_with_a_way_out(engine: Engine) -> None:
    largest = engine.dialect.literal(2**63 - 1)
    with pytest.raises(InvalidInput, match=r"becomes too large for its type: .*verflow") as error:
        engine.query(f"select max(x * {engine.dialect.literal(2)}) as y from (select {largest} as x) t")
    assert "to_double" in str(error.value)


@on_every_engine()
def test_a_failing_build_leaves_the_old_table(engine: Engine) -> None:
    with_points(engine, 1, 2)
    with pytest.raises(InvalidInput):
        engine.build(plan(engine, "select cast(label as int) as id from points"), "points")
    assert ids(engine) == [1, 2]


@on_every_engine()
def test_rename_replaces_the_table_of_that_name(engine: Engine) -> None:
    with_points(engine, 1)
    with_points(engine, 2, table="other")
    engine.rename("points", "other")
    assert engine.tables() == ["other"]
    assert ids(engine, "other") == [1]
    engine.rename("other", "other")
    assert ids(engine, "other") == [1]
    with pytest.raises(UnknownName):
        engine.rename("points", "other")


@on_every_engine()
def test_delete_removes_where_true_and_keeps_where_unknown(engine: Engine) -> None:
    with_points(engine, 1, 2, 3)
    engine.append("points", pa.table({"id": pa.array([None], pa.int64()), "label": ["unknown"]}))
    engine.append("points", pa.table({"id": [7, 8]}))
    assert engine.delete("points", "id >= 3 -- and so on") == 3
    assert engine.query("select count(*) as n from points").to_pylist() == [{"n": 3}]
    assert engine.delete("points", "id in (select max(id) from points)") == 1
    assert engine.delete("points", "false") == 0
    assert engine.query("select label from points order by label").column(0).to_pylist() == ["p1", "unknown"]


def test_rows_are_changed_in_place_and_a_view_reads_as_a_table_where_an_engine_can(engine: Engine) -> None:
    with_points(engine, 1, 2, 3)
    if not engine.capabilities.amends:
        with pytest.raises(Bug):
            engine.hold(plan(engine, "select 9 as id"), "held")
        assert engine.value("select count(*) from points") == 3
        return
    with engine.transaction():
        assert engine.hold(plan(engine, "select id + 2 as id, label || '!' as label from points"), "held.rows") == 3
        assert engine.tables() == ["points"], "what is held is no table"
        assert engine.put("points", plan(engine, """select * from "held.rows" """)) == 3
        assert engine.put("points", plan(engine, "select 9 as id")) == 1
        assert engine.update("points", plan(engine, "select id, label || '?' as label from points where id < 4")) == 3
        same = "select id, case when id = 1 then 'p1?' else label end as label from points"
        assert engine.update("points", plan(engine, same)) == 0, "values that are there already"
        engine.hold(plan(engine, "select 0 as nobody"), "points")
        assert engine.query("select * from points").column_names == ["nobody"], "it stands before a table of its name"
    with suppress(InvalidInput), engine.transaction():
        engine.hold(plan(engine, "select 0 as nobody"), "points")
        raise InvalidInput("What is undone leaves nothing either.")
    assert engine.columns("points")[0][0] == "id"
    for _ in range(9):  # Whichever cursor is asked.
        assert "id" in engine.query("select * from points").column_names
        with pytest.raises(GongbiError):
            engine.value("""select count(*) from "held.rows" """)
    with pytest.raises(Bug):
        engine.hold(plan(engine, "select 9 as id"), "held")
    rows = engine.query("select id, label from points order by id").to_pylist()
    labels = {1: "p1?", 2: "p2?", 3: "p1!?", 4: "p2!", 5: "p3!", 9: None}
    assert {row["id"]: row["label"] for row in rows} == labels
    assert len(rows) == len(labels)
    engine.view("Few", plan(engine, "select * from points where id < 3"))
    assert engine.tables() == ["Few", "points"]
    assert engine.columns("Few") == engine.columns("points")
    engine.delete("points", "id = 1")
    assert ids(engine, "Few") == [2]
    with pytest.raises(GongbiError):
        engine.put("points", plan(engine, "select 1 as nobody"))
    engine.drop("few")
    assert engine.tables() == ["points"]


@on_every_engine()
def test_dropping_what_is_not_there_is_fine(engine: Engine) -> None:
    with_points(engine, 1)
    engine.drop("points")
    engine.drop("points")
    assert engine.tables() == []


@on_every_engine()
def test_unknown_tables_are_unknown_names_and_other_mistakes_are_ours_too(engine: Engine) -> None:
    with_points(engine, 1)
    for call in (
        lambda: engine.columns("pionts"),
        lambda: engine.append("pionts", pa.table({"id": [1]})),
        lambda: engine.insert("pionts", plan(engine, "select 1 as id")),
        lambda: engine.delete("pionts", "true"),
    ):
        with pytest.raises(UnknownName, match="'points'"):
            call()
    for sql in (
        "select * from nowhere",
        "select nothing from points",
        "select from where",
        "select cast(label as int) from points",
        "drop table points",
        "select 1; drop table points",
        "select 1) t; drop table points; select * from (select 1",
        "insert into points values (2, 'x')",
        "create table x (a int)",
        "select '\ud800'",
    ):
        with pytest.raises(GongbiError):
            engine.query(sql)
    assert ids(engine) == [1]


@on_every_engine()
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_names(engine: Engine, name: str) -> None:
    ident = engine.dialect.ident
    engine.create(Table(name, (Column(name, INTEGER), Column("id", INTEGER))))
    engine.append(name, pa.table({name: [1, 2], "id": [1, 2]}))
    assert engine.columns(name) == [(name, pa.int64()), ("id", pa.int64())]
    rows = engine.query(
        Plan().then("t", f"select {ident(name)} from {ident(name)} where id = 1").then("r", "select * from t")
    )
    assert rows.to_pylist() == [{name: 1}]
    assert engine.delete(name, f"{ident(name)} = 1") == 1
    assert engine.insert(name, plan(engine, f"select {ident(name)} from {ident(name)}")) == 1
    assert (
        engine.build(
            Plan().then(name, f"select {ident(name)} from {ident(name)}").then("r", f"select * from {ident(name)}"),
            name,
        )
        == 2
    )
    engine.rename(name, "plain")
    assert engine.tables() == ["plain"]


@on_every_engine()
def test_literals_are_read_back_exactly(engine: Engine) -> None:
    values = [
        *(
            "it's",
            "\\",
            "\\'",
            "a\\nb",
            "\n\r\t",
            "中文😀",
            "${env:HOME}",
            "%_\\%",
            "\\u0041",
            '"',
            "`",
            "--",
            ":p ?",
            "",
        ),
        *("/* */", "{x}", "\\0", "\x01\x1a\u2028", "''", "e\u0301"),
        *(2**63 - 1, -(2**63), 0, True, False, None, 1.7976931348623157e308, 5e-324, float("inf")),
        *(Decimal("-1.23"), Decimal("123456789012345678901234567890.12345678"), date(1, 1, 1), date(9999, 12, 31)),
    ]
    select = ", ".join(f"{engine.dialect.literal(value)} as c{i}" for i, value in enumerate(values))
    (row,) = engine.query(f"select {select}").to_pylist()
    assert list(row.values()) == values
    instant = datetime(1999, 12, 31, 23, 59, 59, 123456, tzinfo=UTC)
    (row,) = engine.query(f"select {engine.dialect.literal(instant)} as ts").to_pylist()
    assert row == {"ts": instant.replace(tzinfo=None)}


@on_every_engine()
def test_steps_read_the_steps_before_them_and_may_take_the_name_of_a_table(engine: Engine) -> None:
    with_points(engine, 1, 2, 3)
    work = (
        Plan()
        .then("points", "select id from points where id > 1", materialize=True)
        .then("第二", "select id * 2 as id from points", materialize=True)
        .then("joined", f"select id from points union all select id from {engine.dialect.ident('第二')}")
        .then("result", "select sum(id) as total, count(*) as n from joined")
    )
    for _ in range(2):
        assert engine.query(work).to_pylist() == [{"total": 15, "n": 4}]
    assert engine.build(work, "totals") == 1
    assert ids(engine) == [1, 2, 3]
    assert engine.tables() == ["points", "totals"]
    assert "points" in engine.explain(work)


@on_every_engine()
def test_a_failing_plan_leaves_no_step_behind(engine: Engine) -> None:
    with_points(engine, 1)
    broken = Plan().then("s", "select id from points", materialize=True).then("r", "select nothing from s")
    with pytest.raises(GongbiError):
        engine.query(broken)
    with pytest.raises(GongbiError):
        engine.query("select * from s")


@on_every_engine()
def test_inputs_are_read_by_name_twice_even_readers_and_are_gone_afterwards(engine: Engine) -> None:
    with_points(engine, 1, 2, 3)
    wanted = pa.table({"id": pa.array([2, 3], pa.int32()), "名": pa.array(["b", "c"]).dictionary_encode()})
    twice = (
        Plan()
        .then("a", "select id from wanted", materialize=True)
        .then("r", "select points.id from points join a using (id) join wanted using (id) order by points.id")
    )
    assert engine.query(twice, inputs={"wanted": wanted.to_reader()}).column("id").to_pylist() == [2, 3]
    assert engine.build(twice, "found", inputs={"wanted": wanted}) == 2
    shadow = pa.table({"id": [99]})
    assert engine.query("select id from points", inputs={"points": shadow}).to_pylist() == [{"id": 99}]
    assert engine.insert("points", plan(engine, "select id from points"), inputs={"points": shadow}) == 1
    assert ids(engine) == [1, 2, 3, 99]
    with pytest.raises(GongbiError):
        engine.query("select * from wanted")


@on_every_engine()
def test_a_transaction_that_raises_changes_nothing(engine: Engine) -> None:
    with_points(engine, 1)
    with_points(engine, 5, table="other")

    def changes() -> None:
        engine.append("points", pa.table({"id": [2]}))
        engine.delete("points", "id = 1")
        engine.rename("other", "renamed")
        engine.build(plan(engine, "select id from points"), "built")
        assert ids(engine) == [2]
        assert engine.tables() == ["built", "points", "renamed"]

    def changes_and_fails() -> None:
        with engine.transaction():
            changes()
            _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        changes_and_fails()
    assert engine.tables() == ["other", "points"]
    assert ids(engine) == [1]
    with engine.transaction(), engine.transaction():
        changes()
    assert engine.tables() == ["built", "points", "renamed"]
    assert ids(engine) == [2]


@on_every_engine()
def test_a_transaction_that_swallowed_an_error_is_not_published(engine: Engine) -> None:
    with_points(engine, 1)

    def swallows() -> None:
        with engine.transaction():
            engine.append("points", pa.table({"id": [2]}))
            with pytest.raises(InvalidInput):
                engine.query("select cast(label as int) from points")

    with pytest.raises(EngineFailure, match="nothing was changed"):
        swallows()
    assert ids(engine) == [1]


@on_every_engine()
def test_a_reader_in_another_thread_sees_the_old_rows_until_commit(engine: Engine) -> None:
    with_points(engine, 1)
    seen: list[list[int]] = []
    with engine.transaction():
        engine.append("points", pa.table({"id": [2]}))
        engine.build(plan(engine, "select 1 as id"), "fresh")
        reader = threading.Thread(target=lambda: seen.append(ids(engine)))
        reader.start()
        reader.join()
        assert ids(engine) == [1, 2]
    assert seen == [[1]]
    assert engine.tables() == ["fresh", "points"]


@on_every_engine()
def test_appends_from_several_threads_all_arrive(engine: Engine) -> None:
    engine.create(POINTS)
    failed: list[BaseException] = []

    def work(start: int) -> None:
        try:
            for i in range(3):
                engine.append("points", pa.table({"id": [start + i]}))
        except BaseException as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=work, args=(10 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert ids(engine) == sorted(10 * n + i for n in range(4) for i in range(3))


@on_every_engine()
def test_of_two_rewrites_of_one_table_at_once_only_one_is_published(engine: Engine) -> None:
    with_points(engine, 1, 2)
    inside, go_on = threading.Event(), threading.Event()
    outcome: list[object] = []

    def slow() -> None:
        try:
            with engine.transaction():
                engine.delete("points", "id = 1")
                inside.set()
                go_on.wait(30)
            outcome.append("done")
        except EngineFailure as error:
            outcome.append(error)

    thread = threading.Thread(target=slow)
    thread.start()
    inside.wait(30)
    other = "done"
    try:
        engine.delete("points", "id <= 2")
    except EngineFailure:
        other = "refused"
    go_on.set()
    thread.join()
    assert (outcome == ["done"]) != (other == "done")
    assert ids(engine) == ([2] if other == "refused" else [])


@on_every_engine()
def test_a_running_query_is_stopped_from_another_thread(engine: Engine) -> None:
    assert engine.capabilities.cancels
    with_points(engine, *range(40))
    with engine.cancellable() as stop:
        threading.Timer(0.7, stop).start()
        started = time.monotonic()
        with pytest.raises(Cancelled):
            engine.build(plan(engine, heavy(engine)), "points")
        assert time.monotonic() - started < 30
        with pytest.raises(Cancelled):
            engine.query("select 1 as one")
    stop()
    assert engine.query("select count(*) as n from points").to_pylist() == [{"n": 40}]


@on_every_engine()
def test_stopping_before_the_call_stops_it_and_nested_blocks_are_one(engine: Engine) -> None:
    with engine.cancellable(), engine.cancellable() as stop:
        stop()
        with pytest.raises(Cancelled):
            engine.query("select 1 as one")
    assert engine.query("select 1 as one").num_rows == 1


@on_every_engine()
def test_a_closed_engine_says_so(engine: Engine) -> None:
    engine.close()
    engine.close()
    with pytest.raises(GongbiError, match="closed"):
        engine.tables()
