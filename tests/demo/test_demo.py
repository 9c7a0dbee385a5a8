"""`gongbi demo` on the whole of Complete Journey, as a new user runs it."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import gongbi
from gongbi.cli.report import lines
from gongbi.testing.comparing import column, differences
from gongbi.testing.engine import require_spark
from gongbi.testing.tracing import leaves, retraced, untraced

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2500)]


def demo(folder: Path, *options: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "gongbi", "demo", str(folder), "--no-serve", "--json", *options]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=2400, env={**os.environ, "COLUMNS": "200"}, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "workspace"


@pytest.fixture(scope="module")
def report(folder: Path) -> dict[str, Any]:
    return demo(folder)


def test_the_report_counts_what_the_package_holds(report: dict[str, Any]) -> None:
    assert report["as_of"] == "2018-01-01T05:00:00+00:00"
    assert report["customers"] == 2469
    assert report["facts"]["purchase"] == 1_469_307
    assert report["facts"]["campaign_received"] == 6589
    assert report["facts"]["coupon_redeemed"] == 2102
    assert report["unmatched"]["purchase.product"] == 4836
    assert report["rejects"] == {}


def test_the_library_has_the_tags_and_segments_that_were_promised(report: dict[str, Any]) -> None:
    assert report["tags"]["customer"] >= 60
    assert report["tags"]["product"] >= 10
    assert report["tags"]["store"] >= 10
    assert report["segments"]["received_campaign_18"] == 1133
    assert len(report["segments"]) >= 10


def test_predictions_come_with_their_intervals_and_beat_the_plain_score(report: dict[str, Any]) -> None:
    headline = report["models"]["coupon_redemption"]["headline"]
    assert (headline["members"], headline["positives"]) == (1133, 214)
    assert headline["auc"]["low"] < headline["auc"]["estimate"] < headline["auc"]["high"]
    assert headline["difference"]["low"] > 0
    assert report["models"]["purchases"]["headline"]["predicted_over_actual"] == pytest.approx(1, abs=0.1)


def test_five_models_are_trained_and_each_says_how_good_it_is(report: dict[str, Any]) -> None:
    for name in ("coupon_redemption", "lapse", "life", "new_to_seafood", "purchases"):
        model = report["models"][name]
        assert model["newest"] is not None, name
        assert all(model["sentence"][language] for language in ("zh", "en")), name


def test_the_campaign_is_measured_and_says_what_it_cannot_prove(report: dict[str, Any]) -> None:
    measured = report["campaign"]["figures"]["measurement"]
    assert (measured["received"], measured["responded"]) == (1133, 214)
    assert measured["effect"]["low"] < measured["effect"]["value"] < measured["effect"]["high"]
    assert any("no experiment" in sentence for sentence in measured["words"]["en"])
    assert len(measured["words"]["zh"]) == len(measured["words"]["en"])


def test_every_figure_comes_again_from_the_command_that_the_report_names(folder: Path, report: dict[str, Any]) -> None:
    def ask(command: str) -> Any:
        words = [sys.executable, "-m", *shlex.split(command), "--json"]
        return json.loads(subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True).stdout)

    assert untraced(report) == []
    again = retraced(report, ask)
    assert dict(leaves(again)) == {path: value for path, value in leaves(report) if path[0] != "commands"}


def printed(report: dict[str, Any]) -> str:
    """The report as people see it, with single blanks and without colours."""
    return " ".join(re.sub(r"\[/?[a-z]*\]", "", " ".join(lines(report))).split())


def figures(text: str) -> set[str]:
    """All numbers of a text, without signs and full stops."""
    return set(re.findall(r"\d+(?:[.,:]\d+)*", text))


@pytest.mark.parametrize(
    ("page", "head"), [("README.md", "## What the report says"), ("README.zh-CN.md", "## 报告里有什么")]
)
def test_a_readme_quotes_the_report_word_for_word(page: str, head: str, report: dict[str, Any]) -> None:
    section = (ROOT / page).read_text("utf-8").partition(f"{head}\n")[2].partition("\n## ")[0]
    (quoted,) = re.findall(r"```text\n(.*?)```", section, re.DOTALL)
    real, at = printed(report), 0
    # A line that goes on below, further to the right, is one sentence of the report; `…` leaves some of it out.
    for line in re.sub(r"\n {6}(?! )", " ", quoted).splitlines():
        wanted = " ".join(line.split())
        # In an interval `…` is the report's own.
        for part in [wanted] if "[" in wanted else wanted.split("…"):
            found = real.find(part.strip(), at)
            assert found >= 0, f"{page} quotes what the report does not say (there): {part.strip()}"
            at = found + len(part.strip())
    assert figures(section) - figures(real) == set()


def test_a_guide_counts_receivers_without_a_match_as_the_report_does(report: dict[str, Any]) -> None:
    measured = report["campaign"]["figures"]["measurement"]
    page = " ".join((ROOT / "docs/guides/campaigns.md").read_text("utf-8").split())
    assert f"In the demo that is {measured['dropped']['received']} of {measured['received']:,}." in page


def kept(folder: Path) -> tuple[object, object]:
    """Every build and every version of a model that is kept."""
    with gongbi.open(folder) as ws:
        assert ws.context is not None, "this process owns the workspace"
        store = ws.context.store
        return store.builds.list(), store.models.list()


def test_a_second_run_changes_nothing(folder: Path, report: dict[str, Any]) -> None:
    before = kept(folder)
    again = demo(folder)
    for part in ("as_of", "members", "facts", "tags", "segments", "models", "campaign"):
        assert again[part] == report[part], part
    assert kept(folder) == before, "nothing was computed again"


def tags_of(folder: Path) -> dict[str, pa.Table]:
    """Subject → its members with every tag that was built."""
    with gongbi.open(folder) as ws:
        return {
            subject: ws.call(
                "members",
                expression="true",
                subject=subject,
                columns=[f"tag.{tag['tag']}" for tag in ws.call("tags", subject=subject)],
            )["table"]
            for subject in ("customer", "product", "store")
        }


# Its name leaves it in the worker of this file, where the demo on DuckDB was run that it compares with.
def test_the_other_engine_gives_the_same_tags_and_segment_counts(
    report: dict[str, Any], folder: Path, tmp_path: Path
) -> None:
    require_spark()
    on_spark = demo(tmp_path / "spark", "--engine", "spark")
    for part in ("as_of", "members", "facts", "rejects", "unmatched", "tags", "segments"):
        assert on_spark[part] == report[part], part
    expected, found = tags_of(folder), tags_of(tmp_path / "spark")
    for subject, table in expected.items():
        assert len(table.column_names) > 10
        assert found[subject].column_names == table.column_names
        for name in table.column_names[1:]:
            assert differences(column(found[subject], name), column(table, name)) == {}, name


def test_its_personas_are_drawn_in_both_languages(folder: Path, report: dict[str, Any]) -> None:
    with gongbi.open(folder) as ws:
        (cast,) = ws.call("personas")["casts"]
    assert 4 <= len(cast["personas"]) <= 6
    assert sum(one["members"] for one in cast["personas"]) == report["members"]["customer"]
    for one in cast["personas"]:
        said = [words for spoken in one["fields"].values() for words in spoken]
        assert len(said) >= 6, one["name"]
        assert all(words["zh"] and words["en"] and words["source"]["n"] <= one["members"] for words in said)
