"""Add the languages of speech, of items and of lines. Those of before are unknown."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("evidence", sa.Column("language", sa.String(8), nullable=True))
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "spoken_languages",
        sa.Column("item_pk", key, nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("is_identified", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["item_pk"], ["items.pk"], name=op.f("fk_spoken_languages_item_pk"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("item_pk", "language", name=op.f("pk_spoken_languages")),
    )
    op.create_index(op.f("ix_spoken_languages_language"), "spoken_languages", ["language"])
