"""What sets a group apart, beside plain counts over the members, and how often intervals and tests are right."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise, product
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

import gongbi
from gongbi.catalog.catalog import Catalog, assemble
from gongbi.catalog.yaml import read_text
from gongbi.core.compiler import Request, Stored
from gongbi.core.language import check_condition
from gongbi.core.plan import Plan
from gongbi.core.types import INTEGER
from gongbi.engine import Engine
from gongbi.engine.duckdb import DuckDBEngine
from gongbi.segments.base import Bin, Profile
from gongbi.segments.run import beside, binned, count_bins, count_everybody, holm, indices, keep_words, profile
from gongbi.tags.amend import drop_build
from gongbi.tags.base import TagColumn
from gongbi.tags.run import build_tags, describe_tags
from gongbi.testing.engine import on_every_engine
from gongbi.testing.shop import MODEL, lay_out, open_for_half_a_year

sys.path.insert(0, str(Path(__file__).parents[1] / "models"))
import shop as models_shop

Label = tuple[str, str]
TAGS = """tag: town.name
expr: customer.town
---
tag: visit.first
expr: date(min(order.ts))
---
tag: visit.last
expr: max(order.ts)
---
tag: visit.recent
expr: exists(order) filter (where within(30, 'day'))
---
tag: visit.never
expr: count(order) / 0
"""
CITIES = [f"town {i:02}" for i in range(16)]
GROUP = "count(order) > 3"
BASES = [None, "count(order) > 1", "count(order) < 10", "count(order) <= 3", "count(order) > 9"]


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    root = lay_out(tmp_path_factory.mktemp("insight") / "shop")
    open_for_half_a_year(root, 120)
    towns = [f"{10 + i},{CITIES[i % 13 if i % 3 else i % 16] if i % 11 else ''}" for i in range(120)]
    (root / "data/cards.csv").write_text("\n".join(["card,town", *towns]) + "\n", "utf-8")
    (root / "definitions/learning.yaml").write_text(MODEL, "utf-8")
    (root / "definitions/more.yaml").write_text(TAGS, "utf-8")
    with gongbi.open(root, actor="tester") as opened:
        opened.apply()
        opened.ingest()
        assert opened.context is not None
        score = "select id, cast(id % 50 as double) / 50 as score from member_customer where id % 7 > 0"
        opened.context.engine.build(Plan().then("scores", score), "model_comes_again")
        opened.build()
        yield opened


def labels(values: Sequence[Any], zone: str) -> list[str]:
    """The bin of each value, worked out anew: the twelve commonest values, or fifths."""
    known = [value for value in values if value is not None]
    if len(set(known)) <= 12 or isinstance(known[0], str):
        common = sorted(Counter(known).items(), key=lambda item: (-item[1], item[0]))[:12]
        names = {value: str(value).lower() if isinstance(value, bool) else str(value) for value, _ in common}
        return ["—" if value is None else names.get(value, "…") for value in values]
    if not isinstance(known[0], date):
        cuts = sorted(set(np.quantile([float(v) for v in known], [0.2, 0.4, 0.6, 0.8]).tolist()))
        names = [f"< {cuts[0]:.6g}"] + [f"{a:.6g} – {b:.6g}" for a, b in pairwise(cuts)]
        names.append(f"≥ {cuts[-1]:.6g}")
        return ["—" if v is None else names[sum(float(v) >= cut for cut in cuts)] for v in values]
    # Cut at the UTC days of the fifths, and told by the days of the zone.
    utc = [v.date() if isinstance(v, datetime) else v for v in known]
    days = sorted({date.fromordinal(round(q)) for q in np.quantile([d.toordinal() for d in utc], [0.2, 0.4, 0.6, 0.8])})
    before = [(day - timedelta(days=1)).isoformat() for day in days[1:]]
    between = [a if a == b else f"{a} – {b}" for a, b in zip(map(str, days), before, strict=False)]
    names = [f"< {days[0]}", *between, f"≥ {days[-1]}"]
    found = []
    for value in values:
        if isinstance(value, datetime):
            value = value.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date()
        found.append("—" if value is None else names[sum(value >= day for day in days)])
    return found


def counted(bins: Mapping[str, Sequence[str]], ids: Sequence[int], wanted: set[int]) -> dict[Label, int]:
    found = Counter((tag, label) for tag, of in bins.items() for i, label in zip(ids, of, strict=True) if i in wanted)
    return dict(found)


COMPARED = ["spend.total", "spend.orders", "spend.fruit_share"]
COMPARED += ["town.name", "visit.first", "visit.last", "visit.recent", "model.comes_again"]


@pytest.mark.parametrize("base", BASES)
def test_every_number_is_that_of_the_members_lists(ws: gongbi.Workspace, base: str | None) -> None:
    found = ws.call("insight", expression=GROUP, base=base, min_support=0)
    table = ws.segment("true").members(COMPARED)
    ids = table["id"].to_pylist()
    bins = {tag: labels(table[tag].to_pylist(), "Asia/Shanghai") for tag in COMPARED}
    group, below = (set(ws.segment(s).members()["id"].to_pylist()) for s in (GROUP, base or "true"))
    inside, outside = counted(bins, ids, group), counted(bins, ids, below)

    assert (found["size"], found["base_size"]) == (len(group), len(below))
    assert {row["tag"] for row in found["rows"]} == set(COMPARED)
    rows = {(row["tag"], row["label"]): row for row in found["rows"]}
    assert len(rows) == len(found["rows"]) == found["compared"]
    assert set(inside) | set(outside) <= set(rows)
    for label, row in rows.items():
        x, y = inside.get(label, 0), outside.get(label, 0)
        assert (row["support"], row["base_count"]) == (x, y), label
        assert row["share"] == x / len(group)
        assert row["base_share"] == y / len(below)
        if not y:
            assert row["tgi"] is row["low"] is row["high"] is None
            continue
        tgi = 100 * Fraction(x, len(group)) / Fraction(y, len(below))
        assert row["tgi"] == pytest.approx(float(tgi))
        assert row["low"] <= row["tgi"] <= row["high"]
    # The most different first, in standard errors; what the group is defined by comes after what is a finding.
    apart = [row for row in found["rows"] if row["defining"] is None]
    assert found["rows"][: len(apart)] == apart
    pooled = [(row["share"] + row["base_share"]) / 2 for row in apart]
    distances = [
        (row["share"] - row["base_share"]) ** 2 / (p * (1 - p)) if 0 < p < 1 else 0
        for row, p in zip(apart, pooled, strict=True)
    ]
    assert distances == pytest.approx(sorted(distances, reverse=True), rel=1e-6)
    for tag in COMPARED:
        own = [row for row in found["rows"] if row["tag"] == tag]
        assert sum(row["support"] for row in own) == len(group), tag
        assert sum(row["base_count"] for row in own) == len(below), tag


def test_what_cannot_be_compared_is_named_with_the_reason(ws: gongbi.Workspace) -> None:
    found = ws.call("insight", expression=GROUP)
    assert [(row["tag"], row["code"]) for row in found["left_out"]] == [("visit.never", "empty")]
    assert found["left_out"][0]["reason"]["en"] == "Nobody has a value."
    some = ws.call("insight", expression=GROUP, tags=["tag.town.name"], min_support=0)
    assert some["left_out"] == []
    assert {row["tag"] for row in some["rows"]} == {"town.name"}
    assert {row["kind"] for row in some["rows"]} == {"value", "other", "absent"}
    known = ws.call("insight", expression=GROUP, tags=["town.name"], min_support=0, include_absent=False)
    assert {row["kind"] for row in known["rows"]} == {"value", "other"}
    assert known["size"] == some["size"]


def test_scores_that_were_written_anew_are_cut_anew(ws: gongbi.Workspace, tmp_path: Path) -> None:
    def score_labels() -> set[str]:
        rows = ws.call("insight", expression=GROUP, tags=["model.comes_again"], min_support=0)["rows"]
        return {row["label"] for row in rows}

    assert ws.context is not None
    before = score_labels()
    kept = ws.context.engine.query("select * from model_comes_again")
    again = Plan().then("scores", "select id, cast(1000 + id as double) as score from member_customer")
    ws.context.engine.build(again, "model_comes_again")
    ws.segment("true").export(tmp_path / "a.csv")  # Work on record, as a training is.
    assert any(label.startswith("≥ 1") for label in score_labels())
    back = Plan().then("scores", "select * from kept")
    ws.context.engine.build(back, "model_comes_again", inputs={"kept": kept})
    ws.segment("true").export(tmp_path / "b.csv")
    assert score_labels() == before


def test_everybody_beside_everybody_is_100_without_a_doubt(ws: gongbi.Workspace) -> None:
    rows = ws.call("insight", expression="true", min_support=1)["rows"]
    assert {(row["tgi"], row["low"], row["high"], row["p_adjusted"]) for row in rows} == {(100.0, 100.0, 100.0, 1.0)}


def test_bins_that_are_kept_beside_a_build_change_no_figure(
    ws: gongbi.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked() -> list[dict[str, Any]]:
        return [
            ws.call("insight", expression=GROUP, base=base, tags=tags, min_support=0)
            for base in BASES
            for tags in (["town.name"], None, ["town.name", "model.comes_again"])
        ]

    assert ws.context is not None
    engine, plain = ws.context.engine, asked()
    monkeypatch.setattr("gongbi.services.bins.KEPT_FROM", 0)
    assert asked() == plain
    words, counts = (name for name in engine.tables() if name.startswith("of_build_"))
    nothing = ", ".join(f"0 as {name}" for name, _ in engine.columns(words) if name != "id")
    for table, other in (
        (words, f"select id, {nothing} from member_customer"),
        (counts, f"select word, 0 as number, n from {words}_counts"),
    ):
        # A process that begins anew finds what is there, and reads it.
        ws.context.memory.clear()
        engine.build(Plan().then("other", other), table)
        assert asked() != plain
        ws.context.memory.clear()
        engine.drop(words)
        assert asked() == plain


def test_a_build_prepares_the_first_comparison_and_gives_up_what_earlier_ones_prepared(
    ws: gongbi.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gongbi.services.bins.KEPT_FROM", 0)
    assert ws.context is not None
    engine = ws.context.engine

    def prepared(table: str) -> int:
        return sum(1 for name in engine.tables() if name.startswith(f"of_{table}_"))

    made = []
    for _ in range(3):
        ws.build(force=True)
        build = ws.context.current_build("customer")
        assert build is not None
        made.append(build)
    # The one before the last may still be read by somebody who has begun to compare.
    assert [prepared(build.table) for build in made] == [0, 3, 3]
    for name in engine.tables():
        if name.startswith(f"of_{made[-1].table}_"):
            engine.drop(name)
    # As after a process that died between the two.
    ws.context.memory.clear()
    ws.build()
    assert prepared(made[-1].table) == 3
    drop_build(engine, made[1].table)
    ws.context.store.builds.drop(made[1].id)
    assert not [name for name in engine.tables() if made[1].table in name]


MORE = """
tag: visits.first
expr: min(visit.ts)
"""


def catalog() -> Catalog:
    return assemble(read_text(f"{models_shop.SUBJECTS_AND_SOURCES}---{MORE}"), zone=models_shop.ZONE)


@on_every_engine()
def test_bins_hold_the_same_members_on_every_engine(engine: Engine) -> None:
    rows, definitions = models_shop.shop(60), catalog()
    for row in rows["visits"]:
        row["shelf"] = f"it's \\ {row['customer'] % 14}"
    models_shop.load(engine, definitions, rows)
    world = definitions.world
    tags = {name: expr for (_, name), expr in definitions.expressions.items() if name != "visits.score"}
    everybody = Request("customer", tags, models_shop.END, {})
    n = build_tags(engine, world, everybody, "build_1")
    columns = [TagColumn(name, expr.type) for name, expr in tags.items()]
    stored = {name: Stored("build_1", name) for name in tags}
    stats = {s.tag: s for s in describe_tags(engine, "build_1", columns, n)}
    cut = binned(engine, columns, stored, stats, models_shop.ZONE)
    assert {tag.tag for tag in cut} == set(tags)
    assert binned(engine, columns, stored, stats, models_shop.ZONE, "cuts_") == cut
    (kept_cuts,) = (name for name in engine.tables() if name.startswith("cuts_"))
    assert binned(engine, columns, stored, stats, models_shop.ZONE, "cuts_") == cut
    absent = ", ".join(f"null as {name}" for name, _ in engine.columns(kept_cuts))
    engine.build(Plan().then("absent", f"select {absent}"), kept_cuts)
    assert binned(engine, columns, stored, stats, models_shop.ZONE, "cuts_") != cut

    def about(text: str) -> Request:
        return replace(everybody, columns={}, where=check_condition(text, world, "customer"))

    table = engine.query("select * from build_1")
    ids = table["id"].to_pylist()
    bins = {tag: labels(table[tag].to_pylist(), models_shop.ZONE) for tag in tags}
    visits = Counter(row["customer"] for row in rows["visits"])
    group, base = {i for i in ids if visits[i] > 5}, {i for i in ids if i % 2 == 0}
    one, other = about("count(visit) > 5"), about("customer.id % 2 = 0")
    # One tag is in no word that is kept.
    kept = keep_words(engine, "build_1", cut[1:], "of_build_1_words")
    assert count_everybody(engine, cut[1:], kept) == count_bins(engine, world, about("true"), cut[1:], stored)
    for (below, whom), words in product(((None, set(ids)), (other, base)), ((), kept)):
        if below is not None:
            found = profile(engine, world, one, below, cut, stored, words)
        else:
            found = beside(
                *(count_bins(engine, world, about(text), cut, stored, words) for text in ("count(visit) > 5", "true"))
            )
        assert (found.n_group, found.n_base, found.n_both) == (len(group), len(whom), len(group & whom))
        names = [(tag.tag, bin_.label) for tag in cut for bin_ in tag.bins]
        for counts, who in ((found.group, group), (found.base, whom), (found.both, group & whom)):
            assert {k: v for k, v in zip(names, counts, strict=True) if v} == counted(bins, ids, who)


ONE = [Bin("tag", "value", "value", "value")]
#: Members of both, of the group only, of the base only.
NESTED, SEPARATE, PARTLY = (500, 0, 1500), (0, 500, 800), (300, 300, 600)
AROUND, LARGE, EVEN = (600, 200, 0), (1800, 0, 200), (300, 300, 300)


@pytest.mark.parametrize(
    ("sizes", "shares"),
    [(sizes, (p, p, p)) for sizes in (NESTED, SEPARATE, PARTLY, AROUND, LARGE, EVEN) for p in (0.05, 0.4, 0.9)]
    + [
        (NESTED, (0.2, 0.1, 0.1)),
        (LARGE, (0.2, 0.1, 0.25)),
        (SEPARATE, (0.0, 0.2, 0.1)),
        (PARTLY, (0.3, 0.1, 0.2)),
        (AROUND, (0.3, 0.1, 0.1)),
        # Group and base agree, though their parts do not.
        (EVEN, (0.5, 0.1, 0.1)),
        (EVEN, (0.1, 0.5, 0.5)),
    ],
)
def test_intervals_hold_the_truth_and_tests_err_as_often_as_they_say(
    sizes: tuple[int, int, int], shares: tuple[float, float, float]
) -> None:
    rng, times = np.random.default_rng(20240301), 2000
    both, only, rest = sizes
    n_group, n_base = both + only, both + rest
    expected = [n * p for n, p in zip(sizes, shares, strict=True)]
    truth = 100 * ((expected[0] + expected[1]) / n_group) / ((expected[0] + expected[2]) / n_base)
    held = refused = 0
    for z, a, c in np.column_stack([rng.binomial(n, p, times) for n, p in zip(sizes, shares, strict=True)]).tolist():
        counts = Profile(n_group, n_base, both, [z + a], [z + c], [z])
        (index,) = indices(ONE, counts, min_support=0)
        assert index.low is not None
        assert index.high is not None
        assert index.p_adjusted is not None
        held += index.low <= truth <= index.high
        refused += index.p_adjusted < 0.05
    # Four standard errors of a share of 95 % in 2000.
    assert held / times == pytest.approx(0.95, abs=0.02)
    if truth == pytest.approx(100):
        assert refused / times == pytest.approx(0.05, abs=0.02)


def test_a_group_within_the_base_is_tested_against_the_rest() -> None:
    (index,) = indices(ONE, Profile(400, 1000, 400, [100], [190], [100]), min_support=0)
    pooled = 190 / 1000
    z = (100 / 400 - 90 / 600) / math.sqrt(pooled * (1 - pooled) * (1 / 400 + 1 / 600))
    assert index.p_adjusted == pytest.approx(math.erfc(z / math.sqrt(2)))


def test_groups_that_share_nobody_have_the_interval_of_katz() -> None:
    (index,) = indices(ONE, Profile(4000, 6000, 0, [1000], [900], [0]), min_support=0)
    spread = 1.96 * math.sqrt(1 / 1000 - 1 / 4000 + 1 / 900 - 1 / 6000)
    ratio = (1000 / 4000) / (900 / 6000)
    assert index.low == pytest.approx(100 * ratio * math.exp(-spread), rel=2e-3)
    assert index.high == pytest.approx(100 * ratio * math.exp(spread), rel=2e-3)


@pytest.mark.parametrize("counts", [(0, 0, 0), (0, 50, 0), (50, 50, 50), (50, 0, 0), (100, 300, 100), (100, 100, 100)])
def test_shares_of_nobody_and_of_all_have_finite_numbers(counts: tuple[int, int, int]) -> None:
    inside, below, shared = counts
    for n_both, both in ((100, inside), (60, min(shared, 50))):
        if inside - both > 100 - n_both or (n_both == 100 and below < inside):
            continue
        (index,) = indices(ONE, Profile(100, 300, n_both, [inside], [below], [both]), min_support=0)
        assert index.p_adjusted is not None
        assert 0 <= index.p_adjusted <= 1
        if index.tgi is not None:
            assert index.low is not None
            assert index.high is not None
            assert 0 <= index.low <= index.tgi <= index.high < math.inf


def test_a_group_within_the_base_has_at_most_all_of_a_bin() -> None:
    (index,) = indices(ONE, Profile(100, 120, 100, [50], [50], [50]), min_support=0)
    assert index.tgi == index.high == pytest.approx(120)
    (around,) = indices(ONE, Profile(120, 100, 100, [50], [50], [50]), min_support=0)
    assert around.tgi == around.low == pytest.approx(100 * 100 / 120)


def test_bins_below_the_support_are_left_out_unless_more_would_be_expected() -> None:
    bins = [Bin("tag", str(i), "value", str(i)) for i in range(3)]
    found = indices(bins, Profile(100, 1000, 100, [19, 20, 0], [30, 60, 200], [19, 20, 0]), min_support=20)
    assert {index.label for index in found} == {"1", "2"}


def test_holm_s_correction_is_that_of_a_hand_example() -> None:
    # Sorted: 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1 is 0.02, 0.03, 0.06, 0.04; none may be below the one before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize("members", [5_000, 400_000])
def test_fifths_of_many_members_are_those_of_a_fixed_draw(members: int) -> None:
    """Every value once, 0 to members - 1: a fifth of everybody exactly, of a draw of 100,000 nearly."""
    engine = DuckDBEngine(None, threads=2)
    engine.build(Plan().then("a", f"select range as id, cast(range as bigint) as v from range({members})"), "many")
    cut = [binned(engine, [TagColumn("v", INTEGER)], {"v": Stored("many", "v")}, {}, "UTC") for _ in range(2)]
    assert cut[0] == cut[1]
    edges = [bin_.low for bin_ in cut[0][0].bins if bin_.low is not None]
    expected = [(members - 1) * k / 5 for k in range(1, 5)]
    assert edges == pytest.approx(expected, rel=0.001 if members < 100_000 else 0.02)
    assert members < 100_000 or edges != pytest.approx(expected, rel=1e-9)
    engine.close()
