"""What sets a group apart, and where else its likes are: the TGI of every value of every tag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from gongbi.catalog.lists import TAG as LIST
from gongbi.catalog.scores import is_reason
from gongbi.core import clock
from gongbi.core.compiler import Request
from gongbi.core.expr import TagValue
from gongbi.errors import InvalidInput, UnknownName
from gongbi.segments.base import UNKNOWN, BinnedTag, Profile, Unknown
from gongbi.segments.conditions import both, members_of
from gongbi.segments.run import (
    beside,
    count_bins,
    indices,
    profile,
)
from gongbi.services.bins import binned_tags, everybody, kept_words
from gongbi.services.context import Context
from gongbi.services.leakage import WHY, defining
from gongbi.services.past import first_known, moment, needed, tags_at
from gongbi.services.privacy import personal_tags
from gongbi.services.segments import condition, count, request
from gongbi.services.warnings import warn_of_nobody, warn_of_request

#: Of the traits named, so many may be there by chance.
FALSE_DISCOVERIES = 0.05
NOTES: Mapping[Unknown, str] = {
    "among": "Shares are of all members, the unknown included; they are the bin “—”. “…” is all other values.",
    "apart": "Shares are of the members with a value; the unknown count nowhere. “…” is all other values.",
}


def insight(
    ctx: Context,
    expression: str,
    *,
    base: str | None = None,
    against_as_of: str | None = None,
    subject: str = "customer",
    tags: Sequence[str] | None = None,
    min_support: int = 20,
    limit: int | None = None,
    unknown: Unknown = "among",
    include_absent: bool = True,
) -> dict[str, Any]:
    """What sets a group apart: the TGI of every value of every tag against a base, most different first.

    Parameters
    ----------
    base
        Another group; by default everybody known, or with `against_as_of` the group itself.
    against_as_of
        Compare with the base as it was at a past instant: an ISO date or instant. Scores of models are left out.
    tags
        Only these; by default all tags of the subject.
    min_support
        Bins in which the group has fewer members are left out, unless it would be expected to have as many as that:
        that nobody in it does what most others do is worth knowing.
    unknown
        ``among``: the unknown count in the shares' denominators. ``apart``: shares are of members with a value.
    include_absent
        Whether the unknown are shown as a bin of their own, where they count among the others.

    Returns
    -------
    dict
        ``size``, ``base_size``, ``as_of``, ``base_as_of``, ``rows`` (see `segments.base.Index`; ``defining`` says why a
        tag only repeats the group's definition, such rows come last), ``left_out`` (tags that cannot be compared, with
        the reason), ``note``, ``warnings``: among them the reason where there are no rows.
    """
    if min_support < 0 or (limit is not None and limit < 0):
        raise InvalidInput("`min_support` and `limit` are 0 or more.")
    if unknown not in UNKNOWN:
        raise UnknownName("way to count the unknown", unknown, UNKNOWN)
    wanted = request(ctx, expression, subject)
    about = wanted.subject
    compared = base if base is not None or against_as_of is None else expression
    other = None if compared is None else request(ctx, compared, subject)
    if other is not None and other.subject != about:
        raise InvalidInput(f"The group is about {about}s and the base about {other.subject}s.")
    ctx.progress("insight: values of the tags", 0, 2)
    names = _chosen(ctx, about, tags)
    cut = [b for b in binned_tags(ctx, about, wanted.stored) if b.tag in names]
    ctx.progress("insight: the group", 1, 2)
    base_as_of = wanted.as_of
    if against_as_of is not None:
        assert compared is not None
        base_as_of = moment(ctx, against_as_of, about)
        catalog = ctx.catalog()
        cut = [b for b in cut if b.tag in catalog.tags_of(about)]
        counts = _beside_the_past(ctx, wanted, compared, base_as_of, cut)
    else:
        counts = compared_with(ctx, wanted, other, cut)
    bins = [bin_ for tag in cut for bin_ in tag.bins]
    found = indices(bins, counts, min_support=min_support, unknown=unknown)
    if not include_absent:
        found = [index for index in found if index.kind != "absent"]
    said = _said_already(ctx, expression, about)
    # The group has these by its definition: that is no finding, so they come after what is one.
    found.sort(key=lambda index: index.tag in said)
    return {
        "size": counts.n_group,
        "base_size": counts.n_base,
        "as_of": wanted.as_of.isoformat(),
        "base_as_of": base_as_of.isoformat(),
        "expression": expression,
        "base": base,
        "unknown": unknown,
        "rows": [index.to_json() | {"defining": said.get(index.tag)} for index in found[:limit]],
        "compared": len(found),
        # Who is on a list was decided by somebody, and why one has a score is one's own: no traits to be compared.
        "left_out": _left_out(
            ctx,
            about,
            [
                name
                for name in names
                if name not in {b.tag for b in cut}
                and not name.startswith(LIST)
                and not is_reason(ctx.catalog().models, name)
            ],
            past=against_as_of is not None,
        ),
        "note": NOTES[unknown],
        "warnings": [
            *warn_of_nobody(counts.n_group, counts.n_base, len(found), min_support),
            *(_warn_of_nothing_known(ctx, about, base_as_of, cut) if against_as_of is not None else ()),
            *warn_of_request(ctx, wanted, {tag.tag for tag in cut}),
        ],
    }


def _warn_of_nothing_known(
    ctx: Context, subject: str, as_of: datetime, cut: Sequence[BinnedTag]
) -> list[dict[str, Any]]:
    """Say where the past lies before all facts on which the tags rest: of nobody is anything known then."""
    types = ctx.catalog().world.tags_of(subject)
    firsts = [first_known(ctx, subject, TagValue(tag.tag, types[tag.tag])) for tag in cut]
    # Traits such as a town have no first instant.
    if min((first for first in firsts if first is not None), default=as_of) <= as_of:
        return []
    day = clock.local_date(as_of, ctx.zone)
    en = f"Nothing had happened by {day}: there is nothing to compare with."
    return [{"code": "before_data", "zh": f"{day} 之前还没有任何数据，无从比较。", "en": en}]


def _said_already(ctx: Context, expression: str, subject: str) -> dict[str, Mapping[str, str]]:
    """Tag → why it only repeats the group: the condition names it, or it is made from such a tag, or that from it."""
    found = defining(ctx, subject, [condition(ctx, expression, subject)[0]])
    return {tag: WHY[why] for tag, why in found.items() if why in ("named", "made_from")}


def hidden(
    ctx: Context,
    expression: str,
    *,
    channel: str | None = None,
    subject: str = "customer",
    tags: Sequence[str] | None = None,
    min_support: int = 20,
    limit: int | None = 30,
) -> dict[str, Any]:
    """Where the likes of a group are outside the channel that everybody thinks of first.

    A trait is a value of a tag that is commoner in the group, beyond doubt (95 % interval above 1, at most one false
    discovery in twenty). Tags by which the group or the channel is defined are left out: they would only say it again.

    Parameters
    ----------
    channel
        The obvious place: a condition or a segment. What counts then is who of the group is found outside it. By
        default the group is its own channel, and the lift is what having the trait says of being in the group.

    Returns
    -------
    dict
        ``size``, ``in_channel`` (members of the channel), ``known_outside`` (members of the group who are not in the
        channel), ``base_rate`` (share of the group among those compared), ``rows``: ``tag``, ``label``, ``outside``
        (members with the trait outside the channel), ``there`` (of those compared, how many with the trait are in the
        group), ``rate`` (their share), ``lift`` with ``low`` and ``high``, ``q_value``, ``members_are`` (an expression
        for the audience outside), surest lift first, none of nobody; ``excluded``, ``as_of``, ``warnings``.
    """
    if min_support < 0 or (limit is not None and limit < 0):
        raise InvalidInput("`min_support` and `limit` are 0 or more.")
    where, about = condition(ctx, expression, subject)
    obvious, other = (where, about) if channel is None else condition(ctx, channel, subject)
    if other != about:
        raise InvalidInput(f"The group is about {about}s and the channel about {other}s.")
    excluded = defining(ctx, about, [where, obvious])
    names = [name for name in _chosen(ctx, about, tags) if name not in excluded]
    spelled, outside = spoken(ctx, expression), f"not ({spoken(ctx, channel or expression)} is true)"
    ctx.progress("hidden audience", 0)
    wanted = request(ctx, expression, subject)
    cut = [b for b in binned_tags(ctx, about, wanted.stored) if b.tag in names]
    base = None
    if channel is not None:
        wanted, base = request(ctx, both(spelled, outside), about), request(ctx, outside, about)
    counts = compared_with(ctx, wanted, base, cut)
    types = {tag.tag: tag.type for tag in cut}
    places = {(bin_.tag, bin_.label, bin_.kind): bin_ for tag in cut for bin_ in tag.bins}
    rows: list[dict[str, Any]] = []
    for index in indices(list(places.values()), counts, min_support=min_support):
        assert index.q_value is not None
        sure = index.low is not None and index.low > 100 and index.q_value <= FALSE_DISCOVERIES
        outside_too = index.base_count - (index.support if channel is None else 0)
        # A trait that nobody outside has leads to nobody.
        if not sure or index.kind in ("absent", "other") or not outside_too:
            continue
        assert index.tgi is not None
        assert index.low is not None
        assert index.high is not None
        trait = members_of(places[index.tag, index.label, index.kind], types[index.tag], f"tag.{index.tag}")
        rows.append(
            {
                "tag": index.tag,
                "label": index.label,
                "outside": outside_too,
                "there": index.support,
                "rate": index.support / index.base_count,
                "lift": index.tgi / 100,
                "low": index.low / 100,
                "high": index.high / 100,
                "q_value": index.q_value,
                "members_are": both(trait, outside),
            }
        )
    rows.sort(key=lambda row: (-row["low"], row["tag"], row["label"]))
    return {
        "subject": about,
        "expression": expression,
        "channel": channel,
        "as_of": wanted.as_of.isoformat(),
        "size": count(ctx, expression, subject=about)["count"],
        "in_channel": count(ctx, channel or expression, subject=about)["count"],
        "known_outside": counts.n_group if channel is not None else 0,
        "base_rate": counts.n_group / counts.n_base if counts.n_base else None,
        "rows": rows[:limit],
        "found": len(rows),
        "excluded": [{"tag": tag, "reason": WHY[why]} for tag, why in excluded.items()],
        "warnings": [
            *warn_of_nobody(counts.n_group, counts.n_base, len(rows) or 1, min_support),
            *warn_of_request(ctx, wanted, names),
        ],
    }


def compared_with(ctx: Context, group: Request, base: Request | None, cut: Sequence[BinnedTag]) -> Profile:
    """A group beside another, or beside everybody."""
    engine, world, kept = ctx.engine, ctx.catalog().world, kept_words(ctx, group.subject, group.stored)
    if base is not None:
        return profile(engine, world, group, base, cut, group.stored, kept)
    return beside(count_bins(engine, world, group, cut, group.stored, kept), everybody(ctx, group, cut))


def spoken(ctx: Context, expression: str) -> str:
    """A group inside a larger expression: a saved one by its name, else its condition in brackets."""
    name = expression.strip().removeprefix("segment.")
    return f"segment.{name}" if name in ctx.catalog().segments else f"({expression.strip()})"


def _chosen(ctx: Context, subject: str, tags: Sequence[str] | None) -> list[str]:
    names = list(ctx.catalog().world.tags_of(subject))
    if tags is None:
        return names
    chosen = {t.removeprefix("tag.") for t in tags}
    if unknown := sorted(chosen - set(names)):
        raise UnknownName(f"tag of {subject}", unknown[0], names)
    return [name for name in names if name in chosen]


def _beside_the_past(
    ctx: Context, group: Request, base: str, base_as_of: datetime, cut: Sequence[BinnedTag]
) -> Profile:
    """Members of the group now and of the base then; the same person at two dates counts in both."""
    engine, world = ctx.engine, ctx.catalog().world
    now = count_bins(engine, world, group, cut, group.stored)
    where, _ = condition(ctx, base, group.subject)
    used = needed(ctx, group.subject, [where])
    with tags_at(ctx, group.subject, base_as_of, [*(tag.tag for tag in cut), *used]) as stored:
        past = Request(group.subject, {}, base_as_of, stored, where=where, single=group.single)
        then = count_bins(engine, world, past, cut, stored)
    # Two samples: that many are the same people makes the difference surer than is said.
    return Profile(now.n, then.n, 0, now.bins, then.bins, [0] * len(now.bins))


def _left_out(ctx: Context, subject: str, tags: Sequence[str], *, past: bool = False) -> list[dict[str, Any]]:
    """Say why tags cannot be compared."""
    catalog, stored, hidden_ = ctx.catalog(), ctx.stored(subject), personal_tags(ctx, subject)
    types, made = catalog.world.tags_of(subject), catalog.tags_of(subject)
    reasons = {
        "list": ("值是列表或分布", "Its values are lists or distributions."),
        "not_made": ("还没有值：尚未构建或训练", "It has no values yet: it was not built or trained."),
        "empty": ("没有人有值", "Nobody has a value."),
        "score": ("模型得分没有过去的值", "Scores of models have no values of the past."),
        "personal": ("个人信息，不按取值统计", "It is personal: nothing is counted by its values."),
    }
    found = []
    for tag in tags:
        code = "not_made" if tag not in stored else "list" if types[tag].is_many else "empty"
        if past and tag not in made:
            code = "score"
        if tag in hidden_:
            code = "personal"
        zh, en = reasons[code]
        found.append({"tag": tag, "code": code, "reason": {"zh": zh, "en": en}})
    return found
