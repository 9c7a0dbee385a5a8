"""What is written is read back as the same definition, for every kind; YAML and JSON alike."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongbi.catalog import base
from gongbi.catalog.base import KINDS, Definition, kind_of, name_of
from gongbi.catalog.yaml import from_json, read_definitions, read_text, to_json, write_definitions, write_text
from gongbi.errors import InvalidDefinition

names = st.from_regex(r"[a-z客群标签]{1,8}_[0-9]{0,3}", fullmatch=True)
# Any text, and what YAML is known to trip over.
texts = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            "yes",
            "on",
            "null",
            "~",
            "1_000",
            "007",
            "1e5",
            "0.10",
            "2017-09-01",
            "- a",
            "a: b",
            "#x",
            "a #b",
            "<<",
            "=",
            "'",
            "''",
        ]
    ),
    st.lists(
        st.sampled_from(["count(purchase)", ">=", "4", "and", "标签", "\n", "\n\n", "  ", "'x'", "--- a"]), max_size=60
    ).map(" ".join),
)
filled = texts.filter(str.strip)
words = st.one_of(texts.map(lambda text: base.Words(text, text)), st.builds(base.Words, texts, texts))
maybe = lambda strategy: st.none() | strategy  # noqa: E731
numbers = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | texts
#: Bounds and constants that a column of any number type can hold.
modest = st.integers(-(10**8), 10**8) | st.integers(-(10**8), 10**8).map(lambda hundredths: hundredths / 100)
tuples = lambda strategy, **size: st.lists(strategy, max_size=4, **size).map(tuple)  # noqa: E731
refreshes = st.sampled_from(["manual", "hourly", "daily", "weekly", "monthly"])
common: dict[str, Any] = {"name": words, "about": words}
zones = st.sampled_from(["UTC", "Asia/Shanghai", "America/New_York"])
formats = st.sampled_from(["%Y-%m-%d", "%d/%m/%Y %H:%M", "%Y年%m月%d日", "%%", ""])
lookups = st.builds(base.Lookup, texts, st.dictionaries(texts, texts, max_size=3), texts)


@st.composite
def columns(draw: st.DrawFn) -> base.ColumnMap:
    type_ = draw(st.sampled_from(["text", "integer", "double", "date", "timestamp", "boolean", "decimal", "money"]))
    if draw(st.booleans()) and type_ != "money":
        return base.ColumnMap(type_)
    made = draw(
        st.sampled_from(["from_", "expr", "lookup", ""]).flatmap(
            lambda by: st.fixed_dictionaries({by: lookups if by == "lookup" else texts} if by else {})
        )
    )
    is_number = type_ in ("integer", "double", "decimal", "money")
    bounds = numbers if type_ == "double" or not is_number else modest
    constants = (st.none() | st.integers(-(10**8), 10**8)) if is_number else scalars
    rest = st.fixed_dictionaries(
        {},
        optional={
            "scale": st.integers(0, 9),
            "required": st.booleans(),
            "min": maybe(bounds),
            "max": maybe(bounds),
            "values": tuples(constants),
            "default": constants,
            "sign": st.sampled_from(["natural", "reversed", "positive"]),
            "format": maybe(formats),
            "unit": maybe(texts),
            "about": words,
        },
    )
    return base.ColumnMap(type_, currency="USD" if type_ == "money" else None, **made, **draw(rest))


times = st.one_of(
    st.builds(base.TimeMap, texts, maybe(zones), maybe(formats), st.sampled_from(["instant", "date"])),
    st.builds(base.TimeMap, grain=st.just("date"), inclusive=st.booleans(), lookup=lookups),
)
subject_maps = st.one_of(
    st.builds(base.SubjectMap, texts, required=st.booleans()),
    st.builds(
        base.SubjectMap,
        identifiers=st.dictionaries(texts, texts, min_size=1, max_size=3) | names.map(lambda name: {name: name}),
        required=st.booleans(),
    ),
)
origins = st.one_of(
    st.builds(base.Origin, package=texts, table=texts),
    st.builds(
        base.Origin,
        file=texts,
        format=maybe(st.sampled_from(["csv", "xlsx"])),
        null_values=tuples(texts),
        types=st.dictionaries(texts, st.sampled_from(["integer", "text"]), max_size=2),
    ),
    st.builds(base.Origin, database=texts, query=texts),
    st.builds(base.Origin, fact=texts, group_by=tuples(texts, min_size=1)),
)
targets = st.sampled_from(["fact", "attributes", "relation", "reference"]).flatmap(
    lambda target: st.fixed_dictionaries(
        {
            target: names,
            "subjects": st.dictionaries(names, subject_maps, min_size=2, max_size=2),
            "time": times,
            "id": subject_maps,
        }
    )
)


@st.composite
def subjects(draw: st.DrawFn) -> base.SubjectDef:
    key = draw(st.sampled_from(["integer", "text"]))
    others = draw(st.dictionaries(names, st.builds(base.Identifier, st.sampled_from(["integer", "text"])), max_size=2))
    identifiers = {**others, draw(names): base.Identifier(key, primary=True)} if draw(st.booleans()) else {}
    return base.SubjectDef(draw(names), draw(words), key, identifiers, draw(maybe(texts)), draw(words))


@st.composite
def sources(draw: st.DrawFn) -> base.SourceDef:
    return base.SourceDef(
        draw(names),
        draw(origins),
        key=draw(tuples(texts, min_size=1)),
        valid_from=draw(maybe(times)),
        columns=draw(st.dictionaries(names, columns(), max_size=3)),
        schema=draw(st.just(base.SchemaRule()) | st.just(base.SchemaRule("refuse", missing="absent"))),
        name=draw(words),
        **draw(targets),
    )


types = st.none() | texts | st.builds(base.CategoryType, tuples(scalars), st.booleans())
tags = st.builds(
    base.TagDef, names.map("t.{}".format), filled, category=texts, type_=types, owner=texts, refresh=refreshes, **common
)
segments = st.builds(base.SegmentDef, names, filled, owner=texts, refresh=refreshes, **common)
cohorts = lambda as_of: tuples(st.builds(base.Cohort, texts, st.just(as_of), texts, texts), min_size=1)  # noqa: E731
models = st.one_of(
    st.builds(base.ModelDef, names, st.just("purchases"), fact=filled, amount=filled, **common),
    st.builds(
        base.ModelDef,
        names,
        st.just("propensity"),
        features=tuples(texts, min_size=1),
        train=cohorts("2017-09-01"),
        test=cohorts("2017-10-01"),
        score=maybe(texts),
        **common,
    ),
    st.builds(
        base.ModelDef, names, st.just("clusters"), features=tuples(texts, min_size=1), most=st.integers(2, 30), **common
    ),
)
campaigns = st.builds(
    base.CampaignDef,
    names,
    *[texts] * 6,
    limit=st.integers(1, 10**6),
    holdout=st.floats(0, 0.99),
    reasons=st.dictionaries(texts, words, max_size=3),
    match_on=tuples(texts),
    **common,
)
limits = st.lists(st.integers(1, 99), min_size=4, max_size=4, unique=True).map(sorted)
cares = st.lists(st.builds(base.Care, st.just("p"), st.integers(1, 3650)), min_size=5, max_size=5).map(tuple)
gradings = st.builds(
    base.GradingDef,
    names,
    st.fixed_dictionaries({"a": words, "b": words}),
    filled,
    filled,
    st.fixed_dictionaries({"p": words}),
    st.fixed_dictionaries({"a": cares, "b": cares}),
    filled,
    cuts=limits.map(lambda some: tuple(map(float, some))),
    **common,
)
casts = st.one_of(
    st.builds(base.CastDef, names, clusters=filled, fields=st.just({"work": ("t.*",)}), **common),
    st.builds(base.CastDef, names, segments=tuples(names, min_size=1), **common),
)
yearbooks = st.builds(
    base.YearbookDef,
    names,
    filled,
    words,
    st.just((base.YearFigure("n", "count(x)", base.Words("{value}", "{value}."), compare=True),)),
    charts=st.just((base.YearChart("c", "count(x)", base.Words("月", "month")),)),
    streak=st.sampled_from([None, "day", "week"]),
    **common,
)
worklists = st.builds(
    base.WorklistDef,
    names,
    filled,
    columns=st.dictionaries(filled, words, max_size=2),
    order=tuples(filled),
    by=maybe(filled),
    limit=st.none() | st.integers(1, 1000),
    **common,
)
definitions = st.one_of(subjects(), sources(), tags, segments, models, campaigns, gradings, casts, yearbooks, worklists)


@given(definitions)
def test_what_is_written_as_yaml_is_read_back_the_same(definition: Definition) -> None:
    text = write_text(definition)
    assert read_text(text) == [definition]
    # Equal mappings may differ in order, and order carries meaning; the text shows it.
    assert write_text(read_text(text)[0]) == text


@given(definitions)
def test_what_is_written_as_json_is_read_back_the_same(definition: Definition) -> None:
    body = to_json(definition)
    kept = json.loads(json.dumps(body, allow_nan=False))
    assert from_json(kind_of(definition), kept) == definition
    assert json.dumps(to_json(from_json(kind_of(definition), kept))) == json.dumps(body)


@given(definitions)
def test_the_kind_and_name_come_first(definition: Definition) -> None:
    assert next(iter(to_json(definition).items())) == (kind_of(definition), name_of(definition))
    assert write_text(definition).startswith(f"{kind_of(definition)}: ")


@settings(max_examples=25)
@given(st.lists(definitions, max_size=6, unique_by=lambda d: (kind_of(d), name_of(d))))
def test_a_folder_gives_back_what_was_written(tmp_path_factory: pytest.TempPathFactory, some: list[Definition]) -> None:
    folder = tmp_path_factory.mktemp("definitions")
    paths = write_definitions(some, folder)
    order = lambda d: (KINDS.index(kind_of(d)), name_of(d))  # noqa: E731
    assert sorted(read_definitions(folder), key=order) == sorted(some, key=order)
    assert write_definitions(some, folder) == paths


def test_tags_of_a_topic_share_a_file(tmp_path: Any) -> None:
    some = [base.TagDef("rfm.recency", "1"), base.TagDef("rfm.frequency", "2"), base.SegmentDef("vips", "true")]
    assert [p.relative_to(tmp_path).as_posix() for p in write_definitions(some, tmp_path)] == [
        "segments/vips.yaml",
        "tags/rfm.yaml",
    ]


def test_the_written_form_is_for_people() -> None:
    tag = base.TagDef(
        "rfm.recency",
        "score(max(purchase.ts), 5) >= 4 and count(purchase) filter (where within(30, 'day')) = 0 and exists(view)",
        name=base.Words("最近消费得分", "Recency score"),
        type_=base.CategoryType((1, 2), ordered=True),
        about=base.Words("两行\n文字", "两行\n文字"),
    )
    assert write_text(tag) == (
        "tag: rfm.recency\n"
        "expr: >-\n"
        "  score(max(purchase.ts), 5) >= 4 and count(purchase) filter (where within(30, 'day')) = 0 and exists(view)\n"
        "name:\n  zh: 最近消费得分\n  en: Recency score\n"
        "type:\n  category:\n    - 1\n    - 2\n  ordered: true\n"
        "about: |-\n  两行\n  文字\n"
    )


def test_values_that_a_column_cannot_hold_are_refused_and_absent_is_no_value() -> None:
    with pytest.raises(InvalidDefinition, match="a column of type integer cannot hold 'many'"):
        base.ColumnMap("integer", from_="n", values=(1, "many"))
    assert base.ColumnMap("integer", from_="n", values=(None, 2, 1)).value_type.levels == (2, 1)
    assert base.ColumnMap("text", from_="n", values=(None, "a")).value_type.levels == ("a",)


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), object()])
def test_what_cannot_be_written_is_refused(odd: Any) -> None:
    with pytest.raises(InvalidDefinition, match="cannot hold"):
        to_json(base.TagDef("a.b", "1", type_=base.CategoryType((odd,))))
