"""What to ask: the best price under a margin floor, a ladder of prices, and prices that are fair to each customer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gongbi.errors import InvalidInput, Refused
from gongbi.estimators.checks import FloatArray, as_vectors, refuse_where

#: What a worse price must never rest on; words in names of reasons, in English and Chinese.
UNFAIR = {
    "loyalty": ("loyal", "tenure", "frequency", "repeat", "member_years", "忠诚", "老客", "会龄"),
    "device": ("device", "phone_model", "brand_of_phone", "platform", "os", "ios", "android", "设备", "机型"),
    "willingness to pay": (
        "willing",
        "price_sensitiv",
        "sensitivity",
        "elasticity",
        "income",
        "支付意愿",
        "价格敏感",
        "收入",
    ),
}


@dataclass(frozen=True, slots=True)
class BestPrice:
    """The price with the most profit within limits.

    Attributes
    ----------
    price, quantity, profit : float
        The last two as multiples of those at the present price; profit is NaN where there is none at present.
    bound : str or None
        What kept it from the unlimited best: "margin floor", "change", or None.
    """

    price: float
    quantity: float
    profit: float
    bound: str | None


def best_price(
    elasticity: float, cost: float, current: float, *, margin_floor: float = 0.0, most_change: float = 0.15
) -> BestPrice:
    r"""Return the price that earns most under constant elasticity e.

    Without limits it is :math:`c\,e / (e + 1)` where :math:`e < -1`; from -1 on profit rises with the price without
    end, and the limit decides. One learned from past prices holds near them, so the change is bounded.

    Parameters
    ----------
    elasticity : float
        Below 0.
    cost, current : float
        Of one piece: what it costs, and what is asked now.
    margin_floor : float, default=0
        Least share of the price that must be left after cost, in [0, 1).
    most_change : float, default=0.15
        Largest change as a share of the current price. A margin floor above it wins.
    """
    if not (np.isfinite(elasticity) and elasticity < 0):
        raise InvalidInput(
            f"The elasticity is {elasticity:g}; one of 0 or more says that dearer sells better.",
            hint="Add what moves price and sales together as controls, or take a longer history.",
        )
    if cost < 0 or current <= 0:
        raise InvalidInput(f"The cost ({cost:g}) is 0 or more, and the price ({current:g}) above 0.")
    if not 0 <= margin_floor < 1 or not 0 <= most_change < 1:
        raise InvalidInput(f"margin_floor ({margin_floor:g}) and most_change ({most_change:g}) lie from 0 to below 1.")
    free = cost * elasticity / (elasticity + 1) if elasticity < -1 else float("inf")
    floor = cost / (1 - margin_floor)
    low, high = max(current * (1 - most_change), floor), max(current * (1 + most_change), floor)
    price = float(np.clip(free, low, high))
    bound = None
    if price != free:
        bound = "margin floor" if price == floor else "change"
    quantity = (price / current) ** elasticity
    now = current - cost
    return BestPrice(price, quantity, (price - cost) * quantity / now if now > 0 else float("nan"), bound)


def best_discount(
    elasticity: float,
    cost: float,
    current: float,
    *,
    discounts: Sequence[float] = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3),
    margin_floor: float = 0.0,
    promotion: float = 0.0,
) -> list[dict[str, float | bool]]:
    """Return each discount with its quantity and profit as multiples of none, the most profitable first.

    `promotion` is what showing it adds to log quantity whenever the discount is not 0. Discounts that break the
    margin floor are told as not allowed, and come last.
    """
    if elasticity >= 0 or cost < 0 or current <= cost:
        raise InvalidInput(
            f"A discount needs an elasticity below 0 ({elasticity:g}) and a price ({current:g}) above cost ({cost:g})."
        )
    found: list[dict[str, float | bool]] = []
    for discount in discounts:
        if not 0 <= discount < 1:
            raise InvalidInput(f"A discount is a share from 0 to below 1, not {discount:g}.")
        price = current * (1 - discount)
        quantity = (price / current) ** elasticity * float(np.exp(promotion if discount else 0.0))
        allowed = price > 0 and (price - cost) / price >= margin_floor - 1e-12
        found.append(
            {
                "discount": discount,
                "price": price,
                "quantity": quantity,
                "profit": (price - cost) * quantity / (current - cost),
                "allowed": bool(allowed),
            }
        )
    return sorted(found, key=lambda one: (not one["allowed"], -one["profit"]))


def price_ladder(prices: ArrayLike, sizes: ArrayLike, *, least_step: float = 0.0) -> FloatArray:
    """Return prices near those given in which a larger pack never costs less, nor more per unit, than a smaller.

    Parameters
    ----------
    prices, sizes : arrays of shape (n,)
        Sizes differ. Prices are above 0.
    least_step : float, default=0
        Least rise of the price from one size to the next, as a share, where the price per unit leaves room for it.

    Returns
    -------
    ndarray of shape (n,)
        In the order given. Only lowered, never raised, to keep the price per unit from rising; then raised, if need be,
        to keep the order, which cannot raise a unit price above the smaller pack's.
    """
    p, size = as_vectors(prices=prices, sizes=sizes)
    refuse_where((p <= 0) | (size <= 0), "prices and sizes must be above 0")
    order = np.argsort(size)
    if len(np.unique(size)) < len(size):
        raise InvalidInput("Two packs of a ladder have the same size.")
    found = p.copy()
    for before, after in pairwise(order):
        most = found[before] / size[before] * size[after]
        least = min(found[before] * (1 + least_step), most)
        found[after] = min(max(found[after], least), most)
    return found


@dataclass(frozen=True, slots=True)
class FairPrices:
    """Prices after the check, and what was changed.

    Attributes
    ----------
    prices : ndarray of shape (n,)
    lowered : list of dict
        Per row lowered: ``row``, ``asked``, ``price``, ``reason``.
    """

    prices: FloatArray
    lowered: list[dict[str, Any]]


def fair_prices(
    prices: ArrayLike,
    products: Sequence[Any],
    terms: Sequence[Any],
    reasons: Sequence[str | None],
    *,
    refuse: bool = False,
) -> FairPrices:
    """Let nobody pay more than others for the same product on the same terms because of who they are.

    Parameters
    ----------
    prices : array of shape (n,)
        Asked of each customer.
    products, terms : sequences of length n
        The same product on the same terms (quantity, delivery, time, region of tax) must cost the same.
    reasons : sequence of length n
        Why a customer has this price, such as "tenure", "coupon SPRING" or None for the list price. A customer may be
        below others (a coupon). A row above the lowest price asked *without a reason* (the list price) is lowered to
        it, whatever its reason; one above others for loyalty, device or willingness to pay is always named as such.
    refuse : bool, default=False
        Raise instead of lowering.

    Raises
    ------
    Refused
        With `refuse`, when a price is unfair.
    """
    (asked,) = as_vectors(prices=prices)
    if not len(asked) == len(products) == len(terms) == len(reasons):
        raise InvalidInput("prices, products, terms and reasons must be equally long.")
    refuse_where(asked < 0, "prices must not be negative")
    regular: dict[tuple[Any, Any], float] = {}
    lowest_unfair: dict[tuple[Any, Any], float] = {}
    for i, same in enumerate(zip(products, terms, strict=True)):
        if reasons[i] is None:
            regular[same] = min(regular.get(same, np.inf), float(asked[i]))
        elif unfair_reason(reasons[i]) is not None:
            lowest_unfair[same] = min(lowest_unfair.get(same, np.inf), float(asked[i]))
    found, lowered = asked.copy(), []
    for i, same in enumerate(zip(products, terms, strict=True)):
        why = unfair_reason(reasons[i])
        # Where no list price is known, those judged by who they are have the lowest of theirs.
        most = regular.get(same, lowest_unfair.get(same, np.inf) if why is not None else np.inf)
        if asked[i] > most + 1e-9:
            reason = why or "above the list price"
            lowered.append({"row": i, "asked": float(asked[i]), "price": most, "reason": reason})
            found[i] = most
    if lowered and refuse:
        first = lowered[0]
        raise Refused(
            f"{len(lowered)} customers would pay more for the same product on the same terms; the first, at position"
            f" {first['row']}, {first['asked']:g} instead of {first['price']:g} ({first['reason']}).",
            hint="Ask everybody the list price; a lower price for some is allowed.",
        )
    return FairPrices(found, lowered)


def unfair_reason(reason: str | None, words: Mapping[str, Sequence[str]] = UNFAIR) -> str | None:
    """Which of loyalty, device and willingness to pay a reason is, if any."""
    if reason is None:
        return None
    plain = reason.casefold()
    parts = set(plain.replace("_", " ").replace(".", " ").split())
    for kind, known in words.items():
        if any(word in parts if len(word) <= 3 and word.isascii() else word in plain for word in known):
            return kind
    return None
