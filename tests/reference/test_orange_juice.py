"""Weekly sales of eleven brands of orange juice in 83 stores (Dominick's; Montgomery 1997)."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gongbi.estimators.price import PriceElasticity
from gongbi.services.evaluate import evaluate

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("GONGBI_DATA", ROOT.parent / "shared" / "data")) / "oj_dominicks" / "oj_weekly.parquet"

pytestmark = pytest.mark.skipif(
    not DATA.is_file(), reason=f"NOT CHECKED against the orange juice figures: {DATA} is missing; set GONGBI_DATA."
)


def sales() -> pd.DataFrame:
    """Every row with the price of its own brand."""
    found = pd.read_parquet(DATA)
    prices = found[[f"price{i}" for i in range(1, 12)]].to_numpy()
    return found.assign(price=prices[np.arange(len(found)), found["brand"].to_numpy(int) - 1])


def test_every_brand_s_elasticity_is_between_minus_one_and_minus_five() -> None:
    rows = sales()
    model = PriceElasticity().fit(
        np.exp(rows["logmove"]),
        rows["price"].to_numpy(float),
        rows["brand"].to_numpy(int),
        unit=rows["store"].to_numpy(int),
        controls=rows[["deal", "feat"]].to_numpy(float),
    )
    found = {row["product"]: row for row in model.table_}
    assert len(found) == 11
    assert all(-5 < row["elasticity"] < -1 for row in found.values())
    assert all(row["high"] < -1 for row in found.values())
    # The reference's baseline, with effects of store and brand: from -1.12 to -3.28.
    raw = [row["raw"] for row in found.values()]
    assert (round(max(raw), 2), round(min(raw), 2)) == (-1.12, -3.28)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_sales_at_prices_held_out_are_foretold_better_than_by_one_elasticity_for_all(tmp_path: Path) -> None:
    file = tmp_path / "weeks.parquet"
    sales().to_parquet(file)
    options = {"quantity": "logmove", "log": "yes", "price": "price", "product": "brand", "unit": "store"}
    found = evaluate("price", file, {**options, "controls": "deal,feat"}, repeats=20)
    assert found["seeds"] == list(range(20))
    assert {one["measure"] for one in found["measures"]} == {"mae_log", "rmse_log"}
    for measure in found["measures"]:
        for gap in measure["differences"]:
            assert gap["within_one_standard_error"], gap
            assert gap["verdict"] == "better", gap
