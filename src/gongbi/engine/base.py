"""The door to an engine: somewhere tables are kept and plans are carried out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from gongbi.core.dialect import Dialect
from gongbi.core.plan import Plan
from gongbi.core.table import Table
from gongbi.errors import Bug, InvalidInput

if TYPE_CHECKING:  # A command that only prints its help needs no Arrow.
    import pyarrow as pa

#: Called with (done, total) while a plan runs; total is None where the engine cannot tell.
OnProgress = Callable[[float, float | None], None]
#: Rows as Arrow tables in canonical types, in and out.
RowsToRows = Callable[["pa.Table"], "pa.Table"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can do. Callers ask this; they never ask which engine it is.

    Attributes
    ----------
    name
        For reports and for choosing the rendering of a function; not for branching.
    cancels
        A running query can be stopped from another thread.
    interactive
        A count over a small table answers within tens of milliseconds, so counting while typing makes sense.
    spills
        A build larger than memory goes to disk.
    memory
        Bytes that statements may hold; None where the engine divides work by itself.
    amends
        Rows of a table are changed at the price of the change (`put`, `update`), a transaction can `hold` what it works
        with, and `view` gives a plan a name; where not, a table is written anew.
    maps
        A function of ours is carried out over rows in the engine's own processes (`insert_mapped`); where not, rows
        come to us.
    """

    name: str
    cancels: bool
    interactive: bool
    spills: bool
    memory: int | None = None
    amends: bool = False
    maps: bool = False


class Engine(Protocol):
    """Somewhere tables are kept and plans are carried out.

    All changes happen inside `transaction()`: a reader sees all of them or none, also when the process is killed.
    Outside a transaction every changing call is a transaction of its own. Every call may come from any thread; a
    transaction belongs to the thread that opened it. A change that collides with another thread's raises
    `EngineFailure` and changes nothing; appends to one table never collide. All errors are `GongbiError`s.

    Types are those of the language: whatever integer, float, text or time an engine or a caller has becomes int64,
    float64, string, date32, `timestamp[us]` or a list of these, in tables as well as in results. Instants are naive
    UTC `timestamp[us]` in Arrow; decimals are `decimal128`; a table is created from a `Table` definition and never
    from data.
    """

    capabilities: Capabilities
    dialect: Dialect

    def transaction(self) -> AbstractContextManager[None]:
        """All changes inside are published together, or not at all when the block raises.

        A nested block joins the outer one. A call that failed inside spoils the block even when its error was caught:
        leaving it then raises `EngineFailure`, because no engine can tell which half of the call was done.
        """
        ...

    def tables(self) -> Sequence[str]:
        """Names of the tables that exist, sorted."""
        ...

    def columns(self, table: str) -> Sequence[tuple[str, pa.DataType]]:
        """Names and Arrow types of a table's columns, in order. Raises `UnknownName`."""
        ...

    def create(self, table: Table, *, replace: bool = False) -> None:
        """Create an empty table. With `replace`, an existing one goes first; without, it is an error."""
        ...

    def drop(self, table: str) -> None:
        """Drop a table; nothing happens where there is none."""
        ...

    def rename(self, table: str, to: str) -> None:
        """Rename a table; an existing `to` is replaced."""
        ...

    def append(self, table: str, rows: pa.Table | pa.RecordBatchReader) -> int:
        """Append rows, matched by column name; columns that `rows` lacks become null. Return how many.

        A reader is streamed. Values are converted only where nothing is lost; else `InvalidInput`, and no row arrives.
        """
        ...

    def insert(self, table: str, plan: Plan, *, inputs: Inputs = None) -> int:
        """Append the rows of a plan, matched by column name; return how many."""
        ...

    def insert_mapped(self, table: str, plan: Plan, each: RowsToRows) -> int:
        """Append what `each` makes of the plan's rows, some thousands at a time in no order; return how many.

        `each` is sent to other processes by pickling; it gives the table's columns by name. Only where `maps`.
        """
        ...

    def delete(self, table: str, where: str) -> int:
        """Delete the rows for which a boolean SQL expression in this dialect is true; return how many."""
        ...

    def put(self, table: str, plan: Plan) -> int:
        """Put the rows of a plan, which may read the table, in the place of those with their `id`; return how many.

        Matched by column name; columns that the plan lacks become null. Only where `amends`.
        """
        ...

    def hold(self, plan: Plan, name: str) -> int:
        """Keep the rows of a plan under a name until the open transaction ends; return how many.

        Plans inside the transaction read them as a table, nobody else sees them, and they are not written to disk
        unless memory is short. Only where `amends`.
        """
        ...

    def update(self, table: str, plan: Plan) -> int:
        """Set the columns of a plan in the rows that have its `id`; return how many became others.

        Only where `amends`.
        """
        ...

    def view(self, name: str, plan: Plan) -> None:
        """Give the rows of a plan a name, read and dropped as a table's, computed when read. Only where `amends`."""
        ...

    def build(self, plan: Plan, into: str, *, on_progress: OnProgress | None = None, inputs: Inputs = None) -> int:
        """Write the plan's rows as the table `into`, replacing it; return how many.

        All or nothing: a reader sees the old table or the new one, never part. Column names are the plan's, types
        too, as far as the language has them. `on_progress` is called from another thread.
        """
        ...

    def query(self, plan: Plan | str, *, inputs: Inputs = None) -> pa.Table:
        """Carry out a plan and return its rows.

        `inputs` are Arrow tables or readers that the plan may read by name, in front of a table of that name; a reader
        is read once, into memory or to disk. Anything but one reading statement is refused.
        """
        ...

    def value(self, plan: Plan | str) -> Any:
        """Carry out a plan of one row and one column and return its value, sooner than `query` would."""
        ...

    def cancellable(self) -> AbstractContextManager[Callable[[], None]]:
        """Give a function that, called from another thread, stops what this thread runs inside the block.

        The stopped call and those after it in the block raise `Cancelled`. Blocks inside each other are one. Where
        `capabilities.cancels` is false the function does nothing.
        """
        ...

    def room(self) -> int | None:
        """Bytes that are free where tables are kept; None where the engine cannot tell."""
        ...

    def explain(self, plan: Plan | str) -> str:
        """The engine's own description of how it would carry out a plan."""
        ...

    def close(self) -> None:
        """Let go of files and sessions; calling it twice is fine."""
        ...


def only_value(rows: Sequence[Sequence[Any]]) -> Any:
    """The value of a result of one row and one column."""
    if len(rows) != 1 or len(rows[0]) != 1:
        raise Bug(f"A plan of one value gave {len(rows)} rows.")
    return rows[0][0]


def too_large(said: str) -> InvalidInput:
    """The error of a value that its type cannot hold; `said` are the engine's words, which often have the values."""
    return InvalidInput(
        f"A value becomes too large for its type: {said}",
        hint="A whole number has at most 64 bits, a stored amount 18 digits; `to_double(…)` computes with larger ones.",
    )


Inputs = dict[str, Any] | None


def input_names(inputs: Inputs) -> Iterable[str]:
    """Names that a plan may read besides tables."""
    return (inputs or {}).keys()
