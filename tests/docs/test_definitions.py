"""The YAML, the settings and the expressions in the documentation are what Gongbi reads.

A block of definitions is read like a file of a workspace and put together with the definitions that its page speaks of:
those of the demo, of the tutorial or of the Chinese shop, in the place of those of the same name. The sources among
them also load rows.
"""

import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from textwrap import indent

import pytest

import gongbi
from gongbi.catalog.base import SourceDef, kind_of, name_of
from gongbi.catalog.catalog import Catalog, assemble
from gongbi.catalog.grades import grading_tags
from gongbi.catalog.yaml import from_json, read_text, to_json
from gongbi.core.language import check_expression
from gongbi.engine import open_engine
from gongbi.store.database import Database
from gongbi.workspace import SETTINGS, read_settings

from .pages import PAGES, Block, blocks
from .workspaces import TUTORIAL, Named, by_name, chinese, define, demo, demo_sources, tutorial

READMES = ("README.md", "README.zh-CN.md")
SOURCES = "docs/guides/sources.md"
#: The kinds that the loop of data goes through; the others order and draw what these make.
OF_THE_LOOP = ("subject", "source", "tag", "segment", "model", "campaign")


def of_kind(page: str, *kinds: str) -> list[Block]:
    return [block for block in blocks(page) if block.kind in kinds and "not run" not in block.notes]


def pages_with(*kinds: str) -> list[str]:
    return [page for page in PAGES if of_kind(page, *kinds)]


def defined(block: Block) -> Named:
    """What a block defines; columns by themselves are those of a source of the demo, beside its own."""
    if "columns of" not in block.notes:
        return by_name(read_text(block.text, block.place))
    whole = demo()["source", block.notes["columns of"]]
    head = "source: part\nfrom: {file: none}\nreference: part\nkey: [part]\ncolumns:\n"
    (part,) = read_text(head + indent(block.text, "  "), block.place)
    assert isinstance(whole, SourceDef)
    assert isinstance(part, SourceDef)
    return by_name([replace(whole, columns={**whole.columns, **part.columns})])


def setting_of(page: str, definitions: Named) -> Named:
    """The definitions that those of a block stand among."""
    if page == "docs/zh.md":
        return chinese()
    if page == TUTORIAL or not definitions.keys().isdisjoint(tutorial().keys() - demo().keys()):
        return tutorial()
    return demo_sources() if any(kind == "source" for kind, _ in definitions) else demo()


def settings(page: str) -> Iterator[Named]:
    """The definitions of a page, each block among the ones it stands among and those of the blocks before."""
    # A setting is made once, so that its identity tells it from the others.
    before: dict[int, Named] = {}
    for block in of_kind(page, "yaml"):
        new = defined(block)
        base = setting_of(page, new)
        before[id(base)] = {**before.get(id(base), base), **new}
        yield before[id(base)]


@pytest.mark.parametrize("page", pages_with("yaml"))
def test_the_definitions_of_a_page_are_read_and_fit_together(page: str) -> None:
    for definitions in settings(page):
        catalog = assemble(definitions.values(), zone="America/New_York")
        graded = {tag.tag for grading in catalog.gradings.values() for tag in grading_tags(grading)}
        assert {("tag", tag) for tag in catalog.tags.keys() - graded} == {key for key in definitions if key[0] == "tag"}
        assert {tag for _, tag in catalog.expressions} == set(catalog.tags)
        assert catalog.conditions.keys() == {name for kind, name in definitions if kind == "segment"}


@pytest.mark.parametrize("page", READMES)
def test_what_a_readme_shows_of_the_demo_is_in_the_demo(page: str) -> None:
    for block in of_kind(page, "yaml"):
        for key, shown in defined(block).items():
            assert to_json(shown).items() <= to_json(demo()[key]).items(), key


@pytest.mark.parametrize("page", READMES)
def test_a_readme_shows_one_definition_of_each_kind_of_the_loop(page: str) -> None:
    assert [kind for block in of_kind(page, "yaml") for kind, _ in defined(block)] == list(OF_THE_LOOP)


def test_the_sources_of_the_guide_load_rows(small_demo: Path, tmp_path: Path) -> None:
    found = {k: d for b in of_kind(SOURCES, "yaml") for k, d in defined(b).items() if k not in tutorial()}
    assert {name for _, name in found} == {"trips", "transactions"}, "those of the tutorial are loaded by its own test"
    root = shutil.copytree(small_demo, tmp_path / "demo")
    with gongbi.open(root) as ws:
        here = by_name(from_json(d.kind, d.body) for d in ws.context.store.definitions.current())
        sources = {k: d for k, d in here.items() if k in demo_sources()}
        # The rows of the small demo are in files of its own.
        new = {k: from_json("source", {**to_json(d), "from": to_json(here[k])["from"]}) for k, d in found.items()}
        define(root, {**sources, **new})
        ws.apply()
        loaded = ws.ingest()
        assert [load for load in loaded["loads"] if load["problem"]] == []
        assert all(loaded["facts"][fact] > 0 for fact in ("purchase", "trip"))


def _catalog_of_the_language() -> Catalog:
    """The demo with one attribute whose name is Chinese."""
    people = demo()["source", "demographics"]
    assert isinstance(people, SourceDef)
    body = to_json(people)
    body["columns"]["城市"] = "text"
    return assemble({**demo(), (kind_of(people), name_of(people)): from_json("source", body)}.values())


@pytest.mark.parametrize("page", pages_with("expr"))
def test_the_expressions_of_a_page_are_accepted(page: str) -> None:
    world = _catalog_of_the_language().world
    for block in of_kind(page, "expr"):
        for line in block.text.splitlines():
            assert check_expression(line, world, "customer").level != "row"


@pytest.mark.parametrize("page", pages_with("toml"))
def test_the_settings_of_a_page_are_accepted(page: str, tmp_path: Path) -> None:
    whole = next(block.text for block in of_kind(page, "toml") if "format" in tomllib.loads(block.text))
    for number, block in enumerate(of_kind(page, "toml")):
        root = tmp_path / str(number)
        root.mkdir()
        # Some entries by themselves are to be added, above the tables.
        text = block.text if "format" in tomllib.loads(block.text) else block.text + whole
        (root / SETTINGS).write_text(text, "utf-8")
        found, said = read_settings(root), tomllib.loads(text)
        assert said.pop("format") == 1
        engine = said.pop("engine")
        assert (found.engine, found.engine_options) == (engine.pop("name"), engine)
        assert {entry: getattr(found, entry) for entry in said} == said
        open_engine(found.engine, root / "engine", **found.engine_options).close()
        if found.store:
            Database(found.store).close()


def test_the_readmes_show_the_same_definitions() -> None:
    one, other = ([block.text for block in of_kind(page, "yaml")] for page in READMES)
    assert one == other
