"""From a target, a population and an instant to cohorts: the newest that matured is the test, those before it teach.

Pure. Each cohort begins where the outcome of the one before it is known, so that no two outcomes overlap and nothing
that is learned from looks beyond the instant of the test.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from gongbi.catalog.base import Cohort, ModelDef
from gongbi.catalog.catalog import Catalog
from gongbi.catalog.masking import MASKED
from gongbi.catalog.predictions import check_target, check_trait, wallet_target
from gongbi.catalog.spend import telling_spend
from gongbi.core import clock
from gongbi.core import expr as ir
from gongbi.core.expr import Attribute, Call, Constant, Expr
from gongbi.core.functions import CATALOGUE
from gongbi.errors import NotYet

#: Who is asked about where a model names no population: everybody who is known at the instant.
EVERYBODY = "true"


def target_of(model: ModelDef, catalog: Catalog) -> Expr:
    """The checked target of a model that leaves its cohorts to us."""
    return check_target(model, model.target or "", catalog.world)


def horizon(target: Expr) -> timedelta | None:
    """How far a target looks: the longest of its windows of ``ahead``; None where it has none."""
    start = datetime(2000, 1, 1, tzinfo=UTC)
    ends = []
    for part in ir.walk(target):
        if isinstance(part, Call) and part.function.name == "ahead":
            n, unit = (arg.value for arg in part.args if isinstance(arg, Constant))
            ends.append(clock.shift(start, n, unit))
    return max(ends) - start if ends else None


def lately(target: Expr) -> Expr:
    """The same as a target over what came before the instant: with ``within(n, unit)`` for each ``ahead(n, unit)``."""

    def back(part: Expr) -> Expr | None:
        if isinstance(part, Call) and part.function.name == "ahead":
            return Call(CATALOGUE["within"], part.args, part.type, part.level)
        return None

    return ir.replaced(target, back)


def facts_of(expr: Expr, catalog: Catalog, subject: str) -> set[str]:
    """The facts that an expression reads, also through the tags it uses."""
    used = ir.with_used(ir.tags_used(expr) & catalog.tags_of(subject).keys(), catalog.tags_of(subject))
    return set[str]().union(*(ir.facts_used(one) for one in [expr, *used.values()]))


def derived(model: ModelDef, catalog: Catalog, as_of: datetime, begin: datetime | None) -> ModelDef:
    """The model with its cohorts written out.

    Parameters
    ----------
    as_of
        The instant of the training: the outcome of the test is known by then, to the last moment.
    begin
        The first row of the facts that the target reads. A cohort that is learned from has a horizon of it behind
        itself where there is so much, so that its features resemble those of the test; at least some of it.

    Raises
    ------
    NotYet
        The data reach back too little for one cohort to learn from and one to test on, or not as far as `trend_days`.
    """
    span = horizon(target_of(model, catalog))
    assert span is not None
    test, *train = [as_of - i * span for i in range(1, model.cohorts + 2)]
    if begin is not None:
        train = [at for at in train if at - span >= begin] or [at for at in train[:1] if at > begin]
    alone = not train and model.estimator == "uplift" and (begin is None or test > begin)
    if not train and not alone:
        needed = clock.local_date(test - span, catalog.world.zone)
        raise NotYet(
            f"The data are too short to train the model {model.model!r}: it looks {span.days} days ahead, and needs"
            f" facts from before {needed}.",
            hint="Choose a shorter horizon, or load more of the past.",
        )
    zone = catalog.world.zone
    if model.trend_days and begin is not None and as_of - timedelta(days=model.trend_days) <= begin:
        raise NotYet(
            f"The data are too short for the trend of the model {model.model!r}: it compares with"
            f" {model.trend_days} days before, and the facts begin on {clock.local_date(begin, zone)}.",
            hint="Choose fewer `trend_days`, or load more of the past.",
        )
    spelled = "%Y-%m-%d" if span >= timedelta(days=1) else "%Y-%m-%d %H:%M"
    cohorts = [
        Cohort(
            at.astimezone(clock.zone_of(zone)).strftime(spelled),
            at.isoformat(),
            model.population or EVERYBODY,
            model.target or "",
        )
        for at in (test, *train)
    ]
    # Learned from in the order of time.
    return replace(
        model,
        target=None,
        population=None,
        cohorts=3,
        features=tuple(allowed_features(model, catalog)),
        # One trial is enough for an uplift model: part of its members are held out by lot.
        train=tuple(reversed(cohorts[1:])) if not alone else tuple(cohorts),
        test=(cohorts[0],) if not alone else (),
        score=model.score or model.population,
    )


def allowed_features(model: ModelDef, catalog: Catalog) -> list[str]:
    """The tags a model learns from: those it names, or all that may be learned from unasked; protected ones never."""
    if model.estimator == "trait":
        own = _attributes(check_trait(model, catalog.world), catalog, model.subject)
        tags = catalog.tags_of(model.subject)
        named = catalog.features(model.features, model.subject)
        # What rests on the trait itself would tell nothing of those who did not declare it.
        apart = [tag for tag in named if not own & _attributes(tags[tag], catalog, model.subject)]
        return [tag for tag in apart if tag not in withheld(model, catalog)]
    if model.features or not model.target:
        told = withheld(model, catalog) | tells_spend(model, catalog)
        return [tag for tag in catalog.features(model.features, model.subject) if tag not in told]
    left_out = left_out_of(model, catalog)
    return [tag for tag in catalog.tags_of(model.subject) if tag not in left_out]


def _attributes(expr: Expr, catalog: Catalog, subject: str) -> set[tuple[str, str]]:
    """The attributes that an expression rests on, also through the tags it uses."""
    known = catalog.tags_of(subject)
    used = ir.with_used(ir.tags_used(expr) & known.keys(), known)
    return {
        (part.subject, part.attribute)
        for one in (expr, *used.values())
        for part in ir.walk(one)
        if isinstance(part, Attribute)
    }


def trait_grade(model: ModelDef, catalog: Catalog) -> str | None:
    """``sensitive`` where the trait rests on an attribute or a tag of that grade."""
    expr = check_trait(model, catalog.world)
    rests = _attributes(expr, catalog, model.subject)
    grades = {catalog.privacy.get(tag) for tag in ir.tags_used(expr)} | {
        column.pii
        for source in catalog.sources.values()
        for name, column in source.columns.items()
        if (source.attributes, name) in rests
    }
    return "sensitive" if "sensitive" in grades else None


def withheld(model: ModelDef, catalog: Catalog) -> set[str]:
    """Tags that are read for fairness only, also where features name them: protected ones, and what rests on them."""
    tags, found = catalog.tags_of(model.subject), set(sensitive_tags(model, catalog))
    for tag, expr in tags.items():
        if ir.tags_used(expr) & found:
            found.add(tag)
    return found


def tells_spend(model: ModelDef, catalog: Catalog) -> set[str]:
    """Of a model of wallets the tags that tell the spend itself, also where a pattern of its features fits them."""
    if model.estimator != "wallet":
        return set()
    return telling_spend(wallet_target(model, catalog.world), catalog.world, model.subject)


def left_out_of(model: ModelDef, catalog: Catalog) -> dict[str, str]:
    """Tag → why it is not learned from unasked.

    One of ``protected``, ``spend``, ``personal``, ``expires``, ``no_history`` and ``list``.
    """
    found: dict[str, str] = dict.fromkeys(tells_spend(model, catalog), "spend")
    found |= dict.fromkeys(withheld(model, catalog), "protected")
    world = catalog.world
    for tag, expr in catalog.tags_of(model.subject).items():
        definition = catalog.tags.get(tag)
        if tag in found:
            continue
        if catalog.privacy.get(tag) in MASKED:
            found[tag] = "personal"
        elif definition is not None and definition.expires is not None:
            found[tag] = "expires"
        elif any(_without_history(part, catalog) for part in ir.walk(expr)) or any(
            found.get(used) == "no_history" for used in ir.tags_used(expr)
        ):
            found[tag] = "no_history"
        elif world.tags[model.subject, tag].is_many:
            found[tag] = "list"
    return found


def _without_history(part: object, catalog: Catalog) -> bool:
    # A table with one row per member knows today's value only, whatever the instant.
    if isinstance(part, Attribute):
        return part.attribute != "id" and catalog.world.subject(part.subject).attribute(part.attribute).unique
    return False


def sensitive_tags(model: ModelDef, catalog: Catalog) -> list[str]:
    """The tags by which fairness is shown: those declared protected, and those marked sensitive."""
    marked = [tag for tag in catalog.tags_of(model.subject) if catalog.privacy.get(tag) == "sensitive"]
    return list(dict.fromkeys([*model.protected, *marked]))
