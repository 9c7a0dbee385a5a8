"""Answers that show as tables in a notebook."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pyarrow as pa

#: Rows of an answer that a notebook shows; of a longer one it shows both ends and says how long it is.
SHOWN = 60


class Rows(list[dict[str, Any]]):
    """A list of records that shows as a table in a notebook."""

    def to_pandas(self) -> Any:
        """As a data frame."""
        import pandas as pd

        return pd.DataFrame(list(self))

    def to_arrow(self) -> pa.Table:
        """As an Arrow table."""
        return pa.Table.from_pylist(list(self))

    def _repr_html_(self) -> str:
        return str(self.to_pandas().to_html(max_rows=SHOWN, notebook=True, show_dimensions=len(self) > SHOWN))


class Members:
    """An Arrow table that shows as a table in a notebook; whatever an Arrow table can do, this can.

    Parameters
    ----------
    table
        The Arrow table; `pyarrow.table(members)` gives it as well.
    """

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.table, name)

    def __getitem__(self, key: Any) -> Any:
        return self.table[key]

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __eq__(self, other: object) -> bool:
        return bool(self.table.equals(other.table if isinstance(other, Members) else other))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Members: {len(self):,} rows of {', '.join(self.table.column_names)}>"

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)

    def _repr_html_(self) -> str:
        # A notebook draws both ends; the middle of a long list need not become Python values.
        whole, ends = len(self), self.table
        if whole > SHOWN:
            ends = pa.concat_tables([self.table.slice(0, SHOWN // 2), self.table.slice(whole - SHOWN // 2)])
        shown: str = ends.to_pandas().to_html(notebook=True, max_rows=SHOWN, index=False)
        return shown if whole <= SHOWN else f"{shown}<p>{whole:,} rows × {self.table.num_columns} columns</p>"


def full(path: str | Path) -> str:
    """A path that means the same in another process."""
    # The owner may be another process, with another folder under its feet.
    return str(Path(path).expanduser().resolve())


def told(found: Any) -> Any:
    """Pass on an answer of which a caller sees a part; what it, or a row of it, warns of becomes a Python warning."""
    rows = [found] if isinstance(found, dict) else found
    for said in dict.fromkeys(said["en"] for row in rows for said in row["warnings"]):
        warnings.warn(said, stacklevel=3)
    return found
