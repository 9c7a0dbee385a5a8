"""Which tags tell what members spend: a model of wallets that learned from them would take spend for a trait."""

from __future__ import annotations

from gongbi.catalog.base import ModelDef
from gongbi.catalog.numbers import check_number, refuse_other
from gongbi.core import expr as ir
from gongbi.core.expr import Expr, FactColumn, RelatedColumn
from gongbi.core.language import check_expression
from gongbi.core.lexer import tokens
from gongbi.core.rows import row_value
from gongbi.core.world import World
from gongbi.errors import InvalidDefinition, WrongType


def telling_spend(target: Expr, world: World, subject: str) -> set[str]:
    """The tags that tell what a target measures, themselves or through tags that they use.

    They rest on a column of numbers that the target adds up, or that such a column of a derived fact is made from.
    Where it adds up none, but counts rows, they are those that rest on rows of the same facts.
    """
    calls = ir.aggregates(target)
    measured = set[object]().union(*(_numbers(arg, world) for call in calls for arg in call.args))
    rows = set() if measured else {call.fact for call in calls}
    found: set[str] = set()
    for (of, tag), expr in world.expressions.items():  # each after those it uses
        if of == subject and (
            _numbers(expr, world) & measured
            or any(call.fact in rows for call in ir.aggregates(expr))
            or ir.tags_used(expr) & found
        ):
            found.add(tag)
    return found


def _numbers(expr: Expr, world: World) -> set[object]:
    """The columns of numbers that an expression rests on; of a derived fact also those of the fact it is made from."""
    found: set[object] = set()
    for part in ir.walk(expr):
        if isinstance(part, RelatedColumn) and part.type.is_number:
            found.add((part.subject, part.attribute))
        elif isinstance(part, FactColumn) and part.type.is_number:
            found |= _made_from(part.fact, part.column, world)
    return found


def _made_from(fact: str, column: str, world: World) -> set[object]:
    found: set[object] = {(fact, column)}
    grouping = world.facts[fact].grouping if fact in world.facts else None
    if grouping is not None and (made := grouping.columns.get(column)) is not None:
        base = world.fact(grouping.fact)
        for name in {token.text for token in tokens(made.expr)} & base.columns.keys():
            if base.columns[name].is_number:
                found |= _made_from(base.name, name, world)
    return found


def check_wallet(model: ModelDef, target: Expr, world: World) -> None:
    """Check what a model of wallets says of features, spend elsewhere, markets and products.

    Raises
    ------
    InvalidDefinition, InvalidExpression, UnknownName, WrongType
        A feature tells the spend itself, or an expression cannot be.
    """
    if both := sorted(set(model.features) & telling_spend(target, world, model.subject)):
        raise InvalidDefinition(
            f"Model {model.model!r}: the tag {both[0]!r} tells the spend itself, so that peers would be those who spend"
            " as much.",
            hint="Take it out of `features`; name traits such as size, place, age or tenure.",
        )
    if model.elsewhere is not None:
        found = check_expression(model.elsewhere, world, model.subject)
        refuse_other(model, "elsewhere", model.elsewhere, found.type)
    if model.market is not None and model.product is not None:
        fact = world.fact(model.fact or "")
        check_number(model, "amount", model.amount or "", fact)
        market = check_expression(model.market, world, model.subject)
        product = row_value(fact.name, model.product, world, model.subject)
        for key, one in (("market", market), ("product", product)):
            if one.type.name not in ("text", "integer"):
                raise WrongType(f"Model {model.model!r}: `{key}` is a text or a whole number; this is {one.type}.")
