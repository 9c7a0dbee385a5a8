"""Write docs/reference/functions: one page per function of the catalogue, and an index by chapter.

The pages come from the catalogue's entries; the results of the examples are worked out by DuckDB as they are written.
With ``--check`` nothing is written: stale, missing and left-over pages are named, and the exit code is 1.
"""

import sys
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from gongbi.core.compiler import Request, compile_members
from gongbi.core.functions import CATALOGUE, Cannot, Example, Function, Param, Phrase, sample
from gongbi.core.language import check_expression
from gongbi.core.parser import parse
from gongbi.core.syntax import Apply, Literal
from gongbi.core.table import Column, Table
from gongbi.core.types import INTEGER, TIMESTAMP, Type
from gongbi.engine.duckdb import DuckDBEngine

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs" / "reference" / "functions"

#: Signs make poor file names.
FILE_NAMES = {
    "+": "add", "-": "subtract", "*": "multiply", "/": "divide", "%": "remainder", "||": "join", "=": "equal",
    "<>": "not-equal", "<": "less", "<=": "less-or-equal", ">": "greater", ">=": "greater-or-equal",
}  # fmt: skip
#: Operators are not written as calls.
WRITTEN = {
    "negative": "-x", "between": "x between low and high", "in": "x in (value, …)", "like": "text like pattern",
    "and": "condition and condition …", "or": "condition or condition …", "not": "not condition",
    "is_absent": "x is absent", "is_true": "x is true", "is_false": "x is false",
    "case": "case when condition then value … else value end", "count_distinct": "count(distinct x)",
}  # fmt: skip
CHAPTERS = {
    "arithmetic": "运算", "comparison": "比较", "logic": "逻辑", "choice": "选择", "numbers": "数字", "text": "文本",
    "conversion": "转换", "calendar": "日历", "windows": "时间窗口", "aggregates": "聚合",
    "preferences and rhythm": "偏好与节奏", "sequences": "序列", "members": "成员", "ranks": "排名", "phrases": "短语",
    "lists": "列表与分布", "json": "JSON", "place": "位置",
}  # fmt: skip
ACCEPTED = {
    "number": "number (whole, decimal or double)", "integer": "whole number", "text": "text", "boolean": "condition",
    "date": "date", "timestamp": "instant", "moment": "date or instant", "any": "anything",
    "same": "anything; all such arguments share one type", "ordered": "anything that can be sorted",
    "fact": "a fact, or a value of its rows", "step": "a step: `step(fact, condition)`",
    "list": "list", "distribution": "distribution",
    "column": "a column that every step's fact has, or an attribute of a subject that they name",
    "interval": "`interval 1 day`: minutes, hours, days or weeks",
}  # fmt: skip
KINDS = {
    "scalar": "works on values",
    "place": "works on the longitude and latitude given first, or on those of the fact's row or the member",
    "time": "works on the time of a fact's row, or on the instant given first",
    "aggregate": "turns the rows of one fact into one value per member; takes `filter (where …)`",
    "rank": "compares a member with all members",
    "sequence": "says of a member in which order rows of several facts came",
    "step": "stands in a sequence",
    "phrase": "says of a member what several aggregates say together; takes `filter (where …)`",
}


def main() -> int:
    pages = dict(made())
    if "--check" in sys.argv[1:]:
        found = {path.name: path.read_text(encoding="utf-8") for path in PAGES.glob("*.md")}
        wrong = sorted(name for name in pages.keys() | found.keys() if pages.get(name) != found.get(name))
        for name in wrong:
            print(f"{(PAGES / name).relative_to(ROOT)} is not what the catalogue says: run {Path(__file__).name}.")
        return 1 if wrong else 0
    PAGES.mkdir(parents=True, exist_ok=True)
    for old in PAGES.glob("*.md"):
        if old.name not in pages:
            old.unlink()
    for name, text in pages.items():
        (PAGES / name).write_text(text, encoding="utf-8")
    print(f"{len(pages)} pages written.")
    return 0


def made() -> Iterator[tuple[str, str]]:
    """File name and text of every page."""
    values = results()
    yield "index.md", index()
    for entry in CATALOGUE.values():
        yield f"{file_name(entry)}.md", page(entry, values)


def file_name(entry: Function) -> str:
    return FILE_NAMES.get(entry.name, entry.name)


def written(entry: Function) -> str:
    if entry.name in FILE_NAMES:
        return f"x {entry.name} y"
    return WRITTEN.get(entry.name, entry.signature)


def index() -> str:
    lines = [
        "# Functions 函数",
        "",
        f"The {len(CATALOGUE)} functions and operators of [the language of definitions](../language.md). What is not",
        "here cannot be written. Every example on these pages is run on both engines by the tests.",
    ]
    for group, zh in CHAPTERS.items():
        lines += ["", f"## {group.capitalize()} {zh}", "", "| | | |", "|---|---|---|"]
        lines += [
            f"| [`{cell(written(entry))}`]({file_name(entry)}.md) | {cell(entry.en)} | {cell(entry.zh)} |"
            for entry in CATALOGUE.values()
            if entry.group == group
        ]
    return "\n".join(lines) + "\n"


def page(entry: Function, values: Mapping[str, dict[Any, Any]]) -> str:
    lines = [f"# {entry.name}", "", f"`{written(entry)}`", "", entry.en, "", entry.zh, ""]
    if entry.params:
        lines += ["| Argument | Takes | |", "|---|---|---|", *(argument(param) for param in entry.params), ""]
    lines += [
        f"- **Result**: {result(entry)}",
        f"- **Kind**: {KINDS[entry.kind]}.",
        f"- **Absent values**: {entry.nulls[0]} {entry.nulls[1]}",
    ]
    if entry.ties:
        lines.append(f"- **Ties**: {entry.ties[0]} {entry.ties[1]}")
    if entry.looks_ahead:
        lines.append("- Looks at what comes after the instant: in targets of models and outcomes of campaigns only.")
    lines.append(f"- **Engines**: {engines(entry)}")
    if isinstance(entry.duckdb, Phrase):
        lines += ["", "The first example is short for:", "", "```", long_form(entry.duckdb, entry.examples[0]), "```"]
    if entry.examples:
        lines += ["", "## Examples", "", *examples(entry, values)]
    lines += ["", f"Chapter: [{entry.group} {CHAPTERS[entry.group]}](index.md)"]
    return "\n".join(lines) + "\n"


def long_form(phrase: Phrase, example: Example) -> str:
    """What an example of a phrase stands for."""
    node = parse(example.text)
    assert isinstance(node, Apply)
    text = phrase.text([arg.value if isinstance(arg, Literal) else None for arg in node.args])
    for i, arg in enumerate(node.args, 1):
        text = text.replace(f"_{i}", example.text[arg.span.start : arg.span.end])
    return text


def argument(param: Param) -> str:
    notes = [
        *([f"written `{param.name} => …`"] if param.named else []),
        *(["written out, not computed"] if param.constant else []),
        *(["may be left out"] if param.optional else []),
        *(["any number of times"] if param.repeated else []),
    ]
    return f"| `{param.name}` | {ACCEPTED[param.accepts]} | {', '.join(notes)} |"


def result(entry: Function) -> str:
    return "depends on the arguments" if callable(entry.returns) else str(entry.returns)


def engines(entry: Function) -> str:
    parts = []
    for name, sql in (("DuckDB", entry.duckdb), ("Spark", entry.spark)):
        parts.append(f"{name}: cannot ({sql.reason})" if isinstance(sql, Cannot) else name)
    return ", ".join(parts)


def examples(entry: Function, values: Mapping[str, dict[Any, Any]]) -> Iterator[str]:
    if not any(isinstance(example.value, dict) for example in entry.examples):
        yield from ("| Expression | Result |", "|---|---|")
        for example in entry.examples:
            yield f"| `{cell(example.text)}` | {shown(values[example.text][1])} |"
        return
    yield "Over the [rows of the examples](../language.md#the-rows-of-the-examples), as of 2017-09-15:"
    yield ""
    yield "| Expression | member 1 | member 2 | member 3 | member 4 |"
    yield "|---|---|---|---|---|"
    for example in entry.examples:
        yield f"| `{cell(example.text)}` | {' | '.join(shown(v) for v in values[example.text].values())} |"


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def shown(value: Any) -> str:
    if value is None:
        return "*absent*"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, float):
        return f"`{value:.6g}`"
    if isinstance(value, str):
        return f"`'{cell(value)}'`"
    if isinstance(value, Decimal | int):
        return f"`{value}`"
    return f"`{value.isoformat()}`" if isinstance(value, date | datetime) else f"`{value}`"


def results() -> dict[str, dict[Any, Any]]:
    """Every example's value by member, worked out by DuckDB."""
    engine = DuckDBEngine(None, threads=1)
    fact = sample.WORLD.fact("sample")
    fill(engine, fact.table, {"member": INTEGER, "ts": TIMESTAMP, **fact.columns}, list(sample.ROWS))
    fill(engine, "member_member", {"id": INTEGER, "known_from": TIMESTAMP}, [(m, None) for m in sample.MEMBERS])
    found: dict[str, dict[Any, Any]] = {}
    for entry in CATALOGUE.values():
        texts = [example.text for example in entry.examples]
        exprs = {f"e{i}": check_expression(t, sample.WORLD, "member", ahead=True) for i, t in enumerate(texts)}
        if not exprs:
            continue
        plan = compile_members(Request("member", exprs, sample.AS_OF, {}), sample.WORLD, engine.dialect)
        rows = sorted(engine.query(plan).to_pylist(), key=lambda row: row["id"])
        for i, text in enumerate(texts):
            found[text] = {row["id"]: row[f"e{i}"] for row in rows}
    engine.close()
    return found


def fill(engine: DuckDBEngine, name: str, columns: Mapping[str, Type], rows: list[tuple[Any, ...]]) -> None:
    engine.create(Table(name, tuple(Column(c, t) for c, t in columns.items())))
    schema = pa.schema(engine.columns(name))
    arrays = [pa.array([row[i] for row in rows], type=field.type) for i, field in enumerate(schema)]
    engine.append(name, pa.Table.from_arrays(arrays, schema=schema))


if __name__ == "__main__":
    sys.exit(main())
