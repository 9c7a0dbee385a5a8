"""Weekly sales of eleven brands of orange juice in 83 stores (Dominick's; Montgomery 1997)."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gongbi.estimators.price import PriceElasticity

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("GONGBI_DATA", ROOT.parent / "shared" / "data")) / "oj_dominicks" / "oj_weekly.parquet"

pytestmark = pytest.mark.skipif(
    not DATA.is_file(), reason=f"NOT CHECKED against the orange juice figures: {DATA} is missing; set GONGBI_DATA."
)


def test_every_brand_s_elasticity_is_between_minus_one_and_minus_five() -> None:
    sales = pd.read_parquet(DATA)
    brand = sales["brand"].to_numpy(int)
    price = sales[[f"price{i}" for i in range(1, 12)]].to_numpy()[np.arange(len(sales)), brand - 1]
    model = PriceElasticity().fit(
        np.exp(sales["logmove"]),
        price,
        brand,
        unit=sales["store"].to_numpy(int),
        controls=sales[["deal", "feat"]].to_numpy(float),
    )
    found = {row["product"]: row for row in model.table_}
    assert len(found) == 11
    assert all(-5 < row["elasticity"] < -1 for row in found.values())
    assert all(row["high"] < 0 for row in found.values())
    # The reference's baseline, with effects of store and brand: from -1.12 to -3.28.
    raw = [row["raw"] for row in found.values()]
    assert (round(max(raw), 2), round(min(raw), 2)) == (-1.12, -3.28)
