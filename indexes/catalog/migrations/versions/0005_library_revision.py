"""Add the revision of the library, and the table of released files."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("library", sa.Column("revision", sa.BigInteger(), server_default="0", nullable=False))
    op.create_table(
        "released",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_released")),
    )
