"""Definitions of sources → the query that casts and checks raw rows, in the dialect of an engine. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from gongbi.catalog.base import ColumnMap, Lookup, SourceDef, SubjectDef, TimeMap
from gongbi.catalog.tables import key_columns, own_column, reference_table_name, roles, subject_of, target_table
from gongbi.core.casts import cast, constant
from gongbi.core.dialect import Dialect
from gongbi.core.language import compile_group, compile_row
from gongbi.core.plan import Plan
from gongbi.core.table import Table
from gongbi.core.types import DATE, INTEGER, STORED_PRECISION, TEXT, TIMESTAMP, Type
from gongbi.errors import InvalidDefinition, UnknownName
from gongbi.sources.base import UnreadableSource
from gongbi.sources.shape import How, Prepared


@dataclass(frozen=True, slots=True)
class Check:
    """A condition under which a row is set aside, with its reason and the raw column at fault.

    `type` is what the value could not be read as, where that is the reason.
    """

    reason: str
    column: str
    sql: str
    type: Type | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A lookup that is carried out once per load: the input `name` with keys `__k0`, `__k1` … and value `__v`."""

    name: str
    time: TimeMap
    type: Type
    plan: Plan


@dataclass(frozen=True, slots=True)
class RowPlan:
    """How one source's raw rows become rows of its target.

    Attributes
    ----------
    table
        The target.
    prepared
        Columns that must be made before SQL sees the rows (`shape.prepare`).
    identifiers
        Role → the query over `raw` that gives its distinct combinations of identifiers, for the resolver; the answer
        is the input `who_ROLE`, its columns called `__i0`, `__i1`, …, `__own` and `__id`.
    found
        Time lookups, to be carried out first; each an input under its name.
    steps
        The chain up to `classified`: one row per raw row, with its values and `__check`, the number of the first check
        that it fails, or null.
    checks
        By number, in the order of columns.
    values
        Column of the target → its name in `classified`.
    starts
        Column → how many checks come before its own.
    raw
        Raw column → type.
    rounded
        Column whose values are rounded → the raw column and the digits after the point that are kept.
    """

    table: Table
    prepared: tuple[Prepared, ...]
    identifiers: Mapping[str, Plan]
    found: tuple[Found, ...]
    steps: Plan
    checks: tuple[Check, ...]
    values: Mapping[str, str]
    starts: Mapping[str, int]
    raw: Mapping[str, Type]
    rounded: Mapping[str, tuple[str, int]]
    dialect: Dialect

    def good(self, load: int) -> Plan:
        """Rows of the target. Grain: one row per raw row that passes every check."""
        ident = self.dialect.ident
        columns = [f"{sql} as {ident(name)}" for name, sql in self.values.items()]
        head = [f"{self.dialect.literal(load)} as {ident('_load')}", f"__row as {ident('_row')}"]
        return self.steps.then("good", f"select {', '.join(head + columns)} from classified where __check is null")

    def bad(self) -> Plan:
        """Row number and number of the check. Grain: one row per raw row that fails a check."""
        return self.steps.then("bad", "select __row, __check from classified where __check is not null order by __row")


@dataclass(slots=True)
class _Draft:
    """What gathers while a source is read column by column."""

    source: SourceDef
    raw: Mapping[str, Type]
    dialect: Dialect
    zone: str
    path: str
    now: datetime | None
    prepared: list[Prepared] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    computed: list[str] = field(default_factory=list)
    joins: list[str] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    starts: dict[str, int] = field(default_factory=dict)
    rounded: dict[str, tuple[str, int]] = field(default_factory=dict)

    def ref(self, column: str) -> str:
        """The SQL name of a raw column."""
        if column not in self.raw:
            raise missing_column(self.source, column, self.raw, self.path)
        return f"r{list(self.raw).index(column)}"

    def prepare(self, column: str, how: How, zone: str, format_: str | None) -> str:
        self.ref(column)
        for item in self.prepared:
            if (item.column, item.how, item.zone, item.format) == (column, how, zone, format_):
                return item.name
        self.prepared.append(Prepared(f"p{len(self.prepared)}", column, how, zone, format_))
        return self.prepared[-1].name

    def direct(self, column: str, type_: Type, format_: str | None = None, zone: str | None = None) -> str:
        """SQL over `raw` that is null where the raw value cannot be read as `type_`."""
        ref, from_ = self.ref(column), self.raw[column]
        if type_ == TIMESTAMP:
            return self.prepare(column, "instant", zone or self.zone, format_)
        if type_ == DATE:
            return self.prepare(column, "date", "UTC", format_)
        if type_ == TEXT and from_.name in ("double", "decimal", "date", "timestamp"):
            return self.prepare(column, "text", "UTC", None)
        sql = cast(ref, from_, type_, self.dialect)
        if sql is None:
            raise UnreadableSource(
                "wrong_type",
                self.path,
                f"{self.path}: the column {column!r} is {from_} and cannot be read as {type_}.",
                hint=f"Change the type in the mapping of source {self.source.source!r}.",
                place=self.source.place,
            )
        return sql

    def add(self, target: str, sql: str) -> str:
        """Take a value that is computed from `raw`; return its name in later steps."""
        name = f"__v{len(self.values)}"
        self.read.append(f"{sql} as {name}")
        self.values[target] = name
        return name

    def given(self, column: str) -> str:
        """A condition for later steps: the raw row had a value there."""
        name = f"__g_{self.ref(column)}"
        item = f"({self.ref(column)} is not null) as {name}"
        if item not in self.read:
            self.read.append(item)
        return name

    def refuse(self, reason: str, column: str, sql: str, type_: Type | None = None) -> None:
        self.checks.append(Check(reason, column, sql, type_))

    def rounds(self, name: str, column: str, type_: Type) -> None:
        """Take note that a raw value loses digits where it has more than its column keeps."""
        if type_.name == "decimal" and self.raw[column].name in ("text", "double", "decimal"):
            self.rounded[name] = (column, type_.scale)


def missing_column(source: SourceDef, column: str, raw: Mapping[str, Type], path: str) -> UnreadableSource:
    """The problem of a file that lacks a column that the mapping needs."""
    hint = UnknownName("column", column, raw).hint
    return UnreadableSource(
        "missing_column", path, f"{path} has no column {column!r}, which source {source.source!r} needs.", hint=hint
    )


def row_plan(
    source: SourceDef,
    subjects: Mapping[str, SubjectDef],
    references: Mapping[str, SourceDef],
    raw: Mapping[str, Type],
    dialect: Dialect,
    *,
    zone: str,
    path: str = "",
    now: datetime | None = None,
) -> RowPlan:
    """Plan how raw rows of one file are cast, completed and checked.

    `references` says which source fills a reference; `raw` the types of the raw columns, in the order of the file;
    `zone` is the workspace's; `path` is for messages; `now` bounds the times of facts, where it is given.
    """
    draft = _Draft(source, raw, dialect, zone, path or source.source, now)
    kept = key_columns(source)
    for column in source.key:
        draft.refuse("missing_value", column, f"not {draft.given(column)}")
    found = _times(draft, references)
    identifiers = _ids(draft, subjects)
    _columns(draft)
    for column, target in kept.items():
        if target.startswith("_key_"):
            draft.add(target, draft.direct(column, TEXT))
    lookups = _lookup_steps(draft, references)  # adds what it joins on to `read`
    steps = Plan().then("read", f"select __row, {', '.join([*_typed(draft), *draft.read])} from raw")
    for name, sql in lookups:
        steps = steps.then(name, sql, materialize=name.endswith("_values"))
    computed = ", ".join(["read.*", *draft.computed])
    steps = steps.then("computed", "\n".join([f"select {computed} from read", *draft.joins]))
    cases = " ".join(f"when {check.sql} then {i}" for i, check in enumerate(draft.checks))
    check = f"case {cases} end" if cases else "cast(null as int)"
    steps = steps.then("classified", f"select computed.*, {check} as __check from computed")
    return RowPlan(
        target_table(source, subjects),
        tuple(draft.prepared),
        identifiers,
        found,
        steps,
        tuple(draft.checks),
        dict(draft.values),
        draft.starts,
        raw,
        draft.rounded,
        dialect,
    )


# -- times


def _times(draft: _Draft, references: Mapping[str, SourceDef]) -> tuple[Found, ...]:
    source = draft.source
    found: list[Found] = []
    if source.target == "reference":
        return ()
    maps = {"ts": source.time} if source.target == "fact" else {}
    if source.target in ("attributes", "relation"):
        maps = {"valid_from": source.valid_from, "valid_to": source.valid_to}
    for target, time in maps.items():
        if time is None:
            draft.add(target, f"cast(null as {draft.dialect.type(TIMESTAMP)})")
        elif time.lookup is not None:
            name = f"found_{target}"
            found.append(_found(draft, name, time, time.lookup, references))
            keys = _joined_keys(draft, time.lookup, references, name)
            draft.joins.append(f"left join {name} on {keys}")
            draft.computed.append(f"{name}.__v as __{name}")
            draft.values[target] = f"__{name}"
            if target == "ts":
                draft.refuse("missing_value", next(iter(time.lookup.on.values())), f"__{name} is null")
                _not_in_the_future(draft, time, next(iter(time.lookup.on.values())), f"__{name}")
        else:
            assert time.column is not None
            sql = draft.prepare(time.column, how_of(target, time), time.zone or draft.zone, time.format)
            value = draft.add(target, sql)
            _must_be_read(draft, time.column, value, required=target == "ts")
            if target == "ts":
                _not_in_the_future(draft, time, time.column, value)
                _end(draft, time, value)
    return tuple(found)


def _end(draft: _Draft, time: TimeMap, start: str) -> None:
    """When a row of a fact that lasts ends; it may lie in the future."""
    if time.end is None:
        return
    sql = draft.prepare(time.end, how_of("ts", time), time.zone or draft.zone, time.format)
    value = draft.add("until", sql)
    _must_be_read(draft, time.end, value, required=False)
    draft.refuse("ends_before_start", time.end, f"{value} < {start}")


def _not_in_the_future(draft: _Draft, time: TimeMap, column: str, value: str) -> None:
    if draft.now is None or time.future == "accept":
        return
    # Clocks and zones of other systems are off by less than a day. A date stands for its end: its own day comes on top.
    latest = draft.now + timedelta(days=1 if time.grain == "instant" else 2)
    draft.refuse("future", column, f"{value} > {draft.dialect.literal(latest)}")


def how_of(target: str, time: TimeMap) -> How:
    """How a time column becomes an instant: see `TimeMap`."""
    if time.grain == "instant":
        return "instant"
    if target == "ts":
        return "day_end"
    return "next_day_start" if time.inclusive else "day_start"


def _must_be_read(draft: _Draft, column: str, name: str, *, required: bool, type_: Type | None = None) -> None:
    unread = f"({draft.given(column)} and {name} is null)"
    # A part of the key is known to be given by then.
    draft.refuse("wrong_type", column, f"{name} is null" if column in draft.source.key else unread, type_)
    if required:
        draft.refuse("missing_value", column, f"not {draft.given(column)}")


# -- members


def _ids(draft: _Draft, subjects: Mapping[str, SubjectDef]) -> dict[str, Plan]:
    plans: dict[str, Plan] = {}
    for role, (name, named) in roles(draft.source).items():
        subject = subject_of(subjects, name, draft.source)
        if named.column is not None and subject.identifiers:
            raise InvalidDefinition(
                f"Source {draft.source.source!r} names {name!r} by the column {named.column!r}, but {name!r} has"
                " identifiers.",
                hint=f"Say which kind it is: `{{identifiers: {{{next(iter(subject.identifiers))}: {named.column}}}}}`.",
                place=draft.source.place,
            )
        if named.column is not None:
            value = draft.add(role, draft.direct(named.column, subject.id_type))
            required = named.required and named.column not in draft.source.key
            _must_be_read(draft, named.column, value, required=required, type_=subject.id_type)
            continue
        who = f"who_{role}"
        combined: list[str] = []
        same: list[str] = []
        for kind, column in named.identifiers.items():
            if kind not in subject.identifiers:
                raise UnknownName(f"identifier of {name}", kind, subject.identifiers, place=draft.source.place)
            type_ = INTEGER if subject.identifiers[kind].type == "integer" else TEXT
            sql = draft.direct(column, type_)
            if type_ == TEXT:
                sql = f"nullif(trim({sql}), '')"
            position = f"__{who}_{len(same)}"
            draft.read.append(f"{sql} as {position}")
            draft.refuse("wrong_type", column, f"({draft.given(column)} and {position} is null)", type_)
            if subject.identifiers[kind].primary:
                # Surrogates of members without a primary identifier are -1, -2, … or ~1, ~2, …
                taken = f"{position} < 0" if type_ == INTEGER else f"{position} like '~%'"
                draft.refuse("not_allowed", column, taken)
            combined.append(f"{sql} as {draft.dialect.ident(kind)}")
            same.append(f"read.{position} is not distinct from {who}.__i{len(same)}")
        plans[role] = Plan().then("combined", f"select distinct {', '.join(combined)} from raw")
        draft.joins.append(f"left join {who} on {' and '.join(same)}")
        for target, column in ((role, "id"), (own_column(role), "own")):
            draft.computed.append(f"{who}.__{column} as __{who}_{column}")
            draft.values[target] = f"__{who}_{column}"
        if named.required:
            draft.refuse("missing_value", next(iter(named.identifiers.values())), f"__{who}_id is null")
    return plans


# -- columns


def _columns(draft: _Draft) -> None:
    for name, mapping in draft.source.columns.items():
        type_, dialect = mapping.value_type, draft.dialect
        draft.starts[name] = len(draft.checks)
        if mapping.lookup is not None:
            raw = next(iter(mapping.lookup.on.values()))
            value = f"__v{len(draft.values)}"
            draft.computed.append(f"{_lookup_of(draft, mapping.lookup)}_values.{_lookup_value(name)} as {value}")
            draft.values[name] = value
        elif mapping.expr is not None:
            raw = name
            value = f"__v{len(draft.values)}"
            compiled = compile_row(mapping.expr, _expr_types(draft), dialect, zone=draft.zone, place=draft.source.place)
            draft.computed.append(f"{_converted(compiled.sql, compiled.type, type_, draft, name)} as {value}")
            draft.values[name] = value
            if type_.name == "decimal" and compiled.type.is_number:
                # A number that becomes nothing was too large: it must not pass for one that was absent.
                draft.computed.append(f"(({compiled.sql}) is not null) as {value}_given")
                draft.refuse("too_large", name, f"({value}_given and {value} is null)")
        else:
            raw = mapping.from_ or name
            value = draft.add(name, draft.direct(raw, type_, mapping.format))
            if draft.raw[raw] != type_ or type_.name == "double":
                _must_be_read(draft, raw, value, required=False, type_=type_)
            draft.rounds(name, raw, type_)
        _checks(draft, mapping, raw, value)
        draft.values[name] = _finished(mapping, value, dialect)


def _checks(draft: _Draft, mapping: ColumnMap, raw: str, value: str) -> None:
    if mapping.required and mapping.default is None:
        draft.refuse("missing_value", raw, f"{value} is null")
    if mapping.sign == "positive":
        draft.refuse("negative_amount", raw, f"{value} < 0")
    bounds = [(mapping.min, "<"), (mapping.max, ">")]
    for bound, sign in bounds:
        if bound is not None:
            number = float(bound) if mapping.type_ == "double" else Decimal(str(bound))
            draft.refuse("out_of_range", raw, f"{value} {sign} {draft.dialect.literal(number)}")
    if mapping.values:
        allowed = ", ".join(constant(item, mapping.value_type, draft.dialect) for item in mapping.values)
        draft.refuse("not_allowed", raw, f"{value} not in ({allowed})")


def _finished(mapping: ColumnMap, value: str, dialect: Dialect) -> str:
    if mapping.sign == "reversed":
        value = f"cast(-{value} as {dialect.type(mapping.value_type, STORED_PRECISION)})"
    if mapping.default is None:
        return value
    return f"coalesce({value}, {constant(mapping.default, mapping.value_type, dialect)})"


def _converted(sql: str, from_: Type, to: Type, draft: _Draft, name: str) -> str:
    converted = cast(f"({sql})", from_, to, draft.dialect)
    if converted is None or (to.currency and from_.currency not in (None, to.currency)):
        raise InvalidDefinition(
            f"Column {name!r} of source {draft.source.source!r} gives {from_}; it is declared {to}.",
            place=draft.source.place,
        )
    return converted


# -- expressions over raw columns


def words_of(expr: str) -> set[str]:
    """Every word of an expression that may be a column."""
    return set(re.findall(r"[^\W\d]\w*", re.sub(r"'[^']*'", "''", expr))) | set(re.findall(r'"([^"]+)"', expr))


def _expr_types(draft: _Draft) -> dict[str, Type]:
    """Types that expressions compute with: as declared for text that is also mapped, else as the file has them."""
    given = {column: ColumnMap(name).value_type for column, name in draft.source.from_.types.items()}
    mapped = {m.from_ or name: m.value_type for name, m in draft.source.columns.items() if not (m.expr or m.lookup)}
    return {
        column: (given.get(column) or mapped.get(column) or type_) if type_ == TEXT else type_
        for column, type_ in draft.raw.items()
    }


def _typed(draft: _Draft) -> list[str]:
    """The raw columns that expressions name, under their own names and in those types."""
    words: set[str] = set()
    for mapping in draft.source.columns.values():
        words |= words_of(mapping.expr or "")
    typed = []
    for column, type_ in _expr_types(draft).items():
        if column in words:
            plain = draft.raw[column] == type_
            if not any(raw == column for raw, _ in draft.rounded.values()):
                draft.rounds(column, column, type_)
            typed.append(
                f"{draft.ref(column) if plain else draft.direct(column, type_)} as {draft.dialect.ident(column)}"
            )
    return typed


# -- lookups


def _groups(source: SourceDef) -> dict[tuple[str, tuple[tuple[str, str], ...]], dict[str, Lookup]]:
    """Lookups in the same reference by the same keys are one query: (reference, on) → column → lookup."""
    found: dict[tuple[str, tuple[tuple[str, str], ...]], dict[str, Lookup]] = {}
    for name, mapping in source.columns.items():
        if mapping.lookup is not None:
            key = (mapping.lookup.reference, tuple(mapping.lookup.on.items()))
            found.setdefault(key, {})[name] = mapping.lookup
    return found


def _lookup_of(draft: _Draft, lookup: Lookup) -> str:
    return f"lookup_{list(_groups(draft.source)).index((lookup.reference, tuple(lookup.on.items())))}"


def _lookup_value(name: str) -> str:
    # Names of columns may be Chinese; what stands inside a plan is plain.
    return "__x_" + name.encode().hex()


def _reference(references: Mapping[str, SourceDef], name: str, draft: _Draft) -> SourceDef:
    if name not in references:
        raise UnknownName("reference", name, references, place=draft.source.place)
    return references[name]


def _lookup_steps(draft: _Draft, references: Mapping[str, SourceDef]) -> list[tuple[str, str]]:
    steps = []
    ident = draft.dialect.ident
    for i, ((reference, on), lookups) in enumerate(_groups(draft.source).items()):
        source = _reference(references, reference, draft)
        columns = {name: mapping.value_type for name, mapping in source.columns.items()}
        keys = _key_casts(draft, dict(on), columns, reference)
        name = f"lookup_{i}"
        wanted = ", ".join(f"{sql} as __k{j}" for j, sql in enumerate(keys))
        steps.append((f"{name}_keys", f"select distinct {wanted} from raw"))
        same = " and ".join(f"__k{j} = {ident(column)}" for j, (column, _) in enumerate(on))
        seen = f"exists (select 1 from {name}_keys where {same})"
        steps.append((f"{name}_rows", f"select * from {ident(reference_table_name(reference))} where {seen}"))
        values = [f"{ident(column)} as __k{j}" for j, (column, _) in enumerate(on)]
        for column, lookup in lookups.items():
            compiled = compile_group(
                lookup.expr, columns, draft.dialect, zone=draft.zone, rows=reference, place=draft.source.place
            )
            type_ = draft.source.columns[column].value_type
            values.append(f"{_converted(compiled.sql, compiled.type, type_, draft, column)} as {_lookup_value(column)}")
        group = ", ".join(ident(column) for column, _ in on)
        steps.append((f"{name}_values", f"select {', '.join(values)} from {name}_rows group by {group}"))
        draft.joins.append(f"left join {name}_values on {_joined(draft, keys, f'{name}_values', name)}")
    return steps


def _key_casts(draft: _Draft, on: Mapping[str, str], columns: Mapping[str, Type], reference: str) -> list[str]:
    casts = []
    for column, raw in on.items():
        if column not in columns:
            raise UnknownName(f"column of {reference}", column, columns, place=draft.source.place)
        casts.append(draft.direct(raw, columns[column]))
    return casts


def _joined(draft: _Draft, keys: Sequence[str], table: str, name: str) -> str:
    same = []
    for j, sql in enumerate(keys):
        column = f"__{name}_k{j}"
        draft.read.append(f"{sql} as {column}")
        same.append(f"read.{column} = {table}.__k{j}")
    return " and ".join(same)


def _joined_keys(draft: _Draft, lookup: Lookup, references: Mapping[str, SourceDef], name: str) -> str:
    source = _reference(references, lookup.reference, draft)
    columns = {column: mapping.value_type for column, mapping in source.columns.items()}
    return _joined(draft, _key_casts(draft, lookup.on, columns, lookup.reference), name, name)


def _found(draft: _Draft, name: str, time: TimeMap, lookup: Lookup, references: Mapping[str, SourceDef]) -> Found:
    source = _reference(references, lookup.reference, draft)
    ident = draft.dialect.ident
    columns = {column: mapping.value_type for column, mapping in source.columns.items()}
    compiled = compile_group(
        lookup.expr, columns, draft.dialect, zone=draft.zone, rows=lookup.reference, place=source.place
    )
    if compiled.type not in (DATE, TIMESTAMP):
        raise InvalidDefinition(
            f"The time of source {draft.source.source!r} is looked up and gives {compiled.type}, not a date or a"
            " timestamp.",
            place=draft.source.place,
        )
    keys = [f"{ident(column)} as __k{j}" for j, column in enumerate(lookup.on)]
    group = ", ".join(ident(column) for column in lookup.on)
    table = ident(reference_table_name(lookup.reference))
    plan = Plan().then("found", f"select {', '.join([*keys, f'{compiled.sql} as __v'])} from {table} group by {group}")
    return Found(name, time, compiled.type, plan)
