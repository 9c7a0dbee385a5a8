"""Train predictions, keep every version, write the scores of the one in use, and show what is known of them."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from gongbi.catalog.base import ModelDef
from gongbi.catalog.called import tag_title, trait_title
from gongbi.catalog.catalog import Catalog, model_tags
from gongbi.catalog.encode import to_json
from gongbi.catalog.scores import tag_titles, unfair_tags
from gongbi.core.compiler import Stored
from gongbi.engine import Engine
from gongbi.errors import Cancelled, GongbiError, InvalidInput, NotYet, WorkspaceProblem
from gongbi.models.base import Trained, Version, canonical_json, digest
from gongbi.models.limits import limits
from gongbi.models.methods import method_words
from gongbi.models.reading import Work
from gongbi.models.run import learn, scored, with_cohorts, write_scores
from gongbi.models.tables import score_table_name
from gongbi.models.trends import trend_sections, trend_words
from gongbi.ownership.files import private_folder
from gongbi.services.context import Context
from gongbi.services.digests import build_key, definition_digest, model_digests
from gongbi.services.warnings import warn_of_model
from gongbi.store import Store
from gongbi.store.models import Model


class Ports(Protocol):
    """What these use cases need of a context."""

    root: Path
    zone: str
    actor: str
    engine: Engine
    store: Store

    def catalog(self) -> Catalog:
        """The definitions that are in force."""
        ...

    def now(self) -> datetime:
        """The present instant."""
        ...

    def as_of(self, given: str | datetime | None = None) -> datetime:
        """The instant of a computation."""
        ...

    def progress(self, stage: str, done: int, total: int | None = None) -> None:
        """Tell how far the work is."""
        ...

    def check_cancelled(self) -> None:
        """Raise `Cancelled` if the caller wants the work to stop."""
        ...


def train(ctx: Ports, name: str | None = None, as_of: str | datetime | None = None) -> list[dict[str, Any]]:
    """Train one model or all, and score members with the version in use.

    A model whose definition, data and instant are those of its newest version is skipped. A new version becomes the
    champion unless it is worse than its baseline by more than the interval; then it stays a candidate, the champion
    there is goes on, and the reason is on record.

    Parameters
    ----------
    ctx
        The ports.
    name
        The model; all of them where absent. One that cannot be trained then does not stop the others.
    as_of
        The instant up to which is learned and as of which is scored.

    Returns
    -------
    list of dict
        Per model ``model``, ``status`` (``trained``, ``skipped``, ``failed``), ``version``, ``promoted``, ``reason``,
        ``rows`` (learned from), ``scored``, ``headline``, ``seconds``; ``error`` where it failed.
    """
    catalog = ctx.catalog()
    chosen = [catalog.model(name)] if name is not None else list(catalog.models.values())
    instant = ctx.as_of(as_of) if chosen else None
    done: list[dict[str, Any]] = []
    for i, model in enumerate(chosen):
        assert instant is not None
        ctx.progress(f"train {model.model}", i, len(chosen))
        try:
            done.append(_train(ctx, model, catalog, instant))
        except Cancelled:
            raise
        except GongbiError as error:
            # Only what is wrong with this model: a full disk or a bug is not one model's business.
            if name is not None or error.kind != "caller":
                raise
            done.append({"model": model.model, "status": "failed", "error": error.to_json()})
    ctx.progress("train", len(chosen), len(chosen))
    return done


def train_on_record(ctx: Context, name: str | None = None, as_of: str | datetime | None = None) -> list[dict[str, Any]]:
    """Train as `train` does, as a run of its own: recorded, with its progress, and stopped by its cancel."""
    if name is not None:
        ctx.catalog().model(name)
    ctx.as_of(as_of) if as_of is not None else None
    with ctx.run("train", name or "") as inner:
        done = train(inner, name, as_of)
        inner.note(
            rows=sum(one.get("rows", 0) for one in done),
            failed=[{"what": one["model"], **one["error"]} for one in done if one["status"] == "failed"],
        )
    return done


def models(ctx: Ports) -> list[dict[str, Any]]:
    """Every defined model with the version in use, or else the newest; its figures in short and in words.

    ``unfair`` names its tags by which nobody may be asked more, each with the reason that it would be.
    ``warnings`` says so where the version in use learned from definitions that were edited since.
    """
    found = []
    for model in ctx.catalog().models.values():
        versions = ctx.store.models.list(name=model.model)
        champion = ctx.store.models.champion(model.model)
        shown = champion or (versions[0] if versions else None)
        metrics = shown.metrics if shown else {}
        found.append(
            {
                "model": model.model,
                "name": model.name.to_json(),
                "about": model.about.to_json(),
                "estimator": model.estimator,
                "subject": model.subject,
                "tags": list(model_tags(model)),
                "unfair": unfair_tags(model),
                "titles": {tag: title.to_json() for tag, title in tag_titles(model).items()},
                "version": shown.version if shown else None,
                "status": shown.status if shown else None,
                "method": method_words(shown.algorithm).to_json() if shown else None,
                "champion": champion.version if champion else None,
                "newest": versions[0].version if versions else None,
                "trained_at": shown.trained_at.isoformat() if shown else None,
                "as_of": shown.window["as_of"] if shown else None,
                "headline": metrics.get("headline"),
                "sentence": metrics.get("sentence"),
                "calibration": calibration_words(metrics),
                "warnings": warn_of_model(ctx, model),
            }
        )
    return found


def model_card(ctx: Ports, name: str) -> dict[str, Any]:
    """Everything known of a model: its definition, every version, the figures of the one in use.

    Raises
    ------
    NotYet
        It was not trained.
    """
    model = ctx.catalog().model(name)
    versions = ctx.store.models.list(name=name)
    if not versions:
        raise NotYet(f"The model {name!r} was not trained yet.", hint="Run `gongbi train` first.")
    champion = ctx.store.models.champion(name)
    shown = champion or versions[0]
    drift, trend = (_of_scores(ctx, name, shown.version, what) for what in ("drift", "trend"))
    metrics = {key: value for key, value in shown.metrics.items() if key != "reference"}
    if trend is not None:
        metrics["sections"] = [*metrics.get("sections", []), *trend_sections(trend)]
    return {
        "model": name,
        "name": model.name.to_json(),
        "about": model.about.to_json(),
        "definition": to_json(model),
        "tags": model_tags(model),
        "unfair": unfair_tags(model),
        "version": shown.version,
        "status": shown.status,
        "algorithm": shown.algorithm,
        "method": method_words(shown.algorithm).to_json(),
        "trained_at": shown.trained_at.isoformat(),
        "window": {name: value for name, value in shown.window.items() if name != "made_from"},
        "params": shown.params,
        "metrics": metrics,
        "drift": drift,
        "trend": {**trend, "words": trend_words(trend).to_json()} if trend is not None else None,
        "limits": limits(model, shown.metrics, drift, ctx.catalog()),
        "names": _names(ctx.catalog(), shown.metrics, drift),
        "calibration": calibration_words(shown.metrics),
        "artifact": {"path": shown.artifact_path, "sha256": shown.artifact_sha256},
        "versions": [_version_json(version) for version in versions],
        "warnings": warn_of_model(ctx, model),
    }


def assign_clusters(ctx: Ports, name: str, as_of: str | datetime | None = None) -> dict[str, Any]:
    """File members by the kept clusters as of any instant; the tag ``cluster.NAME`` stays as it is.

    Returns
    -------
    dict
        ``table`` (Arrow: ``id``, ``cluster`` from 1 on, ``clarity`` from 0, halfway to the next cluster, to 1),
        ``as_of``, ``version`` and ``sizes`` (cluster → members).

    Raises
    ------
    InvalidInput
        The model makes no clusters.
    NotYet
        It was not trained.
    """
    catalog = ctx.catalog()
    model = catalog.model(name)
    if model.estimator != "clusters":
        raise InvalidInput(f"The model {name!r} makes no clusters.", hint="Name one with `estimator: clusters`.")
    champion, instant = ctx.store.models.champion(name), ctx.as_of(as_of)
    if champion is None:
        raise NotYet(f"The model {name!r} was not trained yet.", hint="Run `gongbi train` first.")
    work = Work(ctx.engine, model, catalog, instant, _built(ctx, model.subject, instant))
    (columns,) = scored(work, artifact_of(ctx, champion))
    counted = Counter(columns["cluster"].to_pylist())
    return {
        "model": name,
        "version": champion.version,
        "as_of": instant.isoformat(),
        "sizes": {str(cluster): counted[cluster] for cluster in sorted(counted)},
        "table": pa.table(columns),
    }


def _of_scores(ctx: Ports, name: str, version: int, what: str) -> dict[str, Any] | None:
    """What the last scoring by a version found (``drift``, ``trend``), with its instant; None where it found none."""
    known = ctx.store.settings.get(f"scores.{name}") or {}
    if known.get("version") != version or not known.get(what):
        return None
    return {**known[what], "as_of": known["as_of"]}


def _names(catalog: Catalog, metrics: Mapping[str, Any], drift: Mapping[str, Any] | None) -> dict[str, dict[str, str]]:
    """What the tags of a card are called, and those of its groups with each value: ``tag``, ``tag = value``."""
    counting = [one["tag"] for one in metrics.get("importance") or []]
    test = (metrics.get("tests") or [{}])[-1]
    beside = [test[key]["tag"] for key in ("baseline", "strongest_tag") if test.get(key)]
    moved = [one["tag"] for one in drift["features"]] if drift is not None else []
    found = {tag: tag_title(catalog, tag).to_json() for tag in (*beside, *counting, *moved)}
    for key in ("by_group", "fairness"):
        for tag, levels in (test.get(key) or {}).items():
            said = {one["level"]: trait_title(catalog, tag, one["level"]) for one in levels}
            found |= {f"{tag} = {level}": words.to_json() for level, words in said.items()}
    return found


def calibration_words(metrics: Mapping[str, Any]) -> dict[str, str] | None:
    """What the newest test says of predicted probabilities against what was seen; None for other models."""
    if not metrics.get("tests") or "calibration" not in metrics["tests"][-1]:
        return None
    test = metrics["tests"][-1]
    groups, error = test["calibration"], test["expected_calibration_error"]
    within = sum(group["low"] <= group["predicted"] <= group["high"] for group in groups)
    cohort, predicted, seen = test["cohort"], test["predicted_positives"], test["positives"]
    return {
        "zh": f"校准（{cohort}）：预测 {predicted:,.0f} 人有此结果，实际 {seen:,}。按得分分 {len(groups)} 组，"
        f"{within} 组的预测落在实际比例的 95% 区间内；平均相差 {100 * error:.1f} 个百分点。",
        "en": f"Calibration on {cohort}: {predicted:,.0f} predicted to have the outcome, {seen:,} had it. In"
        f" {within} of {len(groups)} groups by score the prediction lies within the 95% interval of what was seen; on"
        f" average they differ by {100 * error:.1f} points.",
    }


def _version_json(version: Model) -> dict[str, Any]:
    return {
        "version": version.version,
        "status": version.status,
        "trained_at": version.trained_at.isoformat(),
        "as_of": version.window["as_of"],
        "judgement": version.metrics.get("judgement"),
        "headline": version.metrics.get("headline"),
    }


def _train(ctx: Ports, model: ModelDef, catalog: Catalog, as_of: datetime) -> dict[str, Any]:
    started = time.monotonic()
    registry = ctx.store.models
    made_from = model_digests(model, catalog)
    key = {"definition": definition_digest(model, catalog), "data_version": ctx.store.loads.data_version()}
    newest = next(iter(registry.list(name=model.model)), None)
    if newest is not None and _key_of(newest) == {**key, "as_of": as_of.isoformat()} and _is_whole(ctx, newest):
        version, status, rows = newest, "skipped", 0
    else:
        plain = Work(ctx.engine, model, catalog, as_of, _built(ctx, model.subject, as_of))
        learned = with_cohorts(plain)
        stages = _Stages(ctx, learned)
        kept = registry.champion(model.model)
        rival = version_of(ctx, kept) if kept is not None and _is_whole(ctx, kept) else None
        trained = learn(replace(plain, model=learned, stage=stages.begin, on_fold=stages.fold), rival)
        version, status, rows = _register(ctx, trained, {**key, "made_from": made_from}), "trained", _rows(trained)
    # A version that was registered and then lost its process before it was promoted is promoted now.
    judgement = version.metrics["judgement"]
    if version.status == "candidate" and judgement["promoted"]:
        version = registry.promote(model.model, version.version)
    return {
        "model": model.model,
        "status": status,
        "version": version.version,
        "promoted": judgement["promoted"],
        "reason": judgement["reason"],
        "as_of": as_of.isoformat(),
        "rows": rows,
        "scored": score(ctx, model, catalog, as_of),
        "headline": version.metrics.get("headline"),
        "sentence": version.metrics.get("sentence"),
        "seconds": round(time.monotonic() - started, 3),
    }


def score(ctx: Ports, model: ModelDef, catalog: Catalog, as_of: datetime) -> int | None:
    """Score with the champion unless its scores of this instant, data and definition are there; how many, or None."""
    champion = ctx.store.models.champion(model.model)
    if champion is None:
        return None
    key = canonical_json(
        {
            "version": champion.version,
            "as_of": as_of.isoformat(),
            "definition": definition_digest(model, catalog),
            "data_version": ctx.store.loads.data_version(),
        }
    ).decode()
    table, setting = score_table_name(model.model), f"scores.{model.model}"
    known = ctx.store.settings.get(setting)
    if known and known.get("key") == key and table in ctx.engine.tables():
        return int(known["scored"])
    ctx.progress(f"{model.model}: score", 0)
    work = Work(ctx.engine, model, catalog, as_of, _built(ctx, model.subject, as_of))
    written = write_scores(work, artifact_of(ctx, champion), champion.metrics.get("reference"))
    about = {"version": champion.version, "as_of": as_of.isoformat(), "drift": written.drift, "trend": written.trend}
    ctx.store.settings.set(setting, {"key": key, "scored": written.rows, **about}, ctx.now())
    return written.rows


def _built(ctx: Ports, subject: str, as_of: datetime) -> Mapping[str, Stored]:
    """Tags of a build of exactly this instant, these definitions and data: the same as computing them again."""
    key = build_key(ctx.catalog(), ctx.store, subject)
    build = ctx.store.builds.find(subject, as_of, key, ctx.store.loads.data_version())
    if build is None or build.table not in ctx.engine.tables():
        return {}
    return {tag["name"]: Stored(build.table, tag["name"]) for tag in build.tags}


class _Stages:
    """Says how many of a training's stages are done as each begins, and which fold of one is being learned from.

    The stages are its cohorts or histories, the choice, the fit.
    """

    def __init__(self, ctx: Ports, model: ModelDef) -> None:
        self.ctx, self.model, self.stage, self.done = ctx, model.model, "", -1
        self.total = len(model.train) + len(model.test) + 2

    def begin(self, stage: str) -> None:
        """Tell that a stage begins."""
        self.stage, self.done = stage, self.done + 1
        self.ctx.check_cancelled()
        self.ctx.progress(f"{self.model}: {stage}", self.done, self.total)

    def fold(self, fold: int, folds: int) -> None:
        """Tell which fold is learned from within the stage."""
        self.ctx.check_cancelled()
        self.ctx.progress(f"{self.model}: {self.stage}, fold {fold} of {folds}", self.done, self.total)


def _rows(trained: Trained) -> int:
    """How many members, or members of cohorts, it learned from."""
    cohorts = trained.metrics.get("cohorts")
    if cohorts is None:
        return int(trained.metrics["members"])
    return sum(cohort["members"] for cohort in cohorts if cohort["role"] == "train")


def _key_of(version: Model) -> Mapping[str, Any]:
    return {name: version.window.get(name) for name in ("definition", "data_version", "as_of")}


def _register(ctx: Ports, trained: Trained, key: Mapping[str, Any]) -> Model:
    """Put the artifact on disk under its digest, then the version on record."""
    content = trained.artifact_bytes()
    sha = digest(content)
    relative = f"models/{trained.name}-{sha[:16]}.json"
    target = ctx.root / relative
    private_folder(target.parent)
    part = target.with_suffix(f".{os.getpid()}.part")
    part.write_bytes(content)
    part.replace(target)
    return ctx.store.models.register(
        trained.name,
        algorithm=trained.algorithm,
        trained_at=ctx.now(),
        window={**trained.window, **key},
        metrics=trained.metrics,
        params=trained.params,
        artifact_path=relative,
        artifact_sha256=sha,
    )


def artifact_of(ctx: Ports, version: Model) -> Mapping[str, Any]:
    """Read a kept model; a file that is gone or was changed is not used."""
    if not _is_whole(ctx, version):
        raise WorkspaceProblem(
            f"The file of model {version.name!r}, version {version.version}, is gone or was changed.",
            hint=f"Train it again: `gongbi train {version.name}`. It was at {version.artifact_path}.",
        )
    found: Mapping[str, Any] = json.loads((ctx.root / version.artifact_path).read_bytes())
    return found


def version_of(ctx: Ports, version: Model) -> Version:
    """A kept version with what it scores with, and until when it learned."""
    taught = [c for c in version.metrics.get("cohorts", []) if c["role"] == "train"]
    # Histories have no cohorts: they teach up to the instant.
    ends = [c["matures"] for c in taught] or [version.window["as_of"]]
    until = max(datetime.fromisoformat(end) for end in ends)
    return Version(version.version, artifact_of(ctx, version), until)


def _is_whole(ctx: Ports, version: Model) -> bool:
    path = ctx.root / version.artifact_path
    return path.is_file() and digest(path.read_bytes()) == version.artifact_sha256
