"""How long replaced texts may become: as Python's own `replace` gives them, and hostile nesting is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongbi.catalog.catalog import assemble
from gongbi.catalog.yaml import read_text
from gongbi.core.expr import Call, Constant, Expr
from gongbi.core.functions import CATALOGUE
from gongbi.core.growth import OF_A_COLUMN, bounded, growth
from gongbi.core.types import TEXT
from gongbi.errors import InvalidDefinition, InvalidExpression

SHORT = st.text("ab", min_size=1, max_size=4)


def call(name: str, *args: Expr) -> Call:
    return Call(CATALOGUE[name], args, TEXT, "member")


def text(value: str) -> Constant:
    return Constant(value, TEXT)


@given(SHORT, st.lists(st.tuples(SHORT, st.text("ab", max_size=9)), max_size=4))
def test_no_text_becomes_longer_than_the_bound_says(start: str, steps: list[tuple[str, str]]) -> None:
    expr: Expr = text(start)
    found = start
    for old, new in steps:
        expr, found = call("replace", expr, text(old), text(new)), found.replace(old, new)
        expr, found = call("||", expr, expr), found + found
    assert len(found) <= len(start) * growth(expr)


def test_a_few_characters_may_be_written_as_longer_ones() -> None:
    expr: Any = text("x")
    for old, new in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;")):
        expr = call("replace", expr, text(old), text(new))
    assert bounded(expr) is expr


def test_texts_that_double_from_tag_to_tag_are_refused_at_the_tag_where_it_is_too_much() -> None:
    text = "subject: customer\n---\nsource: people\nfrom: {file: p.csv}\nattributes: customer\nkey: [id]\nid: id\n"
    text += "columns: {town: text}\n---\ntag: t.n0\nexpr: customer.town\n"
    for n in range(1, 14):
        text += f"---\ntag: t.n{n}\nexpr: tag.t.n{n - 1} || tag.t.n{n - 1}\n"
    assert len(assemble(read_text(text)).tags) == 14, "8,192 times as long"
    short = "---\ntag: t.short\nexpr: length(tag.t.n13)\n---\ntag: t.twice\nexpr: to_text(tag.t.short) || 'x'\n"
    assemble(read_text(text + short))
    more = "---\ntag: t.more\nexpr: \"list_join(list_of(tag.t.n13, tag.t.n12), ',')\"\n"
    with pytest.raises(
        InvalidDefinition, match=r"Tag 't\.more' could make a text 12,288 times as long, by the tags"
    ) as told:
        assemble(read_text(text + more, "tags.yaml"))
    assert str(told.value.place).startswith("tags.yaml:")


def test_nesting_that_multiplies_is_refused_with_how_much() -> None:
    expr: Any = text("a")
    for _ in range(8):
        expr = call("replace", expr, text("a"), text("a" * 100))
    with pytest.raises(InvalidExpression, match="10,000,000,000,000,000 times as long; 10,000 is the most"):
        bounded(expr)
    column: Expr = text("x")
    for _ in range(2):
        column = call("replace", column, text("a"), call("lower", text("from a column")))
    assert growth(column) == OF_A_COLUMN**2
    with pytest.raises(InvalidExpression, match="1,000,000 times"):
        bounded(call("replace", column, text("a"), call("lower", text("y"))))
