"""Add the progress of text recognition: images that are done, and those that failed."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("unread_text", sa.Column("done", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("unread_text", sa.Column("num_failed", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("unread_text", sa.Column("failed", sa.String(), nullable=False, server_default="[]"))
