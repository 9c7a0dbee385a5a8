"""Grades of customers: the matrix of two types and five levels, who moved, and who is due for care."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from gongbi.catalog.portraits import GradingDef
from gongbi.core.compiler import Request
from gongbi.errors import InvalidInput, NotYet, UnknownName
from gongbi.portraits.grading import Grade, cells_plan, grades_plan, matrix
from gongbi.services import segments
from gongbi.services.context import Context
from gongbi.services.warnings import warn_of_tags

#: What a list of care shows of a member.
SHOWN = ("type", "level", "post", "volume", "days", "quiet")


def gradings(ctx: Context) -> list[dict[str, Any]]:
    """Every grading with its words."""
    return [
        {
            "grading": one.grading,
            "name": one.name.to_json(),
            "about": one.about.to_json(),
            "subject": one.subject,
            "posts": list(one.posts),
            "owner": one.owner,
        }
        for one in ctx.catalog().gradings.values()
    ]


def grading(ctx: Context, name: str, *, days: int | None = None) -> dict[str, Any]:
    """The matrix of a grading as of the build in force, with the moves since some days before.

    Parameters
    ----------
    days
        How long before; the grading's `period` where absent.

    Returns
    -------
    dict
        ``types`` and ``posts`` (with words), ``unit``, ``as_of``, ``before`` (the instant compared with), ``cells``
        (see `portraits.grading.Cell`), ``members``, ``due``, ``warnings``.

    Raises
    ------
    NotYet
        Its tags were not built.
    """
    catalog = ctx.catalog()
    one = catalog.grading(name)
    days = one.period if days is None else days
    if not 1 <= days <= 3650:
        raise InvalidInput(f"Moves are counted over 1 to 3,650 days, not {days}.")
    _check_built(ctx, one)
    now = segments.instant(ctx, one.subject)
    before = now - timedelta(days=days)
    ctx.progress("grades", 0, 3)
    request = Request(one.subject, {}, now, ctx.stored(one.subject), single=ctx.single(one.subject))
    counted = ctx.engine.query(cells_plan(one, request, catalog.world, ctx.engine.dialect)).to_pylist()
    grades: list[dict[Any, Grade]] = []
    for i, instant in enumerate((before, now), start=1):
        ctx.progress("grades", i, 3)
        rows = ctx.engine.query(grades_plan(one, instant, catalog, ctx.engine.dialect))
        given = (rows[column].to_pylist() for column in ("id", "type", "level"))
        grades.append({id_: (type_, level) for id_, type_, level in zip(*given, strict=True)})
    cells = matrix(one, counted, grades[0], grades[1])
    return {
        "grading": name,
        "name": one.name.to_json(),
        "about": one.about.to_json(),
        "subject": one.subject,
        "unit": one.unit,
        "as_of": now.isoformat(),
        "before": before.isoformat(),
        "days": days,
        "types": {key: words.to_json() for key, words in one.types.items()},
        "posts": {key: words.to_json() for key, words in one.posts.items()},
        "cells": [cell.to_json() for cell in cells],
        "members": sum(cell.members for cell in cells),
        "due": sum(cell.due for cell in cells),
        "warnings": warn_of_tags(ctx, one.subject, _tags(one)),
    }


def care(
    ctx: Context,
    name: str,
    *,
    post: str | None = None,
    limit: int | None = 50,
    to: str | None = None,
    overwrite: bool = False,
    headings: str | None = None,
) -> dict[str, Any]:
    """Who is due for care: the last contact is longer ago than the rhythm, or there was none; the highest level first.

    Parameters
    ----------
    post
        Only those whom this post looks after.
    to
        Write the whole list to this file (csv, xlsx, parquet), which is put on record.
    headings
        As of `segments.export`.

    Returns
    -------
    dict
        Of `segments.members`, or of `segments.export` where a file was written; ``due`` is how many there are.
    """
    one = ctx.catalog().grading(name)
    if post is not None and post not in one.posts:
        raise UnknownName("post", post, one.posts, titles={key: (w.zh, w.en) for key, w in one.posts.items()})
    _check_built(ctx, one)
    condition = f"tag.{one.prefix}.due" + (f" and tag.{one.prefix}.post = '{post}'" if post is not None else "")
    about = {"subject": one.subject, "columns": [f"tag.{one.prefix}.{part}" for part in SHOWN]}
    order = [f"tag.{one.prefix}.level", f"tag.{one.prefix}.quiet"]
    if to is not None:
        written = {**about, "order": order, "overwrite": overwrite, "headings": headings}
        return segments.export(ctx, condition, to, **written)  # type: ignore[arg-type]
    found = segments.members(ctx, condition, limit=limit, order=order, **about)  # type: ignore[arg-type]
    due = segments.count(ctx, condition, subject=one.subject)["count"]
    return {**found, "due": due, "expression": condition}


def _tags(one: GradingDef) -> list[str]:
    return [f"{one.prefix}.{part}" for part in (*SHOWN, "due")]


def _check_built(ctx: Context, one: GradingDef) -> None:
    if not set(_tags(one)) <= set(ctx.stored(one.subject)):
        raise NotYet(f"The grading {one.grading!r} has no values yet.", hint="Run `gongbi build` first.")
