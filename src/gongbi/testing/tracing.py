"""Get the report's figures again from the commands that it names, and from nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

#: A command line as the report has it → what it prints with ``--json``.
Ask = Callable[[str], Any]


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every figure of an answer with its path; what holds nothing is a figure too."""
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, Mapping | list):
        inner = list(value.items() if isinstance(value, Mapping) else enumerate(value))
    if not inner:
        yield path, value
    for key, part in inner:
        yield from leaves(part, (*path, key))


def command_of(report: Mapping[str, Any], path: tuple[Any, ...]) -> str | None:
    """The command that the report names for one of its figures; None where it names none."""
    found = report["commands"]
    for key in path:
        if isinstance(found, str):
            break
        try:
            found = found[key]
        except (KeyError, IndexError):
            return None
    return found if isinstance(found, str) else None


def untraced(report: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Figures without a command."""
    figures = {part: value for part, value in report.items() if part != "commands"}
    # A part that is empty as a whole has no figure that somebody could ask for.
    found = [path for path, value in leaves(figures) if value not in ({}, [])]
    return [path for path in found if command_of(report, path) is None]


def retraced(report: Mapping[str, Any], ask: Ask) -> dict[str, Any]:
    """The report without its commands, made anew of what they print."""
    answers: dict[str, Any] = {}

    def told(*path: Any) -> Any:
        command = command_of(report, path)
        assert command is not None, path
        if command not in answers:
            answers[command] = ask(command)
        return answers[command]

    def by_row(part: str, key: str) -> dict[str, Any]:
        return {row[key]: row for row in told(part)}

    def failure(i: int, part: Mapping[str, Any]) -> dict[str, Any]:
        run = told("failed", i)
        whole = {"what": run["subject"] or run["kind"], **run["error"]}
        parts = {one["what"]: one for one in run["error"].get("failed", [whole])}
        found = parts[part["what"]]
        return {"run": run["id"], "kind": run["kind"], **{n: found[n] for n in ("what", "code", "message", "hint")}}

    def warning(i: int, said: Mapping[str, Any]) -> Any:
        return next(one for row in told("warnings", i) for one in row["warnings"] if one == said)

    rejects: Counter[str] = Counter()
    for row in told("rejects")["counts"]:
        rejects[row["reason"]] += row["n"]
    measured = [row for row in told("campaign") if row["figures"]]
    settings = told("zone")["settings"]
    return {
        "as_of": told("as_of")["as_of"],
        "zone": settings["zone"],
        "engine": settings["engine"],
        "customers": told("customers")["count"] if report["customers"] is not None else None,
        "members": {subject: told("members", subject)["count"] for subject in report["members"]},
        "facts": {row["of"]: row["rows"] for row in told("facts") if row["target"] == "fact"},
        "rejects": dict(rejects),
        "unmatched": {f"{row['of']}.{key}": n for row in told("unmatched") for key, n in row["unmatched"].items()},
        "tags": dict(Counter(row["subject"] for row in told("tags") if row["build"] is not None)),
        "segments": {name: row["count"] for name, row in by_row("segments", "segment").items() if not row["problem"]},
        "uncounted": [
            {"what": name, **row["problem"]} for name, row in by_row("uncounted", "segment").items() if row["problem"]
        ],
        "models": by_row("models", "model"),
        "campaign": max(measured, key=lambda row: row["run"], default={}),
        "failed": [failure(i, part) for i, part in enumerate(report["failed"])],
        "seconds": {kind: told("seconds", kind)["seconds"] for kind in report["seconds"]},
        "runs": {kind: told("runs", kind)["id"] for kind in report["runs"]},
        "warnings": [warning(i, said) for i, said in enumerate(report["warnings"])],
    }
