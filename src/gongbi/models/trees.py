"""The propensity model as it is kept: trees, categories and calibration as text, and what each tag adds to a score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from gongbi.core.types import Type
from gongbi.errors import InvalidInput
from gongbi.estimators.checks import FloatArray
from gongbi.estimators.columns import Columns
from gongbi.estimators.propensity import PropensityModel, _PlattCurve, _RisingSteps

FORMAT = 1
DAY_US = 86_400_000_000


class KeptTrees(PropensityModel):
    """A `PropensityModel` that can be written down and explains its scores."""

    def contributions(self, frame: Any) -> FloatArray:
        """What each column adds to the uncalibrated log-odds of each row, shape (n, n_features).

        Shapley values of the trees (LightGBM's ``pred_contrib``), without the constant part.
        """
        values = self._columns.encode(frame)
        if not len(values):
            return np.empty((0, len(self._columns.names)))
        found: FloatArray = np.asarray(self._booster.predict(values, pred_contrib=True), dtype=np.float64)
        return found[:, :-1]

    def to_json(self) -> dict[str, Any]:
        """Everything that scoring needs, as JSON data."""
        curve = self._calibration
        if isinstance(curve, _RisingSteps):
            calibration: dict[str, Any] = {"raw": curve.raw.tolist(), "chance": curve.chance.tolist()}
        else:
            calibration = {"slope": curve.slope, "intercept": curve.intercept}
        return {
            "format": FORMAT,
            "columns": list(self._columns.names),
            "categories": [None if known is None else list(known) for known in self._columns.categories],
            "trees": self._booster.model_to_string(),
            "calibration": calibration,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the model that `to_json` wrote down."""
        if data.get("format") != FORMAT:
            raise InvalidInput(f"The model was written in format {data.get('format')}; this is {FORMAT}.")
        return cls().restored(data)

    def restored(self, data: Mapping[str, Any]) -> Self:
        """Take over what another model learned."""
        import lightgbm

        categories = tuple(
            None if known is None else {value: code for code, value in enumerate(known)} for known in data["categories"]
        )
        self._columns = Columns(tuple(data["columns"]), categories, is_frame=True)
        self._booster = lightgbm.Booster(model_str=data["trees"])
        curve = data["calibration"]
        self._calibration = (
            _PlattCurve(curve["slope"], curve["intercept"])
            if "slope" in curve
            else _RisingSteps(np.array(curve["raw"]), np.array(curve["chance"]))
        )
        self.feature_names_in_ = list(self._columns.names)
        return self


def feature_frame(rows: Any, types: Mapping[str, Type], as_of_us: int) -> Any:
    """Arrow columns of tags as a pandas frame that trees can read.

    Numbers and truth values become floats, texts stay texts, dates and instants become days before the instant.
    Floats keep seven digits, so that the last bits, in which engines and the order of rows may differ, move no split.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    columns: dict[str, Any] = {}
    for name, type_ in types.items():
        column = rows[name]
        if type_.name == "text":
            columns[name] = pd.Series(column.to_pylist(), dtype=object)
            continue
        if type_.name in ("date", "timestamp"):
            moments = pc.cast(pc.cast(column, pa.timestamp("us")), pa.int64())
            values = (as_of_us - pc.cast(moments, pa.float64()).to_numpy(zero_copy_only=False)) / DAY_US
        else:
            numbers = pc.cast(column, pa.int64()) if type_.name == "boolean" else column
            values = pc.cast(numbers, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        with np.errstate(over="ignore"):
            columns[name] = np.asarray(values, dtype=np.float64).astype(np.float32).astype(np.float64)
    return pd.DataFrame(columns)
