"""Learn how often customers buy and what they spend, and check it on the last days of the data. Time is in weeks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gongbi.catalog.base import ModelDef, Words
from gongbi.errors import DidNotConverge, GongbiError, InvalidInput
from gongbi.estimators.checks import FloatArray
from gongbi.estimators.histories import PurchaseModel
from gongbi.estimators.opportunities import BetaGeoBetaBinomModel
from gongbi.estimators.pareto import ParetoNBDModel
from gongbi.estimators.purchases import BetaGeoModel, ModifiedBetaGeoModel
from gongbi.estimators.spend import AverageSpend, GammaGammaModel
from gongbi.estimators.stats import Interval, bootstrap_interval, quantile_bins
from gongbi.models.base import Figures, Judgement, Trained, Version, worse
from gongbi.models.propensity import interval_json
from gongbi.models.rivals import fair
from gongbi.translation import in_language

FORMAT = 1
DAYS = 7.0
SEED = 20170101
RESAMPLES = 1000
GROUPS = 6
#: What may say how often somebody buys.
OFTEN: Mapping[str, type[PurchaseModel]] = {
    "beta_geo": BetaGeoModel,
    "modified_beta_geo": ModifiedBetaGeoModel,
    "pareto_nbd": ParetoNBDModel,
}
#: Of these one must be chosen: they know no days, only whether there was a purchase in a week.
BY_WEEK: Mapping[str, type[PurchaseModel]] = {"beta_geo_beta_binom": BetaGeoBetaBinomModel}
_EVERY = {**OFTEN, **BY_WEEK}
OFTEN_TITLES = {
    "beta_geo": "BG/NBD",
    "modified_beta_geo": "MBG/NBD",
    "pareto_nbd": "Pareto/NBD",
    "beta_geo_beta_binom": "BG/BB",
}
#: What may say how much a purchase is worth, by the name that figures and kept models give it.
SPEND_MODELS: Mapping[str, type[GammaGammaModel | AverageSpend]] = {
    "gamma_gamma": GammaGammaModel,
    "average": AverageSpend,
}
SPEND_TITLES = {"gamma_gamma": "Gamma-Gamma", "average": "average spend"}
# Averages come from divisions: those that are equal in money may differ in their last digits.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Histories:
    """Purchase histories, one entry per member: repeat purchases, weeks to the last and to the end, mean spend.

    `mean_spend` is that of the repeat purchases, 0 where there is none.
    """

    frequency: FloatArray
    recency: FloatArray
    age: FloatArray
    mean_spend: FloatArray

    @classmethod
    def of(cls, rows: Mapping[str, FloatArray], prefix: str = "") -> Self:
        """Take them from the columns of the plan, which count days and sum up the spend."""
        frequency, spend = rows[f"{prefix}frequency"], rows[f"{prefix}spend"]
        mean = np.divide(spend, frequency, out=np.zeros_like(spend), where=frequency > 0)
        return cls(frequency, rows[f"{prefix}recency"] / DAYS, rows[f"{prefix}age"] / DAYS, mean)


@dataclass(frozen=True)
class PurchaseModels:
    """A model of how often; Gamma-Gamma for how much, or averages as they are where the data determine none."""

    often: PurchaseModel
    much: GammaGammaModel | AverageSpend

    @classmethod
    def fit(cls, history: Histories, often: str) -> Self:
        """Learn how often from everybody, and how much from those who came back."""
        back = history.frequency > 0
        if not back.any():
            raise InvalidInput("Nobody bought on a second day, so there is nothing to learn purchases from.")
        model = _EVERY[often]().fit(history.frequency, history.recency, history.age)
        return cls(model, fit_spend(history.frequency[back], history.mean_spend[back]))

    @property
    def often_model(self) -> str:
        """The name of what says how often."""
        return next(name for name, kind in _EVERY.items() if type(self.often) is kind)

    @property
    def spend_model(self) -> str:
        """The name of what says how much."""
        return next(name for name, kind in SPEND_MODELS.items() if isinstance(self.much, kind))

    def predict(self, history: Histories, horizon_days: int) -> dict[str, FloatArray]:
        """Survival probability, expected purchases and expected spend in the days to come."""
        past = (history.frequency, history.recency, history.age)
        purchases = self.often.predict_purchases(horizon_days / DAYS, *past)
        return {
            "alive": self.often.predict_alive(*past),
            "purchases": purchases,
            "value": purchases * self.much.predict_value(history.frequency, history.mean_spend),
        }

    def to_json(self) -> dict[str, Any]:
        """What scoring needs, as JSON data."""
        return {
            "format": FORMAT,
            "unit": "week",
            "often": self.often.params_,
            "often_model": self.often_model,
            "spend_model": self.spend_model,
            "much": self.much.params_,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the models that `to_json` wrote down."""
        if data.get("format") != FORMAT:
            raise InvalidInput(f"The model was written in format {data.get('format')}; this is {FORMAT}.")
        # The first models that were kept knew one way only.
        often, much = (
            _EVERY[data.get("often_model", "beta_geo")](),
            SPEND_MODELS[data.get("spend_model", "gamma_gamma")](),
        )
        often.params_, much.params_ = dict(data["often"]), dict(data["much"])
        return cls(often, much)


def fit_spend(frequency: FloatArray, mean: FloatArray) -> GammaGammaModel | AverageSpend:
    """Learn how much; where no model of it can be had, that is no reason to know nothing of how often."""
    plain = AverageSpend().fit(frequency, mean)
    if _all_equal(mean):
        return plain
    try:
        fitted = GammaGammaModel().fit(frequency, mean)
    except DidNotConverge:
        return plain
    # With q of 1 or less everybody's mean is infinite, and so is all that is expected.
    return fitted if fitted.params_["q"] > 1 else plain


def _all_equal(values: FloatArray) -> bool:
    return bool(np.ptp(values) <= ROUNDING * np.abs(values).max())


def learn(model: ModelDef, rows: Mapping[str, FloatArray], as_of: datetime, champion: Version | None = None) -> Trained:
    """Fit on everything, check on a hold-out, judge; `rows` are the columns of `history_plan`, null as NaN.

    The `champion` is one that learned nothing from the hold-out: it foretells the same days of the same members.
    """
    if not len(rows["frequency"]):
        raise InvalidInput(f"There is no purchase before {as_of:%Y-%m-%d}.")
    history = Histories.of(rows)
    models = PurchaseModels.fit(history, model.often)
    expected = models.predict(history, model.horizon_days)
    try:
        check: Figures | None = _holdout(model, rows, champion)
        judgement = _judge(check or {}, model.holdout_days)
    except (InvalidInput, DidNotConverge) as error:
        check, judgement = None, _unchecked(error)
    back = history.frequency > 0
    figures: Figures = {
        "headline": _headline(check),
        "unit": "week",
        "members": len(back),
        "repeat_buyers": int(back.sum()),
        "often_model": model.often,
        model.often: _fitted(models.often),
        "spend_model": models.spend_model,
        models.spend_model: _fitted(models.much),
        # Gamma-Gamma takes spend and frequency for independent; near 0 this correlation supports it.
        "correlation_of_frequency_and_spend": _correlation(history.frequency[back], history.mean_spend[back]),
        "horizon_days": model.horizon_days,
        "expected_purchases": float(expected["purchases"].sum()),
        "expected_value": float(expected["value"].sum()),
        "mean_alive": float(expected["alive"].mean()),
        "holdout": check,
        "caveats": [words.to_json() for words in _caveats(models, history)],
        "sentence": _sentence(check).to_json(),
        "judgement": judgement.to_json(),
    }
    parameters = {model.often: models.often.params_, models.spend_model: models.much.params_}
    window = {"as_of": as_of.isoformat(), "horizon_days": model.horizon_days, "holdout_days": model.holdout_days}
    algorithm = f"{OFTEN_TITLES[model.often]}, {SPEND_TITLES[models.spend_model]}"
    return Trained(model.model, algorithm, models.to_json(), figures, parameters, window, judgement)


def scores(model: ModelDef, artifact: Mapping[str, Any], rows: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """What a kept model says of histories: ``alive``, ``purchases`` and ``value``, each of shape (n,)."""
    if not len(rows["frequency"]):
        return {name: np.empty(0) for name in ("alive", "purchases", "value")}
    return PurchaseModels.from_json(artifact).predict(Histories.of(rows), model.horizon_days)


def _fitted(model: PurchaseModel | GammaGammaModel | AverageSpend) -> Figures:
    if isinstance(model, AverageSpend):
        return {"parameters": dict(model.params_), "members": model.n_customers_}
    return {
        "parameters": dict(model.params_),
        "standard_errors": dict(model.standard_errors_),
        "log_likelihood": model.log_likelihood_,
        "members": int(model.n_customers_),
    }


def _holdout(model: ModelDef, rows: Mapping[str, FloatArray], champion: Version | None) -> Figures:
    """Learn up to the cut, predict the days after it, and compare with what happened and with the count before."""
    known, rows = _known_at_the_cut(model, rows)
    history, actual, previous = Histories.of(rows, "cut_"), rows["actual"], rows["previous"]
    models = PurchaseModels.fit(history, model.often)
    predicted = models.predict(history, model.holdout_days)
    own, naive = np.abs(predicted["purchases"] - actual), np.abs(previous - actual)
    groups = _by_frequency(history.frequency, predicted["purchases"], actual)
    beside = {} if champion is None else {"champion": _beside(model, history, actual, own, champion)}
    return {
        **beside,
        "days": model.holdout_days,
        "members": known,
        "often_model": model.often,
        model.often: _fitted(models.often),
        "spend_model": models.spend_model,
        "actual": float(actual.sum()),
        "predicted": float(predicted["purchases"].sum()),
        "predicted_over_actual": _ratio(predicted["purchases"], actual),
        "actual_spend": float(rows["actual_spend"].sum()),
        "predicted_spend": float(predicted["value"].sum()),
        "mean_absolute_error": float(own.mean()),
        "root_mean_squared_error": float(np.sqrt(np.mean((predicted["purchases"] - actual) ** 2))),
        "correlation": _correlation(predicted["purchases"], actual),
        "naive": {
            "what": f"as many as in the {model.holdout_days} days before",
            "predicted": float(previous.sum()),
            "mean_absolute_error": float(naive.mean()),
            "root_mean_squared_error": float(np.sqrt(np.mean((previous - actual) ** 2))),
            "correlation": _correlation(previous, actual),
        },
        "error_minus_naive": interval_json(_mean_interval(own - naive)),
        "by_frequency": groups,
        "groups_within_interval": sum(g["actual"]["low"] <= g["predicted"] <= g["actual"]["high"] for g in groups),
    }


def _known_at_the_cut(model: ModelDef, rows: Mapping[str, FloatArray]) -> tuple[int, dict[str, FloatArray]]:
    known = ~np.isnan(rows["cut_frequency"])
    if not known.any():
        raise InvalidInput(f"Nobody had bought {model.holdout_days} days before the end of the data.")
    return int(known.sum()), {name: values[known] for name, values in rows.items()}


def _beside(model: ModelDef, history: Histories, actual: FloatArray, own: FloatArray, champion: Version) -> Figures:
    """The version in use on the same days; the difference is of mean errors, below 0 where the new one errs less."""
    predicted = PurchaseModels.from_json(champion.artifact).predict(history, model.holdout_days)["purchases"]
    errors = np.abs(predicted - actual)
    difference = interval_json(_mean_interval(own - errors))
    return {"version": champion.version, "mean_absolute_error": float(errors.mean()), "difference": difference}


def side_by_side(
    model: ModelDef, rows: Mapping[str, FloatArray], as_of: datetime, zone: str, versions: Sequence[Version]
) -> tuple[Figures, list[Figures]]:
    """Kept versions on the days after the cut; ``difference`` is of the mean error to the first one's."""
    members, rows = _known_at_the_cut(model, rows)
    history, actual = Histories.of(rows, "cut_"), rows["actual"]
    found: list[Figures] = []
    first = None
    for version in versions:
        predicted = PurchaseModels.from_json(version.artifact).predict(history, model.holdout_days)
        errors = np.abs(predicted["purchases"] - actual)
        first = errors if first is None else first
        found.append(
            {
                "version": version.version,
                "fair": fair(version, model.holdout_days, as_of, zone) is not None,
                "predicted": float(predicted["purchases"].sum()),
                "predicted_spend": float(predicted["value"].sum()),
                "mean_absolute_error": float(errors.mean()),
                "correlation": _correlation(predicted["purchases"], actual),
                "difference": interval_json(_mean_interval(errors - first)),
            }
        )
    naive = float(np.abs(rows["previous"] - actual).mean())
    told = {"days": model.holdout_days, "members": members, "actual": float(actual.sum())}
    return {**told, "naive_mean_absolute_error": naive}, found


def _by_frequency(frequency: FloatArray, predicted: FloatArray, actual: FloatArray) -> list[Figures]:
    label = quantile_bins(frequency, GROUPS)
    found = []
    for group in range(int(label.max()) + 1):
        inside: NDArray[np.bool_] = label == group
        found.append(
            {
                "frequency_from": int(frequency[inside].min()),
                "frequency_to": int(frequency[inside].max()),
                "members": int(inside.sum()),
                "predicted": float(predicted[inside].mean()),
                "actual": interval_json(_mean_interval(actual[inside])),
            }
        )
    return found


def _mean_interval(values: FloatArray) -> Interval:
    return bootstrap_interval(lambda drawn: float(np.mean(drawn)), values, seed=SEED, resamples=RESAMPLES)


def _correlation(a: FloatArray, b: FloatArray) -> float | None:
    if len(a) < 2 or _all_equal(a) or _all_equal(b):
        return None
    return float(np.corrcoef(a, b)[0, 1])


def _ratio(a: FloatArray, b: FloatArray) -> float | None:
    return float(a.sum() / b.sum()) if b.sum() else None


def _headline(check: Figures | None) -> Figures | None:
    if check is None:
        return None
    names = ("days", "actual", "predicted", "predicted_over_actual", "mean_absolute_error", "correlation")
    return {name: check[name] for name in names} | {
        "naive_mean_absolute_error": check["naive"]["mean_absolute_error"],
        "naive_correlation": check["naive"]["correlation"],
    }


def _judge(check: Figures, days: int) -> Judgement:
    error = Words(f"最后 {days} 天的每人平均误差", f"mean error per member in the last {days} days")
    if (waits := worse(check, error)) is not None:
        return waits
    gap = check["error_minus_naive"]
    if gap["low"] > 0:
        return Judgement(
            False,
            Words(
                f"在最后 {days} 天里，每人平均误差比“照搬上一期”大 {gap['estimate']:.3f}，区间不含 0。",
                f"In the last {days} days its mean error per member is {gap['estimate']:.3f} more than that of"
                " repeating the period before, with an interval without 0.",
            ),
        )
    return Judgement(
        True,
        Words(
            "留出期内不显著差于“照搬上一期”。",
            "In the hold-out it is not shown to be worse than repeating the period before.",
        ),
    )


def _unchecked(error: GongbiError) -> Judgement:
    return Judgement(
        False,
        Words(
            f"无法做留出检验：{in_language(error.message, 'zh')}",
            f"No hold-out check could be made: {error.message}",
        ),
    )


def _sentence(check: Figures | None) -> Words:
    if check is None:
        return Words("没有留出检验。", "There is no hold-out check.")
    naive, gap = check["naive"], check["error_minus_naive"]
    span = f"{gap['low']:+.3f} ~ {gap['high']:+.3f}"
    if gap["high"] < 0:
        verdict = ("更准", "it is more exact")
    elif gap["low"] > 0:
        verdict = ("更不准", "it is less exact")
    else:
        verdict = ("无法断定孰优孰劣", "neither is shown to be more exact")
    days, counts = check["days"], (check["predicted"], check["actual"])
    right, groups = check["groups_within_interval"], len(check["by_frequency"])
    errors = (check["mean_absolute_error"], naive["mean_absolute_error"])
    return Words(
        f"最后 {days} 天：预测 {counts[0]:,.0f} 个购买日，实际 {counts[1]:,.0f}。"
        f"每人平均误差 {errors[0]:.2f}，照搬上一期 {errors[1]:.2f}（差 {span}）：{verdict[0]}。"
        f"按频次分 {groups} 组，{right} 组的预测落在实际均值的区间内。",
        f"Last {days} days: {counts[0]:,.0f} purchase days predicted, {counts[1]:,.0f} seen. Mean error per member"
        f" {errors[0]:.2f}, of repeating the period before {errors[1]:.2f} (difference {span}): {verdict[1]}."
        f" In {right} of {groups} groups by frequency the prediction lies within the interval of what was seen.",
    )


def _caveats(models: PurchaseModels, history: Histories) -> list[Words]:
    found = [
        Words(
            "首次购买是数据里的第一次；更早的历史看不到。",
            "The first purchase is the first in the data; what came before it is not seen.",
        )
    ]
    if models.often_model in BY_WEEK:
        found.append(
            Words(
                "按整周计：一周内有购买算一次，从周一起算；最后不满的一周不计，预测从上一整周的末尾起。",
                "It counts weeks from Monday on with a purchase. A last week that is not over is left out: what is"
                " expected begins with the end of the last whole one.",
            )
        )
    vague = [name for name, error in models.often.standard_errors_.items() if error > models.often.params_[name]]
    if vague:
        names = ", ".join(vague)
        found.append(
            Words(
                f"参数 {names} 的标准误大于其值：数据几乎没有显示谁离开了，存活概率只能粗看。",
                f"The standard error of {names} exceeds the value: the data hardly show anybody leaving, so read"
                " the survival probability loosely.",
            )
        )
    if isinstance(models.much, AverageSpend):
        found.append(_without_gamma_gamma(models.much, history.mean_spend[history.frequency > 0]))
    return found


def _without_gamma_gamma(much: AverageSpend, means: FloatArray) -> Words:
    average = f"{much.params_['mean']:,.2f}"
    if _all_equal(means):
        return Words(
            f"所有回头客每次购买的平均花费都是 {average}，没有差异可供 Gamma-Gamma 模型学习；预期花费即按此平均计算。",
            f"All who came back spend {average} a purchase on average: there is no difference for a Gamma-Gamma model"
            " to learn, so the average itself is what a purchase is expected to be worth.",
        )
    return Words(
        "这些数据定不出 Gamma-Gamma 模型：回头客太少，或各人平均花费的差异太小或大得没有边际。"
        f"预期花费按各人自己的平均计算，不向总平均收缩；没有回头购买的人按总平均 {average} 计算。",
        "The data determine no Gamma-Gamma model: too few came back, or their averages differ too little, or without"
        " bounds. A purchase is expected to be worth the customer's own average, not pulled toward everybody's;"
        f" {average}, everybody's, where there is none.",
    )
