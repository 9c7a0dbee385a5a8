"""A model by choosing: what is predicted, of whom, how far ahead; what that would learn from; a draft of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gongbi.catalog.base import ModelDef
from gongbi.catalog.catalog import model_tags
from gongbi.catalog.yaml import from_json, to_json, write_text
from gongbi.core.dialect import Dialect
from gongbi.errors import InvalidInput
from gongbi.models.cohorts import left_out_of
from gongbi.models.plan import MEMBERS, cohort_plans, feature_names
from gongbi.models.reading import Work
from gongbi.models.run import with_cohorts
from gongbi.services.context import Context
from gongbi.services.governance import assembled, in_force_after

KINDS = (
    *("propensity", "value", "newcomers", "wallet", "stages", "contracts", "recurring", "life_event", "send_time"),
    *("uplift", "trait", "price"),
)
#: Where people say it otherwise than definitions do.
ESTIMATORS = {"value": "purchases"}


def draft_model(
    ctx: Context,
    model: str,
    kind: str,
    *,
    fact: str = "",
    days: int = 30,
    does: bool = True,
    where: str = "",
    population: str = "",
    amount: str = "",
    treated: str = "",
    randomised: bool = False,
    often: str = "beta_geo",
    payee: str = "",
    columns: str = "",
    left: str = "",
    grace: int = 0,
    signs: str = "",
    answered: str = "",
    channel: str = "",
    group: str = "",
    trait: str = "",
    features: str = "",
    limit: float = 0.8,
    trend: int = 0,
    channels: str = "",
    explore: float = 0.0,
    price: str = "",
    quantity: str = "",
    product: str = "",
    unit: str = "",
    controls: str = "",
    cost: str = "",
    market: str = "",
    elsewhere: str = "",
    name: Mapping[str, str] | None = None,
    subject: str = "customer",
) -> dict[str, Any]:
    """Write the definition of a model from choices, check it, and count what its test would hold. Nothing is kept.

    Parameters
    ----------
    kind
        ``propensity``, ``value``, ``newcomers``, ``wallet``, ``stages``, ``contracts``, ``recurring``, ``life_event``,
        ``send_time``, ``uplift``, ``trait`` or ``price``.
    fact, does, where, days
        What is predicted: that a row of the fact comes (or, without `does`, that none comes) within so many days,
        among those that fit the condition `where`. For ``value`` the fact whose days count as purchases, and
        for ``newcomers`` and ``wallet`` that whose amounts are added up. ``trait`` asks for none of them.
    population
        Who is asked about and scored: a condition; everybody where empty.
    amount
        For ``value``, ``newcomers``, ``wallet``, ``stages`` and ``recurring``: the fact's column of money.
    payee
        For ``recurring``: to whom or for what, an expression about a row; `days` are then kept back to check the dates.
        For ``stages`` they are the length of a period.
    columns, left, grace
        For ``contracts``: what is known of a contract, names of columns with commas between them; which ends are a
        leaving, all where empty; and how many days after an end another contract still carries on.
    signs
        For ``life_event``: which rows of the fact speak for it; `days` are kept back to check it, and `limit` is the
        least chance at which its day is told.
    answered, channel, group
        For ``send_time``, whose `fact` has a row per message: which rows of it were answered, how each went, and the
        tag that says whose hours newcomers have; the last two may be empty. `days` are kept back to judge by.
    channels, explore
        For ``send_time``: channels of which the chance is a tag each, with commas between them; and the share of
        members who are given a drawn hour.
    often
        For ``value``: the model of how often; see the definition.
    treated, randomised
        For ``uplift``: who was treated, and whether by lot.
    trend
        For ``propensity``: also tell whose chance rises or falls, beside that of so many days before; 0 does not.
    trait, features, limit
        For ``trait``: what members declared, an expression of text; the tags to learn it from, as names or ``topic.*``
        with spaces or commas between them; and the least confidence at which it is inferred of who declared nothing.
        For ``wallet`` the features may be named too.
    price, quantity, product, unit, controls, cost
        For ``price``, expressions about a row of the `fact`: what a piece cost, how many were sold, of what and where,
        what else moves sales (with commas between them), what a piece costs us. The last three may be empty, and so may
        `group`, the tag by whose values the card shows how members differ. `days` are kept back to judge by.
    market, product, elsewhere
        For ``wallet``, each may be empty: the market of a member and the product of a row, by which growth is told,
        and what a member spends with others; see the definition.

    Returns
    -------
    dict
        ``definition`` (as `save_tag` takes it), ``yaml``, ``tags`` that it would write, and for models with a target
        ``features``, ``left_out`` (tag → why) and ``preview``: ``as_of``, ``matures``, ``members``, ``positives`` of
        the newest matured window, and how many ``cohorts`` teach.

    Raises
    ------
    InvalidInput, InvalidDefinition, InvalidExpression, UnknownName, NotYet
        A choice that cannot be; data too short for the horizon.
    """
    if kind not in KINDS:
        raise InvalidInput(f"A model is made for {', '.join(KINDS)}; not for {kind!r}.")
    given: dict[str, Any] = {"model": model, "estimator": ESTIMATORS.get(kind, kind)}
    given |= {"name": dict(name)} if name else {}
    if subject != "customer":
        given["subject"] = subject
    if kind == "trait":
        given |= {"trait": trait, "features": _names(features), "limit": limit}
        given |= _given_of(score=population)
    elif kind in ("contracts", "life_event"):
        own = {"columns": _listed(columns), "horizon_days": days, "grace_days": int(grace), "left": left}
        own = own if kind == "contracts" else {"signs": signs, "limit": limit, "holdout_days": days}
        own |= {"fact": fact, "where": where, "score": population}
        given |= _given_of(**own)
    elif kind in ("send_time", "price"):
        given |= {"fact": fact, "holdout_days": days}
        sent: dict[str, Any] = {"answered": answered, "channel": channel, "explore": explore or ""}
        sold: dict[str, Any] = {"price": price, "quantity": quantity, "product": product, "unit": unit, "cost": cost}
        sent["channels"], sold["controls"] = _listed(channels) or "", _listed(controls) or ""
        given |= _given_of(**(sold if kind == "price" else sent))
        given |= _given_of(where=where, score=population, groups=[group] if group else "")
    elif kind in ("value", "stages", "recurring"):
        given |= {"fact": fact} | ({"amount": amount} if amount else {})
        if kind == "value":
            given |= {"horizon_days": days, "holdout_days": days} | ({"often": often} if often != "beta_geo" else {})
        elif kind == "stages":
            given |= {"period_days": days, "horizon_days": 3 * days}
        else:
            given |= {"payee": payee, "holdout_days": days} | ({"where": where} if where.strip() else {})
        given |= _given_of(score=population)
    else:
        given["target"] = _target(kind, fact, amount, where, int(days), does=does)
        if kind == "wallet":
            given |= _of_wallet(features, elsewhere, {"market": market, "product": product}, fact, amount)
        given |= _given_of(population=population) | ({"trend_days": trend} if kind == "propensity" and trend else {})
    if kind == "uplift":
        given |= {"treated": treated, "randomised": randomised}
    made = from_json("model", given)
    assert isinstance(made, ModelDef)
    assembled(ctx, in_force_after(ctx, [made]), [made])
    found: dict[str, Any] = {"definition": to_json(made), "yaml": write_text(made), "tags": list(model_tags(made))}
    if made.target is None:
        return found
    return found | _learned_from(ctx, made)


def _learned_from(ctx: Context, model: ModelDef) -> dict[str, Any]:
    """What a model with a target would learn from, and what its test would hold."""
    catalog = ctx.catalog()
    read, named = feature_names(model, catalog), catalog.features(model.features, model.subject)
    left_out = {
        tag: why
        for tag, why in left_out_of(model, catalog).items()
        if tag not in read and (tag in named or not model.features)
    }
    return {"features": read, "left_out": left_out, "preview": _preview(ctx, model, ctx.engine.dialect)}


def _target(kind: str, fact: str, amount: str, where: str, days: int, *, does: bool) -> str:
    """What comes within so many days: that a row does, that none does, or what its amounts add up to."""
    condition = f"({where.strip()}) and " if where.strip() else ""
    coming = f"filter (where {condition}ahead({days}, 'day'))"
    if kind in ("newcomers", "wallet"):
        return f"sum({fact}.{amount}) {coming}"
    return f"{'' if does else 'not '}exists({fact}) {coming}"


def _of_wallet(features: str, elsewhere: str, growth: Mapping[str, str], fact: str, amount: str) -> dict[str, Any]:
    """What a wallet is told beside its target; growth takes all four, or none."""
    of = {**growth, "fact": fact, "amount": amount} if any(growth.values()) else {}
    return _given_of(features=_names(features) or "", elsewhere=elsewhere, **of)


def _names(text: str) -> list[str]:
    """Names with spaces or commas between them."""
    return text.replace(",", " ").replace("，", " ").split()


def _given_of(**choices: Any) -> dict[str, Any]:
    """The choices that were made: those left empty are not keys of a definition."""
    return {key: value for key, value in choices.items() if not isinstance(value, str) or value.strip()}


def _listed(text: str) -> list[str]:
    """What stands between commas, Chinese ones too; those within brackets part nothing."""
    found, depth = [""], 0
    for letter in text.replace("，", ","):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            found.append("")
        else:
            found[-1] += letter
    return [one.strip() for one in found if one.strip()]


def _preview(ctx: Context, model: ModelDef, dialect: Dialect) -> dict[str, Any]:
    as_of = ctx.as_of(None)
    learned = with_cohorts(Work(ctx.engine, model, ctx.catalog(), as_of))
    newest = (learned.test or learned.train)[-1]
    # Only who and what came after is asked for; features would take the time of a build.
    plan = cohort_plans(learned, newest, "test", ctx.catalog(), dialect)
    members = ctx.engine.query(plan.members)
    yes = ctx.engine.query(plan.target, inputs={MEMBERS: members})["yes"].to_pylist()
    return {
        "as_of": plan.as_of.isoformat(),
        "matures": plan.matures.isoformat(),
        "members": len(yes),
        "positives": sum(yes),
        "cohorts": len(learned.train) if learned.test else 1,
    }
