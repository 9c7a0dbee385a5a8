"""Values that come close to a person are masked in lists and files, unless a named person gives a reason.

Answers that count by values leave such values out altogether, or are refused: see `check_broken_down`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from gongbi.catalog.base import TagDef
from gongbi.catalog.catalog import Catalog
from gongbi.catalog.masking import MASKED, Privacy, masked
from gongbi.catalog.scores import is_reason, score_of
from gongbi.core import expr as ir
from gongbi.core.expr import Attribute, Call, Expr, TagValue
from gongbi.core.relations import shape_of, trait_end
from gongbi.core.types import TEXT
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
        return _trait_grade(catalog, expr.subject, expr)
    if isinstance(expr, TagValue):
        if expr.tag in catalog.tags and (said := catalog.tags[expr.tag].pii) is not None:
            return said
        behind = catalog.expressions.get((subject, expr.tag))
        if behind is None and expr.tag.startswith("model."):
            return _score_grade(catalog, expr.tag)
        below: Privacy = grade_of(catalog, subject, behind) if behind is not None else "none"
        return max(catalog.privacy.get(expr.tag, "none"), below, key=_ORDER.index)
    if isinstance(expr, ir.FactColumn):
        shape = shape_of(catalog.world, expr.fact)
        if expr.column in shape.subjects:
            return id_grade(catalog, shape.described(expr.column))
        name = shape.hops[-1].relation if shape.hops else expr.fact
        found = (s for s in catalog.sources.values() if name in (s.fact, s.relation) and expr.column in s.columns)
        return next((s.columns[expr.column].pii for s in found), "none")
    if isinstance(expr, ir.RelatedColumn):
        return _trait_grade(catalog, shape_of(catalog.world, expr.fact).described(expr.subject), expr)
    if not isinstance(expr, Call) or expr.type.name == "boolean" or expr.function.name in ("count", "count_distinct"):
        return "none"
    grades: list[Privacy] = [grade_of(catalog, subject, arg) for arg in expr.args]
    return max(grades, key=_ORDER.index, default="none")


def _score_grade(catalog: Catalog, tag: str) -> Privacy:
    """The grade of a score: a reason tells the value of a tag, and of personal ones a model only learns if named."""
    found = score_of(catalog.models, tag) if is_reason(catalog.models, tag) else None
    if found is None or not (model := found[0]).features:
        return "none"
    grades = [
        grade_of(catalog, model.subject, TagValue(name, TEXT))
        for name in catalog.features(model.features, model.subject)
    ]
    return max(grades, key=_ORDER.index, default="none")


def _trait_grade(catalog: Catalog, subject: str, read: Attribute | ir.RelatedColumn) -> Privacy:
    """The grade of what is known of a member, or of its one neighbour: an id, a tag or an attribute."""
    owner, name = trait_end(catalog.world, subject, read.attribute)
    if name == "id":
        return id_grade(catalog, owner)
    if name.startswith("tag."):
        return grade_of(catalog, owner, TagValue(name[4:], read.type))
    sources = (s for s in catalog.sources.values() if s.attributes == owner)
    said: Privacy = next((s.columns[name].pii for s in sources if name in s.columns), "none")
    return max(said, catalog.shown.get((owner, name), "none"), key=_ORDER.index)


def grade_of_tag(catalog: Catalog, tag: TagDef, expr: Expr) -> Privacy:
    """How personal the values of a tag are that may not be in force yet: as it says, or as its expression."""
    return tag.pii if tag.pii is not None else grade_of(catalog, tag.subject, expr)


def personal_tags(ctx: Context, subject: str) -> frozenset[str]:
    """Tags whose values are masked, so that nothing is broken down by them: a count per value would name the values."""
    catalog = ctx.catalog()

    def make() -> frozenset[str]:
        types = catalog.world.tags_of(subject)
        grades = {tag: grade_of(catalog, subject, TagValue(tag, type_)) for tag, type_ in types.items()}
        return frozenset(tag for tag, grade in grades.items() if grade in MASKED)

    return ctx.remembered(f"personal tags {subject}", ctx.fingerprint(), make)  # type: ignore[no-any-return]


def check_broken_down(ctx: Context, subject: str, name: str, expr: Expr) -> None:
    """Refuse to count by values that are masked.

    Parameters
    ----------
    name
        What was asked for, as it was written.

    Raises
    ------
    Refused
        The values are personal.
    """
    if grade_of(ctx.catalog(), subject, expr) in MASKED:
        raise Refused(
            f"{name.strip()!r} is personal, and nothing is counted by its values.",
            hint="Go by something else. A list of members shows it masked, and in the clear to who gives a reason.",
        )


def masked_ids(ctx: Context, subject: str, ids: Sequence[Any]) -> list[Any]:
    """Ids of members as they may be shown."""
    grade = id_grade(ctx.catalog(), subject)
    return [masked(one, grade) for one in ids]


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
        raise InvalidInput("To see masked values needs a reason.", hint="Say why; it is put on record.")
    if ctx.actor.strip().casefold() in NOBODY:
        hint = "Say who asks: `--as NAME`, or the name at the top of a page."
        raise Refused("Masked values are shown to a named person only.", hint=hint)


def hide(
    ctx: Context, table: pa.Table, grades: Mapping[str, Privacy], reveal: str | None, *, what: str
) -> tuple[pa.Table, list[dict[str, Any]]]:
    """Mask columns of a list, or put on record who is shown them and why; gives the list and what to say of it."""
    names = [name for name in grades if name in table.column_names]
    if not names:
        return table, []
    if reveal is None:
        table = concealed(table, grades)
    return table, told(ctx, names, reveal, what=what, rows=table.num_rows)


def concealed(table: pa.Table, grades: Mapping[str, Privacy]) -> pa.Table:
    """A table with the values of some columns masked."""
    for name in [n for n in table.column_names if grades.get(n, "none") in MASKED]:
        shown = [masked(value, grades[name]) for value in table[name].to_pylist()]
        table = table.set_column(table.column_names.index(name), name, pa.array(shown, pa.string()))
    return table


def told(ctx: Context, names: Sequence[str], reveal: str | None, *, what: str, rows: int = 1) -> list[dict[str, Any]]:
    """What to say of personal values that were masked, or shown to somebody, who is put on record with the reason."""
    if not names:
        return []
    zh, en = "、".join(names), ", ".join(names)
    if reveal is None:
        code = "masked"
        zh = f"已脱敏：{zh}。确有需要时用 --reveal 说明原因，会记录在案。"
        en = f"Masked: {en}. Who needs them says why with `--reveal`; it is put on record."
    else:
        code, why = "revealed", reveal.strip()
        details = {"why": why, "columns": list(names), "rows": rows}
        ctx.store.audit.append(actor=ctx.actor, action="reveal", object=what, now=ctx.now(), details=details)
        zh = f"明文显示：{zh}。已记录：{ctx.actor}，原因“{why}”。"
        en = f"Shown in the clear: {en}. On record: {ctx.actor}, because {why!r}."
    return [{"code": code, "columns": list(names), "zh": zh, "en": en}]


class Veil:
    """What is shown of one member: personal values masked, unless a named person gives a reason.

    Parameters
    ----------
    subject, member
        Whom it is about.
    reveal
        The reason, or None.

    Raises
    ------
    InvalidInput, Refused
        See `check_reveal`.
    """

    def __init__(self, ctx: Context, subject: str, member: Any, reveal: str | None) -> None:
        check_reveal(ctx, reveal)
        self._ctx, self._subject, self._member, self._reveal = ctx, subject, member, reveal
        self._catalog = ctx.catalog()
        self._names: dict[str, None] = {}

    @property
    def id(self) -> Any:
        """The member's id, as it may be shown."""
        return self.value("id", self._member, id_grade(self._catalog, self._subject))

    def value(self, name: str, value: Any, grade: Privacy) -> Any:
        """A value of a grade, as it may be shown; `name` is what the record calls it."""
        if value is None or grade not in MASKED:
            return value
        self._names[name] = None
        return value if self._reveal is not None else masked(value, grade)

    def tag(self, tag: str, value: Any) -> Any:
        """A tag's value."""
        return self.value(tag, value, grade_of(self._catalog, self._subject, TagValue(tag, TEXT)))

    def attribute(self, name: str, value: Any) -> Any:
        """An attribute's value."""
        return self.value(name, value, grade_of(self._catalog, self._subject, Attribute(self._subject, name, TEXT)))

    def row(self, fact: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row of a fact, by the names of its columns."""
        return {name: self.value(f"{fact}.{name}", value, self._grade(fact, name)) for name, value in row.items()}

    def rows(self, fact: str, table: pa.Table) -> pa.Table:
        """The rows behind a value; see `core.evidence`."""
        grades = {name: self._grade(fact, name) for name in table.column_names}
        hidden = {n: g for n, g in grades.items() if g in MASKED and table[n].null_count < table.num_rows}
        self._names |= {f"{fact}.{name}": None for name in hidden}
        return concealed(table, hidden) if self._reveal is None else table

    def _grade(self, fact: str, name: str) -> Privacy:
        shape = shape_of(self._catalog.world, fact)
        roles = {hop.role: f"_{i}" for i, hop in enumerate(shape.hops, 1)}
        head, _, attribute = name.partition(".")
        role = roles.get(head, head)
        if attribute:
            return grade_of(self._catalog, self._subject, ir.RelatedColumn(fact, role, attribute, TEXT))
        if role in shape.subjects or shape.column(name) is not None:
            return grade_of(self._catalog, self._subject, ir.FactColumn(fact, role, TEXT))
        return "none"

    def told(self) -> list[dict[str, Any]]:
        """The warning of what was masked, or shown; once all has been asked for. What is shown goes on record."""
        return told(self._ctx, list(self._names), self._reveal, what=f"{self._subject} {self._member}")
