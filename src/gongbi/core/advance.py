"""A build made from an earlier one: what is computed again for whom, and how the two are put together. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gongbi.core.changes import STATE, Split
from gongbi.core.compiler import Request, Stored, compile_members
from gongbi.core.dialect import Dialect
from gongbi.core.expr import Expr, TagValue
from gongbi.core.plan import Plan
from gongbi.core.touched import known_members
from gongbi.core.world import World

#: The step that holds what stays, of everybody.
_STAYED = "_stayed"


def with_states(columns: Mapping[str, Expr], split: Split) -> dict[str, Expr]:
    """The columns of a build: its tags, then the hidden states that a later build starts from."""
    return {**columns, **dict(sorted(split.states.items()))}


def again_plan(request: Request, split: Split, touched: str, world: World, dialect: Dialect) -> Plan:
    """What stays, computed again for the members in the table `touched`. Grain: one row per member of it."""
    return compile_members(replace(request, columns=split.kept, among=touched), world, dialect)


def advanced_plan(
    request: Request, split: Split, before: str, touched: str, again: str, world: World, dialect: Dialect
) -> Plan:
    """A whole build: what stays from the table `before` or, of the touched, from `again`; what moves, for everybody.

    Grain: one row per member known as of the request's instant; columns as `with_states` gives them.
    """
    listed = _listed(split, dialect)
    known = f"semi join ({known_members(request.subject, request.as_of, dialect)}) k on k.id = p.id"
    stayed = (
        f"select p.id{listed} from {dialect.ident(before)} p {known}"
        f" anti join {dialect.ident(touched)} t on t.id = p.id"
        f" union all select p.id{listed} from {dialect.ident(again)} p"
    )
    return _derived(request, split, stayed, world, dialect)


def _listed(split: Split, dialect: Dialect) -> str:
    return "".join(f", p.{dialect.ident(name)}" for name in split.kept)


def _derived(request: Request, split: Split, stayed: str, world: World, dialect: Dialect) -> Plan:
    """The moving columns of everybody, from those that stay."""
    kept = split.kept
    states = [name for name in (*split.moving, *kept) if name.startswith(STATE)]
    columns: dict[str, Expr] = {
        name: TagValue(name, kept[name].type) if name in kept else split.moving[name]
        for name in (*request.columns, *sorted(states))
    }
    stored = {name: Stored(_STAYED, name) for name in kept}
    rest = compile_members(replace(request, columns=columns, stored=stored, known=_STAYED), world, dialect)
    return Plan().then(_STAYED, stayed).followed_by(rest)
