"""Instants on the command line are those of the workspace's zone, said once; JSON has them in UTC with the offset."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from gongbi.cli.calls import emit
from gongbi.cli.library import show_done
from gongbi.cli.moments import CLOCK
from gongbi.core.clock import local_time, parse_instant

#: 2024-03-21 00:30 in Shanghai; in UTC it is the day before.
INSTANT = "2024-03-20T16:30:00+00:00"
NAIVE = datetime.fromisoformat("2024-03-20T16:30:00")  # As an engine's table has it: UTC, unsaid.


@pytest.fixture(autouse=True)
def _in_shanghai(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CLOCK, "zone", "Asia/Shanghai")


@pytest.mark.parametrize(
    "answer",
    [
        {"as_of": INSTANT},
        {"rows": [{"at": INSTANT}]},
        {"table": pa.table({"last": [NAIVE]})},
        pa.table({"last": [NAIVE]}),
        {"steps": {"value": NAIVE.replace(tzinfo=UTC)}},
        {"timeline": [{"ts": NAIVE, "fact": "order"}]},
        [{"history": [INSTANT]}],
    ],
)
def test_people_see_the_zone_of_the_workspace(answer: Any, capsys: pytest.CaptureFixture[str]) -> None:
    emit(answer, as_json=False)
    shown = capsys.readouterr().out
    assert "2024-03-21 00:30:00" in shown
    assert "16:30" not in shown
    assert shown.splitlines()[-1] == "Times are those of Asia/Shanghai."


def test_the_zone_is_said_in_chinese(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("GONGBI_LANG", "zh")
    emit({"as_of": INSTANT}, as_json=False)
    assert capsys.readouterr().out.splitlines()[-1] == "时间按 Asia/Shanghai 时区。"


@pytest.mark.parametrize(
    "answer", [{"day": date(2024, 3, 20)}, {"why": "since 2024-03-20T16:30:00+00:00"}, {"n": 3}, ["2024-03-20"]]
)
def test_where_no_instant_is_shown_no_zone_is_said(answer: Any, capsys: pytest.CaptureFixture[str]) -> None:
    emit(answer, as_json=False)
    assert "Shanghai" not in capsys.readouterr().out


def test_an_instant_that_is_not_printed_needs_no_zone(capsys: pytest.CaptureFixture[str]) -> None:
    draft = {"kind": "tag", "name": "a.b", "version": 1, "state": "review", "at": INSTANT, "changes": []}
    emit([draft], False, show_done)
    assert "Shanghai" not in capsys.readouterr().out


def test_a_report_that_says_its_zone_says_it_once(capsys: pytest.CaptureFixture[str]) -> None:
    emit({"as_of": INSTANT, "zone": "Asia/Shanghai"}, as_json=False)
    assert capsys.readouterr().out.count("Shanghai") == 1


def test_json_has_every_instant_with_its_offset(capsys: pytest.CaptureFixture[str]) -> None:
    emit({"as_of": INSTANT, "table": pa.table({"last": [NAIVE]})}, as_json=True)
    said = json.loads(capsys.readouterr().out)
    assert said == {"as_of": INSTANT, "table": [{"last": INSTANT}]}


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/New_York", "UTC", "Australia/Lord_Howe"])
def test_what_is_shown_can_be_typed_again(zone: str) -> None:
    for hours in range(0, 24 * 400, 7):
        instant = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
        shown = local_time(instant, zone)
        again = parse_instant(shown, zone)
        # In the hour that comes twice in autumn, the first of the two is meant.
        assert again == instant or local_time(again, zone) == shown
