"""Check the rules of this repository that no other tool checks: `make lint` runs it.

Each rule yields one sentence per breach, with the file first. No breach: exit 0.
"""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path, PurePath

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = PurePath("src/gongbi")

LONGEST_FILE = 600
VAGUE_NAMES = {"common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"}

# A third party that only one room may import.
OWNERS = {"duckdb": "engine", "pyspark": "engine", "dbos": "jobs", "nicegui": "console"}
# A room that may import no third party but these.
STANDS_ON = {
    "core": {"chinese_calendar", "pyarrow"},
    "errors": set[str](),
}

# Where packages come from is a matter of the machine, not of the project.
INDEX_OPTION = re.compile(r"^\s*(-i|-f|--(extra-)?index-url|--find-links|--trusted-host)\b")
REGISTRY_HOSTS = re.compile(r"\b(pypi|pythonhosted|npmjs|(deb|security)\.debian)\.org\b")


def main() -> int:
    files = tracked_files()
    breaches = [
        *long_files(files),
        *vague_names(files),
        *unowned_imports(files),
        *addresses_in_locks(files),
        *registry_hosts(files),
        *stale_locks(),
    ]
    for breach in breaches:
        print(breach)
    print(f"{len(files)} files checked, {len(breaches)} breaches of the repository's rules.")
    return 1 if breaches else 0


def tracked_files() -> list[PurePath]:
    """Files that git knows or would take, so that a breach is seen before it is committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout.decode()
    paths = sorted({PurePath(name) for name in listed.split("\0") if name})
    return [path for path in paths if (ROOT / path).is_file()]


def long_files(files: list[PurePath]) -> Iterator[str]:
    for path in python_of_the_package(files):
        lines = len(read(path).splitlines())
        if lines > LONGEST_FILE:
            yield f"{path}: {lines} lines; split it by {LONGEST_FILE}."


def vague_names(files: list[PurePath]) -> Iterator[str]:
    for path in python_of_the_package(files):
        for part in (*path.parent.parts, path.stem):
            if part in VAGUE_NAMES:
                yield f"{path}: '{part}' says nothing; name the module after what it does."


def unowned_imports(files: list[PurePath]) -> Iterator[str]:
    for path in python_of_the_package(files):
        room = PurePath(path.relative_to(PACKAGE).parts[0]).stem
        for line, name in third_parties(path):
            owner = OWNERS.get(name)
            # The fixtures of the contract suite share one session, which they must name.
            if owner not in (None, room) and room != "testing":
                yield f"{path}:{line}: only gongbi.{owner} imports {name}."
            if name not in STANDS_ON.get(room, {name}):
                allowed = ", ".join(sorted(STANDS_ON[room])) or "the standard library alone"
                yield f"{path}:{line}: gongbi.{room} stands on {allowed}, not on {name}."


def third_parties(path: PurePath) -> Iterator[tuple[int, str]]:
    ours = sys.stdlib_module_names | {"gongbi"}
    for node in ast.walk(ast.parse(read(path), filename=str(path))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        else:
            continue
        for name in names:
            top = name.partition(".")[0]
            if top not in ours:
                yield node.lineno, top


def addresses_in_locks(files: list[PurePath]) -> Iterator[str]:
    for path in files:
        if path.parts[0] != "locks":
            continue
        for number, line in enumerate(read(path).splitlines(), start=1):
            if INDEX_OPTION.search(line) or "://" in line or " @ " in line:
                yield f"{path}:{number}: a lock carries versions and hashes, no address."


def registry_hosts(files: list[PurePath]) -> Iterator[str]:
    for path in files:
        try:
            text = read(path)
        except UnicodeDecodeError:
            continue  # Not text: nobody reads an address there.
        for number, line in enumerate(text.splitlines(), start=1):
            found = REGISTRY_HOSTS.search(line)
            if found:
                yield f"{path}:{number}: names the package registry {found[0]}."


def stale_locks() -> Iterator[str]:
    """A dependency that pyproject.toml asks for and the lock does not have."""
    project = tomllib.loads(read(PurePath("pyproject.toml")))["project"]
    extras = project["optional-dependencies"]
    wanted_by_lock = {
        "demo": project["dependencies"] + extras["demo"],
        "dev": project["dependencies"] + [line for extra in extras.values() for line in extra],
    }
    for lock, wanted in wanted_by_lock.items():
        path = PurePath("locks") / f"{lock}.txt"
        locked = versions(read(path))
        for requirement in map(Requirement, wanted):
            found = locked.get(canonicalize_name(requirement.name), set())
            if not found or not all(requirement.specifier.contains(v, prereleases=True) for v in found):
                seen = ", ".join(sorted(found)) or "nothing"
                yield f"{path}: pyproject.toml asks for {requirement}, the lock has {seen}; run `make lock`."


def versions(lock: str) -> dict[str, set[str]]:
    """The versions of each package; more than one where a marker chooses."""
    found: dict[str, set[str]] = {}
    for line in lock.splitlines():
        pinned = re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", line)
        if pinned:
            found.setdefault(canonicalize_name(pinned[1]), set()).add(pinned[2])
    return found


def python_of_the_package(files: list[PurePath]) -> Iterator[PurePath]:
    return (path for path in files if path.suffix == ".py" and path.is_relative_to(PACKAGE))


def read(path: PurePath) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
