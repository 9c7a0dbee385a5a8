"""How names, lengths of time and windows are said in both languages; `core.words` puts sentences together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from gongbi.core import expr as ir
from gongbi.core.expr import Attribute, Call, Expr, FactColumn, RawColumn, RelatedColumn, TagValue
from gongbi.core.functions.words import LAST_YEAR, PERIODS, UNITS

Language = Literal["zh", "en"]
#: What a name is called: (Chinese, English).
Title = tuple[str, str]

#: Stand for texts while a sentence is put together: signs for private use.
HELD = 0xE000
#: Functions whose result is one of their arguments, constants among them.
PASSING = ("case", "if", "coalesce", "nullif", "greatest", "least", "list_of")
#: Functions whose values are those of the column that they read.
TAKING = ("mode", "first", "last", "min", "max", "arg_max", "arg_min", "top_by", "top_k", "list", "distribution",
          "element_at", "top_of", "value_at", "value_before")  # fmt: skip
#: Functions that set values beside each other.
BESIDE = ("=", "<>", "<", "<=", ">", ">=", "in", "between", "has", "has_any", "has_all", "overlaps", "share_in",
          "list_intersect", "list_except", "list_union")  # fmt: skip
#: When a pair of a relation began, and when it ends.
SPANS = {"valid_from": ("起始时间", "start"), "valid_to": ("结束时间", "end")}


@dataclass(frozen=True, slots=True)
class Titles:
    """What definitions call things; a name that is not here is said as it is written.

    Attributes
    ----------
    facts, subjects, tags
        Name → title.
    columns
        (fact, column) → title.
        Of a relation too, by its name.
    attributes
        (subject, attribute) → title.
    ways
        Key of a step along a relation (`core.world.Hop`) → what the neighbours are called, and of which subject they
        are.
    values
        ``tag.NAME``, ``subject.attribute`` or ``fact.column`` → its values as they are stored → what they are called.
    """

    facts: Mapping[str, Title] = field(default_factory=dict)
    subjects: Mapping[str, Title] = field(default_factory=dict)
    tags: Mapping[str, Title] = field(default_factory=dict)
    columns: Mapping[tuple[str, str], Title] = field(default_factory=dict)
    attributes: Mapping[tuple[str, str], Title] = field(default_factory=dict)
    ways: Mapping[str, tuple[Title, str]] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, Title]] = field(default_factory=dict)


class Said(str):
    """A part of a sentence that a template may ask for in other forms: as an order (``th``), in hundredths (``%``)."""

    __slots__ = ()

    def __format__(self, form: str) -> str:
        if form == "th":
            return ordinal(int(self)) if self.isdecimal() else f"{self}th"
        if form == "%":
            try:
                return f"{Decimal(self) * 100:f}%" if "." not in self else f"{(Decimal(self) * 100).normalize():f}%"
            except InvalidOperation:
                return str(self)
        return super().__format__(form)


def ordinal(n: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th.

    >>> [ordinal(n) for n in (1, 2, 3, 4, 11, 22, 113)]
    ['1st', '2nd', '3rd', '4th', '11th', '22nd', '113th']
    """
    last = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{last}"


class Voice:
    """One language and what definitions are called in it.

    Attributes
    ----------
    texts
        Texts of the expression, for which signs stand while a sentence is put together.
    called
        What constants are called at this place: those that stand beside a tag, as its values are.
    """

    def __init__(self, titles: Titles, language: Language, called: Mapping[str, Title]) -> None:
        self.titles, self.language, self.called = titles, language, called
        self.zh = language == "zh"
        self.texts: list[str] = []

    def pick(self, title: Title) -> str:
        return title[0] if self.zh else title[1]

    def title(self, known: Mapping[Any, Title], key: Any, name: str) -> str:
        found = self.pick(known[key]) if key in known else ""
        return found or name

    def say(self, expr: Expr, *, inside: bool = False) -> str:
        """A part; `inside` an operator it has brackets where it is one."""
        raise NotImplementedError

    def named(self, call: Call, args: Sequence[str], rows: str) -> str:
        """A function without words of its own, such as one of an extension: its name and its arguments."""
        given = self.together([*args, *([rows] if rows else [])])
        return f"{call.function.name}（{given}）" if self.zh else f"{call.function.name} ({given})"

    def together(self, parts: Sequence[str]) -> str:
        return ("、" if self.zh else ", ").join(parts)

    def constant(self, value: Any) -> str:
        if value is None:
            return self.pick(("缺失", "absent"))
        if isinstance(value, bool):
            return self.pick(("真", "true") if value else ("假", "false"))
        if str(value) in self.called:
            value = self.pick(self.called[str(value)]) or str(value)
        if isinstance(value, str):
            self.texts.append(f"「{value}」" if self.zh else f"“{value}”")
            return chr(HELD + len(self.texts) - 1)
        if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
            return f"{value:.0f}"
        return value.isoformat() if isinstance(value, date | datetime) else f"{value}"

    def leaf(self, expr: Expr) -> str:
        titles = self.titles
        if isinstance(expr, FactColumn):
            return self.column(expr)
        if isinstance(expr, RelatedColumn):
            if "." not in expr.fact:
                return self.trait(expr.subject, expr.attribute)
            # Of the neighbours that an aggregate reads it need not be said whose it is.
            whole = f"_{expr.fact.count('/') + 1}" == expr.subject
            way = expr.fact.split("/")[: int(expr.subject[1:])]
            return self.trait(titles.ways.get(way[-1], (("", ""), ""))[1], expr.attribute, way=() if whole else way)
        if isinstance(expr, Attribute):
            return self.trait(expr.subject, expr.attribute)
        if isinstance(expr, TagValue):
            return self.tag(expr.tag)
        if isinstance(expr, RawColumn):
            return expr.name
        # A kind of part that this printer has not met: its own name, with what it is made of.
        parts = [self.say(part) for part in ir.children(expr)]
        return f"{type(expr).__name__} ({', '.join(parts)})" if parts else str(expr)

    def values_of(self, expr: Expr) -> Mapping[str, Title]:
        """What the values of a leaf are called, or of what passes its values on; nothing where nobody said."""
        known = self.titles.values
        if isinstance(expr, Call):
            passed = map(self.values_of, expr.args) if expr.function.name in (*PASSING, *TAKING) else ()
            return next(filter(None, passed), {})
        if isinstance(expr, TagValue):
            return known.get(f"tag.{expr.tag}", {})
        if isinstance(expr, FactColumn):
            return known.get(f"{expr.fact.split('/')[-1].split('.')[0]}.{expr.column}", {})
        if isinstance(expr, Attribute | RelatedColumn):
            *way, last = expr.attribute.split("/")
            if isinstance(expr, RelatedColumn) and "." in expr.fact and not way:
                way = expr.fact.split("/")[: int(expr.subject[1:])]
            if last.startswith(("tag.", "given.")):
                return known.get(f"tag.{last.partition('.')[2]}", {})
            subject = self.titles.ways.get(way[-1], (("", ""), ""))[1] if way else expr.subject
            return known.get(f"{subject}.{last}", {})
        return {}

    def tag(self, tag: str) -> str:
        name = self.title(self.titles.tags, tag, tag)
        return f"标签「{name}」" if self.zh else f"the tag “{name}”"

    def column(self, column: FactColumn) -> str:
        titles, path = self.titles, column.fact.split("/")
        if "." in column.fact:
            if column.column.startswith("_"):
                return self.way(path[: int(column.column[1:])])
            if column.column in SPANS:
                return self.pick(SPANS[column.column])
            return self.title(titles.columns, (path[-1].split(".")[0], column.column), column.column)
        if column.column == "ts":
            return self.pick(("时间", "time"))
        if column.column in titles.subjects:
            return self.title(titles.subjects, column.column, column.column)
        return self.title(titles.columns, (column.fact, column.column), column.column)

    def trait(self, subject: str, key: str, *, way: Sequence[str] | None = None) -> str:
        """What is known of one member: an attribute or a tag of a subject, or of the one neighbour in a role.

        Parameters
        ----------
        way
            How one gets to the member from elsewhere; where it is empty, everybody knows whose it is.
        """
        *further, last = key.split("/")
        way = [*(way or ()), *further] if way is not None or further else None
        if further:
            subject = self.titles.ways.get(further[-1], (("", ""), subject))[1]
        if last.startswith("given."):
            name = self.title(self.titles.tags, last[6:], last[6:])
            return f"人工或从文件给出的「{name}」" if self.zh else f"the value given for “{name}”"
        if last.startswith("tag."):
            what = self.tag(last[4:])
        else:
            known = self.pick(("编号", "id")) if last == "id" else last
            what = self.title(self.titles.attributes, (subject, last), known)
        if way is not None and not way:
            return what
        who = self.title(self.titles.subjects, subject, subject) if way is None else self.way(way)
        return f"{who} 的 {what}" if self.zh else f"{what} of the {who}"

    def way(self, keys: Sequence[str]) -> str:
        """The neighbours along some steps, the nearest first."""
        found = [self.pick(self.titles.ways[key][0]) if key in self.titles.ways else key for key in keys]
        return " 的 ".join(found) if self.zh else " of the ".join(reversed(found))

    # -- lengths of time and windows ----------------------------------------------------------------

    def interval(self, microseconds: int) -> str:
        seconds = microseconds // 1_000_000
        for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
            if seconds % size == 0:
                return self.length(seconds // size, unit)
        return f"{seconds} 秒" if self.zh else f"{seconds} seconds"

    def length(self, n: int, unit: str) -> str:
        zh, one, many = UNITS.get(unit, (unit,) * 3)
        return f"{n} {zh}" if self.zh else f"{n} {one if n == 1 else many}"

    def window(self, call: Call) -> str:
        """A function of time as an adverb."""
        name = call.function.name
        given: list[Any] = [getattr(arg, "value", None) for arg in call.args[1:]]
        if name == "within":
            return self.within(*given)
        if name in ("this", "previous"):
            unit = str(given[0])
            place = 0 if name == "this" else 1
            zh = PERIODS[unit][place] if unit in PERIODS else unit
            return (
                zh + "内" if self.zh else (f"in this {unit} so far" if name == "this" else f"in the {unit} before this")
            )
        if name == "ahead":
            zh, one, many = UNITS.get(str(given[1]), (str(given[1]),) * 3)
            n = given[0]
            return f"之后 {n} {zh}内" if self.zh else f"within the next {n} {one if n == 1 else many}"
        if name == "last_year":
            unit, so_far = str(given[0]), bool(given[1:] and given[1])
            zh = LAST_YEAR.get(unit, unit) + ("同期内" if so_far else "内")
            year = f"in the {'' if unit == 'year' else 'same '}{unit} {'before' if unit == 'year' else 'of last year'}"
            return zh if self.zh else year + (", as far as this one has got" if so_far else "")
        if name == "ends_within":
            return self.pick((f"之后 {self.length(*given)}内结束的", f"ending within the next {self.length(*given)}"))
        if name == "active":
            return self.pick(("截止时刻正在进行的", "under way at the as-of instant"))
        plain: Mapping[str, Title] = {
            "between_dates": ("{0} 起、{1} 前", "from {0} until before {1}"),
            "since": ("{0} 起", "since {0}"),
            "before": ("{0} 前", "before {0}"),
            "during": ("所度量的时期内", "in the period measured"),
        }
        if name in plain:
            return self.pick(plain[name]).format(*given)
        return self.named(call, [self.say(arg) for arg in call.args[1:]], "")

    def within(self, n: int, unit: str, ago: int = 0) -> str:
        if unit.startswith("calendar_"):
            period = unit.removeprefix("calendar_")
            this, _, whole = PERIODS.get(period, (period, period, period))
            one, many = UNITS.get(period, (period,) * 3)[1:]
            if ago == 0:
                before = n - 1
                zh = this + (f"及之前 {before} {whole}" if before else "") + "内"
                en = f"in this {one} so far" + (f" and the {before} whole {many} before" if before > 1 else "")
                return self.pick((zh, en + (f" and the whole {one} before" if before == 1 else "")))
            gap = ago - 1
            zh = f"{this}之前" + (f"隔 {gap} {whole}的" if gap else "") + f" {n} {whole}内"
            en = f"in the {n} whole {one if n == 1 else many} before this {one}"
            return self.pick((zh, en + (f", {gap} further back" if gap else "")))
        zh, one, many = UNITS.get(unit, (unit,) * 3)
        units = one if n == 1 else many
        if ago:
            back = one if ago == 1 else many
            return f"{ago} {zh}之前的 {n} {zh}内" if self.zh else f"within the {n} {units} that ended {ago} {back} ago"
        return f"近 {n} {zh}内" if self.zh else f"within the last {n} {units}"
