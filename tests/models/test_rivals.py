"""The version in use beside a new one, in every kind: judged on the same rows, and a worse one waits for a word."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shop
from test_newcomers import NEWCOMERS
from test_newcomers import ROWS as ARRIVALS
from test_promotion import Ports
from test_send_time import ROWS as SENDS
from test_send_time import definitions as senders
from test_stages import LIFE
from test_stages import ROWS as LEAVERS
from test_uplift import ROWS as TRIALS
from test_uplift import TRIAL
from test_wallets import HOMES, PURSE
from test_wallets import ROWS as HOMELY

from gongbi.engine import Engine
from gongbi.errors import InvalidInput
from gongbi.estimators.lifecycle import StageModel
from gongbi.estimators.prospects import ProspectValueModel
from gongbi.estimators.sendtime import SendTimeModel
from gongbi.estimators.text.complaints import ComplaintModel
from gongbi.estimators.uplift import UpliftModel
from gongbi.estimators.wallet import WalletModel
from gongbi.models import uplift
from gongbi.models.base import Version
from gongbi.models.reading import Work
from gongbi.models.run import challenged
from gongbi.services import models, promotion
from gongbi.store import Store


def ports_of(catalog: Any, rows: shop.Rows, folder: Path, registry: Store, engine: Engine) -> Ports:
    shop.load(engine, catalog, rows)
    return Ports(folder, engine, registry, catalog)


def waits(ports: Ports, name: str, why: str = "version 1, which is in use") -> dict[str, Any]:
    """Train a version that is worse: it stays a candidate until somebody says so; return its figures."""
    (done,) = models.train(ports, name)
    assert not done["promoted"]
    assert why in done["reason"]["en"]
    champion = ports.store.models.champion(name)
    assert champion is not None
    assert champion.version == 1
    return ports.store.models.list(name=name)[0].metrics


def compared(ports: Ports, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    first, second = promotion.compare_models(ports, name)["versions"]
    assert (first["version"], first["status"], second["version"]) == (1, "champion", 2)
    assert first["difference"]["estimate"] == 0
    return first, second


def test_stages(tmp_path: Path, registry: Store, duckdb_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    ports = ports_of(shop.definitions(models=LIFE), LEAVERS, tmp_path, registry, duckdb_engine)
    models.train(ports, "life", as_of="2024-07-01")
    real = StageModel.fit

    def turned(self: StageModel, log: Any) -> StageModel:
        found = real(self, log)
        found.counts_ = found.counts_[:, ::-1].copy()
        found.transitions_ = found.transitions_[:, ::-1].copy()
        return found

    monkeypatch.setattr(StageModel, "fit", turned)
    check = waits(ports, "life")["check"]
    assert check["champion"]["difference"]["estimate"] == pytest.approx(check["log_loss"] - check["champion"]["loss"])
    first, second = compared(ports, "life")
    # The newest learned from the period that judges, and that is said.
    assert (first["fair"], second["fair"]) == (True, False)
    assert first["loss"] == pytest.approx(check["champion"]["loss"])
    assert second["difference"]["low"] > 0


def test_newcomers(tmp_path: Path, registry: Store, duckdb_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    ports = ports_of(shop.definitions(models=NEWCOMERS), ARRIVALS, tmp_path, registry, duckdb_engine)
    models.train(ports, "promise", as_of="2024-07-10")
    real = ProspectValueModel.predict
    monkeypatch.setattr(ProspectValueModel, "predict", lambda self, frame: real(self, frame)[::-1].copy())
    kept = ProspectValueModel.from_json
    # The version in use goes on as it was.
    monkeypatch.setattr(ProspectValueModel, "from_json", lambda data: _as_it_was(kept(data), real))
    value = waits(ports, "promise")["tests"][0]["value"]
    variance = value["champion"]["loss"]
    assert 0 < variance < 1.2
    monkeypatch.undo()
    first, second = compared(ports, "promise")
    assert first["fair"]
    assert first["loss"] == pytest.approx(variance)
    assert second["difference"]["estimate"] == pytest.approx(second["loss"] - first["loss"])


def _as_it_was(model: ProspectValueModel, real: Any) -> ProspectValueModel:
    model.predict = lambda frame: real(model, frame)  # type: ignore[method-assign]
    return model


def test_wallets(tmp_path: Path, registry: Store, duckdb_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    ports = ports_of(shop.definitions(models=HOMES + PURSE), HOMELY, tmp_path, registry, duckdb_engine)
    models.train(ports, "purse", as_of="2024-06-16")
    real, kept = WalletModel.predict_quantiles, WalletModel.from_json
    monkeypatch.setattr(WalletModel, "predict_quantiles", lambda self, frame: 0.2 * real(self, frame))

    def as_it_was(data: Any) -> WalletModel:
        model = kept(data)
        model.predict_quantiles = lambda frame: real(model, frame)  # type: ignore[method-assign]
        return model

    monkeypatch.setattr(WalletModel, "from_json", as_it_was)
    figures = waits(ports, "purse")["wallet"]
    gap = figures["champion"]["difference"]
    assert gap["estimate"] == pytest.approx(figures["loss"] - figures["champion"]["loss"])
    monkeypatch.undo()
    first, second = compared(ports, "purse")
    assert (first["fair"], second["fair"]) == (True, True)
    assert first["loss"] == pytest.approx(figures["champion"]["loss"])
    assert second["difference"]["estimate"] == pytest.approx(second["loss"] - first["loss"])


def test_send_times(tmp_path: Path, registry: Store, duckdb_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    ports = ports_of(senders(), SENDS, tmp_path, registry, duckdb_engine)
    models.train(ports, "best", as_of="2024-07-10")
    real = SendTimeModel.fit
    monkeypatch.setattr(
        SendTimeModel,
        "fit",
        lambda self, who, hours, yes, **rest: real(self, who, hours, np.asarray(yes)[::-1], **rest),
    )
    check = waits(ports, "best")["check"]
    assert check["champion"]["difference"]["low"] > 0
    first, second = compared(ports, "best")
    assert (first["fair"], second["fair"]) == (True, False)
    assert first["loss"] == pytest.approx(check["champion"]["loss"])
    assert second["difference"]["estimate"] == pytest.approx(second["loss"] - first["loss"])


VOICE = f"""
{shop.TICKETS.strip()}
---
model: voice
estimator: texts
fact: ticket
text: words
label: kind
holdout_days: 40
fewest: 2
most: 2
---
model: plain
estimator: texts
fact: ticket
text: words
"""


def test_labels_of_texts(
    tmp_path: Path, registry: Store, duckdb_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = shop.shop(60) | {"tickets": shop.tickets()}
    ports = ports_of(shop.definitions(models=VOICE), rows, tmp_path, registry, duckdb_engine)
    models.train(ports, "voice", as_of="2024-07-01")
    real = ComplaintModel.fit

    def turned(self: ComplaintModel, texts: Any, labels: Any) -> ComplaintModel:
        return real(self, texts, labels[::-1])

    monkeypatch.setattr(ComplaintModel, "fit", turned)
    labels = waits(ports, "voice")["labels"]
    # The last texts with a label, which the version in use has not seen; it labels them all as they are.
    since = shop.END - timedelta(days=40)
    assert labels["judged_on"] == sum(row["ts"] >= since and row["kind"] is not None for row in rows["tickets"])
    assert labels["champion"]["loss"] == 0
    assert labels["champion"]["difference"]["estimate"] == pytest.approx(1 - labels["accuracy"], abs=0.1)
    first, second = compared(ports, "voice")
    assert (first["fair"], second["fair"]) == (True, False)
    assert first["loss"] == 0
    assert second["difference"]["low"] > 0
    # Other labels cannot be held against these, and without any there is nothing to tell versions by.
    fitted = real(ComplaintModel(), ["一样的话"] * 4, [("这",), ("那",)] * 2)
    other = Version(3, {"labels": fitted.to_json()}, None)
    work = Work(duckdb_engine, ports.definitions.model("voice"), ports.definitions, shop.END)
    assert challenged(work, [other])[1] == [{"version": 3, "fair": False}]
    with pytest.raises(InvalidInput, match="are not compared") as refused:
        promotion.compare_models(ports, "plain")
    assert "Without `label`" in (refused.value.hint or "")


def test_an_uplift_of_one_trial_is_judged_on_those_whom_neither_version_knows(
    tmp_path: Path, registry: Store, duckdb_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = ports_of(shop.definitions(models=TRIAL), TRIALS, tmp_path, registry, duckdb_engine)
    models.train(ports, "mailing", as_of="2024-07-01")
    first = registry.models.list(name="mailing")[0].metrics["uplift"]
    real = UpliftModel.fit

    def turned(self: UpliftModel, frame: Any, arm: Any, yes: Any) -> UpliftModel:
        return real(self, frame, 1 - arm, yes)

    monkeypatch.setattr(UpliftModel, "fit", turned)
    figures = waits(ports, "mailing", "worse than a random order")["uplift"]
    # The same are held out again, so that the version in use is asked about whom it has not seen.
    assert figures["members"] == first["members"]
    assert figures["champion"]["qini"]["estimate"] == pytest.approx(first["qini"]["estimate"])
    assert figures["champion"]["difference"]["high"] < 0
    # Were it no worse than chance, the version in use alone would keep it waiting.
    otherwise = uplift.judge({**figures, "qini": first["qini"], "t_logistic": first["t_logistic"]}, True)
    assert "version 1, which is in use" in otherwise.reason.en
    ours, theirs = compared(ports, "mailing")
    assert (ours["fair"], theirs["fair"]) == (True, True)
    assert ours["qini"]["estimate"] == pytest.approx(first["qini"]["estimate"])
    assert theirs["difference"]["high"] < 0


def test_lots_are_by_the_member_alone() -> None:
    ids = np.arange(20_000)
    lots = uplift.by_lot(ids)
    assert abs(lots.mean() - uplift.HELD_OUT) < 0.015
    assert (uplift.by_lot(ids[::3]) == lots[::3]).all()
    twice = np.concatenate([ids[:50], ids[:50]])
    assert (uplift.by_lot(twice)[:50] == uplift.by_lot(twice)[50:]).all()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("model: kinds\nestimator: clusters\nfeatures: [visits.count]\n", "nothing that could come true"),
        (
            "model: kinds\nestimator: recurring\nfact: visit\npayee: shelf\nholdout_days: 60\n",
            "each scoring finds anew",
        ),
    ],
)
def test_a_kind_without_a_comparison_says_why(
    text: str, why: str, tmp_path: Path, registry: Store, duckdb_engine: Engine
) -> None:
    ports = Ports(tmp_path, duckdb_engine, registry, shop.definitions(models=f"\n{text}"))
    with pytest.raises(InvalidInput, match="are not compared") as refused:
        promotion.compare_models(ports, "kinds")
    assert why in (refused.value.hint or "")
