"""The tag library: the tree, the table, and one tag with its distribution and its neighbours."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from operator import itemgetter
from typing import Any
from urllib.parse import quote, urlencode

from nicegui import ui

from gongbi.catalog.finding import fit
from gongbi.console import behind, charts, given, library, listing, parts, trials
from gongbi.console.frame import Page, PageDef
from gongbi.console.maker import MakerForm
from gongbi.console.texts import TEXTS
from gongbi.console.words import desk
from gongbi.errors import UnknownName
from gongbi.translation.categories import category
from gongbi.translation.units import SHARES

#: What the library can be narrowed down to.
STATES = ("published", "draft", "overdue", "unused")
#: Chinese may break between any two characters; names and units should not.
_ONE_LINE = {"style": "word-break: keep-all"}
#: Stands in the tree for the category of tags that have none.
UNFILED = "-"
LABELS = {"owner": "tags.owner", "state": "library.state"}


async def build(page: Page) -> None:
    """Fill the library; search and subject narrow it without another page."""
    everything, waiting = await page.call("tags"), await page.call("drafts")
    actions = parts.title(page)
    if not everything:
        with parts.card():
            parts.empty(page, "tags.empty", icon="sell", command="gongbi apply")
        return
    parts.warnings(page, [said for t in everything for said in t["warnings"]])
    subjects = list(dict.fromkeys(t["subject"] for t in everything))
    state = {
        "subject": page.query.get("subject", "customer" if "customer" in subjects else subjects[0]),
        "category": page.query.get("category", ""),
        "search": page.query.get("search", ""),
        "library": page.query.get("library", ""),
        "owner": page.query.get("owner", ""),
        "state": page.query.get("state", ""),
    }
    idle = {one["tag"] for one in (await page.call("unused_tags"))["tags"]}
    with actions:
        ask = ui.button(
            page.t("library.requests"), icon="contact_support", on_click=lambda: ui.navigate.to("/requests")
        )
        ask.props("outline no-caps").classes("g-btn")
        new = ui.button(page.t("maker.title"), icon="add", on_click=lambda: ui.navigate.to("/tags/new"))
        new.props("unelevated no-caps").classes("g-btn")
        search = ui.input(placeholder=page.t("tags.search"), value=state["search"]).props(
            "outlined dense clearable debounce=200"
        )
        search.props["aria-label"] = page.t("tags.search")
        search.style("width:250px").classes("g-search")
        with search.add_slot("prepend"):
            ui.icon("search").props("aria-hidden=true")
        options = {s: page.named(s) for s in subjects} | {"": page.t("tags.all_subjects")}
        chosen = (
            ui.select(options, value=state["subject"], label=page.t("tags.subject"))
            .props("outlined dense options-dense")
            .style("width:150px")
        )
        libraries = {t["library"] for t in everything if t["library"]}
        if libraries:
            named_libraries = {one["library"]: page.words(one["name"]) for one in await page.call("libraries")}
            within = (
                ui.select(
                    {"": page.t("library.all"), **named_libraries},
                    value=state["library"] if state["library"] in named_libraries else "",
                    label=page.t("library.library"),
                )
                .props("outlined dense options-dense")
                .style("width:150px")
            )
            within.on_value_change(lambda e: change(library=e.value))
        owners = sorted({t["owner"] for t in everything if t["owner"]})
        states = {"": page.t("library.all_states")} | {key: page.t(f"library.{key}") for key in STATES}
        for key, options_ in (
            ("owner", {"": page.t("library.all_owners")} | {o: desk(o, page.language) for o in owners}),
            ("state", states),
        ):
            one = ui.select(options_, value=state[key] if state[key] in options_ else "", label=page.t(LABELS[key]))
            one.props("outlined dense options-dense").style("width:140px")
            one.on_value_change(lambda e, key=key: change(**{key: e.value}))
    library.drafts(page, waiting)
    with ui.element("div").classes("g-grid"):
        with parts.card(page.t("tags.categories"), classes="s3"):
            tree = ui.element("div")
        with parts.card(classes="s9"):
            listing = ui.element("div")

    def show() -> None:
        here = [t for t in everything if not state["subject"] or t["subject"] == state["subject"]]
        tree.clear()
        with tree:
            _tree(page, here, state)
        listing.clear()
        with listing:
            _table(page, [t for t in here if _fits(t, state, idle)])

    def change(**values: str | None) -> None:
        state.update({k: v or "" for k, v in values.items()})
        show()

    search.on_value_change(lambda e: change(search=e.value))
    chosen.on_value_change(lambda e: change(subject=e.value, category=""))
    show()


def _fits(tag: Mapping[str, Any], state: Mapping[str, str], idle: Collection[str]) -> bool:
    texts = (tag["tag"], tag["name"]["zh"], tag["name"]["en"], tag["category"], category(tag["category"], "en"))
    named_so = not state["search"].strip() or fit(state["search"], texts) is not None
    inside = not state["category"] or f"{tag['category'] or UNFILED}/".startswith(state["category"] + "/")
    mine = not state["library"] or (tag["library"] or "enterprise") == state["library"]
    own = not state["owner"] or tag["owner"] == state["owner"]
    states = {
        "published": not tag["draft"],
        "draft": tag["draft"] is not None,
        "overdue": bool(tag["overdue"]),
        "unused": tag["tag"] in idle,
    }
    return inside and mine and own and named_so and states.get(state["state"], True)


def _category(page: Page, tag: Mapping[str, Any]) -> str:
    return category(tag["category"], page.language, tag["category_name"][page.language]).replace("/", " / ")


def _tree(page: Page, tags: Sequence[Mapping[str, Any]], state: Mapping[str, str]) -> None:
    counts: dict[str, int] = {}
    for tag in tags:
        filed = tag["category"] or UNFILED
        for path in dict.fromkeys((filed.split("/")[0], filed)):
            counts[path] = counts.get(path, 0) + 1
    with ui.element("nav").classes("g-tree").props(f'aria-label="{page.t("tags.categories")}"'):
        # The verb gives tags in the order of the scheme, so that the first of a dimension is where it stands.
        heads = list(dict.fromkeys((tag["category"] or UNFILED).split("/")[0] for tag in tags))
        ordered = sorted(counts, key=lambda p: (heads.index(p.split("/")[0]), "/" in p, p))
        titles = {tag["category"]: tag["category_name"][page.language] for tag in tags}
        titles[UNFILED] = page.t("tags.unfiled")
        titles |= {path.split("/")[0]: name.split("/")[0] for path, name in titles.items()}
        rows = [(path, titles[path].split("/")[-1], counts[path]) for path in ordered]
        rows.insert(0, ("", page.t("tags.all"), len(tags)))
        for path, name, count in rows:
            query = urlencode({"subject": state["subject"], "category": path})
            link = ui.link(target=f"/tags?{query}").classes("sub" if "/" in path else "")
            link.classes("active" if path == state["category"] else "")
            with link:
                ui.label(name)
                ui.label(str(count))


def _table(page: Page, tags: Sequence[Mapping[str, Any]]) -> None:
    if not tags:
        parts.empty(page, "tags.none", icon="search_off")
        return
    columns = [
        {"name": "name", "label": page.t("tags.name"), "kind": "link", **_ONE_LINE},
        {"name": "tag", "label": page.t("tags.code"), "kind": "mono"},
        {"name": "category", "label": page.t("tags.category"), **_ONE_LINE},
        {"name": "coverage", "label": page.t("tags.coverage"), "kind": "bar"},
        {"name": "type", "label": page.t("tags.type"), **_ONE_LINE},
        {"name": "unit", "label": page.t("tags.unit"), **_ONE_LINE},
        # Who answers for it makes way for what needs somebody's eye.
        {"name": "state", "label": page.t("library.state"), "kind": "chip"}
        if any(t["draft"] or t["overdue"] for t in tags)
        else {"name": "owner", "label": page.t("tags.owner")},
    ]
    rows = [
        {
            "id": f"{t['subject']}/{t['tag']}",
            "name": page.words(t["name"], t["tag"]),
            "name_to": f"/tags/{quote(t['tag'])}",
            "tag": t["tag"],
            "category": t["category_name"][page.language].split("/")[-1],
            "coverage": page.format.percent(t["coverage"], 0),
            "coverage_share": t["coverage"] or 0,
            "coverage_sort": t["coverage"] or 0,
            "type": type_words(page, t["type"]),
            "unit": page.format.unit(t["unit"]),
            "owner": desk(t["owner"], page.language),
            **_state(page, t),
        }
        for t in tags
    ]
    ui.label(page.t("tags.count", n=len(rows))).classes("g-about")
    parts.table(page, columns, rows, label=page.t("tags.title"), per_page=20)


def _state(page: Page, tag: Mapping[str, Any]) -> dict[str, str]:
    """Published, with a draft or review under way, or overdue."""
    if tag["overdue"]:
        return {"state": page.t("library.overdue"), "state_colour": "red"}
    state = tag["draft"] or "published"
    return {"state": page.t(f"state.{state}"), "state_colour": library.STATE_COLOURS[state]}


def type_words(page: Page, name: str) -> str:
    """A type in words."""
    whole, _, element = name.partition(" of ")
    first = whole.partition(" ")[0].split("(")[0]
    said = page.t(f"type.{first}") if f"type.{first}" in TEXTS else whole
    return page.t("type.of", whole=said, element=type_words(page, element)) if element else said


async def detail(page: Page) -> None:
    """Fill the page of one tag."""
    name = page.params["name"]
    everything = await page.call("tags")
    tag = next((t for t in everything if t["tag"] == name), None)
    if tag is None:
        await _only_draft(page, name, [t["tag"] for t in everything])
        return
    title = page.words(tag["name"], name)
    other = tag["name"]["en" if page.language == "zh" else "zh"]
    with parts.title(page, title, f"{other} · {name}" if other != title else name):
        back = f"/tags?{urlencode({'subject': tag['subject']})}"
        ui.button(page.t("tags.back"), icon="arrow_back", on_click=lambda: ui.navigate.to(back)).props(
            "outline no-caps"
        ).classes("g-btn")
        tried = f"/segments?{urlencode({'e': suggestion(tag), 'subject': tag['subject']})}"
        ui.button(page.t("tags.try"), icon="groups", on_click=lambda: ui.navigate.to(tried)).props(
            "unelevated no-caps"
        ).classes("g-btn")

        async def statement() -> None:
            with page.problems():
                await listing.as_sql(page, "tag_sql", name=name)

        async def definition() -> dict[str, Any]:
            form = await page.call("tag_form", tag=name)
            return {**form["definition"], "expr": form["expr"]}

        ui.button(page.t("list.sql"), icon="code", on_click=statement).props("outline no-caps").classes("g-btn")
        if tag["version"] is not None:
            _edit(page, name)
            if not tag["given"]:
                trials.button(page, definition)
    parts.warnings(page, tag["warnings"])
    await behind.refused(page, tag["subject"])
    _figures(page, tag)
    with ui.element("div").classes("g-grid"):
        with parts.card(page.t("tags.about_tag"), classes="s5"):
            for language in (page.language, "en" if page.language == "zh" else "zh"):
                if tag["about"].get(language):
                    ui.label(tag["about"][language]).props(f'lang="{language}"').classes(
                        "" if language == page.language else "g-about"
                    )
            ui.label(page.t("tags.expression")).classes("g-label")
            parts.code(tag["expr"], label=page.t("tags.expression"))
            parts.pairs(_facts(page, tag))
        with parts.card(page.t("tags.distribution"), page.t("tags.distribution_about"), classes="s7"):
            _distribution(page, tag)
        if tag["maker"] == "imported":
            given.Upload(page, name, (await page.call("fields", subject=tag["subject"]))["identifiers"]).show()
        with parts.card(page.t("tags.lineage"), page.t("tags.lineage_about")):
            _lineage(page, tag)
            await behind.drawing(page, name)
        await behind.quality(page, name)
        if tag["version"] is not None:
            await library.versions(page, name)
            await library.impact(page, name)


def _edit(page: Page, name: str) -> None:
    target = f"/tags/new?{urlencode({'tag': name})}"
    edit = ui.button(page.t("maker.edit"), icon="edit", on_click=lambda: ui.navigate.to(target))
    edit.props("outline no-caps").classes("g-btn")


async def _only_draft(page: Page, name: str, known: Sequence[str]) -> None:
    """The page of a tag that is not in force: its versions, and what its draft would be."""
    try:
        found = await page.call("tag_versions", name=name)
    except UnknownName:
        raise UnknownName("tag", name, known) from None
    newest = found["versions"][0]
    state, title = page.t(f"state.{newest['state']}"), page.words(newest["title"], name)
    with parts.title(page, title, state if title == name else f"{name} · {state}"):
        _edit(page, name)
    with ui.element("div").classes("g-grid"):
        with parts.card(page.t("tags.expression"), classes="s5"):
            if about := page.words(newest["about"]):
                ui.label(about)
            parts.code(newest["expr"], label=page.t("tags.expression"))
        await library.versions(page, name)


def suggestion(tag: Mapping[str, Any]) -> str:
    """A condition to begin with: the usual value, or at least the mean."""
    name, top = f"tag.{tag['tag']}", tag["top"]
    if tag["type"] == "boolean":
        return name
    usual = max(top, key=itemgetter("count"))["value"] if top else None
    if isinstance(usual, str) and tag["type"] == "text":
        value = usual.replace("'", "''")
        return f"{name} = '{value}'"
    if isinstance(usual, str) and str(tag["type"]).startswith(("list of text", "distribution of text")):
        value = usual.replace("'", "''")
        listed = str(tag["type"]).startswith("list")
        return f"has({name}, '{value}')" if listed else f"share_in({name}, '{value}') >= 0.5"
    if tag["mean"] is not None:
        return (
            f"{name} >= {float(tag['mean']):.4g}"
            if abs(float(tag["mean"])) < 1e4
            else f"{name} >= {float(tag['mean']):.0f}"
        )
    return f"{name} is not absent"


def _figures(page: Page, tag: Mapping[str, Any]) -> None:
    with ui.element("div").classes("g-stats"):
        note = (
            page.t("tags.present", n=page.format.number(tag["present"]))
            if tag["present"] is not None
            else page.t("overview.not_built")
        )
        parts.stat(page.t("tags.coverage"), page.format.percent(tag["coverage"]), note, icon="donut_large")
        parts.stat(page.t("tags.distinct"), page.format.number(tag["distinct"]), "", icon="tag")
        for key in ("min", "mean", "max"):
            if tag[key] is not None:
                share = tag["unit"] if tag["unit"] in SHARES else None
                unit = "" if isinstance(tag[key], str) or share else page.format.unit(tag["unit"])
                value = page.format.value(float(tag[key]) if key == "mean" else _plain(tag[key]), share)
                parts.stat(page.t(f"tags.{key}"), value, unit)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _facts(page: Page, tag: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (page.t("tags.subject"), page.named(tag["subject"])),
        (page.t("tags.category"), _category(page, tag)),
        (page.t("tags.type"), type_words(page, tag["type"])),
        (page.t("tags.unit"), page.format.unit(tag["unit"]) or "—"),
        (page.t("tags.owner"), desk(tag["owner"], page.language) or "—"),
        (page.t("library.pii"), page.t(f"pii.{tag['pii']}")),
        *([(page.t("library.library"), tag["library"])] if tag["library"] else []),
        *([(page.t("library.refines"), tag["refines"])] if tag["refines"] else []),
        *([(page.t("library.expires"), tag["expires"])] if tag["expires"] else []),
        (
            page.t("tags.refresh"),
            page.t(f"refresh.{tag['refresh']}") if f"refresh.{tag['refresh']}" in TEXTS else tag["refresh"] or "—",
        ),
    ]


#: Values are kept as text; those of a number stand in its order, not by how often they come.
_NUMBER = re.compile(r"-?[0-9]+([.][0-9]+)?")


def _distribution(page: Page, tag: Mapping[str, Any]) -> None:
    series = page.named(tag["subject"])
    if tag["top"]:
        top = tag["top"]
        if not tag["ordered"] and all(_NUMBER.fullmatch(str(v["value"])) for v in top):
            top = sorted(top, key=lambda v: float(v["value"]))
        names = [page.value({"labels": tag.get("labels")}, v["value"]) for v in top]
        options = charts.rows(names, [v["count"] for v in top], series)
        parts.chart(options, page.t("tags.distribution"), height=max(120, 44 + 27 * len(top)))
    elif tag["histogram"]:
        bins = tag["histogram"]
        labels = [f"{page.format.number(b['low'])} – {page.format.number(b['high'])}" for b in bins]
        options = charts.histogram(bins, labels, series)
        starts = [page.format.number(b["low"]) for b in bins]
        options["xAxis"]["axisLabel"][":formatter"] = f"(v, i) => {starts!r}[i]"
        parts.chart(options, page.t("tags.distribution"), height=330)
        ui.label(page.t("tags.unit") + ": " + page.format.unit(tag["unit"])).classes("g-about") if tag["unit"] else None
    else:
        parts.empty(
            page,
            "tags.no_distribution",
            icon="bar_chart",
            command="" if tag["coverage"] is not None else "gongbi build",
        )


def _lineage(page: Page, tag: Mapping[str, Any]) -> None:
    def names(key: str, found: Sequence[tuple[str, str]]) -> None:
        ui.label(page.t(key)).classes("g-label")
        with ui.element("div").classes("g-chips").style("margin-bottom:8px"):
            for name, target in found:
                link = ui.link(name, target) if target else ui.label(name)
                link.classes("g-chip blue" if target else "g-chip")
            if not found:
                ui.label(page.t("tags.nothing")).classes("g-about")

    names("tags.facts", [(page.named(f), "") for f in tag["facts"]])
    names("tags.uses", [(t, f"/tags/{quote(t)}") for t in tag["uses"]])
    users = []
    for user in tag["used_by"]:
        kind, _, name = user.partition(" ")
        users.append((f"{page.t('kind.' + kind)} {name}", library.address(kind, name)))
    names("tags.used_by", users)


async def new(page: Page) -> None:
    """Fill the page on which a tag is tried by a maker's form."""
    title, about = page.t("maker.title"), page.t("maker.about")
    edited = page.query.get("tag", "")
    opened = await page.call("tag_form", tag=edited) if edited else None
    if opened is not None:
        title = f"{page.t('maker.edit')} {page.words(opened['definition'].get('name'), edited)}"
        about = f"{edited} · {page.t('maker.edit_about')}"
    with parts.title(page, title, about):
        back = f"/tags/{quote(edited)}" if edited else "/tags"
        ui.button(page.t("tags.back"), icon="arrow_back", on_click=lambda: ui.navigate.to(back)).props(
            "outline no-caps"
        ).classes("g-btn")
    if not page.overview.get("members"):
        with parts.card():
            parts.empty(page, "tags.empty", icon="sell", command="gongbi demo")
        return
    tags = await page.call("tags")
    subjects = sorted(dict.fromkeys(tag["subject"] for tag in tags), key=lambda s: s != "customer") or ["customer"]

    def figures(draft: Mapping[str, Any]) -> None:
        _figures(page, draft)
        _distribution(page, draft)

    taken = {tag["tag"]: page.words(tag["name"], tag["tag"]) for tag in tags}
    whom = subjects[0] if opened is None else opened["definition"].get("subject", "customer")
    known = await page.call("fields", subject=whom)
    MakerForm(page, await page.call("makers"), subjects, figures, taken, known, opened).show()


PAGE = PageDef("/tags", "tags", build)
NEW = PageDef("/tags/new", "tags", new)
DETAIL = PageDef("/tags/{name}", "tags", detail)
