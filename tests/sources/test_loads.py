"""Loads: once, replaced, superseded, undone, stopped, killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gongbi.engine.duckdb import DuckDBEngine
from gongbi.errors import Cancelled, Refused
from gongbi.sources.ledger import repair

from .conftest import NOW, SALES, SUBJECTS, Shop, sale


def amounts(shop: Shop) -> dict[int, Decimal]:
    return dict(shop.rows("select receipt, amount from fact_sale"))  # type: ignore[arg-type]


def test_the_same_content_adds_nothing_and_says_so(shop: Shop) -> None:
    before = amounts(shop)
    report = shop.ingest()
    assert {load.outcome for load in report.loads} == {"unchanged"}
    assert report.changed is False
    os.utime(shop.root / "sales.csv")  # touched, not changed
    assert shop.ingest().changed is False
    assert amounts(shop) == before


def test_a_row_that_comes_again_word_for_word_is_counted_once(shop: Shop) -> None:
    shop.write("sales.csv", [sale(1), sale(1), sale(2), sale(1)])
    load = shop.one()
    assert (load.read, load.good, load.repeated, dict(load.rejected)) == (4, 2, 2, {})


def test_other_content_under_a_path_replaces_its_rows(shop: Shop) -> None:
    shop.write("sales.csv", [sale(1, amount="5.00"), sale(2)])
    load = shop.one()
    assert load.replaced == 1
    assert amounts(shop) == {1: Decimal(5), 2: Decimal(1)}
    assert [row.status for row in shop.loads.list() if row.path == "sales.csv"] == ["loaded", "replaced"]


@pytest.mark.slow_on_spark
def test_across_files_the_last_load_wins_and_undo_brings_the_others_back(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop(SUBJECTS, SALES)
    loads = []
    for i in (1, 2, 3):
        shop.write(f"sales{i}.csv", [sale(1, amount=f"{i}.00"), sale(10 + i)])
        loads.append(shop.one())
    assert [load.superseded for load in loads] == [0, 1, 1]
    assert amounts(shop)[1] == 3
    shop.undo(loads[1].load)
    assert amounts(shop) == {1: Decimal(3), 11: Decimal(1), 13: Decimal(1)}
    shop.undo(loads[2].load)
    assert amounts(shop) == {1: Decimal(1), 11: Decimal(1)}
    assert shop.rows("select count(*) from superseded_fact_sale") == [(0,)]


def test_undoing_a_replacement_brings_the_old_content_back(shop: Shop) -> None:
    before = amounts(shop)
    shop.write("sales.csv", [sale(8)])
    load = shop.one()
    undone = shop.undo(load.load)
    assert amounts(shop) == before
    assert undone.restored == tuple(
        row.id for row in shop.loads.list() if row.path == "sales.csv" and row.id != load.load
    )
    assert shop.loads.get(load.load).status == "undone"
    # What somebody took out by hand does not come back by itself.
    assert [r.outcome for r in shop.ingest().loads if r.path == "sales.csv"] == ["undone"]
    assert amounts(shop) == before
    assert shop.one(again=True).good == 1
    assert list(amounts(shop)) == [8]


def test_only_an_active_load_can_be_undone(shop: Shop) -> None:
    first = next(row.id for row in shop.loads.list() if row.path == "sales.csv")
    shop.write("sales.csv", [sale(8)])
    second = shop.one().load
    with pytest.raises(Refused, match=f"replaced by load {second}"):
        shop.undo(first)


def test_members_follow_the_rows(shop: Shop) -> None:
    shop.write("sales2.csv", [sale(1, card=55)])
    load = shop.one()
    known = dict(shop.rows("select id, known_from from member_customer"))  # type: ignore[arg-type]
    # 10:00 in Shanghai is 02:00 UTC.
    assert {str(at) for at in known.values()} == {"2024-03-01 02:00:00"}
    assert set(known) == {1, 55}
    assert dict(shop.rows("select id, known_from from member_product")) == {1: None, 2: None}  # type: ignore[arg-type]
    shop.undo(load.load)
    assert shop.rows("select id from member_customer") == [(1,)]
    assert shop.rows("select value from identifier") == [("1",)]


def test_stopping_between_chunks_leaves_nothing_half_loaded(shop: Shop) -> None:
    before = amounts(shop)
    shop.write("sales2.csv", [sale(i) for i in range(10, 200_000)])
    asked = iter(range(1000))
    with pytest.raises(Cancelled):
        shop.ingest(rows_per_chunk=50_000, cancelled=lambda: next(asked) > 9)
    assert amounts(shop) == before
    assert shop.loads.list()[0].status == "failed"
    assert shop.one().good == 199_990


def test_a_crash_between_engine_and_record_is_repaired(shop: Shop) -> None:
    shop.write("sales2.csv", [sale(5)])

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    finish, fail = shop.loads.finish, shop.loads.fail
    shop.loads.finish = shop.loads.fail = die
    with pytest.raises(KeyboardInterrupt):
        shop.ingest()
    shop.loads.finish, shop.loads.fail = finish, fail
    assert shop.loads.list()[0].status == "loading"
    assert repair(shop.engine, shop.loads, NOW) != []
    assert shop.loads.list()[0].status == "loaded"
    assert repair(shop.engine, shop.loads, NOW) == []
    shop.ingest()
    assert set(amounts(shop)) == {0, 5}


CHILD = """
import sys
from pathlib import Path
from gongbi.engine.duckdb import DuckDBEngine
sys.path.insert(0, {tests!r})
from sources_conftest import Shop, SUBJECTS, SALES
shop = Shop(Path({root!r}), DuckDBEngine(Path({root!r}) / "w.duckdb", threads=1), SUBJECTS, SALES)
def progress(stage, done, total):
    if done > 50_000:
        print("half", flush=True)
shop.ingest(rows_per_chunk=50_000, progress=progress)
"""


def test_a_process_killed_in_the_middle_of_a_load_leaves_the_last_good_state(tmp_path: Path) -> None:
    def opened() -> Shop:
        return Shop(tmp_path, DuckDBEngine(tmp_path / "w.duckdb", threads=1), SUBJECTS, SALES)

    shop = opened()
    shop.write("sales1.csv", [sale(1)])
    shop.ingest()
    shop.engine.close()
    shop.write("sales2.csv", [sale(i) for i in range(10, 400_000)])
    code = textwrap.dedent(CHILD).format(tests=str(tmp_path), root=str(tmp_path))
    (tmp_path / "sources_conftest.py").write_text((Path(__file__).parent / "conftest.py").read_text())
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline().strip() == "half"
        time.sleep(0.05)
        child.send_signal(signal.SIGKILL)
    shop = opened()
    assert amounts(shop) == {1: Decimal(1)}
    assert shop.rows("select count(*) from rejects") == [(0,)]
    shop.loads.start("sales", "sales1.csv")  # the fake record forgets; ids go on
    assert shop.one().good == 399_990
    shop.engine.close()


# -- the law: any history gives what loading the remaining loads in order gives

FILES = ("salesA.csv", "salesB.csv", "salesC.csv")
steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("load"), st.sampled_from(FILES), st.dictionaries(st.integers(1, 4), st.integers(1, 9), min_size=1)
        ),
        st.tuples(st.just("undo"), st.integers(0, 5), st.none()),
    ),
    min_size=1,
    max_size=9,
)


class Model:
    """Loads in plain Python: (id, path, rows), and those that were undone."""

    def __init__(self) -> None:
        self.history: list[tuple[int, str, dict[int, int]]] = []

    def active(self) -> list[tuple[int, str, dict[int, int]]]:
        newest = {path: load for load, path, _ in self.history}
        return [entry for entry in self.history if newest[entry[1]] == entry[0]]

    def live(self) -> dict[int, int]:
        found: dict[int, int] = {}
        for _, _, rows in self.active():
            found |= rows
        return found


@settings(max_examples=10, suppress_health_check=list(HealthCheck))
@given(steps)
def test_any_history_of_loads_and_undos_gives_what_the_remaining_loads_give(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[str, object, dict[int, int] | None]]
) -> None:
    shop = Shop(tmp_path_factory.mktemp("law"), DuckDBEngine(None, threads=1), SUBJECTS, SALES)
    model = Model()
    shop.ingest()
    try:
        for verb, where, rows in history:
            if verb == "load":
                assert rows is not None
                path = str(where)
                shop.write(path, [sale(key, amount=f"{value}.00") for key, value in rows.items()])
                report = next(r for r in shop.ingest(again=True).loads if r.path == path)
                if report.outcome == "loaded":
                    model.history.append((report.load or 0, path, rows))
            elif model.active():
                active = model.active()
                load, path, _ = active[int(str(where)) % len(active)]
                shop.undo(load)
                (shop.root / path).unlink(missing_ok=True)  # else the next ingest would bring it again
                model.history = [entry for entry in model.history if entry[0] != load]
            assert {k: int(v) for k, v in amounts(shop).items()} == model.live()
            kept = shop.rows("select count(*) from superseded_fact_sale")[0][0] + len(model.live())
            assert kept == sum(len(rows) for _, _, rows in model.history)
    finally:
        shop.engine.close()


def test_progress_tells_stage_and_rows(shop: Shop) -> None:
    shop.write("products.csv", ["1,茶"], header="product,name")
    shop.write("sales.csv", [sale(1), sale(2)])
    seen: list[tuple[str, int, int | None]] = []
    shop.ingest(progress=lambda *told: seen.append(told))
    assert ("products", 1, None) in seen
    assert ("sales", 2, None) in seen


def test_several_sources_may_fill_one_fact(shop: Shop) -> None:
    shop.define(SALES.replace("source: sales", "source: online").replace("sales*.csv", "online.csv"))
    shop.write("sales.csv", [sale(1)])
    shop.write("online.csv", [sale(1, amount="4.00"), sale(2)])
    assert shop.ingest().facts == {"sale": 2}
    assert amounts(shop)[1] == 4


def test_an_error_of_the_record_hides_not_the_one_that_ended_a_load(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    def locked(*_: object) -> None:
        raise TimeoutError("the record is locked")

    monkeypatch.setattr("gongbi.sources.load.settle_load", full)
    monkeypatch.setattr(shop.loads, "fail", locked)
    shop.write("sales.csv", [sale(1)])
    with pytest.raises(OSError, match="no space left") as error:
        shop.ingest()
    assert error.value.__notes__ == ["That load 3 failed could not be put on record: the record is locked"]
    assert shop.rows("select receipt from fact_sale") == [(0,)]


def test_a_file_that_is_gone_is_told_and_its_rows_stay(shop: Shop) -> None:
    shop.write("sales_2.csv", [sale(9)])
    load = shop.one().load
    assert shop.ingest().lost == ()
    (shop.root / "sales_2.csv").unlink()
    assert shop.ingest().lost == ({"source": "sales", "path": "sales_2.csv", "load": load},)
    assert shop.ingest(only=["products"]).lost == ()
    assert shop.rows("select receipt from fact_sale order by receipt") == [(0,), (9,)]
    shop.undo(load)
    assert shop.ingest().lost == ()
