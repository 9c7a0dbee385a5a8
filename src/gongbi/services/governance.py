"""What becomes of a folder of definitions: which come into force, which wait as drafts, which stay as they are.

The store is where definitions are (docs/decisions); a folder is how they travel. So a file that has not changed since
it was last applied does not undo what was published in the library meanwhile, and what was retired in the library does
not come back with the file that still has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from gongbi.catalog.base import Definition, TagDef, kind_of
from gongbi.catalog.catalog import Catalog, assemble, checked_tag
from gongbi.catalog.compare import differences
from gongbi.catalog.governed import GOVERNED as GOVERNED
from gongbi.catalog.uses import USERS, Key, Use, everyone, key_of, users_of, uses_of, writers
from gongbi.catalog.yaml import from_json, to_json
from gongbi.core import clock
from gongbi.errors import GongbiError, InvalidDefinition, InvalidInput, Refused
from gongbi.services.context import Context
from gongbi.store.definitions import Definition as Kept
from gongbi.store.values import digest

#: So many users are named in a message.
NAMED = 5
#: Why a tag is retired whose day has come.
EXPIRED = "It has expired."
#: Days before its expiry at which a tag is warned of.
SOON = 30


@dataclass
class Planned:
    """What applying a folder would do.

    Attributes
    ----------
    publish, draft
        What comes into force, and what waits for approval.
    same, waiting
        As it is in force already; as a draft has it.
    newer
        The file has not changed, and a later version was published in the library.
    stay_retired
        Retired in the library, and the file still has it as it was.
    gone
        In force, applied from a folder, and not in this one any more.
    unlisted
        In force and not in the folder, because it was never in one, or because only a review takes it away.
    """

    publish: list[Definition] = field(default_factory=list)
    draft: list[Definition] = field(default_factory=list)
    same: list[Definition] = field(default_factory=list)
    waiting: list[Definition] = field(default_factory=list)
    newer: list[Key] = field(default_factory=list)
    stay_retired: list[Key] = field(default_factory=list)
    gone: list[Key] = field(default_factory=list)
    unlisted: list[Key] = field(default_factory=list)


def mode_of(ctx: Context, kind: str) -> str:
    """How a kind of definition is governed: ``open`` or ``reviewed``."""
    return ctx.governance.get(GOVERNED.get(kind, ""), "open")


def planned(ctx: Context, definitions: Sequence[Definition], *, retire: bool = True) -> Planned:
    """Compare a folder with what is in force."""
    store, plan = ctx.store.definitions, Planned()
    current = {Key(d.kind, d.name): d for d in store.current()}
    waiting = {Key(d.kind, d.name): d for d in store.open_versions()}
    for definition in definitions:
        key, text_hash = key_of(definition), digest(to_json(definition))
        now = current.get(key)
        if now is not None and now.text_hash == text_hash:
            plan.same.append(definition)
            continue
        published = [d for d in store.history(*key) if d.state == "published"]
        last = published[-1] if published else None
        if now is None and last is not None and last.text_hash == text_hash and _retired_in_library(ctx, last):
            plan.stay_retired.append(key)
            continue
        if now is not None and now.file is None:
            from_file = [d for d in published if d.file is not None]
            if from_file and from_file[-1].text_hash == text_hash:
                plan.newer.append(key)
                continue
        if mode_of(ctx, key.kind) == "reviewed":
            draft = waiting.get(key)
            (plan.waiting if draft is not None and same(draft, definition) else plan.draft).append(definition)
        else:
            plan.publish.append(definition)
    given = {key_of(d) for d in definitions}
    for key, now in current.items():
        if key not in given and retire:
            reviewed = mode_of(ctx, key.kind) == "reviewed"
            (plan.unlisted if now.file is None or reviewed else plan.gone).append(key)
    return plan


def same(one: Kept, definition: Definition) -> bool:
    """Whether a version says what a definition says; the layout of an expression is no difference."""
    return not differences(restored([one])[0], definition)


def authors_of(ctx: Context, item: Kept) -> dict[str, int]:
    """Whose work a version is → the version by which each had a part in it.

    Its own author's; theirs who saved since the version in force, whether that was published or not, because it may
    hold their words; and theirs who wrote the same before, because a restored version is still their text.
    """
    kept = [d for d in ctx.store.definitions.history(item.kind, item.name) if d.version <= item.version]
    last = max((d.version for d in kept if d.state == "published"), default=0)
    (definition,) = restored([item])
    found: dict[str, int] = {}
    for old in reversed(kept):
        if old.version > last or same(old, definition):
            found.setdefault(old.actor, old.version)
    return found


def _retired_in_library(ctx: Context, item: Kept) -> bool:
    changes = ctx.store.definitions.changes(item.kind, item.name)
    last = next((c for c in reversed(changes) if c.version == item.version and c.state == "retired"), None)
    return last is not None and last.how == "library"


def restored(items: Iterable[Kept]) -> list[Definition]:
    """Definitions as the store keeps them."""
    return [from_json(d.kind, d.body) for d in items]  # type: ignore[arg-type]


def in_force_after(
    ctx: Context, come: Iterable[Definition] = (), go: Iterable[tuple[str, str]] = ()
) -> dict[Key, Definition]:
    """The definitions in force once some have come and some have gone."""
    leaving = {Key(*key) for key in go}
    found = {key_of(d): d for d in restored(ctx.store.definitions.current())}
    found |= {key_of(d): d for d in come}
    return {key: d for key, d in found.items() if key not in leaving}


def assembled(ctx: Context, definitions: Mapping[Key, Definition], new: Iterable[Definition] = ()) -> Catalog:
    """Check a set of definitions that is to be in force; an error names who would break by what is new.

    Raises
    ------
    GongbiError
        As `assemble`; where a definition that is not new breaks, ``InvalidDefinition`` names it and what it uses.
    """
    try:
        return assemble(definitions.values(), zone=ctx.zone, lists=ctx.lists())
    except GongbiError as error:
        changed = {key_of(d): d for d in new}
        if error.about is None or Key(*error.about) in changed or not changed:
            raise
        broken = definitions.get(Key(*error.about))
        rests = _rests_on(broken, definitions, changed) if broken is not None else []
        if not rests:
            raise
        kind, name = error.about
        raise InvalidDefinition(
            f"The {kind} {name!r} would break: {error.message}",
            hint=_what_changed(ctx, [changed[key] for key in rests]),
            place=error.place,
        ) from error


def _rests_on(
    broken: Definition, definitions: Mapping[Key, Definition], changed: Mapping[Key, Definition]
) -> list[Key]:
    users = users_of(definitions.values())
    return [key for key in changed if key_of(broken) in everyone(key, users)]


def _what_changed(ctx: Context, definitions: Sequence[Definition]) -> str:
    """Say what an edit does to a tag that others use: to its type, where that is it."""
    world = ctx.catalog().world
    for tag in definitions:
        old = world.tags.get((tag.subject, tag.tag)) if isinstance(tag, TagDef) else None
        if not isinstance(tag, TagDef) or old is None:
            continue
        try:
            new = checked_tag(tag, world).type
        except GongbiError:
            continue
        if str(old) != str(new):
            return f"It uses the tag {tag.tag!r}, which changes from {old} to {new}: change both together."
    first = key_of(definitions[0])
    return f"It uses the {first.kind} {first.name!r}, which was changed: change both together."


def check_gone(gone: Sequence[Key], before: Iterable[Definition], after: Mapping[Key, Definition]) -> None:
    """Refuse to let definitions go that others, which stay, still use.

    Raises
    ------
    Refused
        With everyone who uses the first of them, and where.
    """
    if not gone:
        return
    everything = [*before, *after.values()]
    tags, written = {d.tag for d in everything if isinstance(d, TagDef)}, writers(everything)
    uses = [use for d in after.values() for use in _uses(d, tags, written)]
    for key in gone:
        if found := [use for use in uses if use.used == key]:
            raise in_use(key, found)


def _uses(definition: Definition, tags: Iterable[str], written: Mapping[str, Key]) -> list[Use]:
    return uses_of(definition, tags, written) if kind_of(definition) in USERS else []


def in_use(key: Key, uses: Sequence[Use]) -> Refused:
    """The refusal to let go of what is used."""
    users = list(dict.fromkeys(named(use.user) for use in uses))
    shown = ", ".join(users[:NAMED]) + (", …" if len(users) > NAMED else "")
    return Refused(
        f"The {key.kind} {key.name!r} is in use and cannot go: {shown}.",
        hint=f"Change those first; `gongbi tags impact {named(key)}` shows everything that rests on it.",
        place=next((use.place for use in uses if use.place is not None), None),
    )


def named(key: Key) -> str:
    """A definition as it is named on the command line: a tag by its name, others with their kind."""
    return key.name if key.kind == "tag" else f"{key.kind}.{key.name}"


def today(ctx: Context) -> date:
    """The day it is in the workspace's zone."""
    return clock.local_date(ctx.now(), ctx.zone)


def expired(ctx: Context, definition: Definition) -> bool:
    """Whether a tag's day has come."""
    due = definition.expires if isinstance(definition, TagDef) else None
    return due is not None and date.fromisoformat(due) <= today(ctx)


def check_expired(ctx: Context, new: Iterable[Definition], all_: Mapping[Key, Definition]) -> None:
    """Refuse what is new or changed and uses a tag that has expired.

    Raises
    ------
    Refused
        With both names.
    """
    over = {key: d for key, d in all_.items() if expired(ctx, d)}
    if not over:
        return
    tags = [key.name for key in all_ if key.kind == "tag"]
    for definition in new:
        for use in _uses(definition, tags, {}):
            old = over.get(use.used)
            if isinstance(old, TagDef) and use.how.partition(" ")[0] != "features":
                raise Refused(
                    f"The {use.user.kind} {use.user.name!r} uses the tag {old.tag!r}, which expired on {old.expires}.",
                    hint="Use another tag, or give that one a later `expires`.",
                    place=definition.place,
                )


def due_for_retirement(ctx: Context, all_: Mapping[Key, Definition], waiting: Iterable[Definition] = ()) -> list[Key]:
    """Tags that have expired and that nothing uses, drafts that wait included."""
    over = [key for key, d in all_.items() if expired(ctx, d)]
    users = users_of(all_.values()) if over else {}
    wanted = {use.used for uses in users_of(waiting).values() for use in uses} if over else set()
    return [key for key in over if not users.get(key) and key not in wanted]


def retire_expired(ctx: Context) -> list[str]:
    """Take tags out of use that have expired and that nothing uses; returns ``tag NAME`` of each."""
    definitions = ctx.store.definitions
    over = due_for_retirement(ctx, in_force_after(ctx), restored(definitions.open_versions()))
    if over:
        with ctx.store.transaction():
            definitions.retire(over, ctx.actor, ctx.now(), why=EXPIRED, how="library")
            for key in over:
                ctx.store.audit.append(
                    actor=ctx.actor, action="retire", object=str(key), now=ctx.now(), details={"why": EXPIRED}
                )
    return [str(key) for key in over]


def expiry_warnings(ctx: Context, tags: Iterable[TagDef]) -> list[dict[str, Any]]:
    """Say which tags have expired or will soon."""
    found, now = [], today(ctx)
    for tag in tags:
        if tag.expires is None:
            continue
        left = (date.fromisoformat(tag.expires) - now).days
        about = {"tags": [tag.tag], "expires": tag.expires}
        if left <= 0:
            found.append(
                {
                    "code": "tag_expired",
                    **about,
                    "zh": f"标签 {tag.tag} 已于 {tag.expires} 到期，请勿再用；没有人用时由下次 gongbi apply 或"
                    " gongbi build 退役。",
                    "en": f"The tag {tag.tag} expired on {tag.expires}: use it no more. It is retired at the next"
                    " `gongbi apply` or `gongbi build` once nothing uses it.",
                }
            )
        elif left <= SOON:
            found.append(
                {
                    "code": "tag_expires",
                    **about,
                    "zh": f"标签 {tag.tag} 将于 {tag.expires} 到期（还有 {left} 天）。",
                    "en": f"The tag {tag.tag} expires on {tag.expires}, in {left} days.",
                }
            )
    return found


def given_reason(why: str | None) -> str:
    """A reason that says something."""
    said = (why or "").strip()
    if not said:
        raise InvalidInput("This needs a reason.", hint="Give it with `--why`; it is put on record.")
    return said
