"""Set operations on groups, as conditions: both, either, one without the other."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from gongbi.catalog.forms.base import Group, InSegment, Joined

How = Literal["and", "or", "minus"]


def combine(form: Group, how: How, segment: str) -> Group:
    """Set a saved segment beside what a form says.

    Parameters
    ----------
    how
        ``and`` keeps those in both, ``or`` those in either, ``minus`` those who are not in the segment.
    """
    row = InSegment(segment, negated=how == "minus")
    joined: Joined = "or" if how == "or" else "and"
    if not form.rows:
        return Group("and", (row,))
    if form.negated or (form.joined != joined and len(form.rows) > 1):
        return Group(joined, (form, row))
    return replace(form, joined=joined, rows=(*form.rows, row))
