"""A trial in a stranger's file: who was treated, what came of it, and columns that were known only afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

from gongbi.catalog.base import Words
from gongbi.errors import InvalidInput, UnknownName
from gongbi.estimators.checks import FloatArray
from gongbi.models.evaluation.base import Request
from gongbi.models.evaluation.features import Features, features_of
from gongbi.models.evaluation.reading import binary_of, numbers_of

#: Words by which an arm says that nothing was done to it.
UNTREATED = (
    "control",
    "none",
    "no",
    "holdout",
    "hold-out",
    "hold out",
    "placebo",
    "untreated",
    "对照",
    "空白",
    "未触达",
    "0",
)
#: Values of a treatment that are arms; more are not.
MOST_ARMS = 20
#: A column as unbalanced, or one value as telling, as chance makes one in so many files.
UNLIKELY = 1e-6


@dataclass(frozen=True, slots=True)
class Trial:
    """Rows of two arms: columns to learn from, treatment and outcome as floats, and what was done to the file."""

    features: Features
    treated: FloatArray
    y: FloatArray
    arms: tuple[str, str]
    binary: bool
    rows: Any
    notes: tuple[Words, ...]


def trial_of(frame: Any, request: Request) -> Trial:
    """Read a trial by the options treatment, outcome, treated, control, yes, features and drop."""
    treatment, outcome = request.needed("treatment"), request.needed("outcome")
    if treatment == outcome:
        raise InvalidInput(f"Column {treatment!r} cannot be the treatment and its outcome.")
    shown = np.array([_shown(value) for value in frame[treatment]], dtype=object)
    treated_value, control = _arms(treatment, shown, request.text("treated"), request.text("control"))
    keep = (shown == treated_value) | (shown == control)
    notes = [
        Words(
            f"受触达组：{treatment} = {treated_value}；对照组：{treatment} = {control}。",
            f"Treated: {treatment} = {treated_value}; control: {treatment} = {control}.",
        )
    ]
    if not keep.all():
        others = sorted({str(value) for value in shown[~keep] if value is not None})
        lost = int((~keep).sum())
        said = ", ".join(others[:6]) or "—"
        notes.append(Words(f"其他组的 {lost} 行未用（{said}）。", f"{lost} rows of other arms are left out ({said})."))
    y, known, label = _outcome(frame, outcome, request.text("yes"))
    if label is not None:
        notes.append(Words(f"结果：{outcome} = {label}。", f"Outcome: {outcome} = {label}."))
    if (keep & ~known).any():
        lost = int((keep & ~known).sum())
        notes.append(Words(f"{lost} 行没有结果，未用。", f"{lost} rows without an outcome are left out."))
    keep &= known
    rows = frame[keep].reset_index(drop=True)
    y, treated = y[keep], (shown[keep] == treated_value).astype(np.float64)
    _refuse_few(y, treated)
    leave_out = {name for name in (treatment, outcome, request.group) if name is not None}
    chosen = features_of(rows, leave_out=leave_out, features=request.columns("features"), drop=request.columns("drop"))
    afterwards = [] if request.columns("features") else _known_afterwards(chosen.frame, treated, y)
    if afterwards:
        names = [name for name, _ in afterwards]
        if len(names) == len(chosen.frame.columns):
            raise InvalidInput(
                f"Every column seems to have been known only after the treatment: {', '.join(names)}.",
                hint="Name the columns to learn from with --features.",
            )
        chosen = Features(chosen.frame.drop(columns=names), (*chosen.dropped, *afterwards), chosen.notes)
        told = ("、".join(f"{n}（{w.zh}）" for n, w in afterwards), ", ".join(f"{n} ({w.en})" for n, w in afterwards))
        notes.append(
            Words(
                f"像是触达之后才知道的列，未用：{told[0]}；要使用请用 --features 指明。",
                f"Columns that seem to be known only afterwards, left out: {told[1]}; --features keeps them.",
            )
        )
    binary = bool(np.isin(y, (0.0, 1.0)).all())
    return Trial(chosen, treated, y, (treated_value, control), binary, rows, (*notes, *chosen.notes))


def _shown(value: Any) -> str | None:
    if value is None or value != value:
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _arms(column: str, shown: Any, treated: str | None, control: str | None) -> tuple[str, str]:
    values = sorted({value for value in shown if value is not None})
    for given in (treated, control):
        if given is not None and given not in values:
            raise UnknownName("value", given, values[:50])
    if len(values) < 2 or len(values) > MOST_ARMS:
        raise InvalidInput(
            f"Column {column!r} has {len(values)} values; a treatment has two, or a few arms.",
            hint="Name the column that says what was done to each row.",
        )
    if control is None:
        spared = [value for value in values if _is_untreated(value) and value != treated]
        if len(values) == 2 and treated is not None:
            spared = [value for value in values if value != treated]
        if len(spared) != 1:
            raise InvalidInput(
                f"Which of {', '.join(values)} in column {column!r} is the control?", hint="Say --control."
            )
        control = spared[0]
    if treated is None:
        others = [value for value in values if value != control]
        if len(others) != 1:
            raise InvalidInput(
                f"Column {column!r} has {len(others)} arms beside {control!r}: {', '.join(others)}.",
                hint="Name one with --treated.",
            )
        treated = others[0]
    if treated == control:
        raise InvalidInput(f"{treated!r} cannot be both the treated arm and the control.")
    return treated, control


def _is_untreated(value: str) -> bool:
    plain = value.casefold().rstrip(".0") or "0"
    return (
        plain in UNTREATED
        or plain in ("false", "n", "否")
        or plain.startswith(("no ", "no-", "no_", "control", "对照"))
    )


def _outcome(frame: Any, name: str, yes: str | None) -> tuple[FloatArray, Any, str | None]:
    """Numbers as they are; two values, or one named by --yes, as 0 and 1."""
    column = frame[name]
    if yes is None and column.dtype.kind in "fiu":
        numbers = numbers_of(frame, name)
        return np.nan_to_num(numbers), ~np.isnan(numbers), None
    outcome, known, label = binary_of(frame, name, yes)
    return outcome.astype(np.float64), known, label


def _refuse_few(y: FloatArray, treated: FloatArray) -> None:
    for arm, words in ((1, "treated"), (0, "control")):
        seen = y[treated == arm]
        different = int((seen != np.median(seen)).sum()) if len(seen) else 0
        if len(seen) < 50 or different < 10:
            raise InvalidInput(
                f"{len(seen)} rows are {words}, of which {different} differ in the outcome from the others;"
                " 50 and 10 are the least to learn and to judge.",
                hint="Give a file with more rows, or another outcome.",
            )


def _known_afterwards(frame: Any, treated: FloatArray, y: FloatArray) -> list[tuple[str, Words]]:
    """Columns that lots cannot have made so unequal between the arms, or that all but tell the outcome."""
    found = []
    limit = -float(ndtri(UNLIKELY / 2))
    happened = (y != np.median(y)) if len(np.unique(y)) > 2 else y == 1
    rate = float(happened.mean())
    for name in frame.columns:
        column = frame[name]
        if column.dtype.kind == "O":
            top = column.value_counts().index
            flags = np.asarray(column == top[0], dtype=np.float64)
        else:
            numbers = np.asarray(column, dtype=np.float64)
            flags = np.where(np.isnan(numbers), np.nanmedian(numbers), numbers)
        if _tells(flags, happened, rate):
            why = Words("几乎说出了结果", "all but tells the outcome")
        elif _apart(flags, treated) > limit:
            why = Words("两组相差太大，抽签不会如此", "too unequal between the arms to be by lot")
        else:
            continue
        found.append((str(name), why))
    return found


def _apart(values: FloatArray, treated: FloatArray) -> float:
    arms = [values[treated == arm] for arm in (1, 0)]
    error = float(np.sqrt(sum(arm.var(ddof=1) / len(arm) for arm in arms)))
    return abs(float(arms[0].mean() - arms[1].mean())) / error if error > 0 else 0.0


def _tells(values: FloatArray, happened: Any, rate: float) -> bool:
    """Whether all rows at the commonest value, or all others, have one outcome, against the odds."""
    distinct, counts = np.unique(values, return_counts=True)
    common = values == distinct[np.argmax(counts)]
    for rows in (common, ~common):
        size = int(rows.sum())
        for outcome, chance in ((True, rate), (False, 1 - rate)):
            one_only = size > 0 and bool((happened[rows] == outcome).all())
            if one_only and size * np.log(max(chance, 1e-300)) < np.log(UNLIKELY):
                return True
    return False
