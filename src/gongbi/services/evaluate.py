"""Judge a model and its baselines on somebody's file; no workspace is needed."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gongbi.errors import InvalidInput, UnknownName
from gongbi.models.evaluation import page
from gongbi.models.evaluation.base import Kind, Progress, Request
from gongbi.models.evaluation.kinds import kind as kind_of
from gongbi.models.evaluation.reading import checked, read_frame
from gongbi.portraits.printing import document, write_page
from gongbi.services.files import check_writable

#: One page with both languages, when a language is not chosen.
BOTH = ("zh", "en")


def evaluate(
    kind: str,
    data: str | Path,
    options: Mapping[str, Any] | None = None,
    *,
    repeats: int | None = None,
    seed: int = 0,
    split: str | None = None,
    folds: int = 5,
    test_share: float = 0.2,
    time_column: str | None = None,
    group: str | None = None,
    sheet: str | None = None,
    to: str | Path | None = None,
    overwrite: bool = False,
    progress: Progress = lambda *_: None,
) -> dict[str, Any]:
    """Run a kind's estimator and baselines on a file.

    Parameters
    ----------
    kind
        One of `gongbi.models.evaluation.kinds.offered()`.
    data
        CSV, TSV, JSON lines, Parquet or Excel.
    options
        The kind's own, by name, such as ``{"target": "Churn"}``.
    repeats, seed, split, folds, test_share, time_column, group
        How to judge: `gongbi.models.evaluation.base.Request`.
    to
        Write a page (.html or .pdf) too, in Chinese and in English.

    Returns
    -------
    dict
        ``kind``, ``measures`` with the value of every repeat, intervals and differences to baselines, ``sentences``,
        ``notes``, ``charts``, ``seeds``, ``split``, ``details``, ``seconds`` and, with `to`, ``page``.
    """
    chosen = kind_of(kind)
    if to is not None:
        check_writable(Path(to).expanduser(), (".html", ".pdf"), overwrite=overwrite)
    given = {name: str(value) for name, value in (options or {}).items() if value is not None}
    request = Request(
        options=_options(chosen, given),
        repeats=chosen.repeats if repeats is None else repeats,
        seed=seed,
        split=_split(chosen, split, time_column),
        folds=folds,
        test_share=test_share,
        time=time_column,
        group=group,
        progress=progress,
    )
    started = time.monotonic()
    file = Path(data).expanduser()
    progress("reading", 0, None)
    frame, notes = read_frame(file, sheet=sheet)
    _check_columns(chosen, request, frame)
    found = chosen.run(frame, request)
    found = dataclasses.replace(found, notes=(*notes, *found.notes))
    answer = {
        "title": chosen.title.to_json(),
        "file": file.name,
        "options": dict(request.options),
        **found.to_json(),
        "seconds": round(time.monotonic() - started, 2),
    }
    if to is not None:
        answer["page"] = write(answer, to, overwrite=overwrite)
    return answer


def write(answer: Mapping[str, Any], to: str | Path, *, overwrite: bool = False) -> dict[str, str]:
    """Write what `evaluate` found as a page (.html or .pdf), in Chinese and in English."""
    path = Path(to).expanduser()
    check_writable(path, (".html", ".pdf"), overwrite=overwrite)
    return {"path": str(path), "sha256": write_page(_document(answer), path)}


def _document(answer: Mapping[str, Any]) -> str:
    parts = [part for language in BOTH for part in page.body(answer, language)]
    return document(f"{answer['title']['zh']} · {answer['title']['en']}", parts, "zh")


def _options(kind: Kind, given: Mapping[str, str]) -> dict[str, str]:
    known = {option.name: option for option in kind.options}
    for name in given:
        if name not in known:
            raise UnknownName("option", name, known)
    found = {name: option.default for name, option in known.items() if option.default is not None} | dict(given)
    missing = [f"--{option.name}" for option in kind.options if option.required and not found.get(option.name)]
    if missing:
        raise InvalidInput(f"`evaluate {kind.name}` also needs {', '.join(missing)}.")
    return found


def _split(kind: Kind, split: str | None, time_column: str | None) -> str:
    if split is None:
        # Who says when rows were wants the future judged by the past.
        return "time" if time_column is not None and "time" in kind.splits else kind.splits[0]
    if split not in kind.splits:
        raise UnknownName("split", split, kind.splits)
    return split


def _check_columns(kind: Kind, request: Request, frame: Any) -> None:
    reads: Mapping[str, Callable[[str], tuple[str, ...]]] = {
        "column": lambda name: (request.options[name],),
        "columns": request.columns,
    }
    for option in kind.options:
        if option.takes in reads and option.name in request.options:
            checked(frame, reads[option.takes](option.name))
    checked(frame, [name for name in (request.time, request.group) if name is not None])
