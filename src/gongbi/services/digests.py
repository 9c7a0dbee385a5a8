"""What results were made from: digests that are equal for as long as nothing has changed that could change a value."""

from __future__ import annotations

from typing import Any

from gongbi.catalog.base import Cohort, ModelDef
from gongbi.catalog.catalog import Catalog
from gongbi.catalog.encode import to_json
from gongbi.catalog.modelled import ONLY
from gongbi.catalog.predictions import check_target
from gongbi.core import expr as ir
from gongbi.core.expr import Call, Expr
from gongbi.core.functions import MEANING
from gongbi.core.language import check_condition
from gongbi.core.relations import related_tags
from gongbi.models.base import canonical_json
from gongbi.models.base import digest as digest_of_bytes
from gongbi.models.plan import asked_of_wallets, feature_names, features_read
from gongbi.store import Store
from gongbi.store.values import digest


def definition_digests(catalog: Catalog, subject: str) -> dict[str, str]:
    """Tag → digest of what its values depend on besides data.

    That is its expression, the values that it may have, the same of the tags that it uses (also of neighbours), the
    workspace's zone, and what the functions mean in this version of Gongbi.
    """
    found: dict[tuple[str, str], str] = {}
    closed = {one: catalog.closed_values(one) for one in catalog.subjects}
    for (owner, tag), expr in catalog.expressions.items():
        others = {(owner, other) for other in ir.tags_used(expr)} | related_tags(expr, catalog.world)
        used = [found.get(other) for other in sorted(others)]
        found[owner, tag] = digest([_shape(expr), list(closed[owner].get(tag, ())), used, catalog.world.zone, MEANING])
    return {tag: made_from for (owner, tag), made_from in found.items() if owner == subject}


def _shape(expr: Expr) -> Any:
    """An expression as plain values: equal however it is laid out, with the conditions of segments in full."""
    if not isinstance(expr, Call):
        return repr(expr)
    condition = _shape(expr.filter) if expr.filter is not None else None
    return [expr.function.name, [_shape(arg) for arg in expr.args], expr.fact, condition, expr.distinct]


def build_key(catalog: Catalog, store: Store, subject: str) -> str:
    """What a build of a subject is made from besides data and instant; of others' tags only those that it reads.

    The expression of a tag names columns and subjects; what these are is said by their own definitions.
    """
    given = [store.definitions.fingerprint(("subject", "source")), definition_digests(catalog, subject)]
    facts = {name for expr in catalog.tags_of(subject).values() for name in ir.facts_used(expr)}
    if any(catalog.world.facts[name].recorded for name in facts if name in catalog.world.facts):
        # What was recorded of changes is no load, and grows with every build; what models say, with every scoring.
        given.append(store.settings.get("history", ""))
        told = [
            name for name, model in catalog.models.items() if f"{name}_said" in facts and model.estimator == "texts"
        ]
        given += [(store.settings.get(f"scores.{name}") or {}).get("key", "") for name in sorted(told)]
    return digest(given)


def definition_digest(model: ModelDef, catalog: Catalog) -> str:
    """A digest of all definitions that can change what a model learns: its own, sources, tags and segments."""
    tags = {name: definition.expression for name, definition in sorted(catalog.tags.items())}
    segments = {name: definition.expression for name, definition in sorted(catalog.segments.items())}
    sources = {name: to_json(definition) for name, definition in sorted(catalog.sources.items())}
    whole: dict[str, Any] = {"model": to_json(model), "sources": sources, "zone": catalog.world.zone}
    if model.estimator not in ("purchases", "texts"):
        whole |= {"tags": tags, "segments": segments}
    return digest_of_bytes(canonical_json(whole))


def model_digests(model: ModelDef, catalog: Catalog) -> dict[str, Any]:
    """What a model learns from, piece by piece: ``model``, its own definition without its words; ``tags``, each."""
    plain = [model.estimator, model.subject, model.fact, model.amount, model.horizon_days, model.holdout_days]
    if model.estimator == "purchases":
        often = [model.often] if model.often != "beta_geo" else []
        return {"model": digest(plain + often), "tags": {}}
    world, read = catalog.world, set(features_read(model, catalog))

    def said(text: str | None, *, ahead: bool = False) -> Any:
        if text is None:
            return None
        expr = check_condition(text, world, model.subject, ahead=ahead, place=model.place)
        read.update(ir.tags_used(expr))
        return _shape(expr)

    def aimed(text: str) -> Any:
        expr = check_target(model, text, world)
        read.update(ir.tags_used(expr))
        return _shape(expr)

    def cohort(one: Cohort) -> Any:
        own = [one.name, one.as_of, one.known_by, said(one.population), aimed(one.target)]
        return [*own, said(one.treated, ahead=True)] if one.treated is not None else own

    cohorts = [[cohort(one) for one in some] for some in (model.train, model.test)]
    own = [*plain, feature_names(model, catalog), cohorts, said(model.score), model.baseline]
    if model.target is not None:
        own += [aimed(model.target), said(model.population), model.cohorts]
    if model.estimator == "uplift":
        own += [said(model.treated, ahead=True), model.randomised]
    if model.estimator in ("texts", "circles"):
        own += [model.text, model.label, model.relation, model.weight, said(model.rival), model.worth, model.keys]
    if model.estimator == "wallet":
        # Tags that they use count, although they are not learned from.
        for expr in asked_of_wallets(model, catalog).values():
            read.update(ir.tags_used(expr))
    if model.estimator in ("clusters", "texts"):
        own += [model.fewest, model.most]
    # What only some kinds know, such as the payee of what recurs.
    own += [[key, getattr(model, key)] for key, kinds in ONLY.items() if model.estimator in kinds]
    of_tags = definition_digests(catalog, model.subject)
    return {"model": digest(own), "tags": {tag: of_tags[tag] for tag in sorted(read) if tag in of_tags}}
