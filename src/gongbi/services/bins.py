"""The bins of tags by which groups are compared, kept beside a large build so that nobody waits for them."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gongbi.catalog.called import tag_called
from gongbi.core.compiler import Request, Stored
from gongbi.core.expr import Constant
from gongbi.core.types import BOOLEAN
from gongbi.errors import NotYet
from gongbi.segments.base import BinnedTag, Counts
from gongbi.segments.run import binned, count_bins, count_everybody, count_values, keep_words
from gongbi.segments.words import Word, digest_of, kept_in, words_of
from gongbi.services.context import Context
from gongbi.services.privacy import personal_tags
from gongbi.tags.amend import read_off
from gongbi.tags.base import TagColumn

#: How many there are, among the counts by tag; no tag is called so.
ALL = ""
#: From so many members on, bins are worked out once for everybody and kept; of fewer that is as soon done each time.
KEPT_FROM = 100_000
#: Tables beside a build: where ranges end, and the words of everybody.
_CUTS, _WORDS = "cuts_", "words_"


def prepare_bins(ctx: Context, subject: str) -> None:
    """Work out now what the first comparison after a build would else wait for; what is there already stays.

    What was worked out from earlier builds goes, but for the latest of them: a comparison may be reading it.
    """
    build, there = ctx.current_build(subject), ctx.engine.tables()
    assert build is not None
    others = [one for one in ctx.store.builds.list(subject=subject, status="published") if one.id != build.id]
    for old in sorted(others, key=lambda one: one.id)[:-1]:
        for table in there:
            if table.startswith(read_off(old.table, "")):
                ctx.engine.drop(table)
    kept_words(ctx, subject, ctx.stored(subject))


def binned_tags(ctx: Context, subject: str, stored: Mapping[str, Stored]) -> list[BinnedTag]:
    """The bins of all tags that have values and are not personal: those of the build, then the scores of models."""
    build = ctx.current_build(subject)
    if build is None:
        raise NotYet(f"No tags of {subject} were built yet.", hint="Run `gongbi build` first.")
    types = ctx.catalog().world.tags_of(subject)
    # As they are declared now: the order of levels is of the definitions, not of the build.
    built = [one for one in map(TagColumn.from_json, build.tags) if one.name in stored]
    columns = [replace(one, type=types.get(one.name, one.type)) for one in built]
    of_build = {column.name for column in columns}
    scores = [TagColumn(name, types[name]) for name in stored if name not in of_build]

    def of_tags() -> list[BinnedTag]:
        stats = {s.tag: s for s in ctx.store.builds.stats(build.id)}
        keep = read_off(build.table, _CUTS) if (build.members or 0) >= KEPT_FROM else None
        return binned(ctx.engine, columns, stored, stats, ctx.zone, keep)

    def of_scores() -> list[BinnedTag]:
        few = [t for t in scores if t.name.startswith("cluster.") or tag_called(ctx.catalog(), t.name).labels]
        counted = count_values(ctx.engine, few, stored)
        return binned(ctx.engine, scores, stored, counted, ctx.zone)

    # Scores are written anew by work that is on record.
    found = ctx.remembered(f"bins {subject}", f"{build.id} {ctx.fingerprint()}", of_tags)
    found = [*found, *ctx.remembered(f"bins of scores {subject}", str(ctx.store.generation), of_scores)]
    hidden_ = personal_tags(ctx, subject)
    return [tag for tag in found if tag.tag not in hidden_]


def kept_words(ctx: Context, subject: str, stored: Mapping[str, Stored]) -> Sequence[Word]:
    """The bins of a large build's tags as words that are kept beside it, written where they are not there yet."""
    build = ctx.current_build(subject)
    if build is None or (build.members or 0) < KEPT_FROM:
        return ()

    def make() -> Sequence[Word]:
        cut = [tag for tag in binned_tags(ctx, subject, stored) if stored[tag.tag].table == build.table]
        words, there = words_of(cut), ctx.engine.tables()
        table = read_off(build.table, f"{_WORDS}{digest_of(words)}")
        if table in there:
            return kept_in(table, words)
        for other in there:
            if other.startswith(read_off(build.table, _WORDS)):
                ctx.engine.drop(other)
        ctx.progress("insight: bins of everybody", 0)
        return keep_words(ctx.engine, build.table, cut, table)

    # Two who ask at once need one table.
    with ctx.memory.setdefault(f"words {subject}", threading.Lock()):
        version = f"{build.id} {ctx.fingerprint()}"
        return ctx.remembered(f"kept words {subject}", version, make)  # type: ignore[no-any-return]


def everybody(ctx: Context, group: Request, cut: Sequence[BinnedTag]) -> Counts:
    """All known members by the bins of tags; those of a build's tags are counted once for the build."""
    version = f"{group.known} {ctx.data_version()} {group.as_of.isoformat()} {ctx.fingerprint()}"
    known: dict[str, Sequence[int]] = ctx.remembered(f"everybody {group.subject}", version, dict)
    found = dict(known)
    missing = [tag for tag in cut if tag.tag not in known]
    if missing or ALL not in known:
        kept = kept_words(ctx, group.subject, group.stored)
        held = {tag.tag for word in kept for tag in word.tags}
        if group.known is not None and missing and all(tag.tag in held for tag in missing):
            counted = count_everybody(ctx.engine, missing, kept)
        else:
            everyone = replace(group, where=Constant(True, BOOLEAN))
            counted = count_bins(ctx.engine, ctx.catalog().world, everyone, missing, group.stored, kept)
        found |= {ALL: (counted.n,)} | _by_tag(missing, counted)
        lasting = {tag.tag for tag in missing if group.stored[tag.tag].table == group.known}
        known |= {tag: counts for tag, counts in found.items() if tag in lasting or tag == ALL}
    return Counts(found[ALL][0], [n for tag in cut for n in found[tag.tag]])


def _by_tag(tags: Sequence[BinnedTag], counted: Counts) -> dict[str, Sequence[int]]:
    """Tag → the counts of its bins."""
    left = iter(counted.bins)
    return {tag.tag: [next(left) for _ in tag.bins] for tag in tags}
