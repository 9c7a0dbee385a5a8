"""A typed expression as a sentence, in Chinese and in English: exact, and readable without knowing the language."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from gongbi.core import expr as ir
from gongbi.core.expr import Attribute, Call, Constant, Expr, FactColumn, RawColumn, RelatedColumn, TagValue
from gongbi.core.functions.words import BINDING, PERIODS, UNITS, WORDS

Language = Literal["zh", "en"]
#: What a name is called: (Chinese, English).
Title = tuple[str, str]

#: Stand for texts while a sentence is put together: signs for private use.
_HELD = 0xE000
_WIDE, _NARROW = r"[\u3400-\u9fff「」\ue000-\uf8ff]", r"[A-Za-z0-9]"


@dataclass(frozen=True, slots=True)
class Titles:
    """What definitions call things; a name that is not here is said as it is written.

    Attributes
    ----------
    facts, subjects, tags
        Name → title.
    columns
        (fact, column) → title.
    attributes
        (subject, attribute) → title.
    """

    facts: Mapping[str, Title] = field(default_factory=dict)
    subjects: Mapping[str, Title] = field(default_factory=dict)
    tags: Mapping[str, Title] = field(default_factory=dict)
    columns: Mapping[tuple[str, str], Title] = field(default_factory=dict)
    attributes: Mapping[tuple[str, str], Title] = field(default_factory=dict)


def sentence(expr: Expr, titles: Titles, language: Language) -> str:
    """Say an expression in words.

    >>> from gongbi.core.functions.sample import WORLD
    >>> from gongbi.core.language import check_expression
    >>> seen = check_expression("count(sample) filter (where within(30, 'day'))", WORLD, "member")
    >>> sentence(seen, Titles(), "en")
    'the number of sample within the last 30 days'
    >>> sentence(seen, Titles(), "zh")
    '近 30 天内 sample 的次数'
    """
    speaker = _Speaker(titles, language)
    text = speaker.say(expr)
    if language == "zh":
        text = re.sub(f"({_WIDE})({_NARROW})", r"\1 \2", re.sub(f"({_NARROW})({_WIDE})", r"\1 \2", text))
        # A blank is for the eye where two scripts meet, and nowhere else.
        text = re.sub(f"(?<={_WIDE}|[（），；：]) +(?={_WIDE}|[（），；：])", "", text)
        text = re.sub(r" +(?=[（），；：])|(?<=[（），；：]) +", "", text)
    text = re.sub(" {2,}", " ", text).strip()
    # Texts of the expression are put in last, so that nothing in them is touched.
    return re.sub(f"[{chr(_HELD)}-\uf8ff]", lambda found: speaker.texts[ord(found.group()) - _HELD], text)


class _Speaker:
    def __init__(self, titles: Titles, language: Language) -> None:
        self.titles, self.language = titles, language
        self.zh = language == "zh"
        self.texts: list[str] = []

    def pick(self, title: Title) -> str:
        return title[0] if self.zh else title[1]

    def title(self, known: Mapping[Any, Title], key: Any, name: str) -> str:
        found = self.pick(known[key]) if key in known else ""
        return found or name

    def say(self, expr: Expr, *, inside: bool = False) -> str:
        """A part; `inside` an operator it has brackets where it is one."""
        if isinstance(expr, Constant):
            return self.constant(expr.value)
        if not isinstance(expr, Call):
            return self.leaf(expr)
        if expr.function.convert is not None:
            return self.say(expr.args[0], inside=inside)
        text = self.call(expr)
        if inside and expr.function.name in BINDING:
            return f"（{text}）" if self.zh else f"({text})"
        return text

    def constant(self, value: Any) -> str:
        if value is None:
            return self.pick(("缺失", "absent"))
        if isinstance(value, bool):
            return self.pick(("真", "true") if value else ("假", "false"))
        if isinstance(value, str):
            self.texts.append(f"「{value}」" if self.zh else f"“{value}”")
            return chr(_HELD + len(self.texts) - 1)
        return value.isoformat() if isinstance(value, date | datetime) else f"{value}"

    def leaf(self, expr: Expr) -> str:
        titles = self.titles
        if isinstance(expr, FactColumn):
            if expr.column == "ts":
                return self.pick(("时间", "time"))
            if expr.column in titles.subjects:
                return self.title(titles.subjects, expr.column, expr.column)
            return self.title(titles.columns, (expr.fact, expr.column), expr.column)
        if isinstance(expr, RelatedColumn | Attribute):
            what = self.title(titles.attributes, (expr.subject, expr.attribute), expr.attribute)
            who = self.title(titles.subjects, expr.subject, expr.subject)
            return f"{who} 的 {what}" if self.zh else f"{what} of the {who}"
        if isinstance(expr, TagValue):
            name = self.title(titles.tags, expr.tag, expr.tag)
            return f"标签「{name}」" if self.zh else f"the tag “{name}”"
        if isinstance(expr, RawColumn):
            return expr.name
        # A kind of part that this printer has not met: its own name, with what it is made of.
        parts = [self.say(part) for part in ir.children(expr)]
        return f"{type(expr).__name__} ({', '.join(parts)})" if parts else str(expr)

    def call(self, call: Call) -> str:
        name = call.function.name
        special: Mapping[str, Callable[[Call], str]] = {
            "and": self.joined,
            "or": self.joined,
            "in": self.listed,
            "not": self.opposite,
            "case": self.choice,
            "coalesce": self.fallback,
            "greatest": self.among,
            "least": self.among,
            "band": self.band,
            "round": self.rounded,
            "substr": self.piece,
            "start_of": self.start,
            "date_add": self.moved,
        }
        if call.function.kind == "time":
            return self.timed(call)
        if name in special:
            return special[name](call)
        timed = bool(call.args) and _is_ts(call.args[-1])
        template = (
            (WORDS.get(f"{name}/ts") if timed else None) or WORDS.get(f"{name}/{len(call.args)}") or WORDS.get(name)
        )
        args = [self.say(arg, inside=True) for arg in call.args]
        rows = self.rows(call) if call.is_aggregate else ""
        if template is None:
            return self.named(call, args, rows)
        if name == "count" and args:
            present = (f"有 {args[0]} 的{rows}", f"{rows} that have {args[0]}")
            return self.pick(template).format(rows=self.pick(present))
        return self.pick(template).format(*args, rows=rows)

    def named(self, call: Call, args: Sequence[str], rows: str) -> str:
        """A function without words of its own: its name, what its entry says first, its arguments."""
        about = re.split(r"[。；;]|\. ", self.pick((call.function.zh, call.function.en)).strip())[0].rstrip(".")
        given = ("，" if self.zh else ", ").join([*args, *([rows] if rows else [])])
        return f"{call.function.name}（{about}：{given}）" if self.zh else f"{call.function.name} ({about}: {given})"

    # -- conditions and choices ---------------------------------------------------------------------

    def joined(self, call: Call) -> str:
        parts = [self.say(arg, inside=True) for arg in call.args]
        word = {"and": ("，且 ", " and "), "or": ("，或 ", " or ")}[call.function.name]
        return self.pick(word).join(parts)

    def opposite(self, call: Call) -> str:
        inner = call.args[0]
        if isinstance(inner, Call) and inner.function.name == "is_absent":
            x = self.say(inner.args[0], inside=True)
            return f"{x} 不缺失" if self.zh else f"{x} is not absent"
        x = self.say(inner, inside=True)
        return f"并非 {x}" if self.zh else f"not {x}"

    def listed(self, call: Call) -> str:
        x, *values = (self.say(arg) for arg in call.args)
        return f"{x} 是 {'、'.join(values)} 之一" if self.zh else f"{x} is one of {', '.join(values)}"

    def choice(self, call: Call) -> str:
        args = [self.say(arg, inside=True) for arg in call.args]
        pairs = list(zip(args[:-1:2], args[1:-1:2], strict=False))
        if self.zh:
            return "；".join([*(f"若 {a} 则为 {b}" for a, b in pairs), f"否则为 {args[-1]}"])
        return "; ".join([*(f"{b} if {a}" for a, b in pairs), f"otherwise {args[-1]}"])

    def fallback(self, call: Call) -> str:
        first, *rest = (self.say(arg, inside=True) for arg in call.args)
        if not rest:
            return first
        return (
            f"{first}（缺失时取 {'，再取 '.join(rest)}）"
            if self.zh
            else f"{first}, or where absent {', then '.join(rest)}"
        )

    def among(self, call: Call) -> str:
        parts = ("、" if self.zh else ", ").join(self.say(arg, inside=True) for arg in call.args)
        most = call.function.name == "greatest"
        zh = f"{parts} 中{'最大' if most else '最小'}的"
        return zh if self.zh else f"the {'largest' if most else 'smallest'} of {parts}"

    def band(self, call: Call) -> str:
        x, *cuts = (self.say(arg) for arg in call.args)
        return f"{x} 达到了 {'、'.join(cuts)} 中的几个" if self.zh else f"how many of {', '.join(cuts)} {x} reaches"

    def rounded(self, call: Call) -> str:
        x = self.say(call.args[0], inside=True)
        digits = self.say(call.args[1]) if len(call.args) > 1 else "0"
        return f"四舍五入到 {digits} 位小数的 {x}" if self.zh else f"{x} rounded to {digits} digits"

    def piece(self, call: Call) -> str:
        x, start, *n = (self.say(arg) for arg in call.args)
        if self.zh:
            return f"{x} 从第 {start} 个字符起" + (f"的 {n[0]} 个字符" if n else "的部分")
        return f"{f'{n[0]} characters' if n else 'the part'} of {x} from character {start} on"

    def start(self, call: Call) -> str:
        unit, x = getattr(call.args[0], "value", ""), self.say(call.args[1])
        zh = {"day": "日", "week": "周", "month": "月", "quarter": "季度", "year": "年"}.get(unit, unit)
        return f"{x} 所在{zh}的第一天" if self.zh else f"the first day of the {unit} of {x}"

    def moved(self, call: Call) -> str:
        x, n = self.say(call.args[0]), self.say(call.args[1], inside=True)
        unit = getattr(call.args[2], "value", "")
        zh, _, many = UNITS.get(unit, (unit, unit, unit))
        return f"{x} 之后 {n} {zh}的那天" if self.zh else f"the day {n} {many} after {x}"

    # -- rows and windows ---------------------------------------------------------------------------

    def rows(self, call: Call) -> str:
        """The rows that an aggregate reads: the fact, when, and under which further condition."""
        fact = self.title(self.titles.facts, call.fact, call.fact or "")
        when: list[Expr] = []
        where: list[Expr] = []
        for part in _conjuncts(call.filter):
            own = isinstance(part, Call) and part.function.kind == "time" and _is_own_time(part)
            (when if own else where).append(part)
        times = [self.window(part) for part in when if isinstance(part, Call)]
        conditions = [self.say(part, inside=len(where) > 1) for part in where]
        if self.zh:
            told = "且".join(times) + f" {fact} "
            return told + (f"（其中 {'，且 '.join(conditions)}）" if conditions else "")
        told = " ".join([fact, " and ".join(times)]).strip()
        return told + (f" where {' and '.join(conditions)}" if conditions else "")

    def timed(self, call: Call) -> str:
        if _is_own_time(call):
            return self.pick((f"发生在{self.window(call)}", f"it happened {self.window(call)}"))
        x = self.say(call.args[0], inside=True)
        return f"{x} 在{self.window(call)}" if self.zh else f"{x} is {self.window(call)}"

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


def _is_ts(expr: Expr) -> bool:
    return isinstance(expr, FactColumn) and expr.column == "ts"


def _is_own_time(call: Call) -> bool:
    return bool(call.args) and _is_ts(call.args[0])


def _conjuncts(condition: Expr | None) -> list[Expr]:
    if condition is None:
        return []
    if isinstance(condition, Call) and condition.function.name == "and":
        return [part for arg in condition.args for part in _conjuncts(arg)]
    return [condition]
