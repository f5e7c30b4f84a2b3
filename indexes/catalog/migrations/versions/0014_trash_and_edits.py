"""Add favourite, version and trash of items, and the names whose evidence is to be replaced."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("items", sa.Column("favourite", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("items", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("items", sa.Column("is_described", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("items", sa.Column("trashed_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_items_trashed_at"), "items", ["trashed_at"])
    op.create_table(
        "withdrawn",
        sa.Column("item_pk", key, nullable=False),
        sa.Column("space", sa.String(length=64), nullable=False),
        sa.Column("evidence", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["item_pk"], ["items.pk"], name=op.f("fk_withdrawn_item_pk"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("item_pk", "space", name=op.f("pk_withdrawn")),
    )
    op.create_table(
        "stale_names",
        sa.Column("item_pk", key, nullable=False),
        sa.Column("space", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["item_pk"], ["items.pk"], name=op.f("fk_stale_names_item_pk"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("item_pk", "space", name=op.f("pk_stale_names")),
    )
