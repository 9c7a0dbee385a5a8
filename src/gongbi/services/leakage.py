"""Tags that only repeat how a group is defined: they tell its members apart without saying anything new of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from gongbi.catalog.base import ModelDef
from gongbi.catalog.catalog import model_tags
from gongbi.core import expr as ir
from gongbi.core.expr import Attribute, Call, Constant, Expr, FactColumn, RelatedColumn
from gongbi.services.context import Context

#: The definition names the tag; the tag is made from one that it names, or the other way round; both read the same.
Why = Literal["named", "made_from", "same_rows"]
WHY: Mapping[Why, Mapping[str, str]] = {
    "named": {"zh": "客群的定义用到它", "en": "The definition names it."},
    "made_from": {"zh": "与定义所用的标签互为来源", "en": "It is made from a tag of the definition, or that from it."},
    "same_rows": {"zh": "与定义读取同一事实的同样几列", "en": "It reads the same columns of a fact as the definition."},
}


def defining(ctx: Context, subject: str, conditions: Sequence[Expr]) -> dict[str, Why]:
    """Tag → why it repeats the definition of a group; all others can be learned from.

    Two aggregates read the same where fact, columns (the time aside) and the texts that their filters name agree,
    whatever they count or sum up, and over whatever stretch of time. A tag reads what the tags read that it uses.
    """
    catalog = ctx.catalog()
    expressions = catalog.tags_of(subject)
    named = {tag for part in conditions for tag in ir.tags_used(part)}
    below = ir.with_used(named, expressions)
    read = set[object]()
    for expr in [*conditions, *below.values()]:
        read |= _read(expr)
    found: dict[str, Why] = {}
    reads: dict[str, set[object]] = {}
    for tag, expr in expressions.items():  # each after those it uses
        used = ir.tags_used(expr)
        reads[tag] = _read(expr).union(*(reads.get(one, set()) for one in used))
        if tag in named:
            found[tag] = "named"
        elif tag in below or any(found.get(one) in ("named", "made_from") for one in used):
            found[tag] = "made_from"
        elif reads[tag] & read:
            found[tag] = "same_rows"
    # A score says again what its model read of the definition, above all how lately and how often.
    for model in catalog.models.values():
        if model.subject == subject:
            features = catalog.features(model.features, subject) if model.features else []
            if any(found.get(tag) in ("named", "made_from") for tag in features):
                found |= dict.fromkeys(model_tags(model), "made_from")
            elif model.fact is not None and _is_read(model, read):
                found |= dict.fromkeys(model_tags(model), "same_rows")
    return found | {tag: "named" for tag in named if tag not in expressions}


def _read(expr: Expr) -> set[object]:
    """What an expression reads: attributes, and for each aggregate its fact, columns and texts."""
    found: set[object] = {e for e in ir.walk(expr, into_aggregates=False) if isinstance(e, Attribute)}
    return found | {_rows(call) for call in ir.aggregates(expr)}


def _is_read(model: ModelDef, read: set[object]) -> bool:
    """Whether a definition reads rows of a model's fact, all of them, and of their columns the amount at most."""
    of_all = [one[1] for one in read if isinstance(one, tuple) and one[0] == model.fact and not one[2]]
    return any(all(isinstance(e, FactColumn) and e.column == model.amount for e in columns) for columns in of_all)


def _rows(call: Call) -> tuple[str | None, frozenset[Expr], frozenset[str]]:
    parts = list(ir.walk(call))
    columns = (e for e in parts if isinstance(e, RelatedColumn) or (isinstance(e, FactColumn) and e.column != "ts"))
    texts = (e.value for e in ir.walk(call.filter) if isinstance(e, Constant)) if call.filter is not None else ()
    # The texts of windows are their units.
    return call.fact, frozenset(columns), frozenset(t for t in texts if isinstance(t, str) and t not in _UNITS)


_UNITS = frozenset(
    [*("minute", "hour", "day", "week", "month", "quarter", "year")]
    + [f"calendar_{unit}" for unit in ("day", "week", "month", "quarter", "year")]
)
