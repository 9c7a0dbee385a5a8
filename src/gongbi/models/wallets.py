"""What members could spend, by their peers: learned from earlier cohorts, held to what a later one spent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Self

import numpy as np
import pyarrow as pa
from scipy.stats import spearmanr

from gongbi.catalog.base import ModelDef, Words
from gongbi.catalog.called import trait_title
from gongbi.catalog.catalog import Catalog
from gongbi.estimators.checks import FloatArray
from gongbi.estimators.stats import difference_interval, wilson_interval
from gongbi.estimators.wallet import WalletModel
from gongbi.models import drift
from gongbi.models.base import Figures, Judgement, Trained, Version, worse
from gongbi.models.cohorts import sensitive_tags, tells_spend
from gongbi.models.features import amounts
from gongbi.models.groups import CHOSEN, levels_of
from gongbi.models.markets import Markets
from gongbi.models.plan import ELSEWHERE, MARKET, OWN
from gongbi.models.propensity import SEED, CohortRows, interval_json
from gongbi.models.rivals import beside, mean_interval, side_by_side, told_beside
from gongbi.models.wallet_card import sections, sentence

FORMAT = 1
#: Fewer members of the test judge nothing.
FEWEST_JUDGED = 100
#: The share who spend more may be so many times what it should be, or one so manieth, before the wallet says nothing.
FAR = 2.0
#: Groups of the table that holds potential against what came.
FIFTHS = 5
#: Fewer members whose spend elsewhere is known show nothing.
FEWEST_KNOWN = 10
#: What versions are compared by.
LOSS = Words("每人的分位数损失", "quantile loss per member")
#: Gives the quantile of spend that a kept version foretells of each member of a cohort, shape (n,).
OnCohort = Callable[[CohortRows], FloatArray]


@dataclass(frozen=True)
class Kept:
    """A kept model: the peers, and how each market grew up to the training."""

    model: WalletModel
    growth: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {"format": FORMAT, "wallet": self.model.to_json(), "growth": dict(self.growth)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return what `to_json` wrote down."""
        return cls(WalletModel.from_json(data["wallet"]), data["growth"])

    def quantile(self, frame: Any) -> FloatArray:
        """What only few of a member's peers exceed, before it is scaled by spend elsewhere; shape (n,)."""
        return self.model.predict_quantiles(frame)[:, -1]


def learn(
    model: ModelDef,
    catalog: Catalog,
    rows: Sequence[CohortRows],
    as_of: datetime,
    left_out: Sequence[Mapping[str, str]],
    markets: Markets | None,
    champion: tuple[Version, OnCohort] | None = None,
) -> Trained:
    """Fit on the training cohorts, judge once on the newest test.

    The `champion` comes with what foretells a cohort by it, and is judged where it learned nothing from that or later.

    Raises
    ------
    InvalidInput
        Too few members to learn from, or all spend the same.
    """
    import pandas as pd

    train, test = [c for c in rows if c.role == "train"], [c for c in rows if c.role == "test"][-1]
    texts = [name for name in train[0].frame.columns if train[0].frame[name].dtype == object]
    spend = np.concatenate([_spent(c) for c in train])
    others = np.concatenate([_elsewhere(c) for c in train])
    fitted = WalletModel(quantile=model.quantile, categorical=texts, seed=SEED).fit(
        pd.concat([c.frame for c in train], ignore_index=True), spend, others
    )
    kept = Kept(fitted, markets.growth if markets is not None else {})
    figures = _figures_on(test, kept, float(np.quantile(spend, model.quantile)), sensitive_tags(model, catalog))
    if champion is not None and champion[0].saw_nothing_after(test.as_of):
        own, theirs = (
            pinball(_spent(test), of, model.quantile) for of in (kept.quantile(test.frame), champion[1](test))
        )
        figures["champion"] = beside(champion[0], own, theirs)
    judgement = judge(figures)
    metrics: Figures = {
        "headline": {
            "members": figures["members"],
            "spent_more": figures["exceeded"],
            "should_spend_more": round(1 - model.quantile, 6),
            "share": figures["share"],
            "loss": figures["loss"],
            "loss_less_that_of_the_same": figures["difference"],
        },
        "cohorts": [cohort.to_json() for cohort in rows],
        "tests": [],
        "wallet": figures,
        "tells_spend": sorted(tells_spend(model, catalog)),
        "growth": markets.to_json() if markets is not None else None,
        "sentence": told_beside(sentence(figures), figures, LOSS).to_json(),
        "sections": sections(figures, markets, partial(trait_title, catalog)),
        "judgement": judgement.to_json(),
        "left_out": list(left_out),
        "reference": drift.reference(train[-1].frame, fitted.predict(test.frame, _own(test)).wallet),
    }
    return Trained(
        model.model,
        "LightGBM, quantiles",
        kept.to_json(),
        metrics,
        {"quantile": model.quantile, "scale": fitted.scale_, "trees": fitted.trees, "seed": SEED},
        {"as_of": as_of.isoformat(), "cohorts": {r.name: r.as_of.isoformat() for r in rows}},
        judgement,
    )


def _spent(cohort: CohortRows) -> FloatArray:
    assert cohort.value is not None
    # Returns of what was bought before the instant: nothing spent, not less.
    return np.maximum(cohort.value, 0.0)


def _own(cohort: CohortRows) -> FloatArray:
    """What each had spent over the horizon before the instant."""
    return np.maximum(np.nan_to_num(amounts(cohort.known[OWN])), 0.0)


def _elsewhere(cohort: CohortRows) -> FloatArray:
    if cohort.elsewhere is None:
        return np.full(len(cohort.yes), np.nan)
    return np.maximum(cohort.elsewhere, 0.0)


def pinball(spend: FloatArray, quantile: FloatArray, tau: float) -> FloatArray:
    """The loss that a quantile has of each member, in the unit of spend.

    References
    ----------
    Koenker and Bassett (1978), Regression Quantiles, Econometrica 46.
    """
    away = spend - quantile
    return np.maximum(tau * away, (tau - 1) * away)


def compare(
    cohort: CohortRows, tau: float, versions: Sequence[Version], foretold: Sequence[FloatArray | None]
) -> tuple[Figures, list[Figures]]:
    """Quantiles that kept versions foretell of a cohort; ``loss`` is the mean quantile loss."""
    losses = [None if one is None else pinball(_spent(cohort), one, tau) for one in foretold]
    fairly = [one.saw_nothing_after(cohort.as_of) for one in versions]
    return cohort.to_json() | {"loss": "quantile loss"}, side_by_side(versions, losses, fairly)


def _figures_on(cohort: CohortRows, kept: Kept, same: float, protected: Sequence[str]) -> Figures:
    """What a cohort spent against what its peers' quantile said.

    Parameters
    ----------
    same
        The quantile of all spend that was learned from: everybody's, who knows nothing of them.

    Returns
    -------
    dict
        ``exceeded`` (the share who spent more than the quantile, with its interval), ``loss``, ``loss_of_the_same`` and
        their paired ``difference`` (all in the unit of spend); ``wallets``, ``before`` (spent over the horizon before),
        ``spent`` (totals), ``share`` and ``fifths`` of potential; ``known`` where spend elsewhere is; ``by_group`` and
        ``fairness``.
    """
    tau, spend, own = kept.model.quantile, _spent(cohort), _own(cohort)
    quantile = kept.quantile(cohort.frame)
    found = kept.model.predict(cohort.frame, own)
    over = spend > quantile
    losses, plain = pinball(spend, quantile, tau), pinball(spend, np.full(len(spend), same), tau)
    levels = {
        tag: [
            _level(level, inside, over, found.wallet, spend)
            for level, inside in levels_of(label, cohort.orders.get(tag, ()))
        ]
        for tag, label in cohort.groups.items()
    }
    total = float(found.wallet.sum())
    return {
        "cohort": cohort.name,
        "members": len(spend),
        "quantile": tau,
        "exceeded": interval_json(wilson_interval(int(over.sum()), len(over))),
        "loss": float(losses.mean()),
        "loss_of_the_same": float(plain.mean()),
        "difference": mean_interval(losses - plain),
        "wallets": total,
        "before": float(own.sum()),
        "spent": float(spend.sum()),
        "share": float(own.sum()) / total if total else None,
        "scale": kept.model.scale_,
        "fifths": _fifths(found.potential, found.wallet, own, spend),
        "known": _known(found.wallet, spend, _elsewhere(cohort)),
        "by_group": {tag: found for tag, found in levels.items() if tag not in protected},
        "fairness": {tag: levels[tag] for tag in protected if tag in levels},
    }


def _fifths(potential: FloatArray, wallet: FloatArray, own: FloatArray, spend: FloatArray) -> list[Figures]:
    """By fifths of potential, most first: what they had spent, could spend, and then spent, per member.

    ``came_true`` is the share of the potential by which they then spent more; 0 where they spent less.
    """
    found: list[Figures] = []
    order = np.argsort(-potential, kind="stable")
    for part in np.array_split(order, min(FIFTHS, len(order))):
        room = float(potential[part].sum())
        found.append(
            {
                "members": len(part),
                "before": float(own[part].mean()),
                "wallet": float(wallet[part].mean()),
                "potential": float(potential[part].mean()),
                "then": mean_interval(spend[part]),
                "more": mean_interval(spend[part] - own[part]),
                "came_true": max(0.0, float((spend[part] - own[part]).sum())) / room if room > 0 else None,
            }
        )
    return found


def _known(wallet: FloatArray, spend: FloatArray, elsewhere: FloatArray) -> Figures | None:
    """The wallets that are said of members without looking at what they spend elsewhere, against those with it."""
    told = ~np.isnan(elsewhere)
    if told.sum() < FEWEST_KNOWN:
        return None
    true = spend[told] + elsewhere[told]
    return {
        "members": int(told.sum()),
        "said": float(wallet[told].sum()),
        "true": float(true.sum()),
        "rank_correlation": float(spearmanr(wallet[told], true).statistic),
    }


def _level(level: str, inside: Any, over: Any, wallet: FloatArray, spend: FloatArray) -> Figures:
    """Whether the quantile holds in one group, and whether its members are among the highest fifth of wallets."""
    high = np.zeros(len(wallet), dtype=bool)
    # Equal wallets stand in the order of the members, which says nothing of them.
    high[np.argsort(-wallet, kind="stable")[: max(1, round(CHOSEN * len(wallet)))]] = True
    rest = ~inside
    apart = difference_interval(high[inside].astype(float), high[rest].astype(float)) if rest.sum() > 1 else None
    return {
        "level": level,
        "members": int(inside.sum()),
        "wallet": float(wallet[inside].mean()),
        "spent": float(spend[inside].mean()),
        "exceeded": interval_json(wilson_interval(int(over[inside].sum()), int(inside.sum()))),
        "chosen": interval_json(wilson_interval(int(high[inside].sum()), int(inside.sum()))),
        "difference": None if apart is None else interval_json(apart),
    }


def judge(figures: Figures) -> Judgement:
    """Not worse than the same quantile for everybody nor than the version in use, and exceeded about as often as said.

    Far off is a share of those who spend more whose whole interval lies above twice what it should be, or below half.
    """
    if figures["members"] < FEWEST_JUDGED:
        return Judgement(
            False,
            Words(
                f"{figures['cohort']} 只有 {figures['members']:,} 人：至少要 {FEWEST_JUDGED} 人才能检验。",
                f"{figures['cohort']} has {figures['members']:,} members: it takes {FEWEST_JUDGED} to judge it by.",
            ),
        )
    if (waits := worse(figures, LOSS)) is not None:
        return waits
    if figures["difference"]["low"] > 0:
        return Judgement(
            False,
            Words(
                f"在 {figures['cohort']} 上，分位数损失比人人用同一钱包还大，区间不含 0。",
                f"On {figures['cohort']} its quantile loss exceeds that of the same wallet for everybody, with an"
                " interval without 0.",
            ),
        )
    should, seen = 1 - figures["quantile"], figures["exceeded"]
    if seen["low"] > FAR * should or seen["high"] < should / FAR:
        return Judgement(
            False,
            Words(
                f"应有 {should:.0%} 的人花得比同类的分位数多，实际是 {seen['estimate']:.1%}，区间在一半到两倍之外。",
                f"Of members {should:.0%} should spend more than their peers' quantile, and {seen['estimate']:.1%} did:"
                " the interval lies beyond half and twice as many.",
            ),
        )
    return Judgement(
        True,
        Words(
            "不显著差于人人用同一钱包，花得更多的人也与所说的相近。",
            "It is not shown to be worse than the same wallet for everybody, and about as many spend more as it says.",
        ),
    )


def scores(kept: Kept, frame: Any) -> dict[str, pa.Array]:
    """``wallet``, ``share``, ``potential``, ``known`` and, of markets that were learned, ``growth`` of each row."""
    own = np.maximum(np.nan_to_num(frame[OWN].to_numpy()), 0.0)
    others = np.maximum(frame[ELSEWHERE].to_numpy(), 0.0) if ELSEWHERE in frame else None
    found = kept.model.predict(frame, own, others)
    told = {
        "wallet": pa.array(found.wallet, pa.float64()),
        "share": pa.array(found.share, pa.float64(), from_pandas=True),
        "potential": pa.array(found.potential, pa.float64()),
        "known": pa.array(found.known, pa.bool_()),
    }
    if MARKET in frame:
        growth = [kept.growth.get(str(name)) if name is not None else None for name in frame[MARKET]]
        told["growth"] = pa.array(growth, pa.float64())
    return told
