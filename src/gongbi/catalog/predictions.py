"""Check what models say of facts, tags and members, and tell which tags they write."""

from __future__ import annotations

from collections.abc import Mapping

from gongbi.catalog.base import ModelDef
from gongbi.core.language import check_condition
from gongbi.core.types import DOUBLE, INTEGER, TEXT, Type
from gongbi.core.world import World
from gongbi.errors import UnknownName

#: Tags that a purchase model writes, after ``model.NAME.``.
PURCHASE_SCORES: Mapping[str, str] = {
    "alive": "probability",
    "purchases": "purchases",
    "value": "money",
}


def written_tags(models: Mapping[str, ModelDef]) -> dict[tuple[str, str], Type]:
    """(subject, tag) → type, of all that models write."""
    found: dict[tuple[str, str], Type] = {}
    for model in models.values():
        for name in model_tags(model):
            found[model.subject, name] = _score_type(model, name)
    return found


def _score_type(model: ModelDef, tag: str) -> Type:
    if model.estimator == "clusters":
        return INTEGER
    return TEXT if model.estimator == "uplift" and tag.endswith(".group") else DOUBLE


def model_tags(model: ModelDef) -> dict[str, str]:
    """Tags that a model writes → column of its score table."""
    if model.estimator == "propensity":
        return {f"model.{model.model}": "score"}
    if model.estimator == "uplift":
        return {f"model.{model.model}": "score", f"model.{model.model}.group": "group"}
    if model.estimator == "clusters":
        return {f"cluster.{model.model}": "cluster"}
    return {f"model.{model.model}.{score}": score for score in PURCHASE_SCORES}


def check_model(model: ModelDef, world: World) -> None:
    """Check what a model says of facts, tags and members, its features aside.

    Raises
    ------
    UnknownName, InvalidExpression, WrongType
        What it names is not there, or an expression cannot be.
    """
    if model.estimator == "purchases":
        fact = world.fact(model.fact or "")
        amount = fact.column(model.amount or "")
        if amount is None or not amount.is_number:
            raise UnknownName(f"amount of {fact.name}", model.amount or "", fact.columns)
    for tag in (*model.groups, *model.protected):
        if (model.subject, tag) not in world.expressions:
            raise UnknownName(f"tag of {model.subject}", tag, world.tags_of(model.subject))
    _check_conditions(model, world)
    if model.baseline is not None and model.baseline not in world.tags_of(model.subject):
        raise UnknownName(f"tag of {model.subject}", model.baseline, world.tags_of(model.subject))


def _check_conditions(model: ModelDef, world: World) -> None:
    cohorts = (*model.train, *model.test)
    now = [model.population, model.score, *(cohort.population for cohort in cohorts)]
    later = [model.target, model.treated, *(one for cohort in cohorts for one in (cohort.target, cohort.treated))]
    for ahead, texts in ((False, now), (True, later)):
        for text in texts:
            if text is not None:
                check_condition(text, world, model.subject, ahead=ahead)
