"""Words and signs that people bring from other languages, and how the same is written here: for hints of errors."""

from __future__ import annotations

#: As written elsewhere (words in small letters) → as written here.
_HERE = {
    "&": "and",
    "!": "not",
    "[": "list_of(…)",
    "where": "filter (where …)",
    "then": "if(condition, yes, no)",
    "=>": ">=",
    "contains": "like '%…%'",
    "includes": "like '%…%'",
    "equals": "=",
    "exists": "is not absent",
    "且": "and",
    "并且": "and",
    "和": "and",
    "与": "and",
    "或": "or",
    "或者": "or",
    "非": "not",
    "不是": "<>",
    "等于": "=",
    "不等于": "<>",
    "大于": ">",
    "小于": "<",
    "大于等于": ">=",
    "不小于": ">=",
    "至少": ">=",
    "小于等于": "<=",
    "不大于": "<=",
    "最多": "<=",
    "包含": "like '%…%'",
    "介于": "between … and …",
    "属于": "in (…)",
    "为空": "is absent",
    "缺失": "is absent",
}


def as_here(written: str) -> str | None:
    """A hint for what another language writes so, or nothing."""
    here = _HERE.get(written.lower())
    return None if here is None else f"In its place, write `{here}`."
