"""Look-alike expansion: a seed group, and who of the others is most like it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from gongbi.catalog.masking import MASKED, masked
from gongbi.core.clock import local_time
from gongbi.core.expr import Expr, TagValue
from gongbi.core.types import Type
from gongbi.errors import InvalidInput, UnknownName
from gongbi.services.alike_rows import Best, Members, members
from gongbi.services.context import Context
from gongbi.services.files import check_writable, hand_out
from gongbi.services.given import give
from gongbi.services.leakage import WHY, defining
from gongbi.services.library import save_tag
from gongbi.services.lists import keep_members
from gongbi.services.privacy import check_reveal, grade_of, id_grade, masked_ids, told
from gongbi.services.segments import condition, request
from gongbi.services.warnings import warn_of_request

#: A single tag that tells seeds from others as well as this probably repeats what makes them seeds.
SUSPICIOUS = 0.98
REASONS = 3
#: The first shares of the others that are previewed.
TIERS = (0.01, 0.05, 0.1)
#: Nobody is chosen by what must not be shown of them.
PERSONAL = {"zh": "个人信息，不参与挑选", "en": "It is personal: nobody is chosen by it."}
#: No split and no coefficient can use several values at once.
SEVERAL = {"zh": "每人有多个值，无法从中学习", "en": "It has several values at once: nothing can be learned from it."}


def lookalike(
    ctx: Context,
    expression: str,
    *,
    among: str = "true",
    tags: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
    kind: str | None = None,
    top: int = 1000,
    repeats: int = 5,
    subject: str = "customer",
    to: str | None = None,
    overwrite: bool = False,
    reveal: str | None = None,
) -> dict[str, Any]:
    """Rank the members outside a seed group by how much they are like those in it.

    Learned from are the tags, but for those by which the seeds are defined: these would only find the definition again.

    Parameters
    ----------
    among
        Who may be found: a condition or a segment; everybody by default.
    tags, exclude
        Learn from these only; leave these out too.
    kind
        ``logistic``, ``trees`` or ``centroid``; by default the one of the first two that finds more of the seeds held
        back.
    top
        How many to name.
    repeats
        How often to hold seeds back.
    to
        Write those named to a .csv, .xlsx or .parquet file, on record.
    reveal
        Why ids that are personal are to be seen, by a named person; put on record.

    Returns
    -------
    dict
        ``seeds``, ``candidates``, ``learned`` (``seeds`` and ``others`` that were learned from: all of them up to two
        million members, else a draw by lot, with all others scored in parts), ``kind``, ``judged`` (for each ranker AUC
        and lift on seeds held back, with intervals, and its curve; chance has 0.5 and 1), ``reaches`` (shares of the
        ranking that the lifts are at), ``tiers`` (for the first 1, 5 and 10 % of the others: ``share``, ``members``,
        ``lift`` with its interval, and ``found``, the share of the seeds held back that stands there),
        ``rows`` (``place``, ``id``, ``score``: the share of all members who are less alike, ``reasons``: tags with
        values), ``learned_from``, ``excluded`` (with the reason), ``suspicious`` (tags that by themselves tell seeds
        from others almost surely), ``as_of``, ``warnings``; and ``file`` where one was written.

    Raises
    ------
    InvalidInput
        There are too few seeds or others, or no tags are left to learn from.
    """
    from gongbi.estimators.likeness import KINDS

    if kind is not None and kind not in KINDS:
        raise UnknownName("ranker", kind, KINDS)
    if top < 1 or not 2 <= repeats <= 50:
        raise InvalidInput("`top` is 1 or more, and `repeats` from 2 to 50.")
    check_reveal(ctx, reveal)
    if to is not None:
        check_writable(Path(to).expanduser(), overwrite=overwrite)
    asked = {"among": among, "tags": tags, "exclude": exclude, "kind": kind, "subject": subject}
    found, best = _ranking(ctx, expression, top=top, repeats=repeats, **asked)  # type: ignore[arg-type]
    if (grade := id_grade(ctx.catalog(), found["subject"])) in MASKED:
        assert best.rows is not None
        for row, id_ in zip(found["rows"], best.rows["id"].to_pylist(), strict=True):
            row["id"] = masked(id_, grade) if reveal is None else id_
        said = told(ctx, ["id"], reveal, what=f"look-alikes of {expression.strip()}", rows=len(found["rows"]))
        found["warnings"] = [*found["warnings"], *said]
    if to is not None:
        as_of = datetime.fromisoformat(found["as_of"])
        found["file"] = _write(ctx, found, Path(to).expanduser(), as_of, overwrite=overwrite)
    return found


def _ranking(
    ctx: Context,
    expression: str,
    *,
    among: str,
    tags: Sequence[str] | None,
    exclude: Sequence[str],
    kind: Any,
    top: int,
    repeats: int,
    subject: str,
) -> tuple[dict[str, Any], Best]:
    """What `lookalike` gives, and the scores of all with the ids as they are, which may not be shown."""
    from gongbi.estimators.likeness import KINDS, REACHES, CrossLikeness, LikenessModel, judge

    seed_condition, about = condition(ctx, expression, subject)
    pool, other = condition(ctx, among, subject)
    if other != about:
        raise InvalidInput(f"The seeds are {about}s and the others {other}s.")
    names, left_out = _features(ctx, about, seed_condition, tags, exclude)
    types = {name: ctx.catalog().world.tags_of(about)[name] for name in names}
    ctx.progress("look-alike: tags", 0, 3)
    everybody = members(ctx, seed_condition, pool, about, types, names)
    table = everybody.learned()
    seeds, frame = _flags(table), _frame(everybody, table, types)
    frame = frame[[name for name in names if frame[name].notna().any()]]
    names = [str(name) for name in frame.columns]
    ctx.progress("look-alike: seeds held back", 1, 3)
    asked = KINDS if kind is None else tuple(dict.fromkeys((kind, "centroid")))
    judged = judge(frame, seeds, asked, repeats=repeats)
    chosen = max((one for one in judged if kind == one.kind or (kind is None and one.kind != "centroid")), key=_auc)
    ctx.progress("look-alike: ranking", 2, 3)
    ranker, best = CrossLikeness(chosen.kind).fit(frame, seeds), Best(top)
    best.add(table.filter(pa.array(~seeds)), ranker.scores_[~seeds])
    for part in everybody.parts():
        if part.num_rows:
            best.add(part, ranker.score(_frame(everybody, part, types)))
    assert best.rows is not None
    named = best.rows
    found: dict[str, Any] = {
        "subject": about,
        "expression": expression,
        "as_of": everybody.as_of.isoformat(),
        "seeds": everybody.seeds,
        "candidates": everybody.others,
        "learned": {"seeds": int(seeds.sum()), "others": int((~seeds).sum())},
        "kind": chosen.kind,
        "judged": [{name: getattr(one, name) for name in one.__slots__} for one in judged],
        "reaches": list(REACHES),
        "tiers": _tiers(chosen, everybody.others),
        "rows": [],
        "learned_from": names,
        "excluded": left_out,
        "suspicious": _suspicious(frame, seeds),
        "types": {name: str(types[name]) for name in names},
        "warnings": warn_of_request(ctx, request(ctx, expression, subject), names),
    }
    parts = LikenessModel(chosen.kind).fit(frame, seeds).contributions(_frame(everybody, named, types))
    values = {name: named[name].to_pylist() for name in names}
    score = named["_score"].to_pylist()
    for i, (id_, share) in enumerate(zip(masked_ids(ctx, about, named["id"].to_pylist()), parts, strict=True)):
        most = [j for j in (-share).argsort(kind="stable")[:REASONS].tolist() if share[j] > 0]
        reasons = [{"tag": names[j], "value": _plain(values[names[j]][i])} for j in most]
        found["rows"].append({"place": i + 1, "id": id_, "score": score[i], "reasons": reasons})
    return found, best


def _tiers(chosen: Any, others: int) -> list[dict[str, Any]]:
    """What the first shares of the ranking hold: members, and held-back seeds against chance."""
    from gongbi.estimators.likeness import REACHES

    found = []
    for share in TIERS:
        i = REACHES.index(share)
        lift = {"lift": chosen.lift[i], "lift_low": chosen.lift_low[i], "lift_high": chosen.lift_high[i]}
        found.append(
            {"share": share, "members": max(1, round(share * others)), **lift, "found": chosen.lift[i] * share}
        )
    return found


def _flags(table: pa.Table) -> Any:
    import numpy as np

    return np.array([bool(flag) for flag in table["_seed"].to_pylist()], dtype=bool)


def _frame(everybody: Members, table: pa.Table, types: Mapping[str, Type]) -> Any:
    from gongbi.models.features import feature_frame

    return feature_frame(table, types, int(everybody.as_of.timestamp() * 1_000_000))


def save_lookalike(
    ctx: Context,
    expression: str,
    *,
    as_list: str = "",
    as_tag: str = "",
    among: str = "true",
    tags: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
    kind: str | None = None,
    top: int = 1000,
    subject: str = "customer",
    why: str = "",
    replace: bool = False,
) -> dict[str, Any]:
    """Keep who is most like a seed group: the first of them as a list, or everybody's score as a tag, or both.

    Parameters
    ----------
    as_list
        The list's name; afterwards it is ``segment.NAME``.
    as_tag
        A tag whose maker is `imported`, of numbers: its values are the scores of all who are not seeds, 0 to 1, from
        now on. One that is not there yet becomes a draft, to be published first.
    among, tags, exclude, kind
        As of `lookalike`.
    top
        How many go into the list.
    why, replace
        As of `save_list_of`.

    Returns
    -------
    dict
        ``seeds``, ``kind``, ``auc``, ``as_of``; ``list`` (see `save_list_of`) and ``tag`` (see `import_tag`; of one
        that is not in force, the ``state`` of its draft).
    """
    if not as_list and not as_tag:
        raise InvalidInput("Say what to keep: a list, a tag or both.", hint="Write `as_list` or `as_tag`.")
    name = as_tag.strip().removeprefix("tag.")
    source = f"look-alikes of {expression.strip()}"
    if name and name not in ctx.catalog().tags:
        draft = {"tag": name, "maker": {"imported": {"type": "number"}}, "name": _title(expression)}
        about = {} if subject == "customer" else {"subject": subject}
        kept = save_tag(ctx, {**draft, **about}, why=why or source)
        return {"tag": {"tag": name, "state": kept["state"], "version": kept["version"]}}
    if kind is not None and kind not in _kinds():
        raise UnknownName("ranker", kind, _kinds())
    if top < 1:
        raise InvalidInput("`top` is 1 or more, and `repeats` from 2 to 50.")
    asked = {"among": among, "tags": tags, "exclude": exclude, "kind": kind, "subject": subject}
    found, best = _ranking(ctx, expression, top=top, repeats=3, **asked)  # type: ignore[arg-type]
    judged = next(one for one in found["judged"] if one["kind"] == found["kind"])
    answer = {"seeds": found["seeds"], "kind": found["kind"], "auc": judged["auc"], "as_of": found["as_of"]}
    if as_list:
        more = {"as_of": found["as_of"], "limit": top}
        assert best.rows is not None
        ids = best.rows["id"].to_pylist()
        answer["list"] = keep_members(
            ctx, as_list, found["subject"], ids, source=source, why=why, replace=replace, **more
        )
    if name:
        answer["tag"] = give(ctx, name, best.scores(), source=source, why=why)
    return answer


def _kinds() -> Sequence[str]:
    from gongbi.estimators.likeness import KINDS

    return KINDS


def _title(expression: str) -> dict[str, str]:
    said = expression.strip()
    return {"zh": f"与 {said} 的相似度", "en": f"Likeness to {said}"}


def _plain(value: Any) -> Any:
    """A value as JSON has it; what an engine gives without an offset is UTC."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime) and value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    return value.isoformat() if isinstance(value, date) else value


def _auc(judged: Any) -> float:
    return float(judged.auc)


def _features(
    ctx: Context, subject: str, seeds: Expr, tags: Sequence[str] | None, exclude: Sequence[str]
) -> tuple[list[str], list[dict[str, Any]]]:
    types, stored = ctx.catalog().world.tags_of(subject), ctx.stored(subject)
    asked = [name.removeprefix("tag.") for name in (types if tags is None else tags)]
    dropped = [name.removeprefix("tag.") for name in exclude]
    for name in (*asked, *dropped):
        if name not in types:
            raise UnknownName(f"tag of {subject}", name, types)
    repeating = defining(ctx, subject, [seeds])
    catalog = ctx.catalog()
    kept, left_out = [], []
    for name in asked:
        if grade_of(catalog, subject, TagValue(name, types[name])) in MASKED:
            left_out.append({"tag": name, "reason": PERSONAL})
        elif name in repeating:
            left_out.append({"tag": name, "reason": WHY[repeating[name]]})
        elif types[name].is_many:
            left_out.append({"tag": name, "reason": SEVERAL})
        # Who is on a list was decided by somebody, perhaps by an expansion such as this one.
        elif name not in dropped and name in stored and not name.startswith("list."):
            kept.append(name)
    if not kept:
        raise InvalidInput(
            "No tags are left to learn from: all of them repeat how the seeds are defined, or cannot be learned from.",
            hint="Build more tags, or define the seeds by fewer.",
        )
    return kept, left_out


def _suspicious(frame: Any, seeds: Any) -> list[str]:
    """Numbers that by themselves rank the seeds almost perfectly, either way round."""
    from gongbi.estimators.stats import auc

    found = []
    for name in frame.columns:
        column = frame[name]
        if str(column.dtype) == "object" or not column.notna().any():
            continue
        area = auc(seeds, column.fillna(column.min() - 1).to_numpy())
        if max(area, 1 - area) >= SUSPICIOUS:
            found.append(str(name))
    return found


def _in_cell(ctx: Context, value: Any, type_: str) -> str:
    """A value as people read it in a cell of text: with few digits, instants in the workspace's zone."""
    if type_ == "timestamp" and value is not None:
        return f"{local_time(datetime.fromisoformat(value), ctx.zone)} {ctx.zone}"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _write(ctx: Context, found: dict[str, Any], path: Path, as_of: datetime, *, overwrite: bool) -> dict[str, Any]:
    rows = found["rows"]
    types = found["types"]
    said = [
        "; ".join(f"{r['tag']} = {_in_cell(ctx, r['value'], types[r['tag']])}" for r in row["reasons"]) for row in rows
    ]
    table = pa.table(
        {
            "id": [row["id"] for row in rows],
            "place": [row["place"] for row in rows],
            "score": [row["score"] for row in rows],
            "reasons": said,
        }
    )
    with ctx.run("export", f"look-alikes of {found['expression'].strip()}", path=str(path)) as inner:
        done = hand_out(
            inner,
            table,
            path,
            expression=f"look-alikes of {found['expression'].strip()}",
            as_of=as_of,
            segment=None,
            build_ids=[],
            overwrite=overwrite,
        )
        inner.note(rows=done["rows"])
    return done
