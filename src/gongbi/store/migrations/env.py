"""Run by Alembic, with the connection and the transaction that `gongbi.store.migrate` opened."""

from __future__ import annotations

from alembic import context

from gongbi.store.migrate import VERSION_TABLE
from gongbi.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
context.run_migrations()
