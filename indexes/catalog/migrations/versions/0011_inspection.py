"""Add kinds of jobs with tasks, and the tables of inspectors and inspections."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("jobs", sa.Column("kind", sa.String(length=16), nullable=False, server_default="ingest"))
    op.add_column("jobs", sa.Column("payload", sa.Text(), nullable=True))
    op.create_table(
        "tasks",
        sa.Column("pk", key, nullable=False),
        sa.Column("job_pk", key, nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("item_pk", key, nullable=True),
        sa.Column("item_id", sa.String(length=32), nullable=False),
        sa.Column("start", sa.Double(), nullable=False),
        sa.Column("end", sa.Double(), nullable=False),
        sa.Column("cost", sa.Double(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("leased_until", sa.Double(), nullable=False),
        sa.Column("due_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["item_pk"], ["items.pk"], name=op.f("fk_tasks_item_pk"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["job_pk"], ["jobs.pk"], name=op.f("fk_tasks_job_pk"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_tasks")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_tasks_item_pk"), "tasks", ["item_pk"])
    op.create_index(op.f("ix_tasks_job_pk_index"), "tasks", ["job_pk", "index"], unique=True)
    _create_inspectors(key)
    _create_inspections(key)


def _create_inspectors(key: sa.types.TypeEngine[int]) -> None:
    op.create_table(
        "inspectors",
        sa.Column("pk", key, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_inspectors")),
        sa.UniqueConstraint("name", name=op.f("uq_inspectors_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "inspector_examples",
        sa.Column("pk", key, nullable=False),
        sa.Column("inspector_pk", key, nullable=False),
        sa.Column("item_pk", key, nullable=False),
        sa.Column("group", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["inspector_pk"], ["inspectors.pk"], name=op.f("fk_inspector_examples_inspector_pk"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["item_pk"], ["items.pk"], name=op.f("fk_inspector_examples_item_pk"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_inspector_examples")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_inspector_examples_inspector_pk_item_pk"), "inspector_examples", ["inspector_pk", "item_pk"], unique=True
    )
    op.create_index(op.f("ix_inspector_examples_item_pk"), "inspector_examples", ["item_pk"])
    op.create_table(
        "inspector_versions",
        sa.Column("inspector_pk", key, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("is_ready", sa.Boolean(), nullable=False),
        sa.Column("comparison", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["inspector_pk"], ["inspectors.pk"], name=op.f("fk_inspector_versions_inspector_pk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("inspector_pk", "version", name=op.f("pk_inspector_versions")),
    )
    op.create_index(op.f("ix_inspector_versions_job_id"), "inspector_versions", ["job_id"])


def _create_inspections(key: sa.types.TypeEngine[int]) -> None:
    op.create_table(
        "inspections",
        sa.Column("pk", key, nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("job_pk", key, nullable=False),
        sa.Column("inspector", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("num_items", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["job_pk"], ["jobs.pk"], name=op.f("fk_inspections_job_pk")),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_inspections")),
        sa.UniqueConstraint("id", name=op.f("uq_inspections_id")),
        sa.UniqueConstraint("job_pk", name=op.f("uq_inspections_job_pk")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_inspections_inspector_pk"), "inspections", ["inspector", "pk"])
    op.create_table(
        "inspection_results",
        sa.Column("pk", key, nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("run_pk", key, nullable=False),
        sa.Column("item_pk", key, nullable=False),
        sa.Column("start", sa.Double(), nullable=False),
        sa.Column("end", sa.Double(), nullable=False),
        sa.Column("frame_time", sa.Double(), nullable=False),
        sa.Column("p_value", sa.Double(), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("heat", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["item_pk"], ["items.pk"], name=op.f("fk_inspection_results_item_pk"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["run_pk"], ["inspections.pk"], name=op.f("fk_inspection_results_run_pk"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_inspection_results")),
        sa.UniqueConstraint("id", name=op.f("uq_inspection_results_id")),
        sqlite_autoincrement=True,
    )
    for columns in (["item_pk"], ["verdict"], ["heat"], ["run_pk", "p_value", "pk"]):
        op.create_index(op.f(f"ix_inspection_results_{'_'.join(columns)}"), "inspection_results", columns)
    op.create_index(
        op.f("ix_inspection_results_run_pk_item_pk_start_end"),
        "inspection_results",
        ["run_pk", "item_pk", "start", "end"],
        unique=True,
    )
    op.create_table(
        "inspection_regions",
        sa.Column("result_pk", key, nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=True),
        sa.Column("length_mm", sa.Double(), nullable=True),
        sa.Column("width_mm", sa.Double(), nullable=True),
        sa.Column("area_mm2", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["result_pk"], ["inspection_results.pk"], name=op.f("fk_inspection_regions_result_pk"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("result_pk", "index", name=op.f("pk_inspection_regions")),
    )
    op.create_index(op.f("ix_inspection_regions_kind"), "inspection_regions", ["kind"])
