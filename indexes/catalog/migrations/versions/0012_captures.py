"""Add captures: when, where and with what files were taken. Items of before have no row yet."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "captures",
        sa.Column("item_pk", key, nullable=False),
        sa.Column("taken_local", sa.DateTime(timezone=True), nullable=True),
        sa.Column("taken_offset", sa.Integer(), nullable=True),
        sa.Column("make", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("lens", sa.String(), nullable=False),
        sa.Column("orientation", sa.Integer(), nullable=False),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("altitude", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["item_pk"], ["items.pk"], name=op.f("fk_captures_item_pk"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("item_pk", name=op.f("pk_captures")),
    )
    op.create_index(op.f("ix_captures_taken_local"), "captures", ["taken_local"])
