"""Check what models say of facts, tags and members, and tell which tags they write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gongbi.catalog.base import ModelDef, Words
from gongbi.catalog.modelled import OF_AMOUNTS
from gongbi.catalog.numbers import check_number, refuse_other
from gongbi.catalog.score_labels import RHYTHMS, SENSITIVITIES, STAGES, TRENDS
from gongbi.catalog.spend import check_wallet
from gongbi.core.expr import Attribute, Call, Expr, FactColumn, RelatedColumn, walk, with_used
from gongbi.core.language import check_condition, check_expression
from gongbi.core.rows import row_condition, row_value
from gongbi.core.types import BOOLEAN, DATE, DOUBLE, INTEGER, TEXT, Type, category
from gongbi.core.voice import Title
from gongbi.core.world import FactShape, World
from gongbi.errors import InvalidDefinition, Refused, UnknownName, WrongType


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
    unfair
        Which reason it would be (see `estimators.pricing.unfair_reason`) to ask somebody more, and must not be.
    """

    column: str
    type: Type
    about: str
    title: Title | None = None
    tag: str | None = ""
    needs: str | None = None
    unfair: str | None = None


REASONS = 3
#: What each kind of model writes. The instant of the scores is one more column of each.
SCORES: Mapping[str, tuple[Score, ...]] = {
    "purchases": (
        Score("alive", DOUBLE, "Probability of still being a customer.", ("存活概率", "probability alive"), "alive"),
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
            "chance", DOUBLE, "Of sleepers: that they buy within {days} days.", ("唤醒概率", "chance to wake"), "wakes"
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
            "chance", DOUBLE, "Probability of leaving within {days} days.", ("离开概率", "chance to leave"), "leaves"
        ),
        Score(
            "remaining",
            DOUBLE,
            "Days that they are expected to stay yet, of as many as the longest contract learned from has lasted.",
            ("预计剩余天数", "days left"),
            "remaining",
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
        Score("chance", DOUBLE, "Probability that the event has come.", ("发生概率", "chance"), "chance"),
        Score(
            "since", DATE, "The likeliest first day after it, where it is sure enough.", ("自何时", "since"), "since"
        ),
        Score("share", DOUBLE, "Share of days to come that will bear a sign.", ("迹象占比", "share of signs"), "share"),
    ),
    "send_time": (
        Score("weekday", INTEGER, "Best day of the week, Monday being 1.", ("最佳星期", "best weekday"), "weekday"),
        Score("hour", INTEGER, "Best hour of that day, 0 to 23.", ("最佳小时", "best hour"), "hour"),
        Score("channel", TEXT, "Best channel at that hour.", ("最佳渠道", "best channel"), "channel", needs="channel"),
        Score("chance", DOUBLE, "Probability of an answer then and there.", ("回应概率", "chance"), "chance"),
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
        Score("confidence", DOUBLE, "1 of what was declared.", ("把握", "confidence"), "confidence"),
        Score("method", TEXT, "declared, inferred or unknown.", ("来源", "method"), "method"),
    ),
    "newcomers": (
        Score(
            "value", DOUBLE, "Expected value over the horizon of the target.", ("预期价值", "expected value"), "value"
        ),
        Score("chance", DOUBLE, "Probability of a value above 0.", ("购买概率", "chance to buy"), "chance"),
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
        Score("share", DOUBLE, "Spend over wallet, 0 to 1; absent for a wallet of 0.", ("份额", "share"), "share"),
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
        ),
    ),
    "texts": (
        Score("texts", INTEGER, "Texts in the last {days} days.", ("文本数", "texts"), "texts"),
        Score("negative", DOUBLE, "Share of them that is bad, 0 to 1.", ("负面占比", "share negative"), "negative"),
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
        Score("score", DOUBLE, "Calibrated probability."),
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
    return Score(by_channel(channel), DOUBLE, about, (f"{channel} 回应概率", f"chance by {channel}"), channel)


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


def check_model(model: ModelDef, world: World) -> None:
    """Check what a model says of facts, tags and members, its features aside.

    Raises
    ------
    UnknownName, InvalidExpression, WrongType
        What it names is not there, or an expression cannot be.
    """
    if check := _OF_KINDS.get(model.estimator):
        check(model, world)
    for tag in (*model.groups, *model.protected):
        if (model.subject, tag) not in world.expressions:
            raise UnknownName(f"tag of {model.subject}", tag, world.tags_of(model.subject))
    for tag in (*model.rising, *model.falling):
        if tag not in world.tags_of(model.subject):
            raise UnknownName(f"tag of {model.subject}", tag, world.tags_of(model.subject))
    _check_conditions(model, world)
    if model.baseline is not None:
        if model.baseline not in world.tags_of(model.subject):
            raise UnknownName(f"tag of {model.subject}", model.baseline, world.tags_of(model.subject))
        if not world.tags_of(model.subject)[model.baseline].is_number:
            raise WrongType(f"The baseline {model.baseline!r} is not a number.", hint="Name a tag that orders members.")


def _check_purchases(model: ModelDef, world: World) -> None:
    check_number(model, "amount", model.amount or "", world.fact(model.fact or ""))


def _check_life_event(model: ModelDef, world: World) -> None:
    from gongbi.estimators.traits import refuse_sensitive

    refuse_sensitive(f"{model.model} {model.name.zh} {model.name.en} {model.signs}")
    _check_rows(model, world)


def _check_rows(model: ModelDef, world: World) -> None:
    fact = world.fact(model.fact or "").name
    for condition in (model.where, model.answered, model.signs):
        row_condition(fact, condition or "", world, model.subject)
    for text in (model.payee, model.channel):
        if text:
            row_value(fact, text, world, model.subject)
    if model.amount:
        refuse_other(model, "amount", model.amount, row_value(fact, model.amount, world, model.subject).type)
    taken = {score.tag for score in SCORES[model.estimator]}
    if twice := [channel for channel in model.channels if channel in taken]:
        raise InvalidDefinition(
            f"Model {model.model!r}: the channel {twice[0]!r} would be a tag that says something else already.",
            hint=f"Call it otherwise in `channel`: case when {model.channel} = '{twice[0]}' then …",
        )
    if model.estimator == "send_time" and len(model.groups) > 1:
        raise InvalidDefinition(f"Model {model.model!r}: hours fall back to one group; `groups` names one tag at most.")


def _check_contracts(model: ModelDef, world: World) -> None:
    fact = world.fact(model.fact or "")
    if not fact.lasts:
        raise InvalidDefinition(
            f"Model {model.model!r}: the fact {fact.name!r} has no end, so it is no contract.",
            hint="Name a fact whose source has `time: {column: …, end: …}`.",
        )
    for condition in (model.where, model.left):
        row_condition(fact.name, condition or "", world, model.subject)
    for text in model.columns:
        if (found := row_value(fact.name, text, world, model.subject).type).is_many:
            raise WrongType(f"Model {model.model!r}: {text} has several values per contract; this is {found}.")


def _check_price(model: ModelDef, world: World) -> None:
    fact = world.fact(model.fact or "").name
    row_condition(fact, model.where or "", world, model.subject)
    for key in ("price", "quantity", "cost"):
        if text := getattr(model, key):
            refuse_other(model, key, text, row_value(fact, text, world, model.subject).type)
    for text in (model.product, model.unit):
        if text and (found := row_value(fact, text, world, model.subject).type).is_many:
            raise WrongType(f"Model {model.model!r}: {text} has several values per row; this is {found}.")
    for text in model.controls:
        found = row_value(fact, text, world, model.subject).type
        if not found.is_number and found.name != "boolean":
            raise WrongType(
                f"Model {model.model!r}: a control is a number or a truth about a row; {text} is {found}.",
                hint="Compare it, for example purchase.week = 52.",
            )
    product = row_value(fact, model.product or "", world, model.subject)
    if any(_of_buyer(part, model.subject) for part in walk(product)):
        raise Refused(
            f"Model {model.model!r}: `product` says who buys, and a price is one for all on the same terms.",
            hint="Name what is sold; who buys belongs into `groups`, which sets no price.",
        )
    _check_price_groups(model, world)


def _of_buyer(part: Expr, subject: str) -> bool:
    return (isinstance(part, RelatedColumn) and part.subject == subject) or (
        isinstance(part, FactColumn) and part.column == subject
    )


def _check_price_groups(model: ModelDef, world: World) -> None:
    """See that a price model's groups are of one tag, of few values, that is no reason to ask anybody more."""
    from gongbi.estimators.pricing import unfair_reason

    if len(model.groups) > 1:
        raise InvalidDefinition(f"Model {model.model!r}: `groups` of a price model names one tag at most.")
    known = {tag: expr for (owner, tag), expr in world.expressions.items() if owner == model.subject}
    for tag in (tag for tag in model.groups if tag in known):
        if known[tag].type.name not in ("text", "boolean", "integer"):
            raise WrongType(
                f"Model {model.model!r}: groups are of few values; {tag} is {known[tag].type}.",
                hint="Name a tag of words, of true and false or of whole numbers.",
            )
        rests = with_used([tag], known)
        names = [*rests, *(p.attribute for one in rests.values() for p in walk(one) if isinstance(p, Attribute))]
        if reason := next(filter(None, map(unfair_reason, names)), None):
            raise Refused(
                f"Model {model.model!r}: {tag} rests on {reason}, by which nobody may be asked another price.",
                hint="Name a tag of something else in `groups`, such as the kind of a household.",
            )


def _check_texts(model: ModelDef, world: World) -> None:
    fact = world.fact(model.fact or "")
    if model.subject not in fact.subjects:
        raise UnknownName(f"subject of {fact.name}", model.subject, fact.subjects)
    column = fact.columns.get(model.text or "")
    if column is None:
        raise UnknownName(f"column of {fact.name}", model.text or "", fact.columns)
    if column.name != "text":
        raise WrongType(f"Model {model.model!r}: `text` is a column of texts; {model.text} is {column}.")
    if model.label is not None and fact.column(model.label) is None:
        raise UnknownName(f"column of {fact.name}", model.label, fact.columns)


def _check_circles(model: ModelDef, world: World) -> None:
    relation = world.relation(model.relation or "")
    if {end.subject for end in relation.ends} != {model.subject}:
        ends = " and ".join(end.subject for end in relation.ends)
        raise InvalidDefinition(
            f"The relation {relation.name!r} ties {ends}; circles are of members of one subject.",
            hint=f"Name a relation between two of {model.subject}.",
        )
    if model.weight is not None:
        check_number(model, "weight", model.weight, relation)
    if model.rival is not None:
        check_condition(model.rival, world, model.subject)
    if model.worth is not None and not (found := check_expression(model.worth, world, model.subject)).type.is_number:
        raise WrongType(f"`worth` is a number; this is {found.type}.", hint="E.g. worth: tag.value.spend")
    for key in model.keys:
        check_expression(key, world, model.subject)


def check_trait(model: ModelDef, world: World) -> Expr:
    """Read what members declared: a text, and no trait that must not be inferred of anybody.

    Raises
    ------
    InvalidExpression, UnknownName, WrongType
        It is no text.
    Refused
        It is sensitive by its name.
    """
    from gongbi.estimators.traits import refuse_sensitive

    found = check_expression(model.trait or "", world, model.subject, place=model.place)
    if found.type.name != "text":
        error = WrongType(f"The trait of model {model.model!r} must be a text; this is {found.type}.")
        raise error.at(model.place) if model.place else error
    refuse_sensitive(f"{model.model} {model.trait}")
    return found


def check_target(model: ModelDef, text: str, world: World) -> Expr:
    """Read what a model foretells: a truth, or of some kinds a number, absent being 0.

    Raises
    ------
    InvalidExpression, UnknownName, WrongType
        It is not one.
    """
    amounts = model.estimator in OF_AMOUNTS
    read = check_expression if amounts else check_condition
    found = read(text, world, model.subject, ahead=True, place=model.place)
    if not any(isinstance(part, Call) and part.function.name == "ahead" for part in walk(found)):
        raise InvalidDefinition(
            f"The target of the model {model.model!r} looks at nothing after its instant.",
            hint="Use ahead(n, unit), e.g. exists(order) filter (where ahead(30, 'day')).",
            place=model.place,
        )
    if amounts and not found.type.is_number:
        what = (
            f"The target of a wallet is what members spend, a number; this is {found.type}."
            if model.estimator == "wallet"
            else f"The target of newcomers is what they come to be worth, a number; this is {found.type}."
        )
        error = WrongType(what, hint="E.g. sum(order.amount) filter (where ahead(90, 'day')).")
        raise error.at(model.place) if model.place else error
    return found


def wallet_target(model: ModelDef, world: World) -> Expr:
    """What a model of wallets says that a member spends: its target, or that of its newest cohort."""
    return check_target(model, model.target or (model.test or model.train)[-1].target, world)


def _check_conditions(model: ModelDef, world: World) -> None:
    cohorts = (*model.train, *model.test)
    now = [model.population, model.score, *(cohort.population for cohort in cohorts)]
    for aim in (model.target, *(cohort.target for cohort in cohorts)):
        if aim is not None:
            check_target(model, aim, world)
    later = [model.treated, *(cohort.treated for cohort in cohorts)]
    for ahead, texts in ((False, now), (True, later)):
        for text in texts:
            if text is not None:
                check_condition(text, world, model.subject, ahead=ahead)


#: What else is checked of some kinds.
_OF_KINDS: Mapping[str, Callable[[ModelDef, World], object]] = {
    "trait": check_trait,
    "purchases": _check_purchases,
    "stages": _check_purchases,
    "recurring": _check_rows,
    "send_time": _check_rows,
    "life_event": _check_life_event,
    "wallet": lambda model, world: check_wallet(model, wallet_target(model, world), world),
    "contracts": _check_contracts,
    "texts": _check_texts,
    "circles": _check_circles,
    "price": _check_price,
}
