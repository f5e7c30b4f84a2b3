"""Add albums and their entries."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "albums",
        sa.Column("pk", key, nullable=False),
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_albums")),
        sa.UniqueConstraint("id", name=op.f("uq_albums_id")),
        sa.UniqueConstraint("name", name=op.f("uq_albums_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "album_entries",
        sa.Column("pk", key, nullable=False),
        sa.Column("album_pk", key, nullable=False),
        sa.Column("item_pk", key, nullable=False),
        sa.Column("start", sa.Double(), nullable=False),
        sa.Column("end", sa.Double(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("is_cover", sa.Boolean(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["album_pk"], ["albums.pk"], name=op.f("fk_album_entries_album_pk"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["item_pk"], ["items.pk"], name=op.f("fk_album_entries_item_pk"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_album_entries")),
        sqlite_autoincrement=True,
    )
    columns = ["album_pk", "item_pk", "start", "end"]
    op.create_index(op.f("ix_album_entries_album_pk_item_pk_start_end"), "album_entries", columns, unique=True)
    op.create_index(op.f("ix_album_entries_album_pk_position"), "album_entries", ["album_pk", "position"])
    op.create_index(op.f("ix_album_entries_item_pk"), "album_entries", ["item_pk"])
