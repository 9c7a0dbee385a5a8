"""What a definition is: subjects, sources, tags, segments, models and campaigns, as small frozen values.

A definition refuses nonsense about itself at birth; what it says about others (names, types, cycles) is checked when
the whole set is put together in a `Catalog`. In YAML the first key of a document is its kind and name, and every
further key is a field of the class here; `from` and `type` are written so and read as `from_` and `type_`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gongbi.core.types import BOOLEAN, DATE, DOUBLE, INTEGER, TEXT, TIMESTAMP, Type, decimal, money
from gongbi.errors import InvalidDefinition, Place

Kind = Literal["subject", "source", "tag", "segment", "model", "campaign"]
KINDS: tuple[Kind, ...] = ("subject", "source", "tag", "segment", "model", "campaign")

_NAME = re.compile(r"[^\W\d]\w*", re.UNICODE)
#: Names that would be read as something else in an expression.
RESERVED = frozenset(
    "tag segment relation and or not in is null true false case when then else end between like filter where"
    " distinct over cast as absent interval ts as_of from select".split()
)


def check_name(name: str, what: str, *, dotted: bool = False) -> str:
    """Return `name` if it can be written in an expression without quotes; Chinese names can."""
    parts = name.split(".") if dotted else [name]
    for part in parts:
        if not _NAME.fullmatch(part):
            raise InvalidDefinition(
                f"{name!r} cannot be the name of a {what}.",
                hint="A name begins with a letter and goes on with letters, digits and underscores"
                + (", in parts joined by dots." if dotted else "."),
            )
        if not dotted and part.lower() in RESERVED:
            raise InvalidDefinition(f"{name!r} cannot be the name of a {what}: the word is part of the language.")
    return name


@dataclass(frozen=True, slots=True)
class Words:
    """A text for people, in both languages. A plain string in YAML stands for both."""

    zh: str
    en: str

    def in_(self, language: str) -> str:
        """Return the text in `zh` or `en`."""
        return self.zh if language.startswith("zh") else self.en


NO_WORDS = Words("", "")


@dataclass(frozen=True, slots=True)
class Identifier:
    """A kind of identifier by which a customer can be recognised: a card number, a phone, a household id.

    The customer's id is the value of its `primary` identifier, the smallest where several came together.
    """

    type: Literal["integer", "text"] = "text"
    primary: bool = False


@dataclass(frozen=True, slots=True)
class SubjectDef:
    """A kind of thing that can be described: customer, product, store, campaign.

    Parameters
    ----------
    subject
        Its name, as written in expressions.
    key
        Type of its id: ``integer`` or ``text``.
    identifiers
        For a subject that is resolved from records (the customer): the kinds of identifier, exactly one primary.
        Empty where the source's key is the id.
    label
        The attribute that people know a member by.
    """

    subject: str
    name: Words = NO_WORDS
    key: Literal["integer", "text"] = "integer"
    identifiers: Mapping[str, Identifier] = field(default_factory=dict)
    label: str | None = None
    about: Words = NO_WORDS
    place: Place | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        check_name(self.subject, "subject")
        primary = [name for name, identifier in self.identifiers.items() if identifier.primary]
        if self.identifiers and len(primary) != 1:
            raise InvalidDefinition(
                f"Subject {self.subject!r} has {len(primary)} primary identifiers; it needs exactly one.",
                hint="Mark one identifier `primary: true`.",
            )
        if primary and self.identifiers[primary[0]].type != self.key:
            raise InvalidDefinition(f"Subject {self.subject!r}: the primary identifier's type must be the key's type.")

    @property
    def id_type(self) -> Type:
        return INTEGER if self.key == "integer" else TEXT


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
    default
        Constant used where the value is absent.
    sign
        For amounts. ``natural``: positive is what the customer pays, negative goes back to them (a return).
        ``reversed``: the source writes it the other way round, so it is multiplied by -1. ``positive``: a negative
        amount is an error and the row is rejected. Zero is always kept.
    format
        strptime-like format of a date or timestamp that comes as text; ISO 8601 where absent.
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
    default: Any = None
    sign: Literal["natural", "reversed", "positive"] = "natural"
    format: str | None = None
    unit: str | None = None
    about: Words = NO_WORDS

    def __post_init__(self) -> None:
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

    @property
    def value_type(self) -> Type:
        """The column's type in the language."""
        scale = 2 if self.scale is None else self.scale
        if self.type_ == "money":
            assert self.currency is not None
            return money(self.currency, scale)
        return decimal(scale) if self.type_ == "decimal" else SCALARS[self.type_]


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
    """

    column: str | None = None
    zone: str | None = None
    format: str | None = None
    grain: Literal["instant", "date"] = "instant"
    inclusive: bool = False
    lookup: Lookup | None = None

    def __post_init__(self) -> None:
        if (self.column is None) == (self.lookup is None):
            raise InvalidDefinition("A time is made by one of `column` and `lookup`.")
        if self.inclusive and self.grain != "date":
            raise InvalidDefinition("Only a time of grain `date` can be `inclusive`.")


@dataclass(frozen=True, slots=True)
class SubjectMap:
    """How a row names a subject: one raw column that holds the key, or identifiers (kind → raw column)."""

    column: str | None = None
    identifiers: Mapping[str, str] = field(default_factory=dict)
    required: bool = True

    def __post_init__(self) -> None:
        if (self.column is None) == (not self.identifiers):
            raise InvalidDefinition("A subject is named by one of `column` and `identifiers`.")


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
        Subject → how the row names it. A relation has exactly two, in the order from, to.
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
    def is_derived(self) -> bool:
        """True of a fact that is grouped from another fact."""
        return self.from_.fact is not None


@dataclass(frozen=True, slots=True)
class CategoryType:
    """The declared value type of a tag whose values are a closed list; `ordered` from least to most."""

    category: tuple[Any, ...]
    ordered: bool = False


Refresh = Literal["manual", "hourly", "daily", "weekly", "monthly"]


@dataclass(frozen=True, slots=True)
class TagDef:
    """A named scalar expression about one member of a subject.

    Parameters
    ----------
    tag
        ``topic.fact``, e.g. ``rfm.recency``.
    expr
        The expression; see the language reference.
    category
        Path in the category tree, its first part the portrait dimension: ``消费特征/价值``.
    type_
        Declared type, checked against the expression's: a type name, or a closed list of values.
    """

    tag: str
    expr: str
    name: Words = NO_WORDS
    subject: str = "customer"
    category: str = ""
    type_: CategoryType | str | None = None
    unit: str | None = None
    owner: str = ""
    refresh: Refresh = "daily"
    about: Words = NO_WORDS
    place: Place | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        check_name(self.tag, "tag", dotted=True)
        check_name(self.subject, "subject")
        if not self.expr.strip():
            raise InvalidDefinition(f"Tag {self.tag!r} has an empty `expr`.")


@dataclass(frozen=True, slots=True)
class SegmentDef:
    """A named boolean expression; it holds those members for whom the expression is true."""

    segment: str
    expr: str
    name: Words = NO_WORDS
    subject: str = "customer"
    owner: str = ""
    refresh: Refresh = "daily"
    about: Words = NO_WORDS
    place: Place | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        check_name(self.segment, "segment")
        if not self.expr.strip():
            raise InvalidDefinition(f"Segment {self.segment!r} has an empty `expr`.")


@dataclass(frozen=True, slots=True)
class Cohort:
    """One training or test set: who, as of when, and what counts as a yes.

    Parameters
    ----------
    as_of
        ISO date or instant; a date is its first instant in the workspace zone. Features see only what was known
        before it.
    population
        Who belongs to it: a boolean expression, as of `known_by`.
    target
        What counts as a yes: a boolean expression that uses ``ahead(n, unit)`` to look at what came after `as_of`.
    known_by
        ISO date or instant by which the population is known; `as_of` where absent. A mailing list is settled before
        a campaign begins but comes on record with its first day: without this the list would still be empty. Give
        the earliest instant that will do, since it is the only part that sees beyond `as_of` and picks the members.
    """

    name: str
    as_of: str
    population: str
    target: str
    known_by: str | None = None


@dataclass(frozen=True, slots=True)
class ModelDef:
    """A prediction that is trained, checked and written as tags.

    Parameters
    ----------
    model
        Its name; its scores become tags ``model.NAME`` or, for purchase models, several.
    estimator
        ``purchases`` (BG/NBD and Gamma-Gamma) or ``propensity`` (boosted trees, calibrated).
    fact, amount, horizon_days
        For ``purchases``: the fact whose days count as purchases, its money column, and how far to predict.
    features
        For ``propensity``: tag names or patterns such as ``rfm.*``.
    train, test
        For ``propensity``: cohorts; test cohorts are later than every train cohort.
    score
        For ``propensity``: the population expression scored now (all members where absent).
    baseline
        A tag whose plain value is the score to beat.
    """

    model: str
    estimator: Literal["purchases", "propensity"]
    name: Words = NO_WORDS
    subject: str = "customer"
    fact: str | None = None
    amount: str | None = None
    horizon_days: int = 90
    holdout_days: int = 90
    features: tuple[str, ...] = ()
    train: tuple[Cohort, ...] = ()
    test: tuple[Cohort, ...] = ()
    score: str | None = None
    baseline: str | None = None
    owner: str = ""
    refresh: Refresh = "weekly"
    about: Words = NO_WORDS
    place: Place | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        check_name(self.model, "model")
        if self.estimator == "purchases" and not (self.fact and self.amount):
            raise InvalidDefinition(f"Model {self.model!r} needs `fact` and `amount`.")
        if self.estimator == "propensity" and not (self.features and self.train and self.test):
            raise InvalidDefinition(f"Model {self.model!r} needs `features`, `train` and `test`.")
        if self.train and self.test and max(c.as_of for c in self.train) >= min(c.as_of for c in self.test):
            raise InvalidDefinition(
                f"Model {self.model!r} is tested on a cohort that is not later than its training cohorts.",
                hint="Move the test cohort later: a model must be judged on what came after it.",
            )


@dataclass(frozen=True, slots=True)
class CampaignDef:
    """A decision about one past or coming campaign, and how its effect is read.

    Parameters
    ----------
    campaign
        Its name.
    as_of
        The instant of decision; only what was known before it counts.
    eligible
        Who may be chosen: a boolean expression.
    score
        The expression that ranks them, highest first; absent scores are never chosen.
    limit
        How many are chosen, hold-out included.
    holdout
        Share of the chosen who are left alone, drawn by a stable hash of campaign and customer.
    reasons
        Expression → words; the first that is true is the reason on record.
    received, responded
        For the measurement: boolean expressions (with ``during()``, ``between(ts, …)`` or a campaign key) that say who
        received it and who responded. They are read at the end of the campaign's period, `days` local days from
        `as_of`, and ``during()`` stands for that period.
    funnel
        Condition → words: the steps between receiving and responding, in order; read like `responded`.
    outcome
        Numeric expression measured over `days` before and after `as_of`; it contains ``during()``, which stands for
        the period being measured. It must not be absent: ``coalesce(sum(…), 0)`` where there may be no rows.
    match_on
        Tags as of `as_of` on which receivers are matched with non-receivers.
    by
        Tags whose values split the result.
    """

    campaign: str
    as_of: str
    eligible: str
    score: str
    received: str
    responded: str
    outcome: str
    name: Words = NO_WORDS
    limit: int = 500
    holdout: float = 0.1
    days: int = 56
    reasons: Mapping[str, Words] = field(default_factory=dict)
    funnel: Mapping[str, Words] = field(default_factory=dict)
    match_on: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    owner: str = ""
    about: Words = NO_WORDS
    place: Place | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        check_name(self.campaign, "campaign")
        if not 0 <= self.holdout < 1:
            raise InvalidDefinition(f"Campaign {self.campaign!r}: `holdout` is a share from 0 to below 1.")
        if self.limit < 1 or self.days < 1:
            raise InvalidDefinition(f"Campaign {self.campaign!r}: `limit` and `days` are at least 1.")


Definition = SubjectDef | SourceDef | TagDef | SegmentDef | ModelDef | CampaignDef

CLASSES: Mapping[Kind, type[Definition]] = {
    "subject": SubjectDef,
    "source": SourceDef,
    "tag": TagDef,
    "segment": SegmentDef,
    "model": ModelDef,
    "campaign": CampaignDef,
}


def kind_of(definition: Definition) -> Kind:
    """Return which of the six kinds a definition is."""
    for kind, class_ in CLASSES.items():
        if isinstance(definition, class_):
            return kind
    raise TypeError(type(definition).__name__)


def name_of(definition: Definition) -> str:
    """Return a definition's name."""
    return str(getattr(definition, kind_of(definition)))
