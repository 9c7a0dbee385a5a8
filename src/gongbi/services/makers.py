"""Makers of tags: what there is to choose from, and what a tag would be before it is in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from operator import itemgetter
from typing import Any

from gongbi.catalog.base import TagDef
from gongbi.catalog.catalog import checked_tag
from gongbi.catalog.makers import EXAMPLES, MAKERS, NAMES, form
from gongbi.catalog.makers.read import filled, read
from gongbi.catalog.masking import MASKED
from gongbi.catalog.schema import fields_of, summary_of
from gongbi.catalog.uses import Key
from gongbi.catalog.yaml import from_json, to_json, write_text
from gongbi.core import expr as ir
from gongbi.core.expr import Expr
from gongbi.core.types import in_order
from gongbi.errors import InvalidInput, UnknownName
from gongbi.services.context import Context
from gongbi.services.drafts import draft
from gongbi.services.privacy import grade_of_tag
from gongbi.services.segments import request
from gongbi.services.warnings import warn_of_request
from gongbi.tags.base import TagColumn
from gongbi.tags.run import build_tags, check_values, describe_tags


def makers(_ctx: Context, name: str = "") -> list[dict[str, Any]]:
    """What makers there are, each with the fields of its form.

    Parameters
    ----------
    name
        Only this maker.
    """
    if name and name not in MAKERS:
        raise UnknownName("maker", name, MAKERS)
    found = []
    for maker in [name] if name else MAKERS:
        about = {field.key: field.about for field in fields_of(MAKERS[maker])}
        found.append(
            {
                "maker": maker,
                "name": NAMES[maker].to_json(),
                "about": summary_of(MAKERS[maker]),
                "example": f"maker: {{{maker}: {EXAMPLES[maker]}}}",
                "fields": [
                    {**asdict(field), "name": field.name.to_json(), "about": about[field.key]} for field in form(maker)
                ],
            }
        )
    return found


def drafted(ctx: Context, definition: Mapping[str, Any]) -> tuple[TagDef, Expr]:
    """Read and check a tag that is not in force.

    Raises
    ------
    InvalidInput
        Its values are given; nothing computes them.
    """
    tag = from_json("tag", definition)
    assert isinstance(tag, TagDef)
    if tag.maker is not None and tag.maker.is_given:
        raise InvalidInput(
            f"The values of {tag.tag!r} are given, by hand or from a file: there is nothing to try.",
            hint="Apply the tag, then use `gongbi tags set` or `gongbi tags import`.",
        )
    ctx.check_subject(tag.subject)
    return tag, checked_tag(tag, ctx.catalog().world)


def tag_form(ctx: Context, tag: str = "", *, expr: str = "") -> dict[str, Any]:
    """A tag, or an expression, as a maker's form has it.

    Parameters
    ----------
    tag
        A tag's newest version: its draft where there is one, else what is in force.
    expr
        An expression in place of a tag.

    Returns
    -------
    dict
        ``maker`` and ``fields`` (those that are filled in), both None where no form writes the expression; ``expr``;
        ``definition`` (of a tag: as in YAML, without its `expr` or `maker`) and its ``version`` and ``state``.

    Raises
    ------
    InvalidExpression
        The expression cannot be read.
    """
    if not tag:
        found = read(expr)
        return {**_form(found), "expr": expr, "definition": {}, "version": None, "state": None}
    name = tag.strip().removeprefix("tag.")
    waiting = {Key(d.kind, d.name): d for d in ctx.store.definitions.open_versions()}
    in_force = {Key(d.kind, d.name): d for d in ctx.store.definitions.current("tag")}
    kept = waiting.get(Key("tag", name)) or in_force.get(Key("tag", name))
    if kept is None:
        raise UnknownName("tag", name, [key.name for key in in_force])
    definition = from_json("tag", kept.body)
    assert isinstance(definition, TagDef)
    body = {key: value for key, value in to_json(definition).items() if key not in ("expr", "maker")}
    made = definition.maker
    own = (made.name, filled(made.maker)) if made is not None else read(definition.expression)
    return {
        **_form(own),
        "expr": definition.expression,
        "definition": body,
        "version": kept.version,
        "state": kept.state,
    }


def _form(found: tuple[str, dict[str, Any]] | None) -> dict[str, Any]:
    return {"maker": found[0] if found else None, "fields": found[1] if found else None}


def draft_tag(ctx: Context, definition: Mapping[str, Any]) -> dict[str, Any]:
    """Check a tag that is not in force, and compute it as of the instant of the current build; nothing is kept.

    Parameters
    ----------
    definition
        The tag as in YAML, with its `expr` or `maker`.

    Returns
    -------
    dict
        ``expr``, ``type``, ``yaml``, and the figures that the library shows: ``present``, ``coverage``, ``distinct``,
        ``min``, ``max``, ``mean``, ``histogram``, ``top``, the last five None where its values are ``masked``.

    Raises
    ------
    InvalidDefinition, InvalidExpression, UnknownName, WrongType
        What `gongbi apply` would refuse.
    NotYet
        No build is there to take the instant from.
    """
    catalog = ctx.catalog()
    tag, expr = drafted(ctx, definition)
    column, hidden = TagColumn(tag.tag, expr.type), grade_of_tag(catalog, tag, expr) in MASKED
    asked = request(ctx, "true", tag.subject, {tag.tag: expr})
    with draft(ctx) as table:
        members = build_tags(ctx.engine, catalog.world, asked, table)
        check_values(ctx.engine, table, {tag.tag: tag.closed} if tag.closed else {}, [column])
        (stats,) = describe_tags(ctx.engine, table, [column], members)
    return {
        "tag": tag.tag,
        "subject": tag.subject,
        "expr": tag.expression,
        "type": str(expr.type),
        "yaml": write_text(tag),
        "facts": sorted(ir.facts_used(expr)),
        "uses": sorted(ir.tags_used(expr)),
        "as_of": asked.as_of.isoformat(),
        "members": members,
        "present": stats.present,
        "coverage": stats.coverage,
        "distinct": stats.distinct,
        "min": None if hidden else stats.minimum,
        "max": None if hidden else stats.maximum,
        "mean": None if hidden else stats.mean,
        "histogram": None if hidden else stats.histogram,
        "top": None if hidden else stats.top and in_order(tag.with_levels(expr.type), stats.top, itemgetter("value")),
        "ordered": tag.with_levels(expr.type).ordered,
        "masked": hidden,
        "warnings": warn_of_request(ctx, asked),
    }
