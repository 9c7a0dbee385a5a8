"""Definitions and files that cannot be: what is wrong, where, and what to do, in both languages."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import shop

from gongbi.engine import Engine
from gongbi.errors import GongbiError
from gongbi.models.reading import Work
from gongbi.models.run import learn, with_cohorts
from gongbi.services.evaluate import evaluate
from gongbi.translation import in_language

CALLS = """
source: calls
from: {file: calls.csv}
relation: calls
key: [a, b]
subjects: {caller: {subject: customer, column: a}, callee: {subject: customer, column: b}}
columns: {minutes: double, how: text}
---
"""
TARGET = "target: exists(visit) filter (where ahead(30, 'day'))"
SPEND = "target: sum(visit.amount) filter (where ahead(30, 'day'))"
GROWTH = "fact: visit\namount: amount\nmarket: tag.spend.shelf"
COHORT = "{name: NAME, as_of: AT, population: 'true', target: \"exists(visit) filter (where ahead(30, 'day'))\"}"


def cohort(name: str, at: str) -> str:
    return COHORT.replace("NAME", name).replace("AT", at)


def cohorts(features: str, train: str, test: str) -> str:
    """A propensity of two cohorts."""
    return f"estimator: propensity\nfeatures: [{features}]\ntrain: [{cohort('a', train)}]\ntest: [{cohort('b', test)}]"


def in_both(error: GongbiError) -> str:
    """What is said, in English, once it is seen that it has its Chinese."""
    for text in filter(None, (error.message, error.hint)):
        assert in_language(text, "zh") != text, text
    return f"{error.message} {error.hint or ''}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("estimator: recurring\nfact: visit\npayee: \"'rent'\"", "says nothing about a row of 'visit'.*visit.ts"),
        ("estimator: recurring\nfact: visit\npayee: shop", "No column of visit is called 'shop'.*shelf"),
        ("estimator: recurring\nfact: visit\npayee: shelf\namount: shelf", "`amount` is a number; shelf is text"),
        ("estimator: recurring\nfact: visits\npayee: shelf", "No fact is called 'visits'.*'visit'"),
        ("estimator: purchases\nfact: visit\namount: shelf", "`amount` is a number; shelf is text"),
        ("estimator: purchases\nfact: visit\namount: price", "No column of visit is called 'price'"),
        ("estimator: purchases\nfact: visit", "needs `amount`"),
        ("estimator: contracts\nfact: visit\ncolumns: [shelf]", "has no end, so it is no contract.*time:"),
        ("estimator: send_time\nfact: visit\nanswered: shelf = 'A'\nchannel: road", "No column of visit.*'road'"),
        ("estimator: texts\nfact: visit\ntext: amount", "`text` is a column of texts; amount is money"),
        ("estimator: circles\nrelation: calls\nweight: how", "`weight` is a number; how is text"),
        ("estimator: propensity\ntarget: exists(visit)", "'m' looks at nothing after its instant.*ahead"),
        (f"estimator: propensity\n{TARGET}\nfeatures: [visits.cnt]", "'visits.cnt'.*'visits.count'"),
        (f"estimator: propensity\n{TARGET}\npopulation: segment.visitor", "'visitor'.*'visitors'"),
        (f"estimator: propensity\n{TARGET}\npayee: shelf", "`payee` goes with `estimator: recurring`"),
        (cohorts("visits.*", "2024-03-01", "2024-13-01"), "cohort 'b': '2024-13-01' is not a date.*Write 2017"),
        ("estimator: newcomers\ntarget: exists(visit) filter (where ahead(30, 'day'))", "a number; this is boolean"),
        (f"estimator: uplift\n{TARGET}", "needs `treated`.*exists"),
        (f"estimator: wallet\n{TARGET}", "wallet is what members spend, a number; this is boolean"),
        (f"estimator: wallet\n{SPEND}\nquantile: 0.5", "`quantile` lies above 0.5 and below 1"),
        (f"estimator: wallet\n{SPEND}\nbaseline: visits.count", "no `baseline`.*Leave it out"),
        (
            f"estimator: wallet\n{SPEND}\nfeatures: ['visits.*', spend.mean]",
            "'spend.mean' tells the spend itself.*traits",
        ),
        (f"estimator: wallet\n{SPEND}\nelsewhere: tag.spend.shelf", "`elsewhere` is a number; tag.spend.shelf is text"),
        (f"estimator: wallet\n{SPEND}\nmarket: tag.spend.shelf", "needs `fact`, `amount`, `product`.*leave out all"),
        (
            f"estimator: wallet\n{SPEND}\n{GROWTH}\nproduct: amount",
            "`product` is a text or a whole number; this is money",
        ),
        (f"estimator: wallet\n{SPEND}\n{GROWTH}\nproduct: road", "No column of visit.*'road'"),
        (f"estimator: propensity\n{TARGET}\nmarket: tag.spend.shelf", "`market` goes with `estimator: wallet`"),
    ],
)
def test_a_wrong_definition_is_told_before_it_comes_into_force(text: str, said: str) -> None:
    with pytest.raises(GongbiError) as caught:
        shop.definitions(models=f"{CALLS}model: m\n{text}\n")
    assert caught.value.place is not None
    assert re.search(said, in_both(caught.value))


def visits(day: int, customers: range) -> list[dict[str, object]]:
    at = shop.BEGIN + timedelta(days=day)
    return [{"ts": at, "customer": c, "amount": Decimal(5), "shelf": "A"} for c in customers]


# Everybody came once in February, the first thirty again in March, June and July.
AGAIN = [row for day in (80, 175, 203) for row in visits(day, range(1, 31))]
ROWS = {**shop.shop(60), "visits": [*visits(40, range(1, 61)), *AGAIN]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("estimator: life_event\nfact: visit\nsigns: shelf = 'A'", "no change is to be seen.*Name signs"),
        ("estimator: life_event\nfact: visit\nsigns: shelf = 'Z'", "0 customers had a sign.*more signs"),
        ("estimator: recurring\nfact: visit\npayee: shelf\nwhere: shelf = 'Z'", "nothing recurs.*`where`"),
        ("estimator: send_time\nfact: visit\nanswered: shelf = 'Z'", "nobody answered.*what counts as an answer"),
        (f"estimator: propensity\n{TARGET}\npopulation: tag.visits.count > 9", "0 members, 0 of them.*population"),
        # In neither cohort had anybody come within the last fortnight.
        (cohorts("visits.recent", "2024-03-12", "2024-07-12"), "No tag.*learns from differs.*visits.recent.*features"),
        (f"estimator: uplift\n{TARGET}\ntreated: exists(mailed) filter (where wave = 9)", "0 of 60 members were"),
        (
            f"estimator: wallet\n{SPEND}\nfeatures: [luck.*]\npopulation: tag.visits.count > 9",
            "Cohort .* has no members.*population",
        ),
        (f"estimator: wallet\n{SPEND}\nfeatures: [luck.*]\n{GROWTH}\nproduct: shelf", "no growth to compare"),
    ],
)
def test_data_that_teach_nothing_are_told_with_what_to_look_at(text: str, said: str, duckdb_engine: Engine) -> None:
    catalog = shop.definitions(models=f"\nmodel: m\n{text}\n")
    shop.load(duckdb_engine, catalog, ROWS)
    work = Work(duckdb_engine, catalog.model("m"), catalog, shop.END)
    with pytest.raises(GongbiError) as caught:
        learn(Work(duckdb_engine, with_cohorts(work), catalog, shop.END))
    assert re.search(said, in_both(caught.value))


@pytest.mark.parametrize(
    ("kind", "file", "options", "said"),
    [
        ("propensity", "none.csv", {"target": "y"}, "There is no file .*none.csv.*begins where the command runs"),
        ("propensity", "empty.csv", {"target": "y"}, "empty.csv holds no rows.*Excel are read"),
        ("propensity", "rows.png", {"target": "y"}, "suffix '.png' says nothing.*Excel are read"),
        ("propensity", "noise.csv", {"target": "y"}, "noise.csv is not gb18030.*save the file as one of them"),
        ("propensity", "rows.csv", {"target": "one"}, r"one value \(1\), and a target has two.*another column"),
        ("propensity", "rows.csv", {"target": "why"}, "No column is called 'why'.*Known: a, one, y"),
        ("graph", "rows.csv", {"source": "a", "target": "a"}, "Both ends of a tie are column 'a'.*--source"),
    ],
)
def test_a_file_that_cannot_be_judged_is_told_without_a_word_of_workspaces(
    kind: str, file: str, options: dict[str, str], said: str, tmp_path: Path
) -> None:
    (tmp_path / "rows.csv").write_text("a,one,y\n" + "".join(f"{i},1,{i % 2}\n" for i in range(30)))
    (tmp_path / "rows.png").write_bytes(b"\x89PNG")
    (tmp_path / "empty.csv").touch()
    (tmp_path / "noise.csv").write_bytes(b"a,one,y\n1,\xff\xff\x00,1\n")
    with pytest.raises(GongbiError) as caught:
        evaluate(kind, tmp_path / file, options, repeats=2)
    told = in_both(caught.value)
    assert "workspace" not in told
    assert re.search(said, told)
