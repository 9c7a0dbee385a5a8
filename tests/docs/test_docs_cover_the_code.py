"""The docs are held to the code: a setting, key, command, error or reason without a word about it fails here."""

import importlib.util
import inspect
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import pytest

from gongbi.catalog.base import CLASSES
from gongbi.catalog.schema import fields_of
from gongbi.engine.duckdb import DuckDBEngine
from gongbi.models import ESTIMATORS
from gongbi.services.verbs import VERBS
from gongbi.sources.base import REASONS
from gongbi.workspace import Portrait, Rows, Segment, Settings, Workspace

from .pages import blocks

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SCRIPT = ROOT / "scripts" / "make_reference_docs.py"


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def missing(names: list[str], text: str) -> list[str]:
    """Names that the text does not have as code, alone or at the beginning of it."""
    return [n for n in names if not re.search(rf"`(?:[^`\n]*[ .])?{re.escape(n)}(?![\w-])[^`\n]*`", text)]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_reference_docs", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_generated_pages_are_what_the_code_says() -> None:
    done = subprocess.run([sys.executable, str(SCRIPT), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_command_and_option_is_in_the_reference_with_a_meaning(script: ModuleType) -> None:
    text = page("reference/cli.md")
    lacking = []
    for name, command in script.commands():
        section = text.partition(f"## {name}\n")[2].partition("\n## ")[0]
        options = [o for p in command.params for o in p.opts if p.param_type_name == "option" and o != "--help"]
        lacking += [f"{name} {option}" for option in missing(options, section)]
        if not section.strip() or not command.help:
            lacking.append(name)
    assert lacking == []


def test_every_key_of_every_kind_is_in_the_reference_with_a_meaning(script: ModuleType) -> None:
    text = page("reference/definitions.md")
    lacking = []
    for class_ in (*CLASSES.values(), *script.parts_of_kinds()):
        title = next((kind for kind, c in CLASSES.items() if c is class_), script._title(class_))
        section = re.split(rf"^##+ {title}$", text, flags=re.MULTILINE)[1].partition("\n## ")[0].partition("\n### ")[0]
        rows = dict(re.findall(r"^\| `([^`]+)` \|.*\| ([^|]*(?:\\\|[^|]*)*) \|$", section, flags=re.MULTILINE))
        lacking += [f"{title}.{f.key}" for f in fields_of(class_) if not rows.get(f.key, "").strip()]
    assert lacking == []


def test_every_part_of_a_source_is_in_its_guide(script: ModuleType) -> None:
    of_sources = [CLASSES["source"], *(p for p in script.parts_of_kinds() if p.__name__ in _parts_of_a_source())]
    keys = [field.key for class_ in of_sources for field in fields_of(class_)]
    assert missing(keys, page("guides/sources.md")) == []


def _parts_of_a_source() -> set[str]:
    return {"Origin", "TimeMap", "SubjectMap", "ColumnMap", "Lookup", "SchemaRule"}


def test_every_error_has_a_code_a_meaning_and_a_next_step(script: ModuleType) -> None:
    codes = script.error_classes()
    assert missing(list(codes), page("reference/errors.md")) == []
    assert [code for code, class_ in codes.items() if not (class_.__doc__ or "").strip()] == []
    assert sorted(script.ADVICE) == sorted(codes)
    assert set(script.TROUBLES) == set(script.get_args(script.Trouble))


def test_every_reject_reason_is_in_the_guide() -> None:
    assert missing(list(REASONS), page("guides/sources.md")) == []


def test_every_entry_of_the_settings_file_is_in_the_guide() -> None:
    text = page("guides/running.md")
    entries = ["format", *(f.name for f in fields(Settings) if not f.name.startswith("engine")), "engine"]
    assert missing(entries, text) == []
    # Read from the signatures, without importing Spark.
    duckdb = [p for p in inspect.signature(DuckDBEngine.__init__).parameters if p not in ("self", "path")]
    spark = re.findall(
        r"^        (\w+): [^=\n]+ = ", _init((ROOT / "src/gongbi/engine/spark.py").read_text("utf-8")), re.MULTILINE
    )
    assert {"master", "shuffle_partitions"} <= set(spark)
    assert missing([*duckdb, *(n for n in spark if n != "session")], text) == []


def _init(source: str) -> str:
    return source.partition("class SparkEngine")[2].partition("def __init__(")[2].partition(") -> None:")[0]


def test_the_folders_of_a_workspace_are_those_of_the_guide(small_demo: Path) -> None:
    (tree,) = (block.text for block in blocks("docs/guides/running.md") if block.kind == "tree")
    listed = re.findall(r"^  ([\w.]+)", tree, re.MULTILINE)
    assert {path.name for path in small_demo.iterdir()} - {"data"} <= set(listed)
    # What is made later is read from the code: a name below the root, or a path that is kept relative to it.
    rooms = [ROOT / "src/gongbi" / name for name in ("workspace.py", "folder.py", "services", "jobs", "console")]
    source = "\n".join(
        p.read_text("utf-8") for room in rooms for p in ([room] if room.is_file() else room.rglob("*.py"))
    )
    made = re.findall(r'\broot / "([\w.]+)"|\brelative = f"(\w+)/', source)
    assert {name for names in made for name in names if name} | {"gongbi.toml"} == set(listed)


def test_every_environment_variable_is_in_the_docs() -> None:
    source = "\n".join(path.read_text("utf-8") for path in (ROOT / "src" / "gongbi").rglob("*.py"))
    names = sorted(set(re.findall(r"\b(?:GONGBI|DEMO)_[A-Z]+(?:_[A-Z]+)*\b", source)))
    assert {"GONGBI_WORKSPACE", "GONGBI_ACTOR", "DEMO_SERVE"} <= set(names)
    assert missing(names, page("guides/running.md") + page("reference/cli.md") + page("reference/python.md")) == []


def test_every_method_and_verb_is_in_the_python_reference() -> None:
    text = page("reference/python.md")
    names = [n for c in (Workspace, Segment, Rows, Portrait) for n in vars(c) if not n.startswith("_")]
    assert missing([*names, *VERBS, *ESTIMATORS], text) == []
