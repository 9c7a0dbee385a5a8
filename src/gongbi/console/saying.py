"""A condition in the reader's words, short enough for a label: what its row of the form says."""

from __future__ import annotations

from functools import partial

from gongbi.catalog import forms
from gongbi.catalog.forms import Compare, Formula, Group, InSegment, Measure, Operand, Phrase, Row, Text
from gongbi.console.conditions import Conditions
from gongbi.console.entries import tag_of
from gongbi.console.formulas import fact_of
from gongbi.console.formulas import said as formula_said
from gongbi.console.texts import TEXTS
from gongbi.errors import InvalidExpression


def said(conditions: Conditions, expression: str) -> str:
    """The words of a condition; the expression itself where a form has no row for it."""
    try:
        return " ".join(_group(conditions, forms.read(expression)).split())
    except InvalidExpression:
        return expression


def _group(c: Conditions, group: Group, fact: str = "") -> str:
    word = {"zh": {"and": " 且 ", "or": " 或 "}, "en": {"and": " and ", "or": " or "}}[c.page.language][group.joined]
    return word.join(f"({_row(c, row, fact)})" if isinstance(row, Group) else _row(c, row, fact) for row in group.rows)


def _row(c: Conditions, row: Row, fact: str) -> str:
    t = c.page.t
    body = ""
    match row:
        case Compare():
            key = f"not_{row.operator}" if row.negated else row.operator
            operator = t(f"form.op.{key}") if f"form.op.{key}" in TEXTS else key
            comma = "、" if c.page.language == "zh" else ", "
            values = [c.page.value({"tag": tag_of(row.what)}, v) for v in row.values]
            values += [_what(c, row.other, fact)] if row.other is not None else []
            return f"{_what(c, row.what, fact)} {operator} {comma.join(values)}"
        case Group():
            body = _group(c, row, fact)
        case InSegment():
            body = f"{t('form.in_segment')} {c.segments.get(row.segment, row.segment)}"
        case Phrase():
            about = c.page.named(row.fact) if row.fact else ""
            units = {v: t(f"maker.unit.{v}") for v in row.values if f"maker.unit.{v}" in TEXTS}
            body = f"{about} {t(f'form.phrase.{row.function}')} {' '.join(str(units.get(v, v)) for v in row.values)}"
            body += f" ({_group(c, row.where, row.fact)})" if row.where.rows else ""
        case forms.Sequence():
            steps = f" {t('form.then')} ".join(c.page.named(step.fact) for step in row.steps)
            body = f"{t(f'form.sequence.{row.function}')} {steps}"
        case Text():
            body = row.text
    return f"{t('form.not')} ({body})" if row.negated else body


def _what(c: Conditions, what: Operand, fact: str) -> str:
    if isinstance(what, Formula):
        about = fact_of(c, what) or fact
        return formula_said(c, what, partial(_group, c, fact=about), partial(_what, c, fact=about))
    if not isinstance(what, Measure):
        return c.page.named(what.name) if what.name in c.facts else c.called(what.name, fact)
    about, figure = c.page.named(what.fact), c.page.t(f"form.measure.{what.function}")
    column = f" {c.called(what.column, what.fact)}" if what.column else ""
    where = f" ({_group(c, what.where, what.fact)})" if what.where.rows else ""
    return f"{about}{column} {figure}{where}"
