"""The page of an evaluation: baselines in words, axes that begin and end at round figures."""

from __future__ import annotations

import math
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongbi.models.evaluation import churn, graph, page, price, propensity, text, uplift, value
from gongbi.models.evaluation.called import SHORT, called

BASELINES = {
    **propensity.BASELINES,
    **churn.CONTRACT_BASELINES,
    **churn.SILENT_BASELINES,
    **value.BASELINES,
    **uplift.BASELINES,
    **text.BASELINES,
    **price.BASELINES,
    **graph.BASELINES,
}


def test_every_baseline_has_a_short_name_in_both_languages() -> None:
    assert set(BASELINES) <= set(SHORT)
    assert not [one for one in SHORT.values() if "_" in one.zh + one.en]
    assert called("my_own").en == "my own"


@given(st.floats(-1e4, 1e4), st.floats(1e-2, 1e6))
def test_an_axis_holds_all_values_between_few_round_marks(low: float, length: float) -> None:
    span = page._room([low, low + length / 3, low + length])
    marks = page._marks(span)
    assert span[0] <= low + 1e-6 * length
    assert span[1] >= low + length * (1 - 1e-6)
    assert 2 <= len(marks) <= 8
    step = marks[1] - marks[0]
    assert [b - a for a, b in pairwise(marks)] == pytest.approx([step] * (len(marks) - 1), rel=1e-6)
    lead = step / 10 ** math.floor(math.log10(step) + 1e-9)
    assert min(abs(lead - round_) for round_ in (1, 2, 2.5, 5, 10)) < 1e-6
    assert marks[0] >= span[0] - 1e-9 * step
    assert marks[-1] <= span[1] + 1e-9 * step


def test_a_chart_is_marked_by_round_figures() -> None:
    title = {"zh": "弹性", "en": "Elasticity"}
    chart = {
        "title": title, "x": title, "y": title, "draw": "bars", "diagonal": False,
        "lines": [{"label": title, "x": ["a", "b"], "y": [-3.21, -1.02], "low": [-3.58, -1.2], "high": [-3, -0.9]}],
    }  # fmt: skip
    assert re.findall(r'text-anchor="end">([^<]+)<', page.drawn(chart, "en")) == ["-4", "-3", "-2", "-1", "0"]
