"""Campaigns: decide who is chosen, and measure what one that was sent has changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from gongbi.campaigns.base import Decision
from gongbi.core.clock import parse_instant
from gongbi.errors import NotYet
from gongbi.services.context import Context
from gongbi.services.files import check_writable, hand_out
from gongbi.services.privacy import masked_ids
from gongbi.store.campaigns import CampaignRun

# The libraries of statistics are imported where they are needed: a list of campaigns does not wait for them.


def decide(ctx: Context, name: str, *, to: str | None = None, overwrite: bool = False) -> dict[str, Any]:
    """Choose a campaign's audience as of its instant, draw the hold-out and put both on record.

    Deciding again with the same definition and data gives the record that is there.

    Parameters
    ----------
    to
        Also write who is chosen to this file (csv, xlsx, parquet), best first: ``id``, ``arm``, ``reason_zh``,
        ``reason_en``, ``score``. The export is put on record.
    overwrite
        Take the place of a file that is there; it is refused otherwise.

    Returns
    -------
    dict
        ``run`` (of the record), ``campaign``, ``as_of``, ``eligible``, ``scored``, ``chosen``, ``arms``, ``reasons``,
        ``cut_off``, ``fingerprint`` and ``table``: a dict with ``id``, ``arm``, ``reason`` and ``score`` for each
        chosen customer, best first. With `to` also ``file``: its ``path``, ``rows``, ``columns``, ``sha256`` and
        ``export`` (its number on record).

    Raises
    ------
    AudienceIsEmpty
        Nobody can be chosen; nothing is put on record.
    """
    ctx.catalog().campaign(name)
    path = Path(to).expanduser() if to is not None else None
    if path is not None:
        check_writable(path, overwrite=overwrite)
    with ctx.run("decide", name, **({"path": str(path)} if path is not None else {})) as inner:
        run, decision = _decided(inner, name)
        file = {}
        if path is not None:
            written = hand_out(
                inner,
                _audience(decision, masked_ids(inner, "customer", [chosen.id for chosen in decision.chosen])),
                path,
                expression=f"campaign {name}",
                as_of=decision.as_of,
                overwrite=overwrite,
            )
            file = {"file": written}
    table, shown = [], masked_ids(ctx, "customer", [chosen.id for chosen in decision.chosen])
    for id_, chosen in zip(shown, decision.chosen, strict=True):
        words = decision.reason_words(chosen.reason)
        reason = words.to_json() if words else None
        table.append({"id": id_, "arm": chosen.arm, "reason": reason, "score": chosen.score})
    return {"run": run.id, "campaign": name, **decision.to_json(), "table": table, **file}


def _audience(decision: Decision, ids: list[Any]) -> pa.Table:
    """Who is chosen, as a file has it; ids as they may be shown."""
    chosen = decision.chosen
    reasons = [decision.reason_words(c.reason) for c in chosen]
    columns = {
        "id": pa.array(ids),
        "arm": pa.array([c.arm for c in chosen], pa.string()),
        "reason_zh": pa.array([words.zh if words else None for words in reasons], pa.string()),
        "reason_en": pa.array([words.en if words else None for words in reasons], pa.string()),
        "score": pa.array([c.score for c in chosen], pa.float64()),
    }
    return pa.table(columns)


def _decided(ctx: Context, name: str) -> tuple[CampaignRun, Decision]:
    from gongbi.campaigns.run import choose, record

    catalog = ctx.catalog()
    campaign = catalog.campaign(name)
    as_of = parse_instant(campaign.as_of, ctx.zone)
    ctx.progress("campaign audience", 0, 1)
    decision = choose(campaign, catalog, ctx.engine, as_of)
    ctx.check_cancelled()
    run = record(decision, ctx.store, actor=ctx.actor, now=ctx.now())
    ctx.note(rows=len(decision.chosen))
    ctx.progress("campaign audience", 1, 1)
    return run, decision


def measure(ctx: Context, name: str) -> dict[str, Any]:
    """Measure a past campaign that was sent: its funnel, and its receivers against others like them.

    The figures are kept with the record of the decision, which is made first where there is none.

    Returns
    -------
    dict
        ``members``, ``received``, ``responded``; ``funnel`` (a list of steps with ``count``, ``alone``,
        ``of_received``, ``of_previous``); ``effect`` (``value``, ``low``, ``high``, ``level``), ``matched``,
        ``dropped``, ``balance``, ``unmatched`` (change without matching), ``naive`` (no matching, the campaign's
        period only), ``sums``; ``placebo``; ``by`` (one entry for each value of each tag); ``overlap`` of the decision
        with the real list; ``words`` in ``zh`` and ``en``.
    """
    ctx.catalog().campaign(name)
    with ctx.run("measure", name) as inner:
        run, decision = _decided(inner, name)
        return _measured(inner, run, decision)


def campaign(ctx: Context, name: str) -> dict[str, Any]:
    """Decide and measure; return ``decision`` (without its table) and ``measurement``.

    What was measured with the same definitions and data is given again.
    """
    ctx.catalog().campaign(name)
    newest = next(iter(ctx.store.campaigns.list(campaign=name, limit=1)), None)
    if newest is not None and newest.figures.get("basis") == _basis(ctx):
        figures = newest.figures
        decided = {"run": newest.id, "campaign": name, **figures["decision"]}
        return {"decision": decided, "measurement": figures["measurement"]}
    with ctx.run("campaign", name) as inner:
        run, decision = _decided(inner, name)
        measured = _measured(inner, run, decision)
    return {"decision": {"run": run.id, "campaign": name, **decision.to_json()}, "measurement": measured}


def _basis(ctx: Context) -> dict[str, str]:
    """What the figures depend on."""
    return {
        "definitions": ctx.store.definitions.fingerprint(),
        "data": ctx.store.loads.data_version(),
        "known_until": ctx.as_of(None).date().isoformat(),
    }


def _measured(ctx: Context, run: CampaignRun, decision: Decision) -> dict[str, Any]:
    from gongbi.measurement.run import measure as measure_campaign
    from gongbi.measurement.words import sentences

    measured, overlap = measure_campaign(
        decision.campaign,
        ctx.catalog(),
        ctx.engine,
        decision.as_of,
        ctx.zone,
        known_until=ctx.as_of(None),
        chosen={c.id for c in decision.chosen},
        on_step=lambda done, total: ctx.progress("campaign measurement", done, total),
    )
    words = sentences(measured, overlap)
    figures = {
        **measured.to_json(),
        "overlap": overlap.to_json() if overlap else None,
        "words": {"zh": [w.zh for w in words], "en": [w.en for w in words]},
    }
    ctx.store.campaigns.set_figures(
        run.id, {"decision": decision.to_json(), "measurement": figures, "basis": _basis(ctx)}
    )
    return figures


def campaigns(ctx: Context) -> list[dict[str, Any]]:
    """All campaigns with the figures of their newest decision and measurement; None where there is none yet.

    ``warnings`` says so where definitions or data have changed since a campaign was measured.
    """
    found = []
    for definition in ctx.catalog().campaigns.values():
        newest = next(iter(ctx.store.campaigns.list(campaign=definition.campaign, limit=1)), None)
        found.append(
            {
                "campaign": definition.campaign,
                "name": definition.name.to_json(),
                "about": definition.about.to_json(),
                "as_of": definition.as_of,
                "limit": definition.limit,
                "holdout": definition.holdout,
                "run": newest.id if newest else None,
                "figures": newest.figures if newest else None,
                "warnings": _warn_of_age(ctx, definition.campaign, newest.figures) if newest else [],
            }
        )
    return found


def _warn_of_age(ctx: Context, name: str, figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Say so where measuring again may give other figures: by the same test as `campaign` measures again."""
    try:
        if "measurement" not in figures or figures.get("basis") == _basis(ctx):
            return []
    except NotYet:
        pass  # The facts it was measured on are gone.
    return [
        {
            "code": "stale_figures",
            "zh": f"{name} 的数字早于现在的定义或数据；运行 gongbi campaign {name} 重新度量。",
            "en": f"The figures of {name} are older than the definitions or the data of now;"
            f" `gongbi campaign {name}` measures again.",
        }
    ]
