"""What is personal is for its owner only, whatever the umask and the folder; and a repository's own rules stay."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import gongbi as package
from gongbi.ownership.files import private_folder
from gongbi.workspace import OWN, init


@pytest.fixture
def open_to_all() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("open_to_all")
def test_nobody_else_may_read_what_a_workspace_in_an_open_folder_holds(shop: Path) -> None:
    shop.chmod(0o755)
    (shop / "exports").mkdir(mode=0o777)
    orders = shop / "data/orders.csv"
    orders.write_text(orders.read_text("utf-8").replace("9.90", "nine"), "utf-8")
    with package.open(shop) as ws:
        ws.apply()
        ws.ingest()
        ws.build()
        lists = [shop / f"list{ending}" for ending in (".csv", ".xlsx", ".parquet")]
        for file in lists:
            ws.segment("regulars").export(file)
        (load,) = (row["id"] for row in ws.loads("orders"))
        rejects = shop / "bad.csv"
        ws.export_rejects(load, rejects)
        rejects.write_text(rejects.read_text("utf-8-sig").replace(",nine,1", ",9.90,1"), "utf-8")
        ws.repair(load, rejects)
        stores = [shop / "engine/tables.duckdb", *shop.glob("store.sqlite*"), shop / "gongbi.lock"]
        assert {str(p.relative_to(shop)): oct(mode(p)) for p in [*stores, *lists, rejects] if mode(p) != 0o600} == {}
    assert [mode(shop / name) for name in ("engine", "exports", "repairs")] == [0o700] * 3
    assert all(mode(file) == 0o600 for file in (shop / "repairs").iterdir())
    assert mode(private_folder(shop / "models")) == 0o700


def test_files_of_an_older_workspace_are_closed_when_it_is_opened(built_shop: Path) -> None:
    files = [built_shop / name for name in ("store.sqlite", "engine/tables.duckdb", "gongbi.lock")]
    for path in [*files, built_shop / "engine"]:
        path.chmod(0o777)
    with package.open(built_shop):
        assert [mode(path) for path in files] == [0o600] * 3
    assert mode(built_shop / "engine") == 0o700


def ignored(root: Path, *names: str) -> set[str]:
    done = subprocess.run(["git", "check-ignore", *names], cwd=root, capture_output=True, text=True, check=False)
    return set(done.stdout.split())


KEPT = [name.strip("/").rstrip("*") + ("/x" if name.endswith("/") else "") for name in OWN]


@pytest.mark.parametrize("before", [None, b"*.pyc", b"# mine\r\n/engine\r\nbuild/\r\n"])
def test_a_project_keeps_its_own_rules_and_git_ignores_only_what_is_ours(tmp_path: Path, before: bytes | None) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    file = tmp_path / ".gitignore"
    if before is not None:
        file.write_bytes(before)
    init(tmp_path)
    after = file.read_bytes()
    assert after.startswith(before or b"")
    assert after.count(b"/engine") == 1
    assert ignored(tmp_path, *KEPT) == set(KEPT)
    assert ignored(tmp_path, "README.md", "src/app.py", "definitions/tags.yaml", "gongbi.toml") == set()
    (tmp_path / "gongbi.toml").unlink()
    init(tmp_path)
    assert file.read_bytes() == after


def test_in_a_new_folder_git_ignores_all_but_settings_and_definitions(tmp_path: Path) -> None:
    root = init(tmp_path / "new")
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    assert ignored(root, *KEPT, "data/a.csv") == {*KEPT, "data/a.csv"}
    assert ignored(root, "definitions/a.yaml", "gongbi.toml", ".gitignore") == set()
    (root / "gongbi.toml").unlink()
    before = (root / ".gitignore").read_text("utf-8")
    init(root)
    assert (root / ".gitignore").read_text("utf-8") == before
