"""The library's own work: drafts, review, publication, retirement; versions and what changed between them."""

from __future__ import annotations

import fnmatch
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from gongbi.catalog.base import Definition, TagDef
from gongbi.catalog.catalog import checked_tag
from gongbi.catalog.compare import differences
from gongbi.catalog.uses import Key, everyone, key_of
from gongbi.catalog.yaml import from_json, to_json, write_text
from gongbi.errors import GongbiError, InvalidInput, Refused, UnknownName
from gongbi.services.context import Context
from gongbi.services.governance import (
    assembled,
    authors_of,
    check_expired,
    given_reason,
    in_force_after,
    in_use,
    mode_of,
    named,
    restored,
    same,
)
from gongbi.services.impact import all_users, check_in_force, key_from
from gongbi.services.judging import judge
from gongbi.services.segments import condition, ordered_by
from gongbi.store.definitions import Definition as Kept
from gongbi.store.definitions import NewDefinition, State


def actor_of(name: str) -> dict[str, Any]:
    """Who did something, as the doors show it; nobody is verified until accounts exist."""
    return {"actor": name, "verified": False}


def save_tag(ctx: Context, definition: Mapping[str, Any], *, kind: str = "tag", why: str = "") -> dict[str, Any]:
    """Keep a tag (or a segment, or a model) as a draft beside what is in force; nothing is computed from it.

    Parameters
    ----------
    definition
        As in YAML. One that differs from the open draft in blanks only is no new version.
    why
        What the change is for; put on record.

    Raises
    ------
    InvalidDefinition, InvalidExpression, UnknownName, WrongType, Refused
        What `gongbi apply` would refuse.
    """
    if kind not in ("tag", "segment", "model"):
        raise InvalidInput(f"Drafts are of tags, segments and models, not of a {kind}.")
    draft = from_json(kind, definition)  # type: ignore[arg-type]
    _checked(ctx, [draft])
    key = key_of(draft)
    waiting = next((d for d in ctx.store.definitions.open_versions(kind) if d.name == key.name), None)
    now = next((d for d in ctx.store.definitions.current(kind) if d.name == key.name), None)
    if waiting is not None and now is not None and now.version > waiting.version:
        waiting = None  # It was overtaken and cannot be published any more.
    if waiting is not None and same(waiting, draft):
        return _state(ctx, waiting)
    if waiting is None and now is not None and same(now, draft):
        raise InvalidInput(f"The {key.kind} {key.name!r} is in force as it is given; there is nothing to change.")
    applied = ctx.store.definitions.put_all(
        [NewDefinition(*key, to_json(draft), draft=True, why=why.strip())], ctx.actor, ctx.now()
    )
    if applied.drafted:
        _note(ctx, "draft", key, why)
    return _state(ctx, _waiting(ctx, key))


def save_segment(
    ctx: Context,
    name: str,
    expression: str,
    *,
    subject: str = "customer",
    limit: int | None = None,
    order: str | None = None,
    draw: str | None = None,
    title: Mapping[str, str] | None = None,
    about: Mapping[str, str] | None = None,
    owner: str = "",
    why: str = "",
) -> dict[str, Any]:
    """Keep a condition as a draft of a segment.

    Parameters
    ----------
    name, expression
        What it is called, afterwards ``segment.NAME``, and the condition, or the name of another segment.
    limit, order, draw
        At most so many: the largest by `order`, an expression or a tag's name, or, with a seed in `draw`, by lot.
    title, about
        Its name and what it is for: ``zh``, ``en``.
    why
        What the change is for; put on record.

    Returns
    -------
    dict
        As of `save_tag`.
    """
    _, owner_of = condition(ctx, expression, subject)
    known = expression.strip().removeprefix("segment.")
    given: dict[str, Any] = {
        "segment": name.strip(),
        "expr": f"segment.{known}" if known in ctx.catalog().segments else expression.strip(),
        "subject": owner_of,
        "limit": limit,
        "order": None if order is None else ordered_by(ctx, order, owner_of),
        "draw": draw,
        "name": {key: text for key, text in (title or {}).items() if text},
        "about": {key: text for key, text in (about or {}).items() if text},
        "owner": owner.strip(),
    }
    return save_tag(
        ctx, {key: value for key, value in given.items() if value not in (None, {}, "")}, kind="segment", why=why
    )


def _checked(ctx: Context, drafts: Sequence[Definition]) -> None:
    """Check what is to come against what is in force and the other drafts of the same hand-over."""
    after = in_force_after(ctx, drafts)
    try:
        assembled(ctx, after, drafts)
    except GongbiError as error:
        unknown = error if isinstance(error, UnknownName) else error.__cause__
        if isinstance(unknown, UnknownName) and _is_open(ctx, unknown):
            error.hint = f"{unknown.name!r} is a draft so far: have it approved first."
        raise
    check_expired(ctx, drafts, after)


def _is_open(ctx: Context, unknown: UnknownName) -> bool:
    kind = unknown.what.split()[0]
    return any(d.kind == kind and d.name == unknown.name for d in ctx.store.definitions.open_versions())


def _note(ctx: Context, action: str, key: Key, why: str, **details: Any) -> None:
    ctx.store.audit.append(
        actor=ctx.actor, action=action, object=str(key), now=ctx.now(), details={"why": why.strip()} | details
    )


def drafts(ctx: Context) -> list[dict[str, Any]]:
    """What waits: drafts and versions in review, each with what it changes and whom that touches."""
    return [_state(ctx, item) for item in ctx.store.definitions.open_versions()]


def _state(ctx: Context, item: Kept) -> dict[str, Any]:
    (definition,) = restored([item])
    key = Key(item.kind, item.name)
    now = next((d for d in ctx.store.definitions.current(item.kind) if d.name == item.name), None)
    users = all_users(ctx)
    return {
        "kind": item.kind,
        "name": item.name,
        "title": definition.name.to_json() if hasattr(definition, "name") else None,
        "version": item.version,
        "state": item.state,
        **actor_of(item.actor),
        "at": item.applied_at.isoformat(),
        "why": item.why,
        "subject": getattr(definition, "subject", ""),
        "expr": definition.expression if isinstance(definition, TagDef) else getattr(definition, "expr", ""),
        "yaml": write_text(definition),
        "published": now.version if now is not None else None,
        "behind": now is not None and now.version > item.version,
        "changes": [one.to_json() for one in differences(restored([now])[0], definition)] if now else [],
        "touches": [str(user) for user in everyone(key, users)],
    }


def _waiting(ctx: Context, key: Key) -> Kept:
    found = {Key(d.kind, d.name): d for d in ctx.store.definitions.open_versions()}
    if key not in found:
        raise UnknownName("draft", key.name, [k.name for k in found if k.kind == key.kind])
    return found[key]


def _chosen(ctx: Context, names: Sequence[str] | str, states: Sequence[State]) -> list[Kept]:
    """Open versions by names or patterns such as ``rfm.*``."""
    waiting = ctx.store.definitions.open_versions()
    found: dict[Key, Kept] = {}
    for name in [names] if isinstance(names, str) else names:
        key = key_from(name)
        fitting = [d for d in waiting if d.kind == key.kind and fnmatch.fnmatchcase(d.name, key.name)]
        if key.name not in {d.name for d in fitting} and not any(mark in key.name for mark in "*?["):
            fitting = [_waiting(ctx, key)]
        if not fitting:
            raise UnknownName("draft", key.name, [d.name for d in waiting if d.kind == key.kind])
        found |= {Key(d.kind, d.name): d for d in fitting if d.state in states or "*" not in name}
    for item in found.values():
        if item.state not in states:
            hint = f"`gongbi tags submit {named(Key(item.kind, item.name))}` asks for a review."
            raise Refused(f"The {item.kind} {item.name!r} is a draft that nobody asked to review.", hint=hint)
    if not found:
        raise InvalidInput("None of these waits for that.", hint="`gongbi tags drafts` shows what waits.")
    return list(found.values())


def submit_tag(ctx: Context, names: Sequence[str], *, why: str = "") -> list[dict[str, Any]]:
    """Ask for a review of drafts; gives what they change and whom that touches."""
    done = []
    with ctx.store.transaction():
        for item in _chosen(ctx, names, ("draft", "review")):
            if item.state == "draft":
                item = ctx.store.definitions.move(item, "review", ctx.actor, ctx.now(), why=why)
                _note(ctx, "submit", Key(item.kind, item.name), why, version=item.version)
            done.append(_state(ctx, item))
    return done


def approve_tag(ctx: Context, names: Sequence[str], *, why: str = "") -> list[dict[str, Any]]:
    """Publish what is in review: from now on it is what is built and used.

    Raises
    ------
    Refused
        Whoever had a part in a version (see `authors_of`) cannot publish it; a later one is in force.
    InvalidDefinition, …
        Something in force would break.
    """
    chosen = _chosen(ctx, names, ("review",))
    for item in chosen:
        _may_approve(ctx, item)
    # Together: one of them may use another.
    _checked(ctx, restored(chosen))
    done = []
    with ctx.store.transaction():
        for item in chosen:
            state = _state(ctx, item)
            moved = ctx.store.definitions.move(item, "published", ctx.actor, ctx.now(), why=why)
            _note(ctx, "publish", Key(item.kind, item.name), why, version=item.version)
            done.append(state | {"state": moved.state, "approved_by": ctx.actor})
    judge(ctx)
    return done


def _may_approve(ctx: Context, item: Kept) -> None:
    now = next((d for d in ctx.store.definitions.current(item.kind) if d.name == item.name), None)
    if now is not None and now.version > item.version:
        raise Refused(
            f"Version {item.version} of the {item.kind} {item.name!r} is older than version {now.version} in force.",
            hint=f"`gongbi tags restore {named(Key(item.kind, item.name))} {item.version}` makes a new draft of it.",
        )
    hint = "Another person does: `--as NAME`, or the name at the top of the console."
    mine = [version for actor, version in authors_of(ctx, item).items() if _same_person(actor, ctx.actor)]
    if item.version in mine:
        raise Refused(
            f"{ctx.actor} wrote version {item.version} of the {item.kind} {item.name!r} and cannot approve it.",
            hint=hint,
        )
    if mine:
        raise Refused(
            f"{ctx.actor} wrote version {max(mine)} of the {item.kind} {item.name!r}, on which version {item.version}"
            " rests, and cannot approve it.",
            hint=hint,
        )


def _same_person(one: str, other: str) -> bool:
    first, second = (unicodedata.normalize("NFKC", name).strip().casefold() for name in (one, other))
    return first == second


def reject_tag(ctx: Context, names: Sequence[str], *, why: str = "") -> list[dict[str, Any]]:
    """Turn drafts down, with a reason; what is in force stays."""
    reason = given_reason(why)
    done = []
    with ctx.store.transaction():
        for item in _chosen(ctx, names, ("draft", "review")):
            state = _state(ctx, item)
            ctx.store.definitions.move(item, "rejected", ctx.actor, ctx.now(), why=reason)
            _note(ctx, "reject", Key(item.kind, item.name), reason, version=item.version)
            done.append(state | {"state": "rejected", "rejected_by": ctx.actor})
    return done


def retire_tag(ctx: Context, names: Sequence[str], *, why: str = "") -> list[dict[str, Any]]:
    """Take tags or segments out of use, with a reason; refused for what something else uses.

    Raises
    ------
    Refused
        With everyone who uses it.
    """
    reason = given_reason(why)
    keys = [check_in_force(ctx, key_from(name)) for name in ([names] if isinstance(names, str) else names)]
    users = all_users(ctx)
    for key in keys:
        if using := [use for use in users.get(key, ()) if use.user not in keys]:
            raise in_use(key, using)
    assembled(ctx, in_force_after(ctx, go=keys))
    with ctx.store.transaction():
        ctx.store.definitions.retire(keys, ctx.actor, ctx.now(), why=reason, how="library")
        for key in keys:
            _note(ctx, "retire", key, reason)
    return [{"kind": k.kind, "name": k.name, "state": "retired", **actor_of(ctx.actor), "why": reason} for k in keys]


def restore_tag(ctx: Context, name: str, version: int, *, why: str = "") -> dict[str, Any]:
    """Make a new draft of an old version."""
    key = key_from(name)
    old = ctx.store.definitions.at_version(*key, version)
    reason = why.strip() or f"Version {version} again."
    return save_tag(ctx, old.body, kind=key.kind, why=reason)


def tag_versions(ctx: Context, name: str) -> dict[str, Any]:
    """Every version of a tag or segment, the newest first: who, when, why, its state and how it came to be so.

    Returns
    -------
    dict
        ``kind``, ``name``, ``current`` (the version in force, or None), ``versions``: each with ``version``, ``state``,
        ``actor``, ``at``, ``why``, ``file``, ``title`` and ``about`` (in both languages), ``expr``, ``changes``
        (against the one before) and ``events``.
    """
    key = key_from(name)
    kept = ctx.store.definitions.history(*key)
    if not kept:
        known = [d.name for d in (*ctx.store.definitions.current(key.kind), *ctx.store.definitions.open_versions())]
        raise UnknownName(key.kind, key.name, known)
    published = [d for d in kept if d.state == "published"]
    current = published[-1] if published and published[-1].retired_at is None else None
    changes = ctx.store.definitions.changes(*key)
    found = []
    for i, item in enumerate(kept):
        (definition,) = restored([item])
        before = restored(kept[i - 1 : i])
        events = [
            {"state": c.state, **actor_of(c.actor), "at": c.at.isoformat(), "why": c.why}
            for c in changes
            if c.version == item.version
        ]
        superseded = item.state == "published" and item is not current and item.retired_at is None
        found.append(
            {
                "version": item.version,
                "state": "retired" if item.retired_at else "replaced" if superseded else item.state,
                **actor_of(item.actor),
                "at": item.applied_at.isoformat(),
                "why": item.why,
                "file": item.file,
                "title": definition.name.to_json(),
                "about": definition.about.to_json(),
                "expr": definition.expression if isinstance(definition, TagDef) else getattr(definition, "expr", ""),
                "changes": [one.to_json() for one in differences(before[0], definition)] if before else [],
                "events": events,
            }
        )
    return {
        "kind": key.kind,
        "name": key.name,
        "current": current.version if current is not None else None,
        "versions": found[::-1],
    }


def tag_diff(ctx: Context, name: str, old: int | None = None, new: int | None = None) -> dict[str, Any]:
    """What changed between two versions, in words; by default from the one in force to its draft, or to it.

    Returns
    -------
    dict
        ``old`` and ``new`` (versions), ``changes``: each with ``key``, ``old``, ``new``, ``parts`` (of an expression:
        its words, each ``same``, ``removed`` or ``added``) and ``words`` in both languages; ``types`` where they can be
        told.
    """
    history = tag_versions(ctx, name)
    key, numbers = Key(history["kind"], history["name"]), sorted(v["version"] for v in history["versions"])
    if new is None:
        new = numbers[-1]
    if old is None:
        current = history["current"]
        old = current if current is not None and current != new else max((n for n in numbers if n < new), default=new)
    pair = [ctx.store.definitions.at_version(*key, number) for number in (old, new)]
    before, after = restored(pair)
    types = [_type(ctx, one) for one in (before, after)]
    return {
        "kind": key.kind,
        "name": key.name,
        "old": old,
        "new": new,
        "changes": [one.to_json() for one in differences(before, after)],
        "types": {"old": types[0], "new": types[1]},
    }


def _type(ctx: Context, definition: Definition) -> str | None:
    if not isinstance(definition, TagDef):
        return None
    try:
        return str(checked_tag(definition, ctx.catalog().world).type)
    except GongbiError:
        return None  # It names what is no longer there.


def governance(ctx: Context) -> dict[str, str]:
    """How tags and segments are governed: ``open`` or ``reviewed``."""
    return {"tags": mode_of(ctx, "tag"), "segments": mode_of(ctx, "segment")}
