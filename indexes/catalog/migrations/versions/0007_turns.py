"""Add scheduling: API key, size class, last service and retry time of jobs, flows and speeds."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("key_id", sa.String(length=64), nullable=True))
    op.add_column("jobs", sa.Column("lane", sa.Integer(), server_default="1", nullable=False))
    op.add_column("jobs", sa.Column("due_at", sa.Double(), server_default="0", nullable=False))
    op.execute("ALTER TABLE jobs RENAME COLUMN rung_at TO turn_at")
    op.execute("ALTER TABLE chunks RENAME COLUMN rung_at TO due_at")
    op.execute("ALTER TABLE jobs DROP COLUMN moved_at")
    op.execute("UPDATE jobs SET lane = 0 WHERE item_pk IN (SELECT pk FROM items WHERE duration <= 30)")
    op.create_index(
        op.f("ix_jobs_state_move_pk_key_id_lane_turn_at_pk"), "jobs", ["state", "move_pk", "key_id", "lane", "turn_at", "pk"]
    )
    op.create_table(
        "shares",
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("lane", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("begun", sa.Double(), nullable=False),
        sa.Column("used", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", "lane", name=op.f("pk_shares")),
    )
    op.create_table(
        "speeds",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_speeds")),
    )
