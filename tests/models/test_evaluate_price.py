"""`gongbi evaluate price`: sales in strangers' files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gongbi.errors import InvalidInput
from gongbi.services.evaluate import evaluate


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(1)
    n = 900
    product, store = rng.choice(["苹果", "pear"], n), rng.integers(1, 9, n)
    deal, price = rng.choice(["none", "flyer"], n, p=[0.7, 0.3]), np.exp(rng.normal(0.5, 0.2, n))
    slope = np.where(product == "pear", -1.5, -3.0)
    units = np.exp(4 + 0.2 * store + slope * np.log(price) + 0.4 * (deal == "flyer") + rng.normal(0, 0.2, n))
    units[:5] = 0
    day = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, n), unit="D")
    frame = {"product": product, "store": store, "deal": deal, "price": price, "units": units.round(3), "day": day}
    path = tmp_path_factory.mktemp("sales") / "sales.csv"
    pd.DataFrame(frame).to_csv(path, index=False)
    return path


OPTIONS = {"quantity": "units", "price": "price", "product": "product", "unit": "store", "controls": "deal"}


@pytest.mark.parametrize("time", [None, "day"])
def test_elasticities_are_found_and_beat_one_for_all(file: Path, time: str | None) -> None:
    found = evaluate("price", file, OPTIONS, repeats=4, time_column=time)
    table = {row["product"]: row["elasticity"] for row in found["details"]["elasticities"]}
    assert table == {"苹果": pytest.approx(-3, abs=0.2), "pear": pytest.approx(-1.5, abs=0.2)}
    error = found["measures"][0]
    assert error["mean"] == pytest.approx(0.16, abs=0.02)
    assert all(gap["verdict"] == "better" for gap in error["differences"])
    assert found["details"]["promotion"]["pear"]["deal = flyer"] == pytest.approx(0.4, abs=0.1)
    assert any("5 rows without a sale" in note["en"] for note in found["notes"])


def test_one_product_needs_no_column_for_it(file: Path) -> None:
    found = evaluate("price", file, {"quantity": "units", "price": "price"}, repeats=2)
    assert [row["product"] for row in found["details"]["elasticities"]] == ["all"]


def test_too_few_sales_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "few.csv"
    pd.DataFrame({"q": range(20), "p": range(1, 21)}).to_csv(path, index=False)
    with pytest.raises(InvalidInput, match="60 are the least"):
        evaluate("price", path, {"quantity": "q", "price": "p"})
