"""Traits of customers that scale the parameters of a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from gongbi.errors import InvalidInput
from gongbi.estimators.checks import FloatArray
from gongbi.estimators.likelihood import Maximum


@dataclass(frozen=True)
class Covariates:
    """The names of the columns, and the spread of each, by which they are divided while a model learns."""

    names: tuple[str, ...]
    spread: FloatArray

    @classmethod
    def learn(cls, covariates: Any, rows: int) -> Self:
        """Take a frame, whose columns have names, or an array, whose columns are named "0", "1", ...

        Raises
        ------
        InvalidInput
            When a column is constant or not of numbers, or the rows are not as many as the customers.
        """
        values = _numbers(covariates, rows)
        names = _names(covariates, values)
        spread = values.std(axis=0)
        flat = [name for name, one in zip(names, spread, strict=True) if not one > 0]
        if flat:
            raise InvalidInput(
                f"These covariates have one value only: {', '.join(flat)}.", hint="Leave them out: they say nothing."
            )
        return cls(names, spread)

    def values(self, covariates: Any, rows: int) -> FloatArray:
        """Return the columns learned, in their order, shape (rows, m)."""
        if hasattr(covariates, "columns"):
            given = [str(name) for name in covariates.columns]
            absent = [name for name in self.names if name not in given]
            if absent:
                raise InvalidInput(f"The covariates lack {', '.join(absent)}, which the model was learned with.")
            covariates = covariates.iloc[:, [given.index(name) for name in self.names]]
        values = _numbers(covariates, rows)
        if values.shape[1] != len(self.names):
            raise InvalidInput(f"The model was learned with {len(self.names)} covariates, not with {values.shape[1]}.")
        return values

    def encode(self, covariates: Any, rows: int) -> FloatArray:
        """Return the columns, each divided by its spread."""
        scaled: FloatArray = self.values(covariates, rows) / self.spread
        return scaled

    def unscaled(self, found: Maximum, plain: int, groups: int) -> Maximum:
        """Return what was learned of the divided columns, in the units of the columns themselves."""
        scale = np.concatenate([np.ones(plain), np.tile(1 / self.spread, groups)])
        return Maximum(found.params * scale, found.covariance * np.outer(scale, scale), found.log_likelihood)


def _numbers(covariates: Any, rows: int) -> FloatArray:
    try:
        values = np.asarray(covariates, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"Covariates must be numbers: {error}.", hint="Turn each category into a column of 0 and 1."
        ) from error
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or len(values) != rows:
        raise InvalidInput(f"Covariates need one row per customer: {rows}, not shape {values.shape}.")
    if not np.isfinite(values).all():
        raise InvalidInput("Covariates must be finite numbers.", hint="Fill in or leave out those that are absent.")
    return values


def _names(covariates: Any, values: FloatArray) -> tuple[str, ...]:
    if hasattr(covariates, "columns"):
        return tuple(str(name) for name in covariates.columns)
    return tuple(str(i) for i in range(values.shape[1]))
