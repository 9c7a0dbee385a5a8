"""Where a computed value became too large: found after the engine has given up, by asking for less and less."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gongbi.catalog.base import SourceDef
from gongbi.engine.base import Engine
from gongbi.errors import InvalidInput, SourceProblem
from gongbi.sources.base import UnreadableSource
from gongbi.sources.plan import RowPlan

_HINT = "Mend the value, or compute with `to_double(…)`, which holds larger numbers."


@dataclass
class Uncomputable(Exception):
    """The engine refused the values of a file; where they are is looked for when its transaction is over."""

    error: InvalidInput
    source: SourceDef
    path: str
    plan: RowPlan
    inputs: dict[str, Any]


def explained(engine: Engine, refused: Uncomputable) -> UnreadableSource:
    """Name the column and the first row that cannot be computed.

    Not inside a transaction, which a call that fails would spoil.
    """
    plan, inputs = refused.plan, refused.inputs

    def fails(value: str, raw: Any) -> bool:
        # The largest value asks for every value, where a count may ask for none.
        probe = plan.steps.then("probe", f"select max({value}) as v from classified")
        try:
            engine.query(probe, inputs={**inputs, "raw": raw})
        except InvalidInput:
            return True
        return False

    where, what = refused.path, "a value"
    for name, value in plan.values.items():
        raw = inputs["raw"]
        if not fails(value, raw):
            continue
        while raw.num_rows > 1:
            first = raw.slice(0, raw.num_rows // 2)
            raw = first if fails(value, first) else raw.slice(first.num_rows)
        where, what = f"{refused.path}, row {raw.column('__row')[0].as_py()}", f"column {name!r}"
        break
    return UnreadableSource(
        "not_computed",
        refused.path,
        f"{where}: {what} of source {refused.source.source!r} cannot be computed: {_said(refused.error)}",
        hint=f"{_HINT} Nothing of it was loaded.",
        place=refused.source.place,
    )


def underived(source: SourceDef, error: InvalidInput) -> SourceProblem:
    """The problem of a derived fact whose values cannot be computed."""
    return SourceProblem(
        f"The fact {source.fact!r} cannot be derived by source {source.source!r}: {_said(error)}",
        hint=f"{_HINT} What was loaded is kept.",
        place=source.place,
    )


def _said(error: InvalidInput) -> str:
    return error.message.rstrip("!. ") + "."
