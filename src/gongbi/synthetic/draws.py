"""What made-up companies have in common: days, draws, and how blocks of customers become files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gongbi.errors import EngineFailure, InvalidInput

FIRST_DAY, DAYS = datetime(2023, 1, 1, tzinfo=UTC), 730
START = np.datetime64("2023-01-01")
#: Rows of a block on average: some 200 MB while they are being made.
BLOCK_EVENTS = 2_000_000
MOST_CUSTOMERS_IN_A_BLOCK = 200_000

Floats = np.ndarray[Any, np.dtype[np.float64]]
Integers = np.ndarray[Any, np.dtype[np.int64]]
Booleans = np.ndarray[Any, np.dtype[np.bool_]]
OnRows = Callable[[int, int], None]
#: Called with a stream of chance, the first and the last customer of a block (half-open) and the same of its events.
Block = Callable[[np.random.Generator, int, int, int, int], Mapping[str, pa.Table]]


@dataclass(frozen=True, slots=True)
class Calendar:
    """What the days are like.

    Attributes
    ----------
    weight
        How much is done on each day; shape (730,).
    before
        What was done before each day, from 0 to 1; shape (731,).
    sale
        Whether a sale is on; shape (730,).
    """

    weight: Floats
    before: Floats
    sale: Booleans


def falling(n: int, power: float) -> Floats:
    """Shares of n things of which the first is the commonest (Zipf)."""
    weight = 1 / np.arange(1, n + 1) ** power
    shares: Floats = weight / weight.sum()
    return shares


def seconds(rng: np.random.Generator, n: int) -> Integers:
    """Seconds of the day in UTC: noon and the evening of China."""
    hour = np.where(rng.random(n) < 0.35, rng.normal(12.3, 1.8, n), rng.normal(20.2, 2.4, n))
    return (((hour - 8) % 24) * 3600).astype(np.int64) % 86_400


def named(rng: np.random.Generator, names: tuple[str, ...], n: int, power: float) -> pa.Array:
    """One of some names for each of n things, the first the commonest."""
    return texts(names, rng.choice(len(names), n, p=falling(len(names), power)))


def texts(names: tuple[str, ...], codes: Integers) -> pa.Array:
    """The names that some codes stand for."""
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(names)).cast(pa.string())


def money(yuan: Floats) -> pa.Array:
    """Amounts as DECIMAL(18, 2)."""
    cents = np.rint(np.clip(yuan, -1e9, 1e9) * 100).astype(np.int64)
    # A decimal is 16 bytes of two's complement: the low half, then the sign carried on.
    return pa.Array.from_buffers(
        pa.decimal128(18, 2), len(cents), [None, pa.py_buffer(np.stack([cents, cents >> 63], axis=1))]
    )


def write_blocks(
    to: Path, tables: Sequence[str], block: Block, customers: int, events: int, seed: int, on_rows: OnRows | None
) -> dict[str, int]:
    """Write a company block by block, each from a stream of its own; give table → rows.

    The folder is there when it is whole: until then a folder beside it is written, which the next call begins anew.
    """
    if customers < 1 or events < 0 or seed < 0:
        raise InvalidInput("A company has at least 1 customer, 0 events or more, and a seed from 0 on.")
    to = to.resolve()
    partial = to.with_name(f".{to.name}.partial")
    try:
        if os.path.lexists(to) and not (to.is_dir() and not any(to.iterdir())):
            raise InvalidInput(f"{to} is there already.", hint="Choose another folder, or remove it.")
        shutil.rmtree(partial, ignore_errors=True)
        rows = _write(partial, tables, block, customers, events, seed, on_rows)
        partial.replace(to)
    except OSError as error:
        raise EngineFailure(f"{to} cannot be written: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return rows


def _write(
    to: Path, tables: Sequence[str], block: Block, customers: int, events: int, seed: int, on_rows: OnRows | None
) -> dict[str, int]:
    for name in tables:
        (to / name).mkdir(parents=True)
    size = int(np.clip(BLOCK_EVENTS * customers // max(events, 1), 1, MOST_CUSTOMERS_IN_A_BLOCK))
    rows = dict.fromkeys(tables, 0)
    for number, first in enumerate(range(0, customers, size)):
        last = min(first + size, customers)
        rng = np.random.default_rng([seed, number])
        made = block(rng, first, last, events * first // customers, events * last // customers)
        for name, table in made.items():
            if table.num_rows or not rows[name]:
                pq.write_table(table, to / name / f"{number:05d}.parquet", compression="zstd")
            rows[name] += table.num_rows
        if on_rows is not None:
            on_rows(events * last // customers, events)
    return rows
