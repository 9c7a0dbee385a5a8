"""Bring a store's tables to the shape that this version of Gongbi knows."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import String, column, inspect, select, table
from sqlalchemy.exc import DBAPIError

from gongbi.errors import WorkspaceProblem

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

    from gongbi.store.database import Database

VERSION_TABLE = "gongbi_version"
#: The newest revision of `migrations/versions`; written here so that a store in order is opened without Alembic, whose
#: import takes longer than most commands.
HEAD = "0005"

# Alembic keeps the migration under way in module globals: one at a time in a process.
_one_at_a_time = threading.Lock()


def migrate(database: Database) -> None:
    """Run the migrations that the store lacks, in one transaction; a failure leaves it as it was.

    A store that a newer Gongbi wrote is refused and not touched.
    """
    with database.reading() as connection:
        if current_version(connection) == HEAD:
            return
    from alembic import command
    from alembic.script import ScriptDirectory

    config = _config()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    with _one_at_a_time, database.transaction() as connection:
        # Looked at again: another process may have migrated while this one waited for its turn.
        found = current_version(connection)
        if found == HEAD:
            return
        if found is not None and found not in known:
            raise WorkspaceProblem(
                f"The store was written by a newer Gongbi (its version is {found!r}, this one knows {HEAD!r}).",
                hint="Upgrade Gongbi, or restore a backup made before the upgrade.",
            )
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, HEAD)
        except DBAPIError as error:
            raise WorkspaceProblem(
                f"The store could not be brought up to date from {found or 'nothing'} to {HEAD}: {error.orig}.",
                hint="It is as it was before. Does the database belong to something else?",
            ) from error


def current_version(connection: Connection) -> str | None:
    """Return the revision that the store is at, or None where nothing was ever created."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.scalar(select(column("version_num", String)).select_from(table(VERSION_TABLE)))


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    # A percent sign in the path would be read as interpolation.
    folder = str(Path(__file__).parent / "migrations").replace("%", "%%")
    config.set_main_option("script_location", folder)
    return config
