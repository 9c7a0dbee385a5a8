"""Chinese workdays and the Spring Festival: facts of the calendar, as tables that an expression can look into.

Workdays are Monday to Friday without the days off of public holidays, and with the weekend days that are worked in
their stead, as the State Council's yearly notices fix them. They come from the package `chinesecalendar`, which knows
whole years; a newer release of it knows more of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

#: New Year's Day of the lunar calendar, month and day, for the years from `FIRST_FESTIVAL` on. It is the day of the
#: second new moon after the winter solstice (the third where a leap month comes between) in China's time; the tests
#: work the moons out.
FIRST_FESTIVAL = 1990
_FESTIVALS = """
0127 0215 0204 0123 0210 0131 0219 0207 0128 0216
0205 0124 0212 0201 0122 0209 0129 0218 0207 0126
0214 0203 0123 0210 0131 0219 0208 0128 0216 0205
0125 0212 0201 0122 0210 0129 0217 0206 0126 0213
0203 0123 0211 0131 0219 0208 0128 0215 0204 0124
0212 0201 0122 0210 0130 0217 0206 0126 0214 0202
0123
"""


def spring_festivals() -> tuple[date, ...]:
    """The days of the Spring Festival, one a year from `FIRST_FESTIVAL` on."""
    found = enumerate(_FESTIVALS.split(), FIRST_FESTIVAL)
    return tuple(date(year, int(text[:2]), int(text[2:])) for year, text in found)


@dataclass(frozen=True, slots=True)
class Workdays:
    """Which days are worked, from the first day of a year to the last day of another.

    Attributes
    ----------
    monday
        The Monday of the week that holds the first day.
    weeks
        One number a week: how many workdays there were before it, times 128, plus a bit for each of its workdays,
        Monday the lowest.
    days
        The workdays in order, in days after `monday`.
    holidays
        Days off of public holidays, weekends among them included, in days after `monday`, as spans (first, last).
    """

    first: date
    last: date
    monday: date
    weeks: tuple[int, ...]
    days: tuple[int, ...]
    holidays: tuple[tuple[int, int], ...]


@cache
def workdays() -> Workdays:
    """The table of workdays; read once, when an expression first asks for it."""
    from chinese_calendar import constants

    off, worked = set(constants.holidays), set(constants.workdays)
    first, last = date(min(off).year, 1, 1), date(max(off).year, 12, 31)
    monday = first - timedelta(days=first.weekday())
    weeks: list[int] = []
    days: list[int] = []
    for week in range((last - monday).days // 7 + 1):
        before, bits = len(days), 0
        for weekday in range(7):
            day = monday + timedelta(days=7 * week + weekday)
            if first <= day <= last and (day in worked or (weekday < 5 and day not in off)):
                bits |= 1 << weekday
                days.append(7 * week + weekday)
        weeks.append(before * 128 + bits)
    spans: list[tuple[int, int]] = []
    for day in sorted((day - monday).days for day in off):
        if spans and spans[-1][1] == day - 1:
            spans[-1] = (spans[-1][0], day)
        else:
            spans.append((day, day))
    return Workdays(first, last, monday, tuple(weeks), tuple(days), tuple(spans))
