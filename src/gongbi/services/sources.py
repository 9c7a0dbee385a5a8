"""Sources: load what is new, see what came of it, take a load back, mend what was rejected."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gongbi.catalog.base import SourceDef
from gongbi.catalog.tables import REJECTS, target_table_name
from gongbi.errors import InvalidInput, NotYet, Refused, SourceProblem, UnknownName
from gongbi.identity.run import Identities
from gongbi.ownership.files import private_folder, written
from gongbi.services.context import Context
from gongbi.services.files import check_writable, put_on_record
from gongbi.services.given import SOURCE, given_members, mend_given, take_back
from gongbi.services.history import follow_members
from gongbi.services.limits import checked
from gongbi.services.lists import list_members
from gongbi.sources import ledger, run
from gongbi.sources import rejects as rejected
from gongbi.store.loads import Load


def _resolver(ctx: Context) -> Identities:
    catalog = ctx.catalog()
    others = [*given_members(ctx), *list_members(ctx)]
    return Identities(ctx.engine, list(catalog.sources.values()), list(catalog.subjects.values()), others)


def ingest(ctx: Context, *, sources: Sequence[str] | None = None, again: bool = False) -> dict[str, Any]:
    """Load what is new in every source, or in some; what is there already is left alone.

    Parameters
    ----------
    sources
        Names of the sources; all by default.
    again
        Load content again that was undone by hand.

    Returns
    -------
    dict
        ``loads`` (one per file), ``facts``, ``members``, ``rejects`` (reason → rows), ``unmatched``, ``changed``,
        ``seconds`` by stage, ``lost`` (files that were loaded and are gone; ``warnings`` say so).
        A file that cannot be loaded is reported with its `problem`; the others are loaded.
    """
    catalog = ctx.catalog()
    if not catalog.sources:
        raise NotYet("There are no sources.", hint="Write some under definitions/sources and run `gongbi apply`.")
    for name in sources or ():
        if name not in catalog.sources:
            raise UnknownName("source", name, catalog.sources)
    with ctx.run("ingest", ", ".join(sources or []), sources=list(sources) if sources else None) as inner:
        report = run.ingest(
            ctx.engine,
            ctx.store.loads,
            list(catalog.sources.values()),
            list(catalog.subjects.values()),
            root=ctx.root,
            zone=ctx.zone,
            now=ctx.now(),
            resolver=_resolver(ctx),
            progress=inner.progress,
            cancelled=inner.cancelled,
            only=sources,
            again=again,
        )
        inner.note(
            rows=sum(load.good for load in report.loads if load.outcome == "loaded"),
            failed=[{"what": f"{load.source} ({load.path})", **(load.problem or {})} for load in report.problems],
        )
        follow_members(inner, united=any(load.merged for load in report.loads))
    return report.to_json() | {"warnings": [_lost(one) for one in report.lost]}


def _lost(one: Mapping[str, Any]) -> dict[str, str]:
    """The warning of a file that is not there any more."""
    source, path, load = one["source"], one["path"], one["load"]
    return {
        "code": "file_lost",
        "zh": f"数据源「{source}」的文件 {path} 加载过，现在不在了；它的行仍然保留"
        f"（要去掉：`gongbi sources undo {load}`）。",
        "en": f"{path} of source {source!r} was loaded and is no longer there; its rows stay"
        f" (to take them out: `gongbi sources undo {load}`).",
    }


def sources(ctx: Context) -> list[dict[str, Any]]:
    """All sources: what they fill, their active loads, rows good and rejected, keys that match nobody.

    Of the ``rejected`` rows of the active loads some are ``repaired`` and others are ``remaining``; ``failed`` counts
    the files that could not be loaded when they were last tried. ``newest`` is the instant of the newest row of a
    source of a fact that its active loads hold, ``loaded_at`` when the last of them ended.
    """
    catalog, there = ctx.catalog(), set(ctx.engine.tables())
    missing, counted = unmatched(ctx), _counted(ctx)
    found = []
    for source in catalog.sources.values():
        table = target_table_name(source)
        newest = {load.path: load for load in reversed(ctx.store.loads.list(source=source.source))}
        active = ctx.store.loads.active_of(source.source)
        told = [counted.get(load.id, _NONE) for load in active]
        rows = 0
        if table in there:
            rows = ctx.rows(table)
        prefix = f"{source.fact}."
        found.append(
            {
                "source": source.source,
                "target": source.target,
                "of": source.fact or source.attributes or source.relation or source.reference,
                "table": table,
                "rows": rows,
                "loads": len(active),
                "failed": sum(load.status == "failed" for load in newest.values()),
                **{name: sum(counts[name] for counts in told) for name in _NONE},
                "repeated": sum(load.rows_repeated for load in active),
                "unmatched": {k.removeprefix(prefix): v for k, v in missing.items() if k.startswith(prefix)},
                "newest": _newest(ctx, source, table, [load.id for load in active]) if table in there else None,
                "loaded_at": max((load.finished_at for load in active if load.finished_at), default=None),
                "name": source.name.to_json(),
            }
        )
    return found


def _newest(ctx: Context, source: SourceDef, table: str, loads: Sequence[int]) -> datetime | None:
    """The instant of a source's newest row; a derived fact has no loads of its own."""
    if source.fact is None or not (loads or source.is_derived):
        return None
    ident = ctx.engine.dialect.ident
    among = "" if source.is_derived else f" where {ident('_load')} in ({', '.join(map(str, sorted(loads)))})"

    def ask() -> datetime | None:
        newest = ctx.engine.value(f"select max(ts) as ts from {ident(table)}{among}")
        return newest.replace(tzinfo=UTC) if newest is not None else None

    found: datetime | None = ctx.remembered(f"newest row of {source.source}", ctx.data_version(), ask)
    return found


#: What became of the rejected rows of a load that has none.
_NONE: Mapping[str, int] = {"rejected": 0, "repaired": 0, "remaining": 0}


def _counted(ctx: Context) -> dict[int, dict[str, int]]:
    """Load → what became of its rejected rows; what the engine remembers changes with the loads that are in."""
    found: dict[int, dict[str, int]] = ctx.remembered(
        "rejects by load", ctx.data_version(), lambda: rejected.counts(ctx.engine)
    )
    return found


def as_json(load: Load, rounded: Mapping[str, int], counted: Mapping[str, int]) -> dict[str, Any]:
    """A load as the doors show it; rejected rows of a load that is not in are neither repaired nor remaining."""
    body = asdict(load)
    head = {"id": body.pop("id"), "source": body.pop("source"), "status": body.pop("status")}
    told = counted if load.status == "loaded" else _NONE
    kept = {name: told[name] for name in ("repaired", "remaining")}
    return {**head, **body, **kept, "rounded": dict(rounded)}


def loads(ctx: Context, *, source: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
    """Loads, newest first: what was read, from where, what became of it.

    Of the ``rows_rejected`` of an active load some are ``repaired`` since and others ``remaining``; a row that was
    repaired in vain remains in the load that first rejected it. ``rounded`` counts rows by column.
    """
    limit = checked(limit)
    if source is not None and source not in ctx.catalog().sources:
        raise UnknownName("source", source, ctx.catalog().sources)
    # A load reports once, when it ends: what the engine remembers changes with the loads that are in.
    reports = ctx.remembered("load reports", ctx.data_version(), lambda: ledger.reports(ctx.engine))
    counted = _counted(ctx)
    return [
        as_json(load, reports.get(load.id, {}).get("rounded", {}), counted.get(load.id, _NONE))
        for load in ctx.store.loads.list(source=source, limit=limit)
    ]


def undo(ctx: Context, load: int) -> dict[str, Any]:
    """Take a load out again; rows whose place it had taken come back.

    Returns
    -------
    dict
        ``load``, ``rows`` that went, ``restored`` loads, ``repairs`` (loads of its rows that were repaired; they stay)
        and ``hint``: what to do next, or None.
    """
    catalog, kept = ctx.catalog(), ctx.store.loads.get(load)
    repairs = ledger.repairs_of(ctx.engine, load)
    with ctx.run("undo", f"load {load}") as inner:
        if kept.source.startswith(SOURCE):
            rows, restored = take_back(inner, kept)
        else:
            undone = run.undo(
                ctx.engine,
                ctx.store.loads,
                list(catalog.sources.values()),
                list(catalog.subjects.values()),
                load,
                root=ctx.root,
                zone=ctx.zone,
                now=ctx.now(),
                resolver=_resolver(ctx),
            )
            rows, restored = undone.rows, list(undone.restored)
            follow_members(inner, united=True)
        inner.note(rows=rows)
    ctx.store.audit.append(actor=ctx.actor, action="undo", object=f"load {load}", now=ctx.now())
    said = {"load": load, "rows": rows, "restored": restored, "repairs": repairs}
    return {**said, "hint": _after_undo(ctx, load, repairs)}


def _after_undo(ctx: Context, load: int, repairs: Sequence[int]) -> dict[str, str] | None:
    """What still holds rows of a load that is gone, and which command changes that."""
    catalog, version = ctx.catalog(), ctx.store.loads.data_version()
    zh, en = [], []
    if repairs:
        numbers, commands = ", ".join(map(str, repairs)), ", ".join(f"`gongbi sources undo {n}`" for n in repairs)
        zh.append(f"修好后加载的行（加载 {numbers}）仍在；如要一并撤销：{commands}。")
        en.append(f"Rows that were repaired are still in, by load {numbers}; to take them out too: {commands}.")
    builds = [ctx.store.builds.current(subject) for subject in catalog.subjects]
    if any(build is not None and build.data_version != version for build in builds):
        zh.append("标签还是按撤销之前的数据算的：请运行 `gongbi build`。")
        en.append("Tags are still of the data before: run `gongbi build`.")
    since = ctx.store.loads.get(load).started_at
    if any(model is not None and model.trained_at >= since for model in map(ctx.store.models.champion, catalog.models)):
        zh.append("模型学过被撤销的行；只有这些行是错的，才需要再运行 `gongbi train`。")
        en.append("Models have learned from the rows that went; only if those were wrong, run `gongbi train` too.")
    return {"zh": "".join(zh), "en": " ".join(en)} if en else None


def rejects(ctx: Context, *, load: int | None = None, limit: int = 200) -> dict[str, Any]:
    """Rejected rows that wait for repair.

    Returns
    -------
    dict
        ``table`` (Arrow, see `catalog.tables.REJECTS`), ``counts`` (list of load, source, path, reason, column, rows),
        ``total``. Rows of a load that was replaced or undone do not wait; with the number of a load of repaired rows,
        those that it rejected again are shown, which wait in the load that first rejected them.
    """
    limit = checked(limit)
    if load is not None:
        ctx.store.loads.get(load)
    if REJECTS.name not in ctx.engine.tables():
        return {"table": None, "counts": [], "total": 0}
    ident = ctx.engine.dialect.ident
    where = "repaired_by is null"
    if load is not None:
        where = f"{ident('_load')} = {int(load)} and (repaired_by is null or repaired_by = {ident('_load')})"
    columns = f"{ident('_load')} as load, source, path, reason, {ident('column')}"
    listed = "1, 2, 3, 4, 5"
    grouped = f"select {columns}, count(*) as n from {REJECTS.name} where {where} group by {listed} order by {listed}"
    counts = ctx.engine.query(grouped).to_pylist()
    order = f"order by {ident('_load')} desc, {ident('_row')} limit {limit}"
    table = ctx.engine.query(f"select * from {REJECTS.name} where {where} {order}")
    return {"table": table, "counts": counts, "total": sum(row["n"] for row in counts)}


def export_rejects(ctx: Context, load: int, to: str, *, overwrite: bool = False) -> dict[str, Any]:
    """Write a load's rejected rows as CSV, with their reasons, to be mended and loaded with `repair`.

    A file that is there is refused, unless it is to be overwritten: it may hold the work of mending. The rows are as
    personal as a list of members, so the file is put on record like one.

    Returns
    -------
    dict
        ``path``, ``rows``, ``columns``, ``sha256``, ``export`` (its number on record).
    """
    ctx.store.loads.get(load)
    path = Path(to).expanduser()
    check_writable(path, (), overwrite=overwrite)
    rows, columns = rejected.export_rejects(ctx.engine, load, path)
    what = f"rejected rows of load {load}"
    return put_on_record(ctx, path, rows=rows, columns=columns, expression=what, as_of=ctx.now())


def repair(ctx: Context, load: int, file: str) -> dict[str, Any]:
    """Load mended rejects of a load; the good ones are marked as repaired.

    Returns
    -------
    dict
        What became of the rows (see `sources.base.LoadReport`), and ``remaining``: rejected rows of the load that wait
        to be repaired.
    """
    catalog = ctx.catalog()
    status = ctx.store.loads.get(load).status
    if status in ("undone", "failed"):
        raise Refused(
            f"Load {load} is {status}, so none of its rows wait for repair.",
            hint="`gongbi ingest --again` loads undone content again."
            if status == "undone"
            else "Mend its file and run `gongbi ingest`.",
        )
    path = Path(file).expanduser()
    if not os.path.isfile(path):  # noqa: PTH113 (a name that cannot be is no file)
        raise InvalidInput(
            f"There is no file {str(path)!r}.", hint="Write one with `gongbi sources rejects LOAD --to`."
        )
    source = catalog.sources.get(ctx.store.loads.get(load).source)
    told = source.from_.encoding if source else None
    mended = rejected.edited_rows(ctx.engine, load, path, also=told)
    if mended is None:
        raise InvalidInput(
            f"No row of {path.name!r} was edited: every one is as it was rejected.", hint="Mend the values first."
        )
    # What was loaded must be there when the source is read again, so the workspace keeps it.
    name = f"load-{load}-{hashlib.sha256(mended).hexdigest()[:12]}.csv"
    kept = private_folder(ctx.root / "repairs") / name
    with written(kept) as partial:
        partial.write_bytes(mended)
    with ctx.run("repair", f"load {load}") as inner:
        report = run.load_repaired(
            ctx.engine,
            ctx.store.loads,
            list(catalog.sources.values()),
            list(catalog.subjects.values()),
            ctx.store.loads.get(load).source,
            kept,
            root=ctx.root,
            zone=ctx.zone,
            now=ctx.now(),
            resolver=_resolver(ctx),
        )
        if report.outcome == "failed":
            problem = report.problem or {}
            raise SourceProblem(str(problem.get("message")), hint=problem.get("hint"))
        inner.note(rows=report.good)
        follow_members(inner, united=bool(report.merged))
    remaining = rejected.counts(ctx.engine).get(load, _NONE)["remaining"]
    return {**asdict(report), "remaining": remaining, "warnings": _warn_of_replaced(report.superseded)}


def _warn_of_replaced(n: int) -> list[dict[str, Any]]:
    """Say that mended rows took the place of good ones with their key: a slip of the keyboard would do that too."""
    if not n:
        return []
    rows = "row" if n == 1 else "rows"
    return [
        {
            "code": "replaced_rows",
            "zh": f"修复的行取代了键相同的 {n} 行已加载的数据；如非本意，撤销这次修复的加载。",
            "en": f"The mended rows took the place of {n} good {rows} with the same key; if that was not meant, undo"
            " the load of the repair.",
        }
    ]


def repair_loads(ctx: Context) -> list[str]:
    """Bring the record of loads in step with the engine; called when a workspace is opened by its owner."""
    mend_given(ctx)
    return ledger.repair(ctx.engine, ctx.store.loads, ctx.now())


def unmatched(ctx: Context) -> dict[str, int]:
    """Rows of facts that name a member no source describes: ``fact.subject`` → rows; subjects without sources aside."""
    catalog, dialect = ctx.catalog(), ctx.engine.dialect
    there = set(ctx.engine.tables())

    def make() -> dict[str, int]:
        found: dict[str, int] = {}
        for fact in catalog.world.facts.values():
            for subject in fact.subjects:
                tables = {a.table for a in catalog.world.subjects[subject].attributes.values()} & there
                # A resolved subject exists by its identifiers; attributes are only told of some of its members.
                if not tables or fact.table not in there or catalog.subjects[subject].identifiers:
                    continue
                known = " union ".join(f"select id from {dialect.ident(t)}" for t in sorted(tables))
                column = dialect.ident(subject)
                sql = (
                    f"select count(*) as n from {dialect.ident(fact.table)} f"
                    f" left join ({known}) k on k.id = f.{column} where f.{column} is not null and k.id is null"
                )
                if count := ctx.engine.value(sql):
                    found[f"{fact.name}.{subject}"] = count
        return found

    version = ctx.store.loads.data_version() + ctx.store.definitions.fingerprint(["source"])
    return dict(ctx.remembered("unmatched", version, make))
