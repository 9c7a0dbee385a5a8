"""`gongbi bench data`: a workspace that is ready to be used."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import gongbi as package

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_a_made_up_company_goes_from_files_to_a_segment(gongbi: Run, tmp_path: Path) -> None:
    to = tmp_path / "company"
    made = gongbi("bench", "data", str(to), "--customers", "400", "--events", "9000", "--seed", "5")
    assert made.returncode == 0, made.stderr
    assert "customers              400" in made.stdout
    with package.open(to) as ws:
        ws.apply()
        assert {load["outcome"] for load in ws.ingest()["loads"]} == {"loaded"}
        ws.build()
        report = ws.report()
        assert report["customers"] == 400
        assert sum(report["facts"].values()) == 9000
        assert report["rejects"] == {}
        assert all(tag["coverage"] > 0 for tag in ws.tags)
        assert 0 < ws.segment("champions").count() < 200
        assert (
            ws.segment("slipping").count() == ws.segment("tag.rfm.frequency >= 4 and stopped(order, 60, 'day')").count()
        )


def test_a_folder_with_data_and_an_unknown_kind_are_refused(gongbi: Run, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    refused = gongbi("bench", "data", str(tmp_path))
    assert (refused.returncode, "is there already" in refused.stderr) == (2, True)
    unknown = gongbi("bench", "data", str(tmp_path / "new"), "--kind", "retial")
    assert (unknown.returncode, "Did you mean 'retail'?" in unknown.stderr) == (2, True)
    assert not (tmp_path / "new").exists()
