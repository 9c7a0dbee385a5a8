"""Why a tag has its value, and where it comes from: words, rows, lineage."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Any

from gongbi.catalog import lineage as graphs
from gongbi.catalog.base import ModelDef, Words
from gongbi.catalog.called import Called, attribute_called, tag_called, tag_title
from gongbi.catalog.catalog import titles as titles_in
from gongbi.catalog.predictions import check_target
from gongbi.catalog.scores import Score, model_tags, score_of
from gongbi.catalog.titles import titles_of
from gongbi.core import expr as ir
from gongbi.core.expr import Attribute, Expr
from gongbi.core.relations import trait_end
from gongbi.core.voice import Titles
from gongbi.core.words import sentence
from gongbi.errors import InvalidInput, NotYet, UnknownName
from gongbi.models.tables import score_table_name
from gongbi.services.context import Context
from gongbi.services.customers import attributes_of, neighbours_of, resolve, rows_behind, values_of
from gongbi.services.given import given_rows
from gongbi.services.limits import checked
from gongbi.services.privacy import Veil
from gongbi.services.saying import reasons_said, value_said
from gongbi.services.segments import instant
from gongbi.services.warnings import warn_of_tags


def titles(ctx: Context) -> Titles:
    """What the definitions in force call things."""
    return ctx.remembered("titles", ctx.fingerprint(), lambda: titles_of(ctx.catalog()))  # type: ignore[no-any-return]


def words(ctx: Context, expr: Expr, of: str = "") -> dict[str, str]:
    """An expression in words, in both languages; `of` is the tag that it makes."""
    known, made = titles(ctx), f"tag.{of}"
    return {"zh": sentence(expr, known, "zh", made), "en": sentence(expr, known, "en", made)}


def explain(
    ctx: Context,
    tag: str,
    id: Any,  # noqa: A002
    *,
    subject: str | None = None,
    limit: int = 20,
    reveal: str | None = None,
) -> dict[str, Any]:
    """Why a member has its value of a tag; personal values are masked.

    Parameters
    ----------
    tag, id
        The tag, and the member as people name it.
    subject
        By default the tag's.
    limit
        So many rows of facts behind each aggregate, the newest.
    reveal
        Why masked values are to be seen, by a named person; put on record.

    Returns
    -------
    dict
        ``tag``, ``id``, ``subject``, ``value``, ``said`` (the definition in words: ``zh``, ``en``), ``as_of``,
        ``warnings``;
        ``steps``: the tag and, after it, every tag that it uses, each with ``tag``, ``name``, ``value``, ``label``
        (what people call the value; None where nobody said), ``unit``,
        ``expr``, ``said``, ``uses``, ``attributes`` (of the member, as of the instant), ``neighbours`` (what is read of
        the one that it has along a relation: ``said``, ``of`` which tag or attribute, ``value``,
        ``label``, ``unit``), ``given`` (see `services.given.given_values`) and ``depth``;
        ``parts``: the rows of facts behind them, see `services.customers.evidence`; ``reasons``: of a propensity, where
        the chance is going and what moves it most, as sentences (``zh``, ``en``). A score of a model has one step
        and no rows.
    """
    limit, catalog = checked(limit), ctx.catalog()
    if (score := score_of(catalog.models, tag.strip().removeprefix("tag."))) is not None:
        return _of_model(ctx, *score, tag.strip().removeprefix("tag."), id, subject, reveal)
    if (asked := tag.strip().removeprefix("tag.")) not in catalog.tags:
        scores = {name for model in catalog.models.values() for name in model_tags(model)}
        raise UnknownName("tag", asked, catalog.tags.keys() | scores, titles=titles_in(catalog.tags))
    definition = catalog.tag(asked)
    if subject is not None and subject != definition.subject:
        raise InvalidInput(f"The tag {definition.tag!r} describes a {definition.subject}, not a {subject}.")
    subject = definition.subject
    member, tags = resolve(ctx, id, subject), catalog.tags_of(subject)
    veil, as_of = Veil(ctx, subject, member, reveal), instant(ctx, subject)
    parts = rows_behind(ctx, definition.tag, subject, member, veil, limit)
    values, attributes = values_of(ctx, subject, member), attributes_of(ctx, subject, member)
    steps: list[dict[str, Any]] = []
    queue, seen = [(definition.tag, 0)], {definition.tag}
    while queue:
        name, depth = queue.pop(0)
        expr, one = tags[name], catalog.tags[name]
        called, value = tag_called(catalog, name), veil.tag(name, values.get(name))
        traits = [part for part in dict.fromkeys(ir.walk(expr)) if isinstance(part, Attribute)]
        read = {part.attribute for part in traits if "/" not in part.attribute} - {"id"}
        uses = sorted(used for used in ir.tags_used(expr) if used in tags)
        steps.append(
            {
                "tag": name,
                "name": one.name.to_json(),
                "value": value,
                "label": _label(called, value),
                "unit": called.unit,
                "expr": one.expression,
                "said": words(ctx, expr, name),
                "uses": uses,
                "attributes": {name: veil.attribute(name, attributes.get(name)) for name in sorted(read)},
                "neighbours": _neighbours(ctx, member, [part for part in traits if "/" in part.attribute], veil),
                "given": [
                    {**row, "value": veil.tag(name, row["value"])}
                    for row in (given_rows(ctx, one, member) if one.maker is not None and one.maker.is_given else [])
                ],
                "depth": depth,
            }
        )
        queue += [(used, depth + 1) for used in uses if used not in seen]
        seen.update(uses)
    return {
        "tag": definition.tag,
        "subject": subject,
        "id": veil.id,
        "value": steps[0]["value"],
        "said": steps[0]["said"],
        "as_of": as_of.isoformat(),
        "steps": steps,
        "parts": parts,
        "reasons": [],
        "warnings": [*warn_of_tags(ctx, subject, [definition.tag]), *veil.told()],
    }


def _of_model(
    ctx: Context,
    model: ModelDef,
    score: Score,
    tag: str,
    id: Any,  # noqa: A002
    subject: str | None,
    reveal: str | None,
) -> dict[str, Any]:
    """What a model says of a member; see `explain`."""
    catalog, dialect = ctx.catalog(), ctx.engine.dialect
    if subject is not None and subject != model.subject:
        raise InvalidInput(f"The tag {tag!r} describes a {model.subject}, not a {subject}.")
    member, table = resolve(ctx, id, model.subject), score_table_name(model.model)
    if table not in ctx.engine.tables():
        raise NotYet(f"The model {model.model!r} was not trained yet.", hint="Run `gongbi train` first.")
    veil = Veil(ctx, model.subject, member, reveal)
    rows = ctx.engine.query(f"select * from {dialect.ident(table)} where id = {dialect.literal(member)}").to_pylist()
    row = rows[0] if rows else {}
    title = Words(model.name.zh or model.model, model.name.en or model.model)
    said = {"zh": f"由模型「{title.zh}」预测", "en": f"Foretold by the model {title.en}"}
    if model.target is not None:
        aim = words(ctx, check_target(model, model.target, catalog.world))
        said = {"zh": f"{said['zh']}：{aim['zh']}", "en": f"{said['en']}: {aim['en']}"}
    if not row:
        none = {"zh": "。此人不在打分范围内，没有值", "en": ". This member is not scored by it"}
        said = {language: text + none[language] for language, text in said.items()}
    value = veil.tag(tag, row.get(score.column))
    shown = {column: veil.tag(name, row.get(column)) for name, column in model_tags(model).items()}
    step = {
        "tag": tag,
        "name": tag_title(catalog, tag).to_json(),
        "value": value,
        "label": value_said(catalog, model.subject, tag, value),
        "unit": tag_called(catalog, tag).unit,
        "expr": "",
        "said": said,
        "uses": [],
        "attributes": {},
        "neighbours": [],
        "given": [],
        "depth": 0,
    }
    return {
        "tag": tag,
        "subject": model.subject,
        "id": veil.id,
        "value": value,
        "said": said,
        "as_of": (row["as_of"].replace(tzinfo=UTC) if row else instant(ctx, model.subject)).isoformat(),
        "steps": [step],
        "parts": [],
        "reasons": [one.to_json() for one in reasons_said(catalog, model, shown)],
        "warnings": [*warn_of_tags(ctx, model.subject, [tag]), *veil.told()],
    }


def _label(called: Called, value: Any) -> dict[str, str] | None:
    """What people call a value; None where nobody said."""
    return called.labels[str(value)].to_json() if str(value) in called.labels else None


def _neighbours(ctx: Context, member: Any, traits: Sequence[Attribute], veil: Veil) -> list[dict[str, Any]]:
    """What a tag reads of the one neighbour; see `explain`."""
    catalog, subject = ctx.catalog(), traits[0].subject if traits else ""
    values = neighbours_of(ctx, subject, member, traits)
    found = []
    for trait in traits:
        owner, last = trait_end(catalog.world, subject, trait.attribute)
        tag = last.removeprefix("tag.") if last.startswith("tag.") else None
        called = tag_called(catalog, tag) if tag is not None else attribute_called(catalog, f"{owner}.{last}")
        value = veil.attribute(trait.attribute, values.get(trait.attribute))
        told = {"value": value, "label": _label(called, value), "unit": called.unit}
        found.append({"said": words(ctx, trait), "of": tag or f"{owner}.{last}", **told})
    return found


def lineage(ctx: Context, name: str, *, steps: int | None = None) -> dict[str, Any]:
    """What a definition, a fact, a relation or a column is made from, and what is made of it.

    Parameters
    ----------
    name
        ``rfm.recency``, ``segment.loyal``, ``purchase.amount``; or with its kind, ``tag:rfm.recency``.
    steps
        At most so many steps away; all by default.

    Returns
    -------
    dict
        ``focus`` (the node's id); ``nodes``: ``id``, ``kind`` (see `catalog.lineage.KINDS`), ``name``, ``title``,
        ``detail``; ``edges``: ``from`` what is read, ``to`` what is made of it.
    """
    if steps is not None:
        steps = checked(steps)
    whole = ctx.remembered("lineage", ctx.fingerprint(), lambda: graphs.lineage_of(ctx.catalog()))
    focus = graphs.find(whole, name)
    return dict(graphs.as_json(whole.around(focus, steps=steps), focus))
