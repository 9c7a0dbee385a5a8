"""Lists: groups whose members were handed in or fixed once, as a segment that expressions can name. Pure."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gongbi.catalog.base import SegmentDef, Words
from gongbi.core.types import BOOLEAN, Type
from gongbi.errors import InvalidInput, UnknownName

#: What a setting is called that holds a list's versions, and how its tag and its tables begin.
SETTING, TAG, TABLE = "list ", "list.", "list_"
#: Column of a list's table that is true of every member.
MEMBER = "member"
#: Values of one list.
MOST = 1_000_000


@dataclass(frozen=True, slots=True)
class ListDef:
    """One version of a list.

    Attributes
    ----------
    table
        The engine's table of members, one row each: `id`, `member`.
    """

    name: str
    subject: str
    table: str
    title: Words
    owner: str
    about: Words

    @property
    def tag(self) -> str:
        """The tag that is true of its members."""
        return TAG + self.name

    def segment(self) -> SegmentDef:
        """The segment by which expressions name the list."""
        expr = f"tag.{self.tag} is true"
        return SegmentDef(
            self.name, expr, self.title, self.subject, owner=self.owner, refresh="manual", about=self.about
        )


def list_of(setting: str, value: Mapping[str, Any]) -> ListDef:
    """The newest version of a list, from the setting that holds it."""
    newest = value["versions"][-1]
    return ListDef(
        setting.removeprefix(SETTING),
        newest["subject"],
        newest["table"],
        Words(**newest["title"]),
        newest["actor"],
        Words(newest["why"], newest["why"]),
    )


def list_tags(lists: Iterable[ListDef]) -> dict[tuple[str, str], Type]:
    """(subject, tag) → type, of all lists."""
    return {(one.subject, one.tag): BOOLEAN for one in lists}


# -- what people hand in ------------------------------------------------------------------------------

_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060\ufeff]")
_LOOSE = re.compile(r"[\s\-().·•]")
_MOBILE = re.compile(r"(?:\+?86|0086)?(1[0-9]{10})")
#: A sign and a decimal point belong to a number; what is written so is no phone with gaps.
_NUMBER = re.compile(r"-[0-9]+|-?[0-9]+\.[0-9]{1,2}")
_WHOLE = re.compile(r"([0-9]+)\.0+")
_SEPARATORS = re.compile(r"[\n\r\t,;，；、]+")


def normal(value: str) -> str:
    """A value without what people write differently: blanks, hyphens, the country's 86, full-width digits, case.

    Two values with one normal form are one identifier.
    """
    text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", value)).strip().strip("'\"")
    tight = _LOOSE.sub("", text)
    if found := _MOBILE.fullmatch(tight):
        return found[1]
    # A workbook writes numbers with a point.
    if found := _WHOLE.fullmatch(text):
        return found[1]
    return text.casefold() if "@" in text or _NUMBER.fullmatch(text) else tight.casefold()


def spellings(value: str) -> list[str]:
    """How the same identifier may stand in a source: the value itself, its normal form, usual ways to write a phone."""
    text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", value)).strip()
    core = normal(value)
    found = [value, text, core, text.casefold(), *([] if _NUMBER.fullmatch(text) else [_LOOSE.sub("", text)])]
    if _MOBILE.fullmatch(core):
        grouped = [f"{core[:3]}{gap}{core[3:7]}{gap}{core[7:]}" for gap in (" ", "-")]
        found += [
            *grouped,
            *(f"{prefix}{one}" for prefix in ("+86", "86", "0086", "+86 ", "+86-") for one in (core, *grouped)),
        ]
    return list(dict.fromkeys(found))


def pasted(text: str) -> list[str]:
    """The values of a text: one a line, or apart by commas, semicolons or tabs; empty ones are left out."""
    return [part.strip() for part in _SEPARATORS.split(text) if part.strip()]


def column_of(rows: Sequence[Sequence[Any]], wanted: str | None, identifier: str | None) -> list[str]:
    """The values of one column of a table.

    Parameters
    ----------
    rows
        With or without a heading.
    wanted
        The column's name, or its number from 1; the likely one otherwise, see `likely_column`.
    """
    rows = _filled(rows)
    if not rows:
        return []
    names = columns_of(rows)
    if wanted is None:
        wanted = str(likely_column(rows, identifier))
    places = {name.casefold(): i for i, name in reversed(list(enumerate(names)))}
    if wanted.casefold() in places:
        place = places[wanted.casefold()]
    elif wanted.isdecimal() and 1 <= int(wanted) <= len(names):
        place = int(wanted) - 1
    else:
        raise UnknownName("column", wanted, names)
    return _values(rows, place)


def columns_of(rows: Sequence[Sequence[Any]]) -> list[str]:
    """What the columns of a table are called: the words above them, or their numbers from 1 where there are none."""
    rows = _filled(rows)
    width = max((len(row) for row in rows), default=0)
    words = [_cell(cell) for cell in rows[0]] if rows and _headed(rows) else []
    words += [""] * (width - len(words))
    return [word or str(i) for i, word in enumerate(words, start=1)]


def likely_column(rows: Sequence[Sequence[Any]], identifier: str | None) -> int:
    """The number from 1 of the column that holds the identifiers, most likely.

    The one that is called like the identifier. Otherwise the one whose different values are longest taken together, of
    those where most cells look like identifiers: a phone has more digits than an age and more values than a day.
    """
    rows = _filled(rows)
    names = columns_of(rows)
    for number, name in enumerate(names, start=1):
        if identifier is not None and name.casefold() == identifier.casefold():
            return number
    weights = []
    for place in range(len(names)):
        values = _values(rows, place)
        like = sum(map(_looks_like_a_value, values)) * 2 > len(values)
        weights.append(sum(map(len, set(values))) if like else 0)
    return weights.index(max(weights)) + 1 if weights else 1


def _filled(rows: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
    return [row for row in rows if any(str(cell).strip() for cell in row if cell is not None)]


def _headed(rows: Sequence[Sequence[Any]]) -> bool:
    # Identifiers have digits or an @; words above them have neither.
    return not any(_looks_like_a_value(_cell(cell)) for cell in rows[0])


def _values(rows: Sequence[Sequence[Any]], place: int) -> list[str]:
    cells = (row[place] for row in rows[1 if _headed(rows) else 0 :] if place < len(row))
    return [text for cell in cells if (text := _cell(cell))]


def _looks_like_a_value(cell: str) -> bool:
    return "@" in cell or sum(letter.isdigit() for letter in cell) >= 1


def _cell(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53:
        return str(int(cell))
    return "" if cell is None else str(cell).strip()


def table_of_text(body: bytes) -> list[list[str]]:
    """Rows of a file of text: UTF-8 or GB 18030, comma, semicolon or tab between the columns.

    Raises
    ------
    InvalidInput
        It is no text.
    """
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = body.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" in text:
            break
        first = next(iter(text.splitlines()), "")
        delimiter = max(",;\t", key=first.count)
        return [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if row]
    raise InvalidInput("The file is neither text nor a workbook.", hint="Give a .csv, .txt or .xlsx file.")


def numbered(values: Iterable[str]) -> Iterator[tuple[int, str, str]]:
    """(place from 1, value as it was given, its normal form)."""
    for place, value in enumerate(values, start=1):
        yield place, value, normal(value)
