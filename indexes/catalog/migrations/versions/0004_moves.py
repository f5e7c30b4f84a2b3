"""Add reindexing: its table, its jobs, and the space that the library was reindexed to."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("library", sa.Column("space_name", sa.String(), nullable=True))
    op.add_column("library", sa.Column("space", sa.String(length=64), nullable=True))
    op.create_table(
        "moves",
        sa.Column("pk", key, nullable=False),
        sa.Column("source_name", sa.String(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("target_name", sa.String(), nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("leave_out", sa.Boolean(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_moves")),
        sqlite_autoincrement=True,
    )
    op.add_column("jobs", sa.Column("move_pk", key, nullable=True))
    op.create_index(op.f("ix_jobs_move_pk"), "jobs", ["move_pk"], unique=False)
