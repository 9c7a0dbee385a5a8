"""A stranger's file as a frame, and its columns as what a kind needs: numbers, instants, yes or no."""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gongbi.catalog.base import Origin, Words
from gongbi.errors import InvalidInput, UnknownName
from gongbi.estimators.checks import FloatArray
from gongbi.models.evaluation.base import Request
from gongbi.sources.base import UnreadableSource
from gongbi.sources.readers import find

#: Texts that stand for "absent" in any column, and those that do so in a column of numbers or times too.
ABSENT = ("", "na", "n/a", "#n/a", "nan", "null", "nil", "\\n", "?", "缺失")
ABSENT_NUMBER = (*ABSENT, "-", "--", "none", "unknown", "未知", "无", ".", "inf", "-inf")
#: Share of the values present that must read as numbers (or times) for the column to be one.
ENOUGH = 0.98
YES: tuple[str, ...] = (
    "yes",
    "y",
    "true",
    "t",
    "1",
    "1.0",
    "是",
    "有",
    "churned",
    "churn",
    "left",
    "lost",
    "bought",
    "buy",
    "purchased",
)
YES += ("purchase", "converted", "responded", "click", "clicked", "subscribed", "default", "bad", "positive", "pos")
YES += (
    "流失",
    "已流失",
    "购买",
    "已购买",
    "响应",
    "违约",
    "success",
    "treated",
    "treatment",
    "exited",
    "attrited customer",
)
NO: tuple[str, ...] = (
    "no",
    "n",
    "false",
    "f",
    "0",
    "0.0",
    "-1",
    "否",
    "无",
    "stayed",
    "retained",
    "active",
    "existing customer",
    "未流失",
)
#: Days from this number on (1982) are those of a spreadsheet, which has 1970-01-01 for day 25,569.
SHEET_DAYS, SHEET_EPOCH = 30_000, 25_569
_TEXTS = (".csv", ".tsv", ".txt", ".data", ".dat")
_NUMBER = re.compile(r"[+-]?[$¥￥€£]?\s*[+-]?(\d{1,3}(,\d{3})+|\d+)?(\.\d*)?([eE][+-]?\d+)?\s*%?")
_CODE = re.compile(r"0\d+")
_EARLY_YEAR = re.compile(r"^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(.*)$")
_LATE_YEAR = re.compile(r"^(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})(.*)$")
_TIME = re.compile(r"\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?([T ].*)?|\d{1,2}[/.-]\d{1,2}[/.-]\d{4}([T ].*)?")


def read_frame(path: Path, *, sheet: str | None = None) -> tuple[Any, tuple[Words, ...]]:
    """Read a CSV, TSV, JSON lines, Parquet or Excel file.

    Returns
    -------
    frame : pandas.DataFrame
        Columns of float64, datetime64[us] or object (texts and None).
    notes
        What was guessed: columns read as numbers although a few values are not, lines left out.

    Raises
    ------
    UnreadableSource
        There is no such file, or it cannot be read.
    """
    import pandas as pd

    if not path.is_file():
        raise UnreadableSource(
            "missing_file", str(path), f"There is no file {str(path)!r}.", hint="A path begins where the command runs."
        )
    try:
        parts, bad, typed = _opened(path, sheet)
    except UnreadableSource as error:
        if error.trouble == "empty" or (sheet is None and error.trouble == "unreadable"):
            # Hints of sources speak of loads and definitions, of which there are none here.
            error.hint = "CSV, TSV, JSON lines, Parquet and Excel are read."
        elif error.trouble == "wrong_encoding":
            error.hint = "Texts are read as UTF-8, or else as GBK: save the file as one of them."
        raise
    notes = []
    if bad:
        first = f"{bad[0].row}"
        notes.append(
            Words(
                f"略过 {len(bad)} 行：列数与表头不符（首见第 {first} 行）。",
                f"{len(bad)} lines were left out: they do not fit the header (first: line {first}).",
            )
        )
    columns: dict[str, Any] = {}
    for name in parts.column_names:
        column = parts[name].combine_chunks()
        columns[name], strays = _typed(column, name) if not typed[name] else (_kept(column), 0)
        if strays:
            notes.append(
                Words(
                    f"列 {name} 作数字或时间读，{strays} 个读不出的值作缺失。",
                    f"Column {name} is read as numbers or times; {strays} values that are neither count as absent.",
                )
            )
    return pd.DataFrame(columns), tuple(notes)


def _opened(path: Path, sheet: str | None) -> tuple[Any, list[Any], dict[str, bool]]:
    """The rows as one table, the lines left out, and which columns have a type already."""
    text = path.suffix.lower() in _TEXTS
    origin = Origin(
        file=glob.escape(path.name),
        sheet=sheet,
        delimiter=_delimiter(path) if text else None,
        format="csv" if text else None,
    )
    try:
        return _batches(path, origin)
    except UnreadableSource as error:
        if error.trouble != "wrong_encoding":
            raise
    # What is neither UTF-8 nor in the encoding of Chinese spreadsheets is refused in the words of the second attempt.
    return _batches(path, replace(origin, encoding="gb18030"))


def _delimiter(path: Path) -> str:
    """The separator that the first line has most of."""
    if not path.is_file():
        return ","
    with path.open("rb") as file:
        line = file.readline(1 << 16).decode("latin-1")
    bare = re.sub(r'"[^"]*"', "", line)
    return max((",", ";", "\t", "|"), key=bare.count)


def _batches(path: Path, origin: Origin) -> tuple[Any, list[Any], dict[str, bool]]:
    import pyarrow as pa

    with ExitStack() as resources:
        (piece, *_) = find(origin, path.parent, resources)
        stream = piece.open()
        good: list[Any] = []
        bad: list[Any] = []
        for batch in stream.batches:
            good.append(pa.Table.from_batches([batch.rows]))
            bad.extend(batch.bad)
        if not good:
            raise InvalidInput(f"{path.name} holds no rows.")
        table = pa.concat_tables([part.cast(_plain_schema(part.schema)) for part in good])
    return table, bad, {field.name: not pa.types.is_string(field.type) for field in table.schema}


def _plain_schema(schema: Any) -> Any:
    import pyarrow as pa

    def plain(kind: Any) -> Any:
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        return pa.string() if pa.types.is_large_string(kind) else kind

    return pa.schema([(field.name, plain(field.type)) for field in schema])


def _kept(column: Any) -> Any:
    """A column that has a type already, as floats, instants or texts."""
    import pandas as pd
    import pyarrow as pa

    kind = column.type
    if pa.types.is_boolean(kind):
        return pd.Series(
            ["true" if v else "false" if v is not None else None for v in column.to_pylist()], dtype=object
        )
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return np.where(np.isfinite(values), values, np.nan)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return column.cast(pa.timestamp("us"), safe=False).to_numpy(zero_copy_only=False)
    return pd.Series([None if value is None else str(value) for value in column.to_pylist()], dtype=object)


def _typed(column: Any, name: str) -> tuple[Any, int]:
    """A column of text as what nearly all of its values are; the number of values that are not."""
    import pandas as pd

    given = [None if value is None else value.strip() for value in column.to_pylist()]
    texts = [None if value is None or value.lower() in ABSENT else value for value in given]
    present = [value for value in texts if value is not None and value.lower() not in ABSENT_NUMBER]
    distinct = set(present)
    # Codes such as 0123 lose their zero as numbers.
    if present and not any(_CODE.fullmatch(value) for value in distinct):
        numbers = {value: _number(value) for value in distinct}
        good = sum(numbers[value] is not None for value in present)
        if good >= ENOUGH * len(present):
            nan = float("nan")
            read = [nan if value is None else numbers.get(value) for value in texts]
            values = np.array([nan if value is None else value for value in read], dtype=np.float64)
            return values, len(present) - good
        if sum(bool(_TIME.fullmatch(value)) for value in present) >= ENOUGH * len(present):
            times = _instants(pd.Series(texts, dtype=object))
            good = int(times.notna().sum())
            if good >= ENOUGH * len(present):
                return times.to_numpy(dtype="datetime64[us]"), len(present) - good
    return pd.Series(texts, dtype=object, name=name), 0


def _number(text: str) -> float | None:
    found = _NUMBER.fullmatch(text)
    if not found or not any(letter.isdigit() for letter in text):
        return None
    bare = re.sub(r"[,$¥￥€£\s%]", "", text)
    try:
        value = float(bare)
    except ValueError:
        return None
    return value / 100 if text.endswith("%") else value


def _instants(texts: Any) -> Any:
    """Texts as instants; in 03/04/2024 the day comes first where any first part is no month."""
    import pandas as pd

    plain = texts.str.replace(r"[年月]", "-", regex=True).str.replace("日", "")
    parts = plain.str.extract(_LATE_YEAR)
    first = pd.to_numeric(parts[0], errors="coerce")
    day, month = (0, 1) if bool((first > 12).any()) else (1, 0)
    iso = parts[2] + "-" + parts[month].str.zfill(2) + "-" + parts[day].str.zfill(2) + parts[3]
    early = plain.str.extract(_EARLY_YEAR)
    iso = iso.fillna(early[0] + "-" + early[1].str.zfill(2) + "-" + early[2].str.zfill(2) + early[3])
    return pd.to_datetime(iso, errors="coerce", format="ISO8601", utc=True).dt.tz_localize(None)


def checked(frame: Any, names: Sequence[str]) -> None:
    """Refuse a column that is not there."""
    known = [str(name) for name in frame.columns]
    for name in names:
        if name not in known:
            raise UnknownName("column", name, known)


def numbers_of(frame: Any, name: str) -> FloatArray:
    """A column as floats, absent as NaN."""
    column = frame[name]
    if column.dtype.kind not in "fiu":
        shown = next((str(value) for value in column if isinstance(value, str)), str(column.dtype))
        raise InvalidInput(f"Column {name!r} holds no numbers, for instance {shown[:40]!r}.")
    return np.asarray(column, dtype=np.float64)


def times_of(frame: Any, name: str) -> NDArray[np.datetime64]:
    """A column as instants of microseconds; absent ones are refused.

    Times, days written as 20240131, seconds or milliseconds since 1970, and days as spreadsheets count them (45292 is
    2024-01-01) are understood; other numbers are taken as days.
    """
    column = frame[name]
    if column.dtype.kind == "M":
        found = column.to_numpy().astype("datetime64[us]")
    elif column.dtype.kind in "fiu":
        found = _numbered_times(np.asarray(column, dtype=np.float64))
    else:
        found = _instants(column).to_numpy().astype("datetime64[us]")
    lost = np.isnat(found)
    if lost.any():
        first = int(np.argmax(lost))
        if column.isna().iloc[first]:
            raise InvalidInput(
                f"Column {name!r} is empty in row {first + 1}, where a time is needed; {int(lost.sum())} such.",
                hint="Leave out rows without a time.",
            )
        raise InvalidInput(
            f"Column {name!r} has no time in row {first + 1}: {column.iloc[first]!r}; {int(lost.sum())} such.",
            hint="Write times as 2024-01-31 or 2024-01-31T08:00:00, and leave out rows without one.",
        )
    return np.asarray(found)


def times_asked(frame: Any, request: Request) -> NDArray[np.datetime64] | None:
    """When each row was, where a split in time was asked for and its column named."""
    return times_of(frame, request.time) if request.split == "time" and request.time is not None else None


def groups_asked(frame: Any, request: Request) -> NDArray[Any] | None:
    """Whose each row is, where rows of one are to be kept together."""
    return None if request.group is None else frame[request.group].astype(str).to_numpy()


def _numbered_times(values: FloatArray) -> NDArray[np.datetime64]:
    import pandas as pd

    known = values[np.isfinite(values)]
    least, most = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
    if least >= 19_000_101 and most <= 21_001_231:
        texts = pd.Series([f"{value:.0f}" if np.isfinite(value) else None for value in values], dtype=object)
        return np.asarray(pd.to_datetime(texts, format="%Y%m%d", errors="coerce").to_numpy().astype("datetime64[us]"))
    if least >= SHEET_DAYS and most < 1e5:
        values = values - SHEET_EPOCH
    scale = 1e6 if least > 1e8 and most < 1e11 else 1e3 if least > 1e11 and most < 1e14 else 86_400e6
    whole = np.where(np.isfinite(values), values * scale, np.nan)
    return np.where(np.isnan(whole), np.datetime64("NaT", "us"), np.nan_to_num(whole).astype("datetime64[us]"))


def binary_of(frame: Any, name: str, yes: str | None = None) -> tuple[NDArray[np.bool_], NDArray[np.bool_], str]:
    """A column with two values as yes and no.

    Parameters
    ----------
    yes
        The value that means yes; by default the greater number, or what says so in English or Chinese.

    Returns
    -------
    outcome, known : ndarray of bool
        The outcome, and where there is one.
    yes : str
        Which value was taken for yes.

    Raises
    ------
    InvalidInput
        The column has more or fewer than two values, or which of them is yes cannot be told.
    """
    shown = [_shown(value) for value in frame[name]]
    known = np.array([value is not None for value in shown], dtype=bool)
    values = sorted({value for value in shown if value is not None})
    if yes is not None and yes not in values:
        same = [value for value in values if value.casefold() == yes.casefold()]
        if not same:
            raise UnknownName("value", yes, values[:50])
        yes = same[0]
    if len(values) < 2:
        only = ", ".join(values) or "–"
        raise InvalidInput(
            f"Column {name!r} has one value ({only}), and a target has two.", hint="Name another column."
        )
    if len(values) != 2 and not (yes is not None and len(values) > 2):
        some = ", ".join(values[:6]) + (", …" if len(values) > 6 else "")
        raise InvalidInput(
            f"Column {name!r} has {len(values)} values ({some}), and a target has two.",
            hint="Name the value that means yes with --yes; all others then count as no.",
        )
    if yes is None:
        said_yes = [value for value in values if value.casefold().rstrip(".") in YES]
        said_no = [value for value in values if value.casefold().rstrip(".") in NO]
        if (greater := _greater(values)) is not None:
            yes = greater
        elif len(said_yes) == 1:
            yes = said_yes[0]
        elif len(said_no) == 1:
            yes = next(value for value in values if value != said_no[0])
        else:
            raise InvalidInput(
                f"Which of {values[0]!r} and {values[1]!r} in column {name!r} means yes?", hint="Say it with --yes."
            )
    return np.array([value == yes for value in shown], dtype=bool), known, yes


def _greater(values: Sequence[str]) -> str | None:
    try:
        return max(values, key=float)
    except ValueError:
        return None


def _shown(value: Any) -> str | None:
    if value is None or value != value:
        return None
    if isinstance(value, float | np.floating):
        return f"{value:.0f}" if float(value).is_integer() else f"{value:g}"
    return str(value)
