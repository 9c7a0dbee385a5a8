"""A typed expression as a sentence, in Chinese and in English: exact, and readable without knowing the language."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gongbi.core.expr import Call, Constant, Expr, FactColumn
from gongbi.core.functions.places import CODES, POSITIONS, is_code, rings
from gongbi.core.functions.words import BINDING, PERIODS, UNITS, WEEKDAYS, WORDS
from gongbi.core.relations import TIMES
from gongbi.core.voice import BESIDE, HELD, PASSING, TAKING, Language, Said, Title, Titles, Voice, ordinal

__all__ = ["Language", "Title", "Titles", "sentence"]

#: Functions whose first argument is a condition.
_OF_CONDITIONS = ("any", "all", "share", "if", "is_true", "is_false")

_WIDE, _NARROW = r"[\u3400-\u9fff「」\ue000-\uf8ff]", r"[A-Za-z0-9]"


def sentence(expr: Expr, titles: Titles, language: Language, of: str = "") -> str:
    """Say an expression in words; `of` is whose values it makes, ``tag.NAME``, which says what these are called.

    >>> from gongbi.core.functions.sample import WORLD
    >>> from gongbi.core.language import check_expression
    >>> seen = check_expression("count(sample) filter (where within(30, 'day'))", WORLD, "member")
    >>> sentence(seen, Titles(), "en")
    'the number of sample within the last 30 days'
    >>> sentence(seen, Titles(), "zh")
    '近 30 天内 sample 的次数'
    """
    speaker = _Speaker(titles, language, titles.values.get(of, {}))
    text = speaker.say(expr)
    if language == "zh":
        text = re.sub(f"({_WIDE})({_NARROW})", r"\1 \2", re.sub(f"({_NARROW})({_WIDE})", r"\1 \2", text))
        # A blank is for the eye where two scripts meet, and nowhere else.
        text = re.sub(f"(?<={_WIDE}|[（），；：、]) +(?={_WIDE}|[（），；：、])", "", text)
        text = re.sub(r" +(?=[（），；：、」])|(?<=[（），；：、「]) +", "", text)
    else:
        text = re.sub(r"\b(different|smallest|largest|frequent|latest|earliest) the ", r"\1 ", text)
    text = re.sub(" {2,}", " ", text).strip()
    # Texts of the expression are put in last, so that nothing in them is touched.
    return re.sub(f"[{chr(HELD)}-\uf8ff]", lambda found: speaker.texts[ord(found.group()) - HELD], text)


class _Speaker(Voice):
    def say(self, expr: Expr, *, inside: bool = False) -> str:
        """A part; `inside` an operator it has brackets where it is one."""
        if isinstance(expr, Constant):
            return self.constant(expr.value)
        if not isinstance(expr, Call):
            return self.leaf(expr)
        if expr.function.convert is not None:
            return self.say(expr.args[0], inside=inside)
        outer, self.called = self.called, self.beside(expr)
        text = self.call(expr)
        self.called = outer
        if inside and expr.function.name in BINDING:
            return f"（{text}）" if self.zh else f"({text})"
        return text

    def so(self, expr: Expr) -> str:
        """A condition; of a plain value it is said that it is true."""
        text = self.say(expr, inside=True)
        if isinstance(expr, Call | Constant):
            return text
        return f"{text} 为真" if self.zh else f"{text} is true"

    def beside(self, call: Call) -> Mapping[str, Title]:
        """What constants among the arguments are called."""
        name = call.function.name
        if name in PASSING and self.called:
            return self.called
        if name in TAKING:
            # Their own numbers count or go back in time.
            return {value: title for value, title in self.called.items() if not value.isdigit()}
        known = map(self.values_of, call.args) if name in (*PASSING, *BESIDE) else ()
        return next(filter(None, known), {})

    def call(self, call: Call) -> str:
        if call.wrote is not None:
            return self.phrase(call.wrote)
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
            "date": self.written,
            "instant": self.written,
            "nth_weekday": self.nth_weekday,
            "add_workdays": self.workday,
            "element_at": self.element,
            "distance_m": self.distance,
            "within_m": self.distance,
            "in_area": self.area,
            "cell": self.cell,
            "in_random_share": self.drawn,
            "followed_by": self.sequence,
            "not_followed_by": self.sequence,
            "step": self.rows,
        }
        if call.function.kind == "time" and name != "days_to_end":
            return self.timed(call)
        if name in special:
            return special[name](call)
        timed = bool(call.args) and _is_ts(call.args[-1])
        template = (
            (WORDS.get(f"{name}/ts") if timed else None) or WORDS.get(f"{name}/{len(call.args)}") or WORDS.get(name)
        )
        args = [
            Said(self.so(arg) if name in _OF_CONDITIONS and not i else self.say(arg, inside=True))
            for i, arg in enumerate(call.args)
        ]
        rows = self.rows(call) if call.is_aggregate else ""
        if template is None:
            return self.named(call, args, rows)
        if name == "count" and "." in (call.fact or "") and not args and self.zh:
            return f"{rows}的个数"
        if name == "count" and args:
            present = (f"有 {args[0]} 的{rows}", f"{rows} that have {args[0]}")
            return self.pick(template).format(rows=self.pick(present))
        several = {"all": self.together(args), "others": self.together(args[1:])}
        return self.pick(template).format(*args, rows=rows, **several)

    # -- conditions and choices ---------------------------------------------------------------------

    def joined(self, call: Call) -> str:
        parts = [self.so(arg) for arg in call.args]
        word = {"and": ("，且 ", " and "), "or": ("，或 ", " or ")}[call.function.name]
        return self.pick(word).join(parts)

    def opposite(self, call: Call) -> str:
        inner = call.args[0]
        if isinstance(inner, Call) and inner.function.name == "is_absent":
            x = self.say(inner.args[0], inside=True)
            return f"{x} 不缺失" if self.zh else f"{x} is not absent"
        x = self.say(inner, inside=True)
        if not isinstance(inner, Call | Constant):
            return f"{x} 为假" if self.zh else f"{x} is false"
        return f"并非 {x}" if self.zh else f"not {x}"

    def listed(self, call: Call) -> str:
        x, *values = (self.say(arg) for arg in call.args)
        return f"{x} 是 {'、'.join(values)} 之一" if self.zh else f"{x} is one of {', '.join(values)}"

    def choice(self, call: Call) -> str:
        args = [self.say(arg, inside=True) for arg in call.args]
        args[:-1:2] = [self.so(arg) for arg in call.args[:-1:2]]
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
        zh = f"{parts} 中的最{'大' if most else '小'}值"
        return zh if self.zh else f"the {'largest' if most else 'smallest'} of {parts}"

    def band(self, call: Call) -> str:
        x, *cuts = (self.say(arg) for arg in call.args)
        return (
            f"{x} 达到了 {'、'.join(cuts)} 中的几个"
            if self.zh
            else f"the number of cuts {', '.join(cuts)} that {x} reaches"
        )

    def rounded(self, call: Call) -> str:
        x = self.say(call.args[0], inside=True)
        digits = self.say(call.args[1]) if len(call.args) > 1 else "0"
        if digits == "0":
            return f"四舍五入取整的 {x}" if self.zh else f"{x} rounded to a whole number"
        if digits == "1":
            return f"四舍五入到 1 位小数的 {x}" if self.zh else f"{x} rounded to 1 digit"
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
        unit, known = getattr(call.args[2], "value", ""), _number(call.args[1])
        if known is not None:
            length = self.length(abs(known), unit)
            return (
                f"{x} {'前' if known < 0 else '后'} {length}"
                if self.zh
                else (f"{length} {'before' if known < 0 else 'after'} {x}")
            )
        zh, _, many = UNITS.get(unit, (unit, unit, unit))
        return f"{x} 之后 {n} {zh}的那天" if self.zh else f"the day {n} {many} after {x}"

    # -- days, lists, places ------------------------------------------------------------------------

    def written(self, call: Call) -> str:
        """A day or an instant that is written out needs no quotes."""
        value = getattr(call.args[0], "value", None)
        if isinstance(value, str) and re.fullmatch(r"[0-9][0-9T:.+Z -]*", value):
            return value
        zh, en = WORDS[call.function.name]
        return self.pick((zh, en)).format(self.say(call.args[0], inside=True))

    def nth_weekday(self, call: Call) -> str:
        x, (n, weekday) = self.say(call.args[0]), (_number(arg) for arg in call.args[1:])
        if n is None or weekday is None or not 1 <= weekday <= 7:
            n_said, day = (self.say(arg, inside=True) for arg in call.args[1:])
            zh = f"{x} 所在月的第 {n_said} 个星期 {day}"
            return zh if self.zh else f"weekday {day} number {n_said} of the month of {x}"
        zh, en = WEEKDAYS[weekday - 1]
        if self.zh:
            place = f"第 {n} 个" if n > 0 else "最后一个" if n == -1 else f"倒数第 {-n} 个"
            return f"{x} 所在月的{place}{zh}"
        place = ordinal(n) if n > 0 else "last" if n == -1 else f"{ordinal(-n)} last"
        return f"the {place} {en} of the month of {x}"

    def workday(self, call: Call) -> str:
        x, n = self.say(call.args[0]), _number(call.args[1])
        if n is None or n == 0:
            n_said = self.say(call.args[1], inside=True)
            return f"{x} 之后第 {n_said} 个中国工作日" if self.zh else f"the Chinese workday {n_said} after {x}"
        zh = f"{x} 之{'后' if n > 0 else '前'}第 {abs(n)} 个中国工作日"
        return zh if self.zh else f"the {ordinal(abs(n))} Chinese workday {'after' if n > 0 else 'before'} {x}"

    def element(self, call: Call) -> str:
        x, n = self.say(call.args[0], inside=True), _number(call.args[1])
        if n is None or n < 0:
            said = "" if n == -1 else self.say(call.args[1], inside=True)
            zh, en = (
                (f"{x} 的第 {said} 个值", f"value {said} of {x}")
                if said
                else (f"{x} 的最后一个值", f"the last value of {x}")
            )
            return zh if self.zh else en
        return f"{x} 的第 {n} 个值" if self.zh else f"the {ordinal(n)} value of {x}"

    def spot(self, args: Sequence[Expr]) -> str:
        """A longitude and a latitude, or a code; where they are the row's or the member's own, whose place it is."""
        names = tuple(getattr(arg, "column", getattr(arg, "attribute", "")) for arg in args)
        if names in POSITIONS or names in CODES:
            return self.pick(("所在位置", "the place"))
        said = [self.say(arg, inside=True) for arg in args]
        return said[0] if len(said) == 1 else f"({', '.join(said)})"

    def distance(self, call: Call) -> str:
        here, there = self.spot(call.args[:2]), self.spot(call.args[2:4])
        if len(call.args) == 4:
            return f"{here} 到 {there} 的距离（米）" if self.zh else f"the distance in metres from {here} to {there}"
        metres = self.say(call.args[4])
        return f"{here} 距 {there} 不超过 {metres} 米" if self.zh else f"{here} is within {metres} metres of {there}"

    def area(self, call: Call) -> str:
        *place, given = call.args
        here, area = self.spot(place), str(getattr(given, "value", ""))
        if is_code(area):
            code = self.constant(area)
            return f"{here} 属于行政区划{code}" if self.zh else f"{here} lies in the administrative area {code}"
        lons, lats = zip(*(point for ring in rings(area) for point in ring), strict=True)
        # The text of a polygon says nothing to people: where it lies, and how fine it is.
        low, high = f"({min(lons):g}, {min(lats):g})", f"({max(lons):g}, {max(lats):g})"
        corners = sum(len(ring) - 1 for ring in rings(area))
        zh = f"{here} 在 {low} 与 {high} 之间的 {corners} 角多边形之内"
        return zh if self.zh else f"{here} lies in a polygon of {corners} corners between {low} and {high}"

    def cell(self, call: Call) -> str:
        here, metres = self.spot(call.args[:2]), self.say(call.args[2])
        return f"{here} 的网格（约 {metres} 米）" if self.zh else f"the cell, about {metres} metres wide, of {here}"

    def drawn(self, call: Call) -> str:
        own, share, seed = call.args
        plain = getattr(own, "attribute", "") == "id"
        who = self.pick(("该成员", "the member")) if plain else self.say(own, inside=True)
        args = (who, Said(self.say(share)), self.say(seed))
        return self.pick(WORDS["in_random_share"]).format(*args)

    # -- sequences and phrases ----------------------------------------------------------------------

    def sequence(self, call: Call) -> str:
        steps = [arg for arg in call.args if isinstance(arg, Call)]
        said = [self.rows(step).strip() for step in steps]
        last = call.args[-1]
        time = self.interval(last.value) if isinstance(last, Constant) else ""
        shared = self.say(steps[0].args[1]) if len(steps[0].args) > 1 else ""
        done = call.function.name == "followed_by"
        if self.zh:
            text = "先有 " + "，之后有 ".join(said if done else said[:-1])
            if not done:
                text += f"，且自第一步起 {time}内没有 {said[-1]}" if time else f"，此后没有 {said[-1]}"
            notes = [f"各步 {shared} 相同"] if shared else []
            notes += [f"从第一步到最后一步不到 {time}"] if time and done else []
            return text + (f"（{'，'.join(notes)}）" if notes else "")
        text = "first " + ", then ".join(said if done else said[:-1])
        if not done:
            text += f", and no {said[-1]} " + (f"within {time} of the first step" if time else "after that")
        text += f", all with the same {shared}" if shared else ""
        return text + (f", in less than {time} from the first step to the last" if time and done else "")

    def phrase(self, call: Call) -> str:
        """A phrase as it was written, not what it stands for."""
        name = call.function.name
        given: list[Any] = [getattr(arg, "value", None) for arg in call.args]
        said = [Said(self.say(arg, inside=True)) for arg in call.args]
        if name == "exists_within":
            return self.pick(WORDS["exists"]).format(rows=self.rows(call, self.within(*given)))
        holes: dict[str, str] = {"rows": self.rows(call)}
        if name in ("first_time", "stopped"):
            holes["window"] = self.within(*given)
        elif name == "resurrected":
            holes |= {"quiet": self.length(given[0], given[2]), "window": self.within(*given[1:])}
        elif name == "regularly":
            unit = str(given[2])
            holes["whole"] = PERIODS[unit][2] if self.zh else UNITS[unit][1 if given[1] == 1 else 2]
        elif name == "value_at":
            holes["date"] = str(given[1]) if given[1] is not None else str(said[1])
        elif name == "value_before" and str(given[2]).startswith("calendar_"):
            # By the calendar it is the value before the window, which is not so long ago.
            rows, window = holes["rows"], self.within(*given[1:])
            zh = f"不在{window}的最近一行{rows}的 {said[0]}"
            return zh if self.zh else f"{said[0]} of the latest of {rows} not {window}"
        elif name == "value_before":
            holes["length"] = self.length(given[1], given[2])
        return self.pick(WORDS[name]).format(*said, **holes) if name in WORDS else self.named(call, said, holes["rows"])

    # -- rows and windows ---------------------------------------------------------------------------

    def rows(self, call: Call, *times: str) -> str:
        """The rows that an aggregate reads: the fact, when, and under which further condition."""
        name = call.fact or ""
        fact = self.way(name.split("/")) if "." in name else self.title(self.titles.facts, name, name)
        when: list[Expr] = []
        where: list[Expr] = []
        for part in _conjuncts(call.filter):
            own = isinstance(part, Call) and part.function.kind == "time" and _is_own_time(part)
            (when if own else where).append(part)
        times = (*times, *(self.window(part) for part in when if isinstance(part, Call)))
        conditions = [self.say(part) if len(where) == 1 and isinstance(part, Call) else self.so(part) for part in where]
        if self.zh:
            told = "且".join(times) + f" {fact} "
            return told + (f"（其中 {'，且 '.join(conditions)}）" if conditions else "")
        told = " ".join([fact, " and ".join(times)]).strip()
        return told + (f" where {' and '.join(conditions)}" if conditions else "")

    def timed(self, call: Call) -> str:
        lasting = call.function.name == "active"
        if _is_own_time(call):
            window = self.window(call)
            if lasting or call.function.name == "ends_within":
                return self.pick((window.rstrip("的"), f"it is {window}"))
            return self.pick((f"发生在{window}", f"it happened {window}"))
        x = self.say(call.args[0], inside=True)
        if lasting:
            end = self.say(call.args[1], inside=True)
            if isinstance(call.args[1], Constant) and call.args[1].value is None:
                return (
                    f"{x} 起在截止时刻正在进行"
                    if self.zh
                    else f"what lasts from {x} on is under way at the as-of instant"
                )
            zh = f"{x} 起、{end} 止的一段在截止时刻正在进行"
            return zh if self.zh else f"what lasts from {x} to {end} is under way at the as-of instant"
        if call.function.name == "ends_within":
            zh, length = f"{x} 在之后", self.length(call.args[1].value, call.args[2].value)  # type: ignore[union-attr]
            return f"{zh} {length}内" if self.zh else f"{x} is within the next {length}"
        return f"{x} 在{self.window(call)}" if self.zh else f"{x} is {self.window(call)}"


def _is_ts(expr: Expr) -> bool:
    return isinstance(expr, FactColumn) and expr.column == "ts"


def _is_own_time(call: Call) -> bool:
    own = [arg.column if isinstance(arg, FactColumn) else "" for arg in call.args[: len(call.function.reads)]]
    return own in (list(call.function.reads), [TIMES[column] for column in call.function.reads])


def _number(expr: Expr) -> int | None:
    """A whole number that is written out, with its sign."""
    if isinstance(expr, Call) and expr.function.name == "negative":
        inner = _number(expr.args[0])
        return None if inner is None else -inner
    value = getattr(expr, "value", None)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _conjuncts(condition: Expr | None) -> list[Expr]:
    if condition is None:
        return []
    if isinstance(condition, Call) and condition.function.name == "and":
        return [part for arg in condition.args for part in _conjuncts(arg)]
    return [condition]
