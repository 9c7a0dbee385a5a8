"""Counts of character n-grams of many texts at once, hashed, without a Python loop over characters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from gongbi.estimators.checks import FloatArray, IntArray

# Separates texts; normal texts do not contain it.
_END = "\x00"
_ODD = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)


def hashed(texts: Sequence[str], longest: int, bits: int) -> tuple[IntArray, NDArray[np.int32]]:
    """Return the text and the hash of every n-gram of 1 to `longest` characters, two arrays of equal length.

    The code of an n-gram is made from that of the (n-1)-gram at the same place and one more character, for all places
    of all texts at once; n-grams across the border of two texts are left out. The same text gives the same hashes on
    every machine.
    """
    codes = np.frombuffer(_END.join([*texts, ""]).encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    border = codes == 0
    owner = np.cumsum(border) - border
    rolled = np.zeros(len(codes), dtype=np.uint64)
    crossed = np.zeros(len(codes), dtype=bool)
    owners, hashes = [], []
    for n in range(1, longest + 1):
        places = len(codes) - n + 1
        if places <= 0:
            break
        rolled = (rolled[:places] + codes[n - 1 :]) * _ODD
        rolled ^= rolled >> _SHIFT
        crossed = crossed[:places] | border[n - 1 :]
        inside = ~crossed
        hashes.append(((rolled[inside] * _ODD) >> np.uint64(64 - bits)).astype(np.int32))
        owners.append(owner[:places][inside])
    if not hashes:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int32)
    return np.concatenate(owners), np.concatenate(hashes)


@dataclass(frozen=True, slots=True)
class Grams:
    """The n-grams that are counted: a table from hash to column, -1 for those that are not.

    Attributes
    ----------
    longest, bits
        Characters of the longest n-gram; the table has ``2 ** bits`` entries.
    kept : ndarray of shape (n_columns,)
        Hash of each column, rising.
    column : ndarray of shape (2 ** bits,)
        Column of each hash.
    """

    longest: int
    bits: int
    kept: IntArray
    column: NDArray[np.int32]

    @classmethod
    def of(cls, longest: int, bits: int, kept: IntArray) -> Grams:
        """Make the table for hashes that are kept."""
        column = np.full(1 << bits, -1, dtype=np.int32)
        column[kept] = np.arange(len(kept), dtype=np.int32)
        return cls(longest, bits, kept, column)

    @classmethod
    def learn(cls, texts: Sequence[str], longest: int, bits: int, least: int) -> Grams:
        """Keep the n-grams that occur in at least so many texts."""
        owner, gram = hashed(texts, longest, bits)
        keys = np.unique((owner << bits) | gram)
        texts_with = np.bincount(keys & ((1 << bits) - 1), minlength=1 << bits)
        return cls.of(longest, bits, np.flatnonzero(texts_with >= least))

    def counts(self, texts: Sequence[str]) -> Any:
        """Return how often each text has each kept n-gram: CSR of float32, shape (n_texts, n_columns)."""
        owner, gram = hashed(texts, self.longest, self.bits)
        column = self.column[gram]
        known = column >= 0
        # One sort of whole numbers puts equal pairs of text and column side by side: far faster than a dictionary.
        keys = np.sort((owner[known] << self.bits) | column[known])
        first = np.flatnonzero(np.diff(keys, prepend=-1))
        times = np.diff(first, append=len(keys)).astype(np.float32)
        rows, columns = keys[first] >> self.bits, (keys[first] & ((1 << self.bits) - 1)).astype(np.int32)
        starts = np.searchsorted(rows, np.arange(len(texts) + 1))
        return sp.csr_matrix((times, columns, starts), shape=(len(texts), len(self.kept)))


def weighted(counts: Any, weights: FloatArray, *, present: bool = False) -> Any:
    """Return rows of unit length: one plus the logarithm of each count (or 1), times the weight of its column."""
    damped = np.ones_like(counts.data) if present else 1 + np.log(counts.data)
    data = damped * weights.astype(np.float32)[counts.indices]
    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    length = np.sqrt(np.bincount(rows, data.astype(np.float64) ** 2, minlength=counts.shape[0]))
    scaled = data / np.maximum(length, 1e-12).astype(np.float32)[rows]
    return sp.csr_matrix((scaled, counts.indices, counts.indptr), shape=counts.shape)
