"""The main job from end to end: definitions, data, tags, predictions, one campaign, personas, the report."""

from __future__ import annotations

import contextlib
import tomllib
from typing import Any

from gongbi.errors import NotYet
from gongbi.services import build, campaigns, definitions, given, models, personas, report, sources
from gongbi.services.context import Context


def demo(ctx: Context) -> dict[str, Any]:
    """Run every stage that has something to do, in order; what is done already is not done twice.

    Returns
    -------
    dict
        The report (see `services.report.report`).
    """
    definitions.apply(ctx)
    sources.ingest(ctx)
    give(ctx)
    build.build(ctx)
    models.train_on_record(ctx)
    for name in ctx.catalog().campaigns:
        campaigns.campaign(ctx, name)
    draw(ctx)
    return report.report(ctx)


def draw(ctx: Context) -> list[str]:
    """Draw the personas of each cast that has none; a cast whose clusters were not learned waits for them.

    Returns
    -------
    list of str
        Casts that were drawn.
    """
    drawn = list[str]()
    for name in ctx.catalog().casts:
        if ctx.store.personas.list(name):
            continue
        with contextlib.suppress(NotYet):
            personas.make_personas(ctx, name)
            drawn.append(name)
    return drawn


def give(ctx: Context) -> list[str]:
    """Give the made-up values of ``given/given.toml`` in the workspace to the tags that take values, each tag once.

    ``[[import]]`` has the arguments of `services.given.import_tag`, its file beside it; ``[[set]]`` sets ``values``
    (member → value) one by one. Tags that have values by now, or that no definition makes, are left alone.

    Returns
    -------
    list of str
        Tags that were given values.
    """
    path, known = ctx.root / "given" / "given.toml", ctx.catalog().tags
    if not path.exists():
        return []
    told, done = tomllib.loads(path.read_text("utf-8")), list[str]()
    for one in (*told.get("import", ()), *told.get("set", ())):
        if one["tag"] not in known or given.has_values(ctx, one["tag"]):
            continue
        shared = {"why": one["why"], "since": one["since"]}
        if "file" in one:
            file = str(path.parent / one["file"])
            given.import_tag(ctx, one["tag"], file, key=one["key"], column=one["column"], **shared)
        for member, value in one.get("values", {}).items():
            given.set_tag(ctx, one["tag"], member, value, **shared)
        done.append(one["tag"])
    return done
