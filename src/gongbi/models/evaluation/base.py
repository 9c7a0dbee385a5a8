"""The protocol of `gongbi evaluate`: what a kind is, what it is given, and what it gives back.

A kind is one module `gongbi.models.evaluation.<name>` with a constant ``KIND`` (a `Kind`), named in the table of
`kinds`. It reads a file of one stranger, so it takes nothing for granted:

1. ``KIND.run(frame, request)`` gets the file as a pandas frame (`reading.read_frame`: numbers are numbers, times are
   times, all else is text, absent is absent) and what was asked. Columns that the options name are there already;
   whether they hold what they should is for the kind to say, by `reading.numbers_of`, `times_of`, `binary_of`.
2. It makes splits by `splits.splits_for` (or its own, where rows are not what is split), and runs its estimator and
   at least one baseline on the same rows of each, by `repeated`. Nothing of the rows judged on may be seen by what
   learns: choices of settings are made inside the training rows.
3. It returns an `Evaluation`: measures with the value of every repeat, what each split was, charts, notes.

How the figures are made, the same for every kind. One value per repeat and measure, for the model and for every
baseline. The mean over repeats; its standard error and Student's interval take account of training sets that overlap,
by the correction of Nadeau and Bengio [1]_: the variance of the repeats counts (1/R + judged/learned) instead of 1/R
times. The difference to a baseline is taken repeat by repeat, and has the same interval. `standard_error_of_repeats`
is the plain one, without the correction: smaller, so that "not below the baseline by more than one standard error"
is asked of the smaller. Seeds are ``seed, seed + 1, …``, listed, and none is chosen.

References
----------
.. [1] Nadeau and Bengio (2003), Inference for the Generalization Error, Machine Learning 52.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from gongbi.catalog.base import Words
from gongbi.errors import InvalidInput
from gongbi.models.evaluation.called import called

#: Of every interval in an evaluation.
LEVEL = 0.95
MODEL = "model"
#: Between what a measure lies by its nature, so that no interval of its mean reaches beyond.
SHARE, ERROR, CORRELATION, ANY = (0.0, 1.0), (0.0, math.inf), (-1.0, 1.0), (-math.inf, math.inf)

Progress = Callable[[str, int, int | None], None]
#: What an option holds: one column, several (separated by commas), a number, a text, or another file.
Takes = Literal["column", "columns", "number", "whole", "text", "file"]


@dataclass(frozen=True, slots=True)
class Option:
    """Something that a kind asks of the caller, as ``--name VALUE``."""

    name: str
    about: Words
    takes: Takes = "column"
    required: bool = False
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked: the kind's own options by name (absent ones are left out), and how to judge.

    Attributes
    ----------
    options
        Texts as given, columns already known to be in the file; read them by `text`, `number`, `columns`.
    repeats, seed
        How often, and the first seed; `seeds` lists all.
    split
        One of the kind's ``splits``.
    folds, test_share
        Of `"folds"`, and the share of rows judged on in `"random"`.
    time, group
        Column that orders the rows, and column whose equal values stay together; absent where not given.
    """

    options: Mapping[str, str] = field(default_factory=dict)
    repeats: int = 20
    seed: int = 0
    split: str = "random"
    folds: int = 5
    test_share: float = 0.2
    time: str | None = None
    group: str | None = None
    progress: Progress = lambda *_: None

    def __post_init__(self) -> None:
        if not 1 <= self.repeats <= 1000:
            raise InvalidInput(f"repeats is 1 to 1000, not {self.repeats}.")
        if not 2 <= self.folds <= 50:
            raise InvalidInput(f"folds is 2 to 50, not {self.folds}.")
        if not 0.02 <= self.test_share <= 0.9:
            raise InvalidInput(f"The share judged on is 0.02 to 0.9, not {self.test_share}.")
        if self.seed < 0:
            raise InvalidInput(f"A seed is a whole number from 0 on, not {self.seed}.")

    @property
    def seeds(self) -> tuple[int, ...]:
        """One seed per repeat."""
        return tuple(range(self.seed, self.seed + self.repeats))

    def text(self, name: str) -> str | None:
        """An option as given."""
        return self.options.get(name)

    def needed(self, name: str) -> str:
        """An option that has been checked to be there."""
        return self.options[name]

    def columns(self, name: str) -> tuple[str, ...]:
        """Names separated by commas."""
        return tuple(part.strip() for part in self.options.get(name, "").split(",") if part.strip())

    def number(self, name: str, default: float) -> float:
        """An option as a number."""
        given = self.options.get(name)
        if given is None:
            return default
        try:
            return float(given)
        except ValueError:
            raise InvalidInput(f"--{name} takes a number, not {given!r}.") from None


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure, repeat by repeat, of the model and of its baselines.

    Attributes
    ----------
    values
        Name → one value per repeat; `"model"` is the model, all others are baselines.
    best
        ``"high"`` or ``"low"`` where more or less is better; ``"neither"`` where it only describes.
    judged_per_learned
        Rows judged on over rows learned from, which the correction of the variance needs; 0 without overlap.
    bounds
        The least and the most that the measure can be: intervals of means end there.
    """

    name: str
    title: Words
    values: Mapping[str, tuple[float, ...]]
    best: Literal["high", "low", "neither"] = "high"
    judged_per_learned: float = 0.25
    bounds: tuple[float, float] = ANY

    def __post_init__(self) -> None:
        lengths = {len(values) for values in self.values.values()}
        if MODEL not in self.values or len(lengths) != 1 or 0 in lengths:
            raise InvalidInput(f"{self.name}: the model and each baseline need one value per repeat.")

    def summary(self, who: str = MODEL) -> dict[str, float | None]:
        """Mean, standard error and interval of one."""
        found = summarised(self.values[who], self.judged_per_learned)
        least, most = self.bounds
        for bound in ("low", "high"):
            if (value := found[bound]) is not None:
                found[bound] = min(max(value, least), most)
        return found

    @property
    def baseline(self) -> str | None:
        """The baseline that is best in the mean."""
        others = [name for name in self.values if name != MODEL]
        sign = -1.0 if self.best == "low" else 1.0
        return max(others, key=lambda name: sign * _mean(self.values[name]), default=None)

    def difference(self, to: str) -> dict[str, Any]:
        """The model less a baseline, paired by repeat, and what may be said of it.

        ``verdict`` is `better` or `worse` where the interval leaves out 0, else `not shown to differ`;
        ``within_one_standard_error`` is false where the mean is below the baseline by more than that.
        """
        pairs = zip(self.values[MODEL], self.values[to], strict=True)
        found: dict[str, Any] = summarised([a - b for a, b in pairs], self.judged_per_learned)
        sign = -1.0 if self.best == "low" else 1.0
        low, high = found["low"], found["high"]
        verdict = "not shown to differ"
        if self.best != "neither" and low is not None and low * high > 0:
            verdict = "better" if sign * low > 0 else "worse"
        error = found["standard_error_of_repeats"]
        found |= {"baseline": to, "verdict": verdict}
        if self.best != "neither" and error is not None:
            found["within_one_standard_error"] = bool(sign * found["mean"] >= -error)
        return found

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON data; a value that is not a number is null."""
        others = [name for name in self.values if name != MODEL]
        return {
            "measure": self.name,
            "title": self.title.to_json(),
            "best": self.best,
            **self.summary(),
            "values": [_plain(value) for value in self.values[MODEL]],
            "baselines": {
                name: {**self.summary(name), "values": [_plain(value) for value in self.values[name]]}
                for name in others
            },
            "best_baseline": self.baseline,
            "differences": [self.difference(name) for name in others],
        }


@dataclass(frozen=True, slots=True)
class Line:
    """One line (or set of bars) of a chart; `low` and `high` are bounds of each point."""

    label: Words
    x: Sequence[float | str]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON data."""
        bounds = {"low": self.low, "high": self.high}
        return {
            "label": self.label.to_json(),
            "x": list(self.x),
            "y": [_plain(value) for value in self.y],
            **{name: [_plain(value) for value in values] for name, values in bounds.items() if values is not None},
        }


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of lines over numbers, of points, or of bars over words."""

    name: str
    title: Words
    x: Words
    y: Words
    lines: tuple[Line, ...]
    draw: Literal["lines", "points", "bars"] = "lines"
    diagonal: bool = False

    def to_json(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "chart": self.name,
            "title": self.title.to_json(),
            "x": self.x.to_json(),
            "y": self.y.to_json(),
            "draw": self.draw,
            "diagonal": self.diagonal,
            "lines": [line.to_json() for line in self.lines],
        }


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an evaluation found.

    Attributes
    ----------
    model
        The estimator and its settings, in words.
    baselines
        Name → what it is, in words.
    rows
        Rows that were used.
    split
        How they were split, in words.
    measures
        The headline first.
    sentences
        What the figures allow to be said, plainly.
    notes
        What was done to the file and what to mind: columns left out and why, rows without a target.
    details
        Anything else worth keeping, as JSON data.
    """

    kind: str
    model: Words
    baselines: Mapping[str, Words]
    rows: int
    split: Words
    seeds: tuple[int, ...]
    measures: tuple[Measure, ...]
    charts: tuple[Chart, ...] = ()
    sentences: tuple[Words, ...] = ()
    notes: tuple[Words, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON data."""
        return {
            "kind": self.kind,
            "model": self.model.to_json(),
            "baselines": {name: words.to_json() for name, words in self.baselines.items()},
            "rows": self.rows,
            "split": self.split.to_json(),
            "repeats": len(self.measures[0].values[MODEL]),
            "seeds": list(self.seeds),
            "level": LEVEL,
            "measures": [measure.to_json() for measure in self.measures],
            "sentences": [words.to_json() for words in (*self.sentences, *map(verdict_words, self.measures[:1]))],
            "notes": [words.to_json() for words in self.notes],
            "charts": [chart.to_json() for chart in self.charts],
            "details": dict(self.details),
        }


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of model that strangers' files can judge.

    Attributes
    ----------
    options
        What it asks beyond ``--data`` and what every kind has (``--repeats``, ``--seed``, ``--split``, ``--folds``,
        ``--test-share``, ``--time``, ``--group``).
    splits
        Of ``random``, ``time``, ``folds`` the ones that it can do, the first by default; another word is its own.
    run
        ``(frame, request) -> Evaluation``.
    """

    name: str
    title: Words
    about: Words
    options: tuple[Option, ...]
    run: Callable[[Any, Request], Evaluation]
    splits: tuple[str, ...] = ("random", "time", "folds")
    repeats: int = 20


def summarised(values: Sequence[float], judged_per_learned: float) -> dict[str, float | None]:
    """Mean over repeats with its corrected standard error and interval; without a second repeat there are none."""
    from scipy.stats import t as student

    array = np.asarray([value for value in values if math.isfinite(value)], dtype=np.float64)
    n = len(array)
    nothing = dict.fromkeys(("low", "high", "standard_error", "standard_error_of_repeats"))
    if n < 2:
        return {"mean": float(array[0]) if n else None, **nothing}
    spread = float(array.std(ddof=1))
    error = spread * math.sqrt(1 / n + judged_per_learned)
    half = float(student.ppf((1 + LEVEL) / 2, n - 1)) * error
    mean = float(array.mean())
    return {
        "mean": mean,
        "low": mean - half,
        "high": mean + half,
        "standard_error": error,
        "standard_error_of_repeats": spread / math.sqrt(n),
    }


Trial = Callable[[Any, int], Mapping[str, Mapping[str, float]]]
#: Measure → what it is called, which way is better, and between what it lies.
Titles = Mapping[str, tuple[Words, Literal["high", "low", "neither"], tuple[float, float]]]


def repeated(
    trial: Trial,
    splits: Sequence[Any],
    titles: Titles,
    *,
    seeds: Sequence[int],
    judged_per_learned: float = 0.25,
    progress: Progress = lambda *_: None,
) -> tuple[Measure, ...]:
    """Carry out a trial once per split and gather its figures into measures.

    Parameters
    ----------
    trial
        ``(split, seed) -> {measure: {"model": value, baseline: value, …}}``; the same names in every repeat.
    splits, seeds
        Equally long: one of each per repeat.
    titles
        Measure → what it is called, which way is better, and between what it lies; the order is that of the result.
    """
    if len(splits) != len(seeds):
        raise InvalidInput(f"There are {len(splits)} splits for {len(seeds)} seeds.")
    gathered: dict[str, dict[str, list[float]]] = {}
    for i, (split, seed) in enumerate(zip(splits, seeds, strict=True)):
        progress("repeats", i, len(splits))
        for measure, values in trial(split, seed).items():
            for who, value in values.items():
                gathered.setdefault(measure, {}).setdefault(who, []).append(float(value))
    return tuple(
        Measure(
            name,
            title,
            {who: tuple(values) for who, values in gathered[name].items()},
            best,
            judged_per_learned,
            bounds,
        )
        for name, (title, best, bounds) in titles.items()
        if name in gathered
    )


def verdict_words(measure: Measure) -> Words:
    """The headline in one sentence: the model's mean beside the best baseline's, and what that shows."""
    found, title = measure.summary(), measure.title
    own = _told(found)
    base = measure.baseline
    if base is None:
        return Words(f"{title.zh}：{own}。", f"{title.en}: {own}.")
    gap = measure.difference(base)
    words = {
        "better": ("优于基线", "better than the baseline"),
        "worse": ("不如基线", "worse than the baseline"),
        "not shown to differ": ("无法断定与基线有差别", "not shown to differ from the baseline"),
    }[gap["verdict"]]
    other, name = _told(measure.summary(base)), called(base)
    return Words(
        f"{title.zh}：{own}；基线「{name.zh}」：{other}；差 {_told(gap, '+')}：{words[0]}。",
        f"{title.en}: {own}; baseline “{name.en}”: {other}; difference {_told(gap, '+')}: {words[1]}.",
    )


def _told(found: Mapping[str, Any], sign: str = "") -> str:
    if found["mean"] is None:
        return "—"
    said = f"{found['mean']:{sign}.4f}"
    return said if found["low"] is None else f"{said} [{found['low']:{sign}.4f}, {found['high']:{sign}.4f}]"


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return sum(known) / len(known) if known else -math.inf


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
