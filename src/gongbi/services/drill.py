"""Take a group apart by one or two tags; every figure leads to its members."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from gongbi.core.compiler import Request
from gongbi.core.expr import TagValue
from gongbi.errors import InvalidInput
from gongbi.segments.base import Bin, BinnedTag, Profile
from gongbi.segments.conditions import both, members_of
from gongbi.segments.run import binned_column, count_cells, indices
from gongbi.services.bins import binned_tags
from gongbi.services.context import Context
from gongbi.services.insight import spoken
from gongbi.services.privacy import check_broken_down
from gongbi.services.segments import column, condition, request
from gongbi.services.warnings import warn_of_nobody, warn_of_request
from gongbi.tags.base import TagColumn

#: A drill-down goes by so many tags at once.
MOST_DIMENSIONS = 2


def drill(
    ctx: Context,
    expression: str,
    by: Sequence[str],
    *,
    base: str | None = None,
    subject: str = "customer",
) -> dict[str, Any]:
    """Count a group by the values of one or two tags, beside a base.

    Parameters
    ----------
    by
        Tags, attributes or expressions: one or two. Each is cut into bins as insight cuts it, the unknown a bin too.
    base
        Another group; by default everybody known.

    Returns
    -------
    dict
        ``size``, ``base_size``, ``by`` (for each its ``name`` and ``labels``, in order), ``rows``: one per cell that
        somebody of the group or of the base is in, in the order of the labels, with ``labels``, ``kinds``, ``support``,
        ``share``, ``base_count``, ``base_share``, ``tgi``, ``low``, ``high``, ``p_adjusted``, ``q_value`` and
        ``members_are``, an expression for the members of the group in the cell; ``as_of``, ``warnings``.

    Raises
    ------
    InvalidInput
        There is no or more than two things to go by, one is a list, or nobody has a value of it.
    Refused
        One is personal.
    """
    if not 1 <= len(by) <= MOST_DIMENSIONS or len(set(by)) < len(by):
        raise InvalidInput(
            f"A drill-down goes by one tag or by two different ones, not by {len(by)}.",
            hint="Name them with `--by`; to go deeper, drill into the expression of a cell.",
        )
    group, about = condition(ctx, expression, subject)
    conditions = {"_group": group}
    if base is not None:
        conditions["_base"], other = condition(ctx, base, subject)
        if other != about:
            raise InvalidInput(f"The group is about {about}s and the base about {other}s.")
    exprs = {f"_d{i}": column(ctx, name, about) for i, name in enumerate(by)}
    for name, key in zip(by, exprs, strict=True):
        check_broken_down(ctx, about, name, exprs[key])
    ctx.progress("drill-down", 0)
    asked = replace(request(ctx, "true", about, {**exprs, **conditions}), where=None)
    cut = [_cut(ctx, asked, name, key) for name, key in zip(by, exprs, strict=True)]
    world = ctx.catalog().world
    dimensions = [(key, tag.bins) for key, tag in zip(exprs, cut, strict=True)]
    counts = count_cells(ctx.engine, world, asked, dimensions, "_group", "_base" if base is not None else None)
    rows = _rows(cut, counts, spoken(ctx, expression))
    size, base_size = (sum(cell[i] for cell in counts.values()) for i in (0, 1))
    return {
        "subject": about,
        "expression": expression,
        "base": base,
        "as_of": asked.as_of.isoformat(),
        "size": size,
        "base_size": base_size,
        "by": [{"name": tag.tag, "labels": [bin_.label for bin_ in tag.bins]} for tag in cut],
        "rows": rows,
        "warnings": [*warn_of_nobody(size, base_size, 1, 0), *warn_of_request(ctx, asked)],
    }


def _cut(ctx: Context, asked: Request, name: str, key: str) -> BinnedTag:
    """The bins of what to go by: a tag has those of the build, anything else is looked at now."""
    expr = asked.columns[key]
    if expr.type.is_many:
        raise InvalidInput(f"{name!r} has several values for a member, which have no bins.", hint="Go by another tag.")
    found = None
    if isinstance(expr, TagValue):
        found = next((b for b in binned_tags(ctx, asked.subject, asked.stored) if b.tag == expr.tag), None)
    if found is None:
        alone = replace(asked, columns={key: expr})
        found = binned_column(ctx.engine, ctx.catalog().world, alone, TagColumn(key, expr.type), ctx.zone)
    if found is None:
        raise InvalidInput(f"Nobody has a value of {name!r}.", hint="Go by another tag.")
    spelled = f"tag.{expr.tag}" if isinstance(expr, TagValue) else name.strip()
    return replace(found, tag=spelled)


def _rows(
    cut: Sequence[BinnedTag], counts: dict[tuple[int, ...], tuple[int, int, int]], group: str
) -> list[dict[str, Any]]:
    cells = [cell for cell in product(*(range(len(tag.bins)) for tag in cut)) if cell in counts]
    # Each cell is a bin of its own; its number tells it from others of the same label.
    bins = [Bin(str(i), "", "value") for i in range(len(cells))]
    columns = list(zip(*(counts[cell] for cell in cells), strict=True)) or [(), (), ()]
    n_group, n_base, n_both = map(sum, columns)
    found = indices(bins, Profile(n_group, n_base, n_both, *columns), min_support=0)
    by_number = {int(index.tag): index for index in found}
    rows = []
    for i, cell in enumerate(cells):
        index, chosen = by_number.get(i), [tag.bins[j] for tag, j in zip(cut, cell, strict=True)]
        if index is None or not (index.support or index.base_count):
            continue
        names = [tag.tag if _plain(tag.tag) else f"({tag.tag})" for tag in cut]
        where = [members_of(bin_, tag.type, name) for bin_, tag, name in zip(chosen, cut, names, strict=True)]
        figures = {k: v for k, v in index.to_json().items() if k not in ("tag", "label", "kind")}
        rows.append(
            {
                "labels": [bin_.label for bin_ in chosen],
                "kinds": [bin_.kind for bin_ in chosen],
                **figures,
                "members_are": both(group, *where),
            }
        )
    return rows


def _plain(name: str) -> bool:
    return name.replace(".", "").replace("_", "").isalnum()
