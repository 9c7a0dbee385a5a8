"""What recurs becomes tags: the next payee, day and amount, and the dates are held to what came."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import shop

from gongbi.engine import Engine
from gongbi.errors import InvalidInput
from gongbi.models import plan as plans
from gongbi.services import models
from gongbi.store import Store
from gongbi.testing.engine import on_every_engine

NEEDS = """
model: needs
estimator: recurring
fact: visit
payee: shelf
amount: amount
where: amount > 1
holdout_days: 60
"""


def payments(n: int = 60, seed: int = 3) -> shop.Rows:
    """Everybody pays rent on the 5th and for sport each week, and small change at any time; some stopped in May."""
    rng = np.random.default_rng(seed)
    found: shop.Rows = {"visits": [], "mailings": [], "answers": []}

    def pay(customer: int, day: date, shelf: str, cents: int) -> None:
        at = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(shop.ZONE))
        found["visits"].append({"ts": at, "customer": customer, "amount": Decimal(cents) / 100, "shelf": shelf})

    for customer in range(1, n + 1):
        stopped = customer % 10 == 0
        for month in range(1, 9):
            if not (stopped and month > 5):
                pay(customer, date(2024, month, 5), "rent", 50_000 + 100 * customer)
        for week in range(32):
            if customer % 2 and rng.random() < 0.95:
                pay(customer, date(2024, 1, 3) + timedelta(weeks=week), "sport", 1_200)
        for _ in range(12):
            pay(
                customer,
                date(2024, 1, 1) + timedelta(days=int(rng.integers(0, 226))),
                "cafe",
                int(rng.integers(1, 900)),
            )
    return found


ROWS = payments()


@on_every_engine()
def test_what_may_recur_is_read_per_payee_and_local_day(engine: Engine) -> None:
    catalog = shop.definitions(models=NEEDS)
    shop.load(engine, catalog, ROWS)
    at = shop.END - timedelta(days=40)
    found = engine.query(plans.payments_plan(catalog.model("needs"), catalog, engine.dialect, at)).to_pylist()
    wanted: dict[tuple[int, str, date], Decimal] = defaultdict(Decimal)
    for row in ROWS["visits"]:
        if row["ts"] < at and row["amount"] > 1:
            wanted[row["customer"], row["shelf"], row["ts"].astimezone(ZoneInfo(shop.ZONE)).date()] += row["amount"]
    assert [(row["id"], row["payee"], row["day"]) for row in found] == sorted(wanted)
    assert [row["amount"] for row in found] == pytest.approx([float(wanted[key]) for key in sorted(wanted)])


def test_the_next_payment_is_a_tag_and_the_dates_hold(tmp_path: Path, registry: Store, duckdb_engine: Engine) -> None:
    catalog = shop.definitions(models=NEEDS)
    shop.load(duckdb_engine, catalog, ROWS)
    ports = shop.Ports(tmp_path, duckdb_engine, registry, catalog)
    (done,) = models.train(ports)
    assert (done["status"], done["promoted"]) == ("trained", True), done
    metrics = models.model_card(ports, "needs")["metrics"]
    assert metrics["check"]["came"]["estimate"] > 0.85
    assert metrics["check"]["difference"]["low"] > 0.3
    rows = {row["id"]: row for row in duckdb_engine.query("select * from model_needs").to_pylist()}
    # The end is Wednesday, 14 August: sport, last seen by then, is due within days, rent on 5 September.
    even = rows[2]
    assert (even["payee"], even["rhythm"], even["next"]) == ("rent", "monthly", date(2024, 9, 5))
    assert even["amount"] == pytest.approx(502.0)
    assert even["count"] == 1
    odd = [one for one in range(1, 60, 2) if rows[one]["count"] == 2]
    # Of a dozen small bills a few are alike and evenly apart by chance.
    assert len(odd) > 24
    for one in odd:
        assert (rows[one]["payee"], rows[one]["rhythm"]) == ("sport", "weekly")
        assert rows[one]["next"] <= date(2024, 8, 21)
        assert rows[one]["monthly"] == pytest.approx(500 + one + 12 * 30.44 / 7)
    # Who pays no rent any more has nothing that goes on: absent, not zero.
    assert 10 not in rows


def test_nothing_to_read_is_said(tmp_path: Path, registry: Store, duckdb_engine: Engine) -> None:
    catalog = shop.definitions(models=NEEDS.replace("amount > 1", "amount > 100000"))
    shop.load(duckdb_engine, catalog, ROWS)
    with pytest.raises(InvalidInput, match="nothing recurs"):
        models.train(shop.Ports(tmp_path, duckdb_engine, registry, catalog), "needs")


def test_a_hold_out_as_long_as_the_data_is_refused_with_their_length(
    tmp_path: Path, registry: Store, duckdb_engine: Engine
) -> None:
    catalog = shop.definitions(models=NEEDS.replace("holdout_days: 60", "holdout_days: 400"))
    shop.load(duckdb_engine, catalog, ROWS)
    zone = ZoneInfo(shop.ZONE)
    first = min(row["ts"].astimezone(zone).date() for row in ROWS["visits"] if row["amount"] > 1)
    long = (date(2024, 8, 14) - first).days + 1
    with pytest.raises(InvalidInput, match=f"the data are {long} days long, from {first} to 2024-08-14") as refused:
        models.train(shop.Ports(tmp_path, duckdb_engine, registry, catalog), "needs")
    assert refused.value.hint == f"Give it `holdout_days: {long // 3}` or fewer, or load earlier data."
