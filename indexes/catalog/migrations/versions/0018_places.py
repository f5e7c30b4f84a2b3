"""Add names of places to captures. Those of before have none yet; workers add them."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("captures", sa.Column("place", sa.String(), nullable=True))
    op.add_column("captures", sa.Column("place_key", sa.String(), nullable=True))
    op.create_index(op.f("ix_captures_place"), "captures", ["place"])
