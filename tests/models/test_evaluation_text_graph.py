"""`evaluate text` and `evaluate graph` on made-up rows."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pandas as pd
import pytest

from gongbi.errors import InvalidInput
from gongbi.models.evaluation import graph, text
from gongbi.models.evaluation.base import Request


def test_texts_of_two_kinds_are_told_apart_and_rare_labels_left_out() -> None:
    rows = [("很好，干净", 1.0), ("很差，脏", 0.0)] * 20 + [("一般", 2.0), (None, 1.0)]
    frame = pd.DataFrame(
        {"said": [f"{t}{i}" if t else None for i, (t, _) in enumerate(rows)], "kind": [k for _, k in rows]}
    )
    found = text.run(frame, Request(options={"text": "said", "label": "kind"}, repeats=2))
    (f1, accuracy) = found.measures
    assert f1.values["model"] == accuracy.values["model"] == (1.0, 1.0)
    assert found.details["labels"] == {"0": 20, "1": 20}
    assert [note.en for note in found.notes] == [
        "1 rows without a text or a label are left out.",
        "1 labels with fewer than 10 texts are left out.",
    ]
    with pytest.raises(InvalidInput, match="two are the least"):
        text.run(frame.head(8), Request(options={"text": "said", "label": "kind"}))
    with pytest.raises(InvalidInput, match="holds no texts"):
        text.run(frame, Request(options={"text": "kind", "label": "said"}))


def test_circles_are_judged_by_groups_of_another_file(tmp_path: Path) -> None:
    ties = [(g * 6 + a, g * 6 + b) for g in range(3) for a, b in combinations(range(6), 2)] + [(0, 6), (6, 12)]
    frame = pd.DataFrame(ties, columns=["a", "b"]).astype(float)
    pd.DataFrame({"who": range(19), "team": [i // 6 for i in range(19)]}).to_csv(tmp_path / "teams.csv", index=False)
    found = graph.run(frame, Request(options={"labels": str(tmp_path / "teams.csv")}, repeats=2, seed=3))
    figures = {one.name: one.values["model"] for one in found.measures}
    assert figures["nmi"] == figures["ari"] == (1.0, 1.0)
    assert found.details["circles"] == [3, 3]
    assert "1 members with a group have no tie and are left out." in [note.en for note in found.notes]
    plain = graph.run(frame, Request(options={}, repeats=2))
    assert [one.name for one in plain.measures] == ["modularity"]
    (tmp_path / "none.csv").write_text("who,team\nx,y\n")
    with pytest.raises(InvalidInput, match="No member of the ties"):
        graph.run(frame, Request(options={"labels": str(tmp_path / "none.csv")}))
