"""The bins of several tags as one number, by which members are counted for all of these tags at once. Pure text.

Counting 300 tags of ten million members is three thousand million rows to group if every tag is a row, and a quarter of
that if a row has a number for as many tags as give it some thousands of values. Kept as a table, these numbers are also
all that a comparison reads of a build: less than a third of its bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import prod

from gongbi.core.compiler import Stored
from gongbi.core.dialect import Dialect
from gongbi.core.plan import Plan
from gongbi.segments.base import Bin, BinnedTag

#: So many values a word may have: what twelve bits hold, where DuckDB counts by place and needs no hash.
MOST = 4096


@dataclass(frozen=True, slots=True)
class Word:
    """Tags whose bins make one number: the first tag's is the lowest digit, and 0 is in no bin.

    Attributes
    ----------
    column
        Where the number is kept; None where it is worked out from the tags' values.
    """

    tags: tuple[BinnedTag, ...]
    column: Stored | None = None

    @property
    def bases(self) -> tuple[int, ...]:
        """How many digits there are at each place."""
        return tuple(len(tag.bins) + 1 for tag in self.tags)

    @property
    def unknown(self) -> int:
        """The number of a member of whom nothing is known."""
        digits = [1 + next((j for j, bin_ in enumerate(tag.bins) if bin_.kind == "absent"), -1) for tag in self.tags]
        return sum(digit * scale for digit, scale in zip(digits, self._scales(), strict=True))

    def bins_of(self, number: int) -> Iterator[tuple[BinnedTag, int]]:
        """The tags with the numbers of their bins, from 0, where the member is in one."""
        for tag, base in zip(self.tags, self.bases, strict=True):
            number, digit = divmod(number, base)
            if digit:
                yield tag, digit - 1

    def sql(self, values: Sequence[str], dialect: Dialect) -> str:
        """The number, from the values as `seen` gives them, which stand in these columns."""
        parts = [
            f"({place(tag, value, dialect)}) * {scale}"
            for tag, value, scale in zip(self.tags, values, self._scales(), strict=True)
        ]
        return f"cast({' + '.join(parts)} as {dialect.types['integer']})"

    def _scales(self) -> list[int]:
        return [prod(self.bases[:i]) for i in range(len(self.tags))]


def words_of(tags: Sequence[BinnedTag]) -> list[Word]:
    """Put tags into words, in their order, as many into each as it holds."""
    words: list[Word] = []
    for tag in tags:
        longer = Word((*words[-1].tags, tag)) if words else None
        if longer is not None and prod(longer.bases) <= MOST:
            words[-1] = longer
        else:
            words.append(Word((tag,)))
    return words


def digest_of(words: Sequence[Word]) -> str:
    """Tells apart words of different tags or bins."""
    return hashlib.sha256(repr([word.tags for word in words]).encode()).hexdigest()[:12]


def kept_in(table: str, words: Sequence[Word]) -> list[Word]:
    """The words as the table of `words_plan` keeps them."""
    return [replace(word, column=Stored(table, f"w{i}")) for i, word in enumerate(words)]


def words_plan(build: str, words: Sequence[Word], dialect: Dialect) -> Plan:
    """The words of everybody in a build. Grain: one row per member, columns ``id`` and ``w{i}``."""
    tags = [tag for word in words for tag in word.tags]
    listed = ", ".join(f"{seen(tag, dialect.ident(tag.tag), dialect)} as s{i}" for i, tag in enumerate(tags))
    plan = Plan().then("_seen", f"select id, {listed} from {dialect.ident(build)}")
    columns = iter(f"s{i}" for i in range(len(tags)))
    numbers = [word.sql([next(columns) for _ in word.tags], dialect) for word in words]
    made = ", ".join(f"{number} as w{i}" for i, number in enumerate(numbers))
    return plan.then("_words", f"select id, {made} from _seen")


def counts_beside(table: str) -> str:
    """Where the counts of the words in a table of `words_plan` are kept."""
    return f"{table}_counts"


def everybody_plan(words: Sequence[Word], dialect: Dialect) -> Plan:
    """Count everybody by words that are kept in one table: ``word`` (its column), ``number`` and ``n``."""
    parts = []
    for where in _columns(words):
        table, column = dialect.ident(where.table), dialect.ident(where.column)
        name = dialect.literal(where.column)
        parts.append(f"select {name} as word, {column} as number, count(*) as n from {table} group by {column}")
    return Plan().then("_everybody", " union all ".join(parts))


def counted_plan(words: Sequence[Word], dialect: Dialect) -> Plan:
    """The counts of words of one table as they are kept beside it: ``word`` (``w{i}``), ``number`` and ``n``."""
    places = {where.column: f"w{i}" for i, where in enumerate(_columns(words))}
    named = " ".join(f"when {dialect.literal(kept)} then {dialect.literal(name)}" for kept, name in places.items())
    listed = ", ".join(map(dialect.literal, places))
    (table,) = {where.table for where in _columns(words)}
    rows = f"from {dialect.ident(counts_beside(table))} where word in ({listed})"
    return Plan().then("_everybody", f"select case word {named} end as word, number, n {rows}")


def _columns(words: Sequence[Word]) -> Iterator[Stored]:
    """Where words are kept."""
    for word in words:
        assert word.column is not None
        yield word.column


def seen(tag: BinnedTag, column: str, dialect: Dialect) -> str:
    """A tag's value as its bins are told by: numbers and moments by ranges, whole numbers by value, else text."""
    if _ranged(tag):
        return column if _days(tag) else f"cast({column} as {dialect.types['double']})"
    return column if tag.type.name in ("integer", "boolean") else f"cast({column} as {dialect.types['text']})"


def place(tag: BinnedTag, value: str, dialect: Dialect) -> str:
    """The number of a value's bin, from 1; 0 where it is in none. The value is as `seen` gives it."""
    absent = next((j for j, bin_ in enumerate(tag.bins, 1) if bin_.kind == "absent"), 0)
    cases, last = [f"when {value} is null then {absent}"], 0
    # Ranges go on from one to the next: whoever reaches a case is not below it.
    for j, bin_ in enumerate(tag.bins, 1):
        if bin_.kind == "range" and bin_.high is not None:
            cases.append(f"when {value} < {dialect.literal(bin_.high)} then {j}")
        elif bin_.kind == "value":
            cases.append(f"when {value} = {_literal(tag, bin_, dialect)} then {j}")
        elif bin_.kind in ("range", "other"):
            last = j
    return f"case {' '.join(cases)} else {last} end"


def _literal(tag: BinnedTag, bin_: Bin, dialect: Dialect) -> str:
    text = str(bin_.value)
    if tag.type.name == "integer":
        return str(int(text))
    if tag.type.name == "boolean":
        return text.lower()
    return dialect.literal(text)


def _ranged(tag: BinnedTag) -> bool:
    return any(bin_.kind == "range" for bin_ in tag.bins)


def _days(tag: BinnedTag) -> bool:
    return any(isinstance(bin_.low if bin_.low is not None else bin_.high, date) for bin_ in tag.bins)
