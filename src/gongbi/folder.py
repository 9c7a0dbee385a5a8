"""The folder of a workspace: its settings, how it is made, what git is told of it, the definitions of packs in it."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gongbi.catalog.governed import GOVERNED, MODES
from gongbi.catalog.quality import NO_LIMITS, Quality
from gongbi.core.clock import zone_of
from gongbi.errors import InvalidDefinition, UnknownName, WorkspaceProblem
from gongbi.packs import demo

#: Version of the folder's layout. Older code refuses a newer one.
FORMAT = 1
SETTINGS = "gongbi.toml"
#: What a workspace keeps beside its settings and definitions, as git is told to ignore it.
OWN = ("/engine/", "/exports/", "/models/", "/repairs/", "/gongbi.lock", "/jobs.sqlite*", "/store.sqlite*")
#: Folders that hold personal data, whoever made them and the workspace.
PRIVATE = ("engine", "exports", "models", "repairs")
_IGNORED = "*\n!.gitignore\n!gongbi.toml\n!definitions/\n!definitions/**\n"


@dataclass(frozen=True, slots=True)
class Settings:
    """What `gongbi.toml` says."""

    name: str = "workspace"
    zone: str = "UTC"
    engine: str = "duckdb"
    engine_options: Mapping[str, Any] = field(default_factory=dict)
    store: str = ""
    quality: Quality = NO_LIMITS
    governance: Mapping[str, str] = field(default_factory=dict)


def read_settings(root: Path) -> Settings:
    """Read `gongbi.toml`.

    Raises
    ------
    WorkspaceProblem
        No workspace here; a newer format; an unknown or wrong entry.
    """
    path = root / SETTINGS
    try:
        if not path.is_file():
            raise WorkspaceProblem(
                f"{str(root)!r} is no workspace: it has no {SETTINGS}.", hint="Run `gongbi init` there."
            )
        body = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise WorkspaceProblem(f"{path} cannot be read: {error}.") from error
    version = body.pop("format", None)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise WorkspaceProblem(f"{path} says no `format`.", hint=f"Add `format = {FORMAT}`.")
    if version > FORMAT:
        raise WorkspaceProblem(
            f"{str(root)!r} has format {version}; this Gongbi knows formats up to {FORMAT}.", hint="Upgrade Gongbi."
        )
    engine, limits = body.pop("engine", {}), body.pop("quality", {})
    governance = _governance(path, body.pop("governance", {}))
    known = {"name", "zone", "store"}
    if unknown := sorted(set(body) - known):
        raise WorkspaceProblem(
            f"{path} has the unknown entry {unknown[0]!r}.", hint=f"Known: {', '.join(sorted(known))}."
        )
    if not isinstance(engine, dict):
        raise WorkspaceProblem(f"{path}: `engine` is a table.", hint='Write [engine] and below it name = "duckdb".')
    for entry, value in [*body.items(), ("engine.name", engine.get("name", "duckdb"))]:
        if not isinstance(value, str):
            raise WorkspaceProblem(f"{path}: `{entry}` is a text, not {value!r}.")
    if not isinstance(limits, dict):
        raise WorkspaceProblem(f"{path}: `quality` is a table.", hint="Write [quality] and below it psi_max = 0.25.")
    try:
        quality = Quality.from_settings(limits)
    except InvalidDefinition as error:
        raise WorkspaceProblem(f"{path}: {error.message}", hint=error.hint) from None
    zone_of(body.get("zone", "UTC"))
    options = {k: v for k, v in engine.items() if k != "name"}
    name = engine.get("name", "duckdb")
    return Settings(engine=name, engine_options=options, quality=quality, governance=governance, **body)


def _governance(path: Path, said: Any) -> dict[str, str]:
    kinds = sorted(GOVERNED.values())
    if not isinstance(said, dict):
        raise WorkspaceProblem(f"{path}: `governance` is a table.", hint='Write [governance] and tags = "reviewed".')
    for kind, mode in said.items():
        if kind not in kinds:
            raise WorkspaceProblem(
                f"{path}: `governance` has the unknown entry {kind!r}.", hint=f"Known: {', '.join(kinds)}."
            )
        if mode not in MODES:
            raise WorkspaceProblem(f"{path}: `governance.{kind}` is {' or '.join(MODES)}, not {mode!r}.")
    return dict(said)


def init(path: str | Path, *, name: str | None = None, zone: str = "UTC", engine: str = "duckdb") -> Path:
    """Make an empty workspace folder; an existing one is left as it is."""
    from gongbi.engine import ENGINES

    root = Path(path).expanduser()
    zone_of(zone)
    if engine not in ENGINES:
        raise UnknownName("engine", engine, ENGINES)
    with _writing(root):
        there, is_file = (root / SETTINGS).exists(), root.exists() and not root.is_dir()
    if there:
        read_settings(root)
        return root
    if is_file:
        raise WorkspaceProblem(f"{str(root)!r} is a file, not a folder.")
    title = (name or root.resolve().name).replace("\\", "\\\\").replace('"', '\\"')
    text = f'format = {FORMAT}\nname = "{title}"\nzone = "{zone}"\n\n[engine]\nname = "{engine}"\n'
    partial = root / f".{SETTINGS}.partial"
    with _writing(root):
        # Personal data will lie here: nobody else on the machine may look, and no repository may take it in.
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        (root / "definitions").mkdir(exist_ok=True)
        _keep_out_of_repositories(root)
        partial.write_text(text, "utf-8")
        partial.replace(root / SETTINGS)
    return root


@contextmanager
def _writing(root: Path) -> Iterator[None]:
    """Say so in our own words where a workspace cannot be written."""
    try:
        yield
    except OSError as error:
        raise WorkspaceProblem(
            f"{root} cannot be written: {error.strerror or error}.", hint="Choose a folder that you may write to."
        ) from error


def _keep_out_of_repositories(root: Path) -> None:
    """Let git ignore what the workspace will hold; what a `.gitignore` says already stays as it is."""
    path = root / ".gitignore"
    if path.exists():
        before = path.read_bytes()
    elif any(entry.name == ".git" for entry in root.iterdir()):
        before = b""  # Somebody's project: what else is in it is theirs to keep.
    else:
        path.write_text(_IGNORED, "utf-8")
        return
    there = {line.strip().strip("/") for line in before.decode("utf-8", "replace").splitlines()}
    # A star keeps out everything that is not taken in again by name.
    missing = [] if "*" in there else [name for name in OWN if name.strip("/") not in there]
    if missing:
        end = b"\r\n" if b"\r\n" in before else b"\n"
        gap = b"" if not before or before.endswith(b"\n") else end
        added = ["# Gongbi keeps personal data here.", *missing]
        path.write_bytes(before + gap + b"".join(line.encode() + end for line in added))


def copy_pack(root: Path, pack: str) -> list[Path]:
    """Copy a demo pack into a workspace; files that are there stay as they are. Returns the new definition files."""
    source, given = demo(pack).definitions, demo(pack).given
    files = {file: root / "definitions" / file.relative_to(source) for file in sorted(source.rglob("*.yaml"))}
    values = {file: root / "given" / file.name for file in sorted(given.glob("*.*"))}
    written = []
    with _writing(root):
        for file, to in (files | values).items():
            if not to.exists():
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, to)
                written += [to] if file in files else []
    return written
