"""Pipelines and workloads, reports of runs in trees, and what is left out of samples.

A build of an earlier revision writes none of the new tables and reads none of them, so it runs on this schema too. While
it does, inputs and outputs that were declared count like any others.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables, and the index that finds a dataset's version by the URI that is its label."""
    _add_pipelines()
    op.create_table(
        "run_reports",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("declared", sa.Boolean(), nullable=False),
        sa.Column("reported", sa.Boolean(), nullable=False),
        sa.Column("ancestors", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.PrimaryKeyConstraint("run_id"),
        comment="Of runs in trees: whether inputs or outputs were declared of one, whether it or a descendant reported any, and the runs that it named as parent or root. Only grows; runs that reported from the start have none",
    )
    op.create_table(
        "sampled_runs",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("due", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_dropped", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("run_id"),
        comment="Successful runs that are not in the sample: when to decide whether their events can be dropped, and whether they were. Times are the server's",
    )
    op.create_index("sampled_runs_by_due", "sampled_runs", ["due"], postgresql_where=sa.text("due IS NOT NULL"))
    op.create_table_comment(
        "locks",
        "Rows that are locked to do one thing at a time: `names`, to join names of datasets; `workloads` and the id of a namespace, to replace its workloads",
    )
    op.create_index(
        "dataset_versions_by_uri", "dataset_versions", ["label"], postgresql_where=sa.text("label LIKE '%://%'")
    )


def _add_pipelines() -> None:
    op.create_table(
        "pipelines",
        sa.Column("pipeline_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("namespace", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("uid", sa.Text(collation="C"), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("criticality", sa.SmallInteger(), nullable=False),
        sa.Column("declarations", sa.LargeBinary(), nullable=False),
        sa.Column("successful_percent", sa.SmallInteger(), nullable=True),
        sa.Column("sampled_out_count", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("retention_days", sa.Integer(), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("update_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("pipeline_id"),
        comment="What was declared with LineagePipelines; declarations are msgpack of [job, inputs, outputs]. successful_percent is not set where all is kept, end_time while the resource is there. Times are the server's",
    )
    op.create_index("pipelines_by_name", "pipelines", ["namespace", "name"], unique=True)
    op.create_table(
        "workloads",
        sa.Column("namespace", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("job_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("job_namespace", sa.Text(collation="C"), nullable=False),
        sa.Column("job_name", sa.Text(collation="C"), nullable=False),
        sa.Column("pipeline_id", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("pipeline_name", sa.Text(collation="C"), nullable=True),
        sa.Column("change_time", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("namespace", "kind", "job_id"),
        comment="What runs in Kubernetes namespaces, and the pipeline of the namespace that covers it, if one does",
    )
    op.create_index(
        "workloads_by_pipeline_id",
        "workloads",
        ["pipeline_id"],
        postgresql_where=sa.text("pipeline_id IS NOT NULL"),
    )
