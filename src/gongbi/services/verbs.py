"""All verbs by name, as the doors call them: the workspace in this process, or the owner's local door."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gongbi.services import (
    build,
    campaigns,
    customers,
    definitions,
    demo,
    models,
    overview,
    report,
    runs,
    segments,
    sources,
)

#: name → use case. Each takes a Context first and plain JSON values after; each gives plain values and Arrow tables.
VERBS: Mapping[str, Callable[..., Any]] = {
    "apply": definitions.apply,
    "export_definitions": definitions.export_definitions,
    "pending": definitions.pending,
    "tags": definitions.tags,
    "ingest": sources.ingest,
    "sources": sources.sources,
    "loads": sources.loads,
    "undo": sources.undo,
    "rejects": sources.rejects,
    "export_rejects": sources.export_rejects,
    "repair": sources.repair,
    "build": build.build,
    "segments": segments.segments,
    "count": segments.count,
    "members": segments.members,
    "insight": segments.insight,
    "export": segments.export,
    "customer": customers.customer,
    "evidence": customers.evidence,
    "train": models.train,
    "models": models.models,
    "model_card": models.model_card,
    "campaigns": campaigns.campaigns,
    "campaign": campaigns.campaign,
    "decide": campaigns.decide,
    "measure": campaigns.measure,
    "runs": runs.runs,
    "cancel": runs.cancel,
    "resume": runs.resume,
    "report": report.report,
    "overview": overview.overview,
    "demo": demo.demo,
}
