"""A PostgreSQL server of one's own for tests: in a temporary folder, reachable through a socket there only."""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

START_SECONDS = 30
# PostgreSQL refuses to run as root; then the first of these accounts that exists runs it.
UNPRIVILEGED = ("postgres", "nobody")


class CannotStart(Exception):
    """There is no PostgreSQL to start here, or it did not come up."""


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running server; `database` makes fresh databases on it."""

    folder: Path
    superuser: str = "gongbi"

    def url(self, database: str = "postgres") -> str:
        """Return the address of a database, as `Store.open` takes it."""
        address = URL.create(
            "postgresql+psycopg",
            username=self.superuser,
            database=database,
            query={"host": str(self.folder)},
        )
        return address.render_as_string(hide_password=False)

    def run(self, statement: str) -> None:
        """Carry out one statement outside a transaction, as `create database` asks for."""
        engine = create_engine(self.url(), isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            connection.execute(text(statement))

    @contextmanager
    def database(self) -> Iterator[str]:
        """Yield the address of an empty database that is dropped afterwards, whoever is still connected."""
        name = f"test_{uuid.uuid4().hex}"
        self.run(f"create database {name}")
        try:
            yield self.url(name)
        finally:
            self.run(f"drop database {name} with (force)")


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Start a server in a new folder; stop it and remove the folder at the end.

    Raises
    ------
    CannotStart
        Where there are no server binaries, or no account that may run them.
    """
    initdb, postgres = _binary("initdb"), _binary("postgres")
    account = _account()
    # Short, because a socket's path may have 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="gongbi-pg-"))
    try:
        if account is not None:
            os.chown(folder, account.pw_uid, account.pw_gid)
        as_account: dict[str, Any] = (
            {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        )
        server = PostgresServer(folder)
        data = folder / "data"
        made = subprocess.run(
            [initdb, "-D", data, "-U", server.superuser, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
            capture_output=True,
            text=True,
            cwd=folder,
            check=False,
            **as_account,
        )
        if made.returncode != 0:
            raise CannotStart(f"initdb failed: {made.stderr.strip()}")
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(folder),
            "fsync": "off",
            "full_page_writes": "off",
            # So that a test which forgets a zone does not pass by luck.
            "timezone": "Asia/Shanghai",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        log = folder / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [postgres, "-D", data, *options], stdout=output, stderr=output, cwd=folder, **as_account
            )
        try:
            _wait_for(server, process, log)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binary(name: str) -> str:
    found = shutil.which(name)
    if found:
        return found
    newest_first = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    if not newest_first:
        raise CannotStart(f"There is no {name} on the path or below /usr/lib/postgresql.")
    return str(newest_first[0])


def _account() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise CannotStart(f"{getpass.getuser()} may not run PostgreSQL, and no account of {UNPRIVILEGED} exists.")


def _wait_for(server: PostgresServer, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            server.run("select 1")
        except OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise CannotStart(f"PostgreSQL did not come up: {log.read_text()[-500:]}") from error
            time.sleep(0.05)
        else:
            return


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A server for the whole session; a test that asks for it is skipped where there can be none."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(running_postgres())
        except (CannotStart, ModuleNotFoundError) as error:
            pytest.skip(f"NO POSTGRESQL, SO NOTHING IS KNOWN ABOUT IT: {error}")
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of an empty database."""
    with postgres_server.database() as url:
        yield url
