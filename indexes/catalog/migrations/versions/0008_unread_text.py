"""Add the images on which text recognition has not run; of existing items, those without text."""

import json
from itertools import groupby

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

SEGMENTS = sa.text(
    'SELECT s.item_pk, s.space, s.shot, s."index", EXISTS('
    "SELECT 1 FROM evidence e WHERE e.segment_pk = s.pk AND e.kind = 'written') "
    "FROM segments s JOIN items i ON i.pk = s.item_pk JOIN published p ON p.item_pk = s.item_pk AND p.space = s.space "
    "WHERE i.kind IN ('image', 'video') "
    'ORDER BY s.item_pk, s.space, s."index"'
)
BATCH = 1000


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    table = op.create_table(
        "unread_text",
        sa.Column("item_pk", key, nullable=False),
        sa.Column("space", sa.String(length=64), nullable=False),
        sa.Column("segments", sa.String(), nullable=False),
        sa.Column("pictures", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("leased_until", sa.Double(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["item_pk"], ["items.pk"], name=op.f("fk_unread_text_item_pk"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("item_pk", "space", name=op.f("pk_unread_text")),
    )
    shown_segments = op.get_bind().execute(SEGMENTS).all()
    rows = []
    for (item_pk, space), of_item in groupby(shown_segments, lambda row: (row[0], row[1])):
        unread = []
        for _, of_shot in groupby(of_item, lambda row: row[2]):
            shot = list(of_shot)
            if not any(row[4] for row in shot):
                unread.append(shot[0][3])
        if unread:
            rows.append(
                {
                    "item_pk": item_pk,
                    "space": space,
                    "segments": json.dumps(unread),
                    "pictures": len(unread),
                    "attempts": 0,
                    "owner": None,
                    "leased_until": 0.0,
                    "error": None,
                }
            )
    for start in range(0, len(rows), BATCH):
        op.bulk_insert(table, rows[start : start + BATCH])
