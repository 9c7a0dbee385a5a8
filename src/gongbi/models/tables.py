"""Tables that models write: scores, one row per member who was scored."""

from __future__ import annotations

from gongbi.catalog.base import ModelDef
from gongbi.catalog.scores import scores_of
from gongbi.core.table import Column, Table
from gongbi.core.types import TIMESTAMP
from gongbi.core.world import World


def score_table_name(model: str) -> str:
    """`model_coupon_redemption`: the scores of the champion."""
    return f"model_{model}"


def score_table(model: ModelDef, world: World) -> Table:
    """The table of a model's scores. Members without a row have no score: absent, not zero."""
    columns = [
        Column("id", world.subject(model.subject).id_type),
        *(Column(s.column, s.type, s.about.format(days=model.horizon_days)) for s in scores_of(model)),
        Column("as_of", TIMESTAMP, "The instant of the scores."),
    ]
    return Table(
        score_table_name(model.model), tuple(columns), key=("id",), grain=f"one row per scored {model.subject}"
    )
