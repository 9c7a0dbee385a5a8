"""What a model of prices tells of products and groups: elasticities, best prices, a second opinion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gongbi.catalog.base import ModelDef
from gongbi.errors import InvalidInput, NotYet
from gongbi.estimators.checks import FloatArray, as_groups
from gongbi.estimators.price import FEWEST, PriceElasticity, double_ml_elasticity
from gongbi.estimators.pricing import best_discount, best_price
from gongbi.models.base import Figures
from gongbi.models.evaluation.price import fitted
from gongbi.models.propensity import SEED
from gongbi.models.sales import Sales

#: The last weeks of a product whose mean price is what it costs now.
NOW = 4
#: Double learning is asked about so many products, those with the most sales, of so many rows at least.
SECOND, FEWEST_SECOND = 5, 300
#: Groups whose elasticities are shown, the largest.
GROUPS = 6


def of_products(sales: Sales, learned: PriceElasticity) -> list[Figures]:
    """Per product its elasticity, its price and cost now, and what it brought in; those that bring in most first."""
    data, told = sales.data, {row["product"]: row for row in learned.table_}
    numbers = as_groups("product", data["product"])
    found = []
    order = np.argsort(numbers, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1):
        name, weeks = data["product"][rows[0]], sales.week[rows]
        last = rows[weeks >= np.unique(weeks)[-NOW:][0]]
        quantity, price = data["quantity"], data["price"]
        own = {key: value for key, value in told[name].items() if key not in ("product", "group")}
        found.append(
            {
                "product": name,
                **own,
                "spend": float((quantity[rows] * price[rows]).sum()),
                "price": float(np.average(price[last], weights=quantity[last])),
                "cost": None if sales.cost is None else _mean_cost(sales.cost[last], quantity[last]),
            }
        )
    return sorted(found, key=lambda one: (-one["spend"], one["product"]))


def _mean_cost(cost: FloatArray, quantity: FloatArray) -> float | None:
    known = ~np.isnan(cost)
    return float(np.average(cost[known], weights=quantity[known])) if known.any() else None


def second_opinions(sales: Sales, products: Sequence[Figures]) -> list[Figures] | None:
    """What double learning says of the products with the most sales; None where EconML is not installed."""
    data, found = sales.data, []
    for one in products[:SECOND]:
        if one["rows"] < FEWEST_SECOND:
            continue
        rows = np.flatnonzero(data["product"] == one["product"])
        day = sales.week[rows].astype(np.int64).astype(np.float64)
        season = 2 * np.pi * day / 365.25
        units = as_groups("unit", data["unit"][rows])
        causes = np.column_stack([day, np.sin(season), np.cos(season), units, data["controls"][rows]])
        try:
            told = double_ml_elasticity(data["quantity"][rows], data["price"][rows], causes, seed=SEED)
        except NotYet:
            return None
        except InvalidInput:
            continue
        value, low, high = (float(part[0]) for part in told)
        found.append({"product": one["product"], "elasticity": value, "low": low, "high": high})
    return found


def by_group(sales: Sales, products: Sequence[str]) -> list[Figures]:
    """The mean elasticity among the members of each group, over the products that all of them buy often enough.

    It is shown and nothing else: no price and no tag is made from it.
    """
    groups, sold = sales.data["group"], sales.data["product"]
    largest = [name for name, _ in sorted(_counts(groups).items(), key=lambda one: (-one[1], one[0]))[:GROUPS]]
    enough = [{p for p, n in _counts(sold[groups == name]).items() if n >= FEWEST} for name in largest]
    shared = set(products).intersection(*enough)
    found = []
    for name in sorted(largest):
        rows = np.array([g == name and p in shared for g, p in zip(groups, sold, strict=True)], dtype=bool)
        own = {**sales.taken(rows).data, "group": np.zeros(int(rows.sum()), dtype=object)}
        one: Figures = {"group": name, "rows": int(rows.sum()), "products": len(shared), "elasticity": None}
        if rows.any():
            try:
                model = fitted(own)
                one |= {"elasticity": model.overall_, "error": model.overall_error_}
            except InvalidInput:
                # Prices did not differ among what they bought: there is nothing to tell of them.
                pass
        found.append(one)
    return found


def best_of(one: Figures, model: ModelDef) -> Figures:
    """The best price of a product and the best discount from it, one for everybody; `why` where none can be told."""
    told = {"product": one["product"], "price": one["price"], "cost": one["cost"]}
    if one["high"] >= 0:
        return told | {"why": "no answer"}
    known, floor = (one["elasticity"], one["cost"], one["price"]), model.margin
    found = best_price(*known, margin_floor=floor, most_change=model.most_change)
    told |= {"best": found.price, "quantity": found.quantity, "bound": found.bound, "why": None}
    told["profit"] = None if np.isnan(found.profit) else found.profit
    if one["cost"] >= one["price"]:
        return told | {"discount": None}
    discount = best_discount(*known, margin_floor=floor)[0]
    return told | {"discount": discount["discount"] if discount["allowed"] else None}


def _counts(values: Any) -> dict[str, int]:
    names, counts = np.unique(values.astype(str), return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))
