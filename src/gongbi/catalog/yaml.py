"""YAML in and out: the text form of definitions.

A file holds documents separated by ``---``; a document is one definition or a list of them. Reading is strict (an
unknown key is an error), safe (nothing is constructed but the dataclasses of `catalog.base`) and tells every error of
a folder at once, each with file, line and column. What is written is read back as the same definition.

A definition's `place` is its first line. The places of its values are kept beside it: see `place_of`, `expr_place`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import yaml
from yaml.nodes import Node, ScalarNode, SequenceNode
from yaml.reader import Reader

from gongbi.catalog.base import Definition, Kind, TagDef, kind_of, name_of
from gongbi.catalog.decode import Decoder, TooManyValues, to_node
from gongbi.catalog.encode import encode, to_json
from gongbi.catalog.shape import NULL, RESOLVERS, InvalidDefinitions, Spot
from gongbi.errors import GongbiError, InvalidDefinition, Place

__all__ = [
    "InvalidDefinitions",
    "expr_place",
    "from_json",
    "place_of",
    "read_definitions",
    "read_file",
    "read_text",
    "to_json",
    "write_definitions",
    "write_text",
]

MOST_BYTES = 1_000_000
MOST_LEVELS = 30
_WIDTH = 100


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}


class _Dumper(yaml.SafeDumper):
    yaml_implicit_resolvers = {}  # noqa: RUF012

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, False)


def _represent_text(dumper: _Dumper, text: str) -> ScalarNode:
    lines = text.split("\n")
    printable = all(line.isprintable() for line in lines)
    # Only what a block scalar gives back unchanged: the reader drops its last line break.
    tame = printable and all(line and line == line.strip() for line in lines)
    style = None
    if len(lines) > 1 or not printable:
        style = "|" if tame else '"'
    elif tame and len(text) > _WIDTH - 20 and " " in text:
        style = ">"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


for _tag, _pattern, _first in RESOLVERS:
    _Loader.add_implicit_resolver(_tag, _pattern, _first)
    _Dumper.add_implicit_resolver(_tag, _pattern, _first)
_Dumper.add_representer(str, _represent_text)


def read_text(text: str, file: str | None = None) -> list[Definition]:
    """Read the definitions of a text, in their order.

    Raises
    ------
    InvalidDefinitions
        With everything that is wrong, each error with its place.
    """
    return _checked([_read(text, file)])


def read_file(path: Path | str) -> list[Definition]:
    """Read the definitions of a file."""
    return _checked([_read_file(Path(path))])


def read_definitions(folder: Path | str) -> list[Definition]:
    """Read all `*.yaml` and `*.yml` below a folder, sorted by path; hidden files and folders are passed over."""
    root = Path(folder)
    if not root.is_dir():
        raise InvalidDefinition(f"There is no folder {root.as_posix()!r} to read definitions from.")
    paths = sorted(
        path
        for path in root.rglob("*")
        if path.suffix in (".yaml", ".yml")
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(root).parts)
    )
    return _checked([_in_library(*_read_file(path), path.relative_to(root)) for path in paths])


def _in_library(
    definitions: list[Definition], errors: list[GongbiError], path: Path
) -> tuple[list[Definition], list[GongbiError]]:
    """Tags below `libraries/NAME/` are in that library."""
    if len(path.parts) < 3 or path.parts[0] != "libraries":
        return definitions, errors
    library, found = path.parts[1], list[Definition]()
    for definition in definitions:
        if isinstance(definition, TagDef):
            if definition.library not in ("", library):
                message = f"Tag {definition.tag!r} is in the folder of {library!r} and says {definition.library!r}."
                errors.append(InvalidDefinition(message, place=place_of(definition, "library")))
            definition = replace(definition, library=library)
        found.append(definition)
    return found, errors


def _checked(read: Iterable[tuple[list[Definition], list[GongbiError]]]) -> list[Definition]:
    definitions: list[Definition] = []
    errors: list[GongbiError] = []
    first: dict[tuple[str, str], Definition] = {}
    for some, wrong in read:
        errors += wrong
        for definition in some:
            kind, name = kind_of(definition), name_of(definition)
            before = first.setdefault((kind, name), definition)
            if before is not definition:
                message = f"The {kind} {name!r} is defined twice, first at {before.place}."
                hint = "Remove or rename one."
                library = getattr(definition, "library", "") or getattr(before, "library", "")
                if isinstance(definition, TagDef) and library:
                    hint = f"A library refines a tag under its own name: `{library}.{name}` with `refines: {name}`."
                errors.append(InvalidDefinition(message, hint=hint, place=definition.place))
            definitions.append(definition)
    if errors:
        raise InvalidDefinitions(errors)
    return definitions


def _read_file(path: Path) -> tuple[list[Definition], list[GongbiError]]:
    file = path.as_posix()
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
        return _read(content.decode("utf-8"), file)
    except UnicodeDecodeError as error:
        before = content[: error.start]
        place = Place(file, before.count(b"\n") + 1)
        return [], [InvalidDefinition("The file is not UTF-8.", hint="Save it as UTF-8.", place=place)]
    except OSError as error:
        return [], [InvalidDefinition(f"The file cannot be read: {error.strerror}.", place=Place(file))]


def _read(text: str, file: str | None) -> tuple[list[Definition], list[GongbiError]]:
    text = text.removeprefix("\ufeff")
    if len(text) > MOST_BYTES or len(text.encode("utf-8", "replace")) > MOST_BYTES:
        return [], [InvalidDefinition("The file is larger than 1 MB.", hint="Split it.", place=Place(file, 1))]
    if odd := Reader.NON_PRINTABLE.search(text):
        lines = text[: odd.start()].split("\n")
        message = f"The character U+{ord(odd.group()):04X} is not allowed in YAML."
        return [], [InvalidDefinition(message, place=Place(file, len(lines), len(lines[-1]) + 1))]
    definitions: list[Definition] = []
    errors: list[GongbiError] = []
    decoder = Decoder(text, file)
    try:
        for document in _documents(text):
            for node in document.value if isinstance(document, SequenceNode) else [document]:
                try:
                    definitions.append(decoder.definition(node))
                except GongbiError as error:
                    errors.append(error)
    except yaml.YAMLError as error:
        errors.append(_syntax_error(error, file))
    except TooManyValues:
        errors.append(
            InvalidDefinition("The file is nested too deeply, or its aliases unfold to too much.", place=Place(file, 1))
        )
    return definitions, errors


def _documents(text: str) -> Iterator[Node]:
    _check_depth(text)
    loader = _Loader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            if node.tag != NULL:  # An empty document, or one of comments only.
                yield node
    finally:
        loader.dispose()


def _check_depth(text: str) -> None:
    # The composer calls itself for each level, and the one in C then ends the process without a word.
    depth = 0
    with suppress(yaml.YAMLError):  # It is met again, and told, when the documents are composed.
        for event in yaml.parse(text, Loader=_Loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MOST_LEVELS:
                raise TooManyValues


def _syntax_error(error: yaml.YAMLError, file: str | None) -> InvalidDefinition:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
    hint = None
    if "mapping values" in problem:
        hint = "A text that holds `: ` is written in quotes, or on the line below after `>`."
    elif "cannot start any token" in problem:
        hint = "Indent with spaces, and quote a text that begins with a special character."
    return InvalidDefinition(f"This is not YAML: {problem}.", hint=hint, place=place)


def place_of(definition: Definition, *path: str | int) -> Place | None:
    """Where a value of a definition begins, e.g. ``place_of(source, "columns", "amount", "expr")``.

    The definition's own place where that value is not in the file; None for a definition that was not read from one.
    For a block scalar (``|`` or ``>``) it is the first line of its text.
    """
    place = definition.place
    return place.parts.get(path, place) if isinstance(place, Spot) else place


def expr_place(definition: Definition) -> Place | None:
    """Where the text of the definition's `expr` begins."""
    return place_of(definition, "expr")


def write_text(definition: Definition) -> str:
    """Return a definition as YAML: kind first, fields in their order, defaults left out."""
    return _dump([encode(definition)])


def _dump(bodies: list[Mapping[str, Any]]) -> str:
    documents = [
        yaml.dump(body, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH, default_flow_style=False)
        for body in bodies
    ]
    return "---\n".join(documents)


def write_definitions(definitions: Iterable[Definition], folder: Path | str) -> list[Path]:
    """Write `sources/NAME.yaml`, `tags/TOPIC.yaml`, `segments/NAME.yaml` and so on below a folder.

    Tags of one topic share a file. Files of these names are replaced, each at once; others are left alone.
    """
    files: dict[Path, list[Definition]] = {}
    for definition in sorted(definitions, key=name_of):
        stem = name_of(definition).split(".")[0]
        plural = {"library": "library"}.get(kind_of(definition), f"{kind_of(definition)}s")
        files.setdefault(Path(folder, plural, f"{stem}.yaml"), []).append(definition)
    for path, some in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        try:
            part.write_text(_dump([encode(definition) for definition in some]), encoding="utf-8", newline="\n")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    return sorted(files)


def from_json(kind: Kind, body: Mapping[str, Any]) -> Definition:
    """Return the definition that `to_json` gave; it has no place."""
    return Decoder().definition(to_node(body), kind)
