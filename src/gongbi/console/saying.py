"""A condition in the reader's words, short enough for a label: what its row of the form says."""

from __future__ import annotations

from gongbi.catalog import forms
from gongbi.catalog.forms import Compare, Group, InSegment, Measure, Phrase, Row, Text
from gongbi.console.conditions import Conditions
from gongbi.console.texts import TEXTS
from gongbi.console.words import named
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
            return f"{_what(c, row, fact)} {operator} {comma.join(c.page.format.value(v) for v in row.values)}"
        case Group():
            body = _group(c, row, fact)
        case InSegment():
            body = f"{t('form.in_segment')} {c.segments.get(row.segment, row.segment)}"
        case Phrase():
            about = named(row.fact, c.page.language) if row.fact else ""
            units = {v: t(f"maker.unit.{v}") for v in row.values if f"maker.unit.{v}" in TEXTS}
            body = f"{about} {t(f'form.phrase.{row.function}')} {' '.join(str(units.get(v, v)) for v in row.values)}"
        case forms.Sequence():
            steps = f" {t('form.then')} ".join(named(step.fact, c.page.language) for step in row.steps)
            body = f"{t(f'form.sequence.{row.function}')} {steps}"
        case Text():
            body = row.text
    return f"{t('form.not')} ({body})" if row.negated else body


def _what(c: Conditions, row: Compare, fact: str) -> str:
    if not isinstance(row.what, Measure):
        return c.called(row.what.name, fact)
    about, figure = named(row.what.fact, c.page.language), c.page.t(f"form.measure.{row.what.function}")
    column = f" {c.called(row.what.column, row.what.fact)}" if row.what.column else ""
    where = f" ({_group(c, row.what.where, row.what.fact)})" if row.what.where.rows else ""
    return f"{about}{column} {figure}{where}"
