"""A made-up bank: as believable as needed, the same every time, and its lists are those of plain SQL."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

import gongbi
from gongbi.cli.app import app
from gongbi.synthetic import draws, write_bank
from gongbi.synthetic.bank import KINDS, TABLES


def ask(folder: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        for name in TABLES:
            connection.execute(f"create view {name} as from '{folder}/{name}/*.parquet'")
        found: list[tuple[object, ...]] = connection.execute(sql).fetchall()
        return found


def digest(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*.parquet")
    }


def test_there_are_exactly_as_many_as_asked_for_the_same_every_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draws, "BLOCK_EVENTS", 2_000)
    for name in "ab":
        rows = write_bank(tmp_path / name, customers=503, events=6_007, seed=5)
    assert (rows["customers"], sum(rows[kind] for kind in KINDS)) == (503, 6_007)
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    ids = " union all ".join(f"select {kind}_id as id from {kind}" for kind in KINDS)
    assert ask(tmp_path / "a", f"select count(distinct id), min(id), max(id) from ({ids})") == [(6_007, 1, 6_007)]
    # Whatever names a customer, an account or a manager names one that there is.
    for kind in KINDS:
        assert ask(tmp_path / "a", f"select count(*) from {kind} anti join customers using (customer_id)") == [(0,)]
    for table in ("payment", "balance", "deposit", "owning"):
        assert ask(tmp_path / "a", f"select count(*) from {table} anti join accounts using (account_id)") == [(0,)]
    assert ask(tmp_path / "a", "select count(*) from managing anti join managers using (manager_id)") == [(0,)]
    assert ask(
        tmp_path / "a", "select count(*) from (select account_id from owning group by 1 having count(*) = 2)"
    ) > [(0,)]
    overlapping = """select count(*) from managing a join managing b using (customer_id)
        where a.since < b.since and coalesce(a.until, date '9999-01-01') > b.since"""
    assert ask(tmp_path / "a", overlapping) == [(0,)]


def test_companies_are_few_and_rich_and_deposits_end_after_they_begin(tmp_path: Path) -> None:
    write_bank(tmp_path / "bank", customers=2_000, events=30_000, seed=1)
    sql = """select count(*) filter (where kind = 'company') / count(*),
                    median(b) filter (where kind = 'company') / median(b) filter (where kind = 'person')
             from customers join (select customer_id, avg(balance)::double as b from balance group by 1)
             using (customer_id)"""
    [(share, ratio)] = ask(tmp_path / "bank", sql)
    assert isinstance(share, float)
    assert isinstance(ratio, float)
    assert 0.06 < share < 0.12
    assert ratio > 5
    assert ask(
        tmp_path / "bank", "select bool_and(maturity > start), bool_or(maturity > date '2025-03-01') from deposit"
    ) == [(True, True)]


def test_the_lists_of_the_bank_are_those_of_plain_sql(tmp_path: Path) -> None:
    to = tmp_path / "bank"
    told = CliRunner().invoke(
        app, ["bench", "data", str(to), "--kind", "bank", "--customers", "400", "--events", "12000", "--seed", "3"]
    )
    assert told.exit_code == 0, told.output
    with gongbi.open(to) as ws:
        assert ws.apply()["warnings"] == []
        ws.ingest()
        as_of = ws.build()["as_of"][:10]
        due = ws.worklist("deposits_due", limit=None)["table"]
        rich = ws.worklist("rich_companies", limit=None)["table"]
        sleeping = ws.segment("segment.sleeping").members()["id"].to_pylist()
        neglected = ws.segment("tag.manager.neglected > 0", subject="manager").members(["tag.manager.neglected"])
        (cast,) = ws.personas("companies", make=True)
        cells = ws.grading("care")["cells"]
        called = ws.call("save_list", name="called", values=["101 0000 0007", "+86 10100000009"], identifier="phone")
        first = ws.segment("segment.called").members(["payment.in_90"])["id"].to_pylist()
        [busiest] = ws.segment("true").members([], order=["count(payment)"], limit=1)["id"].to_pylist()
        year = {one["figure"]: one["value"] for one in ws.yearbook(busiest, 2024)["figures"]}
    # The instant is a local midnight, given in UTC: the day before.
    today = f"(date '{as_of}' + 1)"
    manager = f"""select customer_id, manager_id from managing
        where since < {today} and (until is null or until >= {today})"""
    wanted = ask(
        to / "data",
        f"""select d.customer_id, m.manager_id::varchar, sum(amount)
            from deposit d join ({manager}) m using (customer_id) where start < {today} and maturity >= {today}
            and maturity < {today} + 30 group by all""",
    )
    assert {(row["id"], row["part"], row["到期金额"]) for row in due.to_pylist()} == set(wanted)
    averages = f"""with days as (select unnest(generate_series({today} - 90, {today} - 1, interval 1 day))::date as d),
        ends as (select account_id, d, balance from balance join days on day <= d
                 qualify row_number() over (partition by account_id, d order by day desc, balance) = 1),
        a as (select account_id, avg(balance)::double as mean from ends group by 1)
        select customer_id, sum(mean) as total from owning join a using (account_id) join customers using (customer_id)
        where since < {today} and kind = 'company' group by 1 having total >= 1000000 order by 2 desc"""
    told_rich = [(row["id"], float(row["近90天日均余额"])) for row in rich.to_pylist()]
    assert told_rich
    assert told_rich == [(id_, pytest.approx(total)) for id_, total in ask(to / "data", averages)]
    asleep = f"""with a as (select account_id, max("at") as last from payment
                            where "at" < {today} - interval 8 hour group by 1)
        select customer_id from owning left join a using (account_id) where since < {today} group by 1
        having bool_and(coalesce(last < {today} - interval 8 hour - interval 180 day, false))"""
    assert sorted(sleeping) == sorted(i for (i,) in ask(to / "data", asleep))
    alone = f"""select m.manager_id, count(*) from ({manager}) m left join
        (select customer_id, max("at") as last from contact where reached group by 1) c using (customer_id)
        where last is null or last <= {today} - interval 8 hour - interval 91 day group by 1"""
    assert {(row["id"], row["tag.manager.neglected"]) for row in neglected.to_pylist()} == set(ask(to / "data", alone))
    check_companies(to / "data", today, cast)
    assert (called["matched"], first) == (2, [7, 9])
    in_2024 = "\"at\" >= timestamp '2023-12-31 16:00:00' and \"at\" < timestamp '2024-12-31 16:00:00'"
    [(count, came, went)] = ask(
        to / "data",
        f"""select count(*), sum(amount) filter (where amount > 0), -sum(amount) filter (where amount < 0)
            from payment where customer_id = {busiest} and {in_2024}""",
    )
    assert (year.get("payments"), year.get("money_in"), year.get("money_out")) == (count, came, went)
    saving = f"""select count(distinct customer_id) from deposit
        where start < {today} and (maturity is null or maturity >= {today})"""
    assert [(sum(cell["members"] for cell in cells if cell["type"] == "saver"),)] == ask(to / "data", saving)
    assert sum(cell["members"] for cell in cells) == 400


def check_companies(data: Path, today: str, cast: dict[str, Any]) -> None:
    """The personas of companies share out all companies, and say of each other's figures what plain SQL says."""
    assert [one["key"] for one in cast["personas"]] == ["companies_cash_rich", "companies_saving", "companies_current"]
    [(companies,)] = ask(data, "select count(*) from customers where kind = 'company'")
    assert sum(one["members"] for one in cast["personas"]) == companies
    assert sum(one["share"] for one in cast["personas"]) == pytest.approx(1)
    by_industry = dict(ask(data, "select industry, count(*) from customers where kind = 'company' group by 1"))
    said = [line for one in cast["personas"] for lines in one["fields"].values() for line in lines]
    industries = [line for line in said if line["source"]["tag"] == "company.industry"]
    assert industries
    for line in industries:
        assert line["source"]["base_share"] == pytest.approx(by_industry[line["source"]["label"]] / companies)
    assert all("“企业客户”" in line["zh"] and "“companies”" in line["en"] for line in said)
    saving = f"""select count(distinct customer_id) from deposit join customers using (customer_id)
        where kind = 'company' and start < {today} and maturity >= {today}"""
    with_deposits = next(one for one in cast["personas"] if one["key"] == "companies_saving")
    assert with_deposits["members"] <= ask(data, saving)[0][0]
