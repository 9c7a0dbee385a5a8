"""The card of a model as a page to print: every figure that it shows is one of the registry's, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import pytest
import shop

from gongbi.engine import Engine
from gongbi.errors import InvalidInput, NotYet, UnknownName
from gongbi.models import propensity
from gongbi.models.limits import limits
from gongbi.services import cards, models
from gongbi.store import Store

MODELS = """
model: returns
name: {zh: 会再来, en: Comes again}
estimator: propensity
target: exists(visit) filter (where ahead(30, 'day'))
groups: [visits.recent]
cohorts: 1
---
model: worth
estimator: purchases
fact: visit
amount: amount
horizon_days: 30
holdout_days: 30
---
model: life
estimator: stages
fact: visit
amount: amount
period_days: 28
horizon_days: 28
"""


@pytest.fixture
def ports(tmp_path: Path, registry: Store, duckdb_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> shop.Ports:
    monkeypatch.setattr(propensity, "SETTINGS", {"usual": {"trees": 40, "learning_rate": 0.1}})
    catalog = shop.definitions(models=MODELS)
    shop.load(duckdb_engine, catalog, shop.shop(300))
    found = shop.Ports(tmp_path, duckdb_engine, registry, catalog)
    found.actor = "Li Na"
    return found


def test_a_card_is_written_in_both_languages_with_the_figures_on_record(ports: shop.Ports, tmp_path: Path) -> None:
    with pytest.raises(NotYet, match="not trained"):
        cards.print_model_card(ports, "returns", str(tmp_path / "none.html"))
    models.train(ports, "returns")
    test = models.model_card(ports, "returns")["metrics"]["tests"][-1]
    area = test["auc"]
    figure = f"{area['estimate']:.3f} ({area['low']:.3f} ~ {area['high']:.3f})"
    for language, words in (
        ("zh", ("会再来", "已知的局限", "按人群", "visits.recent = 是")),
        ("en", ("Comes again", "Known limits", "By group", "visits.recent = yes")),
    ):
        path = tmp_path / f"card-{language}.html"
        done = cards.print_model_card(ports, "returns", str(path), language=language)
        html = path.read_text("utf-8")
        assert all(word in html for word in (*words, figure, "model.returns"))
        assert f"{test['members']:,}" in html
        share = next(gain["share_of_positives"] for gain in test["gains"] if gain["share"] == 0.2)
        assert {"zh": f"有此结果的人里，{share:.0%}（", "en": f"20% of members hold {share:.0%} of"}[language] in html
        assert html.count("<svg") == 2
        assert "http" not in html.replace("http://www.w3.org/2000/svg", "")
        entry = ports.store.audit.list()[0]
        assert (entry.actor, entry.action, entry.object) == ("Li Na", "print_model_card", "model returns")
        assert entry.details["sha256"] == done["sha256"]
    with pytest.raises(UnknownName, match="'fr'"):
        cards.print_model_card(ports, "returns", str(tmp_path / "fr.html"), language="fr")
    with pytest.raises(InvalidInput, match="no known format"):
        cards.print_model_card(ports, "returns", str(tmp_path / "card.doc"))


def test_figures_and_tables_of_the_page_are_printed_and_days_are_those_of_the_zone(
    ports: shop.Ports, tmp_path: Path
) -> None:
    models.train(ports, "life", as_of="2024-08-15")
    card = models.model_card(ports, "life")
    told = {}
    for language in ("zh", "en"):
        path = tmp_path / f"life-{language}.html"
        cards.print_model_card(ports, "life", str(path), language=language)
        told[language] = path.read_text("utf-8")
        for one in card["metrics"]["sections"]:
            named = [i["label"] for i in one["items"]] if one["kind"] == "stats" else [one["title"], *_labels(one)]
            assert all(escape(name[language]) in told[language] for name in named)
        # Midnight of the shop, which is later in the day of UTC.
        assert "2024-08-15 00:00" in told[language]
    sleepers = card["metrics"]["stages"]["dormant"] + card["metrics"]["stages"]["lost"]
    assert f"<td>{sleepers:,}</td>" in told["en"]
    assert "马尔可夫链" in told["zh"]
    assert "Markov chain" in told["en"]
    assert "不是客户说的" in told["zh"]


def _labels(table: Mapping[str, Any]) -> list[Any]:
    return [column["label"] for column in table["columns"]]


def test_the_card_is_printed_as_pdf(ports: shop.Ports, tmp_path: Path) -> None:
    pytest.importorskip("weasyprint")
    models.train(ports, "worth")
    cards.print_model_card(ports, "worth", str(tmp_path / "card.html"), language="en")
    assert "Mean error per member" in (tmp_path / "card.html").read_text("utf-8")
    cards.print_model_card(ports, "worth", str(tmp_path / "card.pdf"))
    assert (tmp_path / "card.pdf").read_bytes().startswith(b"%PDF")


def test_limits_name_tags_and_their_values_as_people_do() -> None:
    named = """
tag: home.kind
name: {zh: 住处, en: Home}
expr: mode(visit.shelf)
labels: {A: {zh: 公寓, en: Flat}}
"""
    catalog = shop.definitions(models=f"{named}---{MODELS}")
    below, over = {"low": -0.1, "high": -0.05}, {"low": 0.6, "high": 0.7}
    weak = {"auc": {"low": 0.4, "high": 0.6}, "level": "A"}
    test = {
        "positives": 900,
        "auc": over,
        "calibration": [],
        "difference": below,
        "baseline": {"tag": "home.kind"},
        "strongest_tag": {"tag": "visits.count", "difference": below},
        "by_group": {"home.kind": [weak, *({**weak, "level": level} for level in ("B", "(absent)", "true"))]},
    }
    moved = {"score": {"verdict": "stable"}, "features": [{"tag": "home.kind", "verdict": "changed"}]}
    said = limits(catalog.model("returns"), {"tests": [test]}, moved, catalog)
    assert {"zh": "排序不如只看「住处」。", "en": "It ranks worse than “Home” alone."} in said
    homes = "住处 = 公寓、住处 = B、住处 = （无值）、住处 = 是"
    assert f"在这些人中没有显示出排序能力：{homes}。" in [one["zh"] for one in said]
    homes = "Home = Flat, Home = B, Home = (absent), Home = yes"
    assert f"It is not shown to rank among {homes}." in [one["en"] for one in said]
    assert "It is not shown to rank better than the single tag “visits.count”." in [one["en"] for one in said]
    assert "这些标签的分布自训练以来明显变化：住处。" in [one["zh"] for one in said]
