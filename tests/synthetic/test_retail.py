"""Made-up customers: exactly as many as asked for, the same every time, and believable."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from gongbi.errors import InvalidInput
from gongbi.synthetic import draws, retail
from gongbi.synthetic.retail import KINDS, write_retail


def digests(folder: Path) -> dict[str, str]:
    files = sorted(folder.rglob("*.parquet"))
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def ask(folder: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        for name in ("customers", *KINDS):
            connection.execute(f"create view \"{name}\" as from '{folder}/{name}/*.parquet'")
        found: list[tuple[object, ...]] = connection.execute(sql).fetchall()
        return found


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("company")
    write_retail(folder, customers=5_000, events=150_000, seed=7)
    return folder


def test_there_are_exactly_as_many_as_asked_for_in_blocks_of_any_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draws, "BLOCK_EVENTS", 3_000)
    told: list[tuple[int, int]] = []
    rows = write_retail(
        tmp_path, customers=1_003, events=10_007, seed=1, on_rows=lambda done, of: told.append((done, of))
    )
    assert rows["customers"] == 1_003
    assert sum(rows[kind] for kind in KINDS) == 10_007
    assert told[-1] == (10_007, 10_007)
    assert len(told) == 4
    assert ask(tmp_path, "select count(*), count(distinct customer_id), min(customer_id) from customers") == [
        (1_003, 1_003, 1)
    ]
    ids = " union all ".join(f'select {kind}_id as id, customer_id as c from "{kind}"' for kind in KINDS)
    assert ask(tmp_path, f"select count(*), count(distinct id), min(id), max(id), max(c) from ({ids})") == [
        (10_007, 10_007, 1, 10_007, 1_003)
    ]
    assert ask(tmp_path, "select count(distinct phone) from customers") == [(1_003,)]


def test_the_same_numbers_give_the_same_files(tmp_path: Path) -> None:
    for name, seed in [("a", 3), ("b", 3), ("c", 4)]:
        write_retail(tmp_path / name, customers=300, events=4_000, seed=seed)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert set(digests(tmp_path / "a").values()).isdisjoint(digests(tmp_path / "c").values())


def test_few_customers_do_most_and_some_do_nothing(company: Path) -> None:
    [(share, idle)] = ask(
        company,
        """with n as (select c.customer_id, count(o.order_id) as n from customers c
                      left join "order" o using (customer_id) group by all),
                ranked as (select n, row_number() over (order by n desc) as place from n)
           select sum(n) filter (where place <= 1000) / sum(n), count(*) filter (where n = 0) / 5000 from ranked""",
    )
    assert isinstance(share, float)
    assert isinstance(idle, float)
    assert 0.5 < share < 0.9
    assert 0.1 < idle < 0.6


def test_seasons_sales_returns_and_time_are_as_in_a_shop(company: Path) -> None:
    [(sale, quiet, usual, returned, before, promoted_in, promoted_out)] = ask(
        company,
        """with days as (select date_trunc('day', "at")::date as day, count(*) as n,
                                avg(promoted::int) as promoted from "order" group by all)
           select (select avg(n) from days where day between '2024-11-01' and '2024-11-11'),
                  (select avg(n) from days where day between '2024-02-09' and '2024-02-16'),
                  (select avg(n) from days where day between '2024-03-01' and '2024-04-30'),
                  (select avg((amount < 0)::int) from "order"),
                  (select count(*) from "order" o join customers c using (customer_id) where o."at" < c.joined),
                  (select avg(promoted) from days where day between '2024-11-01' and '2024-11-11'),
                  (select avg(promoted) from days where day between '2024-03-01' and '2024-04-30')""",
    )
    assert sale > 1.6 * usual  # type: ignore[operator]
    assert quiet < 0.6 * usual  # type: ignore[operator]
    assert 0.005 < returned < 0.03  # type: ignore[operator]
    assert before == 0
    assert promoted_in > promoted_out + 0.2  # type: ignore[operator]
    assert ask(company, 'select typeof(amount), typeof("at") from "order" limit 1') == [("DECIMAL(18,2)", "TIMESTAMP")]
    assert ask(company, 'select count(*) from "order" where (amount < 0) <> (quantity < 0)') == [(0,)]


def test_customers_leave_and_new_ones_come(company: Path) -> None:
    [(early, late, both)] = ask(
        company,
        """with a as (select distinct customer_id from "order" where "at" < '2023-07-01'),
                b as (select distinct customer_id from "order" where "at" >= '2024-07-01')
           select (select count(*) from a), (select count(*) from b),
                  (select count(*) from a join b using (customer_id))""",
    )
    assert 0 < both < 0.8 * early  # type: ignore[operator]
    assert late > both  # type: ignore[operator]


@pytest.mark.parametrize(("customers", "events", "seed"), [(0, 1, 0), (1, -1, 0), (1, 1, -1)])
def test_impossible_companies_are_refused(tmp_path: Path, customers: int, events: int, seed: int) -> None:
    with pytest.raises(InvalidInput, match="at least 1 customer"):
        write_retail(tmp_path, customers=customers, events=events, seed=seed)


def test_nothing_is_written_over(company: Path) -> None:
    with pytest.raises(InvalidInput, match="is there already"):
        write_retail(company, customers=1, events=1)


def test_a_company_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    to, block = tmp_path / "company", retail._block

    def stopped(rng: np.random.Generator, first: int, *places: int) -> Mapping[str, pa.Table]:
        if first:
            raise KeyboardInterrupt
        return block(rng, first, *places)

    with monkeypatch.context() as patch:
        patch.setattr(draws, "BLOCK_EVENTS", 300)
        patch.setattr(retail, "_block", stopped)
        with pytest.raises(KeyboardInterrupt):
            write_retail(to, customers=100, events=1_000)
    assert list(tmp_path.iterdir()) == []
    # What a process left that was killed.
    (tmp_path / ".company.partial/customers").mkdir(parents=True)
    (tmp_path / ".company.partial/customers/00009.parquet").write_bytes(b"half")
    write_retail(to, customers=100, events=1_000)
    assert list(tmp_path.iterdir()) == [to]
    assert ask(to, "select count(*) from customers") == [(100,)]


def test_phone_numbers_are_nobodys(company: Path) -> None:
    numbers = "select count(distinct phone), bool_and(regexp_full_match(phone, '100[0-9]{8}')) from customers"
    assert ask(company, numbers) == [(5_000, True)]


def test_a_company_without_events_has_customers(tmp_path: Path) -> None:
    assert write_retail(tmp_path, customers=10, events=0)["customers"] == 10
    assert ask(tmp_path, 'select count(*) from "order"') == [(0,)]
