"""`gongbi evaluate`: strangers' files, splits, figures over repeats, and the page."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gongbi.catalog.base import Words
from gongbi.cli import main
from gongbi.errors import InvalidInput, Refused, UnknownName
from gongbi.models.evaluation.base import SHARE, Measure, Request, repeated
from gongbi.models.evaluation.features import features_of
from gongbi.models.evaluation.kinds import kind, offered
from gongbi.models.evaluation.reading import binary_of, numbers_of, read_frame, times_of
from gongbi.models.evaluation.splits import splits_for
from gongbi.services.evaluate import evaluate

AUC = Words("AUC", "AUC")


def customers(n: int = 240, seed: int = 1) -> pd.DataFrame:
    """Customers of whom the older and the unhappy leave; with everything that strangers' files have."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 80, n)
    mood = rng.choice(["glad", "calm", "cross"], n)
    chance = 1 / (1 + np.exp(-((age - 50) / 10 + 2 * (mood == "cross") - 0.5)))
    return pd.DataFrame(
        {
            "customer_id": [f"C{i:05d}" for i in range(n)],
            "row": np.arange(n),
            "age": [str(value) if value % 17 else " " for value in age],
            "mood": np.where(rng.random(n) < 0.05, "", mood),
            "since": pd.date_range("2024-01-01", periods=n, freq="D").strftime("%d/%m/%Y"),
            "country": "CN",
            "left": np.where(rng.random(n) < chance, "Yes", "No"),
        }
    )


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files") / "customers [1].csv"
    customers().to_csv(path, index=False, sep=";", quoting=csv.QUOTE_ALL)
    return path


def test_a_file_is_read_as_numbers_times_and_texts_whatever_separates_its_columns(file: Path) -> None:
    frame, _ = read_frame(file)
    kinds = {name: frame[name].dtype.kind for name in frame.columns}
    assert kinds == {"customer_id": "O", "row": "f", "age": "f", "mood": "O", "since": "M", "country": "O", "left": "O"}
    assert frame["mood"].isna().sum() == (customers()["mood"] == "").sum()
    assert (times_of(frame, "since") == pd.date_range("2024-01-01", periods=240).to_numpy()).all()


@pytest.mark.parametrize("suffix", [".parquet", ".xlsx", ".csv"])
def test_the_same_rows_come_from_every_format(tmp_path: Path, suffix: str) -> None:
    table = pd.DataFrame({"n": [1.5, None, 3.0], "yes": [True, False, True], "text": ["a", None, "中"]})
    path = tmp_path / f"rows{suffix}"
    if suffix == ".parquet":
        table.to_parquet(path)
    elif suffix == ".xlsx":
        table.to_excel(path, index=False)
    else:
        table.to_csv(path, index=False, encoding="gb18030")
    frame, _ = read_frame(path)
    assert numbers_of(frame, "n").tolist()[::2] == [1.5, 3.0]
    assert math.isnan(numbers_of(frame, "n")[1])
    assert binary_of(frame, "yes")[0].tolist() == [True, False, True]
    assert frame["text"].tolist()[0] == "a"
    assert frame["text"].isna().tolist() == [False, True, False]


def test_codes_keep_their_zeros_and_amounts_lose_their_signs(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('zip,spent,share\n01234,"¥1,234.50",12%\n22222,$7,5%\n', encoding="utf-8")
    frame, _ = read_frame(path)
    assert frame["zip"].tolist() == ["01234", "22222"]
    assert frame["spent"].tolist() == [1234.5, 7.0]
    assert frame["share"].tolist() == [0.12, 0.05]


@pytest.mark.parametrize(
    ("values", "yes"),
    [
        (["Yes", "No"], "Yes"),
        (["流失", "未流失"], "流失"),
        ([1.0, 2.0], "2"),
        ([0.0, 1.0], "1"),
        (["churned", "stayed"], "churned"),
        (["no", "maybe"], "maybe"),
        ([-1.0, 1.0], "1"),
        (["Existing Customer", "Attrited Customer"], "Attrited Customer"),
    ],
)
def test_which_value_means_yes_is_told_from_the_words(values: list[object], yes: str) -> None:
    outcome, known, label = binary_of(pd.DataFrame({"y": [*values, None]}), "y")
    assert label == yes
    assert known.tolist() == [True, True, False]
    assert outcome[:2].sum() == 1


def test_times_may_be_days_of_a_spreadsheet_and_an_absent_one_is_called_empty() -> None:
    days = pd.DataFrame({"paid": [45292.0, 45292.5, 30000.0], "lost": [45292.0, float("nan"), 45294.0]})
    found = times_of(days, "paid").astype("datetime64[h]").astype(str).tolist()
    assert found == ["2024-01-01T00", "2024-01-01T12", "1982-02-18T00"]
    with pytest.raises(InvalidInput, match="empty in row 2, where a time is needed; 1 such"):
        times_of(days, "lost")


def test_a_target_of_unclear_or_many_values_is_refused() -> None:
    with pytest.raises(InvalidInput, match="Which of 'blue' and 'red'"):
        binary_of(pd.DataFrame({"y": ["red", "blue"]}), "y")
    with pytest.raises(InvalidInput, match="3 values"):
        binary_of(pd.DataFrame({"y": ["a", "b", "c"]}), "y")
    assert binary_of(pd.DataFrame({"y": ["a", "b", "c"]}), "y", yes="B")[0].tolist() == [False, True, False]


def test_names_of_rows_and_constants_are_left_out_with_a_word(file: Path) -> None:
    frame, _ = read_frame(file)
    found = features_of(frame, leave_out={"left"})
    assert list(found.frame.columns) == ["age", "mood", "since (days)", "since (weekday)"]
    assert {name for name, _ in found.dropped} == {"customer_id", "row", "country"}
    assert found.frame["since (weekday)"].tolist()[:3] == [0.0, 1.0, 2.0]  # 2024-01-01 was a Monday.
    named = features_of(frame, leave_out={"left"}, features=["row"])
    assert list(named.frame.columns) == ["row"]
    with pytest.raises(InvalidInput, match="names of rows: customer_id, country"):
        features_of(frame[["customer_id", "country", "left"]], leave_out={"left"})
    with pytest.raises(InvalidInput, match="left cannot be learned from"):
        features_of(frame, leave_out={"left"}, features=["left"])


def test_names_that_come_again_are_told_and_never_learned_from() -> None:
    once = customers().assign(customer_id=lambda rows: np.arange(len(rows)) * 7 % 1000, row=1).drop(columns="since")
    twice = pd.concat([once, once.head(30)], ignore_index=True)
    words = "the same long words of somebody who was asked what they think, no. "
    twice["said"] = [words + str(i % 200) for i in range(len(twice))]
    for frame, notes in ((once, 0), (twice, 1)):
        found = features_of(frame, leave_out={"left"})
        assert "customer_id" not in found.frame
        assert "said" not in found.frame
        said = [note.en for note in found.notes if "--group" in note.en]
        assert len(said) == notes
        assert all("30 rows repeat a value of customer_id" in one for one in said)


@given(
    st.integers(20, 120), st.integers(0, 5), st.floats(0.1, 0.5), st.sampled_from(["random", "folds"]), st.booleans()
)
@settings(max_examples=40, deadline=None)
def test_no_row_and_no_group_is_both_learned_from_and_judged(
    n: int, seed: int, share: float, split: str, grouped: bool
) -> None:
    rng = np.random.default_rng(seed)
    yes, groups = rng.random(n) < 0.3, rng.integers(0, n // 3, n) if grouped else np.arange(n)
    request = Request(repeats=3, seed=seed, split=split, test_share=share, folds=3)
    found = splits_for(request, n, strata=yes, groups=groups)
    assert len(found.repeats) == 3
    for parts in found.repeats:
        for part in parts:
            assert not set(groups[part.learned]) & set(groups[part.judged])
            assert sorted([*part.learned, *part.judged]) == list(range(n))
        if split == "folds":
            assert sorted(row for part in parts for row in part.judged) == list(range(n))
        elif not grouped:
            assert abs(yes[parts[0].judged].sum() - share * yes.sum()) <= 1
    assert grouped or not np.array_equal(found.repeats[0][0].judged, found.repeats[1][0].judged)


@given(st.lists(st.integers(0, 30), min_size=40, max_size=120))
@settings(max_examples=40, deadline=None)
def test_in_time_the_past_learns_and_the_future_is_judged_once(days: list[int]) -> None:
    times = np.array(days).astype("datetime64[D]")
    if len(set(days)) < 4:
        return
    found = splits_for(Request(repeats=4, split="time"), len(times), times=times)
    judged: list[int] = []
    for (part,) in found.repeats:
        assert times[part.learned].max() < times[part.judged].min()
        judged.extend(part.judged)
    assert len(judged) == len(set(judged))


def test_the_interval_takes_account_of_overlap_and_the_difference_is_paired() -> None:
    model, base = [0.80, 0.84, 0.79, 0.86], [0.79, 0.82, 0.785, 0.84]
    measure = Measure("auc", AUC, {"model": tuple(model), "plain": tuple(base)}, judged_per_learned=0.25)
    gaps = np.subtract(model, base)
    error = gaps.std(ddof=1) * math.sqrt(1 / 4 + 0.25)
    found = measure.difference("plain")
    assert found["mean"] == pytest.approx(gaps.mean())
    assert found["standard_error"] == pytest.approx(error)
    assert found["low"] == pytest.approx(gaps.mean() - stats.t.ppf(0.975, 3) * error)
    assert found["standard_error_of_repeats"] == pytest.approx(stats.sem(gaps))
    assert found["within_one_standard_error"]


def test_an_interval_ends_where_the_measure_does_and_a_difference_does_not() -> None:
    values = {"model": (0.99, 0.80), "plain": (0.50, 0.60)}
    free, bound = Measure("auc", AUC, values), Measure("auc", AUC, values, bounds=SHARE)
    assert free.summary()["low"] < 0 < 1 < free.summary()["high"]
    assert (bound.summary()["low"], bound.summary()["high"]) == (0.0, 1.0)
    assert bound.summary()["standard_error"] == free.summary()["standard_error"]
    assert bound.difference("plain") == free.difference("plain")


def test_below_the_baseline_is_said_so_and_lower_can_be_better() -> None:
    values = {"model": (0.50, 0.51, 0.50), "plain": (0.60, 0.61, 0.60)}
    assert Measure("auc", AUC, values).difference("plain")["verdict"] == "worse"
    assert not Measure("auc", AUC, values).difference("plain")["within_one_standard_error"]
    assert Measure("loss", AUC, values, best="low").difference("plain")["verdict"] == "better"


def test_repeats_get_their_own_seeds_and_every_figure_is_kept() -> None:
    seen: list[tuple[str, int]] = []

    def trial(split: str, seed: int) -> dict[str, dict[str, float]]:
        seen.append((split, seed))
        return {"auc": {"model": float(seed), "plain": 0.5}}

    (found,) = repeated(trial, ["a", "b"], {"auc": (AUC, "high", SHARE)}, seeds=[7, 8])
    assert seen == [("a", 7), ("b", 8)]
    assert found.to_json()["values"] == [7.0, 8.0]
    assert found.to_json()["baselines"]["plain"]["values"] == [0.5, 0.5]


@pytest.fixture(scope="module")
def judged(file: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    page = tmp_path_factory.mktemp("page") / "found.html"
    return evaluate("propensity", file, {"target": "left"}, repeats=2, seed=5, to=page)


def test_a_strangers_file_is_judged_beside_baselines_with_a_page(judged: dict) -> None:
    assert judged["seeds"] == [5, 6]
    assert judged["details"]["positives"] == (customers()["left"] == "Yes").sum()
    auc = judged["measures"][0]
    assert auc["measure"] == "auc"
    assert set(auc["baselines"]) == {"logistic", "boosting"}
    assert auc["mean"] > 0.75
    gains = next(one for one in judged["charts"] if one["chart"] == "gains")["lines"][0]
    held = np.interp(0.2, gains["x"], gains["y"])
    assert any(f"20% of customers hold {held:.0%} of the buyers" in one["en"] for one in judged["sentences"])
    page = Path(judged["page"]["path"]).read_text(encoding="utf-8")
    assert "买家" in page
    assert "Share of buyers" in page
    assert page.count("<svg") == 4
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


def test_the_same_seed_gives_the_same_figures(judged: dict, file: Path) -> None:
    again = evaluate("propensity", file, {"target": "left"}, repeats=1, seed=6)
    assert again["measures"][0]["values"] == judged["measures"][0]["values"][1:]


def test_the_command_prints_json_and_says_what_is_wrong(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*words: str) -> int:
        monkeypatch.setattr("sys.argv", ["gongbi", "evaluate", *words])
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    assert run("propensity", "--data", str(file), "--target", "left", "--repeats", "1", "--features", "age,mood") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["details"]["features"] == ["age", "mood"]
    assert run("propensity", "--data", str(file), "--target", "lefd") == 2
    assert "Did you mean 'left'?" in capsys.readouterr().err
    assert run("propensity", "--data", str(file)) == 2
    assert "--target" in capsys.readouterr().err


def test_what_cannot_be_judged_is_refused(file: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownName):
        kind("fortune")
    assert "propensity" in offered()
    with pytest.raises(InvalidInput, match="needs to know when"):
        evaluate("propensity", file, {"target": "left"}, split="time")
    with pytest.raises(UnknownName, match="split"):
        evaluate("propensity", file, {"target": "left"}, split="magic")
    with pytest.raises(InvalidInput, match="also needs --target"):
        evaluate("propensity", file)
    (tmp_path / "there.html").write_text("mine")
    with pytest.raises(Refused):
        evaluate("propensity", file, {"target": "left"}, to=tmp_path / "there.html")
    few = tmp_path / "few.csv"
    few.write_text("age,left\n" + "\n".join(f"{i},{int(i < 4)}" for i in range(60)))
    with pytest.raises(InvalidInput, match="4 of 60 rows are yes"):
        evaluate("propensity", few, {"target": "left"})
