"""Which version of a model is in use: a person's word puts one there, takes it back, or out; compared before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gongbi.catalog.base import ModelDef
from gongbi.errors import NotYet, Refused
from gongbi.models.reading import Work
from gongbi.models.run import challenged, check_comparable, with_cohorts
from gongbi.services.context import Context
from gongbi.services.governance import given_reason
from gongbi.services.library import actor_of
from gongbi.services.models import score, version_of
from gongbi.store.models import Model

#: Who works by itself, so that its word is nobody's.
NOBODY = ("", "local", "scheduler")


def promote_model(ctx: Context, name: str, version: int, *, why: str = "") -> dict[str, Any]:
    """Put a version in use by a named person's word, also one that was judged worse than its baseline.

    The former champion retires in the same moment, and everybody is scored again with the new one.

    Parameters
    ----------
    why
        The reason; put on record with who gave it and what the judgement had said.

    Raises
    ------
    InvalidInput
        Without a reason.
    Refused
        Nobody said so, or the version is in use already.
    """
    return _put_in_use(ctx, name, ctx.store.models.get(name, version), "promote", why)


def rollback_model(ctx: Context, name: str, *, version: int | None = None, why: str = "") -> dict[str, Any]:
    """Put an earlier version in use again: the one that was in use before, or a given one.

    Raises
    ------
    NotYet
        There is no earlier one that was in use.
    """
    champion = ctx.store.models.champion(name)
    if version is None:
        newest = champion.version if champion is not None else None
        # Retired versions were in use once, or were taken out of it; candidates never were.
        before = [v for v in ctx.store.models.list(name=name) if v.status == "retired"]
        earlier = [v for v in before if newest is None or v.version < newest]
        if not earlier:
            raise NotYet(
                f"No earlier version of the model {name!r} was in use.", hint=f"`gongbi models {name}` lists them."
            )
        version = earlier[0].version
    return _put_in_use(ctx, name, ctx.store.models.get(name, version), "rollback", why)


def retire_model(ctx: Context, name: str, version: int, *, why: str = "") -> dict[str, Any]:
    """Take a version out of use. Where it was the champion its scores stay until another one writes them anew."""
    reason, found = given_reason(why), ctx.store.models.get(name, version)
    _somebody(ctx)
    if found.status == "retired":
        raise Refused(f"Version {version} of the model {name!r} is retired already.")
    with ctx.store.transaction():
        ctx.store.models.retire(name, version)
        _note(ctx, "retire", found, reason)
    return _told(ctx, name, version, reason)


def compare_models(ctx: Context, name: str) -> dict[str, Any]:
    """Look at the version in use and the newest other one side by side, on the newest outcome that is known.

    That is the newest cohort of a model with cohorts, and the last days of a model of purchases.

    Returns
    -------
    dict
        ``model``, ``as_of``, ``cohort`` (or those days), ``versions``: figures of each, with its ``status``;
        ``difference`` is to the first, the champion where there is one. ``fair`` is false where a version learned
        from what came after the cohort's instant, and its figures then flatter it.

    Raises
    ------
    NotYet
        Fewer than two versions.
    InvalidInput
        No outcome judges models of its kind, such as clusters.
    """
    model = ctx.catalog().model(name)
    check_comparable(model)
    champion = ctx.store.models.champion(name)
    others = [v for v in ctx.store.models.list(name=name) if champion is None or v.version != champion.version]
    # A challenger that waits comes before one that was in use.
    others.sort(key=lambda v: (v.status != "candidate", -v.version))
    chosen = [*([champion] if champion is not None else []), *others][:2]
    if len(chosen) < 2:
        raise NotYet(
            f"The model {name!r} has fewer than two versions to compare.", hint=f"Train it: `gongbi train {name}`."
        )
    as_of = ctx.as_of(None)
    work = Work(ctx.engine, model, ctx.catalog(), as_of, stage=lambda stage: ctx.progress(stage, 0, 1))
    status = {v.version: v.status for v in chosen}
    cohort, figures = challenged(replace(work, model=with_cohorts(work)), [version_of(ctx, v) for v in chosen])
    versions = [{"status": status[one["version"]], **one} for one in figures]
    return {"model": name, "as_of": as_of.isoformat(), "cohort": cohort, "versions": versions}


def _put_in_use(ctx: Context, name: str, found: Model, action: str, why: str) -> dict[str, Any]:
    model, reason = ctx.catalog().model(name), given_reason(why)
    _somebody(ctx)
    if found.status == "champion":
        raise Refused(f"Version {found.version} of the model {name!r} is in use already.")
    # A version whose file is gone cannot score, so it must not come into use.
    version_of(ctx, found)
    with ctx.store.transaction():
        ctx.store.models.promote(name, found.version)
        _note(ctx, action, found, reason)
    return _told(ctx, name, found.version, reason) | {"scored": _scored(ctx, model)}


def _scored(ctx: Context, model: ModelDef) -> int | None:
    with ctx.run("score", model.model) as inner:
        return score(inner, model, inner.catalog(), inner.as_of(None))


def _somebody(ctx: Context) -> None:
    if ctx.actor.strip() in NOBODY:
        raise Refused("This needs a person's word.", hint="Say who you are with `--as NAME`.")


def _note(ctx: Context, action: str, version: Model, why: str) -> None:
    details = {"why": why, "version": version.version, "judgement": version.metrics.get("judgement")}
    ctx.store.audit.append(
        actor=ctx.actor, action=action, object=f"model {version.name}", now=ctx.now(), details=details
    )


def _told(ctx: Context, name: str, version: int, why: str) -> dict[str, Any]:
    champion = ctx.store.models.champion(name)
    return {
        "model": name,
        "version": version,
        "status": ctx.store.models.get(name, version).status,
        "champion": champion.version if champion is not None else None,
        "why": why,
        **actor_of(ctx.actor),
    }
