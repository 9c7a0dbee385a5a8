"""`gongbi models NAME` prints a card to read, not what the answer is made of; in the language of the command line."""

from __future__ import annotations

from typing import Any

import pytest

from gongbi.cli import card as cards
from gongbi.cli.output import show_card

SEEN = {"estimate": 0.2, "low": 0.15, "high": 0.26}
CARD: dict[str, Any] = {
    "model": "buys",
    "name": {"zh": "会购买", "en": "Will buy"},
    "about": {"zh": "", "en": ""},
    "definition": {"model": "buys", "estimator": "propensity", "features": ["rfm.*", "trip.[a]"], "limit": 0.5},
    "tags": {"model.buys": "score", "model.buys.trend": "trend"},
    "version": 2,
    "status": "champion",
    "method": {"zh": "LightGBM", "en": "LightGBM"},
    "trained_at": "2026-11-23 08:00:00",
    "trend": None,
    "calibration": None,
    "limits": [{"zh": "人数少。", "en": "Few members."}],
    "names": {
        "rfm.total": {"zh": "总分", "en": "Total"},
        "rfm.total = 5": {"zh": "总分 = 5", "en": "Total = 5"},
    },
    "drift": {"score": {"psi": 0.0123}, "features": [{"tag": "rfm.total", "psi": 0.3}]},
    "metrics": {
        "headline": {"auc": {"estimate": 0.75, "low": 0.7, "high": 0.8}, "loss_less_that_of_the_same": -17.9831},
        "sentence": {"zh": "排序较好。", "en": "It ranks well."},
        "judgement": {"promoted": True, "reason": {"zh": "不更差。", "en": "It is no worse."}},
        "cohorts": [
            {"name": "May", "role": "test", "as_of": "2017-05-01", "members": 1200, "positives": 60, "rate": 0.05}
        ],
        "importance": [{"tag": "rfm.total", "share": 0.5}],
        "tests": [
            {
                "by_group": {"rfm.total": [{"level": "5", "members": 400, "predicted": 0.19, "observed": SEEN}]},
                "fairness": {},
            }
        ],
        "sections": [
            {
                "kind": "stats",
                "items": [
                    {"label": {"zh": "上升", "en": "Rises"}, "value": 1243, "format": "count", "interval": None},
                    {"label": {"zh": "份额", "en": "Share"}, "value": 0.2, "format": "percent", "interval": SEEN},
                ],
            },
            {
                "kind": "table",
                "title": {"zh": "商品", "en": "Products"},
                "about": {"zh": "", "en": ""},
                "columns": [
                    {"label": {"zh": "名称", "en": "Name"}, "format": "text"},
                    {"label": {"zh": "弹性", "en": "Elasticity"}, "format": "number"},
                ],
                "rows": [[f"thing {n}", -1.0 * n] for n in range(25)] + [["[last]", None]],
            },
        ],
    },
    "versions": [
        {
            "version": 2,
            "status": "champion",
            "trained_at": "2026-11-23 08:00:00",
            "as_of": "2018-01-01 00:00:00",
            "judgement": {"promoted": True, "reason": {"zh": "不更差。", "en": "It is no worse."}},
        }
    ],
}


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    show_card(CARD)
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_the_card_is_lines_and_tables_that_people_read(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys)
    assert lines[0] == "buys Will buy version 2, in use"
    for said in (
        "· It ranks well.",
        "· It is no worse.",
        "· Few members.",
        "features rfm.*, trip.[a]",
        "model.buys, model.buys.trend",
        "auc 0.750 [0.700 … 0.800]",
        "loss less that of the same -17.983",
        "Rises 1,243",
        "Share 20.0% [15.0% … 26.0%]",
        "thing 2 -2.00",
        "May test 2017-05-01 1,200 60 (5.0%)",
        "Total = 5 400 0.190 0.200 [0.150 … 0.260]",
        "Total 50.0%",
        "score 0.012",
        "2 in use 2026-11-23 08:00:00 2018-01-01 00:00:00 It is no worse.",
    ):
        assert said in lines, said
    assert "不更差" not in " ".join(lines), "one language at a time"


def test_long_tables_are_cut_and_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys)
    assert sum(line.startswith("thing ") for line in lines) == cards.ROWS
    assert f"{26 - cards.ROWS} more rows: see --pdf or --json" in lines


def test_the_card_in_chinese(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GONGBI_LANG", "zh")
    lines = printed(capsys)
    assert lines[0] == "buys 会购买 版本 2, 在用"
    for said in ("· 排序较好。", "上升 1,243", "总分 = 5 400 0.190 0.200 [0.150 … 0.260]", "名称 弹性"):
        assert said in lines, said
    assert "It is no worse." not in " ".join(lines)
