"""Groups and tags as of another instant than that of the tags in force."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from gongbi.core import expr as ir
from gongbi.core.clock import Window
from gongbi.core.compiler import Request, Stored
from gongbi.core.expr import Expr
from gongbi.errors import InvalidInput, NotYet
from gongbi.services.context import Context
from gongbi.services.digests import build_key
from gongbi.services.drafts import draft
from gongbi.services.segments import condition, instant
from gongbi.tags.run import build_tags

#: The instant of what has not happened.
NEVER = datetime.max.replace(tzinfo=UTC)


def moment(ctx: Context, given: str | datetime | None, subject: str) -> datetime:
    """Read an instant that is not after the present; that of the tags in force where none is given."""
    if given is None:
        return instant(ctx, subject)
    found = ctx.as_of(given)
    if found > ctx.now() + timedelta(minutes=1):
        raise InvalidInput(f"{given} lies in the future.", hint="Name a date that has passed.")
    return found


def stored_at(ctx: Context, subject: str, as_of: datetime) -> Mapping[str, Stored]:
    """Where the tags as of an instant are kept; empty where no build of the definitions and data in force has them."""
    build = ctx.store.builds.find(subject, as_of, build_key(ctx.catalog(), ctx.store, subject), ctx.data_version())
    if build is None or build.table not in ctx.tables():
        return {}
    return {tag["name"]: Stored(build.table, tag["name"]) for tag in build.tags}


def needed(ctx: Context, subject: str, parts: Iterable[Expr]) -> dict[str, Expr]:
    """The tags that some expressions rest on, each after those it uses itself.

    Raises
    ------
    NotYet
        One of them is the score of a model, which is known as of its training only.
    """
    expressions = ctx.catalog().tags_of(subject)
    wanted = {tag for part in parts for tag in ir.tags_used(part)}
    for tag in sorted(wanted - expressions.keys()):
        raise NotYet(
            f"The tag {tag!r} is the score of a model and has no value as of an earlier instant.",
            hint="Compare groups that do without it.",
        )
    return ir.with_used(wanted, expressions)


def request_at(
    ctx: Context,
    where: Expr,
    subject: str,
    as_of: datetime,
    columns: Mapping[str, Expr] | None = None,
    *,
    during: Window | None = None,
) -> Request:
    """The request for a condition as of any instant; tags that no build holds are computed with it.

    Its result has the columns that were asked for, and those tags.
    """
    asked = dict(columns or {})
    stored = dict(stored_at(ctx, subject, as_of))
    if as_of == instant(ctx, subject):
        stored |= ctx.stored(subject)
    parts = [*asked.values(), where]
    missing = {tag for part in parts for tag in ir.tags_used(part)} - stored.keys()
    computed = needed(ctx, subject, parts) if missing else {}
    return Request(
        subject,
        {**{tag: expr for tag, expr in computed.items() if tag not in stored}, **asked},
        as_of,
        stored,
        during=during,
        where=where,
        single=ctx.single(subject),
    )


def group_at(ctx: Context, expression: str, subject: str, as_of: datetime) -> Request:
    """The request for a group, by name or expression, as of any instant."""
    where, about = condition(ctx, expression, subject)
    return request_at(ctx, where, about, as_of)


def first_known(ctx: Context, subject: str, expr: Expr) -> datetime | None:
    """The instant of the first row of the facts that an expression rests on; the end of time where they have none.

    None where it rests on no fact, so that every instant is as good as another.
    """
    world = ctx.catalog().world
    used = ir.with_used(ir.tags_used(expr), ctx.catalog().tags_of(subject))
    names = {name for part in (expr, *used.values()) for name in ir.facts_used(part)} & world.facts.keys()
    if not names:
        return None
    there = ctx.tables()
    tables = sorted({world.facts[name].table for name in names} & there)
    if not tables:
        return NEVER

    def make() -> datetime:
        parts = " union all ".join(f"select min(ts) as ts from {ctx.engine.dialect.ident(t)}" for t in tables)
        first = ctx.engine.query(f"select min(ts) as ts from ({parts}) t")["ts"][0].as_py()
        return first.replace(tzinfo=UTC) if first is not None else NEVER

    return ctx.remembered(f"first {' '.join(tables)}", ctx.data_version() + ctx.fingerprint(), make)  # type: ignore[no-any-return]


@contextmanager
def tags_at(ctx: Context, subject: str, as_of: datetime, tags: Iterable[str]) -> Iterator[Mapping[str, Stored]]:
    """Tags as of an instant, in a build that is there or in a table that lasts as long as the block."""
    stored = stored_at(ctx, subject, as_of)
    names = set(tags)
    if names <= stored.keys():
        yield stored
        return
    catalog = ctx.catalog()
    wanted = ir.with_used(names, catalog.tags_of(subject))
    with draft(ctx) as table:
        build_tags(ctx.engine, catalog.world, Request(subject, wanted, as_of, {}, single=ctx.single(subject)), table)
        yield {tag: Stored(table, tag) for tag in wanted}
