"""How sales answer to price: elasticities by product and group, shrunk where data are thin, or by double learning.

An elasticity is the per cent by which quantity changes when the price rises by one per cent; -2.5 is usual for
groceries.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri
from sklearn.base import BaseEstimator

from gongbi.errors import InvalidInput, NotFitted, NotYet
from gongbi.estimators.checks import FloatArray, IntArray, as_groups, as_vectors, refuse_where

FORMAT = 1
#: Rows that a product and group needs for a slope of its own; with fewer it has its product's.
FEWEST = 20


class PriceElasticity(BaseEstimator):  # type: ignore[misc]
    r"""Log-log demand with an effect per product and unit, and slopes shrunk towards what they have in common.

    :math:`\log q = a_{product, unit} + e_{product, group} \log p + b_{product}' x`. Slopes come from least squares
    within product and group, with standard errors clustered by unit [1]_; then each is pulled towards its product's
    mean, and products towards the overall one, by as much as their spread beyond noise allows (empirical Bayes [2]_
    with the moment estimate of DerSimonian and Laird). A cell with few rows takes its product's slope.

    What moves price and sales together (a holiday, a rival's price) is not in it unless a control says so.

    Parameters
    ----------
    level : float, default=0.95
        Of the intervals.

    Attributes
    ----------
    table_ : list of dict
        Per product and group: ``rows``, ``raw`` and ``raw_error`` (least squares), ``elasticity``, ``low``, ``high``.
    overall_, overall_error_ : float
        Mean elasticity over products (per cent of quantity for one per cent of price), and its standard error.
    promotion_ : dict of product to list of float
        What each control adds to log quantity.

    References
    ----------
    .. [1] Arellano (1987), Computing Robust Standard Errors for Within-groups Estimators, Oxford Bulletin of Economics
       and Statistics 49.
    .. [2] Morris (1983), Parametric Empirical Bayes Inference: Theory and Applications, JASA 78.
    """

    def __init__(self, *, level: float = 0.95) -> None:
        self.level = level

    def fit(
        self,
        quantity: ArrayLike,
        price: ArrayLike,
        product: ArrayLike,
        *,
        group: ArrayLike | None = None,
        unit: ArrayLike | None = None,
        controls: ArrayLike | None = None,
    ) -> Self:
        """Learn from sales, one row per product, unit and period.

        Parameters
        ----------
        quantity, price : arrays of shape (n,)
            Above 0; leave out rows without a sale.
        product, group, unit : arrays of shape (n,)
            Groups (of customers or stores) that may differ in their slope; units (stores) that differ in their level.
        controls : array of shape (n, k)
            Promotion, season, rivals' log prices.

        Raises
        ------
        InvalidInput
            A quantity or price is not above 0, arrays do not fit, or no product's price differs within a unit.
        """
        q, p = as_vectors(quantity=quantity, price=price)
        refuse_where(q <= 0, "quantity must be above 0", hint="Leave out rows without a sale.")
        refuse_where(p <= 0, "price must be above 0")
        n = len(q)
        names, products = _numbered("product", product, n)
        groups, of_group = _numbered("group", np.zeros(n, dtype=int) if group is None else group, n)
        units = _numbered("unit", np.zeros(n, dtype=int) if unit is None else unit, n)[1]
        extra = np.zeros((n, 0)) if controls is None else np.asarray(controls, dtype=np.float64).reshape(n, -1)
        refuse_where(np.asarray(~np.isfinite(extra).all(axis=1)), "controls must be finite")
        self.products_, self.groups_, self.controls_ = names, groups, extra.shape[1]
        self.table_: list[dict[str, Any]] = []
        self.promotion_: dict[Any, list[float]] = {}
        slopes = np.full((len(names), len(groups)), np.nan)
        errors, rows = slopes.copy(), np.zeros(slopes.shape, dtype=np.int64)
        self._levels: dict[tuple[int, Any], float] = {}
        for i, name in enumerate(names):
            here = np.flatnonzero(products == i)
            slope, error, added = _within(np.log(q[here]), np.log(p[here]), extra[here], units[here], of_group[here])
            rows[i] = np.bincount(of_group[here], minlength=len(groups))
            found = len(slope)
            slopes[i, :found], errors[i, :found] = slope, error
            self.promotion_[name] = added.tolist()
        self._shrink(slopes, errors, rows)
        self._settle(np.log(q), np.log(p), extra, products, of_group, units, unit)
        return self

    def _shrink(self, slopes: FloatArray, errors: FloatArray, rows: IntArray) -> None:
        z = -float(ndtri((1 - self.level) / 2))
        means = np.full(len(slopes), np.nan)
        variances, shrunk, spread = means.copy(), slopes.copy(), errors.copy()
        for i in range(len(slopes)):
            usable = np.isfinite(slopes[i]) & (rows[i] >= FEWEST) & (errors[i] > 0)
            if usable.any():
                means[i], variances[i], within = _pooled(slopes[i, usable], errors[i, usable])
                shrunk[i], spread[i] = _towards(slopes[i], errors[i], usable, means[i], variances[i], within)
        known = np.isfinite(means)
        if not known.any():
            raise InvalidInput(
                f"No product has {FEWEST} rows whose price differs within a unit, so there is no elasticity to learn.",
                hint="Take a longer history, or leave out what does not change its price.",
            )
        self.overall_, variance, between = _pooled(means[known], np.sqrt(variances[known]))
        self.overall_error_ = float(np.sqrt(variance))
        self.elasticity_ = np.empty(slopes.shape)
        for i, name in enumerate(self.products_):
            weight, moved = 0.0, self.overall_
            if known[i]:
                weight = between / (between + variances[i]) if between + variances[i] > 0 else 1.0
                moved = weight * means[i] + (1 - weight) * self.overall_
            for j, group in enumerate(self.groups_):
                shift = moved - means[i] if known[i] else 0.0
                value = shrunk[i, j] + shift if known[i] else self.overall_
                own = spread[i, j] ** 2 if known[i] else between + variance
                error = float(np.sqrt(own * (weight if known[i] else 1.0) + (1 - weight) ** 2 * variance))
                self.elasticity_[i, j] = value
                self.table_.append(
                    {
                        "product": name,
                        "group": group,
                        "rows": int(rows[i, j]),
                        "raw": float(slopes[i, j]) if np.isfinite(slopes[i, j]) else None,
                        "raw_error": float(errors[i, j]) if np.isfinite(errors[i, j]) else None,
                        "elasticity": float(value),
                        "low": float(value - z * error),
                        "high": float(value + z * error),
                    }
                )

    def _settle(
        self, q: FloatArray, p: FloatArray, extra: FloatArray, products: IntArray, groups: IntArray, units: IntArray,
        given: Any,
    ) -> None:  # fmt: skip
        """Keep the level of each product and unit, that predictions start from."""
        added = np.array([self.promotion_[name] for name in self.products_]).reshape(len(self.products_), -1)
        left = q - self.elasticity_[products, groups] * p - (extra * added[products]).sum(axis=1)
        keys = np.zeros(len(q), dtype=int) if given is None else np.asarray(given)
        self._by_product = [float(left[products == i].mean()) for i in range(len(self.products_))]
        cell = products * (int(units.max()) + 1) + units
        first = np.unique(cell, return_index=True)[1]
        mean = np.bincount(cell, left)[cell[first]] / np.bincount(cell)[cell[first]]
        self._levels = {(int(products[i]), keys[i]): float(m) for i, m in zip(first, mean, strict=True)}

    def predict(
        self,
        price: ArrayLike,
        product: ArrayLike,
        *,
        group: ArrayLike | None = None,
        unit: ArrayLike | None = None,
        controls: ArrayLike | None = None,
    ) -> FloatArray:
        """Return log quantity of each row, shape (n,). A unit not seen has its product's mean level."""
        if not hasattr(self, "elasticity_"):
            raise NotFitted(self)
        (p,) = as_vectors(price=price)
        refuse_where(p <= 0, "price must be above 0")
        n = len(p)
        products = _found("product", product, self.products_)
        groups = np.zeros(n, dtype=np.int64) if group is None else _found("group", group, self.groups_)
        extra = np.zeros((n, self.controls_)) if controls is None else np.asarray(controls, float).reshape(n, -1)
        added = np.array([self.promotion_[name] for name in self.products_]).reshape(len(self.products_), -1)
        keys = np.zeros(n, dtype=int) if unit is None else np.asarray(unit)
        level = [
            self._levels.get((i, key), self._by_product[i]) for i, key in zip(products.tolist(), keys, strict=True)
        ]
        slope = self.elasticity_[products, groups] * np.log(p)
        found: FloatArray = np.array(level) + slope + (extra * added[products]).sum(axis=1)
        return found

    def to_json(self) -> dict[str, Any]:
        """Return what was learned as JSON data; names of products, groups and units must be texts or numbers."""
        if not hasattr(self, "elasticity_"):
            raise NotFitted(self)
        return {
            "format": FORMAT,
            "level": self.level,
            "products": self.products_,
            "groups": self.groups_,
            "controls": self.controls_,
            "table": self.table_,
            "overall": [self.overall_, self.overall_error_],
            "elasticity": self.elasticity_.tolist(),
            "promotion": [self.promotion_[name] for name in self.products_],
            "by_product": self._by_product,
            "levels": [[i, getattr(key, "item", lambda key=key: key)(), m] for (i, key), m in self._levels.items()],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the model that `to_json` wrote down."""
        if data.get("format") != FORMAT:
            raise InvalidInput(f"The model was written in format {data.get('format')}; this is {FORMAT}.")
        self = cls(level=data["level"])
        self.products_, self.groups_, self.controls_ = data["products"], data["groups"], data["controls"]
        self.table_, self.elasticity_ = data["table"], np.asarray(data["elasticity"], dtype=np.float64)
        self.overall_, self.overall_error_ = data["overall"]
        self.promotion_ = dict(zip(self.products_, data["promotion"], strict=True))
        self._by_product = data["by_product"]
        self._levels = {(i, key): m for i, key, m in data["levels"]}
        return self


def _numbered(name: str, values: ArrayLike, n: int) -> tuple[list[Any], IntArray]:
    numbers = as_groups(name, values)
    if len(numbers) != n:
        raise InvalidInput(f"{name} has {len(numbers)} entries, quantity has {n}.")
    listed = np.asarray(values)
    first = np.unique(numbers, return_index=True)[1]
    return listed[first].tolist(), numbers


def _found(name: str, values: ArrayLike, known: list[Any]) -> IntArray:
    places = {value: i for i, value in enumerate(known)}
    listed = np.asarray(values).tolist()
    strange = next((value for value in listed if value not in places), None)
    if strange is not None:
        raise InvalidInput(f"{name} {strange!r} was not in the rows learned from.")
    return np.array([places[value] for value in listed], dtype=np.int64)


def _within(
    q: FloatArray, p: FloatArray, extra: FloatArray, units: IntArray, groups: IntArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Slopes per group and their clustered errors, and one slope per control; levels of units are taken out."""
    k = int(groups.max()) + 1
    columns = np.column_stack([p[:, None] * (groups[:, None] == np.arange(k)), extra])
    number = np.unique(units, return_inverse=True)[1]
    size = np.bincount(number)

    def centred(values: FloatArray) -> FloatArray:
        away: FloatArray = values - (np.bincount(number, values) / size)[number]
        return away

    x = np.column_stack([centred(column) for column in columns.T])
    y = centred(q)
    # A slope needs prices that move within a unit, and more rows than coefficients.
    moves = (x**2).sum(axis=0) > 1e-8 * len(y)
    slopes, errors = np.full(x.shape[1], np.nan), np.full(x.shape[1], np.nan)
    if len(y) > moves.sum() + len(size) and moves.any():
        used = x[:, moves]
        inverse = np.linalg.pinv(used.T @ used)
        slopes[moves] = inverse @ (used.T @ y)
        left = y - used @ slopes[moves]
        if len(size) >= 10:
            scores = np.stack([np.bincount(number, column * left) for column in used.T], axis=1)
            covariance = inverse @ (scores.T @ scores) @ inverse * len(size) / (len(size) - 1)
        else:
            covariance = inverse * float(left @ left) / (len(y) - int(moves.sum()) - len(size))
        errors[moves] = np.sqrt(np.maximum(np.diag(covariance), 0))
    return slopes[:k], errors[:k], np.nan_to_num(slopes[k:])


def _pooled(values: FloatArray, errors: FloatArray) -> tuple[float, float, float]:
    """Mean of estimates, its variance, and the variance between them beyond noise (DerSimonian and Laird 1986)."""
    weight = 1 / np.maximum(errors, 1e-6) ** 2
    mean = float((weight * values).sum() / weight.sum())
    excess = float((weight * (values - mean) ** 2).sum()) - (len(values) - 1)
    scale = float(weight.sum() - (weight**2).sum() / weight.sum())
    between = max(0.0, excess / scale) if scale > 0 else 0.0
    weight = 1 / (np.maximum(errors, 1e-6) ** 2 + between)
    return float((weight * values).sum() / weight.sum()), float(1 / weight.sum()), between


def _towards(
    slopes: FloatArray, errors: FloatArray, usable: Any, mean: float, variance: float, between: float
) -> tuple[FloatArray, FloatArray]:
    squared = np.where(usable, errors, 1.0) ** 2
    weight = np.where(usable, between / np.maximum(between + squared, 1e-12), 0.0)
    if usable.sum() == 1:
        # One group alone is its product's mean.
        weight = usable.astype(np.float64)
        return np.where(usable, slopes, mean), np.where(usable, errors, np.sqrt(variance))
    value = weight * np.where(usable, slopes, 0.0) + (1 - weight) * mean
    spread = np.sqrt(np.where(usable, weight * squared, between) + (1 - weight) ** 2 * variance)
    return value, spread


def double_ml_elasticity(
    quantity: ArrayLike,
    price: ArrayLike,
    confounders: ArrayLike,
    *,
    modifiers: ArrayLike | None = None,
    folds: int = 3,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return elasticity, lower and upper bound of each row, by double machine learning (EconML's LinearDML) [1]_.

    Trees foretell log quantity and log price from all that may move both (season, unit, promotion); what is left of one
    is regressed on what is left of the other, on rows that the trees did not see.

    Parameters
    ----------
    quantity, price : arrays of shape (n,)
        Above 0, of one product.
    confounders : array of shape (n, k)
    modifiers : array of shape (n, m), optional
        What the elasticity may differ by; without them all rows have one.

    Raises
    ------
    NotYet
        When EconML is not installed.

    References
    ----------
    .. [1] Chernozhukov et al. (2018), Double/debiased machine learning, The Econometrics Journal 21.
    """
    try:
        from econml.dml import LinearDML  # type: ignore[import-untyped]
    except ImportError as error:
        raise NotYet("EconML is not installed.", hint="Install the extra `price`: gongbi[price].") from error
    from lightgbm import LGBMRegressor

    q, p = as_vectors(quantity=quantity, price=price)
    refuse_where(q <= 0, "quantity must be above 0", hint="Leave out rows without a sale.")
    refuse_where(p <= 0, "price must be above 0")
    if float(np.log(p).std()) < 1e-6:
        raise InvalidInput("The price is constant, so nothing can be learned from it.")
    known = np.asarray(confounders, dtype=np.float64).reshape(len(q), -1)

    def trees() -> Any:
        return LGBMRegressor(
            n_estimators=150, num_leaves=15, learning_rate=0.08, min_child_samples=20, random_state=seed, n_jobs=1,
            verbosity=-1,
        )  # fmt: skip

    model = LinearDML(model_y=trees(), model_t=trees(), cv=folds, random_state=seed)
    x = None if modifiers is None else np.asarray(modifiers, dtype=np.float64).reshape(len(q), -1)
    model.fit(np.log(q), np.log(p), X=x, W=known)
    found = model.effect_inference(x) if x is not None else model.effect_inference()
    low, high = found.conf_int(alpha=1 - level)
    parts = [np.asarray(part, dtype=np.float64).reshape(-1) for part in (found.point_estimate, low, high)]
    return tuple(np.resize(part, len(q)) if x is None else part for part in parts)  # type: ignore[return-value]
