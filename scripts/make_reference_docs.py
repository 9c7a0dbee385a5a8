"""Write docs/reference/cli.md, definitions.md and errors.md from the command line, the dataclasses and the errors.

With ``--check`` nothing is written: pages that differ are named, and the exit code is 1.
"""

import importlib
import pkgutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import typer.main

import gongbi
from gongbi.catalog.base import CLASSES, KINDS
from gongbi.catalog.schema import fields_of, summary_of
from gongbi.cli import app
from gongbi.errors import GongbiError
from gongbi.sources.base import Trouble

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "docs" / "reference"

#: What a reader can do about an error, by code.
ADVICE: Mapping[str, str] = {
    "invalid_input": "Change the value that the message names; the hint says what is allowed.",
    "invalid_expression": "The message names the part at fault. Compare it with [the language](language.md).",
    "wrong_type": "Convert with a function of the [catalogue](functions/index.md), or compare with another value.",
    "invalid_definition": "Mend the file at the line given, then run `gongbi apply` again. Nothing was put in force.",
    "unknown_name": "Check the spelling; the hint gives the nearest name. Was the definition applied, the data loaded?",
    "cycle": "Follow the names in the message and let one of them stand on its own.",
    "source_problem": "See the [kinds of trouble](#trouble-with-a-source) below. Earlier loads are untouched.",
    "workspace_problem": "The message says which: no `gongbi.toml`, a newer format, a wrong entry, a closed workspace.",
    "workspace_busy": "Wait a moment and repeat. If it stays, the process that the message names hangs: end it.",
    "not_yet": "Run the command in the hint first: `gongbi ingest`, `gongbi build` or `gongbi train`.",
    "refused": "What was asked is understood and not allowed; the hint says what is.",
    "cancelled": "Nothing half-done was published. Run the same command again, or `gongbi runs resume`.",
    "engine_failure": "Free memory or disk, or give the engine more in `gongbi.toml`; then repeat.",
    "bug": "Report it, with the message and what was being done.",
    "audience_is_empty": "Nobody was eligible or had a score at `as_of`. Count both with `gongbi segment count`.",
    "not_fitted": "Call `fit` before asking the estimator for an answer.",
    "did_not_converge": "The data do not determine the parameters: too few customers or too little repetition.",
}
#: Why a source as a whole was not loaded.
TROUBLES: Mapping[str, str] = {
    "missing_file": "No file has this name or fits the pattern. Paths are relative to the workspace.",
    "unreadable": "The file, table or query cannot be opened, or is not what its suffix says.",
    "empty": "The file, table or query holds no rows.",
    "wrong_encoding": "The bytes are not the encoding that `from` says (UTF-8 unless given). Try `encoding: gb18030`.",
    "truncated": "The file ends too early as a whole, for instance a `.gz` or Parquet file without its end.",
    "missing_column": "A column that the mapping names is not there, and `schema.missing` is `refuse`.",
    "schema_changed": "A column is new or has another type than in the load before, and `schema` says `refuse`.",
    "wrong_type": "A whole column has a type that the mapped one cannot be made from.",
    "not_computed": "More than 100 values of an `expr` are too large; fewer cost their rows. The message names it.",
    "rejected": (
        "Nearly all rows (95 of 100, and more than 100) are rejected for one reason in one column: the mapping does not"
        " fit the file. The message names the column and the first value."
    ),
    "mapping_changed": "The mapping was edited and the rows cannot be read again: their file is gone or changed.",
}
#: Meaning of keys whose class says nothing of them, by key; the texts for people are the same in every kind.
ABOUT: Mapping[str, str] = {
    "name": "What people call it.",
    "about": "What it is for and what its values mean; says what absent stands for.",
    "owner": "Who answers for it.",
    "subject": "Whom it describes.",
    "unit": "The unit of its values, for people: `days`, `USD`.",
    "refresh": "How often `gongbi serve` computes it again, while it runs; `manual` is never by itself.",
    "currency": "Of a `money` column: an ISO code such as USD.",
    "scale": "Digits after the point of `decimal` and `money`.",
    "holdout_days": "For `purchases`: the last days that are kept back to check the prediction.",
    "segment": "Its name, as written in expressions: `segment.NAME`.",
    "expr": "The condition; members are those for whom it is true.",
    "column": "The raw column that holds the key.",
    "identifiers": "Kind of identifier → raw column. `identifier: NAME` is short for `{NAME: NAME}`.",
    "required": "A row that names nobody is rejected.",
    "added": "A new column: `note` it with the load, `ignore` it, or `refuse` the file.",
    "changed": "A column of another type: `cast` it to the mapping's type, or `refuse` the file.",
    "missing": "A column that the mapping needs: `refuse` the file, or take its values as `absent`.",
    "type": "Type of its values.",
    "primary": "Its value is the member's id.",
    "days": "How many local days its period has.",
    "grading": "Its name; its tags begin with `grade.NAME`.",
    "cast": "Its name.",
    "yearbook": "Its name.",
    "worklist": "Its name.",
    "figure": "Its name.",
    "chart": "Its name.",
    "format": "The format of the file, where its suffix does not say it.",
    "zh": "In Chinese.",
    "en": "In English.",
    "category": "The allowed values.",
    "ordered": "The values are listed from least to most.",
}
EXITS = {"caller": "2", "transient": "2", "bug": "1"}
GENERATED = "<!-- Generated by scripts/make_reference_docs.py; edit the code it is made from. -->"

# What stands above the generated tables.
CLI = """\
# Command line

`gongbi COMMAND --help` shows the same. Answers go to the standard output, progress and errors to the error stream.
Outside a terminal, long work says where it is at least every ten seconds, also within one long statement.

| Exit code | Means |
|---|---|
| 0 | done |
| 1 | a bug in Gongbi |
| 2 | a mistake that you can mend, or a world that is not ready: one line says which |
| 130 | stopped by Ctrl-C |

Most commands share these options:

- `--workspace PATH`, `-w PATH`: the workspace's folder; the current one by default. Environment: `GONGBI_WORKSPACE`.
- `--json`: print JSON.
- `--as NAME`: who is working; it is put on record. Environment: `GONGBI_ACTOR`.

`DEMO_SERVE=0` in the environment keeps `gongbi demo` from opening the console."""
DEFINITIONS = """\
# Definitions

A YAML document is one definition, or a list of them. Its first key is its kind, with its name as the value; the other
keys are listed here. An unknown key is an error. `gongbi apply` reads every `*.yaml` below `definitions/`, in folders
of any name.

`name` and `about` are texts for people, `{zh: …, en: …}`; a plain text stands for both languages."""
ERRORS = """\
# Errors

An error that Gongbi raises on purpose derives from `gongbi.errors.GongbiError`. It has a `code` that stays the same, a
`message` with the value that was seen, a `hint` for the next step and, where there is one, a `place` (file, line,
column). `kind` says whose move it is: `caller` (repeating will not help), `transient` (trying again may help), `bug`
(please report it). Over the local door the same class arrives in the caller's process.

On the command line an error is one line on the error stream. Ctrl-C and a cancelled run end with 130."""
TROUBLE = """\
## Trouble with a source

A source that cannot be loaded as a whole is an `UnreadableSource` with the code `source_problem`. Its `trouble` says
more; what was loaded before stays as it is, and the other sources are loaded."""


def main() -> int:
    pages = {"cli.md": cli(), "definitions.md": definitions(), "errors.md": errors()}
    wrong = [n for n, t in pages.items() if not (PAGES / n).is_file() or (PAGES / n).read_text("utf-8") != t]
    if "--check" in sys.argv[1:]:
        for name in wrong:
            print(f"docs/reference/{name} is not what the code says: run scripts/{Path(__file__).name}.")
        return 1 if wrong else 0
    for name in wrong:
        (PAGES / name).write_text(pages[name], encoding="utf-8")
    print(f"{len(wrong)} of {len(pages)} pages written.")
    return 0


# -- the command line -----------------------------------------------------------------------------------


def commands() -> Iterator[tuple[str, Any]]:
    """Every command that does something, by its full name."""
    yield from _below("gongbi", typer.main.get_command(app))


def _below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner == {}:  # A group that makes its commands when they are asked for.
        inner = {word: command.get_command(None, word) for word in command.list_commands(None)}
    if inner is None or (command.invoke_without_command and command.callback):
        yield name, command
    for word, child in (inner or {}).items():
        yield from _below(f"{name} {word}", child)


def cli() -> str:
    parts = [
        GENERATED,
        CLI,
    ]
    for name, command in commands():
        parts.append(f"## {name}\n\n{' '.join((command.help or '').split())}")
        rows = [_parameter(p) for p in command.params if p.name != "help"]
        arguments = " ".join(_argument(p) for p in command.params if p.param_type_name == "argument")
        parts.append(f"    {name} {arguments}".rstrip() + (" [OPTIONS]" if len(rows) > arguments.count(" ") else ""))
        if rows:
            parts.append("| | Meaning | Default |\n|---|---|---|\n" + "\n".join(rows))
    return "\n\n".join(parts) + "\n"


def _argument(parameter: Any) -> str:
    name = parameter.name.upper() + ("…" if parameter.nargs == -1 else "")
    return name if parameter.required else f"[{name}]"


def _parameter(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        written = f"`{parameter.name.upper()}`"
    else:
        written = ", ".join(f"`{o}`" for o in (*parameter.opts, *parameter.secondary_opts))
    default = "" if parameter.required else _shown(parameter.default)
    return f"| {written} | {_cell(getattr(parameter, 'help', None) or '')} | {default} |"


def _shown(value: Any) -> str:
    if value is None or value is False or value == () or value == [] or value == "" or "Sentinel" in repr(type(value)):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


# -- definitions ----------------------------------------------------------------------------------------


def definitions() -> str:
    parts = [
        GENERATED,
        DEFINITIONS,
    ]
    for kind in KINDS:
        parts.append(f"## {kind}\n\n{summary_of(kind)}")
        parts.append(_fields(CLASSES[kind]))
    parts.append("## Parts of definitions")
    for part in parts_of_kinds():
        parts.append(f"### {_title(part)}\n\n{summary_of(part)}")
        parts.append(_fields(part))
    return "\n\n".join(parts) + "\n"


def parts_of_kinds() -> list[type[Any]]:
    """The classes that keys of the kinds hold, in the order in which they are met."""
    found: list[type[Any]] = list(CLASSES.values())
    for part in found:  # Grows while it is walked.
        found += [f.part for f in fields_of(part) if f.part is not None and f.part not in found]
    return found[len(CLASSES) :]


def _fields(class_: type[Any]) -> str:
    rows = []
    for field in fields_of(class_):
        about = _cell(field.about or ABOUT.get(field.key, ""))
        if field.part is not None:
            about = f"{about} See [{_title(field.part)}](#{_title(field.part).replace(' ', '-')}).".strip()
        default = "required" if field.required else _json(field.default)
        rows.append(f"| `{field.key}` | {_cell(field.type_)} | {default} | {about} |")
    return "| Key | Takes | Default | Meaning |\n|---|---|---|---|\n" + "\n".join(rows)


def _title(class_: type[Any]) -> str:
    return "".join(f" {c.lower()}" if c.isupper() else c for c in class_.__name__).strip()


def _json(value: Any) -> str:
    if value is None or value in ("", [], {}, ()) or value == {"zh": "", "en": ""}:
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else _cell(str(value))}`"


# -- errors ---------------------------------------------------------------------------------------------


def error_classes() -> dict[str, type[GongbiError]]:
    """Code → the class that declares it, of everything that the package raises on purpose."""
    for module in pkgutil.walk_packages(gongbi.__path__, "gongbi."):
        if not module.name.startswith(("gongbi.testing", "gongbi.store.migrations", "gongbi.__main__")):
            importlib.import_module(module.name)
    found: dict[str, type[GongbiError]] = {}
    waiting: list[type[GongbiError]] = [GongbiError]
    for class_ in waiting:  # Grows while it is walked.
        if "code" in vars(class_) and class_ is not GongbiError and isinstance(class_.code, str):
            found.setdefault(class_.code, class_)
        waiting += [c for c in class_.__subclasses__() if c not in waiting and c.__module__.startswith("gongbi.")]
    return found


def errors() -> str:
    parts = [
        GENERATED,
        ERRORS,
        "| Code | Means | Kind | Exit code | What to do |\n|---|---|---|---|---|\n" + "\n".join(_error_rows()),
        TROUBLE,
        "| Trouble | Means |\n|---|---|\n"
        + "\n".join(f"| `{name}` | {_cell(TROUBLES.get(name, ''))} |" for name in get_args(Trouble)),
        "Single rows that are set aside have a *reason*: see [Sources](../guides/sources.md#rejected-rows).",
    ]
    return "\n\n".join(parts) + "\n"


def _error_rows() -> Iterator[str]:
    for code, class_ in error_classes().items():
        about = " ".join((class_.__doc__ or "").split("\n\n")[0].split())
        ends = "130" if code == "cancelled" else EXITS[class_.kind]
        yield f"| `{code}` | {_cell(about)} | {class_.kind} | {ends} | {_cell(ADVICE.get(code, ''))} |"


def _cell(text: str) -> str:
    joined = " ".join(text.replace("``", "`").split())
    return joined.replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
