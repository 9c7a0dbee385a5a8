"""Boxes in which the constants of a condition are filled in: numbers, texts, listed values, days, stretches of time."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from nicegui import ui

from gongbi.catalog.forms import NO_VALUE, Compare, Field, Kind, Phrase, Value
from gongbi.console.frame import Page
from gongbi.core.clock import CALENDAR, PERIODS, ROLLING, WORKDAY

Given = Callable[[tuple[Value, ...]], None]


@dataclass(frozen=True, slots=True)
class Spec:
    """What a phrase asks for: ``n`` a whole number, ``unit``, ``rolling`` and ``period`` units, ``date`` a day."""

    asks: tuple[str, ...]
    usual: tuple[Value, ...]
    about_fact: bool = True


PHRASES = {
    "exists_within": Spec(("n", "unit"), (30, "day")),
    "stopped": Spec(("n", "unit"), (30, "day")),
    "first_time": Spec(("n", "unit"), (30, "day")),
    "regularly": Spec(("n", "n", "period"), (3, 4, "month")),
    "resurrected": Spec(("n", "n", "rolling"), (90, 30, "day")),
    "within": Spec(("n", "unit"), (30, "day"), False),
    "this": Spec(("period",), ("month",), False),
    "previous": Spec(("period",), ("month",), False),
    "last_year": Spec(("period", "yes"), ("month", True), False),
    "between_dates": Spec(("date", "date"), ("", ""), False),
    "since": Spec(("date",), ("",), False),
    "before": Spec(("date",), ("",), False),
}


def values(page: Page, row: Compare, kind: Kind, listed: Sequence[Any], given: Given) -> None:
    """The constants of a comparison."""
    if row.operator in NO_VALUE:
        return
    if row.operator == "between":
        state = [row.values[0] if row.values else None, row.values[1] if len(row.values) > 1 else None]

        def part(i: int, value: Value | None) -> None:
            state[i] = value
            given(tuple(v for v in state if v is not None) if None not in state else ())

        for i, key in enumerate(("form.from", "form.to")):
            one(state[i], kind, page.t(key), partial(part, i))
    elif row.operator == "in" or (listed and kind in ("category", "levels")):
        _several(page, row, kind, listed, given)
    else:
        first = row.values[0] if row.values else None
        one(first, kind, page.t("form.value"), lambda value: given(() if value is None else (value,)))


def one(value: Value | None, kind: Kind, label: str, given: Callable[[Value | None], None]) -> None:
    """A box for one constant; None is given while it holds none."""
    box = ui.input(value="" if value is None else _shown(value)).props("outlined dense debounce=250 hide-bottom-space")
    box.classes("g-value").props["aria-label"] = label
    box.props["placeholder"] = label
    if kind == "date":
        box.props("type=date")
    if kind == "number":
        box.props("inputmode=decimal")

    def change(text: str) -> None:
        found = read_value(text, kind)
        box.classes(add="bad" if text.strip() and found is None else "", remove="" if found is None else "bad")
        given(found)

    box.on_value_change(lambda e: change(e.value or ""))


def tag_of(what: object) -> str:
    """The tag, or the attribute as it is spelled, that a condition compares; empty where it compares something else."""
    return what.name.removeprefix("tag.") if isinstance(what, Field) else ""


def _several(page: Page, row: Compare, kind: Kind, listed: Sequence[Any], given: Given) -> None:
    many = row.operator == "in"
    chosen = [_shown(value) for value in row.values]
    tag = {"tag": tag_of(row.what)}
    options = {name: page.value(tag, name) for name in dict.fromkeys([*map(str, listed), *chosen])}
    # A value that nobody has yet may be typed as well.
    box = ui.select(
        options,
        value=chosen if many else (chosen[0] if chosen else None),
        multiple=many,
        with_input=True,
        new_value_mode="add-unique",
        key_generator=str,
    )
    box.props("outlined dense options-dense hide-bottom-space" + (" use-chips" if many else ""))
    box.classes("g-value g-list").props["aria-label"] = page.t("form.value")

    def change(value: Any) -> None:
        texts = value if isinstance(value, list) else [] if value is None else [value]
        found = [read_value(str(text), kind) for text in texts]
        given(tuple(one for one in found if one is not None))

    box.on_value_change(lambda e: change(e.value))


def phrase_values(page: Page, row: Phrase, given: Given) -> None:
    """The constants of a phrase, each in its box."""
    spec = PHRASES.get(row.function)
    asks = list(spec.asks if spec is not None else ())[: len(row.values)]
    asks += ["n" if isinstance(value, int) else "text" for value in row.values[len(asks) :]]
    state = list(row.values)

    def put(i: int, value: Value) -> None:
        state[i] = value
        given(tuple(state))

    for i, ask in enumerate(asks):
        if ask == "yes":
            mark = ui.checkbox(page.t("form.so_far"), value=bool(state[i])).props("dense size=sm")
            mark.on_value_change(lambda e, i=i: put(i, bool(e.value)))
        elif ask == "n":
            _number(page, state[i], partial(put, i))
        elif ask in ("unit", "rolling", "period"):
            unit(page, str(state[i]), ask, partial(put, i))
        else:
            box = ui.input(value=_shown(state[i])).props("outlined dense debounce=250")
            box.props("type=date" if ask == "date" else "").classes("g-value").props["aria-label"] = page.t(
                "form.value"
            )
            box.on_value_change(lambda e, i=i: put(i, e.value or ""))


def _number(page: Page, value: Value, put: Callable[[int], None]) -> None:
    box = ui.number(value=int(value) if isinstance(value, int) else None, min=0, precision=0)
    box.props("outlined dense debounce=250").classes("g-small").props["aria-label"] = page.t("form.value")
    box.on_value_change(lambda e: put(int(e.value)) if e.value is not None else None)


def unit(page: Page, value: str, ask: str, put: Callable[[str], None]) -> None:
    """A unit of time, or a period of the calendar."""
    if ask == "period":
        options = {period: page.t(f"maker.unit.calendar_{period}") for period in PERIODS}
    else:
        options = {
            one: page.t(f"maker.unit.{one}") for one in (*ROLLING, *(() if ask == "rolling" else (*CALENDAR, WORKDAY)))
        }
    box = ui.select(options | ({} if value in options else {value: value}), value=value)
    box.props("outlined dense options-dense").classes("g-pick").props["aria-label"] = page.t("maker.unit")
    box.on_value_change(lambda e: put(e.value))


def span(page: Page, n: int, value: str, put: Callable[[int, str], None]) -> None:
    """The time from a first step to a last; no number is any time."""
    state: dict[str, Any] = {"n": n, "unit": value}

    def change(**given: Any) -> None:
        state.update(given)
        put(state["n"], state["unit"])

    box = ui.number(value=n or None, min=0, precision=0, placeholder=page.t("form.any_time"))
    box.props("outlined dense debounce=250").classes("g-small").props["aria-label"] = page.t("form.span")
    box.on_value_change(lambda e: change(n=int(e.value or 0)))
    unit(page, value, "rolling", lambda one: change(unit=one))


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")


def read_value(text: str, kind: Kind) -> Value | None:
    """What was typed as a constant of a kind; None where it is none, or nothing."""
    text = text.strip()
    if kind != "number":
        return text or None
    text = text.translate(_HALF).replace(",", "").replace("，", "")
    if _INTEGER.fullmatch(text):
        return int(text)
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number) < 10**18 else None


_HALF = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
