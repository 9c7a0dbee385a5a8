"""Best hours become tags: held to a plain reading of who answered when, and newcomers to those of their group."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
import shop

from gongbi.catalog.base import ModelDef
from gongbi.catalog.catalog import Catalog, assemble
from gongbi.catalog.yaml import read_text
from gongbi.engine import Engine
from gongbi.errors import GongbiError, InvalidDefinition, InvalidInput, UnknownName
from gongbi.estimators.sendtime import SendTimeModel
from gongbi.models import sendtime
from gongbi.services import models
from gongbi.store import Store
from gongbi.testing.engine import on_every_engine

DEFINITIONS = """
subject: customer
key: integer
---
source: visits
from: {file: visits.csv}
fact: visit
key: [n]
time: {column: at}
subjects: {customer: customer}
columns: {shelf: text}
---
source: sends
from: {file: sends.csv}
fact: sent
key: [n]
time: {column: at}
subjects: {customer: customer}
columns: {way: text, result: text}
---
tag: home
expr: mode(visit.shelf)
---
model: best
estimator: send_time
name: {zh: 发送时间, en: Send time}
fact: sent
answered: result = 'opened'
channel: way
where: result <> 'bounced'
holdout_days: 30
groups: [home]
channels: [sms, email]
"""
PEOPLE, MESSAGES, NEWCOMERS = 60, 120, (61, 62, 63, 64)
#: What each group answers to: the hour of the day, and the channel.
TASTES = {"north": (9, "sms"), "south": (20, "email")}


def taste(customer: int) -> str:
    return "north" if customer % 2 else "south"


def _rows() -> shop.Rows:
    """Everybody gets messages at any hour by either way, and opens mostly those near the hour of their group."""
    rng = np.random.default_rng(11)
    zone = ZoneInfo(shop.ZONE)
    # One visit each, long before the messages that judge; 64 has none of a known shelf.
    visits = [
        {"ts": shop.BEGIN + timedelta(hours=c), "customer": c, "shelf": taste(c) if c != 64 else "attic"}
        for c in (*range(1, PEOPLE + 1), *NEWCOMERS)
    ]
    sends = []
    for n in range(PEOPLE * MESSAGES):
        customer = 1 + n % PEOPLE
        at = shop.END - timedelta(days=180) + timedelta(minutes=int(rng.integers(0, 180 * 24 * 60)))
        hour, way = TASTES[taste(customer)]
        chosen = "sms" if rng.random() < 0.5 else "email"
        near = abs(at.astimezone(zone).hour - hour) <= 1
        chance = 0.6 if near and chosen == way else 0.05
        result = "bounced" if rng.random() < 0.1 else "opened" if rng.random() < chance else "shown"
        sends.append({"ts": at, "customer": customer, "way": chosen, "result": result})
    return {"visits": visits, "sends": sends}


ROWS = _rows()


def definitions(text: str = DEFINITIONS) -> Catalog:
    return assemble(read_text(text), zone=shop.ZONE)


def week_hour(row: dict[str, Any]) -> int:
    local: datetime = row["ts"].astimezone(ZoneInfo(shop.ZONE))
    return 24 * local.weekday() + local.hour


@on_every_engine()
def test_messages_are_read_with_the_local_hour_and_only_those_that_count(engine: Engine) -> None:
    catalog = definitions()
    shop.load(engine, catalog, ROWS)
    at = shop.END - timedelta(days=100)
    asked = sendtime.plans(catalog.model("best"), catalog, engine.dialect, at, True)
    found = [(r["id"], r["hour"], r["channel"], r["answered"]) for r in engine.query(asked["sent"]).to_pylist()]
    wanted = [
        (row["customer"], week_hour(row), row["way"], row["result"] == "opened")
        for row in ROWS["sends"]
        if row["ts"] < at and row["result"] != "bounced"
    ]
    assert sorted(found) == sorted(wanted)
    groups = {row["id"]: row["home"] for row in engine.query(asked["then"]).to_pylist()}
    assert groups == {row["customer"]: row["shelf"] for row in ROWS["visits"]}


def test_the_best_hour_is_a_tag_and_newcomers_have_their_groups(
    tmp_path: Path, registry: Store, duckdb_engine: Engine
) -> None:
    catalog = definitions()
    shop.load(duckdb_engine, catalog, ROWS)
    ports = shop.Ports(tmp_path, duckdb_engine, registry, catalog)
    (done,) = models.train(ports)
    assert (done["status"], done["promoted"]) == ("trained", True), done
    rows = {row["id"]: row for row in duckdb_engine.query("select * from model_best").to_pylist()}
    assert set(rows) == {*range(1, PEOPLE + 1), *NEWCOMERS}

    # Read plainly: of all hours and ways, those in which the group opened most.
    opened: dict[tuple[str, str, int], list[bool]] = defaultdict(list)
    for row in ROWS["sends"]:
        if row["result"] != "bounced":
            opened[taste(row["customer"]), row["way"], week_hour(row) % 24].append(row["result"] == "opened")
    for group, (hour, way) in TASTES.items():
        rates = {key: np.mean(seen) for key, seen in opened.items() if key[0] == group}
        assert max(rates, key=lambda key: rates[key])[1] == way
        for customer in (c for c in (*range(1, PEOPLE + 1), *NEWCOMERS[:3]) if taste(c) == group):
            found = rows[customer]
            assert found["channel"] == way
            assert abs(found["hour"] - hour) <= 1
            assert 1 <= found["weekday"] <= 7
            assert found["chance"] > 0.25
    assert {rows[c]["basis"] for c in range(1, PEOPLE + 1)} == {"own"}
    assert [rows[c]["basis"] for c in NEWCOMERS] == ["group", "group", "group", "everybody"]
    newcomers = [tuple(rows[c][key] for key in ("weekday", "hour", "channel", "chance")) for c in NEWCOMERS]
    assert newcomers[0] == newcomers[2] != newcomers[1]

    card = models.model_card(ports, "best")
    names = ("weekday", "hour", "channel", "chance", "basis", "sms", "email")
    assert set(card["tags"]) == {f"model.best.{name}" for name in names}
    late = [r for r in ROWS["sends"] if r["ts"] >= shop.END - timedelta(days=30) and r["result"] != "bounced"]
    check = card["metrics"]["check"]
    assert check["messages"] == len(late)
    assert check["gain"]["low"] > 0
    assert check["likeliest"] > 3 * check["others"]
    assert "时段确有作用" in card["metrics"]["sentence"]["zh"]


def fitted_on_all() -> SendTimeModel:
    sends = [row for row in ROWS["sends"] if row["result"] != "bounced"]
    return SendTimeModel().fit(
        [row["customer"] for row in sends],
        [week_hour(row) for row in sends],
        [row["result"] == "opened" for row in sends],
        channels=[row["way"] for row in sends],
        groups=[taste(row["customer"]) for row in sends],
    )


def test_the_chance_of_an_answer_is_a_tag_of_each_channel(
    tmp_path: Path, registry: Store, duckdb_engine: Engine
) -> None:
    catalog = definitions()
    shop.load(duckdb_engine, catalog, ROWS)
    models.train(shop.Ports(tmp_path, duckdb_engine, registry, catalog))
    rows = {row["id"]: row for row in duckdb_engine.query("select * from model_best").to_pylist()}
    plain = fitted_on_all()
    for customer in range(1, PEOPLE + 1):
        found, curve = rows[customer], plain.curve(customer)
        best = dict(zip(plain.channels_.tolist(), curve.max(axis=1).tolist(), strict=True))
        assert (found["by_sms"], found["by_email"]) == pytest.approx((best["sms"], best["email"]), abs=1e-4)
        assert found["chance"] == max(found["by_sms"], found["by_email"])
        assert found["channel"] == ("sms" if found["by_sms"] > found["by_email"] else "email")
    assert rows[61]["by_sms"] == rows[63]["by_sms"] > rows[62]["by_sms"]
    wrong = definitions(DEFINITIONS.replace("channels: [sms, email]", "channels: [sms, mail]"))
    with pytest.raises(InvalidInput, match="through the channel 'mail'"):
        models.train(shop.Ports(tmp_path, duckdb_engine, registry, wrong), "best")


def test_a_share_of_members_is_given_a_drawn_hour_and_the_others_keep_their_best() -> None:
    catalog = definitions(DEFINITIONS.replace("channels:", "explore: 0.2\nchannels:"))
    model, everybody = catalog.model("best"), list(range(1, 3001))
    sends = [row for row in ROWS["sends"] if row["result"] != "bounced"]
    tables = {
        "sent": pa.table(
            {
                "id": [row["customer"] for row in sends],
                "hour": [week_hour(row) for row in sends],
                "answered": [row["result"] == "opened" for row in sends],
                "channel": [row["way"] for row in sends],
            }
        ),
        "now": pa.table({"id": everybody, "home": [taste(one) for one in everybody]}),
    }
    artifact = fitted_on_all().to_json()

    def said(at: datetime, model: ModelDef = model) -> list[dict[str, Any]]:
        return pa.table(sendtime.scores(model, artifact, tables, at)).to_pylist()

    best, tried, again = said(shop.END, replace(model, explore=0.0)), said(shop.END), said(shop.END)
    assert tried == again
    drawn = {row["id"] for row in tried if row["basis"] == "trial"}
    # A share of 0.2 of 3,000, within three standard deviations.
    assert abs(len(drawn) - 600) < 3 * np.sqrt(3000 * 0.2 * 0.8)
    assert [row for row in tried if row["id"] not in drawn] == [row for row in best if row["id"] not in drawn]
    usual = {row["id"]: row for row in best}
    short = [usual[row["id"]]["chance"] - row["chance"] for row in tried if row["id"] in drawn]
    assert min(short) == pytest.approx(0), "no hour is better than the best; the likeliest is drawn often"
    assert sum(one > 0 for one in short) > 0.2 * len(drawn)
    later = {row["id"] for row in said(shop.END + timedelta(days=7)) if row["basis"] == "trial"}
    # Others are tried another time: of two independent fifths a fifth is in both.
    assert abs(len(drawn & later) - 0.2 * len(drawn)) < 4 * np.sqrt(len(drawn) * 0.2 * 0.8)


def test_hours_are_drawn_by_how_likely_they_are_to_be_the_best() -> None:
    kept, times = fitted_on_all(), 3000
    channels, hours, rates = kept.draw_each([1] * times, range(times))
    # Thompson's rule by hand: rates of all hours drawn from the customer's Betas at once.
    successes, failures = kept._posterior(1, None)
    rng = np.random.default_rng(99)
    wanted = np.array([rng.beta(successes, failures).argmax() for _ in range(times)])

    def shares(channel: Any, hour: Any) -> np.ndarray:
        evening = (np.asarray(hour) % 24 >= 7) & (np.asarray(hour) % 24 <= 11)
        return np.bincount(2 * np.asarray(channel) + evening, minlength=4) / times

    found = shares(np.searchsorted(kept.channels_, channels), hours)
    assert found == pytest.approx(shares(wanted // 168, wanted % 168), abs=0.05)
    assert found[3] > 0.5, "sms in the morning is what this customer mostly opens"
    curve = kept.curve(1)
    place = np.searchsorted(kept.channels_, channels)
    assert rates == pytest.approx(curve[place, hours])


def test_what_is_known_of_single_customers_is_not_kept_in_the_model() -> None:
    sends = [row for row in ROWS["sends"] if row["result"] != "bounced"]
    given = {
        "customers": [row["customer"] for row in sends],
        "hours": [week_hour(row) for row in sends],
        "answered": [row["result"] == "opened" for row in sends],
        "channels": [row["way"] for row in sends],
    }
    fitted = SendTimeModel().fit(**given, groups=[taste(row["customer"]) for row in sends])
    kept = SendTimeModel.from_json(fitted.to_json())
    assert kept.curve(1, "north") == pytest.approx(fitted.curve("new", "north"), abs=1e-5)
    kept.remember(**given)
    for customer in (1, 2, 30):
        assert kept.curve(customer, taste(customer)) == pytest.approx(fitted.curve(customer), abs=1e-5)
        assert kept.channel_rates(customer, taste(customer)) == pytest.approx(fitted.channel_rates(customer), abs=1e-5)
    # A way that nobody learned from says nothing.
    lost = kept.remember([1], [9], [True], ["pigeon"])
    assert lost.curve(1, "north") == pytest.approx(fitted.curve("new", "north"), abs=1e-5)


@pytest.mark.parametrize(
    ("old", "new", "error", "match"),
    [
        ("answered: result = 'opened'\n", "", InvalidDefinition, "answered"),
        ("answered: result = 'opened'", "answered: outcome = 1", UnknownName, "outcome"),
        ("channel: way", "channel: road", GongbiError, "road"),
        ("groups: [home]", "groups: [home, home2]", InvalidDefinition, "one tag at most"),
        ("channel: way", "payee: way", InvalidDefinition, "goes with"),
        ("channel: way\n", "", InvalidDefinition, "`channels` goes with `channel`"),
        ("channels: [sms, email]", "channels: [hour]", InvalidDefinition, "something else already"),
        ("channels: [sms, email]", "channels: [e-mail]", InvalidDefinition, "name of a channel"),
        ("channels: [sms, email]", "explore: 1.5", InvalidDefinition, "`explore` is a share"),
    ],
)
def test_what_a_definition_cannot_say_is_refused(old: str, new: str, error: type[Exception], match: str) -> None:
    assert old in DEFINITIONS
    with pytest.raises(error, match=match):
        definitions(DEFINITIONS.replace(old, new))


def test_nothing_sent_is_said(tmp_path: Path, registry: Store, duckdb_engine: Engine) -> None:
    catalog = definitions(DEFINITIONS.replace("where: result <> 'bounced'", "where: result = 'lost'"))
    shop.load(duckdb_engine, catalog, ROWS)
    with pytest.raises(InvalidInput, match="Nothing was sent"):
        models.train(shop.Ports(tmp_path, duckdb_engine, registry, catalog), "best")
    long = definitions(DEFINITIONS.replace("holdout_days: 30", "holdout_days: 365"))
    with pytest.raises(InvalidInput, match="keeps back the last 365 days, but the data are"):
        models.train(shop.Ports(tmp_path, duckdb_engine, registry, long), "best")
