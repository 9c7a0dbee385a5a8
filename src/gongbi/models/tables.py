"""Tables that models write: scores, one row per member who was scored."""

from __future__ import annotations

from gongbi.catalog.base import ModelDef
from gongbi.core.table import Column, Table
from gongbi.core.types import DOUBLE, INTEGER, TEXT, TIMESTAMP
from gongbi.core.world import World

REASONS = 3


def score_table_name(model: str) -> str:
    """`model_coupon_redemption`: the scores of the champion."""
    return f"model_{model}"


def score_table(model: ModelDef, world: World) -> Table:
    """The table of a model's scores. Members without a row have no score: absent, not zero."""
    id_ = Column("id", world.subject(model.subject).id_type)
    as_of = Column("as_of", TIMESTAMP, "The instant of the scores.")
    if model.estimator == "purchases":
        columns = [
            Column("alive", DOUBLE, "Probability of still being a customer."),
            Column("purchases", DOUBLE, f"Days with a purchase expected in the next {model.horizon_days} days."),
            Column("value", DOUBLE, f"Spend expected in the next {model.horizon_days} days, in money of the fact."),
            as_of,
        ]
    elif model.estimator == "clusters":
        columns = [
            Column("cluster", INTEGER, "Number of the nearest centre, from 1 on."),
            Column("clarity", DOUBLE, "0 halfway to the next centre, 1 on its own."),
            as_of,
        ]
    elif model.estimator == "uplift":
        columns = [
            Column("score", DOUBLE, "What the treatment changes in the probability of the outcome."),
            Column("without", DOUBLE, "Probability of the outcome without treatment."),
            Column("group", TEXT, "persuadable, sure_thing, lost_cause or sleeping_dog."),
            as_of,
        ]
    else:
        reasons = [
            Column(f"reason_{i}", TEXT, "A tag, its value and, in brackets, what it adds to the log-odds.")
            for i in range(1, REASONS + 1)
        ]
        columns = [Column("score", DOUBLE, "Calibrated probability."), as_of, *reasons]
    grain = f"one row per scored {model.subject}"
    return Table(score_table_name(model.model), (id_, *columns), key=("id",), grain=grain)
