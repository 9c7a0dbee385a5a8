"""What each kind of model writes of a member: the columns of its scores, and the tags that they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gongbi.catalog.base import ModelDef, Words
from gongbi.catalog.score_labels import RHYTHMS, SENSITIVITIES, STAGES, TRENDS
from gongbi.core.types import BOOLEAN, DATE, DOUBLE, INTEGER, TEXT, Type, category
from gongbi.core.voice import Title
from gongbi.core.world import FactShape


@dataclass(frozen=True, slots=True)
class Score:
    """A column of a model's scores, and the tag that it is.

    Parameters
    ----------
    column
        Its name in the table of the scores.
    title
        What it is called after the model's own name; nothing where it is the model's score as such.
    tag
        What follows the model's name in the tag's; None where the column is no tag.
    about
        What its values mean; ``{days}`` stands for the horizon.
    needs
        The key without which a model does not write it.
    unit
        The unit of its values; None where it has none, or has that of the facts.
    unfair
        Which reason it would be (see `estimators.pricing.unfair_reason`) to ask somebody more, and must not be.
    """

    column: str
    type: Type
    about: str
    title: Title | None = None
    tag: str | None = ""
    needs: str | None = None
    unit: str | None = None
    unfair: str | None = None


REASONS = 3
#: What each kind of model writes. The instant of the scores is one more column of each.
SCORES: Mapping[str, tuple[Score, ...]] = {
    "purchases": (
        Score(
            "alive",
            DOUBLE,
            "Probability of still being a customer.",
            ("存活概率", "probability alive"),
            "alive",
            unit="probability",
        ),
        Score(
            "purchases",
            DOUBLE,
            "Days with a purchase expected in the next {days} days.",
            ("预期购买次数", "expected purchases"),
            "purchases",
        ),
        Score(
            "value",
            DOUBLE,
            "Spend expected in the next {days} days, in money of the fact.",
            ("预期价值", "expected value"),
            "value",
        ),
    ),
    "clusters": (
        Score("cluster", INTEGER, "Number of the nearest centre, from 1 on."),
        Score("clarity", DOUBLE, "0 halfway to the next centre, 1 on its own.", tag=None),
    ),
    "uplift": (
        Score("score", DOUBLE, "What the treatment changes in the probability of the outcome."),
        Score("without", DOUBLE, "Probability of the outcome without treatment.", tag=None),
        Score(
            "group",
            TEXT,
            "persuadable, sure_thing, lost_cause or sleeping_dog.",
            ("响应类型", "kind of response"),
            "group",
        ),
    ),
    "stages": (
        Score(
            "stage",
            category(TEXT, tuple(STAGES), ordered=True),
            "new, growing, mature, fading, dormant or lost.",
            ("生命阶段", "stage"),
            "stage",
        ),
        Score(
            "chance",
            DOUBLE,
            "Of sleepers: that they buy within {days} days.",
            ("唤醒概率", "chance to wake"),
            "wakes",
            unit="probability",
        ),
        Score(
            "worth_if_woken",
            DOUBLE,
            "Of sleepers: what they would spend in {days} days, were they still customers.",
            ("唤醒后的价值", "worth if woken"),
            "worth_if_woken",
        ),
        Score("hidden_value", DOUBLE, "The product of the two.", ("潜在价值", "hidden value"), "hidden_value"),
    ),
    "contracts": (
        Score(
            "chance",
            DOUBLE,
            "Probability of leaving within {days} days.",
            ("离开概率", "chance to leave"),
            "leaves",
            unit="probability",
        ),
        Score(
            "remaining",
            DOUBLE,
            "Days that they are expected to stay yet, of as many as the longest contract learned from has lasted.",
            ("预计剩余天数", "days left"),
            "remaining",
            unit="days",
        ),
    ),
    "recurring": (
        Score("count", INTEGER, "How many recurrences go on.", ("重复行为数", "recurrences"), "count"),
        Score("next", DATE, "The day on which the first of them is due.", ("下次日期", "next"), "next"),
        Score("payee", TEXT, "To whom or for what that is.", ("下次对象", "next payee"), "payee"),
        Score(
            "rhythm", category(TEXT, tuple(RHYTHMS), ordered=True), "How often it comes.", ("节奏", "rhythm"), "rhythm"
        ),
        Score("amount", DOUBLE, "Its usual amount, in money of the fact.", ("下次金额", "next amount"), "amount"),
        Score("monthly", DOUBLE, "What all of them come to in a month.", ("每月合计", "in a month"), "monthly"),
    ),
    "life_event": (
        Score(
            "chance",
            DOUBLE,
            "Probability that the event has come.",
            ("发生概率", "chance"),
            "chance",
            unit="probability",
        ),
        Score(
            "since", DATE, "The likeliest first day after it, where it is sure enough.", ("自何时", "since"), "since"
        ),
        Score(
            "share",
            DOUBLE,
            "Share of days to come that will bear a sign.",
            ("迹象占比", "share of signs"),
            "share",
            unit="share",
        ),
    ),
    "send_time": (
        Score("weekday", INTEGER, "Best day of the week, Monday being 1.", ("最佳星期", "best weekday"), "weekday"),
        Score(
            "hour", INTEGER, "Best hour of that day, 0 to 23.", ("最佳小时", "best hour"), "hour", unit="hour of day"
        ),
        Score("channel", TEXT, "Best channel at that hour.", ("最佳渠道", "best channel"), "channel", needs="channel"),
        Score(
            "chance",
            DOUBLE,
            "Probability of an answer then and there.",
            ("回应概率", "chance"),
            "chance",
            unit="probability",
        ),
        Score(
            "basis",
            TEXT,
            "Whose answers say so: own, group or everybody; trial where the hour was drawn to learn more.",
            ("依据", "basis"),
            "basis",
        ),
    ),
    "trait": (
        Score("value", TEXT, "What was declared, or is inferred.", ("取值", "value"), "value"),
        Score(
            "confidence", DOUBLE, "1 of what was declared.", ("把握", "confidence"), "confidence", unit="probability"
        ),
        Score("method", TEXT, "declared, inferred or unknown.", ("来源", "method"), "method"),
    ),
    "newcomers": (
        Score(
            "value", DOUBLE, "Expected value over the horizon of the target.", ("预期价值", "expected value"), "value"
        ),
        Score(
            "chance",
            DOUBLE,
            "Probability of a value above 0.",
            ("购买概率", "chance to buy"),
            "chance",
            unit="probability",
        ),
        Score("amount", DOUBLE, "Value expected if there is one.", ("若购买的金额", "worth if they buy"), "amount"),
    ),
    "wallet": (
        Score(
            "wallet",
            DOUBLE,
            "What they could spend over the horizon of the target, in its unit.",
            ("钱包", "wallet"),
            "wallet",
        ),
        Score(
            "share",
            DOUBLE,
            "Spend over wallet, 0 to 1; absent for a wallet of 0.",
            ("份额", "share"),
            "share",
            unit="share",
        ),
        Score(
            "potential",
            DOUBLE,
            "Wallet less spend: an upper sketch, and no forecast.",
            ("潜力", "potential"),
            "potential",
        ),
        Score(
            "known", BOOLEAN, "Whether what they spend elsewhere is known.", ("钱包是否已知", "wallet known"), "known"
        ),
        Score(
            "growth",
            DOUBLE,
            "Growth of their market over all products as of the training; 0.1 is ten per cent.",
            ("市场增长", "growth of market"),
            "growth",
            needs="market",
            unit="share",
        ),
    ),
    "texts": (
        Score("texts", INTEGER, "Texts in the last {days} days.", ("文本数", "texts"), "texts"),
        Score(
            "negative",
            DOUBLE,
            "Share of them that is bad, 0 to 1.",
            ("负面占比", "share negative"),
            "negative",
            unit="share",
        ),
        Score("sentiment", TEXT, "Of the newest: good or bad.", ("最近情感", "last sentiment"), "sentiment"),
        Score("mood", TEXT, "The newest mood that was told.", ("最近心情", "last mood"), "mood"),
        Score("topic", TEXT, "The topic of most of them, by its words.", ("主要话题", "main topic"), "topic"),
        Score("label", TEXT, "Of the newest: its label.", ("最近标签", "last label"), "label", needs="label"),
    ),
    "circles": (
        Score("circle", INTEGER, "Number of the circle, 1 for the largest.", ("圈子", "circle"), "circle"),
        Score("size", INTEGER, "Members of the circle.", ("圈子大小", "size of circle"), "size"),
        Score("role", TEXT, "core, bridge, member or alone.", ("圈子角色", "role in circle"), "role"),
        Score("reach", DOUBLE, "Chance to be met by who follows ties (PageRank).", ("影响力", "reach"), "reach"),
        Score(
            "rivals",
            DOUBLE,
            "Share of the circle's members whom a rival has.",
            ("圈内竞争对手占比", "rivals in circle"),
            "rivals",
            needs="rival",
            unit="share",
        ),
        Score(
            "referral",
            DOUBLE,
            "What their referrals may bring in, in the unit of `worth`.",
            ("推荐价值", "referral value"),
            "referral",
            needs="worth",
        ),
        Score(
            "household",
            INTEGER,
            "Number of the household; absent for who shares no key.",
            ("家庭", "household"),
            "household",
            needs="keys",
        ),
    ),
    "price": (
        Score(
            "sensitivity",
            DOUBLE,
            "Elasticity of what they bought in the last year, by spend. Never a reason to ask anybody more.",
            ("价格弹性", "price elasticity"),
            "sensitivity",
            unfair="willingness to pay",
        ),
        Score(
            "on_offer",
            DOUBLE,
            "Share of their pieces of the last half-year bought at least 5 % below the usual price. Never a reason to"
            " ask anybody more.",
            ("优惠购买占比", "share bought on offer"),
            "on_offer",
            unit="share",
            unfair="willingness to pay",
        ),
        Score(
            "level",
            category(TEXT, tuple(SENSITIVITIES), ordered=True),
            "low, usual or high: the quarter that answers least, the half between, the quarter that answers most. Never"
            " a reason to ask anybody more.",
            ("价格敏感程度", "price sensitivity"),
            "level",
            unfair="willingness to pay",
        ),
    ),
    "propensity": (
        Score("score", DOUBLE, "Calibrated probability.", unit="probability"),
        Score(
            "trend",
            category(TEXT, tuple(TRENDS), ordered=True),
            "falling, steady or rising, beside the same model's word of some days before.",
            ("趋势", "trend"),
            "trend",
            needs="trend_days",
        ),
        Score(
            "change",
            DOUBLE,
            "The probability less what it would be, had it moved as everybody's did.",
            ("变化", "change"),
            "change",
            needs="trend_days",
            unit="share",
        ),
        *(
            Score(
                f"reason_{i}",
                TEXT,
                "A tag, its value and, in brackets, what it adds to the log-odds.",
                (f"原因{i}", f"reason {i}"),
                f"reason_{i}",
            )
            for i in range(1, REASONS + 1)
        ),
    ),
}


def scores_of(model: ModelDef) -> tuple[Score, ...]:
    """The columns that a model writes."""
    found = tuple(one for one in SCORES[model.estimator] if one.needs is None or getattr(model, one.needs))
    return (*found, *map(_by_channel, model.channels))


def by_channel(channel: str) -> str:
    """The column of the chance that a member answers in a channel."""
    return f"by_{channel}"


def _by_channel(channel: str) -> Score:
    about = f"Probability of an answer by {channel} at the best hour for it."
    return Score(
        by_channel(channel), DOUBLE, about, (f"{channel} 回应概率", f"chance by {channel}"), channel, unit="probability"
    )


#: What a ``texts`` model says of each text; with labels also ``label`` and ``sure``.
SAID: Mapping[str, Type] = {
    "sentiment": TEXT,
    "good": DOUBLE,
    "mood": TEXT,
    "topic": INTEGER,
    "topic_words": TEXT,
}


def written_fact(model: ModelDef, id_type: Type) -> FactShape | None:
    """The fact ``NAME_said`` that a ``texts`` model writes, one row per text; None of other models."""
    if model.estimator != "texts":
        return None
    columns = dict(SAID) | ({"label": TEXT, "sure": DOUBLE} if model.label else {})
    name = f"{model.model}_said"
    return FactShape(name, f"fact_{name}", columns, {model.subject: id_type}, recorded=True)


def _tags(model: ModelDef) -> dict[str, Score]:
    begin = "cluster" if model.estimator == "clusters" else "model"
    named = [(score, score.tag) for score in scores_of(model) if score.tag is not None]
    return {f"{begin}.{model.model}" + (f".{tag}" if tag else ""): score for score, tag in named}


def score_of(models: Mapping[str, ModelDef], tag: str) -> tuple[ModelDef, Score] | None:
    """The model that writes a tag, and the score that it is; None where none does."""
    for model in models.values():
        if (score := _tags(model).get(tag)) is not None:
            return model, score
    return None


def is_reason(models: Mapping[str, ModelDef], tag: str) -> bool:
    """Whether a tag says of single members why they have their score, so that nothing is compared by it."""
    found = score_of(models, tag)
    return found is not None and found[1].column.startswith("reason_")


def written_tags(models: Mapping[str, ModelDef]) -> dict[tuple[str, str], Type]:
    """(subject, tag) → type, of all that models write."""
    return {(model.subject, tag): score.type for model in models.values() for tag, score in _tags(model).items()}


def model_tags(model: ModelDef) -> dict[str, str]:
    """Tags that a model writes → column of its score table."""
    return {tag: score.column for tag, score in _tags(model).items()}


def unfair_tags(model: ModelDef) -> dict[str, str]:
    """Tags that a model writes by which nobody may be asked more → the reason that each would be."""
    return {tag: score.unfair for tag, score in _tags(model).items() if score.unfair is not None}


def tag_titles(model: ModelDef) -> dict[str, Words]:
    """Tags that a model writes → what people call them: the model's name, and what is told of several apart."""
    zh, en = model.name.zh or model.model, model.name.en or model.model
    return {
        tag: Words(f"{zh} · {score.title[0]}", f"{en} · {score.title[1]}") if score.title else Words(zh, en)
        for tag, score in _tags(model).items()
    }
