"""Answers to price become tags: sales held to a plain reading, elasticities to those that the sales were made with."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import shop
from test_promotion import Ports

from gongbi.catalog.catalog import Catalog, assemble
from gongbi.catalog.yaml import read_text
from gongbi.core.compiler import Request, Stored, compile_members
from gongbi.core.language import check_condition
from gongbi.engine import Engine
from gongbi.errors import GongbiError, InvalidInput
from gongbi.estimators.price import PriceElasticity
from gongbi.estimators.pricing import best_price
from gongbi.models import sales
from gongbi.models.reading import Work
from gongbi.models.run import learn, write_scores
from gongbi.services import cards, models, promotion
from gongbi.store import Store
from gongbi.translation import in_language

DEFINITIONS = """
subject: customer
key: integer
---
source: sales
from: {file: sales.csv}
fact: sale
key: [n]
time: {column: at}
subjects: {customer: customer}
columns: {amount: {type: money, currency: USD}, pieces: integer, sku: text, store: text, deal: boolean, paid: double}
---
source: people
from: {file: people.csv}
attributes: customer
key: [customer]
id: customer
columns: {home: text, income: text}
---
tag: home
name: {zh: 住处, en: Home}
expr: customer.home
---
tag: purse
expr: customer.income
---
tag: buys.often
expr: count(sale)
---
tag: buys.mean
expr: avg(sale.amount)
---
model: prices
name: {zh: 价格反应, en: Answers to price}
estimator: price
fact: sale
price: sale.amount / sale.pieces
quantity: pieces
product: sku
unit: store
controls: [deal, weekday(sale.ts)]
groups: [home]
cost: paid
margin: 0.2
most_change: 0.1
holdout_days: 56
"""
SLOPES = {"apple": -3.0, "pear": -1.5, "plum": 0.9, "fig": -2.0}
ZONE = ZoneInfo(shop.ZONE)
LAST = date(2024, 8, 14)


def _rows(seed: int = 3) -> shop.Rows:
    """Weeks of sales in five stores; the odd customers buy apples, the even pears, and everybody plums."""
    rng = np.random.default_rng(seed)
    found: list[dict[str, Any]] = []
    for week in range(33):
        for i, store in enumerate("abcde"):
            for sku, slope in SLOPES.items():
                # Figs are sold in three weeks only.
                if sku == "fig" and week % 11:
                    continue
                deal = bool(rng.random() < 0.3)
                price = np.exp(0.7 + rng.normal(0, 0.18)) * (0.85 if deal else 1)
                left = round(np.exp(3.3 + 0.2 * i + slope * np.log(price / 2) + 0.4 * deal + rng.normal(0, 0.15)))
                while left > 0:
                    pieces = min(left, int(rng.integers(1, 9)))
                    who = int(rng.integers(1, 41)) * 2 - (sku == "apple" or (sku != "pear" and rng.random() < 0.5))
                    at = shop.BEGIN + timedelta(days=7 * week + float(rng.uniform(0, 7)))
                    amount = Decimal(max(1, round(100 * price * pieces))) / 100
                    found.append(
                        {"ts": at, "customer": who, "amount": amount, "pieces": pieces, "sku": sku, "store": store,
                         "deal": deal if rng.random() < 0.95 else None, "paid": 0.9 if sku == "apple" else 1.9}
                    )  # fmt: skip
                    left -= pieces
    sold = [row for row in found if row["ts"] < shop.END]
    # Without a price, without pieces, without a product.
    sold += [
        {**sold[0], "amount": Decimal(0)}, {**sold[1], "pieces": 0}, {**sold[2], "sku": None}
    ]  # fmt: skip
    people = [{"customer": n, "id": n, "home": "town" if n % 4 < 2 else "land", "income": "low"} for n in range(1, 81)]
    return {"sales": sold, "people": people}


ROWS = _rows()


def definitions(old: str = "", new: str = "") -> Catalog:
    assert old in DEFINITIONS
    return assemble(read_text(DEFINITIONS.replace(old, new) if old else DEFINITIONS), zone=shop.ZONE)


def local(row: dict[str, Any]) -> date:
    at: datetime = row["ts"].astimezone(ZONE)
    return at.date()


def monday(row: dict[str, Any]) -> date:
    return local(row) - timedelta(days=local(row).weekday())


SOLD = [row for row in ROWS["sales"] if row["amount"] > 0 and row["pieces"] > 0 and row["sku"] is not None]


def loaded(engine: Engine, catalog: Catalog) -> Work:
    shop.load(engine, catalog, ROWS)
    return Work(engine, catalog.model("prices"), catalog, shop.END)


def test_sales_are_taken_together_by_whole_weeks(duckdb_engine: Engine) -> None:
    engine = duckdb_engine
    work = loaded(engine, definitions())
    asked = sales.plans(work.model, work.catalog, engine.dialect, shop.END)
    found = {(r["product"], r["unit"], r["week"]): r for r in engine.query(asked["sales"]).to_pylist()}
    cells: dict[tuple[str, str, date], list[dict[str, Any]]] = defaultdict(list)
    for row in SOLD:
        # The week of the 12th of August is not over.
        if monday(row) < date(2024, 8, 12):
            cells[row["sku"], row["store"], monday(row)].append(row)
    assert sum(key[0] == "fig" for key in cells) < 20
    many = [key for key in cells if key[0] != "fig"]
    assert sorted(found) == sorted(many)
    for key in many:
        rows, told = cells[key], found[key]
        pieces = sum(row["pieces"] for row in rows)
        assert told["quantity"] == pieces
        assert told["price"] == pytest.approx(float(sum(row["amount"] for row in rows)) / pieces)
        assert told["c0"] == pytest.approx(sum(row["deal"] is True for row in rows) / len(rows))
        assert told["c1"] == pytest.approx(np.mean([local(row).isoweekday() for row in rows]))
        assert told["cost"] == pytest.approx(rows[0]["paid"])
    (counted,) = engine.query(asked["counted"]).to_pylist()
    assert (counted["n_rows"], counted["n_used"], counted["products"]) == (len(SOLD) + 3, len(SOLD), 4)
    assert counted["spend"] == pytest.approx(float(sum(r["amount"] for rows in cells.values() for r in rows)))
    homes = {row["id"]: row["home"] for row in ROWS["people"]}
    town = sum(row["pieces"] for row in SOLD if monday(row) < date(2024, 8, 12) and homes[row["customer"]] == "town")
    grouped = engine.query(asked["by_group"]).to_pylist()
    assert sum(row["quantity"] for row in grouped if row["grp"] == "town") == pytest.approx(town)


def test_members_have_the_answers_of_what_they_buy_and_the_share_bought_on_offer(duckdb_engine: Engine) -> None:
    engine = duckdb_engine
    work = loaded(engine, definitions("groups: [home]\n", ""))
    model = {"apple": -2.5, "pear": -1.25, "plum": 0.5}
    artifact = {
        "format": 1,
        "model": _artifact(model),
        "bounds": [-2.0, -1.0],
        "asked": [],
    }
    assert write_scores(work, artifact)[0] == 80
    found = {row["id"]: row for row in engine.query("select * from model_prices").to_pylist()}
    weekly: dict[tuple[str, str], dict[date, list[float]]] = defaultdict(lambda: defaultdict(lambda: [0.0, 0.0]))
    lately = [row for row in SOLD if local(row) > LAST - timedelta(days=182)]
    for row in lately:
        both = weekly[row["sku"], row["store"]][monday(row)]
        both[0], both[1] = both[0] + float(row["amount"]), both[1] + row["pieces"]
    usual = {key: median(a / n for a, n in weeks.values()) for key, weeks in weekly.items() if len(weeks) >= 8}
    assert {sku for sku, _ in usual} == model.keys()
    for who, told in found.items():
        bought = [row for row in SOLD if row["customer"] == who]
        paid = [(float(row["amount"]), model[row["sku"]]) for row in bought if row["sku"] in model]
        wanted = sum(a * e for a, e in paid) / sum(a for a, _ in paid)
        assert told["sensitivity"] == pytest.approx(wanted, abs=1e-6)
        assert told["level"] == ("high" if wanted < -2 else "low" if wanted > -1 else "usual")
        mine = [row for row in lately if row["customer"] == who and (row["sku"], row["store"]) in usual]
        cheap = [r for r in mine if float(r["amount"]) / r["pieces"] <= 0.95 * usual[r["sku"], r["store"]]]
        assert told["on_offer"] == pytest.approx(sum(r["pieces"] for r in cheap) / sum(r["pieces"] for r in mine))
    assert {row["level"] for row in found.values()} == {"low", "usual", "high"}


def _artifact(elasticity: dict[str, float]) -> dict[str, Any]:
    """A kept model with elasticities of our own."""
    rng = np.random.default_rng(1)
    price = np.exp(rng.normal(0, 0.2, 120))
    names = np.repeat(list(elasticity), 40)
    fitted = PriceElasticity().fit(np.exp(rng.normal(0, 0.1, 120)) / price, price, names)
    fitted.elasticity_ = np.array([[elasticity[name]] for name in fitted.products_])
    found: dict[str, Any] = json.loads(json.dumps(fitted.to_json()))
    return found


def trained(folder: Path, registry: Store, engine: Engine, catalog: Catalog | None = None) -> Ports:
    catalog = catalog or definitions()
    shop.load(engine, catalog, ROWS)
    return Ports(folder, engine, registry, catalog)


def test_elasticities_are_those_of_the_sales_and_the_card_says_so(
    tmp_path: Path, registry: Store, duckdb_engine: Engine
) -> None:
    ports = trained(tmp_path, registry, duckdb_engine)
    (done,) = models.train(ports)
    assert (done["status"], done["promoted"], done["scored"]) == ("trained", True, 80), done
    made = models.model_card(ports, "prices")
    assert made["unfair"] == dict.fromkeys(made["tags"], "willingness to pay")
    metrics = made["metrics"]
    found = {one["product"]: one for one in metrics["products"]}
    assert found.keys() == {"apple", "pear", "plum"}
    for sku in found:
        assert found[sku]["low"] - 0.05 <= SLOPES[sku] <= found[sku]["high"] + 0.05, found[sku]
    # Dearer plums sell better: that is told, and no price is made from it.
    assert found["plum"]["elasticity"] > 0.5
    assert "plum" in metrics["sentence"]["en"]
    assert "越贵卖得越多（plum）" in metrics["sentence"]["zh"]
    best = {one["product"]: one for one in metrics["best"]}
    assert best["plum"]["why"] == "no answer"
    # What apples cost leaves room: the largest change binds. Pears are kept up by the least margin.
    apple, pear = best["apple"], best["pear"]
    limits = {"margin_floor": 0.2, "most_change": 0.1}
    assert apple["best"] == best_price(found["apple"]["elasticity"], 0.9, apple["price"], **limits).price
    assert (apple["bound"], pear["bound"]) == ("change", "margin floor")
    assert pear["best"] == pytest.approx(1.9 / 0.8)
    # A deal adds 0.4 to the logarithm.
    deal = next(one for one in metrics["sections"] if "promotion" in str(one.get("title")))["rows"][0]
    assert deal[2] == pytest.approx(np.expm1(0.4), abs=0.12)
    check = metrics["check"]
    assert check["difference"]["high"] < 0
    assert check["drawn"]["en"] == "drawing weeks of products"
    # Town and country answer alike, and are told apart for the eye alone.
    groups = next(one for one in metrics["sections"] if one.get("title", {}).get("en") == "Groups")
    assert groups["columns"][0]["label"] == {"zh": "住处", "en": "Home"}
    town, land = sorted(metrics["groups"], key=lambda one: one["group"], reverse=True)
    assert abs(town["elasticity"] - land["elasticity"]) < 4 * np.hypot(town["error"], land["error"]) + 0.2
    ordered = duckdb_engine.query("select level, sensitivity from model_prices").to_pylist()
    by_level = {name: [r["sensitivity"] for r in ordered if r["level"] == name] for name in ("high", "usual", "low")}
    assert max(by_level["high"]) < min(by_level["usual"]) <= max(by_level["usual"]) < min(by_level["low"])
    assert len(by_level["high"]) == len(by_level["low"]) == 20
    for language, words in (
        ("zh", ("受限于", "最低毛利", "各群的差别")),
        ("en", ("Bound by", "least margin", "one for")),
    ):
        page = tmp_path / f"{language}.html"
        cards.print_model_card(ports, "prices", str(page), language=language)
        assert all(word in page.read_text("utf-8") for word in words)
        assert "<circle" in page.read_text("utf-8")


def test_the_level_is_a_condition_with_an_order(tmp_path: Path, registry: Store, duckdb_engine: Engine) -> None:
    ports = trained(tmp_path, registry, duckdb_engine)
    models.train(ports)
    world = ports.catalog().world
    asked = check_condition("tag.model.prices.level >= 'usual' and tag.model.prices.on_offer > 0.3", world, "customer")
    stored = {f"model.prices.{one}": Stored("model_prices", one) for one in ("level", "on_offer")}
    plan = compile_members(Request("customer", {}, shop.END, stored, where=asked), world, duckdb_engine.dialect)
    found = set(duckdb_engine.query(plan.then("who", "select id from _result"))["id"].to_pylist())
    rows = duckdb_engine.query("select * from model_prices").to_pylist()
    wanted = {row["id"] for row in rows if row["level"] in ("usual", "high") and row["on_offer"] > 0.3}
    assert 0 < len(wanted) < 80
    assert found == wanted


def test_a_version_that_foretells_worse_waits(
    tmp_path: Path, registry: Store, duckdb_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = trained(tmp_path, registry, duckdb_engine)
    models.train(ports, as_of="2024-06-19")
    real = PriceElasticity.fit

    def turned(self: PriceElasticity, quantity: Any, price: Any, product: Any, **rest: Any) -> PriceElasticity:
        return real(self, quantity, 1 / np.asarray(price), product, **rest)

    monkeypatch.setattr(PriceElasticity, "fit", turned)
    (done,) = models.train(ports)
    assert not done["promoted"]
    assert "version 1, which is in use" in done["reason"]["en"]
    first, second = promotion.compare_models(ports, "prices")["versions"]
    assert (first["version"], first["fair"], second["version"], second["fair"]) == (1, True, 2, False)
    assert second["difference"]["low"] > 0
    check = ports.store.models.list(name="prices")[0].metrics["check"]
    assert first["loss"] == pytest.approx(check["champion"]["loss"])


def test_one_worse_than_no_price_does_not_come_into_use(
    tmp_path: Path, registry: Store, duckdb_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = trained(tmp_path, registry, duckdb_engine)
    real = PriceElasticity.predict
    monkeypatch.setattr(
        PriceElasticity,
        "predict",
        lambda self, price, *rest, **more: real(self, 1 / np.asarray(price), *rest, **more),
    )
    (done,) = models.train(ports)
    assert not done["promoted"]
    assert "worse than without any price" in done["reason"]["en"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("product: sku", "product: sale.customer.home || sale.sku", "`product` says who buys.*`groups`"),
        ("product: sku", "product: customer", "`product` says who buys"),
        ("groups: [home]", "groups: [purse]", "purse rests on willingness to pay.*household"),
        ("groups: [home]", "groups: [home, purse]", "names one tag at most"),
        ("groups: [home]", "groups: [buys.mean]", "groups are of few values"),
        ("controls: [deal,", "controls: [store,", "a control is a number or a truth about a row; store is text"),
        ("cost: paid", "cost: store", "`cost` is a number; store is text"),
        ("margin: 0.2", "margin: 1", "`margin` is a share from 0 to below 1, not 1"),
        ("quantity: pieces", "quantity: bits", "No column of sale is called 'bits'"),
        ("estimator: price", "estimator: recurring\npayee: sku", "goes with `estimator: price`"),
    ],
)
def test_a_definition_that_cannot_be_or_is_unfair_is_refused(old: str, new: str, said: str) -> None:
    with pytest.raises(GongbiError, match=r"[mM]odel 'prices'|No column") as caught:
        definitions(old, new)
    told = " ".join(filter(None, (caught.value.message, caught.value.hint)))
    assert all(in_language(text, "zh") != text for text in filter(None, (caught.value.message, caught.value.hint)))
    assert re.search(said, told), told


def test_sales_without_a_price_that_moves_teach_nothing(duckdb_engine: Engine) -> None:
    work = loaded(duckdb_engine, definitions("price: sale.amount / sale.pieces", "price: paid"))
    with pytest.raises(InvalidInput, match="price differs within a unit"):
        learn(work)
    work = loaded(duckdb_engine, definitions("quantity: pieces", "quantity: pieces\nwhere: sku = 'kiwi'"))
    with pytest.raises(InvalidInput, match=r"was sold in 20 whole weeks"):
        learn(work)
