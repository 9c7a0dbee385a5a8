"""The yearly report to a customer: their own figures, and what share of the others has less."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gongbi.catalog.portraits import YearbookDef
from gongbi.errors import InvalidInput, NotYet, UnknownName
from gongbi.portraits import yearbook as drawing
from gongbi.portraits.printing import write_page, yearbook_page
from gongbi.services import customers
from gongbi.services.context import Context
from gongbi.services.files import check_writable

LANGUAGES = ("zh", "en")


def yearbooks(ctx: Context) -> list[dict[str, Any]]:
    """Every yearbook with its words."""
    return [
        {"yearbook": one.yearbook, "name": one.name.to_json(), "subject": one.subject, "about": one.about.to_json()}
        for one in ctx.catalog().yearbooks.values()
    ]


def yearbook(ctx: Context, id: Any, year: int, name: str | None = None) -> dict[str, Any]:  # noqa: A002
    """One customer's year.

    Parameters
    ----------
    id
        The customer: an id, or an identifier.
    name
        The yearbook; needed where several are defined.

    Returns
    -------
    dict
        ``title``, ``greeting``, ``figures`` (each with ``value``, its sentence in ``words``, ``less``: the share of
        the others who have less, None where it is not compared or fewer than twenty are), ``charts`` (12 ``values``),
        ``streak``, ``empty`` (nothing happened that year) and ``whole`` (the year is over).

    Raises
    ------
    InvalidInput
        The year has not begun.
    """
    catalog, dialect = ctx.catalog(), ctx.engine.dialect
    book = _book(ctx, name)
    if not 1970 <= year <= 9998:
        raise InvalidInput(f"{year} is no year of which there could be a report.")
    member = customers.resolve(ctx, id, book.subject)
    period, now = drawing.year_of(year, ctx.zone), ctx.as_of(None)
    assert period.start is not None
    assert period.end is not None
    if period.start >= now:
        raise InvalidInput(f"The year {year} has not begun.", hint="Give a year that the data know.")
    ctx.progress("figures of the year", 0, 3)
    mine = ctx.engine.query(drawing.figures_plan(book, member, period, catalog.world, dialect)).to_pylist()
    found: dict[str, Any] = {
        "yearbook": book.yearbook,
        "subject": book.subject,
        "id": member,
        "year": year,
        "whole": period.end <= now,
        "title": _in_year(book.title.to_json(), year),
        "greeting": _in_year(book.greeting.to_json(), year),
        "empty": not mine,
        "figures": [],
        "charts": [],
        "streak": None,
    }
    if not mine:
        return found
    found["figures"] = _figures(book, mine[0])
    if book.charts:
        ctx.progress("charts of the year", 1, 3)
        plan = drawing.months_plan(book, member, year, catalog.world, ctx.zone, dialect)
        (row,) = ctx.engine.query(plan).to_pylist()
        for i, chart in enumerate(book.charts):
            values = [float(row[f"c{i}_{month}"] or 0) for month in range(1, 13)]
            found["charts"].append(
                {"chart": chart.chart, "name": chart.name.to_json(), "unit": chart.unit, "values": values}
            )
    if book.streak is not None:
        ctx.progress("days of the year", 2, 3)
        plan = drawing.days_plan(book, member, period, catalog.world, ctx.zone, dialect)
        run = drawing.longest_run(ctx.engine.query(plan)["day"].to_pylist(), book.streak)
        if run is not None:
            first, last = run[1].isoformat(), run[2].isoformat()
            words = drawing.streak_words(run, book.streak)
            found["streak"] = {"length": run[0], "unit": book.streak, "first": first, "last": last, "words": words}
    return found


def print_yearbook(
    ctx: Context,
    id: Any,  # noqa: A002
    year: int,
    to: str,
    *,
    name: str | None = None,
    language: str = "zh",
    overwrite: bool = False,
) -> dict[str, Any]:
    """Write one customer's year as a page to print (.html) or as .pdf; that goes on record.

    Returns
    -------
    dict
        ``path``, ``year``, ``empty``, ``sha256``.
    """
    if language not in LANGUAGES:
        raise UnknownName("language", language, LANGUAGES)
    path = Path(to).expanduser()
    check_writable(path, (".html", ".pdf"), overwrite=overwrite)
    found = yearbook(ctx, id, year, name)
    digest = write_page(yearbook_page(found, language), path)
    what = f"{found['subject']} {found['id']}"
    details = {"year": year, "path": str(path), "sha256": digest}
    ctx.store.audit.append(actor=ctx.actor, action="print_yearbook", object=what, now=ctx.now(), details=details)
    return {"path": str(path), "year": year, "empty": found["empty"], "sha256": digest}


def _book(ctx: Context, name: str | None) -> YearbookDef:
    known = ctx.catalog().yearbooks
    if name is not None:
        return ctx.catalog().yearbook(name)
    if not known:
        raise NotYet("No yearbook is defined.", hint="Write one under definitions/yearbooks and run `gongbi apply`.")
    if len(known) > 1:
        raise InvalidInput("There are several yearbooks.", hint=f"Name one: {', '.join(sorted(known))}.")
    return next(iter(known.values()))


def _in_year(words: dict[str, str], year: int) -> dict[str, str]:
    return {language: text.replace("{year}", str(year)) for language, text in words.items()}


def _figures(book: YearbookDef, row: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for i, figure in enumerate(book.figures):
        value = row[f"f{i}"]
        if value is None:
            continue
        less = row.get(f"less{i}") if row["members"] > drawing.FEWEST_OTHERS else None
        words, beside = {}, {}
        for language in LANGUAGES:
            text = figure.words.in_(language)
            words[language] = text.replace("{value}", drawing.told(value, figure.unit, language))
            beside[language] = drawing.compared(less, language) if less is not None else ""
        found.append(
            {
                "figure": figure.figure,
                "value": value,
                "unit": figure.unit,
                "words": words,
                "less": less,
                "compared": beside,
            }
        )
    return found
