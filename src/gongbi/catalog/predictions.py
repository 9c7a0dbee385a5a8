"""Check what models say of facts, tags and members."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gongbi.catalog.base import ModelDef
from gongbi.catalog.modelled import OF_AMOUNTS
from gongbi.catalog.numbers import check_number, refuse_other
from gongbi.catalog.scores import SCORES
from gongbi.catalog.spend import check_wallet
from gongbi.core.expr import Attribute, Call, Expr, FactColumn, RelatedColumn, walk, with_used
from gongbi.core.language import check_condition, check_expression
from gongbi.core.rows import row_condition, row_value
from gongbi.core.world import World
from gongbi.errors import InvalidDefinition, Refused, UnknownName, WrongType


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
