"""How a table of a source system becomes facts, attributes, relations or references: `SourceDef` and its parts."""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from gongbi.catalog.masking import Privacy
from gongbi.catalog.naming import NO_WORDS, Words, check_name
from gongbi.core.clock import zone_of
from gongbi.core.types import (
    BOOLEAN,
    COMPUTED_PRECISION,
    DATE,
    DOUBLE,
    INTEGER,
    STORED_PRECISION,
    TEXT,
    TIMESTAMP,
    Type,
    category,
    decimal,
    money,
)
from gongbi.errors import Cycle, InvalidDefinition, InvalidInput, Place, UnknownName

_DIRECTIVE = re.compile(r"%(.?)")


def check_format(text: str | None) -> None:
    """Refuse a format of dates with a directive that strptime does not know."""
    for directive in _DIRECTIVE.findall(text or ""):
        if directive not in set("aAbBcdfGHIjmMpSuUVwWxXyYzZ%"):
            raise InvalidDefinition(
                f"The format {text!r} has no directive %{directive}.", hint="For example %Y-%m-%d or %d/%m/%Y %H:%M."
            )


def _refused_as_definition(check: Callable[[str], object], value: str) -> None:
    try:
        check(value)
    except InvalidInput as error:
        raise InvalidDefinition(error.message, hint=error.hint) from None


SCALARS: Mapping[str, Type] = {
    "integer": INTEGER,
    "double": DOUBLE,
    "text": TEXT,
    "boolean": BOOLEAN,
    "date": DATE,
    "timestamp": TIMESTAMP,
}


@dataclass(frozen=True, slots=True)
class Lookup:
    """A fact's column taken from a reference table by several keys.

    Parameters
    ----------
    reference
        Name of the reference, defined by a source with `reference: NAME`.
    on
        Reference column → raw column of this source.
    expr
        Aggregate over the matching reference rows, e.g. ``any(display_location != '0')``: several may match.
    """

    reference: str
    on: Mapping[str, str]
    expr: str


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """How one column of a fact, an attribute table, a relation or a reference is made from raw columns.

    Parameters
    ----------
    type_
        ``integer``, ``double``, ``text``, ``boolean``, ``date``, ``timestamp``, ``decimal`` (with `scale`) or
        ``money`` (with `currency`, 2 digits unless `scale` says otherwise).
    from_
        The raw column; the column's own name where neither `from_`, `expr` nor `lookup` is given.
    expr
        An expression over the raw columns of the row; in a derived fact, an aggregate over the rows of the group.
    lookup
        Taken from a reference table.
    required
        A row without a value is rejected.
    min, max, values
        Bounds, both included, and the allowed values; a row outside is rejected.
    ordered
        The `values` stand from least to most: expressions compare them so, and not by their letters.
    default
        Constant used where the value is absent.
    sign
        For amounts. ``natural``: positive is what the customer pays, negative goes back to them (a return).
        ``reversed``: the source writes it the other way round, so it is multiplied by -1. ``positive``: a negative
        amount is an error and the row is rejected. Zero is always kept.
    format
        strptime-like format of a date or timestamp that comes as text; ISO 8601 where absent.
    pii
        How personal it is: ``none``, ``indirect`` (says something only with others), ``direct`` (a name, a phone) or
        ``sensitive``. Values of the last two are masked wherever a few members are shown.
    name
        What people call the column, in sentences about definitions and wherever it is shown: a noun. Its own name where
        there is none.
    unit
        What its numbers are measured in; of money, its currency where nothing is said.
    labels
        What people call its values: value → words, ``M: {zh: 男, en: Male}``. Expressions keep the values. A tag that
        is the attribute as it is has them too.
    """

    type_: str
    from_: str | None = None
    expr: str | None = None
    lookup: Lookup | None = None
    currency: str | None = None
    scale: int | None = None
    required: bool = False
    min: float | None = None
    max: float | None = None
    values: tuple[Any, ...] = ()
    ordered: bool = False
    default: Any = None
    sign: Literal["natural", "reversed", "positive"] = "natural"
    format: str | None = None
    unit: str | None = None
    pii: Privacy = "none"
    name: Words = NO_WORDS
    about: Words = NO_WORDS
    labels: Mapping[str, Words] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_format(self.format)
        known = {str(value) for value in self.values}
        for value in self.labels if known else ():
            if value not in known:
                raise InvalidDefinition(
                    f"`labels`: {value!r} is none of the column's values.",
                    hint=f"Its values: {', '.join(sorted(known))}.",
                )
        if sum(x is not None for x in (self.from_, self.expr, self.lookup)) > 1:
            raise InvalidDefinition("A column is made by one of `from`, `expr` and `lookup`, not by several.")
        if self.type_ == "money" and not self.currency:
            raise InvalidDefinition("A column of type money needs a `currency`, e.g. USD.")
        if self.type_ not in (*SCALARS, "decimal", "money"):
            raise InvalidDefinition(
                f"There is no column type {self.type_!r}.", hint=f"Types: {', '.join([*SCALARS, 'decimal', 'money'])}."
            )
        if self.currency and self.type_ != "money":
            raise InvalidDefinition("Only a column of type money has a currency.")
        if self.currency:
            _refused_as_definition(money, self.currency)
        if self.ordered and (not self.values or len(set(self.values)) < len(self.values)):
            raise InvalidDefinition(
                "An `ordered` column lists its `values`, each once.", hint="Write them from least to most."
            )
        if self.type_ in ("integer", "double", "decimal", "money"):
            self._check_numbers()

    def _check_numbers(self) -> None:
        """Refuse constants that the column cannot hold: an engine would, in words of its own."""
        for word, value in [("default", self.default), *(("values", value) for value in self.values)]:
            if value is not None and not _holds(self._plain_type, value):
                raise InvalidDefinition(f"`{word}`: a column of type {self.type_} cannot hold {value!r}.")
        for word, bound in (("min", self.min), ("max", self.max)):
            digits = Decimal(str(bound or 0))
            places = max(-digits.adjusted(), len(digits.as_tuple().digits) - digits.adjusted() - 1, 0)
            if self.type_ != "double" and max(digits.adjusted() + 1, 1) + places > COMPUTED_PRECISION:
                raise InvalidDefinition(
                    f"`{word}`: {bound} has more digits than a bound of type {self.type_} can have.",
                    hint="Leave out a bound that nothing can reach.",
                )

    @property
    def measured_in(self) -> str | None:
        """The unit of its numbers."""
        return self.unit or self.currency

    @property
    def _plain_type(self) -> Type:
        """The type without what `values` says of it."""
        scale = 2 if self.scale is None else self.scale
        if self.type_ == "money":
            assert self.currency is not None
            return money(self.currency, scale)
        return decimal(scale) if self.type_ == "decimal" else SCALARS[self.type_]

    @property
    def value_type(self) -> Type:
        """The column's type in the language."""
        plain = self._plain_type
        if not self.values or self.type_ not in ("text", "integer"):
            return plain
        # What stands for an absent value is a value too, the lowest where the list does not say.
        given = [*([] if self.default is None or self.default in self.values else [self.default]), *self.values]
        known = [value for value in given if value is not None]
        levels = [str(value) if self.type_ == "text" else int(Decimal(str(value))) for value in known]
        return category(plain, levels, ordered=self.ordered)


def _holds(type_: Type, value: Any) -> bool:
    """Whether a constant is a number that fits a type."""
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return False
    if isinstance(value, bool) or not number.is_finite():
        return False
    if type_.name == "integer":
        return number == number.to_integral_value() and -(2**63) <= number < 2**63
    if type_.name == "double":
        return math.isfinite(float(number))
    return abs(number) < Decimal(10) ** (STORED_PRECISION - type_.scale)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a source's rows come from: exactly one of package, file, database, fact.

    Parameters
    ----------
    package, table
        A Python package that ships Parquet files in its `data` folder, and the file's stem.
    file
        Path or glob, relative to the workspace: CSV, TSV, JSON lines, Parquet, Excel; `.gz` too. The format follows
        the suffix unless `format` says otherwise.
    encoding, delimiter, sheet, null_values
        For text files and workbooks. The encoding is UTF-8 (with or without a mark) unless given, e.g. ``gb18030``.
    database, query
        A SQLAlchemy URL (secrets as ``${NAME}`` from the environment) and a table name or a select.
    types
        Raw column → type name, for the columns of text files that an `expr` computes with. A raw text column that is
        also mapped by itself is read with that mapping's type and need not be named here.
    fact, group_by
        A derived fact: one row per distinct value of the `group_by` columns of another fact.
    """

    package: str | None = None
    table: str | None = None
    file: str | None = None
    format: Literal["csv", "tsv", "jsonl", "parquet", "xlsx"] | None = None
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    null_values: tuple[str, ...] = ("", "NULL", "null", "NA", "N/A")
    database: str | None = None
    query: str | None = None
    types: Mapping[str, str] = field(default_factory=dict)
    fact: str | None = None
    group_by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        given = [k for k in ("package", "file", "database", "fact") if getattr(self, k) is not None]
        if len(given) != 1:
            raise InvalidDefinition(
                f"`from` names {len(given)} origins ({', '.join(given) or 'none'}); it needs exactly one.",
                hint="One of package, file, database, fact.",
            )
        if self.fact is not None and not self.group_by:
            raise InvalidDefinition("A derived fact needs `group_by`: the columns of the other fact that make a row.")
        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding)
            except LookupError as error:
                raise InvalidDefinition(
                    f"There is no encoding {self.encoding!r}.", hint="For example utf-8, gb18030, big5."
                ) from error
        if (self.package is None) != (self.table is None):
            raise InvalidDefinition("`package` and `table` go together: which package, which of its tables.")
        if (self.database is None) != (self.query is None):
            raise InvalidDefinition("`database` and `query` go together: where, and which table or select.")
        for column, type_ in self.types.items():
            if type_ not in (*SCALARS, "decimal"):
                raise InvalidDefinition(f"`types` gives the raw column {column!r} the unknown type {type_!r}.")


@dataclass(frozen=True, slots=True)
class TimeMap:
    """The time of a fact, or the validity of an attribute or a relation.

    Parameters
    ----------
    column
        The raw column; absent where `lookup` gives the time.
    zone
        IANA zone of wall-clock times; the workspace's where absent. A time that the clocks skip in spring is moved on
        by the length of the gap (02:30 is read as 03:30), one that they show twice in autumn is the first of the two.
        A time that carries its own offset needs no zone.
    format
        strptime-like format of text; ISO 8601 where absent.
    grain
        ``date`` for a column that holds only a date. A fact then happened at the last microsecond of that day in
        `zone`, so it is visible from the day's end. `valid_from` is the day's first instant.
    inclusive
        For a `valid_to` of grain ``date``: the day named is the last valid one, so validity ends with the day.
        Otherwise the day named is the first that is not valid any more (half-open).
    lookup
        Taken from a reference: its `expr` gives a date or an instant.
    future
        For the time of a fact: what becomes of a row whose time is more than a day after the load, by the clock of this
        machine. ``reject`` sets it aside; ``accept`` takes it, for what is planned.
    end
        For the time of a fact that lasts, such as a contract: the raw column that says when it ends, read as `column`
        is. The row has it as ``until``. It is known from the start and may lie in the future; where it is absent, the
        end is open. Of grain ``date``, the day named is the last one. A row that ends before it starts is rejected.
    """

    column: str | None = None
    zone: str | None = None
    format: str | None = None
    grain: Literal["instant", "date"] = "instant"
    inclusive: bool = False
    lookup: Lookup | None = None
    future: Literal["reject", "accept"] = "reject"
    end: str | None = None

    def __post_init__(self) -> None:
        if self.zone is not None:
            _refused_as_definition(zone_of, self.zone)
        check_format(self.format)
        if (self.column is None) == (self.lookup is None):
            raise InvalidDefinition("A time is made by one of `column` and `lookup`.")
        if self.inclusive and self.grain != "date":
            raise InvalidDefinition("Only a time of grain `date` can be `inclusive`.")
        if self.end is not None and self.lookup is not None:
            raise InvalidDefinition(
                "A time that is looked up has no `end`.", hint="`end` is a column of the row, as `column` is."
            )


@dataclass(frozen=True, slots=True)
class SubjectMap:
    """How a row names a member of a subject: one raw column that holds the key, or identifiers (kind → raw column).

    Parameters
    ----------
    subject
        At the end of a relation that has a role for a name: of which subject its members are.
    """

    column: str | None = None
    identifiers: Mapping[str, str] = field(default_factory=dict)
    required: bool = True
    subject: str | None = None

    def __post_init__(self) -> None:
        if (self.column is None) == (not self.identifiers):
            raise InvalidDefinition(
                "A subject is named by one of `column`, `identifier` and `identifiers`.",
                hint="Where an identifier's column has another name, write `identifiers: {IDENTIFIER: COLUMN}`.",
            )


@dataclass(frozen=True, slots=True)
class SchemaRule:
    """What happens when the columns of a file differ from those of the load before it."""

    added: Literal["note", "ignore", "refuse"] = "note"
    changed: Literal["cast", "refuse"] = "cast"
    missing: Literal["refuse", "absent"] = "refuse"


@dataclass(frozen=True, slots=True)
class SourceDef:
    """One table of a source system, mapped to one fact, attribute table, relation or reference.

    Parameters
    ----------
    source
        Its name.
    from_
        Where the rows come from.
    fact, attributes, relation, reference
        What a row is; exactly one. `attributes` names the subject that is described, `relation` and `reference` are
        names of their own.
    key
        Raw columns that make a row unique. A second row with the same key and the same content is counted as
        repeated; with other content it is rejected. Across files the last load wins.
    time
        For a fact: when it happened.
    valid_from, valid_to
        For attributes and relations whose history is kept; half-open.
    subjects
        Subject → how the row names it. A relation has exactly two, in the order from, to; where both are of one
        subject, or a role says more, the role takes the name's place: ``member: {subject: customer, column: id}``.
    to_one
        For a relation: each member at the first end has at most one at the second at a time, so that its values stand
        by themselves (``household.town``). Where several are valid, the one that is valid since the latest counts.
    id
        For `attributes`: how the row names the described subject.
    columns
        Name → mapping.
    """

    source: str
    from_: Origin
    fact: str | None = None
    attributes: str | None = None
    relation: str | None = None
    reference: str | None = None
    key: tuple[str, ...] = ()
    time: TimeMap | None = None
    valid_from: TimeMap | None = None
    valid_to: TimeMap | None = None
    subjects: Mapping[str, SubjectMap] = field(default_factory=dict)
    id: SubjectMap | None = None
    columns: Mapping[str, ColumnMap] = field(default_factory=dict)
    to_one: bool = False
    schema: SchemaRule = SchemaRule()
    name: Words = NO_WORDS
    about: Words = NO_WORDS
    place: Place | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        check_name(self.source, "source")
        targets = [k for k in ("fact", "attributes", "relation", "reference") if getattr(self, k) is not None]
        if len(targets) != 1:
            raise InvalidDefinition(
                f"Source {self.source!r} maps to {len(targets)} targets; it needs exactly one.",
                hint="One of fact, attributes, relation, reference.",
            )
        for column in (*self.columns, self.fact or "x", self.relation or "x", self.reference or "x"):
            check_name(column, "column" if column in self.columns else targets[0])
        if self.fact and self.from_.fact is None and self.time is None:
            raise InvalidDefinition(f"Source {self.source!r} maps a fact and says no `time`.")
        if self.attributes and self.id is None:
            raise InvalidDefinition(f"Source {self.source!r} maps attributes and says no `id`.")
        if self.relation and len(self.subjects) != 2:
            raise InvalidDefinition(f"Relation {self.relation!r} needs exactly two `subjects`: from and to.")
        roles = [role for role, named in self.subjects.items() if named.subject is not None]
        if roles and not self.relation:
            raise InvalidDefinition(
                f"Source {self.source!r}: {roles[0]!r} says its `subject`, and only an end of a relation does.",
                hint="Call it as the subject is called.",
            )
        for role in roles:
            check_name(role, "role")
        if self.to_one and not self.relation:
            raise InvalidDefinition(f"Source {self.source!r} says `to_one` and maps no relation.")
        if any(t is not None and t.future == "accept" for t in (self.valid_from, self.valid_to)):
            raise InvalidDefinition(
                f"Source {self.source!r} says `future` of a validity, which may always lie in the future.",
                hint="`future` belongs to the `time` of a fact.",
            )
        if any(t is not None and t.end is not None for t in (self.valid_from, self.valid_to)):
            raise InvalidDefinition(
                f"Source {self.source!r} says `end` of a validity.", hint="A validity ends at `valid_to`."
            )
        if not self.key and self.from_.fact is None:
            raise InvalidDefinition(f"Source {self.source!r} says no `key`: the columns that make a row unique.")

    @property
    def target(self) -> Literal["fact", "attributes", "relation", "reference"]:
        """Which of the four a row becomes."""
        if self.fact is not None:
            return "fact"
        if self.attributes is not None:
            return "attributes"
        return "relation" if self.relation is not None else "reference"

    @property
    def lasts(self) -> bool:
        """True of a fact whose rows have an end, `until`."""
        return self.fact is not None and self.time is not None and self.time.end is not None

    @property
    def is_derived(self) -> bool:
        """True of a fact that is grouped from another fact."""
        return self.from_.fact is not None


def derived_in_order(sources: Mapping[str, SourceDef]) -> list[SourceDef]:
    """Sources of derived facts, each after the one that it is derived from; `Cycle` where there is no order."""
    facts = {s.fact: s for s in sources.values() if s.fact is not None}
    done: dict[str, SourceDef] = {}

    def take(source: SourceDef, above: tuple[str, ...]) -> None:
        base, name = source.from_.fact, source.fact or source.source
        if base is None or source.source in done:
            return
        if base not in facts:
            raise UnknownName("fact", base, facts, place=source.place)
        if name in above:
            circle = " → ".join([*above[above.index(name) :], name])
            raise Cycle(
                f"Facts are derived in a circle: {circle}.",
                hint="Derive one of them from a fact that is loaded.",
                place=source.place,
            )
        take(facts[base], (*above, name))
        done[source.source] = source

    for source in sources.values():
        take(source, ())
    return list(done.values())
