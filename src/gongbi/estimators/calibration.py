"""Curves from the raw scores of trees, which are log-odds, to probabilities that come true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

from gongbi.estimators.checks import FloatArray

Calibration = Literal["platt", "isotonic"]


@dataclass(frozen=True, slots=True)
class PlattCurve:
    """A logistic curve; with slope 1 and intercept 0 the log-odds are taken at their word."""

    slope: float = 1.0
    intercept: float = 0.0

    def __call__(self, raw: FloatArray) -> FloatArray:
        """Return one probability per raw score."""
        chance: FloatArray = expit(self.slope * raw + self.intercept)
        return chance

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {"slope": self.slope, "intercept": self.intercept}


@dataclass(frozen=True, slots=True)
class RisingSteps:
    """A rising line through points; beyond the first and the last it is level."""

    raw: FloatArray
    chance: FloatArray

    def __call__(self, raw: FloatArray) -> FloatArray:
        """Return one probability per raw score."""
        return np.interp(raw, self.raw, self.chance)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {"raw": self.raw.tolist(), "chance": self.chance.tolist()}


Curve = PlattCurve | RisingSteps


def curve_from_json(data: Mapping[str, Any]) -> Curve:
    """Return the curve that `to_json` wrote down."""
    if "slope" in data:
        return PlattCurve(data["slope"], data["intercept"])
    return RisingSteps(np.array(data["raw"]), np.array(data["chance"]))


def fit_curve(kind: Calibration | None, raw: FloatArray, yes: FloatArray) -> Curve:
    """Learn a curve from raw scores, of trees that did not see these rows, and their outcomes, 0 or 1."""
    if kind is None:
        return PlattCurve()
    # Platt's targets: never sure of what a finite number of rows has shown.
    least, most = 1 / (len(yes) - yes.sum() + 2), (yes.sum() + 1) / (yes.sum() + 2)
    if kind == "isotonic":
        from sklearn.isotonic import IsotonicRegression

        steps = IsotonicRegression(y_min=least, y_max=most, out_of_bounds="clip").fit(raw, yes)
        return RisingSteps(steps.X_thresholds_, steps.y_thresholds_)

    target = np.where(yes == 1, most, least)
    flat = PlattCurve(0.0, float(logit(target.mean())))
    centre, spread = float(raw.mean()), float(raw.std())
    if spread < 1e-12:
        return flat
    z = (raw - centre) / spread

    def loss(line: FloatArray) -> tuple[float, FloatArray]:
        linear = line[0] * z + line[1]
        miss = expit(linear) - target
        return float(np.mean(np.logaddexp(0, linear) - target * linear)), np.array([np.mean(miss * z), np.mean(miss)])

    slope, intercept = minimize(loss, np.array([1.0, flat.intercept]), jac=True, method="BFGS").x
    # A falling curve would turn the order of members round: the scores were worth nothing, and all get the base rate.
    slope = float(slope) / spread
    return PlattCurve(slope, float(intercept) - slope * centre) if slope > 0 else flat
