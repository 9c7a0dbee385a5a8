"""Definitions of models → plans. Pure: what may be seen at which instant is settled here, before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from types import MappingProxyType

from gongbi.catalog.base import Cohort, ModelDef
from gongbi.catalog.catalog import Catalog
from gongbi.catalog.predictions import check_target, check_trait, wallet_target
from gongbi.core import clock
from gongbi.core import expr as ir
from gongbi.core.compiler import Request, Stored, compile_members
from gongbi.core.dialect import Dialect
from gongbi.core.expr import Expr, TagValue
from gongbi.core.grouping import rows_as_of
from gongbi.core.language import check_condition, check_expression, compile_row
from gongbi.core.plan import Plan
from gongbi.core.rows import row_condition, row_value, rows_query
from gongbi.core.types import DATE, TIMESTAMP, decimal
from gongbi.errors import InvalidDefinition, InvalidInput, UnknownName
from gongbi.estimators.traits import refuse_sensitive
from gongbi.models.base import CohortPlans
from gongbi.models.cohorts import allowed_features, horizon, lately, sensitive_tags, trait_grade

#: Name of the Arrow table that the plans of a cohort read: its members.
MEMBERS = "_members"
#: What a model of wallets reads of a member beside tags: spend of the last horizon, spend with others, the market.
OWN, ELSEWHERE, MARKET = "_own", "_elsewhere", "_market"


def feature_names(model: ModelDef, catalog: Catalog) -> list[str]:
    """The tags a model learns from; lists, which no split can use, are passed over, and so are protected tags."""
    types = catalog.world.tags_of(model.subject)
    return [tag for tag in allowed_features(model, catalog) if not types[tag].is_many]


def with_used(names: Iterable[str], catalog: Catalog, subject: str) -> dict[str, Expr]:
    """Tags with all tags they use, each after those: nothing has to be taken from a build.

    Raises
    ------
    InvalidDefinition
        A prediction is among them. Its scores are of one instant and cannot be had for another.
    """
    known = catalog.tags_of(subject)
    wanted = list(names)
    for name in wanted:
        if name not in catalog.world.tags_of(subject):
            raise UnknownName(f"tag of {subject}", name, known)
        if name not in known:
            raise InvalidDefinition(
                f"The prediction {name!r} cannot be used by a model: it exists for one instant only.",
                hint="Use the tags that it was learned from.",
            )
    return ir.with_used(wanted, known)


def cohort_plans(
    model: ModelDef, cohort: Cohort, role: str, catalog: Catalog, dialect: Dialect, also: Iterable[str] = ()
) -> CohortPlans:
    """Plan one cohort: who, what was known of them (the tags `also` beside the features), what came after."""
    world, subject = catalog.world, model.subject
    as_of = clock.parse_instant(cohort.as_of, world.zone)
    known_by = clock.parse_instant(cohort.known_by, world.zone) if cohort.known_by else as_of
    population = check_condition(cohort.population, world, subject, place=model.place)
    target = check_target(model, cohort.target, world)
    matures = _matures(target, as_of)
    assert matures is not None
    if not as_of <= known_by <= matures:
        raise InvalidDefinition(
            f"Cohort {cohort.name!r} is known by {clock.local_date(known_by, world.zone)}:"
            " not between its instant and its outcome.",
            place=model.place,
        )
    names = list(dict.fromkeys([*features_read(model, catalog), *also]))
    columns, named = with_used(names, catalog, subject), list(names)
    if model.estimator == "wallet":
        own = lately(target)
        columns |= {**with_used(ir.tags_used(own), catalog, subject), OWN: own}
        named.append(OWN)
    return CohortPlans(
        cohort.name,
        role,
        as_of,
        matures,
        _where(subject, population, known_by, catalog, dialect),
        _among_members(request_of(subject, columns, as_of), named, catalog, dialect),
        _target(subject, target, as_of, catalog, dialect),
        _treated(model, cohort, as_of, known_by, catalog, dialect),
        _elsewhere(model, matures, catalog, dialect),
    )


def _treated(
    model: ModelDef, cohort: Cohort, as_of: datetime, known_by: datetime, catalog: Catalog, dialect: Dialect
) -> Plan | None:
    text = cohort.treated or model.treated
    if text is None or model.estimator != "uplift":
        return None
    treated = check_condition(text, catalog.world, model.subject, ahead=True, place=model.place)
    # What looks ahead is read from the instant on; what does not, once it is on record.
    at = as_of if horizon(treated) is not None else known_by
    return _target(model.subject, treated, at, catalog, dialect)


def _elsewhere(model: ModelDef, matures: datetime, catalog: Catalog, dialect: Dialect) -> Plan | None:
    if model.elsewhere is None:
        return None
    subject, found = model.subject, check_expression(model.elsewhere, catalog.world, model.subject)
    used = with_used(ir.tags_used(found), catalog, subject)
    plan = compile_members(request_of(subject, {**used, ELSEWHERE: found}, matures), catalog.world, dialect)
    money = f"cast(r.{dialect.ident(ELSEWHERE)} as {dialect.types['double']}) as elsewhere"
    return plan.then(
        "_others", f"select m.id, {money} from {MEMBERS} m left join _result r on r.id = m.id order by m.id"
    )


def features_read(model: ModelDef, catalog: Catalog) -> list[str]:
    """The features, then the baseline and the tags that the figures are split by, where they are not among them."""
    names = feature_names(model, catalog)
    beside = [*([model.baseline] if model.baseline else []), *model.groups, *sensitive_tags(model, catalog)]
    return list(dict.fromkeys([*names, *beside]))


def asked_of_wallets(model: ModelDef, catalog: Catalog) -> dict[str, Expr]:
    """What a model of wallets reads of a member who is scored, beside tags."""
    found = {OWN: lately(wallet_target(model, catalog.world))}
    for name, text in ((ELSEWHERE, model.elsewhere), (MARKET, model.market)):
        if text is not None:
            found[name] = check_expression(text, catalog.world, model.subject, place=model.place)
    return found


def scored_plan(
    model: ModelDef,
    names: Sequence[str],
    catalog: Catalog,
    dialect: Dialect,
    as_of: datetime,
    built: Mapping[str, Stored],
    beside: Mapping[str, Expr] = MappingProxyType({}),
) -> Plan:
    """The tags of everybody who is to be scored; columns ``id``, the names, and what is asked `beside`, ordered by id.

    Where `built`, the tags of a build as of that instant, has all that is needed, they are read from there.
    """
    world, subject = catalog.world, model.subject
    who = model.score or model.population
    where = check_condition(who, world, subject, place=model.place) if who else None
    asked = [*beside.values(), *([where] if where is not None else [])]
    needed = [*names, *sorted(set[str]().union(*map(ir.tags_used, asked)))]
    if set(needed) <= set(built):
        types = world.tags_of(subject)
        columns: dict[str, Expr] = {f"_f{i}": TagValue(name, types[name]) for i, name in enumerate(names)}
        request = Request(subject, {**columns, **beside}, as_of, stored=built, where=where)
    else:
        columns = with_used(needed, catalog, subject)
        request = request_of(subject, {**columns, **beside}, as_of, where)
    found = [f"_f{i}" if f"_f{i}" in columns else name for i, name in enumerate(names)]
    texts = "".join(f", {dialect.ident(a)} as {dialect.ident(b)}" for a, b in zip(found, names, strict=True))
    texts += "".join(f", {dialect.ident(name)}" for name in beside)
    return compile_members(request, world, dialect).then("_scored", f"select id{texts} from _result order by id")


def check_order(plans: Sequence[CohortPlans], zone: str) -> None:
    """Refuse a test that begins before the outcomes learned from are known, or a validation that does.

    Days are said in the zone.

    Raises
    ------
    InvalidDefinition
        With the names of the two cohorts.
    """
    train = sorted((p for p in plans if p.role == "train"), key=lambda p: p.as_of)
    pairs = [(a, b) for a in train for b in plans if b.role == "test"] + list(pairwise(train))
    for earlier, later in pairs:
        if earlier.matures > later.as_of:
            raise InvalidDefinition(
                f"The outcome of cohort {earlier.name!r} is known on {clock.local_date(earlier.matures, zone)}, after"
                f" the instant of {later.name!r}: what is learned from it would look ahead.",
                hint="Move the later cohort, or shorten the target.",
            )


def trait_plan(model: ModelDef, catalog: Catalog, dialect: Dialect, as_of: datetime) -> Plan:
    """What members declared, of the same members in the same order as `scored_plan`: ``id``, ``declared``.

    Raises
    ------
    Refused
        The trait rests on what is marked sensitive.
    """
    refuse_sensitive(model.trait or "", trait_grade(model, catalog))
    world, subject = catalog.world, model.subject
    declared = check_trait(model, world)
    where = check_condition(model.score, world, subject, place=model.place) if model.score else None
    needed = ir.tags_used(declared) | (ir.tags_used(where) if where is not None else set())
    columns = {**with_used(sorted(needed), catalog, subject), "_declared": declared}
    plan = compile_members(request_of(subject, columns, as_of, where), world, dialect)
    return plan.then("_told", f"select id, {dialect.ident('_declared')} as declared from _result order by id")


def request_of(subject: str, columns: dict[str, Expr], as_of: datetime, where: Expr | None = None) -> Request:
    """A request in which nothing is stored: every value is computed from the facts as they were before the instant."""
    return Request(subject, columns, as_of, stored={}, where=where)


def _where(subject: str, condition: Expr, as_of: datetime, catalog: Catalog, dialect: Dialect) -> Plan:
    used = with_used(ir.tags_used(condition), catalog, subject)
    plan = compile_members(request_of(subject, used, as_of, condition), catalog.world, dialect)
    return plan.then("_who", "select id from _result order by id")


def _among_members(request: Request, names: Sequence[str], catalog: Catalog, dialect: Dialect) -> Plan:
    """Only the members, but ranked among everybody: a score of 5 means the same as in a build."""
    plan = compile_members(request, catalog.world, dialect)
    columns = "".join(f", r.{dialect.ident(name)}" for name in names)
    return plan.then(
        "_known", f"select m.id{columns} from {MEMBERS} m left join _result r on r.id = m.id order by m.id"
    )


def _target(subject: str, target: Expr, as_of: datetime, catalog: Catalog, dialect: Dialect) -> Plan:
    used = with_used(ir.tags_used(target), catalog, subject)
    plan = compile_members(request_of(subject, {**used, "_yes": target}, as_of), catalog.world, dialect)
    found = f"r.{dialect.ident('_yes')}"
    # Unknown is not a yes: the same rule as for segments. Who has no value is worth nothing.
    yes = f"coalesce({found}, false) as yes"
    if target.type.is_number:
        yes = f"coalesce({found} > 0, false) as yes, coalesce(cast({found} as {dialect.types['double']}), 0) as value"
    return plan.then(
        "_outcome", f"select m.id, {yes} from {MEMBERS} m left join _result r on r.id = m.id order by m.id"
    )


def _matures(target: Expr, as_of: datetime) -> datetime | None:
    """The latest end of the windows of ``ahead``; None where there is none."""
    span = horizon(target)
    return as_of + span if span is not None else None


# -- purchases ------------------------------------------------------------------------------------


def history_plan(model: ModelDef, catalog: Catalog, dialect: Dialect, as_of: datetime) -> Plan:
    """Purchase histories up to the instant, and up to `holdout_days` before it, reading the fact once.

    A purchase is a local day on which the amounts come to more than zero: a day of returns or gifts alone is none. Of
    a model that knows weeks only, it is a week from Monday on, told by its first day, up to the last whole one.
    Grain: one row per member with a purchase. Columns: ``id``; ``frequency`` (further days), ``recency`` and ``age``
    (days from the first to the last, and to the end), ``spend`` (of the further days); the same up to the cut, with
    ``cut_`` before the name, null for members who came later; ``actual`` and ``actual_spend`` after the cut;
    ``previous``, days in as long a period before it.
    """
    zone, quote, double = catalog.world.zone, dialect.ident, dialect.types["double"]
    end = last_week(as_of, zone) if model.by_week else last_day(as_of, zone)
    cut, before = end - timedelta(days=model.holdout_days), end - timedelta(days=2 * model.holdout_days)
    days = _days(model, catalog, dialect, as_of)
    till, later = f"day <= {dialect.literal(cut)}", f"day > {dialect.literal(cut)}"
    columns = {
        "n": "count(*)",
        "first": "min(day)",
        "last": "max(day)",
        "total": "sum(spend)",
        "entry": "min_by(spend, day)",
        "cut_n": f"count(*) filter (where {till})",
        "cut_last": f"max(day) filter (where {till})",
        "cut_total": f"sum(spend) filter (where {till})",
        "actual": f"count(*) filter (where {later})",
        "actual_spend": f"coalesce(sum(spend) filter (where {later}), 0)",
        "previous": f"count(*) filter (where {till} and day > {dialect.literal(before)})",
    }
    counted = (
        f"select id, {', '.join(f'{sql} as {quote(name)}' for name, sql in columns.items())} from days"
        f" where day <= {dialect.literal(end)} group by id"
    )
    ends = {"end_day": dialect.literal(end), "cut_day": dialect.literal(cut)}
    between = {
        "recency": ("first", "last"),
        "age": ("first", "end_day"),
        "cut_recency": ("first", "cut_last"),
        "cut_age": ("first", "cut_day"),
    }
    dates = dict.fromkeys(["first", "last", "cut_last", *ends], DATE)
    length = {
        name: compile_row(f"days_between({a}, {b})", dates, dialect, zone=zone).sql for name, (a, b) in between.items()
    }
    there = "cut_n > 0"
    result = (
        f"select id, n - 1 as frequency, {length['recency']} as recency, {length['age']} as age,"
        f" cast(total - {quote('entry')} as {double}) as spend, case when {there} then cut_n - 1 end as cut_frequency,"
        f" case when {there} then {length['cut_recency']} end as cut_recency,"
        f" case when {there} then {length['cut_age']} end as cut_age,"
        f" case when {there} then cast(cut_total - {quote('entry')} as {double}) end as cut_spend, actual,"
        f" cast(actual_spend as {double}) as actual_spend, previous"
        f" from (select *, {ends['end_day']} as end_day, {ends['cut_day']} as cut_day from counted) c order by id"
    )
    return Plan().then("days", days).then("counted", counted).then("histories", result)


def days_plan(model: ModelDef, catalog: Catalog, dialect: Dialect, as_of: datetime) -> Plan:
    """Every purchase up to the instant: ``id``, ``day``, ``spend``, so ordered. Grain: one row per member and day."""
    double = dialect.types["double"]
    ordered = f"select id, day, cast(spend as {double}) as spend from days order by id, day"
    return Plan().then("days", _days(model, catalog, dialect, as_of)).then("log", ordered)


def _days(model: ModelDef, catalog: Catalog, dialect: Dialect, as_of: datetime) -> str:
    """The days, or weeks, on which members bought for more than nothing, and for how much."""
    fact = catalog.world.fact(model.fact or "")
    if model.subject not in fact.subjects:
        raise InvalidInput(f"A row of {fact.name!r} names no {model.subject}, so it is nobody's purchase.")
    text = "start_of('week', ts)" if model.by_week else "date(ts)"
    day = compile_row(text, {"ts": TIMESTAMP}, dialect, zone=catalog.world.zone).sql
    # Exact sums: the order in which threads add rows must not show in the figures.
    who, exact = dialect.ident(model.subject), dialect.type(decimal(6))
    rows = (
        f"select {who} as id, ts, cast({dialect.ident(model.amount or '')} as {exact}) as amount"
        f" from ({rows_as_of(fact, catalog.world, dialect, as_of)}) f where {who} is not null"
    )
    return (
        f"select id, day, sum(amount) as spend from"
        f" (select id, {day} as day, amount from ({rows}) r) d group by id, day having sum(amount) > 0"
    )


def payments_plan(model: ModelDef, catalog: Catalog, dialect: Dialect, as_of: datetime) -> Plan:
    """What may recur, as of the instant.

    Grain: one row per member, payee and local day. Columns ``id``, ``payee`` (text), ``day`` and, where the model names
    an `amount`, ``amount``, the day's sum.
    """
    world, subject, fact = catalog.world, model.subject, model.fact or ""
    texts = {"payee": model.payee or "", "day": f"date({fact}.ts)"} | ({"amount": model.amount} if model.amount else {})
    columns = {name: row_value(fact, text, world, subject) for name, text in texts.items()}
    rows = rows_query(
        fact, columns, row_condition(fact, model.where or "", world, subject), subject, as_of, world, dialect
    )
    exact, double = dialect.type(decimal(6)), dialect.types["double"]
    summed = f", cast(sum(cast(amount as {exact})) as {double}) as amount" if model.amount else ""
    kept = "payee is not null" + (" and amount is not null" if model.amount else "")
    return (
        Plan()
        .then("_rows", rows)
        .then(
            "_paid",
            f"select _m as id, cast(payee as {dialect.types['text']}) as payee, day{summed} from _rows"
            f" where {kept} group by _m, payee, day order by id, payee, day",
        )
    )


def last_day(as_of: datetime, zone: str) -> date:
    """The last local day of which anything is visible."""
    return clock.local_date(as_of - timedelta(microseconds=1), zone)


def check_hold_out(model: ModelDef, first: date, last: date) -> None:
    """Refuse a hold-out as long as the data: nothing would be left to foretell it from.

    Parameters
    ----------
    first, last
        The first day of the data, and the last that is known.

    Raises
    ------
    InvalidInput
        With how long the data are, and what would do.
    """
    days = (last - first).days + 1
    if model.holdout_days >= days:
        raise InvalidInput(
            f"Model {model.model!r} keeps back the last {model.holdout_days} days, but the data are {days} days long,"
            f" from {first} to {last}: nothing is left to foretell them from.",
            hint=f"Give it `holdout_days: {max(days // 3, 1)}` or fewer, or load earlier data.",
        )


def last_week(as_of: datetime, zone: str) -> date:
    """Monday of the last local week that is over."""
    end = last_day(as_of, zone)
    return end - timedelta(days=(end.weekday() + 1) % 7 + 6)
