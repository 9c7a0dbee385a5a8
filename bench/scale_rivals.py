"""The questions of the bench at size put to ClickHouse (chdb) and to pandas: a count, TGI over all tags, overlaps.

Each side has the columns that it reads loaded, and for TGI the number of every member's bin of every tag, a byte each,
as Gongbi has its words: nobody cuts values while a question waits. Every answer is compared with Gongbi's.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gongbi.segments.words import Word
from gongbi.services.bins import binned_tags, kept_words
from gongbi.services.context import Context
from gongbi.services.insight import compared_with
from gongbi.services.overlap import overlap, shared
from gongbi.services.segments import request

#: Bins of a tag, and none: twelve values, all others, the unknown.
CODES = 16
#: Members read at once, so that no side's columns are in memory twice.
PIECE = 500_000
_TAG = re.compile(r"tag\.([a-z_0-9]+\.[a-z_0-9]+)")

#: Asks for a count, the counts of all bins, or the patterns of the groups.
Asked = Callable[..., Any]


class Rivals:
    """Gongbi's answers, and the same columns for the other sides.

    Parameters
    ----------
    five
        The condition of the group, with a place for the number ``n``.
    segments
        Conditions of the groups that are laid over one another, as Gongbi's saved segments have them.
    folder
        Where the columns are put as a file; it is made, and gone after `ask`.
    """

    def __init__(self, ctx: Context, five: str, segments: Sequence[str], folder: Path) -> None:
        self.ctx, self.five, self.segments, self.folder = ctx, five, segments, folder
        self.file = folder / "columns.parquet"
        stored = ctx.stored("customer")
        self.cut = binned_tags(ctx, "customer", stored)
        self.words = kept_words(ctx, "customer", stored)
        self.columns = sorted({name for text in (five, *segments) for name in _TAG.findall(text)})
        self.places = {tag.tag: f"c{i}" for i, tag in enumerate(self.cut)}

    def ask(self) -> dict[str, Any]:
        """Ask all sides; the answers have to be the same."""
        found: dict[str, Any] = {}
        self.folder.mkdir()
        try:
            self.write()
            sides: dict[str, Callable[[], tuple[Asked, Asked, Asked]]] = {"chdb": self.chdb, "pandas": self.pandas}
            wanted = self.ours()
            for name, side in sides.items():
                try:
                    count, bins, patterns = side()
                except ImportError:
                    found[name] = "not installed: pip install -r locks/rivals.txt"
                    continue
                found[name] = self.measured(name, count, bins, patterns, wanted)
        finally:
            shutil.rmtree(self.folder)
        return found

    def measured(
        self, name: str, count: Asked, bins: Asked, patterns: Asked, wanted: Mapping[str, Any]
    ) -> dict[str, Any]:
        seconds = [_seconds(lambda n=n: count(n)) for n in range(20)]  # type: ignore[misc]
        cuts = quantiles(seconds[5:], n=100)
        numbers = {"count": count(1), "bins": bins(1), "shared": shared(patterns(), len(self.segments))}
        if wrong := [what for what, answer in numbers.items() if answer != wanted[what]]:
            raise SystemExit(f"{name} answers otherwise: {', '.join(wrong)}")
        return {
            "p50_ms": round(cuts[49] * 1000, 1),
            "p95_ms": round(cuts[94] * 1000, 1),
            "tgi_seconds": round(median(_seconds(lambda n=n: bins(n)) for n in range(1, 4)), 3),  # type: ignore[misc]
            "overlap_seconds": round(
                median(_seconds(lambda: shared(patterns(), len(self.segments))) for _ in range(3)), 3
            ),
        }

    def ours(self) -> dict[str, Any]:
        """Gongbi's answers: the count, the members of the group by bin, and those that each two groups share."""
        counts = compared_with(self.ctx, request(self.ctx, self.five.format(n=1), "customer"), None, self.cut)
        left = iter(counts.group)
        said = overlap(self.ctx)
        names = [f"s{i}" for i in range(len(self.segments))]
        both = {(pair["a"], pair["b"]): pair["both"] for pair in said["pairs"]}
        both |= {(b, a): n for (a, b), n in both.items()}
        both |= {(one["segment"], one["segment"]): one["count"] for one in said["segments"]}
        return {
            "count": counts.n_group,
            "bins": [[next(left) for _ in tag.bins] for tag in self.cut],
            "shared": [[both[a, b] for b in names] for a in names],
        }

    def write(self) -> None:
        """Write the columns of the conditions, and the number of each member's bin of each tag, from 1."""
        quote = self.ctx.engine.dialect.ident
        build, table = self.ctx.current_build("customer"), self.words[0].column
        assert build is not None
        assert table is not None
        listed = ", ".join(f"b.{quote(name)} as {_plain(name)}" for name in self.columns)
        kept = ", ".join(f"w.{quote(word.column.column)} as w{i}" for i, word in enumerate(self.words) if word.column)
        rows = f"{quote(build.table)} b join {quote(table.table)} w on w.id = b.id"
        writer: Any = None
        pieces = max(self.ctx.rows("member_customer") // PIECE, 1)
        for piece in range(pieces):
            sql = f"select {listed}, {kept} from {rows} where hash(b.id) % {pieces} = {piece}"
            found = self.ctx.engine.query(sql)
            digits: dict[str, Any] = {}
            for i, word in enumerate(self.words):
                digits |= self.digits(word, found[f"w{i}"].to_numpy())
            columns = {_plain(name): found[_plain(name)] for name in self.columns}
            both = pa.table({**columns, **{self.places[t.tag]: digits[t.tag] for t in self.cut}})
            writer = writer or pq.ParquetWriter(self.file, both.schema)
            writer.write_table(both)
        assert writer is not None
        writer.close()

    @staticmethod
    def digits(word: Word, numbers: Any) -> dict[str, Any]:
        """The number of the bin of each tag of a word."""
        found = {}
        for tag, base in zip(word.tags, word.bases, strict=True):
            numbers, digit = np.divmod(numbers, base)
            found[tag.tag] = digit.astype(np.uint8)
        return found

    def chdb(self) -> tuple[Asked, Asked, Asked]:
        """ClickHouse: a MergeTree table; bins counted by `countResample`, groups by their pattern."""
        from chdb.session import Session

        session: Any = cast(Any, Session)(str(self.folder / "chdb"))
        session.query("create database b")
        made = f"as select * from file('{self.file}', Parquet)"
        session.query(f"create table b.t engine = MergeTree order by tuple() {made}")
        listed = ", ".join(f"countResample(0, {CODES}, 1)({self.places[tag.tag]})" for tag in self.cut)
        bits = " + ".join(f"toUInt64(ifNull({_sql(text)}, false)) * {2**i}" for i, text in enumerate(self.segments))

        def rows(sql: str) -> list[dict[str, Any]]:
            answer = session.query(sql, "ArrowTable")
            return answer.to_pylist()  # type: ignore[no-any-return]

        def bins(n: int) -> list[list[int]]:
            (row,) = rows(f"select {listed} from b.t where {_sql(self.five.format(n=n))}")
            return [list(counts[1 : 1 + len(tag.bins)]) for tag, counts in zip(self.cut, row.values(), strict=True)]

        def count(n: int) -> int:
            return int(rows(f"select count() as n from b.t where {_sql(self.five.format(n=n))}")[0]["n"])

        def patterns() -> dict[int, int]:
            return {r["p"]: r["n"] for r in rows(f"select {bits} as p, count() as n from b.t group by p")}

        return count, bins, patterns

    def pandas(self) -> tuple[Asked, Asked, Asked]:
        """pandas, with NumPy where that is sooner: bytes counted tag by tag, patterns as bits of a number."""
        names = [_plain(name) for name in self.columns]
        frame = pq.read_table(self.file, columns=names).to_pandas()
        codes = [pq.read_table(self.file, columns=[self.places[tag.tag]]).column(0).to_numpy() for tag in self.cut]
        for name in names:  # Yes or no, with the unknown: unknown is no, as in a filter.
            if frame[name].dtype == object and frame[name].dropna().isin([True, False]).all():
                frame[name] = frame[name].fillna(False).astype(bool)

        def holds(text: str) -> Any:
            return frame.eval(_plainly(text), engine="python").to_numpy(dtype=bool)

        def bins(n: int) -> list[list[int]]:
            inside = np.flatnonzero(holds(self.five.format(n=n)))
            return [
                np.bincount(code[inside], minlength=CODES)[1 : 1 + len(tag.bins)].tolist()
                for tag, code in zip(self.cut, codes, strict=True)
            ]

        def patterns() -> dict[int, int]:
            found = np.zeros(len(frame), dtype=np.int64)
            for i, text in enumerate(self.segments):
                found |= holds(text).astype(np.int64) << i
            which, n = np.unique(found, return_counts=True)
            return dict(zip(which.tolist(), n.tolist(), strict=True))

        return lambda n: int(holds(self.five.format(n=n)).sum()), bins, patterns


def _plain(tag: str) -> str:
    return tag.replace(".", "__")


def _plainly(text: str) -> str:
    """A condition with the tags as columns, and with Python's signs for lists, equal and unequal."""
    text = _TAG.sub(lambda m: _plain(m[1]), text).replace("<>", "!=").replace(" = ", " == ")
    return re.sub(r"in \(([^)]*)\)", r"in [\1]", text)


def _sql(text: str) -> str:
    return _TAG.sub(lambda m: _plain(m[1]), text)


def _seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
