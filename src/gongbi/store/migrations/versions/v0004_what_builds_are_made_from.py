"""What builds are made from, so that a later one may start from an earlier one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "build_origins",
        sa.Column("build_id", sa.Integer(), nullable=False),
        sa.Column("made_from", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["build_id"], ["builds.id"], name="fk_build_origins_build_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("build_id", name="pk_build_origins"),
    )
