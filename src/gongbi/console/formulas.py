"""Values that are worked out, as rows of a form: functions with their arguments, and a value beside another value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from nicegui import ui

from gongbi.catalog import forms
from gongbi.catalog.forms import Argument, Compare, Field, Formula, Group, Kind, Measure, Operand
from gongbi.console import entries
from gongbi.console.texts import TEXTS
from gongbi.core.clock import CALENDAR, PERIODS, ROLLING, WORKDAY
from gongbi.core.functions import CATALOGUE

if TYPE_CHECKING:
    from gongbi.console.conditions import Conditions
    from gongbi.console.frame import Page

Get = Callable[[], Any]
#: Puts another in the place of a value; tells whether the form has to be drawn anew.
Put = Callable[..., None]
#: Functions that say yes or no, whose type is told by what they are given.
YES_NO = ("in_random_share", "has", "has_any", "has_all", "overlaps", "within_m", "in_area")
UNITS = (*ROLLING, *CALENDAR, WORKDAY, *PERIODS)


def called(page: Page, function: str) -> str:
    """What people call a function; its name where it has no words."""
    return page.t(f"form.fn.{function}") if f"form.fn.{function}" in TEXTS else function


def kind_of(c: Conditions, what: Operand, fact: str = "") -> Kind:
    """What comes out: of a function that gives what it is given, as its first argument."""
    if isinstance(what, Measure):
        return "boolean" if what.function in ("exists", "any", "all") else "number"
    if isinstance(what, Field):
        field = c.field_of(what.name, fact)
        return field["kind"] if field is not None else "text"
    entry = CATALOGUE.get(what.function)
    if entry is not None and not callable(entry.returns):
        return forms.kind_of(str(entry.returns))
    if what.function in YES_NO:
        return "boolean"
    if what.function in ("list", "top_k", "list_of", "split"):
        return "list"
    if what.function in ("score", "ntile", "share_of_total", "share_in", "list_length", "top_share", *"+-*/"):
        return "number"
    first = what.arguments[0] if what.arguments else 0
    if isinstance(first, Field | Measure | Formula):
        return kind_of(c, first, fact)
    return "text" if isinstance(first, str) else "number"


def fact_of(c: Conditions, what: object) -> str:
    """The fact whose rows a value is about; empty where it is about none."""
    if isinstance(what, Measure):
        return what.fact
    if isinstance(what, Field):
        parts = what.name.split(".")
        heads = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
        if found := next((head for head in heads if head in c.facts), ""):
            return found
        # A column by its own name alone.
        alone = len(parts) == 1 and c.field_of(what.name, "") is None
        return next((fact for fact in c.facts if f"{fact}.{what.name}" in c.known), "") if alone else ""
    if isinstance(what, Compare):
        return fact_of(c, what.what)
    below: tuple[object, ...] = what.arguments if isinstance(what, Formula) else ()
    below = what.rows if isinstance(what, Group) else below
    return next((found for part in below if (found := fact_of(c, part))), "")


def formula(c: Conditions, what: Formula, get: Get, put: Put, fact: str) -> None:
    """A function: its name, its arguments, and of which rows it is."""
    about = fact_of(c, what) or fact
    if what.function in "+-*/":
        _argument(c, what, 0, get, put, about)
        _named(c, what, put, about)
        _argument(c, what, 1, get, put, about)
        return
    _named(c, what, put, about)
    for i in range(len(what.arguments)):
        _argument(c, what, i, get, put, about)
    entry = CATALOGUE.get(what.function)
    if what.where.rows or (entry is not None and entry.kind == "aggregate"):
        where(c, what.where, lambda made: put(replace(get(), where=made)), about)


def where(c: Conditions, group: Group, put: Callable[[Any], None], fact: str) -> None:
    """Which rows count."""
    with ui.element("div").classes("g-rows g-filter"):
        ui.label(c.page.t("form.where")).classes("g-said")
        c.group(group, put, fact=fact)


def _named(c: Conditions, what: Formula, put: Put, fact: str) -> None:
    entry = CATALOGUE.get(what.function)
    button = ui.button(called(c.page, what.function), on_click=lambda: choose(c, partial(put, draw=True), fact))
    button.props("outline dense no-caps icon=functions").classes("g-field g-function")
    if entry is not None:
        button.tooltip(f"{entry.signature} · {entry.zh if c.page.language == 'zh' else entry.en}")


def choose(c: Conditions, done: Callable[[Formula], object], fact: str = "") -> None:
    """Ask which function is meant; gives it with arguments to begin with."""
    fact = fact if fact in c.facts else next(iter(c.facts), "")
    numbers = [one["name"] for one in c.facts.get(fact, ()) if one["kind"] == "number"]
    field = c.fields[0]["name"] if c.fields else ""

    def take(chosen: Mapping[str, Any]) -> None:
        done(forms.usual_formula(chosen["name"], fact, numbers[0] if numbers else "", field))

    c.picker.open(list(_offered()), take)


def _offered() -> Iterator[dict[str, Any]]:
    for group, names in forms.FORMULAS.items():
        zh, en = TEXTS[f"form.formulas.{group}"]
        for name in names:
            texts = TEXTS[f"form.fn.{name}"]
            title = {"zh": f"{zh} · {texts[0]}", "en": f"{en} · {texts[1]}"}
            yield {"name": name, "group": "tag", "title": title, "kind": "", "values": [], "category": ""}


def _argument(c: Conditions, what: Formula, i: int, get: Get, put: Put, fact: str) -> None:
    def now() -> Argument:
        found: Argument = get().arguments[i]
        return found

    def change(one: Argument, *, draw: bool = False) -> None:
        arguments = list(get().arguments)
        arguments[i] = one
        put(replace(get(), arguments=tuple(arguments)), draw=draw)

    one = what.arguments[i]
    if isinstance(one, Group):
        with ui.element("div").classes("g-rows g-filter"):
            c.group(one, change, fact=fact)
    elif isinstance(one, Field | Measure | Formula):
        operand(c, one, now, change, fact, constants=True)
    else:
        _constant(c, one, change, day=what.function == "value_at")
        _other(c, change, fact, constants=False)


def operand(c: Conditions, what: Operand, get: Get, put: Put, fact: str, *, constants: bool = False) -> None:
    """A value of any kind, and what may stand in its place."""
    with ui.element("div").classes("g-part" if not isinstance(what, Field) else "g-inline"):
        if isinstance(what, Formula):
            formula(c, what, get, put, fact)
        elif isinstance(what, Measure):
            c.measure(what, get, lambda *, what, draw=False, **_: put(what, draw=draw))
            where(c, what.where, lambda made: put(replace(get(), where=made)), what.fact)
        elif what.name in c.facts:
            facts = {name: c.page.named(name) for name in c.facts}
            c.select(facts, what.name, lambda name: put(Field(name)), "form.fact")
        else:
            c.field(what.name, fact, lambda field: put(Field(field["name"]), draw=True))
        _other(c, put, fact, constants=constants)


def _other(c: Conditions, put: Put, fact: str, *, constants: bool) -> None:
    """What may stand in the place of a value."""
    t = c.page.t
    button = ui.button(icon="more_vert").props("flat dense round size=sm")
    button.props["aria-label"] = t("form.instead")
    with button, ui.menu():
        among = c.facts.get(fact, c.fields) if fact else c.fields
        ui.menu_item(
            t("form.add.column" if fact else "form.add.field"),
            on_click=lambda: c.picker.open(among, lambda field: put(Field(field["name"]), draw=True)),
        )
        if c.facts:
            first = fact if fact in c.facts else next(iter(c.facts))
            ui.menu_item(t("form.add.measure"), on_click=lambda: put(Measure("count", first), draw=True))
        ui.menu_item(t("form.add.formula"), on_click=lambda: choose(c, partial(put, draw=True), fact))
        if constants:
            ui.menu_item(t("form.value"), on_click=lambda: put(0, draw=True))


def _constant(c: Conditions, value: Any, put: Put, *, day: bool) -> None:
    if isinstance(value, bool):
        box = ui.checkbox(value=value).props("dense size=sm")
        box.on_value_change(lambda e: put(bool(e.value)))
    elif isinstance(value, str) and value in UNITS:
        entries.unit(c.page, value, "period" if value in PERIODS and value not in ROLLING else "unit", put)
    else:
        kind: Kind = "number" if isinstance(value, int | Decimal | float) else "date" if day else "text"
        entries.one(value, kind, c.page.t("form.value"), lambda found: put("" if found is None else found))


def beside(c: Conditions, row: Compare, get: Get, now: Callable[..., None], fact: str) -> None:
    """The other side of a comparison where it is a value; and the button that turns one into the other."""
    t = c.page.t
    if row.other is not None:
        operand(c, row.other, lambda: get().other, lambda what, *, draw=False: now(other=what, draw=draw), fact)
    if row.operator in ("holds", "between", "in", *forms.NO_VALUE):
        return
    to = "form.constant" if row.other is not None else "form.other"
    button = ui.button(icon="swap_horiz").props("flat dense round size=sm").tooltip(t(to))
    button.props["aria-label"] = t(to)

    def turn() -> None:
        other = None if get().other is not None else get().what
        now(other=other, values=(), draw=True)

    button.on_click(turn)


def begun(c: Conditions, what: Operand, fact: str) -> Compare:
    """A new row about a value, its constants still to be filled in."""
    return forms.usual(what, kind_of(c, what, fact))


def said(c: Conditions, what: Argument, group: Callable[[Group], str], value: Callable[[Operand], str]) -> str:
    """A function and its arguments in words."""
    if isinstance(what, Group):
        return group(what)
    if not isinstance(what, Formula):
        return value(what) if isinstance(what, Field | Measure) else str(c.page.format.value(what))
    parts = [said(c, one, group, value) for one in what.arguments]
    rows = f" ({group(what.where)})" if what.where.rows else ""
    if what.function in "+-*/" and len(parts) == 2:
        return f"({parts[0]} {what.function} {parts[1]})"
    comma = "、" if c.page.language == "zh" else ", "
    return f"{called(c.page, what.function)}({comma.join(parts)}){rows}"
