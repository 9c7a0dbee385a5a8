"""What a customer could spend: share of wallet against peers or spend elsewhere, and growth by market and product."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri
from sklearn.base import BaseEstimator

from gongbi.errors import InvalidInput, NotFitted
from gongbi.estimators.checks import FloatArray, as_groups, as_vector, as_vectors, checked_level, refuse_where
from gongbi.estimators.columns import Columns

#: Rows that quantiles of peers need at least.
FEWEST = 50
#: Of what `to_json` writes.
FORMAT = 1


class WalletModel(BaseEstimator):  # type: ignore[misc]
    r"""Wallet as the spend that only few peers exceed: high conditional quantiles of spend given traits [1]_.

    For each quantile LightGBM learns :math:`Q_\tau(\log(1 + spend) | x)`; where they cross they are put in order [2]_.
    A customer's wallet is the highest of them, or their spend where that is more; where spend elsewhere is known
    for some customers, wallets are scaled so that they agree with it in total.

    Peers who look alike and spend more show what is possible, not what is certain: a customer who never buys elsewhere
    looks as one who does. `potential` is therefore an upper sketch for choosing whom to ask, not a forecast.

    Parameters
    ----------
    quantile : float, default=0.9
        Of the peers' spend, that stands for the wallet.
    categorical : sequence of columns
        Columns of numbers that are codes.
    trees, leaves, min_leaf, learning_rate : numbers
        Of LightGBM.
    seed : int, default=0

    Attributes
    ----------
    quantiles_ : tuple of float
        A half, and some up to `quantile`.
    scale_ : float
        Factor from spend known elsewhere; 1 without.
    feature_names_in_ : list of str
        Column names; positions as text for arrays.

    References
    ----------
    .. [1] Perlich, Rosset, Lawrence and Zadrozny (2007), High-quantile modeling for customer wallet estimation, KDD.
    .. [2] Chernozhukov, Fernández-Val and Galichon (2010), Quantile and probability curves without crossing,
       Econometrica 78.
    """

    def __init__(
        self,
        *,
        quantile: float = 0.9,
        categorical: Sequence[str | int] = (),
        trees: int = 150,
        leaves: int = 12,
        min_leaf: int = 30,
        learning_rate: float = 0.06,
        seed: int = 0,
    ) -> None:
        self.quantile = quantile
        self.categorical = categorical
        self.trees = trees
        self.leaves = leaves
        self.min_leaf = min_leaf
        self.learning_rate = learning_rate
        self.seed = seed

    def fit(self, X: Any, spend: ArrayLike, elsewhere: ArrayLike | None = None) -> Self:
        """Learn from customers.

        Parameters
        ----------
        X : frame or array of shape (n, n_features)
            Traits that do not themselves tell spend: kind, size, place, age, tenure.
        spend : array of shape (n,)
            With us, over a year say; 0 or more.
        elsewhere : array of shape (n,), optional
            With others over the same time and in the same unit of money; NaN where it is not known.

        Raises
        ------
        InvalidInput
            Spend is negative or the same for all, there are too few customers, or the arrays do not fit.
        """
        import lightgbm

        if not 0.5 < self.quantile < 1:
            raise InvalidInput(f"quantile lies above 0.5 and below 1, not at {self.quantile}.")
        money = as_vector("spend", spend)
        refuse_where(money < 0, "spend must not be negative", hint="Leave out returns, or take them off purchases.")
        columns = Columns.learn(X, self.categorical)
        values = columns.encode(X)
        if len(values) != len(money):
            raise InvalidInput(f"X has {len(values)} rows, spend has {len(money)}.")
        if len(money) < FEWEST or money.min() == money.max():
            raise InvalidInput(
                f"{len(money)} customers, whose spend is {money.min():g} to {money.max():g}, show no wallet;"
                f" {FEWEST} with different spend are the least."
            )
        self.quantiles_: tuple[float, ...] = (0.5, (0.5 + self.quantile) / 2, self.quantile)
        chosen = [i for i, known in enumerate(columns.categories) if known is not None]
        self._boosters = []
        for tau in self.quantiles_:
            settings = {
                "objective": "quantile",
                "alpha": tau,
                "num_leaves": self.leaves,
                "min_child_samples": min(self.min_leaf, max(5, len(money) // 20)),
                "learning_rate": self.learning_rate,
                "seed": self.seed,
                "deterministic": True,
                "force_row_wise": True,
                "num_threads": 1,
                "verbosity": -1,
            }
            data = lightgbm.Dataset(values, np.log1p(money), categorical_feature=chosen, params={"verbosity": -1})
            self._boosters.append(lightgbm.train(settings, data, num_boost_round=self.trees))
        self._columns, self.scale_ = columns, 1.0
        self.n_features_in_, self.feature_names_in_ = len(columns.names), list(columns.names)
        if elsewhere is not None:
            self.scale_ = self._agreeing(values, money, np.asarray(elsewhere, dtype=np.float64))
        return self

    def predict_quantiles(self, X: Any) -> FloatArray:
        """Return the peers' spend at each of `quantiles_`, shape (n, 3), never falling from one to the next."""
        if not hasattr(self, "_boosters"):
            raise NotFitted(self)
        return self._quantiles(self._columns.encode(X))

    def predict(self, X: Any, spend: ArrayLike, elsewhere: ArrayLike | None = None) -> Wallets:
        """Return wallet, share and potential of each customer; what is known of spend elsewhere is taken as it is."""
        money = as_vector("spend", spend)
        refuse_where(money < 0, "spend must not be negative", hint="Leave out returns, or take them off purchases.")
        top = self.predict_quantiles(X)[:, -1]
        if len(top) != len(money):
            raise InvalidInput(f"X has {len(top)} rows, spend has {len(money)}.")
        wallet = np.maximum(top * self.scale_, money)
        known = np.zeros(len(money), dtype=bool)
        if elsewhere is not None:
            other = np.asarray(elsewhere, dtype=np.float64)
            known = ~np.isnan(other)
            refuse_where(known & (other < 0), "elsewhere must not be negative")
            wallet = np.where(known, money + np.where(known, other, 0.0), wallet)
        share = np.divide(money, wallet, out=np.full(len(money), np.nan), where=wallet > 0)
        return Wallets(wallet, share, wallet - money, known)

    def to_json(self) -> dict[str, Any]:
        """Return what scoring needs, as JSON data, and nothing of the rows."""
        if not hasattr(self, "_boosters"):
            raise NotFitted(self)
        return {
            "format": FORMAT,
            "columns": self._columns.to_json(),
            "quantiles": list(self.quantiles_),
            "scale": self.scale_,
            "trees": [booster.model_to_string() for booster in self._boosters],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the model that `to_json` wrote down; it says what that one said."""
        import lightgbm

        if data.get("format") != FORMAT:
            raise InvalidInput(f"The model was written in format {data.get('format')}; this is {FORMAT}.")
        self = cls(quantile=float(data["quantiles"][-1]))
        self._columns, self.scale_ = Columns.from_json(data["columns"]), float(data["scale"])
        self.quantiles_ = tuple(float(tau) for tau in data["quantiles"])
        self._boosters = [lightgbm.Booster(model_str=text) for text in data["trees"]]
        self.n_features_in_, self.feature_names_in_ = len(self._columns.names), list(self._columns.names)
        return self

    def _quantiles(self, values: FloatArray) -> FloatArray:
        found = np.stack([np.asarray(b.predict(values), dtype=np.float64) for b in self._boosters], axis=1)
        ordered: FloatArray = np.expm1(np.sort(np.maximum(found, 0.0), axis=1))
        return ordered

    def _agreeing(self, values: FloatArray, money: FloatArray, elsewhere: FloatArray) -> float:
        if elsewhere.shape != money.shape:
            raise InvalidInput(f"elsewhere has {len(elsewhere)} entries, spend has {len(money)}.")
        known = ~np.isnan(elsewhere)
        refuse_where(known & (elsewhere < 0), "elsewhere must not be negative")
        if known.sum() < 10:
            return 1.0
        total = float((money[known] + elsewhere[known]).sum())
        top = self._quantiles(values[known])[:, -1]
        # The scaled quantile counts only above own spend, so the factor is found by halving.
        low, high = 0.05, 20.0
        for _ in range(60):
            middle = (low * high) ** 0.5
            low, high = (middle, high) if np.maximum(top * middle, money[known]).sum() < total else (low, middle)
        return float((low * high) ** 0.5)


@dataclass(frozen=True, slots=True)
class Wallets:
    """One entry per customer.

    Attributes
    ----------
    wallet, share, potential : ndarray of shape (n,)
        In the unit of spend; spend over wallet, NaN where the wallet is 0; wallet less spend.
    known : ndarray of bool
        Whether spend elsewhere was given, so that the wallet is a fact.
    """

    wallet: FloatArray
    share: FloatArray
    potential: FloatArray
    known: Any


@dataclass(frozen=True, slots=True)
class Growth:
    """Growth of one market and product: the raw rate, and the shrunk one with its interval."""

    market: Any
    product: Any
    before: float
    after: float
    raw: float | None
    growth: float
    low: float
    high: float


def growth_cells(
    market: ArrayLike,
    product: ArrayLike,
    before: ArrayLike,
    after: ArrayLike,
    *,
    level: float = 0.95,
) -> list[Growth]:
    r"""Return the growth of every market × product cell, shrunk towards what market and product do.

    Rows are customers or shops: sales before and after, 0 or more. Log growth of a cell is explained by its market and
    its product; what is left is pulled to 0 by as much as noise allows. The noise of a cell comes from its rows (a
    delta-method ratio of sums); a cell without sales before has the growth of its market and product.

    Returns
    -------
    list of Growth
        ``growth`` 0.1 is ten per cent more. Largest first by what is gained in money.

    References
    ----------
    Efron and Morris (1975), Data analysis using Stein's estimator, JASA 70.
    """
    earlier, later = as_vectors(before=before, after=after)
    refuse_where((earlier < 0) | (later < 0), "sales must not be negative")
    markets, products = as_groups("market", market), as_groups("product", product)
    if not len(markets) == len(products) == len(earlier):
        raise InvalidInput("market, product, before and after must be equally long.")
    names = [np.asarray(values)[np.unique(groups, return_index=True)[1]]
             for values, groups in ((market, markets), (product, products))]  # fmt: skip
    width = int(products.max()) + 1
    used, number = np.unique(markets * width + products, return_inverse=True)
    sums: list[Any] = [
        np.bincount(number, weights) for weights in (earlier, later, earlier**2, earlier * later, later**2)
    ]
    cells = Cells(names[0][used // width], names[1][used % width], np.bincount(number), *sums)
    return growth_of_cells(cells, level=level)


@dataclass(frozen=True, slots=True)
class Cells:
    """What `growth_cells` needs of the rows of each cell, as a database can add it up; arrays of shape (n_cells,).

    Attributes
    ----------
    market, product
        Names; no two cells have both in common.
    rows
        How many customers or shops had sales in the cell, before or after.
    before, after, before_squared, both, after_squared
        Sums over the rows: sales, their squares, and the product of the two.
    """

    market: Any
    product: Any
    rows: Any
    before: FloatArray
    after: FloatArray
    before_squared: FloatArray
    both: FloatArray
    after_squared: FloatArray


def growth_of_cells(cells: Cells, *, level: float = 0.95) -> list[Growth]:
    """Return what `growth_cells` does, from sums over the rows of each cell."""
    names, markets = np.unique(np.asarray(cells.market), return_inverse=True)
    titles, products = np.unique(np.asarray(cells.product), return_inverse=True)
    old, new, n = cells.before, cells.after, len(cells.before)
    rows = np.asarray(cells.rows, dtype=np.float64)
    ratio = np.divide(new, old, out=np.ones(n), where=old > 0)
    # The sum of squares of what each row sold beyond its cell's ratio.
    away = np.maximum(cells.after_squared - 2 * ratio * cells.both + ratio**2 * cells.before_squared, 0.0)
    variance = away * rows / np.maximum(rows - 1, 1)
    usable = (old > 0) & (new > 0) & (rows > 1)
    if usable.sum() < 2:
        raise InvalidInput("Fewer than two cells have sales before and after, so there is no growth to compare.")
    noise = np.maximum(np.divide(variance, new**2, out=np.ones(n), where=new > 0), 1e-6)
    y = np.log(np.where(usable, ratio, 1.0))
    design = np.zeros((n, 1 + len(names) + len(titles)))
    design[:, 0] = 1
    design[np.arange(n), 1 + markets] = 1
    design[np.arange(n), 1 + len(names) + products] = 1
    between = 0.0
    for _ in range(30):
        weight = np.where(usable, 1 / (noise + between), 0.0)
        # A little ridge: markets and products each add up to the constant.
        inverse = np.linalg.inv((design * weight[:, None]).T @ design + 1e-3 * np.eye(design.shape[1]))
        fitted = design @ (inverse @ (design.T @ (weight * y)))
        spare = max(1, int(usable.sum()) - np.linalg.matrix_rank(design[usable]))
        excess = float((weight * (y - fitted) ** 2)[usable].sum()) / spare
        between = max(0.0, between + (excess - 1) * float(np.median(noise[usable] + between)) / 2)
    keep = np.where(usable, between / (between + noise), 0.0)
    value = fitted + keep * (y - fitted)
    of_fit = np.minimum(np.einsum("ij,jk,ik->i", design, inverse, design), 4.0)
    error = np.sqrt(keep * noise + (1 - keep) ** 2 * of_fit + np.where(usable, 0.0, between))
    z = -float(ndtri((1 - checked_level(level)) / 2))
    told = names.tolist(), titles.tolist()
    found = [
        Growth(
            told[0][markets[i]],
            told[1][products[i]],
            float(old[i]),
            float(new[i]),
            float(ratio[i] - 1) if old[i] > 0 else None,
            float(np.expm1(value[i])),
            float(np.expm1(value[i] - z * error[i])),
            float(np.expm1(value[i] + z * error[i])),
        )
        for i in range(n)
    ]
    return sorted(found, key=lambda one: -one.growth * one.before)
