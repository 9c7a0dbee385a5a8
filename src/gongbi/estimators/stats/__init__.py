"""Intervals, ranking quality, calibration, arms of experiments and matched comparisons.

Everything works on arrays, draws from an explicit seed, and returns small frozen values.
"""

from gongbi.estimators.stats.arms import arm, arms, position
from gongbi.estimators.stats.calibration import CalibrationTable, brier, calibration_table
from gongbi.estimators.stats.intervals import Interval, bootstrap_interval, difference_interval, wilson_interval
from gongbi.estimators.stats.matching import Balance, MatchedDifference, matched_difference, quantile_bins
from gongbi.estimators.stats.ranking import LiftTable, auc, auc_difference_interval, auc_interval, lift_table

__all__ = [
    "Balance",
    "CalibrationTable",
    "Interval",
    "LiftTable",
    "MatchedDifference",
    "arm",
    "arms",
    "auc",
    "auc_difference_interval",
    "auc_interval",
    "bootstrap_interval",
    "brier",
    "calibration_table",
    "difference_interval",
    "lift_table",
    "matched_difference",
    "position",
    "quantile_bins",
    "wilson_interval",
]
