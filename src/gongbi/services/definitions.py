"""Definitions: from YAML into the store, out again, and what the tag library holds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from gongbi.catalog.base import KINDS, SourceDef, kind_of, name_of
from gongbi.catalog.catalog import assemble
from gongbi.catalog.finding import fit
from gongbi.catalog.yaml import from_json, read_definitions, to_json, write_definitions
from gongbi.core import expr as ir
from gongbi.errors import EngineFailure, InvalidInput, Refused
from gongbi.services.context import Context
from gongbi.services.warnings import warn_of_data, warn_of_edits
from gongbi.store.definitions import NewDefinition


def apply(ctx: Context, folder: str | None = None, *, retire: bool = True) -> dict[str, Any]:
    """Check a folder of YAML and put it in force, all of it or nothing.

    Parameters
    ----------
    folder
        By default the workspace's ``definitions``.
    retire
        Definitions that are in force and not in the folder are retired.

    Returns
    -------
    dict
        ``added``, ``changed``, ``unchanged``, ``retired`` (lists of ``kind name``), ``counts`` by kind.
    """
    path = Path(folder) if folder else ctx.root / "definitions"
    if not os.path.isdir(path):  # noqa: PTH112 (a name that cannot be is no folder)
        raise InvalidInput(f"There is no folder {str(path)!r}.", hint="Give the folder that holds the YAML files.")
    definitions = read_definitions(path)
    if not definitions:
        raise InvalidInput(
            f"{str(path)!r} holds no definitions (*.yaml).", hint="`gongbi init --demo retail` writes some."
        )
    catalog = assemble(definitions, zone=ctx.zone)
    _check_migrations(ctx, definitions)
    given = {(kind_of(d), name_of(d)) for d in definitions}
    known = {(d.kind, d.name) for d in ctx.store.definitions.current()}
    gone = sorted(known - given) if retire else []
    with ctx.run("apply", str(path)):
        applied = ctx.store.definitions.put_all(
            [NewDefinition(kind_of(d), name_of(d), to_json(d), d.place.file if d.place else None) for d in definitions],
            ctx.actor,
            ctx.now(),
            retire=gone,
        )
    if applied.anything:
        ctx.store.audit.append(
            actor=ctx.actor,
            action="apply",
            object=str(path),
            now=ctx.now(),
            details={"added": len(applied.added), "changed": len(applied.changed), "retired": len(applied.retired)},
        )
    return {
        "added": [f"{k.kind} {k.name}" for k in applied.added],
        "changed": [f"{k.kind} {k.name}" for k in applied.changed],
        "unchanged": len(applied.unchanged),
        "retired": [f"{k.kind} {k.name}" for k in applied.retired],
        "counts": {kind: sum(1 for d in definitions if kind_of(d) == kind) for kind in KINDS},
        "tags": {s: len(catalog.tags_of(s)) for s in catalog.subjects if catalog.tags_of(s)},
    }


def _check_migrations(ctx: Context, definitions: list[Any]) -> None:
    """Refuse an edited mapping whose loaded rows can neither be kept nor read again."""
    from gongbi.sources.migration import plan_migration

    old = {d.name: from_json("source", d.body) for d in ctx.store.definitions.current("source")}
    for new in definitions:
        if not isinstance(new, SourceDef):
            continue
        before = old.get(new.source)
        if not isinstance(before, SourceDef) or not ctx.store.loads.active_of(new.source):
            continue
        migration = plan_migration(before, new)
        if migration.kind == "refuse":
            raise Refused(
                f"Source {new.source!r} has loaded rows that the new mapping cannot take over: "
                f"{'; '.join(migration.reasons)}.",
                hint="Undo its loads first (`gongbi sources loads`, `gongbi sources undo LOAD`), or keep the mapping.",
                place=new.place,
            )


def export_definitions(ctx: Context, folder: str) -> dict[str, Any]:
    """Write the definitions in force as YAML files below a folder."""
    definitions = [from_json(d.kind, d.body) for d in ctx.store.definitions.current()]  # type: ignore[arg-type]
    if not definitions:
        raise InvalidInput("There are no definitions to export.", hint="Run `gongbi apply` first.")
    try:
        files = write_definitions(definitions, Path(folder))
    except OSError as error:
        raise EngineFailure(f"{folder} cannot be written: {error.strerror or error}.") from error
    return {"folder": str(Path(folder).resolve()), "definitions": len(definitions), "files": len(files)}


def pending(ctx: Context) -> list[str]:
    """Definitions whose YAML in the workspace differs from what is in force; empty where all is applied."""
    path = ctx.root / "definitions"
    if not path.is_dir():
        return []
    here: dict[tuple[str, str], Any] = {(kind_of(d), name_of(d)): to_json(d) for d in read_definitions(path)}
    force: dict[tuple[str, str], Any] = {(d.kind, d.name): d.body for d in ctx.store.definitions.current()}
    return sorted(" ".join(key) for key in here.keys() | force.keys() if here.get(key) != force.get(key))


def tags(ctx: Context, *, subject: str | None = None, search: str = "") -> list[dict[str, Any]]:
    """The tag library: definitions with the figures of the current build, ordered by subject, category and name.

    Tags that were edited since, or whose data have changed, carry ``warnings``.

    Parameters
    ----------
    search
        What is typed to find a tag: part of a name, a title or a category, pinyin, its initials; see `finding.search`.
    """
    if subject:
        ctx.check_subject(subject)
    catalog = ctx.catalog()
    users: dict[str, list[str]] = {}
    for name, expr in [*((f"tag {t}", e) for (_, t), e in catalog.expressions.items())] + [
        (f"segment {s}", e) for s, e in catalog.conditions.items()
    ]:
        for used in ir.tags_used(expr):
            users.setdefault(used, []).append(name)
    stats: dict[tuple[str, str], Any] = {}
    builds: dict[tuple[str, str], int] = {}
    for owner in catalog.subjects:
        build = ctx.current_build(owner)
        if build is not None:
            stats |= {(owner, s.tag): s for s in ctx.store.builds.stats(build.id)}
            builds |= {(owner, tag["name"]): build.id for tag in build.tags}
    warned = {owner: _warnings(ctx, owner) for owner in catalog.subjects}
    found = []
    ordered = sorted(catalog.expressions.items(), key=lambda one: (one[0][0], catalog.tags[one[0][1]].category, one[0]))
    for (owner, name), expr in ordered:
        tag = catalog.tags[name]
        if (subject and owner != subject) or fit(search, (tag.name.zh, tag.name.en, name, tag.category)) is None:
            continue
        figures = stats.get((owner, name))
        found.append(
            {
                "tag": name,
                "subject": owner,
                "name": tag.name.to_json(),
                "about": tag.about.to_json(),
                "category": tag.category,
                "type": str(expr.type),
                "unit": tag.unit,
                "owner": tag.owner,
                "refresh": tag.refresh,
                "expr": tag.expression,
                "facts": sorted(ir.facts_used(expr)),
                "uses": sorted(ir.tags_used(expr)),
                "used_by": sorted(users.get(name, [])),
                "build": builds.get((owner, name)),
                "coverage": figures.coverage if figures else None,
                "present": figures.present if figures else None,
                "distinct": figures.distinct if figures else None,
                "min": figures.minimum if figures else None,
                "max": figures.maximum if figures else None,
                "mean": figures.mean if figures else None,
                "histogram": figures.histogram if figures else None,
                "top": figures.top if figures else None,
                "warnings": warned[owner].get(name, []),
            }
        )
    return found


def _warnings(ctx: Context, subject: str) -> dict[str, list[dict[str, Any]]]:
    """Tag of the current build → what must be known beside its figures; a sentence names all tags that it is about."""
    build = ctx.current_build(subject)
    built = [tag["name"] for tag in build.tags] if build is not None else []
    edits, data = warn_of_edits(ctx, subject, built), warn_of_data(ctx, subject, built)
    return {tag: [*(said for said in edits if tag in said.get("tags", [tag])), *data] for tag in built}
