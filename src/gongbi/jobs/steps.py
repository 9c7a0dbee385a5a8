"""What a job consists of: one call of a service per source, per subject, per model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gongbi.catalog.catalog import Catalog
from gongbi.errors import NotYet
from gongbi.jobs.base import Job, Step
from gongbi.services import build, models, sources
from gongbi.services.context import Context

#: What is loaded first, so that what comes after finds what it looks up.
_STAGES = ("reference", "attributes", "fact", "relation")


def steps_of(ctx: Context, job: Job) -> tuple[Step, ...]:
    """The parts of a job, in order. They are put on record, so that going on later does the rest of the same ones."""
    catalog = ctx.catalog()
    if job.kind == "ingest":
        return _ingest(catalog, job)
    if job.kind == "train":
        names = job.params.get("models", list(catalog.models))
        instant = ctx.as_of().isoformat() if names else None
        return tuple(Step(f"train {name}", {"name": catalog.model(name).model, "as_of": instant}) for name in names)
    subjects = job.params.get("subjects") or list(dict.fromkeys(subject for subject, _ in catalog.expressions))
    if not subjects:
        raise NotYet("There are no tags to build.", hint="Write some under definitions/tags and run `gongbi apply`.")
    # One instant for all subjects, however long the job takes and however often it is interrupted.
    fixed: dict[str, Any] = {"as_of": ctx.as_of(job.params.get("as_of")).isoformat()}
    if job.params.get("force"):
        fixed["force"] = True
    return tuple(Step(f"build {name}", {"subjects": [name], **fixed}) for name in subjects)


def _ingest(catalog: Catalog, job: Job) -> tuple[Step, ...]:
    chosen = job.params.get("sources")
    if not catalog.sources:
        raise NotYet("There are no sources.", hint="Write some under definitions/sources and run `gongbi apply`.")
    found = [s for s in catalog.sources.values() if not s.is_derived]
    found.sort(key=lambda s: _STAGES.index(s.target))
    names = [s.source for s in found if chosen is None or s.source in chosen]
    # A name that nobody knows is refused by the service, with the names that there are.
    names += [name for name in chosen or () if name not in names]
    return tuple(Step(f"ingest {name}", {"sources": [name]}) for name in names)


def carry_out(ctx: Context, kind: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Do one step; what is done already is recognised by content hash or build key. Returns a few figures."""
    if kind == "ingest":
        loads = sources.ingest(ctx, **params)["loads"]
        return {"loads": len(loads), "failed": sum(load.get("outcome") == "failed" for load in loads)}
    if kind == "build":
        return {"builds": build.build(ctx, **params)["builds"]}
    return {"models": [{"model": m["model"], "status": m["status"]} for m in models.train_on_record(ctx, **params)]}
