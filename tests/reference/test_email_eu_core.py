"""email-Eu-core: circles of who mails whom against 42 departments, mean over seeds 0 to 19.

Leskovec, Kleinberg and Faloutsos (2007); Yin et al. (2017). A plain Leiden run gives 0.576.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gongbi.models.evaluation.base import Request
from gongbi.models.evaluation.graph import run
from gongbi.models.evaluation.reading import read_frame

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("GONGBI_DATA", ROOT.parent / "shared" / "data")) / "email_eu_core"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not DATA.is_dir(), reason=f"NOT CHECKED on mails and departments: {DATA} is missing; set GONGBI_DATA."
    ),
]


def test_circles_agree_with_departments_as_well_as_published() -> None:
    frame, _ = read_frame(DATA / "edges.parquet")
    found = run(frame, Request(options={"labels": str(DATA / "departments.parquet")}, repeats=20, seed=0))
    assert found.seeds == tuple(range(20))
    assert found.details["members"] == 1005
    (nmi,) = [one for one in found.measures if one.name == "nmi"]
    mean = nmi.summary()["mean"]
    assert mean is not None
    assert mean >= 0.57
    # The baseline is a real one: a single run of Louvain is near.
    gap = nmi.difference("louvain")
    assert gap["within_one_standard_error"]
    assert 0 < gap["mean"] < 0.03
