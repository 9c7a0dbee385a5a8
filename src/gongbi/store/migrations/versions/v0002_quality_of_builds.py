"""How good each tag of a build is, why a build was refused, and who published it all the same."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "build_verdicts",
        sa.Column("build_id", sa.Integer(), nullable=False),
        sa.Column("refusal", sa.JSON(), nullable=False),
        sa.Column("accepted", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(["build_id"], ["builds.id"], name="fk_build_verdicts_build_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("build_id", name="pk_build_verdicts"),
    )
    op.create_table(
        "tag_quality",
        sa.Column("build_id", sa.Integer(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("coverage", sa.Float(), nullable=False),
        sa.Column("distinct", sa.BigInteger(), nullable=True),
        sa.Column("base_build", sa.Integer(), nullable=True),
        sa.Column("psi", sa.Float(), nullable=True),
        sa.Column("absent_rise", sa.Float(), nullable=True),
        sa.Column("edited", sa.Boolean(), nullable=False),
        sa.Column("freshness_days", sa.Float(), nullable=True),
        sa.Column("light", sa.Text(), nullable=False),
        sa.Column("breaches", sa.JSON(), nullable=False),
        sa.Column("bins", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(["build_id"], ["builds.id"], name="fk_tag_quality_build_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("build_id", "tag", name="pk_tag_quality"),
    )
    op.create_index("ix_tag_quality_tag", "tag_quality", ["tag"], unique=False)
