"""What random expressions say of texts, days, documents, lists, places, lots and habits, over a year and more of rows."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import draw as st
import random_expressions as random
from random_expressions import STRINGS, form

#: Entries that no random expression has, and where they are held to a reading of their own.
NOT_DRAWN = {
    "ahead": "targets only: test_sequences and test_check",
    "during": "the outcome of a campaign only: tests/measurement",
    "cell": "named by a formula: test_lists holds its middle to the place it came from",
    "cell_lon": "see cell",
    "cell_lat": "see cell",
    "home_of": "needs rows with a place: test_lists has the place of each member by hand",
    "work_of": "see home_of",
    "wgs84_lon": "test_datums, against published positions",
    "wgs84_lat": "see wgs84_lon",
}


def _earlier(row: dict[str, Any]) -> dict[str, Any]:
    """A row of a year before, where its number says so; most are those of two members, who then have habits."""
    back = timedelta(days=365 if row["n"] in (4, -3) else 0)
    return row | {"ts": row["ts"] - back, "customer": {3: 1, 4: 2, 99: 1}.get(row["customer"], row["customer"])}


facts = random.facts.map(lambda found: {name: [_earlier(row) for row in rows] for name, rows in found.items()})

# -- parts that are written out ------------------------------------------------------------------------

DOCUMENTS = st.sampled_from(
    [
        random.literal(json.dumps(body, ensure_ascii=False))
        for body in (
            {"a": 1}, {"a": {"b": [1, 2.5, {"c": "深"}]}}, {"a": "x", "b": None}, {"a": [True, "y", "a", 3]}, [False, {"a": -7}],
            {"a": 1e3}, {"b": {}}, {"a": 2**40}, {"a": {"b": "b"}}, [], {"a": [], "b": ["it's", "\\", 0]},
        )
    ]
    + ["'{\"a\": 1'", "'a'", "''"]
)  # fmt: skip
PATHS = st.sampled_from(["$", "$.a", "$.b", "$.a.b", "$.a.b[2].c", "$[0]", "$[1].a", "$.a[1]", "$.b[0]"])
PATTERNS = st.sampled_from(["^a", "b$", "[ab]+", "^$", "画", "(a|it)", "^.{2}$", "a.*b", "^[^a]+$"])
LIKES = st.sampled_from(["%a%", "_", "a%", "%s", "", "%", "_像", "__"])
PIECES = st.sampled_from(["','", "'a'", "'.'"])
COUNTS = st.sampled_from("0123")
UNITS = st.sampled_from(["day", "week", "hour", "calendar_day", "calendar_week", "calendar_month"])
MOVES = st.sampled_from(["day", "week", "month", "quarter", "year"])
STEPS = st.sampled_from(["-13", "-1", "0", "1", "2", "11", "31"])
DEGREES = st.sampled_from(["0.25", "-1.5", "31.25", "121.5", "2"])
SEED = st.sampled_from(["'spring'", "'画'"])
AREA = "'POLYGON((-2.1 -1.1, 2.6 -1.1, 2.6 33.3, -2.1 33.3, -2.1 -1.1))'"


class Broad(random.Level):
    """One thing more than the level's leaves, in each of the ways that random expressions have not."""

    def of_i(self, i: Any, d: Any, s: Any, b: Any, y: Any) -> list[Any]:
        return [
            form("sign({})", st.one_of(i, d)), form("ceil({})", d), form("day_of_year({})", y), form("quarter({})", y), form("year({})", y),
            form("day({})", y), form("days_between({}, {})", y, y), form("months_between({}, {})", y, y), form("workdays_between({}, {})", y, y),
            form("days_to_spring_festival({})", y), form("json_integer(if({}, {}, {}), '{}')", b, DOCUMENTS, DOCUMENTS, PATHS),
            form("json_length(if({}, {}, {}), '{}')", b, DOCUMENTS, DOCUMENTS, PATHS), form("list_length({})", self.lists(i, s)),
            form("element_at(list_of({}, {}, 2), {})", i, i, st.sampled_from(["1", "2", "-1"])), form("to_integer(to_text({}))", i),
            form("list_length(json_list(if({}, {}, {}), '{}'))", b, DOCUMENTS, DOCUMENTS, PATHS),
        ]  # fmt: skip

    def of_d(self, i: Any, d: Any, s: Any, b: Any, y: Any) -> list[Any]:
        return [form("clamp({}, -0.5, 1.25)", d)]

    def of_s(self, i: Any, d: Any, s: Any, b: Any, y: Any) -> list[Any]:
        return [
            *(form(f"{f}({{}})", s) for f in ("upper", "lower")), *(form(f"{f}(' ' || {{}} || '\u3000')", s) for f in ("trim", "ltrim", "rtrim")),
            form("substr({}, {}, {})", s, st.sampled_from("12"), COUNTS), form("right({}, {})", s, COUNTS), form("replace({}, {}, {})", s, STRINGS, STRINGS),
            form("split_part({} || '.' || {}, {}, {})", s, s, PIECES, st.sampled_from("123")), form("lpad({}, {}, '*')", s, COUNTS),
            form("to_text({})", st.one_of(i, y, b)), form("json_text(if({}, {}, {}), '{}')", b, DOCUMENTS, DOCUMENTS, PATHS),
            form("list_join({}, '、')", self.texts(s)), form("element_at({}, {})", self.texts(s), st.sampled_from(["1", "2", "-1"])),
            form("left(lot({}, {}), 3)", st.one_of(i, s), SEED),
        ]  # fmt: skip

    def of_y(self, i: Any, d: Any, s: Any, b: Any, y: Any) -> list[Any]:
        return [
            form("end_of_month({})", y), form("date_add({}, {}, '{}')", y, STEPS, MOVES), form("add_workdays({}, {})", y, STEPS),
            form("nth_weekday({}, {}, {})", y, st.sampled_from(["1", "3", "5", "-1", "-5"]), st.integers(1, 7).map(str)),
            form("spring_festival(year({}))", y), form("start_of('{}', {})", st.sampled_from(["quarter", "year", "day"]), y), st.just("date(as_of())"),
        ]  # fmt: skip

    def of_b(self, i: Any, d: Any, s: Any, b: Any, y: Any) -> list[Any]:
        lists = self.lists(i, s)
        return [
            form("{} like {}", s, LIKES.map(random.literal)), form("matches({}, '{}')", s, PATTERNS), form("ends_with({}, {})", s, STRINGS),
            form("({} is false)", b), form("is_weekend({})", y), form("is_workday({})", y), form("is_holiday({})", y),
            form("json_boolean(if({}, {}, {}), '{}')", b, DOCUMENTS, DOCUMENTS, PATHS), form("json_has(if({}, {}, {}), '{}')", b, DOCUMENTS, DOCUMENTS, PATHS),
            form("has_any({}, {}, 'b')", self.texts(s), s), form("has_all({}, {}, 'b')", self.texts(s), s), form("has({}, {})", lists, s),
            form("overlaps({}, {})", self.texts(s), self.texts(s)), form("within_m({}, {}, {}, {}, 500000)", d, i, DEGREES, DEGREES),
            form(f"in_area({{}}, {{}}, {AREA})", d, i), form("in_area(to_text(310000 + {}), '31')", i), form("in_random_share({}, {}, {})", st.one_of(i, s), st.sampled_from(["0.5", "0.25", "1"]), SEED),
        ]  # fmt: skip

    def of_f(self, i: Any, d: Any, s: Any, b: Any, y: Any) -> list[Any]:
        x = st.one_of(i, d)
        found = [
            *(form(f"{f}({{}})", x) for f in ("sqrt", "ln", "log10", "exp")), form("power({}, {})", x, st.sampled_from(["2", "0.5", "-1", "0"])), form("to_double({})", st.one_of(i, d)),
            form("json_number(if({}, {}, {}), '{}')", b, DOCUMENTS, DOCUMENTS, PATHS), form("distance_m({}, {}, {}, {})", d, i, DEGREES, DEGREES),
        ]  # fmt: skip
        if self.ranks:
            found += [form("group_avg({}, {})", x, b), form("group_share({}, {})", st.one_of(i, s, y), b)]
        return found

    @staticmethod
    def texts(s: Any) -> st.Draw:
        """Lists of texts."""
        return st.one_of(form("split({} || ',' || {}, {})", s, s, PIECES), form("list_of({}, {}, 'b')", s, s))

    def lists(self, i: Any, s: Any) -> st.Draw:
        one = self.texts(s)
        return st.one_of(
            one, *(form(f"{f}({{}}, {{}})", one, one) for f in ("list_intersect", "list_union", "list_except"))
        )


def _row(level: random.Level, fact: str) -> Broad:
    """The rows of a fact; a step of it is a year away."""
    far = st.one_of(
        form("last_year('{}'{})", MOVES, st.sampled_from(["", ", true", ", false"])),
        st.sampled_from(["between_dates('2016-03-01', '2017-03-13')", "between_dates('2017-03-12', '2017-03-15')"]),
        st.just(f"up_to({fact}.ts, date('2017-03-11'))"), st.just(f"up_to({fact}.ts, as_of())"),
        st.just(f"{fact}.ts >= instant('2017-03-12T01:30:00')"), st.just(f"minute({fact}.ts) = 0"), st.just(f"hours_between({fact}.ts, as_of()) < 100"),
    )  # fmt: skip
    more = {"b": st.one_of(level.leaves["b"], far), "f": form("to_double({})", level.leaves["i"])}
    return Broad({**level.leaves, **more}, ranks=False)


ROWS = {"sale": _row(random.SALE_ROW, "sale"), "view": _row(random.VIEW_ROW, "view")}
FACT = st.sampled_from([*ROWS])
N = st.sampled_from(["1", "2", "7", "30", "300"])


def _habit(fact: str) -> st.Draw:
    """A phrase about a fact, with and without a condition of its rows."""
    said = st.one_of(
        *(form(f"{f}({fact}, {{}}, '{{}}')", N, UNITS) for f in ("exists_within", "first_time", "stopped")),
        form(f"regularly({fact}, {{}}, {{}}, '{{}}')", st.sampled_from("12"), st.sampled_from("234"), MOVES),
        form(f"resurrected({fact}, {{}}, {{}}, '{{}}')", N, N, st.sampled_from(["day", "week", "hour"])),
    )
    return st.one_of(said, form("{} filter (where {})", said, ROWS[fact].of("b", 1)))


MOMENT = st.sampled_from(
    ["'2017-03-01'", "'2016-12-31'", "as_of()", "start_of('month', as_of())", "date('2017-03-12')"]
)
STATES = st.one_of(
    form("value_at({}.n, {})", FACT, MOMENT),
    form("value_before({}.n, {}, '{}')", FACT, N, UNITS),
    form("value_at(sale.n, {}) filter (where {})", MOMENT, ROWS["sale"].of("b", 1)),
)
LEAVES = {
    "i": st.one_of(random.MEMBER.leaves["i"], STATES, form("place({})", random.MEMBER.leaves["i"])),
    "b": st.one_of(
        random.MEMBER.leaves["b"], _habit("sale"), _habit("view"), form("in_random_share(0.5, {})", SEED),
        *(form(f"any({{}}) filter (where {fact}.n is not absent)", rows.of("b", 1).map(lambda t, f=fact: f"({t}) and {f}.ts is not absent")) for fact, rows in ROWS.items()),
        *(form(f"count({fact}) filter (where {{}}) > 1", rows.of("b", 1)) for fact, rows in ROWS.items()),
    ),
    "f": st.one_of(
        random.MEMBER.leaves["f"], form("average_daily(sale.n, {})", st.sampled_from(["3", "30", "400"])), st.just("repeat_share(sale.kind, sale.n)"),
        form("share_of_top(distribution(sale.kind), {})", st.sampled_from("12")), st.just("hours_between(min(sale.ts), max(view.ts))"),
        *(form("{}(if(sale.ts is absent, null, {}))", st.sampled_from(["avg", "median"]), ROWS["sale"].of(t, 1)) for t in "idf"),
    ),
    "s": st.one_of(
        random.MEMBER.leaves["s"], st.just("list_join(values_of(distribution(sale.kind)), '|')"), st.just("list_join(list(view.page), '')"),
        form("{}(if(sale.ts is absent, null, {}))", st.sampled_from(["min", "max", "mode"]), ROWS["sale"].of("s", 1)),
    ),
    "y": st.one_of(random.MEMBER.leaves["y"], form("max(if(sale.ts is absent, null, {}))", ROWS["sale"].of("y", 1))),
    "d": random.MEMBER.leaves["d"],
}  # fmt: skip
MEMBER = Broad(LEAVES, ranks=True)


def expressions(most: int) -> st.Draw:
    return st.lists(st.one_of(*(MEMBER.of(t, depth) for t in "ibsfy" for depth in (0, 1, 1))), most=most)
