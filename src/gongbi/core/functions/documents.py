"""JSON in a column of text: a value by its path, with the same meaning on every engine.

A text is read only where it is one whole JSON document (RFC 8259); where it is not, or an object in it gives one name
twice, everything is absent. Measured: one engine takes a comma too many, `NaN` and two equal names, the other what
follows after the document; both are held to the stricter reading here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from gongbi.core.functions.base import Example, Function, Param, require
from gongbi.core.functions.lists import MOST, each, size
from gongbi.core.functions.numbers import finite
from gongbi.core.types import BOOLEAN, DOUBLE, INTEGER, TEXT, list_of

if TYPE_CHECKING:
    from gongbi.core.expr import Call
    from gongbi.core.render import Rendering

_STEP: Final = re.compile(r"""\.([^\W\d]\w*)|\."([^"'\\\[\]*]{1,200})"|\[([0-9]{1,6})\]""")
#: Stands behind the document, to be found again: so nothing else can stand there.
_END: Final = "e3a1c8d0-end"
#: Not in a document, with a nought in place of each of its texts: a comma before a bracket, NaN, Infinity.
_LENIENT: Final = r",\s*[\]}]|[Nn][Aa][Nn]|[Ii][Nn][Ff]"
#: Above this a double has lost digits: it is no whole number any more.
_EXACT: Final = 2.0**53


def steps(path: str) -> list[str | int] | None:
    """The names and places of a path, ``$.basket[0]."unit price"``; None where it is no path."""
    if not path.startswith("$") or len(path) > 500:
        return None
    found: list[str | int] = []
    at = 1
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None:
            return None
        name = step[1] or step[2]
        found.append(int(step[3]) if name is None else name)
        at = step.end()
    return found


def _check_path(values: Sequence[Any]) -> None:
    path = values[1]
    require(
        isinstance(path, str) and steps(path) is not None,
        f"{path!r} is no path into JSON.",
        "Write '$.name', '$.list[0].name' or '$.\"a name\"'; lists count from 0.",
    )


class _Part:
    """The part of a document that a path leads to."""

    def __init__(self, call: Call, args: Sequence[str], to: Rendering) -> None:
        self.to, self.raw = to, args[0]
        self.steps = steps(getattr(call.args[1], "value", "$")) or []
        self.duck = to.dialect.name == "duckdb"
        # DuckDB refuses to look into what is no document, and works a shared part out before any condition around it.
        self.text = f"(case when json_valid({self.raw}) then {self.raw} end)" if self.duck else self.raw

    @property
    def valid(self) -> str:
        """Whether the text is one whole document."""
        if not self.duck:
            end = self.to.literal(_END)
            ends = f"coalesce(try_variant_get({self.document}, '$[1]', 'string') = {end}, false)"
            one = f"try_variant_get({self.document}, '$[0][0]') is not null"
            more = f"try_variant_get({self.document}, '$[0][1]') is not null"
            return f"({ends} and {one} and not {more})"
        bare = f"""regexp_replace({self.text}, '"(\\\\.|[^"\\\\])*"', '0', 'g')"""
        inside = f"list_append(cast(json_extract({self.text}, '$..*') as json[]), cast({self.text} as json))"
        twice = "json_type(e) = 'OBJECT' and len(json_keys(e)) <> list_unique(json_keys(e))"
        strict = f"not regexp_matches({bare}, {self.to.literal(_LENIENT)})"
        once = f"len(list_filter({inside}, lambda e: {twice})) = 0"
        return f"({strict} and {once})"

    @property
    def document(self) -> str:
        """On Spark: the document inside a list that nothing but its end follows."""
        return f"try_parse_json(concat('[[', {self.text}, '],\"{_END}\"]'))"

    @property
    def path(self) -> str:
        written = "".join(
            f"[{step}]" if isinstance(step, int) else f'."{step}"' if self.duck else f'["{step}"]'
            for step in self.steps
        )
        return self.to.literal(("$" if self.duck else "$[0][0]") + written)

    @property
    def kind(self) -> str:
        """The type of the part, as the engine calls it."""
        if self.duck:
            return f"json_type({self.text}, {self.path})"
        return f"schema_of_variant(try_variant_get({self.document}, {self.path}))"

    def as_type(self, type_: str) -> str:
        """The part as a value of one of the engine's types."""
        if self.duck:
            return f"try_cast(json_extract_string({self.text}, {self.path}) as {type_})"
        return f"try_variant_get({self.document}, {self.path}, '{type_}')"

    def where(self, condition: str, value: str) -> str:
        """A value where the document is whole and a condition holds."""
        return f"(case when {self.valid} then (case when {condition} then {value} end) end)"

    @property
    def is_number(self) -> str:
        if self.duck:
            return f"{self.kind} in ('BIGINT', 'UBIGINT', 'HUGEINT', 'UHUGEINT', 'DOUBLE')"
        return f"({self.kind} in ('BIGINT', 'DOUBLE') or {self.kind} like 'DECIMAL%')"

    @property
    def is_list(self) -> str:
        return f"{self.kind} = 'ARRAY'" if self.duck else f"{self.kind} like 'ARRAY<%'"

    @property
    def is_object(self) -> str:
        return f"{self.kind} = 'OBJECT'" if self.duck else f"{self.kind} like 'OBJECT<%'"


def _text(call: Call, args: Sequence[str], to: Rendering) -> str:
    part = _Part(call, args, to)
    return part.where(f"{part.kind} = '{'VARCHAR' if part.duck else 'STRING'}'", part.as_type(to.type(TEXT)))


def _number(call: Call, args: Sequence[str], to: Rendering) -> str:
    part = _Part(call, args, to)
    return part.where(part.is_number, finite(part.as_type(to.type(DOUBLE)), to))


def _integer(call: Call, args: Sequence[str], to: Rendering) -> str:
    part = _Part(call, args, to)
    whole = to.type(INTEGER)
    double = part.as_type(to.type(DOUBLE))
    exact = f"abs({double}) <= {to.literal(_EXACT)} and floor({double}) = {double}"
    plain = f"{part.kind} in ('BIGINT', 'UBIGINT')"
    value = (
        f"(case when {plain} then {part.as_type(whole)}"
        f" when {part.is_number} then (case when {exact} then try_cast({double} as {whole}) end) end)"
    )
    return part.where("true", value)


def _boolean(call: Call, args: Sequence[str], to: Rendering) -> str:
    part = _Part(call, args, to)
    return part.where(f"{part.kind} = 'BOOLEAN'", part.as_type(to.type(BOOLEAN)))


def _length(call: Call, args: Sequence[str], to: Rendering) -> str:
    part = _Part(call, args, to)
    if part.duck:
        items = f"json_array_length({part.text}, {part.path})"
        names = f"len(json_keys({part.text}, {part.path}))"
    else:
        items = size(f"try_variant_get({part.document}, {part.path}, 'array<variant>')", to)
        names = size(f"map_keys(try_variant_get({part.document}, {part.path}, 'map<string, variant>'))", to)
    whole = to.type(INTEGER)
    value = f"(case when {part.is_list} then cast({items} as {whole}) when {part.is_object} then cast({names} as {whole}) end)"
    return part.where("true", value)


def _has(call: Call, args: Sequence[str], to: Rendering) -> str:
    part = _Part(call, args, to)
    nothing = "NULL" if part.duck else "VOID"
    return part.where("true", f"coalesce({part.kind} <> '{nothing}', false)")


def _list(call: Call, args: Sequence[str], to: Rendering) -> str:
    part = _Part(call, args, to)
    if part.duck:
        items = f"cast(json_extract({part.text}, {part.path}) as json[])"
        texts = each(items, to, "json_extract_string(e, '$')", "json_type(e) = 'VARCHAR'")
        found = f"list_slice({texts}, 1, {MOST})"
    else:
        items = f"try_variant_get({part.document}, {part.path}, 'array<variant>')"
        texts = each(items, to, "cast(e as string)", "schema_of_variant(e) = 'STRING'")
        found = f"slice({texts}, 1, {MOST})"
    return part.where(part.is_list, found)


NULLS = ("Absent where the text is no whole JSON document, or has no such value there.", "文本不是完整的 JSON，或该处没有这样的值，则缺失。")  # fmt: skip
SOUND = ("Absent where the text is no whole JSON document.", "文本不是完整的 JSON 则缺失。")


def _json(
    name: str, returns: Any, zh: str, en: str, examples: dict[str, Any], sql: Any, nulls: Any = NULLS
) -> Function:
    made = tuple(Example(f"{name}({text})", value) for text, value in examples.items())
    params = (Param("text", "text"), Param("path", "text", constant=True))
    return Function(name, "scalar", "json", params, returns, zh, en, nulls, made, sql, sql, check=_check_path)


FUNCTIONS: tuple[Function, ...] = (
    _json("json_text", TEXT, "JSON 文本中某路径处的字符串；数字不算。", "The text at a path of a JSON document; a number there is none.",
          {"""'{"city": {"name": "上海"}}', '$.city.name'""": "上海", """'{"n": 5}', '$.n'""": None}, _text),
    _json("json_number", DOUBLE, "JSON 文本中某路径处的数字。", "The number at a path of a JSON document, as a double.",
          {"""'{"prices": [9.5, 12]}', '$.prices[0]'""": 9.5, """'{"n": "5"}', '$.n'""": None}, _number),
    _json("json_integer", INTEGER, "JSON 文本中某路径处的整数：64 位以内；写成 3.0 或 1e3 的也算，但不超过 2^53。",
          "The whole number at a path of a JSON document, within 64 bits; written as 3.0 or 1e3 up to 2^53.",
          {"""'{"n": 5}', '$.n'""": 5, """'{"n": 5.5}', '$.n'""": None}, _integer),
    _json("json_boolean", BOOLEAN, "JSON 文本中某路径处的真假值。", "True or false at a path of a JSON document.",
          {"""'{"vip": true}', '$.vip'""": True, """'{"vip": "true"}', '$.vip'""": None}, _boolean),
    _json("json_list", list_of(TEXT), f"JSON 文本中某路径处数组里的字符串，次序不变；最多 {MOST} 个。",
          f"The texts in the array at a path of a JSON document, in their order; at most {MOST:,}.",
          {"""'{"likes": ["tea", 1, "rice"]}', '$.likes'""": ["tea", "rice"]}, _list),
    _json("json_length", INTEGER, "JSON 文本中某路径处数组的元素个数，或对象的键个数。", "How many elements the array at a path has, or how many names the object.",
          {"""'[1, [2, 3]]', '$'""": 2, """'{"a": {"b": 1}}', '$.a'""": 1, """'{"a": 1}', '$.a'""": None}, _length),
    _json("json_has", BOOLEAN, "JSON 文本中某路径处有值；null 不算。", "There is a value at the path; null is none.",
          {"""'{"a": 1}', '$.a'""": True, """'{"a": null}', '$.a'""": False, """'{"a": 1', '$.a'""": None}, _has, SOUND),
)  # fmt: skip
