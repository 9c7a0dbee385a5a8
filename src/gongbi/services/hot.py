"""Hot topics: what the texts of a model talk about more than before."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gongbi.errors import InvalidInput, NotYet
from gongbi.models.hot import hot, said_plan
from gongbi.services.models import Ports, artifact_of


def hot_topics(ctx: Ports, name: str, *, days: int = 7, past: int = 8) -> dict[str, Any]:
    """Count the topics of a model of texts over time, and say which rise and from where on each is a warning.

    Parameters
    ----------
    ctx
        The ports.
    name
        A model with ``estimator: texts``.
    days, past
        Length of a period, and with how many before it one is compared. The last period ends with the last day that
        the model read.

    Returns
    -------
    dict
        ``model``, ``name``, ``version``, ``as_of``, ``days``, ``past``; ``periods`` (first days) and ``texts`` of each;
        ``topics``, those that rise first: ``topic``, ``words``, ``texts`` in all, ``now`` in the last period and how
        many were ``usual``, share ``bad`` of them, ``rising`` (beyond chance, among all that was looked at),
        ``warned`` (reached its own level), ``level`` from which the coming period warns, ``counts`` per period;
        ``bursts``: every period and topic that rose, the surest first, with its ``chance`` were nothing new.

    Raises
    ------
    InvalidInput
        The model reads no texts, or the periods cannot be.
    NotYet
        It was not trained, or the texts reach over too few periods.
    """
    catalog = ctx.catalog()
    model = catalog.model(name)
    if model.estimator != "texts":
        raise InvalidInput(f"The model {name!r} reads no texts.", hint="Name one with `estimator: texts`.")
    known = ctx.store.settings.get(f"scores.{name}")
    if not known:
        raise NotYet(f"The model {name!r} was not trained yet.", hint="Run `gongbi train` first.")
    as_of = datetime.fromisoformat(known["as_of"])
    # The topics are those of the version that wrote the rows.
    names = artifact_of(ctx, ctx.store.models.get(name, known["version"]))["topics"]["names"]
    words = {k: " ".join(some) for k, some in enumerate(names, start=1)}
    rows = ctx.engine.query(said_plan(model, catalog, ctx.engine.dialect, as_of))
    found = hot(rows, words, as_of, catalog.world.zone, days=days, past=past)
    return {
        "model": name,
        "name": model.name.to_json(),
        "version": known["version"],
        "as_of": as_of.isoformat(),
        **found,
    }
