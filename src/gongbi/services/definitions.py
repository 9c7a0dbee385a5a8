"""Definitions: from YAML into the store, out again, and what the tag library holds."""

from __future__ import annotations

import os
from operator import itemgetter
from pathlib import Path
from typing import Any

from gongbi.catalog.base import KINDS, SourceDef, kind_of, name_of
from gongbi.catalog.called import tag_called
from gongbi.catalog.catalog import Catalog
from gongbi.catalog.finding import fit
from gongbi.catalog.masking import MASKED
from gongbi.catalog.uses import Key, key_of
from gongbi.catalog.yaml import from_json, read_definitions, to_json, write_definitions
from gongbi.core import expr as ir
from gongbi.core.expr import TagValue
from gongbi.core.types import in_order
from gongbi.errors import EngineFailure, InvalidInput, Refused
from gongbi.services.context import Context
from gongbi.services.filing import ENTERPRISE, check_library, filing, overdue
from gongbi.services.governance import (
    EXPIRED,
    GOVERNED,
    NAMED,
    Planned,
    assembled,
    check_expired,
    check_gone,
    due_for_retirement,
    expiry_warnings,
    in_force_after,
    mode_of,
    named,
    planned,
    restored,
)
from gongbi.services.history import prepare
from gongbi.services.impact import all_users
from gongbi.services.judging import judge
from gongbi.services.privacy import grade_of
from gongbi.services.warnings import warn_of_data, warn_of_edits
from gongbi.store.definitions import NewDefinition


def apply(ctx: Context, folder: str | None = None, *, retire: bool = True) -> dict[str, Any]:
    """Check a folder of YAML and put it in force, all of it or nothing.

    Parameters
    ----------
    folder
        By default the workspace's ``definitions``.
    retire
        Definitions that came from a folder and are not in this one are retired, where governance is ``open``.

    Returns
    -------
    dict
        ``added``, ``changed``, ``drafted`` and ``retired`` (lists of ``kind name``), ``unchanged``, ``counts`` by kind,
        ``judged`` (builds that other limits of quality publish or hold back; see `judging.judge`), ``governance``
        (kind → ``open`` or ``reviewed``), ``warnings``.

    Raises
    ------
    Refused
        What is not in the folder any more is used by what stays; something new uses a tag that has expired.
    """
    path = Path(folder) if folder else ctx.root / "definitions"
    if not os.path.isdir(path):  # noqa: PTH112 (a name that cannot be is no folder)
        raise InvalidInput(f"There is no folder {str(path)!r}.", hint="Give the folder that holds the YAML files.")
    definitions = read_definitions(path)
    if not definitions:
        raise InvalidInput(
            f"{str(path)!r} holds no definitions (*.yaml).", hint="`gongbi init --demo retail` writes some."
        )
    plan = planned(ctx, definitions, retire=retire)
    before = restored(ctx.store.definitions.current())
    # Those of the folder rather than those of the store where they are the same: they know their file and line.
    after = in_force_after(ctx, [*plan.publish, *plan.same], plan.gone)
    waiting = {key_of(d): d for d in (*plan.draft, *plan.waiting)}
    check_gone(plan.gone, before, after | waiting)
    if waiting:
        assembled(ctx, after | waiting, [*plan.publish, *waiting.values()])
    catalog = assembled(ctx, after, plan.publish)
    check_expired(ctx, [*plan.publish, *plan.draft], after | waiting)
    _check_migrations(ctx, definitions)
    over = due_for_retirement(ctx, after, waiting.values())
    new = [(d, False) for d in (*plan.publish, *plan.same)] + [(d, True) for d in plan.draft]
    with ctx.run("apply", str(path)), ctx.store.transaction():
        applied = ctx.store.definitions.put_all(
            [
                NewDefinition(kind_of(d), name_of(d), to_json(d), d.place.file if d.place else None, draft)
                for d, draft in new
            ],
            ctx.actor,
            ctx.now(),
            retire=plan.gone,
            why="It is not in the folder any more.",
        )
        ctx.store.definitions.retire(over, ctx.actor, ctx.now(), why=EXPIRED, how="library")
        if applied.anything or over:
            ctx.store.audit.append(
                actor=ctx.actor,
                action="apply",
                object=str(path),
                now=ctx.now(),
                details={
                    "added": len(applied.added),
                    "changed": len(applied.changed),
                    "retired": len(applied.retired) + len(over),
                    "drafted": len(applied.drafted),
                },
            )
    counts = {kind: sum(1 for d in definitions if kind_of(d) == kind) for kind in KINDS}
    left = [tag for tag in catalog.tags.values() if key_of(tag) not in over]
    prepare(ctx)
    return {
        "judged": judge(ctx),
        "added": [f"{k.kind} {k.name}" for k in applied.added],
        "changed": [f"{k.kind} {k.name}" for k in applied.changed],
        "unchanged": len(applied.unchanged),
        "drafted": [f"{k.kind} {k.name}" for k in applied.drafted],
        "retired": [f"{kind} {name}" for kind, name in (*applied.retired, *over)],
        "counts": {kind: n for kind, n in counts.items() if n or kind not in ("scheme", "library")},
        "tags": {s: len(catalog.tags_of(s)) for s in catalog.subjects if catalog.tags_of(s)},
        "governance": {GOVERNED[kind]: mode_of(ctx, kind) for kind in GOVERNED},
        "warnings": [*catalog.notes, *expiry_warnings(ctx, left), *_kept(plan)],
    }


def _kept(plan: Planned) -> list[dict[str, Any]]:
    """Say what stays as it is although the folder says something else."""
    words = {
        "newer_in_library": (
            plan.newer,
            "标签库里发布过更新的版本，而文件还是以前的，因此保留新版：{}。",
            "A later version was published in the library, and the file is the one before; it stays: {}.",
        ),
        "stays_retired": (
            plan.stay_retired,
            "已在标签库退役，文件还在也不会恢复：{}。要恢复请用 gongbi tags restore。",
            "Retired in the library, though still in the folder: {}. `gongbi tags restore` brings it back.",
        ),
        "not_in_folder": (
            plan.unlisted,
            "不在文件夹里，但仍在使用：{}。只有 gongbi tags retire 能让它退役。",
            "Not in the folder and still in force: {}. Only `gongbi tags retire` takes it away.",
        ),
    }
    found = []
    for code, (keys, zh, en) in words.items():
        if keys:
            names = [named(key) for key in keys]
            more = len(names) - NAMED
            zh_names = "、".join(names[:NAMED]) + (f" 等 {len(names)} 个" if more > 0 else "")
            en_names = ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
            found.append({"code": code, "tags": names, "zh": zh.format(zh_names), "en": en.format(en_names)})
    return found


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
    plan = planned(ctx, read_definitions(path))
    return sorted(map(str, [*map(key_of, (*plan.publish, *plan.draft)), *plan.gone]))


def tags(
    ctx: Context, *, subject: str | None = None, search: str = "", library: str | None = None
) -> list[dict[str, Any]]:
    """The tag library: definitions with the figures of the current build, ordered by subject, category and name.

    Tags that were edited since, or whose data have changed, carry ``warnings``.

    Parameters
    ----------
    search
        What is typed to find a tag: part of a name, a title or a category, pinyin, its initials; see `finding.search`.
    library
        Only the tags of this library; ``enterprise`` for those that belong to none.
    """
    if subject:
        ctx.check_subject(subject)
    catalog = ctx.catalog()
    check_library(catalog, library)
    users = all_users(ctx)
    stats: dict[tuple[str, str], Any] = {}
    builds: dict[tuple[str, str], int] = {}
    for owner in catalog.subjects:
        build = ctx.current_build(owner)
        if build is not None:
            stats |= {(owner, s.tag): s for s in ctx.store.builds.stats(build.id)}
            builds |= {(owner, tag["name"]): build.id for tag in build.tags}
    warned = {owner: _warnings(ctx, owner) for owner in catalog.subjects}
    found = []
    filed, versions = filing(catalog), {d.name: d for d in ctx.store.definitions.current("tag")}
    waiting = {d.name: d.state for d in ctx.store.definitions.open_versions("tag")}
    labels = _labels(catalog)
    ordered = sorted(
        catalog.expressions.items(), key=lambda one: (one[0][0], filed.place(catalog.tags[one[0][1]]), one[0])
    )
    for (owner, name), expr in ordered:
        tag = catalog.tags[name]
        if (subject and owner != subject) or fit(search, (tag.name.zh, tag.name.en, name, tag.category)) is None:
            continue
        if library is not None and tag.library != library.removeprefix(ENTERPRISE):
            continue
        figures = stats.get((owner, name))
        grade = grade_of(catalog, owner, TagValue(name, expr.type))
        hidden = grade in MASKED
        type_ = catalog.world.tags_of(owner)[name]
        found.append(
            {
                "tag": name,
                "subject": owner,
                "name": tag.name.to_json(),
                "about": tag.about.to_json(),
                "category": tag.category,
                "category_name": filed.named(tag),
                "library": tag.library,
                "refines": tag.refines or None,
                "pii": grade,
                "masked": hidden,
                "expires": tag.expires,
                "version": versions[name].version if name in versions else None,
                "draft": waiting.get(name),
                "overdue": overdue(ctx, tag, ctx.current_build(owner)),
                "type": str(expr.type),
                "ordered": type_.ordered,
                "unit": tag_called(catalog, name).unit,
                "owner": tag.owner,
                "refresh": tag.refresh,
                "expr": tag.expression,
                "maker": tag.maker.name if tag.maker is not None else None,
                "given": tag.maker is not None and tag.maker.is_given,
                "history": tag.history is not None,
                "labels": labels.get(name),
                "facts": sorted(ir.facts_used(expr)),
                "uses": sorted(ir.tags_used(expr)),
                "used_by": sorted({str(use.user) for use in users.get(Key("tag", name), [])}),
                "build": builds.get((owner, name)),
                "coverage": figures.coverage if figures else None,
                "present": figures.present if figures else None,
                "distinct": figures.distinct if figures else None,
                "min": figures.minimum if figures and not hidden else None,
                "max": figures.maximum if figures and not hidden else None,
                "mean": figures.mean if figures and not hidden else None,
                "histogram": figures.histogram if figures and not hidden else None,
                "top": figures.top and in_order(type_, figures.top, itemgetter("value"))
                if figures and not hidden
                else None,
                "warnings": [*warned[owner].get(name, []), *expiry_warnings(ctx, [tag])],
            }
        )
    return found


def _labels(catalog: Catalog) -> dict[str, dict[str, dict[str, str]]]:
    """Tag → its values → what people call them, where its definition says so."""
    return {
        name: {value: words.to_json() for value, words in labels.items()}
        for name in catalog.tags
        if (labels := tag_called(catalog, name).labels)
    }


def _warnings(ctx: Context, subject: str) -> dict[str, list[dict[str, Any]]]:
    """Tag of the current build → what must be known beside its figures; a sentence names all tags that it is about."""
    build = ctx.current_build(subject)
    built = [tag["name"] for tag in build.tags] if build is not None else []
    edits, data = warn_of_edits(ctx, subject, built), warn_of_data(ctx, subject, built)
    return {tag: [*(said for said in edits if tag in said.get("tags", [tag])), *data] for tag in built}
