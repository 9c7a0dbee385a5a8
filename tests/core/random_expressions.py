"""Random well-typed expressions as text, and random rows for them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import bench
import draw as st

from gongbi.core.types import BOOLEAN, DOUBLE, INTEGER, TEXT, TIMESTAMP, Type, decimal
from gongbi.core.world import AttributeShape, FactShape, SubjectShape, World
from gongbi.engine.base import Engine

AS_OF = bench.instant(2017, 3, 15, 14)
NAIVE = AS_OF.replace(tzinfo=None)
MEMBERS = (1, 2, 3, 4, 5)
PRODUCTS = (10, 11, 12)
SALE = {"n": INTEGER, "amount": decimal(2), "x": DOUBLE, "kind": TEXT, "flag": BOOLEAN}
VIEW = {"n": INTEGER, "page": TEXT}
CUSTOMER = {"age": INTEGER, "city": TEXT}
PRODUCT = {"level": INTEGER, "名称": TEXT}
TAGS: dict[str, Type] = {"t.i": INTEGER, "t.d": decimal(2), "t.b": BOOLEAN, "t.s": TEXT}
WORLD = World(
    {
        "customer": SubjectShape(
            "customer", INTEGER, {a: AttributeShape(a, t, "attr_customer") for a, t in CUSTOMER.items()}
        ),
        "product": SubjectShape(
            "product", INTEGER, {a: AttributeShape(a, t, "attr_product") for a, t in PRODUCT.items()}
        ),
    },
    {
        "sale": FactShape("sale", "fact_sale", SALE, {"customer": INTEGER, "product": INTEGER}),
        "view": FactShape("view", "fact_view", VIEW, {"customer": INTEGER}),
    },
    {("customer", tag): type_ for tag, type_ in TAGS.items()},
    {"young": ("customer", "customer.age < 30")},
    zone="America/New_York",
)

# -- rows: small, with ties, absences, days of a clock change, and some after the instant ---------------

whole = st.none() | st.integers(-3, 4)
cents = st.none() | st.sampled_from([Decimal(n) / 4 for n in range(-6, 9)])
dyadic = st.none() | st.integers(-8, 8).map(lambda n: n / 4)
text = st.none() | st.sampled_from(["", "a", "b", "画像", "it's", "\\"])
hours = st.integers(-24 * 40, 48) | st.sampled_from([0, -1, 1, -14, -24, -24 * 7, -24 * 30, -81, -24 * 14 - 14])
instants = st.tuples(hours, st.sampled_from([0, 0, 1, -1])).map(
    lambda t: NAIVE + timedelta(hours=t[0], microseconds=t[1])
)


def rows(columns: dict[str, Type], **subjects: Any) -> st.Draw:
    by_type = {"integer": whole, "decimal": cents, "double": dyadic, "text": text, "boolean": st.none() | st.booleans()}
    values = {name: by_type[type_.name] for name, type_ in columns.items()}
    return st.lists(st.fixed_dictionaries({"ts": instants, **subjects, **values}), most=16)


customers = st.sampled_from([*MEMBERS[:-1], 99, None])
sales = rows(SALE, customer=customers, product=st.none() | st.sampled_from([*PRODUCTS, 98]))
views = rows(VIEW, customer=customers)
facts = st.fixed_dictionaries({"sale": sales, "view": views})
attributes = st.fixed_dictionaries(
    {
        "customer": st.dictionaries(
            MEMBERS, st.fixed_dictionaries({"age": st.none() | st.integers(18, 60), "city": text})
        ),
        "product": st.dictionaries(PRODUCTS, st.fixed_dictionaries({"level": whole, "名称": text})),
    }
)


def load(
    engine: Engine, facts_: dict[str, list[dict[str, Any]]], attributes_: dict[str, dict[int, dict[str, Any]]]
) -> None:
    for name, found in facts_.items():
        shape = WORLD.facts[name]
        columns = {**shape.subjects, "ts": TIMESTAMP, **shape.columns}
        bench.make(engine, shape.table, columns, [tuple(row[c] for c in columns) for row in found])
    for subject, by_id in attributes_.items():
        columns = {"id": INTEGER, **(CUSTOMER if subject == "customer" else PRODUCT), **bench.LATE}
        made = [(i, *(row[c] for c in list(columns)[1:-4]), None, None, 1, i) for i, row in by_id.items()]
        bench.make(engine, f"attr_{subject}", columns, made)
    bench.make_members(engine, "customer", MEMBERS)


# -- expressions, by type: i whole, d amount, s text, b condition, y day, f double (never compared) --------


def literal(value: Any) -> str:
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value).lower()


#: An absent number is one that is worked out: `null` itself is refused beside a comparison.
INTS = st.integers(-3, 6).map(literal) | st.just("nullif(1, 1)")
DECIMALS = st.sampled_from(["0.5", "-1.25", "2.00", "0.75"])
STRINGS = st.sampled_from(["", "a", "ab", "像", "it's", "\\"]).map(literal)
COMPARE = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])


def form(template: str, *parts: st.Draw) -> st.Draw:
    return st.tuples(*parts).map(lambda found: template.format(*found))


class Level:
    """Expressions of one level: over the columns of a row, or over aggregates, tags and attributes of a member."""

    def __init__(self, leaves: dict[str, st.Draw], *, ranks: bool) -> None:
        self.leaves, self.ranks = leaves, ranks
        self.made: dict[tuple[str, int], st.Draw] = {}

    def of(self, type_: str, depth: int) -> st.Draw:
        if (type_, depth) not in self.made:
            self.made[type_, depth] = self.making(type_, depth)
        return self.made[type_, depth]

    def making(self, type_: str, depth: int) -> st.Draw:
        if depth == 0:
            return self.leaves[type_]
        below = {t: st.deferred(lambda t=t: self.of(t, depth - 1)) for t in "idsby"}  # type: ignore[misc]
        return st.one_of(self.leaves[type_], *getattr(self, f"of_{type_}")(**below))

    def of_i(self, i: Any, d: Any, s: Any, b: Any, y: Any) -> list[Any]:
        found = [
            form("({} {} {})", i, st.sampled_from("+-*"), st.integers(-3, 3).map(literal)), form("({} + {})", i, i),
            form("({} % {})", i, i), form("abs({})", i), form("(- {})", i), form("length({})", s), form("month({})", y),
            form("if({}, {}, {})", b, i, i), form("coalesce({}, {})", i, i), form("nullif({}, {})", i, i),
            form("greatest({}, {})", i, i), form("floor({})", d), form("to_integer({})", d), form("band({}, 0, 2)", i),
            form("case when {} then {} when {} then {} end", b, i, b, i), form("position({}, {})", s, STRINGS),
            form("weekday({})", y), form("clamp({}, -1, 3)", i), form("least({}, {}, 1)", i, i), form("week({})", y),
        ]  # fmt: skip
        if self.ranks:
            found += [form(f"{f}({{}})", st.one_of(i, d, s, y)) for f in ("rank", "dense_rank")]
            found += [form(f"{f}({{}}, {{}})", st.one_of(i, d, s), st.sampled_from("235")) for f in ("score", "ntile")]
        return found

    def of_d(self, i: Any, d: Any, s: Any, b: Any, y: Any) -> list[Any]:
        return [
            form("({} + {})", d, i), form("({} - {})", d, d), form("({} * {})", d, st.integers(-3, 3).map(literal)), form("round({}, 1)", d),
            form("abs({})", d), form("if({}, {}, {})", b, d, i), form("coalesce({}, {})", d, d), form("least({}, {})", d, i),
            form("round({})", d), form("(- {})", d),
        ]  # fmt: skip

    def of_s(self, i: Any, d: Any, s: Any, b: Any, y: Any) -> list[Any]:
        return [
            form("({} || {})", s, s),
            form("if({}, {}, {})", b, s, s),
            form("coalesce({}, {})", s, s),
            form("left({}, 1)", s),
        ]

    def of_y(self, i: Any, d: Any, s: Any, b: Any, y: Any) -> list[Any]:
        return [form("start_of({}, {})", st.sampled_from(["'month'", "'week'"]), y), form("greatest({}, {})", y, y)]

    def of_b(self, i: Any, d: Any, s: Any, b: Any, y: Any) -> list[Any]:
        return [
            form("({} and {})", b, b), form("({} or {})", b, b), form("(not {})", b), form("({} and {} or {})", b, b, b),
            *(form("({} {} {})", x, COMPARE, z) for x, z in ((i, i), (d, i), (d, d), (s, s), (y, y))),
            form("({} {} '2017-03-12')", y, COMPARE), form("({} is absent)", st.one_of(i, d, s, b, y)), form("({} is not absent)", i),
            form("({} is true)", b), form("({} is not false)", b), form("({} in ({}, {}))", i, i, i), form("({} not in ({}, {}))", s, s, STRINGS),
            form("({} between {} and {})", i, i, i), form("contains({}, {})", s, STRINGS), form("starts_with({}, {})", s, STRINGS),
        ]  # fmt: skip

    def of_f(self, i: Any, d: Any, s: Any, b: Any, y: Any) -> list[Any]:
        found = [form("({} / {})", st.one_of(i, d), st.one_of(i, d))]
        if self.ranks:
            found += [
                form(f"{f}({{}})", st.one_of(i, d)) for f in ("percent_rank", "cume_dist", "z_score", "share_of_total")
            ]
        return found


UNITS = ["day", "week", "hour", "calendar_day", "calendar_week", "calendar_month", "calendar_quarter", "calendar_year"]
WINDOW = st.one_of(
    form("within({}, '{}')", st.integers(1, 40).map(str), st.sampled_from(UNITS)),
    form("within({}, '{}', {})", st.integers(1, 3).map(str), st.sampled_from(UNITS), st.integers(1, 3).map(str)),
    form("this('{}')", st.sampled_from(["day", "week", "month", "quarter", "year"])),
    form("previous('{}')", st.sampled_from(["day", "week", "month", "quarter", "year"])),
    st.sampled_from(["since('2017-03-12')", "before('2017-03-13')", "since('2017-02-01')"]),
)
SALE_ROW = Level(
    {
        "i": st.sampled_from(["sale.n", "n", "product.level", "sale.product.level", "hour(ts)", "customer.age"]) | INTS,
        "d": st.just("sale.amount") | DECIMALS,
        "s": st.sampled_from(["kind", "sale.product.名称"]) | STRINGS,
        "b": st.just("sale.flag") | WINDOW,
        "y": st.just("date(sale.ts)"),
    },
    ranks=False,
)
VIEW_ROW = Level(
    {
        "i": st.just("view.n") | INTS,
        "d": DECIMALS,
        "s": st.just("view.page") | STRINGS,
        "b": WINDOW,
        "y": st.just("date(view.ts)"),
    },
    ranks=False,
)


def aggregates(row: Level, fact: str) -> dict[str, st.Draw]:
    """Aggregates over one fact by the type of their result, with and without a filter."""
    column = {
        t: row.of(t, 1).map(
            lambda x, t=t: x if fact in x else {"i": f"{fact}.n"}.get(t, f"if({fact}.n > 0, {x}, null)")
        )
        for t in "idsby"
    }
    i, d, s, b, y = column.values()
    any_ = st.one_of(i, d, s, y)
    bare = {
        "i": st.one_of(
            st.just(f"count({fact})"), form("count({})", any_), form("count(distinct {})", any_), *(form(f"{f}({{}})", i) for f in ("sum", "min", "max", "mode", "last")),
            form("arg_max({}, {})", i, any_), form("arg_min({}, {})", i, d), form("top_by({}, {})", i, d), form("first({})", i),
            *(st.just(f"{f}({fact}.ts)") for f in ("gap_max", "gap_min")), st.just(f"days_since(max({fact}.ts))"),
        ),
        "d": st.one_of(*(form(f"{f}({{}})", d) for f in ("sum", "min", "max", "mode", "first", "last")), form("arg_max({}, {})", d, i)),
        "s": st.one_of(*(form(f"{f}({{}})", s) for f in ("min", "max", "mode", "first", "last")), form("top_by({}, {})", s, i)),
        "b": st.one_of(form("any({})", b), form("all({})", b), st.just(f"exists({fact})"), form("min({})", b)),
        "y": st.one_of(form("max({})", y), form("mode({})", y), form("last({})", y)),
        "f": st.one_of(
            *(form(f"{f}({{}})", st.one_of(i, d)) for f in ("avg", "stddev", "variance", "median", "top_share", "entropy")), form("share({})", b), form("share({}, {})", b, i),
            *(st.just(f"{f}({fact}.ts)") for f in ("gap_avg", "gap_stddev")), form("quantile({}, 0.9)", i), form("slope({}, {})", i, d),
            form("entropy({}, {})", s, i), form("correlation({}, {})", d, i),
        ),
    }  # fmt: skip
    return {
        t: st.one_of(a, a, form("{} filter (where {})", a, row.of("b", 2))) if t != "i" else filtered(a, row)
        for t, a in bare.items()
    }


def filtered(bare: st.Draw, row: Level) -> st.Draw:
    """A filter belongs to the aggregate itself, so not to ``days_since(max(…))``."""
    return (
        st.tuples(bare, row.of("b", 2)).map(
            lambda t: t[0] if t[0].startswith("days_since") else f"{t[0]} filter (where {t[1]})"
        )
        | bare
    )


_sale, _view = aggregates(SALE_ROW, "sale"), aggregates(VIEW_ROW, "view")
_own = {
    "i": st.sampled_from(["customer.age", "age", "tag.t.i", "customer"]) | INTS,
    "d": st.just("tag.t.d") | DECIMALS,
    "s": st.sampled_from(["city", "tag.t.s"]) | STRINGS,
    "b": st.sampled_from(["tag.t.b", "segment.young"]),
    "y": st.just("date('2017-03-12')"),
}
MEMBER = Level(
    {t: st.one_of(_sale[t], _view[t], _own[t]) if t in _own else st.one_of(_sale[t], _view[t]) for t in _sale},
    ranks=True,
)
WITHOUT_TAGS = Level({t: st.one_of(_sale[t], _view[t]) for t in _sale}, ranks=True)

tags = st.fixed_dictionaries(
    {
        "t.i": WITHOUT_TAGS.of("i", 1),
        # The world says that it has two digits after the point; what is drawn may have one.
        "t.d": form("(0.00 + {})", WITHOUT_TAGS.of("d", 1)),
        "t.b": WITHOUT_TAGS.of("b", 1),
        "t.s": WITHOUT_TAGS.of("s", 1),
    }
)


def expressions(most: int) -> st.Draw:
    return st.lists(st.one_of(*(MEMBER.of(t, 2) for t in "idsbyf")), most=most)
