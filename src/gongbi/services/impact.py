"""What rests on a tag: definitions, near and far, and files that were handed out; and tags on which nothing does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from gongbi.catalog.base import ModelDef, SegmentDef, TagDef
from gongbi.catalog.catalog import titles
from gongbi.catalog.uses import Key, Use, everyone, mentioned, tree, users_of
from gongbi.errors import InvalidInput, UnknownName
from gongbi.services.context import Context
from gongbi.services.governance import restored


def key_from(name: str) -> Key:
    """Read a name as people give it: `rfm.recency`, `tag.rfm.recency`, `segment.loyal` or `model.lapse`."""
    kind, dot, rest = name.strip().partition(".")
    if dot and kind in ("segment", "model"):
        return Key(kind, rest)
    return Key("tag", rest if dot and kind == "tag" else name.strip())


def all_users(ctx: Context) -> Mapping[Key, Sequence[Use]]:
    """Definition → who uses it, of all that is in force."""

    def make() -> Mapping[Key, Sequence[Use]]:
        return users_of(restored(ctx.store.definitions.current()))

    return ctx.remembered("users", ctx.fingerprint(), make)  # type: ignore[no-any-return]


def check_in_force(ctx: Context, key: Key) -> Key:
    """Refuse the name of a tag or segment that is not in force."""
    catalog = ctx.catalog()
    kinds: Mapping[str, Mapping[str, TagDef | SegmentDef | ModelDef]] = {
        "segment": catalog.segments,
        "model": catalog.models,
    }
    known = kinds.get(key.kind, catalog.tags)
    if key.name not in known:
        raise UnknownName(key.kind, key.name, known, titles=titles(known))
    return key


def tag_impact(ctx: Context, name: str) -> dict[str, Any]:
    """Everything that rests on a tag, a segment or a model: as a tree, and counted.

    Returns
    -------
    dict
        ``kind``, ``name``, ``users`` (a tree: ``kind``, ``name``, ``how``, ``users``), ``counts`` by kind, ``drafts``
        (that would use it), ``exports`` (files that hold it).
    """
    catalog, (kind, _, rest) = ctx.catalog(), name.partition(".")
    others = {"model": catalog.models, "grading": catalog.gradings}
    key = Key(kind, rest) if rest in others.get(kind, ()) else key_from(name)
    if key.kind not in others and not ctx.store.definitions.history(*key):
        check_in_force(ctx, key)
    users = all_users(ctx)
    counts: dict[str, int] = {}
    for user in everyone(key, users):
        counts[user.kind] = counts.get(user.kind, 0) + 1
    waiting = users_of(restored(ctx.store.definitions.open_versions())).get(key, [])
    return {
        "kind": key.kind,
        "name": key.name,
        "users": tree(key, users),
        "counts": counts,
        "drafts": [str(use.user) for use in waiting],
        "exports": sum(1 for e in ctx.store.exports.list() if handed_out(key, e.columns, e.expression, e.segment)),
    }


def handed_out(key: Key, columns: Sequence[str], expression: str | None, segment: str | None) -> bool:
    """Whether a file on record holds a tag or the members of a segment."""
    if key.kind == "segment":
        return segment == key.name
    named_in = {k.name for text in (*columns, expression or "") for k in mentioned(text) if k.kind == "tag"}
    return key.name in named_in or key.name in {column.removeprefix("tag.") for column in columns}


def unused_tags(ctx: Context, *, days: int = 90) -> dict[str, Any]:
    """Tags that no definition uses, and that nobody handed out or worked on for some days.

    Counted as use: another tag, a segment, a model or a campaign, in force or as a draft; an export whose columns or
    condition name it; an entry of the audit trail about it; a version of its own that is younger. Looking at a page or
    counting with an expression leaves no record and is not counted.
    """
    if days < 0:
        raise InvalidInput("`days` is 0 or more.")
    since = ctx.now() - timedelta(days=days)
    users = all_users(ctx)
    waiting = users_of(restored(ctx.store.definitions.open_versions()))
    exports = [e for e in ctx.store.exports.list() if e.at >= since]
    found = []
    kept = {d.name: d for d in ctx.store.definitions.current("tag")}
    for name, tag in ctx.catalog().tags.items():
        key = Key("tag", name)
        if name not in kept:  # Written by another definition, which stands for it.
            continue
        if users.get(key) or waiting.get(key) or kept[name].applied_at > since:
            continue
        if any(handed_out(key, e.columns, e.expression, e.segment) for e in exports):
            continue
        last = ctx.store.audit.list(object=str(key), limit=1)
        if last and last[0].at >= since:
            continue
        found.append(
            {
                "tag": name,
                "name": tag.name.to_json(),
                "subject": tag.subject,
                "category": tag.category,
                "owner": tag.owner,
                "since": kept[name].applied_at.isoformat(),
            }
        )
    return {
        "days": days,
        "of": len(kept),
        "tags": found,
        "counted": {
            "zh": "有标签、客群、模型、活动引用（含草稿），或期内导出、改动过，即算使用。看页面和计数没有记录。",
            "en": "Counted as use: tags, segments, models and campaigns, drafts among them; exports and changes within"
            " the days. Looking at a page and counting leave no record.",
        },
    }
