"""Where a computed value became too large: found after the engine has given up, by asking for less and less.

An engine that meets a whole number beyond 64 bits refuses the statement and does not say in which row. The rows at
fault are looked for then, and the file is loaded once more without them. A file in which nothing overflows, nearly
every one, pays nothing for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gongbi.catalog.base import ColumnMap, SourceDef
from gongbi.engine.base import Engine
from gongbi.errors import InvalidInput, SourceProblem
from gongbi.sources import rejects
from gongbi.sources.base import UnreadableSource
from gongbi.sources.plan import RowPlan, words_of

_HINT = "Mend the value, or compute with `to_double(…)`, which holds larger numbers."
#: So many different values are set aside; where more are too large, the mapping is at fault and not the rows.
MOST = 100


@dataclass
class Uncomputable(Exception):
    """The engine refused the values of a file; where they are is looked for when its transaction is over."""

    error: InvalidInput
    source: SourceDef
    path: str
    plan: RowPlan
    inputs: dict[str, Any]


def overflowing(engine: Engine, refused: Uncomputable) -> dict[int, str]:
    """Find the rows that cannot be computed: row number → the first column at fault.

    Not inside a transaction, which a call that fails would spoil.

    Raises
    ------
    UnreadableSource
        They are too many, or no row is at fault alone.
    """
    plan, inputs = refused.plan, refused.inputs

    def fails(value: str, raw: pa.Table) -> bool:
        # The largest value asks for every value, where a count may ask for none.
        probe = plan.steps.then("probe", f"select max({value}) as v from classified")
        try:
            engine.query(probe, inputs={**inputs, "raw": raw})
        except InvalidInput:
            return True
        return False

    raw, found = inputs["raw"], dict[int, str]()
    for name, mapping in refused.source.columns.items():
        value = plan.values[name]
        # A cast of a raw value never fails.
        if not (mapping.expr or mapping.lookup) or not fails(value, raw):
            continue
        alike = _inputs(mapping, plan, raw)
        examples = _examples(alike)
        guilty = _guilty(lambda rows, v=value, r=raw: fails(v, r.take(rows)), examples)  # type: ignore[misc]
        at_fault = _like(alike, guilty)
        numbers = raw.column("__row").filter(at_fault).to_pylist()
        if len(guilty) > MOST:
            raise _refused(
                refused,
                f"{refused.path}: column {name!r} of source {refused.source.source!r} cannot be computed for more than"
                f" {MOST} values, first in row {min(numbers)}: {_said(refused.error)}",
            )
        found |= dict.fromkeys(numbers, name)
        raw = raw.filter(pc.invert(at_fault))
    if not found:
        where, what = refused.path, "a value"
        raise _refused(
            refused, f"{where}: {what} of source {refused.source.source!r} cannot be computed: {_said(refused.error)}"
        )
    return found


def _inputs(mapping: ColumnMap, plan: RowPlan, raw: pa.Table) -> pa.Table:
    """What a column is computed from, as text: rows that are alike in it fail alike."""
    named = words_of(mapping.expr) if mapping.expr else set(mapping.lookup.on.values() if mapping.lookup else ())
    columns = [f"r{i}" for i, name in enumerate(plan.raw) if name in named] or ["__row"]
    return pa.table({name: raw.column(name).cast(pa.string()) for name in columns})


def _examples(alike: pa.Table) -> pa.Array:
    """A row for each different input, those with the longest first: large numbers then stand together."""
    names = alike.column_names
    numbered = alike.append_column("__i", pa.array(range(alike.num_rows), pa.int64()))
    first = numbered.group_by(names).aggregate([("__i", "min")])
    length = pc.fill_null(pc.utf8_length(first.column(names[0])), 0)
    for name in names[1:]:
        length = pc.add(length, pc.fill_null(pc.utf8_length(first.column(name)), 0))
    ordered = pa.table({"i": first.column("__i_min"), "length": length})
    return ordered.sort_by([("length", "descending"), ("i", "ascending")])["i"].combine_chunks()


def _guilty(fails: Callable[[pa.Array], bool], rows: pa.Array) -> list[int]:
    """Rows of a lot that fails which fail by themselves; it ends when they are more than enough."""
    found: list[int] = []
    lots = [(rows, True)]
    while lots and len(found) <= MOST:
        lot, known = lots.pop()
        if not known and not fails(lot):
            continue
        if len(lot) == 1:
            found.append(lot[0].as_py())
            continue
        half = len(lot) // 2
        first, second = lot.slice(0, half), lot.slice(half)
        in_first = fails(first)
        # Where the first half is good, the fault lies in the second: that need not be asked.
        lots.append((second, not in_first))
        if in_first:
            lots.append((first, True))
    return found


def _like(alike: pa.Table, examples: Sequence[int]) -> pa.Array:
    """Which rows have the same inputs as one of these."""
    found = pa.chunked_array([pa.array([False] * alike.num_rows)])
    for i in examples:
        same = pa.chunked_array([pa.array([True] * alike.num_rows)])
        for column in alike.columns:
            value = column[i]
            equal = pc.fill_null(pc.equal(column, value), False) if value.is_valid else pc.is_null(column)
            same = pc.and_(same, equal)
        found = pc.or_(found, same)
    return found.combine_chunks()


def without(source: SourceDef, column: str) -> SourceDef:
    """The source with nothing in the columns that are computed or looked up, from this one on."""
    names = list(source.columns)
    blank = [n for n in names[names.index(column) :] if source.columns[n].expr or source.columns[n].lookup]
    columns = {n: replace(m, expr="null", lookup=None) if n in blank else m for n, m in source.columns.items()}
    return replace(source, columns=columns)


def too_large(plan: RowPlan, column: str, failed: pa.Table, rows: pa.Table, numbers: pa.Array) -> list[dict[str, Any]]:
    """Rejects of rows in which a column is too large; `plan` is that of the source without it.

    Of several faults of a row the first in the order of columns is named: `failed` is the answer of ``plan.bad()``.
    """
    earlier = failed.filter(pc.less(failed.column("__check"), plan.starts[column]))
    other = pc.invert(pc.is_in(numbers, value_set=earlier.column("__row").combine_chunks()))
    return rejects.failing(plan, earlier, rows, numbers) + rejects.computed(
        rows.filter(other), numbers.filter(other), column
    )


def _refused(refused: Uncomputable, message: str) -> UnreadableSource:
    hint = f"{_HINT} Nothing of it was loaded."
    return UnreadableSource("not_computed", refused.path, message, hint=hint, place=refused.source.place)


def underived(source: SourceDef, error: InvalidInput) -> SourceProblem:
    """The problem of a derived fact whose values cannot be computed."""
    return SourceProblem(
        f"The fact {source.fact!r} cannot be derived by source {source.source!r}: {_said(error)}",
        hint=f"{_HINT} What was loaded is kept.",
        place=source.place,
    )


def _said(error: InvalidInput) -> str:
    return error.message.rstrip("!. ") + "."
