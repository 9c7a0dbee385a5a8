"""What ran, what is running, and the buttons that start, stop and go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nicegui import run as background
from nicegui import ui

from gongbi.console import behind, parts, trials
from gongbi.console.frame import Page, PageDef
from gongbi.console.words import STATUS_COLOURS
from gongbi.services.runs import QUEUED

AGAIN = ("ingest", "build", "train")


def run_row(page: Page, run: Mapping[str, Any]) -> dict[str, Any]:
    """A run as a row of a table."""
    return {
        "id": run["id"],
        "kind": page.named(run["kind"]),
        "subject": "" if run["kind"] == "apply" else run["subject"],
        "status": page.t(f"status.{run['status']}"),
        "status_colour": STATUS_COLOURS.get(run["status"], "grey"),
        "started": page.format.instant(run["started_at"], seconds=True),
        "started_sort": run["started_at"],
        "seconds": page.format.seconds(run["seconds"]),
        "seconds_sort": run["seconds"] or 0,
        "rows": page.format.number(run["rows"]),
        "rows_sort": run["rows"] or 0,
        "actor": run["actor"],
        "error": error_of(page, run["error"] or {}),
    }


def error_of(page: Page, error: Mapping[str, Any]) -> str:
    """What went wrong in a run, part by part where only parts of it failed."""
    if not error.get("failed"):
        return page.said(error.get("message"), error.get("hint"))
    colon, between = ("：", "") if page.language == "zh" else (": ", " ")
    return between.join(f"{p['what']}{colon}{page.said(p.get('message'), p.get('hint'))}" for p in error["failed"])


async def build(page: Page) -> None:
    """Fill the page; what runs is asked for again every second."""
    with parts.title(page):
        for verb, icon in (("ingest", "download"), ("build", "play_arrow"), ("train", "model_training")):
            main = verb == "build"
            button = ui.button(page.t(f"runs.do_{verb}"), icon=icon, on_click=lambda verb=verb: start(verb)).classes(
                "g-btn"
            )
            button.props("unelevated no-caps" if main else "outline no-caps")
    parts.later(page, lambda: trials.cost(page))
    await behind.refused(page)
    running = ui.element("div").props('aria-live="polite"')
    with parts.card(page.t("runs.history"), page.t("runs.history_about")):
        history = ui.element("div")
    shown: list[Any] = [None]

    async def refresh() -> None:
        found = await page.call("runs", limit=100)
        now = [(r["id"], r["status"], r["done"], r["stage"]) for r in found]
        if now == shown[0]:
            return
        shown[0] = now
        running.clear()
        with running:
            for run in found:
                if run["status"] == "running":
                    _running(page, run)
        history.clear()
        with history:
            _history(page, [r for r in found if r["status"] != "running"])

    async def start(verb: str) -> None:
        with page.problems(running):
            await background.io_bound(page.console.jobs.submit, verb, actor=page.who)
            ui.notify(page.t("runs.began", what=page.named(verb)))
            await refresh()

    await refresh()
    ui.timer(1.0, refresh)


def _running(page: Page, run: Mapping[str, Any]) -> None:
    async def cancel() -> None:
        with page.problems():
            await page.call("cancel", id=run["id"])
            ui.notify(page.t("runs.stopping"))

    total, done = run["total"], run["done"] or 0
    share = done / total if total else 0.0
    with parts.card(), ui.element("div").classes("g-run"):
        parts.chip(page.t("status.running"), "blue")
        with ui.element("div"):
            told = page.t("runs.queued") if run["stage"] == QUEUED else page.said(run["stage"])
            stage = told or page.t("runs.starting")
            ui.label(f"{page.named(run['kind'])} · {stage}").style("font-weight:600")
            count = f"{page.format.number(done)} / {page.format.number(total)}" if total else page.format.number(done)
            ui.label(
                f"{count} · {page.t('runs.since', when=page.format.instant(run['started_at'], seconds=True))}"
            ).classes("g-about")
        ui.button(page.t("runs.stop"), icon="stop", on_click=cancel).props(
            "outline dense no-caps color=accent"
        ).classes("g-btn")
        bar = f'role="progressbar" aria-valuemin="0" aria-valuemax="100" aria-valuenow="{share * 100:.0f}"'
        bar += f' aria-label="{page.t("runs.progress")}"'
        with ui.element("div").classes("g-progress").props(bar):
            ui.element("i").style(f"width:{max(share * 100, 3):.0f}%")


def _can_resume(run: Mapping[str, Any]) -> bool:
    return run["kind"] in AGAIN and run["status"] in ("failed", "cancelled", "interrupted")


def _history(page: Page, runs: Sequence[Mapping[str, Any]]) -> None:
    if not runs:
        parts.empty(page, "runs.empty", icon="history", command="gongbi ingest")
        return
    columns: list[dict[str, Any]] = [
        {"name": "id", "label": "#", "align": "right"},
        {"name": "kind", "label": page.t("runs.kind"), "classes": "g-nowrap"},
        {"name": "status", "label": page.t("runs.status"), "kind": "chip"},
        {"name": "started", "label": page.t("runs.started"), "classes": "g-nowrap"},
        {"name": "seconds", "label": page.t("runs.seconds"), "align": "right", "classes": "g-nowrap"},
        {"name": "rows", "label": page.t("runs.rows"), "align": "right"},
        {"name": "actor", "label": page.t("runs.actor")},
        {"name": "error", "label": page.t("runs.error")},
        {"name": "again", "label": "", "sortable": False},
    ]
    rows: list[dict[str, Any]] = [
        {**run_row(page, run), "again": page.t("runs.resume") if _can_resume(run) else ""} for run in runs
    ]
    table = parts.table(page, columns, rows, label=page.t("runs.history"), per_page=20)
    table.add_slot(
        "body-cell-again",
        '<q-td :props="props"><q-btn v-if="props.row.again" flat dense no-caps size="sm" color="primary" icon="replay"'
        """ :label="props.row.again" @click="() => $parent.$emit('again', props.row.id)" /></q-td>""",
    )

    async def resume(event: Any) -> None:
        with page.problems():
            await background.io_bound(page.console.jobs.resume, event.args)
            ui.notify(page.t("runs.began", what=page.t("runs.resume")))

    table.on("again", resume)


PAGE = PageDef("/runs", "runs", build)
