"""Conditions as rows that are filled in: the same expression as in the text, read from it and written back to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from nicegui import ui

from gongbi.catalog import forms
from gongbi.catalog.forms import Compare, Formula, Group, InSegment, Measure, Operator, Phrase, Row, Step, Text
from gongbi.console import entries, formulas
from gongbi.console.frame import Page
from gongbi.console.picker import Field, Picker, title
from gongbi.errors import InvalidExpression

#: Puts a row in the place of another, and gives the one that is there: what was typed since the form was drawn counts.
Put = Callable[[Any], None]
Get = Callable[[], Any]
#: Figures of rows, and whether they need a column.
FIGURES = {
    "count": "", "exists": "", "days_since": "", "count_distinct": "any", "sum": "number", "avg": "number",
    "median": "number", "min": "any", "max": "any", "stddev": "number", "mode": "any", "first": "any", "last": "any",
    "any": "boolean", "all": "boolean",
}  # fmt: skip
#: Operators that take another value in the place of a constant.
BOTH = ("=", "<>", "<", "<=", ">", ">=", "like", "contains", "starts_with", "ends_with", "has", "list_contains")
ADDS = ("field", "measure", "phrase", "sequence", "segment", "formula", "group", "text")
ROW_ADDS = ("column", "time", "formula", "group", "text")


class Conditions:
    """The form of one expression about members of a subject.

    Parameters
    ----------
    fields
        What the verb of that name gives.
    changed
        Called with the expression after somebody filled in something.
    """

    def __init__(self, page: Page, fields: Mapping[str, Any], changed: Callable[[str], None]) -> None:
        self.page, self.changed = page, changed
        self.fields: list[Mapping[str, Any]] = list(fields["fields"])
        self.facts = {fact["name"]: list(fact["columns"]) for fact in fields["facts"]}
        #: Facts proper: the rows of neighbours have no time.
        self.timed = {name for name, columns in self.facts.items() if any(c["name"] == f"{name}.ts" for c in columns)}
        self.segments = {s["name"]: page.words(s["title"], s["name"]) for s in fields["segments"]}
        self.known: dict[str, Field] = {
            field["name"]: field for field in (*self.fields, *(c for f in self.facts.values() for c in f))
        }
        self.form = Group()
        self.picker = Picker(page)
        self.place = ui.element("div").classes("g-rows").props('id="conditions"')

    def read(self, text: str) -> None:
        """Show an expression as rows; where it cannot be read yet, say so and keep nothing."""
        try:
            self.form = forms.read(text) if text.strip() else Group()
        except InvalidExpression:
            self.place.clear()
            with self.place:
                ui.label(self.page.t("form.unread")).classes("g-about")
            return
        self.draw()

    def combine(self, how: str, segment: str) -> None:
        """Set a saved segment beside what is filled in."""
        self.form = forms.combine(self.form, how, segment)  # type: ignore[arg-type]
        self.draw()
        self.changed(forms.write(self.form))

    def draw(self) -> None:
        """Draw all rows anew."""
        self.place.clear()
        with self.place:
            self.group(self.form, self._put, top=True)

    def _put(self, form: Group) -> None:
        self.form = form
        self.changed(forms.write(form))

    def called(self, name: str, fact: str = "") -> str:
        """What people call a field."""
        field = self.field_of(name, fact)
        return title(self.page, field) if field is not None else name

    # -- groups ---------------------------------------------------------------------------------------

    def group(self, group: Group, put: Put, *, fact: str = "", top: bool = False) -> None:
        """Rows joined by and/or; `fact` is set where they are about a row of one."""
        t, rows, state = self.page.t, list(group.rows), {"group": group}

        def now(**given: Any) -> None:
            state["group"] = replace(state["group"], rows=tuple(rows), **given)
            put(state["group"])

        def setter(i: int) -> Put:
            def change(row: Row) -> None:
                rows[i] = row
                now()

            return change

        def remove(i: int) -> None:
            del rows[i]
            now()
            self.draw()

        def append(row: Row) -> None:
            rows.append(row)
            now()
            self.draw()

        if len(rows) > 1 or (not top and not fact):
            joins = ui.select({"and": t("form.all"), "or": t("form.any")}, value=group.joined)
            joins.props("dense borderless options-dense").classes("g-join")
            joins.on_value_change(lambda e: now(joined=e.value))
        for i, row in enumerate(rows):
            with ui.element("div").classes("g-row" + (" g-nest" if isinstance(row, Group) else "")):
                get = partial(rows.__getitem__, i)
                self._negation(row, get, setter(i))
                self._row(row, get, setter(i), fact)
                off = ui.button(icon="close", on_click=partial(remove, i), color=None).props("flat dense round size=sm")
                off.classes("g-off").props["aria-label"] = t("form.remove")
        if not rows and top:
            ui.label(t("form.none")).classes("g-about")
        self._adding(append, fact)

    def _adding(self, append: Callable[[Row], None], fact: str) -> None:
        t = self.page.t
        button = ui.button(t("form.add"), icon="add").props("outline dense no-caps size=sm").classes("g-btn g-add")
        with button, ui.menu():
            for kind in ROW_ADDS if fact else ADDS:
                if (kind == "segment" and not self.segments) or (kind == "measure" and not self.facts):
                    continue
                if kind in ("phrase", "sequence") and not self.timed:
                    continue
                ui.menu_item(t(f"form.add.{kind}"), on_click=lambda kind=kind: self._new(kind, append, fact))

    def _new(self, kind: str, append: Callable[[Row], None], fact: str) -> None:
        first = next(iter(self.facts), "")
        recent = Group("and", (Phrase("within", "", (90, "day")),)) if first in self.timed else Group()
        match kind:
            case "field" | "column":
                among = self.facts[fact] if kind == "column" and fact in self.facts else self.fields
                self.picker.open(among, lambda field: append(forms.usual(field["name"], field["kind"])))
            case "measure":
                append(Compare(Measure("count", first, "", recent), ">="))
            case "phrase":
                append(Phrase("exists_within", self._timed(first), (30, "day")))
            case "sequence":
                step = Step(self._timed(first))
                append(forms.Sequence("followed_by", (step, step), "", 7, "day"))
            case "segment":
                append(InSegment(next(iter(self.segments))))
            case "formula":
                formulas.choose(self, lambda what: append(formulas.begun(self, what, fact)), fact)
            case "group":
                append(Group("or"))
            case "time":
                append(Phrase("within", "", (30, "day")))
            case _:
                append(Text(""))

    def _behaviours(self, chosen: str) -> dict[str, str]:
        names = [name for name in self.facts if name in self.timed]
        return {name: self.page.named(name) for name in dict.fromkeys((*names, chosen))}

    def _timed(self, fact: str) -> str:
        return fact if fact in self.timed else next((name for name in self.facts if name in self.timed), fact)

    # -- rows -----------------------------------------------------------------------------------------

    def _negation(self, row: Row, get: Get, put: Put) -> None:
        """A switch that turns a row round; operators that have a `not` of their own need none."""
        if isinstance(row, Compare):
            return
        t = self.page.t
        # Off, a sign and no word: a word would be read as part of the sentence. Colours are those of the class.
        button = ui.button(t("form.not"), color=None) if row.negated else ui.button(icon="block", color=None)
        button.props(f"dense no-caps size=sm {'unelevated' if row.negated else 'flat'}")
        button.props["aria-label"] = t("form.not_about")
        button.classes("g-not" + (" on" if row.negated else "")).props["aria-pressed"] = str(row.negated).lower()
        button.tooltip(t("form.not_about"))

        def turn() -> None:
            put(replace(get(), negated=not row.negated))
            self.draw()

        button.on_click(turn)

    def _row(self, row: Row, get: Get, put: Put, fact: str) -> None:
        match row:
            case Group():
                with ui.element("div").classes("g-rows"):
                    self.group(row, put, fact=fact)
            case Compare():
                self._compare(row, get, put, fact)
            case InSegment():
                ui.label(self.page.t("form.in_segment")).classes("g-word")
                self.select(self.segments, row.segment, lambda v: put(replace(get(), segment=v)), "form.in_segment")
            case Phrase():
                self._phrase(row, get, put)
            case forms.Sequence():
                self._sequence(row, get, put)
            case Text():
                box = ui.input(value=row.text, placeholder=self.page.t("form.written"))
                box.props("outlined dense debounce=300").classes("g-mono g-grow")
                box.props["aria-label"] = self.page.t("form.written")
                box.on_value_change(lambda e: put(replace(get(), text=e.value or "")))

    def _compare(self, row: Compare, get: Get, put: Put, fact: str) -> None:
        def now(*, draw: bool = False, **given: Any) -> None:
            put(replace(get(), **given))
            if draw:
                self.draw()

        def refield(field: Mapping[str, Any]) -> None:
            put(forms.usual(field["name"], field["kind"]))
            self.draw()

        def refigure(what: Any, *, draw: bool = False) -> None:
            if not isinstance(what, forms.Formula) or what.function != get().what.function:
                put(formulas.begun(self, what, fact))
                self.draw()
            else:
                now(what=what, draw=draw)

        if isinstance(row.what, Measure):
            field: Mapping[str, Any] | None = self.measure(row.what, lambda: get().what, now)
        elif isinstance(row.what, Formula):
            field = {"kind": formulas.kind_of(self, row.what, fact), "values": []}
            formulas.formula(self, row.what, lambda: get().what, refigure, fact)
        else:
            field = self.field(row.what.name, fact, refield)
        chosen = Operator(row.operator, row.negated)
        kind: forms.Kind = field["kind"] if field is not None else _kind_of(row)
        offered = {o.key: o for o in forms.operators(kind, chosen)}
        words = {key: self._operator(key) for key in offered}

        def operator(key: str) -> None:
            o = offered[key]
            keep = o.operator not in forms.NO_VALUE and (o.operator == "between") == (row.operator == "between")
            other = get().other if o.operator in BOTH else None
            now(operator=o.operator, negated=o.negated, values=get().values if keep else (), other=other, draw=True)

        self.select(words, chosen.key, operator, "form.operator")
        values = field["values"] if field is not None else []
        if row.other is None:
            entries.values(self.page, row, kind, values, lambda given: now(values=given))
        formulas.beside(self, row, get, now, fact)
        if isinstance(row.what, Measure):
            formulas.where(self, row.what.where, lambda made: now(what=replace(get().what, where=made)), row.what.fact)

    def _operator(self, key: str) -> str:
        try:
            return self.page.t(f"form.op.{key}")
        except KeyError:
            return key

    def field_of(self, name: str, fact: str) -> Field | None:
        """The field that a name means, also where the fact or the subject is left out."""
        subject = self.fields[-1]["name"].split(".")[0] if self.fields else ""
        for full in (name, f"{fact}.{name}" if fact else f"{subject}.{name}"):
            if (found := self.known.get(full)) is not None:
                return found
        return None

    def field(
        self, name: str, fact: str, chosen: Callable[[Mapping[str, Any]], None], among: Sequence[Any] | None = None
    ) -> Field | None:
        field = self.field_of(name, fact)
        words = title(self.page, field) if field is not None else name or self.page.t("form.choose")
        options = among if among is not None else self.facts.get(fact, self.fields) if fact else self.fields
        button = ui.button(words, on_click=lambda: self.picker.open(options, chosen))
        button.props("outline dense no-caps icon-right=expand_more").classes("g-field").props["title"] = name
        return field

    def measure(self, what: Measure, get: Get, now: Callable[..., None]) -> Mapping[str, Any]:
        """The figure, the fact and its column; gives the kind of what comes out."""
        t = self.page.t
        facts = {name: self.page.named(name) for name in (*self.facts, what.fact)}
        figures = {
            name: t(f"form.measure.{name}") for name in FIGURES if name == what.function or self._fits(what, name)
        }

        def figure(name: str) -> None:
            wants = FIGURES[name]
            columns = [c for c in self.facts.get(what.fact, []) if wants in ("any", c["kind"])]
            known = self.field_of(what.column, what.fact)
            kept = what.column if known is not None and known in columns else ""
            column = (kept or columns[0]["name"]) if wants and columns else ""
            zero = what.zero and wants == "number"
            boolean = name in ("exists", "any", "all")
            change: dict[str, Any] = {"operator": "holds", "values": ()} if boolean else {}
            if what.function in ("exists", "any", "all") and not boolean:
                change = {"operator": ">=", "values": (), "negated": False}
            now(what=replace(get(), function=name, column=column, zero=zero), draw=True, **change)

        def fact(name: str) -> None:
            now(what=Measure("count", name), operator=">=", values=(), negated=False, draw=True)

        self.select(facts, what.fact, fact, "form.fact")
        self.select(figures, what.function, figure, "form.measure")
        field = None
        if what.column:
            among = [
                c for c in self.facts.get(what.fact, []) if FIGURES.get(what.function, "any") in ("any", c["kind"])
            ]
            field = self.field(
                what.column, what.fact, lambda f: now(what=replace(get(), column=f["name"]), draw=True), among or None
            )
        kind = (
            field["kind"]
            if field is not None and what.function in ("min", "max", "mode", "first", "last")
            else "number"
        )
        if what.function in ("exists", "any", "all"):
            kind = "boolean"
        if what.function in ("sum", "avg", "median") or what.zero:
            box = ui.checkbox(t("form.zero"), value=what.zero).props("dense size=sm")
            box.on_value_change(lambda e: now(what=replace(get(), zero=bool(e.value)), draw=True))
        return {"kind": kind, "values": field["values"] if field is not None and kind != "number" else []}

    def _fits(self, what: Measure, function: str) -> bool:
        wants = FIGURES[function]
        if function == "days_since":
            return what.fact in self.timed
        return not wants or any(wants in ("any", c["kind"]) for c in self.facts.get(what.fact, []))

    def _phrase(self, row: Phrase, get: Get, put: Put) -> None:
        t, about = self.page.t, bool(row.fact)
        if about:
            facts = {n: self.page.named(n) for n in (*self.facts, row.fact) if n in self.timed or n == row.fact}
            self.select(facts, row.fact, lambda v: again(fact=v), "form.fact")
        options = [name for name, spec in entries.PHRASES.items() if spec.about_fact == about]
        words = {name: t(f"form.phrase.{name}") for name in dict.fromkeys((*options, row.function))}

        def again(**given: Any) -> None:
            put(replace(get(), **given))
            self.draw()

        def function(name: str) -> None:
            again(function=name, values=entries.PHRASES[name].usual)

        self.select(words, row.function, function, "form.add.phrase" if about else "form.add.time")
        entries.phrase_values(self.page, row, lambda values: put(replace(get(), values=values)))
        if about:
            formulas.where(self, row.where, lambda made: put(replace(get(), where=made)), row.fact)

    def _sequence(self, row: forms.Sequence, get: Get, put: Put) -> None:
        t = self.page.t

        def now(*, draw: bool = False, **given: Any) -> None:
            put(replace(get(), **given))
            if draw:
                self.draw()

        def step(i: int, made: Step, *, draw: bool = False) -> None:
            steps = list(get().steps)
            steps[i] = made
            now(steps=tuple(steps), draw=draw)

        def turned(i: int, where: Group) -> None:
            step(i, replace(get().steps[i], where=where))

        def moved(i: int, fact: str) -> None:
            step(i, Step(fact), draw=True)

        def drop(i: int) -> None:
            now(steps=tuple(s for j, s in enumerate(get().steps) if j != i), draw=True)

        words = {name: t(f"form.sequence.{name}") for name in ("followed_by", "not_followed_by")}
        self.select(words, row.function, lambda v: now(function=v), "form.add.sequence")
        with ui.element("div").classes("g-rows g-filter"):
            for i, one in enumerate(row.steps):
                with ui.element("div").classes("g-row"):
                    ui.label(str(i + 1) if not i else t("form.then")).classes("g-word")
                    facts = {n: self.page.named(n) for n in (*self.facts, one.fact) if n in self.timed or n == one.fact}
                    self.select(facts, one.fact, partial(moved, i), "form.fact")
                    self.group(one.where, partial(turned, i), fact=one.fact)
                    if len(row.steps) > 2:
                        off = ui.button(icon="close", on_click=partial(drop, i), color=None).classes("g-off")
                        off.props("flat dense round size=sm").props["aria-label"] = t("form.remove")
            last = row.steps[-1].fact if row.steps else next(iter(self.facts), "")
            more = ui.button(t("form.step"), icon="add").props("outline dense no-caps size=sm").classes("g-btn g-add")
            more.on_click(lambda: now(steps=(*get().steps, Step(last)), draw=True))
        shared = {"": t("form.any_column")} | {name: self.page.named(name) for name in self._shared(row)}
        ui.label(t("form.same")).classes("g-word")
        self.select(shared, row.same, lambda v: now(same=v), "form.same")
        ui.label(t("form.span")).classes("g-word")
        entries.span(self.page, row.n, row.unit, lambda n, unit: now(n=n, unit=unit))

    def _shared(self, row: forms.Sequence) -> list[str]:
        """Columns that every step's fact has."""
        found = [{c["name"].partition(".")[2] for c in self.facts.get(step.fact, [])} - {"ts"} for step in row.steps]
        shared = sorted(name for name in set.intersection(*found) if "." not in name) if found else []
        return [*shared, *([row.same] if row.same and row.same not in shared else [])]

    def select(self, options: Mapping[str, str], value: str, change: Callable[[str], None], label: str) -> ui.select:
        known = dict(options) if value in options else {value: value, **options}
        found = ui.select(known, value=value).props("outlined dense options-dense").classes("g-pick")
        found.props["aria-label"] = self.page.t(label)
        found.on_value_change(lambda e: change(e.value))
        return found


def _kind_of(row: Compare) -> forms.Kind:
    """What a value of an unknown name is like, by the constants it is set beside."""
    if row.operator in ("holds", "is_true", "is_false"):
        return "boolean"
    return "text" if any(isinstance(value, str) for value in row.values) else "number"


def write_into(area: str, text: str) -> str:
    """Script that puts an expression into its box without any key being pressed."""
    return f"gongbiPut({json.dumps(area)}, {json.dumps(text)})"
