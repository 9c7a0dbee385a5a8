"""How groups and conditions lie over one another: who is in both, and which condition removes whom."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, combinations_with_replacement
from typing import Any

import numpy as np

from gongbi.core import expr as ir
from gongbi.core.compiler import Request, compile_members
from gongbi.core.expr import Expr
from gongbi.core.language import check_condition
from gongbi.core.parser import parse
from gongbi.core.syntax import conjuncts
from gongbi.errors import InvalidInput, NotYet
from gongbi.segments.plan import MOST_PATTERN_BITS
from gongbi.segments.run import count_patterns
from gongbi.services import bins
from gongbi.services.context import Context
from gongbi.services.segments import condition, population, request
from gongbi.services.warnings import warn_of_request
from gongbi.tags.amend import read_off


def overlap(ctx: Context, segments: Sequence[str] = (), *, subject: str = "customer") -> dict[str, Any]:
    """How many members each two groups share, from one pass over the members.

    Parameters
    ----------
    segments
        Names of saved segments, or expressions; by default all saved segments of the subject that can be counted.

    Returns
    -------
    dict
        ``of`` (all known members), ``segments`` (``segment``, ``count``, and ``alone``: the members of no other of
        them), ``pairs`` (``a``, ``b``, ``both``, ``jaccard``: both of either, and ``lift``: both against what two
        groups that have nothing to do with each other would share), largest lift first, ``skipped`` (saved segments
        that cannot be counted yet, with the reason), ``as_of``, ``subject``, ``warnings``.

    Raises
    ------
    InvalidInput
        Fewer than two groups are named, there are more than 62, or they are about different subjects.
    """
    conditions, skipped = _conditions(ctx, segments, subject)
    if len(conditions) > MOST_PATTERN_BITS or (segments and len(conditions) < 2):
        raise InvalidInput(
            f"An overlap compares 2 to {MOST_PATTERN_BITS} different groups, not {len(conditions)}.",
            hint="Name the segments to compare.",
        )
    names = list(conditions)
    ctx.progress("overlap", 0)
    wanted = _requested(ctx, subject, conditions.values())
    # Without a condition everybody answers alike.
    kept = None if segments else _kept(ctx, wanted)
    patterns = _answers(ctx, wanted, kept) if names else {0: population(ctx, subject, wanted.as_of)}
    known = sum(patterns.values())
    together = shared(patterns, len(names))
    pairs = []
    for i, j in combinations(range(len(names)), 2):
        both = together[i][j]
        either, chance = together[i][i] + together[j][j] - both, together[i][i] * together[j][j]
        pairs.append(
            {
                "a": names[i],
                "b": names[j],
                "both": both,
                "jaccard": both / either if either else None,
                "lift": both * known / chance if chance else None,
            }
        )
    return {
        "subject": subject,
        "as_of": wanted.as_of.isoformat(),
        "of": known,
        "segments": [
            {"segment": name, "count": together[i][i], "alone": patterns.get(1 << i, 0)} for i, name in enumerate(names)
        ],
        "pairs": sorted(pairs, key=lambda p: (-(p["lift"] or 0), p["a"], p["b"])),
        "skipped": skipped,
        "warnings": warn_of_request(ctx, wanted),
    }


def prepare_overlap(ctx: Context, subject: str) -> None:
    """Work out now how the saved segments of a large build lie over one another, so that nobody waits for it."""
    wanted = _requested(ctx, subject, _conditions(ctx, (), subject)[0].values())
    if 2 <= len(wanted.columns) <= MOST_PATTERN_BITS and (kept := _kept(ctx, wanted)) is not None:
        ctx.progress("overlap of the saved segments", 0)
        _answers(ctx, wanted, kept)


def shared(patterns: Mapping[int, int], groups: int) -> list[list[int]]:
    """How many members each two groups share; in the diagonal, how many each has.

    Parameters
    ----------
    patterns
        Pattern → members; bit i is set where they are in group i.
    """
    keys = np.fromiter(patterns.keys(), dtype=np.int64, count=len(patterns))
    counts = np.fromiter(patterns.values(), dtype=np.int64, count=len(patterns))
    octets = [keys >> 8 * i & 255 for i in range((groups + 7) // 8)]
    bits = np.arange(256)[:, None] >> np.arange(8) & 1
    found = np.zeros((8 * len(octets), 8 * len(octets)), dtype=np.int64)
    # Every two bytes take few values together, however many patterns there are.
    for i, j in combinations_with_replacement(range(len(octets)), 2):
        table = np.bincount(octets[i] * 256 + octets[j], counts, 256 * 256).reshape(256, 256).astype(np.int64)
        piece = bits.T @ table @ bits
        found[8 * i : 8 * i + 8, 8 * j : 8 * j + 8] = piece
        found[8 * j : 8 * j + 8, 8 * i : 8 * i + 8] = piece.T
    return [[int(n) for n in row] for row in found[:groups, :groups]]


def waterfall(ctx: Context, expression: str, *, subject: str = "customer") -> dict[str, Any]:
    """How many members each condition of a group removes, in the order in which they are written.

    Parameters
    ----------
    expression
        Conditions joined by ``and``, or the name of a saved segment.

    Returns
    -------
    dict
        ``of`` (all known members), ``count`` (who is left in the end), ``steps``: for each condition its text
        (``condition``), ``left`` after it and all before it, ``removed`` by it of those that were left, of them
        ``unknown`` (the condition says neither yes nor no of them), ``alone`` (for how many it holds by itself) and
        ``only`` (whom it alone keeps out: so many would come in without it), ``removed_are`` (an expression that holds
        for those whom it removed); ``as_of``, ``subject``, ``warnings``.
    """
    catalog = ctx.catalog()
    _, about = condition(ctx, expression, subject)
    saved = catalog.segments.get(expression.strip().removeprefix("segment."))
    text = saved.expr if saved is not None else expression
    parts = [text[node.span.start : node.span.end].strip() for node in conjuncts(parse(text))]
    if len(parts) > MOST_PATTERN_BITS // 2:
        raise InvalidInput(
            f"A waterfall has at most {MOST_PATTERN_BITS // 2} conditions, not {len(parts)}.",
            hint="Save some of them as a segment.",
        )
    checked = [check_condition(part, catalog.world, about) for part in parts]
    absent = [check_condition(f"({part}) is absent", catalog.world, about) for part in parts]
    ctx.progress("waterfall", 0)
    wanted = _requested(ctx, about, [*checked, *absent])
    patterns = _answers(ctx, wanted)
    steps = waterfall_steps(patterns, parts)
    return {
        "subject": about,
        "as_of": wanted.as_of.isoformat(),
        "expression": expression,
        "of": sum(patterns.values()),
        "count": steps[-1]["left"],
        "steps": steps,
        "warnings": warn_of_request(ctx, wanted),
    }


def waterfall_steps(patterns: Mapping[int, int], parts: Sequence[str]) -> list[dict[str, Any]]:
    """What each condition does to those whom the ones before it left.

    Parameters
    ----------
    patterns
        Pattern → members; bit i is set where condition i holds, bit len(parts) + i where its answer is unknown.
    parts
        The conditions as they are written.
    """
    all_true = (1 << len(parts)) - 1
    before, steps = sum(patterns.values()), []
    for i, part in enumerate(parts):
        so_far = (1 << i) - 1
        tried = {pattern: n for pattern, n in patterns.items() if pattern & so_far == so_far}
        left = sum(n for pattern, n in tried.items() if pattern >> i & 1)
        kept = [f"({earlier})" for earlier in parts[:i]]
        steps.append(
            {
                "condition": part,
                "left": left,
                "removed": before - left,
                "removed_are": " and ".join([*kept, f"not (({part}) is true)"]),
                "unknown": sum(n for pattern, n in tried.items() if pattern >> (len(parts) + i) & 1),
                "alone": sum(n for pattern, n in patterns.items() if pattern >> i & 1),
                "only": sum(n for pattern, n in patterns.items() if pattern & all_true == all_true ^ (1 << i)),
            }
        )
        before = left
    return steps


def _conditions(ctx: Context, segments: Sequence[str], subject: str) -> tuple[dict[str, Expr], list[dict[str, Any]]]:
    """Name → condition, of what was named or of everything saved; and what of the latter cannot be counted."""
    if segments:
        found = {name: condition(ctx, name, subject) for name in dict.fromkeys(segments)}
        if wrong := [name for name, (_, about) in found.items() if about != subject]:
            about = found[wrong[0]][1]
            raise InvalidInput(
                f"The segment {wrong[0]!r} holds {about}s, not {subject}s.", hint=f"Compare them with `-s {about}`."
            )
        return {name: checked for name, (checked, _) in found.items()}, []
    catalog, kept, skipped = ctx.catalog(), {}, []
    catalog.world.subject(subject)
    for name, segment in catalog.segments.items():
        if segment.subject != subject:
            continue
        try:
            compile_members(_requested(ctx, subject, [catalog.conditions[name]]), catalog.world, ctx.engine.dialect)
        except NotYet as error:
            skipped.append({"segment": name, "code": error.code, "message": error.message, "hint": error.hint})
        else:
            kept[name] = catalog.conditions[name]
    return kept, skipped


def _requested(ctx: Context, subject: str, conditions: Iterable[Expr]) -> Request:
    """Ask of everybody whether the conditions hold."""
    columns = {f"c{i}": checked for i, checked in enumerate(conditions)}
    return replace(request(ctx, "true", subject, columns), where=None)


def _answers(ctx: Context, wanted: Request, keep: str | None = None) -> dict[int, int]:
    """How many members answer alike: pattern of the conditions that hold → members."""
    engine, world = ctx.engine, ctx.catalog().world
    if keep is None:
        return count_patterns(engine, world, wanted)
    # Two who ask at once need one table; what was kept before a segment was edited is no answer any more.
    with ctx.memory.setdefault(f"overlap {wanted.subject}", threading.Lock()):
        before = [table for table in engine.tables() if table.startswith(keep)]
        found = count_patterns(engine, world, wanted, keep)
        kept = [table for table in engine.tables() if table.startswith(keep)]
        for table in before if len(kept) > len(before) else ():
            engine.drop(table)
        return found


def _kept(ctx: Context, wanted: Request) -> str | None:
    """How the table begins that keeps the answer beside a large build; None where the answer may not stay the same.

    It rests on the build and its data alone: scores, lists and values given by hand change without another build.
    """
    build = ctx.current_build(wanted.subject)
    if build is None or wanted.known != build.table or (build.members or 0) < bins.KEPT_FROM:
        return None
    parts = [part for one in wanted.columns.values() for part in ir.walk(one)]
    if any(isinstance(part, ir.Attribute) and part.attribute.startswith("given.") for part in parts):
        return None
    tags = {part.tag for part in parts if isinstance(part, ir.TagValue)}
    if any(tag not in wanted.stored or wanted.stored[tag].table != build.table for tag in tags):
        return None
    return read_off(build.table, "patterns_")
