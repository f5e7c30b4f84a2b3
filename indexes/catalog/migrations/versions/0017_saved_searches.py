"""Add saved searches and their matches."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "saved_searches",
        sa.Column("pk", key, nullable=False),
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("band", sa.String(16), nullable=False),
        sa.Column("webhook_url", sa.Text(), nullable=True),
        sa.Column("webhook_secret", sa.Text(), nullable=True),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("space", sa.String(64), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_saved_searches")),
        sa.UniqueConstraint("id", name=op.f("uq_saved_searches_id")),
        sa.UniqueConstraint("name", name=op.f("uq_saved_searches_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "search_matches",
        sa.Column("pk", key, nullable=False),
        sa.Column("search_pk", key, nullable=False),
        sa.Column("item_pk", key, nullable=False),
        sa.Column("start", sa.Double(), nullable=False),
        sa.Column("end", sa.Double(), nullable=False),
        sa.Column("best_start", sa.Double(), nullable=False),
        sa.Column("best_end", sa.Double(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("band", sa.String(16), nullable=False),
        sa.Column("matched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_read", sa.Boolean(), nullable=False),
        sa.Column("delivery", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["search_pk"], ["saved_searches.pk"], name=op.f("fk_search_matches_search_pk"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["item_pk"], ["items.pk"], name=op.f("fk_search_matches_item_pk"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_search_matches")),
        sqlite_autoincrement=True,
    )
    columns = ["search_pk", "item_pk"]
    op.create_index(op.f("ix_search_matches_search_pk_item_pk"), "search_matches", columns, unique=True)
    op.create_index(op.f("ix_search_matches_delivery_next_at"), "search_matches", ["delivery", "next_at"])
    op.create_index(op.f("ix_search_matches_item_pk"), "search_matches", ["item_pk"])
