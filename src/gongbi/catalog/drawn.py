"""Check what casts, yearbooks and worklists say of tags, segments, models and facts."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Mapping

from gongbi.catalog.base import CastDef, ModelDef, WorklistDef, YearbookDef
from gongbi.catalog.yaml import place_of
from gongbi.core import expr as ir
from gongbi.core.expr import Call, Expr
from gongbi.core.language import check_condition, check_expression
from gongbi.core.world import World
from gongbi.errors import GongbiError, InvalidDefinition, UnknownName, WrongType


def check_cast(cast: CastDef, world: World, models: Mapping[str, ModelDef], segments: Mapping[str, object]) -> None:
    """Refuse a cast of groups or tags that are not there."""
    try:
        if cast.clusters is not None:
            clusters = [m.model for m in models.values() if m.estimator == "clusters" and m.subject == cast.subject]
            if cast.clusters not in clusters:
                raise UnknownName("model of clusters", cast.clusters, clusters)
        for name in (*cast.segments, *filter(None, [cast.among])):
            if name not in segments:
                raise UnknownName("segment", name, segments)
            if (owner := world.segments[name][0]) != cast.subject:
                raise InvalidDefinition(f"The segment {name!r} holds {owner}s, not {cast.subject}s.")
        known = world.tags_of(cast.subject)
        for pattern in (pattern for patterns in cast.fields.values() for pattern in patterns):
            if not fitting([pattern], known):
                raise UnknownName(f"tag of {cast.subject}", pattern, known)
    except GongbiError as error:
        raise (error.at(cast.place) if cast.place else error) from None


def fitting(patterns: Collection[str], tags: Collection[str]) -> list[str]:
    """Tags that fit names or patterns such as ``rfm.*``, in the order of the patterns."""
    found = (tag for pattern in patterns for tag in tags if fnmatch.fnmatchcase(tag, pattern))
    return list(dict.fromkeys(found))


def check_yearbook(book: YearbookDef, world: World) -> None:
    """Refuse figures that look beyond the year, or at other rows than the customer's own."""
    try:
        fact = world.fact(book.fact)
        if book.subject not in fact.subjects:
            raise InvalidDefinition(f"A row of {book.fact!r} names no {book.subject}: it makes nobody's year.")
        for figure in book.figures:
            expr = within_period(figure.figure, figure.expr, world, book.subject)
            if figure.compare and not (expr.type.is_number or expr.type.name in ("date", "timestamp")):
                raise WrongType(f"Figure {figure.figure!r} cannot be compared: it is {expr.type}, not a number.")
        for chart in book.charts:
            expr = within_period(chart.chart, chart.expr, world, book.subject)
            if not expr.type.is_number:
                raise WrongType(f"Chart {chart.chart!r} is {expr.type}, not a number.")
    except GongbiError as error:
        raise (error.at(book.place) if book.place else error) from None


def within_period(name: str, text: str, world: World, subject: str) -> Expr:
    """Check what is said of a period: every aggregate is of the period and nothing but it, and no tag is read.

    Raises
    ------
    InvalidDefinition
        It is of another time, or of none.
    """
    expr = check_expression(text, world, subject, ahead=True)
    if any(isinstance(part, Call) and part.function.name == "ahead" for part in ir.walk(expr)):
        raise InvalidDefinition(f"{name!r} looks ahead of its period.", hint="Use during() alone.")
    if used := sorted(ir.tags_used(expr)):
        raise InvalidDefinition(
            f"{name!r} uses the tag {used[0]!r}, which knows no period.", hint="Write what it computes, with during()."
        )
    if not all(ir.looks_ahead(call) for call in ir.aggregates(expr)):
        raise InvalidDefinition(
            f"{name!r} does not say of when it is.", hint="Filter every aggregate by during(), which is the period."
        )
    return expr


def check_worklist(worklist: WorklistDef, world: World) -> None:
    """Refuse a list of nobody's members, or one that shows what there is not."""
    said: list[tuple[str, str, tuple[str | int, ...]]] = [("expr", worklist.expr, ("expr",))]
    said += [("columns", text, ("columns", text)) for text in worklist.columns]
    said += [("order", text, ("order", n)) for n, text in enumerate(worklist.order)]
    said += [("by", worklist.by, ("by",))] if worklist.by else []
    try:
        world.subject(worklist.subject)
    except GongbiError as error:
        raise (error.at(worklist.place) if worklist.place else error) from None
    for key, text, path in said:
        check = check_condition if key == "expr" else check_expression
        try:
            check(text, world, worklist.subject)
        except GongbiError as error:
            error.message = f"Worklist {worklist.worklist!r}, `{key}`: {error.message}"
            if isinstance(error, WrongType) and error.hint is None and key != "expr":
                error.hint = "For instance mode(…), last(…) or sum(…) over the rows."
            place = place_of(worklist, *path)
            raise (error.at(place) if place else error) from None
