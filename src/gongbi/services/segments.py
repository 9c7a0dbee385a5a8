"""Find groups: count, list, compare, export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pyarrow as pa

from gongbi.catalog import called
from gongbi.catalog.base import limited
from gongbi.catalog.catalog import model_tags, titles
from gongbi.core import expr as ir
from gongbi.core.compiler import Request
from gongbi.core.expr import Expr, TagValue
from gongbi.core.language import check_condition, check_expression
from gongbi.errors import InvalidExpression, InvalidInput, NotYet, UnknownName
from gongbi.segments.run import count_members, list_members
from gongbi.services.context import Context
from gongbi.services.files import check_writable, hand_out
from gongbi.services.limits import checked
from gongbi.services.privacy import check_reveal, hide, personal
from gongbi.services.saying import sayer
from gongbi.services.warnings import warn_of_request


def condition(ctx: Context, expression: str, subject: str = "customer") -> tuple[Expr, str]:
    """Read the name of a saved segment or an expression; gives the condition and the subject it is about."""
    catalog = ctx.catalog()
    if not isinstance(expression, str):
        raise InvalidInput(f"An expression is a text, not {expression!r}.")
    name = expression.strip().removeprefix("segment.")
    if name in catalog.segments:
        owner = catalog.segments[name].subject
        if subject != "customer":
            ctx.check_subject(subject)
        if subject not in ("customer", owner):
            raise InvalidInput(f"The segment {name!r} holds {owner}s, not {subject}s.")
        return catalog.conditions[name], catalog.segments[name].subject
    if not expression.strip():
        raise InvalidInput("The expression is empty.", hint="Write a condition, or the name of a segment.")
    ctx.check_subject(subject)
    try:
        return check_condition(expression, catalog.world, subject), subject
    except (UnknownName, InvalidExpression) as error:
        # One word that names nothing may be a segment misspelt; an attribute of a like name is itself.
        called = titles(catalog.segments)
        likely = name.isidentifier() and get_close_matches(name, catalog.segments, n=1, cutoff=0.75)
        if likely or name.casefold() in {title.casefold() for both in called.values() for title in both}:
            raise UnknownName("segment", name, catalog.segments, titles=called) from error
        raise


def request(
    ctx: Context, expression: str, subject: str = "customer", columns: Mapping[str, Expr] | None = None
) -> Request:
    """The request for a group as of the instant of the current build, so that tags and raw facts agree."""
    where, subject = condition(ctx, expression, subject)
    _check_trained(ctx, subject, [*(columns or {}).values(), where])
    build = ctx.current_build(subject)
    return Request(
        subject,
        columns or {},
        instant(ctx, subject),
        ctx.stored(subject),
        where=where,
        single=ctx.single(subject),
        # Tags of the data that are loaded now have a row for each member known at their instant, which is this one.
        known=build.table if build is not None and build.data_version == ctx.data_version() else None,
    )


def _check_trained(ctx: Context, subject: str, parts: Sequence[Expr]) -> None:
    """Scores come from a training, not from a build."""
    used = {tag for part in parts for tag in ir.tags_used(part)} - ctx.stored(subject).keys()
    for model in ctx.catalog().models.values():
        for tag in model_tags(model):
            if tag in used and model.subject == subject:
                if kept := ctx.store.models.list(name=model.model):
                    raise NotYet(
                        f"The tag {tag!r} has no values yet: no version of its model is in use.",
                        hint=f"Look at its card; `gongbi models promote {model.model} {kept[0].version} --why REASON`"
                        " puts one in use by your word.",
                    )
                raise NotYet(
                    f"The tag {tag!r} has no values yet: its model was not trained.",
                    hint=f"Run `gongbi train {model.model}` first.",
                )


def instant(ctx: Context, subject: str) -> datetime:
    """The instant that the tags in force belong to; the default instant where nothing was built."""
    build = ctx.current_build(subject)
    return build.as_of if build is not None else ctx.as_of(None)


def narrowed(
    ctx: Context, expression: str, subject: str, limit: int | None, order: str | None, draw: str | None
) -> str:
    """A condition with a limit as one expression; `order` may be a tag by its name.

    Raises
    ------
    InvalidInput
        A limit below 1, one without `order` or `draw` or with both, or either without a limit.
    """
    if limit is None and order is None and draw is None:
        return expression
    if limit is None or checked(limit) < 1 or (order is None) == (draw is None):
        raise InvalidInput(
            "A limit from 1 and one of `order` and `draw` go together.",
            hint="For example --limit 1000 --order value.spend, or --limit 1000 --draw spring.",
        )
    catalog = ctx.catalog()
    name = expression.strip().removeprefix("segment.")
    expr = f"segment.{name}" if name in catalog.segments else expression
    return limited(expr, limit, order=ordered_by(ctx, order, subject) if order else None, draw=draw)


def ordered_by(ctx: Context, order: str, subject: str) -> str:
    """What members are ordered by, as an expression; a tag may be called by its name alone."""
    bare = order.strip().removeprefix("tag.")
    return f"tag.{bare}" if bare in ctx.catalog().world.tags_of(subject) else order


def count(
    ctx: Context,
    expression: str,
    *,
    subject: str = "customer",
    limit: int | None = None,
    order: str | None = None,
    draw: str | None = None,
) -> dict[str, Any]:
    """How many members an expression, or a saved segment, holds for.

    Parameters
    ----------
    limit, order, draw
        At most so many of them, as a segment keeps it: the largest by `order`, or, with a seed in `draw`, by lot.

    Returns
    -------
    dict
        ``count``, ``of`` (all known members), ``as_of``, ``expression``, ``subject``, ``warnings``.
    """
    _, subject = condition(ctx, expression, subject)
    wanted = request(ctx, narrowed(ctx, expression, subject, limit, order, draw), subject)
    ctx.progress("count", 0)
    found = count_members(ctx.engine, ctx.catalog().world, wanted)
    return {
        "count": found,
        "of": population(ctx, wanted.subject, wanted.as_of),
        "as_of": wanted.as_of.isoformat(),
        "expression": expression,
        "subject": wanted.subject,
        "warnings": warn_of_request(ctx, wanted),
    }


def population(ctx: Context, subject: str, as_of: datetime) -> int:
    """How many members of a subject are known as of an instant."""
    version = f"{as_of.isoformat()} {ctx.data_version()} {ctx.fingerprint()}"
    request_ = Request(subject, {}, as_of, {})
    return int(
        ctx.remembered(
            f"population {subject}", version, lambda: count_members(ctx.engine, ctx.catalog().world, request_)
        )
    )


def members(
    ctx: Context,
    expression: str,
    *,
    subject: str = "customer",
    columns: Sequence[str] = (),
    limit: int | None = None,
    order: Sequence[str] = (),
    draw: str | None = None,
    reveal: str | None = None,
) -> dict[str, Any]:
    """The members of a group with chosen columns: tags, attributes, or any expression.

    Parameters
    ----------
    limit, order, draw
        At most so many: the largest by `order`, or, with a seed in `draw`, those on whom the lot falls.
    reveal
        Why values that are masked otherwise are to be seen, by a named person; put on record.

    Returns
    -------
    dict
        ``table`` (Arrow: ``id``, then the columns), ``as_of``, ``subject``, ``warnings``.
    """
    return _listed(ctx, expression, subject, columns, limit, order, draw, reveal)[0]


def _listed(
    ctx: Context,
    expression: str,
    subject: str,
    columns: Sequence[str],
    limit: int | None,
    order: Sequence[str],
    draw: str | None,
    reveal: str | None = None,
) -> tuple[dict[str, Any], set[str | None]]:
    """What `members` answers, and the tables of tags that it is from."""
    check_reveal(ctx, reveal)
    limit = None if limit is None else checked(limit)
    if draw is not None and order:
        raise InvalidInput("A list is either by order or by lot, not both.", hint="Leave `order` or `draw` out.")
    _, about = condition(ctx, expression, subject)
    chosen = {name: column(ctx, name, about) for name in dict.fromkeys([*columns, *order])}
    wanted = request(ctx, expression, subject, chosen)
    ctx.progress("members", 0)
    table = list_members(ctx.engine, ctx.catalog().world, wanted, limit=limit, order=order, draw=draw)
    table, said = hide(ctx, table, personal(ctx, about, chosen), reveal, what=expression.strip())
    found = {
        "table": table,
        "as_of": wanted.as_of.isoformat(),
        "subject": about,
        "warnings": [*warn_of_request(ctx, wanted), *said],
    }
    return found, {wanted.known, *(stored.table for stored in wanted.stored.values())}


def column(ctx: Context, name: str, subject: str) -> Expr:
    """A column of a list: a tag by its name, an attribute, or any expression."""
    world = ctx.catalog().world
    tags = world.tags_of(subject)
    if name.removeprefix("tag.") in tags:
        bare = name.removeprefix("tag.")
        return TagValue(bare, tags[bare])
    return check_expression(name, world, subject)


def export(
    ctx: Context,
    expression: str,
    to: str,
    *,
    subject: str = "customer",
    columns: Sequence[str] = (),
    limit: int | None = None,
    order: Sequence[str] = (),
    draw: str | None = None,
    overwrite: bool = False,
    reveal: str | None = None,
    headings: str | None = None,
) -> dict[str, Any]:
    """Write a group to a file (csv, xlsx, parquet); every export is put on record.

    Parameters
    ----------
    overwrite
        Take the place of a file that is there; it is refused otherwise.
    reveal
        As in `members`.
    headings
        ``zh`` or ``en``: tags and attributes stand under their names with their units, not under how they are spelled,
        and values that have labels are said by these.

    Returns
    -------
    dict
        ``path``, ``rows``, ``columns``, ``sha256``, ``export`` (its number on record), ``warnings``.
    """
    path = Path(to).expanduser()
    check_writable(path, overwrite=overwrite)
    limit = None if limit is None else checked(limit)
    # A slip of the pen is no work that failed: it is told before anything goes on record.
    if headings not in (None, "zh", "en"):
        raise UnknownName("language", str(headings), ("zh", "en"))
    check_reveal(ctx, reveal)
    _, about = condition(ctx, expression, subject)
    for wanted in (*columns, *order):
        column(ctx, wanted, about)
    name = expression.strip().removeprefix("segment.")
    with ctx.run("export", expression.strip(), path=str(path)) as inner:
        found, tables = _listed(inner, expression, subject, columns, limit, order, draw, reveal)
        # Another build may have been published since.
        builds = [build.id for build in ctx.store.builds.list(subject=found["subject"]) if build.table in tables]
        table: pa.Table = found["table"]
        if headings is not None:
            table = in_words(ctx, about, table, headings)
            table = table.rename_columns(called.headings(ctx.catalog(), about, table.column_names, headings))
        done = hand_out(
            inner,
            table,
            path,
            expression=expression,
            as_of=datetime.fromisoformat(found["as_of"]),
            segment=name if name in ctx.catalog().segments else None,
            build_ids=builds,
            overwrite=overwrite,
        )
        inner.note(rows=done["rows"])
    return {**done, "warnings": found["warnings"]}


def in_words(ctx: Context, subject: str, table: pa.Table, language: str) -> pa.Table:
    """Values of a list as people call them: those that have labels, and the reasons of scores."""
    for place, text in enumerate(table.column_names):
        if (say := sayer(ctx.catalog(), subject, text)) is not None:
            said = [(one, say(one)) for one in table[text].to_pylist()]
            values = [None if one is None else words.in_(language) if words else str(one) for one, words in said]
            table = table.set_column(place, text, pa.array(values, pa.string()))
    return table


def segments(ctx: Context, *, counted: bool = True) -> list[dict[str, Any]]:
    """All saved segments, with their sizes.

    Returns
    -------
    list of dict
        One for each segment: its ``expr`` and, where it has one, its ``limit`` with ``order`` or ``draw``.
        Where one cannot be counted yet, because a tag was not built or a model not trained, its ``count`` and ``of``
        are None and ``problem`` says why (``code``, ``message``, ``hint``).
    """
    catalog = ctx.catalog()
    found = []
    for i, segment in enumerate(catalog.segments.values()):
        row: dict[str, Any] = {
            "segment": segment.segment,
            "subject": segment.subject,
            "name": segment.name.to_json(),
            "about": segment.about.to_json(),
            "expr": segment.expr,
            **{key: getattr(segment, key) for key in ("limit", "order", "draw")},
            "owner": segment.owner,
            "uses": sorted(ir.tags_used(catalog.conditions[segment.segment])),
        }
        if counted:
            row |= _size(ctx, segment.segment)
            ctx.progress("count segments", i + 1, len(catalog.segments))
        found.append(row)
    return found


def _size(ctx: Context, name: str) -> dict[str, Any]:
    try:
        found = count(ctx, name)
    except NotYet as error:
        problem = {"code": error.code, "message": error.message, "hint": error.hint}
        return {"count": None, "of": None, "problem": problem, "warnings": []}
    return {"count": found["count"], "of": found["of"], "problem": None, "warnings": found["warnings"]}


def exports(ctx: Context, *, limit: int = 50) -> list[dict[str, Any]]:
    """The newest exports: who wrote which group, or rejected rows, to which file; rows and checksum."""
    limit = checked(limit)
    return [
        {
            "export": e.id,
            "at": e.at,
            "actor": e.actor,
            "segment": e.segment,
            "expression": e.expression,
            "columns": e.columns,
            "rows": e.rows,
            "path": e.path,
            "sha256": e.sha256,
            "as_of": e.as_of,
        }
        for e in ctx.store.exports.list(limit=limit)
    ]
