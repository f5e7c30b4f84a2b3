"""Add the scene of each segment of a video."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("segments", sa.Column("scene_start", sa.Double(), nullable=True))
    op.add_column("segments", sa.Column("scene_end", sa.Double(), nullable=True))
