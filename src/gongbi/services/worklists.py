"""Lists to be worked off: companies with a large balance, deposits falling due, customers to wake."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gongbi.catalog.called import heading
from gongbi.catalog.worklists import WorklistDef
from gongbi.errors import InvalidInput, NotYet, UnknownName
from gongbi.ownership.files import written
from gongbi.segments.run import list_members
from gongbi.services import segments
from gongbi.services.context import Context
from gongbi.services.files import check_writable, put_on_record, sheet_names, write_book, write_table
from gongbi.services.limits import checked
from gongbi.services.past import moment, request_at
from gongbi.services.privacy import check_reveal, hide, personal

#: More sheets than this are no book that anybody opens.
MOST_SHEETS = 250
#: The part of those that are nobody's work.
NOBODY = "—"
PART = "part"


def worklists(ctx: Context) -> list[dict[str, Any]]:
    """Every list with its words and how many are on it; a `problem` in the place of a count that cannot be made yet."""
    found = []
    for one in ctx.catalog().worklists.values():
        row: dict[str, Any] = {
            "worklist": one.worklist,
            "name": one.name.to_json(),
            "about": one.about.to_json(),
            "subject": one.subject,
            "by": one.by,
            "owner": one.owner,
        }
        try:
            row |= {"count": segments.count(ctx, one.expr, subject=one.subject)["count"], "problem": None}
        except NotYet as error:
            row |= {"count": None, "problem": {"code": error.code, "message": error.message, "hint": error.hint}}
        found.append(row)
    return found


def worklist(
    ctx: Context,
    name: str,
    *,
    part: str | None = None,
    limit: int | None = 50,
    language: str = "zh",
    as_of: str | None = None,
    reveal: str | None = None,
) -> dict[str, Any]:
    """A list as of the build in force, or of another instant, the most important first.

    Parameters
    ----------
    as_of
        An ISO date or instant that is not in the future: the list as it would have been then.
    part
        Only what is this one's work, e.g. the id of a manager.
    limit
        How many rows of `table`; the parts count everybody.
    language
        Of the headings: ``zh`` or ``en``.
    reveal
        As of `services.segments.members`.

    Returns
    -------
    dict
        ``parts`` (each with its ``count``, after the limit of a part, the largest first), ``count``, ``table`` (Arrow:
        ``id``, ``part`` where the list is split, then a column under each heading), ``as_of``, ``subject``, words,
        ``warnings``.

    Raises
    ------
    UnknownName
        No list, or no part, is called so.
    """
    limit = None if limit is None else checked(limit)
    one = ctx.catalog().worklist(name)
    check_reveal(ctx, reveal)
    table, found = _rows(ctx, one, language, as_of, reveal)
    parts = _parts(table)
    if part is not None:
        if part not in parts:
            raise UnknownName("part of the list", part, list(parts))
        table = table.filter(pc.equal(table[PART], part))
    return {
        "worklist": name,
        "name": one.name.to_json(),
        "about": one.about.to_json(),
        "subject": one.subject,
        "parts": [{"part": key, "count": n} for key, n in parts.items()],
        "count": table.num_rows,
        "table": table if limit is None else table.slice(0, limit),
        "as_of": found["as_of"],
        "warnings": found["warnings"],
    }


def export_worklist(
    ctx: Context,
    name: str,
    to: str,
    *,
    part: str | None = None,
    language: str = "zh",
    overwrite: bool = False,
    as_of: str | None = None,
    reveal: str | None = None,
) -> dict[str, Any]:
    """Write a list to a file (xlsx, csv, parquet) and put that on record; an Excel file has a sheet for each part.

    Returns
    -------
    dict
        Of `services.files.hand_out`, and ``sheets``.
    """
    path = Path(to).expanduser()
    check_writable(path, overwrite=overwrite)
    check_reveal(ctx, reveal)
    expression = f"worklist {name}"
    with ctx.run("export", expression, path=str(path)) as inner:
        found = worklist(inner, name, part=part, limit=None, language=language, as_of=as_of, reveal=reveal)
        table: pa.Table = found["table"]
        inner.progress("write", 0, table.num_rows)
        sheets = 1
        if path.suffix.lower() == ".xlsx" and PART in table.column_names:
            sheets = _write_parts(table, path, ctx.zone)
        else:
            write_table(table, path, zone=ctx.zone, overwrite=overwrite)
        done = put_on_record(
            inner,
            path,
            rows=table.num_rows,
            columns=table.column_names,
            expression=expression,
            as_of=datetime.fromisoformat(found["as_of"]),
        )
        inner.note(rows=done["rows"])
    return {**done, "sheets": sheets, "warnings": found["warnings"]}


def _write_parts(table: pa.Table, path: Path, zone: str) -> int:
    parts = list(_parts(table))
    if len(parts) > MOST_SHEETS:
        raise InvalidInput(
            f"The list has {len(parts):,} parts; a book of more than {MOST_SHEETS} sheets is of no use.",
            hint="Write .csv, or choose a part with --part.",
        )
    names = sheet_names(parts)
    each = {
        sheet: table.filter(pc.equal(table[PART], part)).drop_columns([PART])
        for sheet, part in zip(names, parts, strict=True)
    }
    with written(path) as partial:
        write_book(each or {NOBODY: table.drop_columns([PART])}, partial, zone=zone)
    return max(len(each), 1)


def _rows(
    ctx: Context, one: WorklistDef, language: str, as_of: str | None, reveal: str | None
) -> tuple[pa.Table, dict[str, Any]]:
    """The rows of all parts, each cut at its limit, under headings of a language."""
    if language not in ("zh", "en"):
        raise UnknownName("language", language, ("zh", "en"))
    by = [one.by] if one.by else []
    if as_of is None:
        found = segments.members(
            ctx, one.expr, subject=one.subject, columns=[*by, *one.columns], order=one.order, reveal=reveal
        )
    else:
        found = _then(ctx, one, [*by, *one.columns], as_of, reveal)
    table: pa.Table = segments.in_words(ctx, one.subject, found["table"], language)
    given = {
        text: words.in_(language) or heading(ctx.catalog(), one.subject, text, language)
        for text, words in one.columns.items()
    }
    columns, names = [table["id"]], ["id"]
    if one.by:
        whose = pc.fill_null(table[one.by].cast(pa.string()), NOBODY)
        columns.append(whose)
        names.append(PART)
    for text, words in given.items():
        columns.append(table[text])
        names.append(words if words not in names else text)
    return _cut(pa.Table.from_arrays(columns, names=names), one.limit), found


def _then(ctx: Context, one: WorklistDef, columns: list[str], as_of: str, reveal: str | None) -> dict[str, Any]:
    """What `segments.members` answers, as of an earlier instant."""
    at = moment(ctx, as_of, one.subject)
    where, about = segments.condition(ctx, one.expr, one.subject)
    chosen = {text: segments.column(ctx, text, about) for text in dict.fromkeys([*columns, *one.order])}
    asked = request_at(ctx, where, about, at, chosen)
    ctx.progress("members", 0)
    table = list_members(ctx.engine, ctx.catalog().world, asked, order=one.order)
    table, said = hide(ctx, table, personal(ctx, about, chosen), reveal, what=f"worklist {one.worklist}")
    return {"table": table, "as_of": at.isoformat(), "warnings": said}


def _cut(table: pa.Table, limit: int | None) -> pa.Table:
    """The first so many rows of each part."""
    if limit is None:
        return table
    if PART not in table.column_names:
        return table.slice(0, limit)
    seen: dict[str, int] = {}
    kept = []
    for place, part in enumerate(table[PART].to_pylist()):
        seen[part] = seen.get(part, 0) + 1
        if seen[part] <= limit:
            kept.append(place)
    return table.take(pa.array(kept, pa.int64()))


def _parts(table: pa.Table) -> dict[str, int]:
    """Part → rows, the largest first; none where the list is not split."""
    if PART not in table.column_names:
        return {}
    counted = {row["values"]: row["counts"] for row in pc.value_counts(table[PART]).to_pylist()}
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))
