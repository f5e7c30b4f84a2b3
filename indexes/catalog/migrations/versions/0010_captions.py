"""Add captions, and the items without: all searchable images and videos."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

SEARCHABLE = """
    INSERT INTO uncaptioned (item_pk, space, next_segment, attempts, leased_until)
    SELECT p.item_pk, p.space, 0, 0, 0 FROM published p JOIN items i ON i.pk = p.item_pk WHERE i.kind IN ('image', 'video')
"""


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("library", sa.Column("caption_model", sa.String(length=64), nullable=True))
    op.add_column("library", sa.Column("caption_confidence", sa.Double(), nullable=False, server_default="0"))
    op.create_table(
        "captions",
        sa.Column("pk", key, nullable=False),
        sa.Column("item_pk", key, nullable=False),
        sa.Column("space", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("start", sa.Double(), nullable=False),
        sa.Column("end", sa.Double(), nullable=False),
        sa.Column("frame_time", sa.Double(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["item_pk"], ["items.pk"], name=op.f("fk_captions_item_pk"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_captions")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_captions_item_pk_space_model_start_end"), "captions", ["item_pk", "space", "model", "start", "end"], unique=True
    )
    op.create_table(
        "uncaptioned",
        sa.Column("item_pk", key, nullable=False),
        sa.Column("space", sa.String(length=64), nullable=False),
        sa.Column("next_segment", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("leased_until", sa.Double(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["item_pk"], ["items.pk"], name=op.f("fk_uncaptioned_item_pk"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("item_pk", "space", name=op.f("pk_uncaptioned")),
    )
    op.execute(SEARCHABLE)
