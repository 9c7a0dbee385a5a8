"""Values that come close to a person are masked in lists and files, unless a named person gives a reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from gongbi.catalog.catalog import Catalog
from gongbi.catalog.masking import MASKED, Privacy, masked
from gongbi.core import expr as ir
from gongbi.core.expr import Attribute, Call, Expr, TagValue
from gongbi.errors import InvalidInput, Refused
from gongbi.services.context import Context

#: Actors who are nobody in particular.
NOBODY = frozenset({"", "local", "scheduler"})


def id_grade(catalog: Catalog, subject: str) -> Privacy:
    """How personal the id of a member is: as its primary identifier."""
    return next((i.pii for i in catalog.subjects[subject].identifiers.values() if i.primary), "none")


def grade_of(catalog: Catalog, subject: str, expr: Expr) -> Privacy:
    """How personal an expression's values are: as the most personal attribute or tag that it shows as it is.

    What is counted, summed or compared tells no name; a value that is handed on does.
    """
    if isinstance(expr, Attribute):
        if expr.attribute == "id":
            return id_grade(catalog, subject)
        sources = (s for s in catalog.sources.values() if s.attributes == expr.subject)
        return next((s.columns[expr.attribute].pii for s in sources if expr.attribute in s.columns), "none")
    if isinstance(expr, TagValue):
        if expr.tag in catalog.tags and (said := catalog.tags[expr.tag].pii) is not None:
            return said
        behind = catalog.expressions.get((subject, expr.tag))
        below: Privacy = grade_of(catalog, subject, behind) if behind is not None else "none"
        return max(catalog.privacy.get(expr.tag, "none"), below, key=_ORDER.index)
    if isinstance(expr, ir.FactColumn):
        source = next((s for s in catalog.sources.values() if s.fact == expr.fact and expr.column in s.columns), None)
        return source.columns[expr.column].pii if source is not None else "none"
    if isinstance(expr, ir.RelatedColumn):
        return grade_of(catalog, expr.subject, Attribute(expr.subject, expr.attribute, expr.type))
    if not isinstance(expr, Call) or expr.type.name == "boolean" or expr.function.name in ("count", "count_distinct"):
        return "none"
    grades: list[Privacy] = [grade_of(catalog, subject, arg) for arg in expr.args]
    return max(grades, key=_ORDER.index, default="none")


_ORDER: tuple[Privacy, ...] = ("none", "indirect", "direct", "sensitive")


def personal(ctx: Context, subject: str, columns: Mapping[str, Expr]) -> dict[str, Privacy]:
    """Columns of a list whose values are masked, the id among them, each with its grade."""
    catalog = ctx.catalog()
    grades = {"id": id_grade(catalog, subject)} | {n: grade_of(catalog, subject, e) for n, e in columns.items()}
    return {name: grade for name, grade in grades.items() if grade in MASKED}


def check_reveal(ctx: Context, reveal: str | None) -> None:
    """Refuse to show masked values without a name or without a reason; None asks for nothing.

    Raises
    ------
    InvalidInput, Refused
        The reason is empty; nobody in particular asks.
    """
    if reveal is None:
        return
    if not reveal.strip():
        raise InvalidInput("To see masked values needs a reason.", hint="Say it after `--reveal`; it is put on record.")
    if ctx.actor.strip().casefold() in NOBODY:
        raise Refused("Masked values are shown to a named person only.", hint="Say who asks: `--as NAME`.")


def hide(
    ctx: Context, table: pa.Table, grades: Mapping[str, Privacy], reveal: str | None, *, what: str
) -> tuple[pa.Table, list[dict[str, Any]]]:
    """Mask columns of a list, or put on record who is shown them and why; gives the list and what to say of it."""
    names = [name for name in grades if name in table.column_names]
    if not names:
        return table, []
    zh, en = "、".join(names), ", ".join(names)
    if reveal is not None:
        ctx.store.audit.append(
            actor=ctx.actor,
            action="reveal",
            object=what,
            now=ctx.now(),
            details={"why": reveal.strip(), "columns": names, "rows": table.num_rows},
        )
        said = {
            "code": "revealed",
            "columns": names,
            "zh": f"明文显示：{zh}。已记录：{ctx.actor}，原因“{reveal.strip()}”。",
            "en": f"Shown in the clear: {en}. On record: {ctx.actor}, because {reveal.strip()!r}.",
        }
        return table, [said]
    for name in names:
        shown = [masked(value, grades[name]) for value in table[name].to_pylist()]
        table = table.set_column(table.column_names.index(name), name, pa.array(shown, pa.string()))
    said = {
        "code": "masked",
        "columns": names,
        "zh": f"已脱敏：{zh}。确有需要时用 --reveal 说明原因，会记录在案。",
        "en": f"Masked: {en}. Who needs them says why with `--reveal`; it is put on record.",
    }
    return table, [said]
