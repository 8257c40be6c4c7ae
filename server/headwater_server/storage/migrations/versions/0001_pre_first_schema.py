"""The first schema.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes every table, with a default partition for each that is partitioned."""
    op.create_table(
        "contents",
        sa.Column("content_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("content_id"),
        comment="Facets of one asset as one JSON object, each byte for byte, zstd",
    )
    op.create_table(
        "dataset_versions",
        sa.Column("dataset_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("schema_id", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("label", sa.Text(collation="C"), nullable=True),
        sa.Column("first_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("source", sa.SmallInteger(), nullable=False),
        sa.Column("disputed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("dataset_id", "version_id"),
        comment="States of datasets; source 1 a successful run, 2 a DatasetEvent, 3 only a reader. A disputed one may have lost the write that made it, and is checked when it is read",
    )
    op.create_index("dataset_versions_by_time", "dataset_versions", ["dataset_id", "first_time"], unique=False)
    op.create_index(
        "dataset_versions_disputed",
        "dataset_versions",
        ["dataset_id"],
        unique=False,
        postgresql_where=sa.text("disputed"),
    )
    op.create_table(
        "datasets",
        sa.Column("dataset_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("namespace_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("canonical_id", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("dataset_id"),
        comment="Every dataset that an event names; canonical_id is set where symlinks join it with others",
    )
    op.create_index("datasets_by_bare_name", "datasets", ["name"], unique=False)
    op.create_index(
        "datasets_by_canonical_id",
        "datasets",
        ["canonical_id"],
        unique=False,
        postgresql_where=sa.text("canonical_id IS NOT NULL"),
    )
    op.create_index(
        "datasets_by_name",
        "datasets",
        ["namespace_id", "name"],
        unique=False,
        postgresql_where=sa.text("canonical_id IS NULL OR canonical_id = dataset_id"),
    )
    op.create_index(
        "datasets_shown_by_name",
        "datasets",
        ["name", "dataset_id"],
        unique=False,
        postgresql_where=sa.text("canonical_id IS NULL OR canonical_id = dataset_id"),
    )
    op.create_table(
        "declarations",
        sa.Column("job_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("io_set_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("job_id", "time", "event_id"),
        comment="What JobEvents declare of a job's inputs and outputs",
    )
    op.create_table(
        "deletions",
        sa.Column("asset_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("asset_id", "time", "kind"),
        comment="When assets were dropped by an event (1), deleted by a call (2) or undeleted by one (3)",
    )
    op.create_table(
        "events",
        sa.Column("subject", sa.Uuid(), nullable=False),
        sa.Column("event_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("received", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sender_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "event_time", "event_id"),
        comment="Every event as it was sent (zstd), under its run, or under its dataset or job",
        postgresql_partition_by="RANGE (event_time)",
    )
    op.create_table(
        "field_links",
        sa.Column("source_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("target_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("job_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("transformation_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source_id", "target_id", "job_id", "transformation_id", "since"),
        comment="Links between fields, as links are between datasets",
    )
    op.create_index("field_links_by_job", "field_links", ["job_id"], unique=False)
    op.create_index("field_links_by_target", "field_links", ["target_id", "source_id", "job_id"], unique=False)
    op.create_table(
        "fields",
        sa.Column("field_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("dataset_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("path", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("field_id"),
        comment="Every field that field links name; the empty path is the dataset as a whole",
    )
    op.create_index("fields_by_dataset_id", "fields", ["dataset_id", "path"], unique=False)
    op.create_table(
        "io_set_datasets",
        sa.Column("dataset_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("role", sa.SmallInteger(), nullable=False),
        sa.Column("io_set_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("dataset_id", "role", "io_set_id"),
        comment="The io_sets that a dataset is in (role 1 input, 2 output): the way from a dataset to its runs",
    )
    op.create_table(
        "io_sets",
        sa.Column("io_set_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("inputs", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("outputs", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("links", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("io_set_id"),
        comment="What a run read and wrote, and the links that follow from it (msgpack, zstd)",
    )
    op.create_table(
        "job_versions",
        sa.Column("job_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("job_version_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("io_set_id", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("code_content_id", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("first_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disputed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "job_version_id"),
        comment="States of jobs: code, inputs and outputs. A disputed one may have lost its runs, and is checked when read",
    )
    op.create_index("job_versions_by_time", "job_versions", ["job_id", "first_time"], unique=False)
    op.create_index(
        "job_versions_disputed", "job_versions", ["job_id"], unique=False, postgresql_where=sa.text("disputed")
    )
    op.create_table(
        "jobs",
        sa.Column("job_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("namespace_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("head_io_set_id", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("head_since", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("job_id"),
        comment="Every job that an event names; from head_since on, its links are exactly those of head_io_set_id",
        postgresql_with={"fillfactor": "80"},
    )
    op.create_index("jobs_by_bare_name", "jobs", ["name"], unique=False)
    op.create_index("jobs_by_name", "jobs", ["namespace_id", "name"], unique=False)
    op.create_table(
        "links",
        sa.Column("source_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("target_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("job_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("inferred", sa.Boolean(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source_id", "target_id", "job_id", "inferred", "since"),
        comment="Links with the intervals in which they hold; until is infinity where they still hold. An end of the graph is a link between a dataset and the job itself. job_id is 0 where no job is known",
    )
    op.create_index("links_by_job", "links", ["job_id"], unique=False)
    op.create_index("links_by_target", "links", ["target_id", "source_id", "job_id"], unique=False)
    op.create_table(
        "dictionaries",
        sa.Column("dictionary_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("dictionary_id"),
        comment="The zstd dictionaries that bodies of events were compressed with; a frame names its own",
    )
    op.create_table(
        "locks",
        sa.Column("lock", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("lock"),
        comment="Rows that are locked to do one thing at a time: `names`, to join names of datasets",
    )
    op.create_table(
        "namespaces",
        sa.Column("namespace_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("namespace", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("namespace_id"),
        comment="Where names are unique",
    )
    op.create_index("namespaces_by_name", "namespaces", ["namespace"], unique=True)
    op.create_table(
        "rejected_events",
        sa.Column("received", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rejection_id", sa.Uuid(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("body_size", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("received", "rejection_id"),
        comment="Events that were rejected, with who sent them and why; received is the server's time",
        postgresql_partition_by="RANGE (received)",
    )
    op.create_table(
        "runs",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("job_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("external_id", sa.Text(collation="C"), nullable=True),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("nominal_start", sa.DateTime(timezone=True), nullable=True),
        sa.Column("nominal_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("parent_run_id", sa.Uuid(), nullable=True),
        sa.Column("root_run_id", sa.Uuid(), nullable=True),
        sa.Column("parent_job_id", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("io_set_id", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("version_set_id", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("job_version_id", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("events_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("events_to", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merge", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "created"),
        comment="Runs as their events say, merged. created is the time in a UUIDv7, else that of the first event to arrive; events_from and events_to bound the times of the run's events; merge holds what is needed to merge a further event",
        postgresql_partition_by="RANGE (created)",
    )
    op.create_index(
        "runs_by_io_set_end", "runs", ["io_set_id", "ended_at"], unique=False, postgresql_where=sa.text("state = 3")
    )
    op.create_index("runs_by_io_set_start", "runs", ["io_set_id", "started_at"], unique=False)
    op.create_index("runs_by_job", "runs", ["job_id", "started_at"], unique=False)
    op.create_index(
        "runs_by_job_end",
        "runs",
        ["job_id", "ended_at"],
        unique=False,
        postgresql_where=sa.text("state = 3 AND io_set_id IS NOT NULL"),
    )
    op.create_index(
        "runs_by_parent",
        "runs",
        ["parent_run_id", "started_at"],
        unique=False,
        postgresql_where=sa.text("parent_run_id IS NOT NULL"),
    )
    op.create_table(
        "schema_info",
        sa.Column("compatible_from", sa.Text(), nullable=False),
        comment="The oldest revision whose builds run on this schema",
    )
    op.create_table(
        "schemas",
        sa.Column("schema_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("schema_id"),
        comment="The fields of a schema: msgpack of [path, type, description, ordinal], zstd",
    )
    op.create_table(
        "senders",
        sa.Column("sender_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sender", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("sender_id"),
        comment="Who sent events",
    )
    op.create_table(
        "statement_assets",
        sa.Column("asset_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("role", sa.SmallInteger(), nullable=False),
        sa.Column("statement_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("content_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("asset_id", "role", "statement_id"),
        comment="The datasets that a statement speaks of (role 1 input, 2 output, 3 subject) and its job (role 0)",
    )
    op.create_table(
        "statement_sources",
        sa.Column("statement_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("statement_id"),
        comment="The JSON text of a statement, zstd",
    )
    op.create_table(
        "statements",
        sa.Column("statement_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("job_id", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("first_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_finality", sa.SmallInteger(), nullable=False),
        sa.Column("last_identity", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("statement_id"),
        comment="What events state of a job and its datasets, once for each content; when the first and the last event said it",
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index("statements_by_job_id", "statements", ["job_id"], unique=False)
    op.create_table(
        "symlinks",
        sa.Column("alias_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("dataset_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("alias_id", "dataset_id"),
        comment="alias_id was said to be a symlink of dataset_id",
    )
    op.create_index("symlinks_by_dataset_id", "symlinks", ["dataset_id"], unique=False)
    op.create_table(
        "terms",
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("term", sa.Text(collation="C"), nullable=False),
        sa.Column("asset_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("kind", "term", "asset_id"),
        comment="What an asset can be found by: 1 a part of its name, 2 tag, 3 owner, 4 field name, 5 dataset kind, all in lower case. Holds all that ever was true; what is found is checked",
    )
    op.create_table(
        "transformations",
        sa.Column("transformation_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("is_direct", sa.Boolean(), nullable=False),
        sa.Column("is_masking", sa.Boolean(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("transformation_id"),
        comment="How a field is made of another: msgpack of [type, subtype, description, masking]; is_masking where all mask",
    )
    op.create_table(
        "version_sets",
        sa.Column("version_set_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("outputs", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("output_versions", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("inputs", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("input_labels", postgresql.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.PrimaryKeyConstraint("version_set_id"),
        comment="The versions that a run wrote, and those that it said it read",
    )

    for table in ("events", "runs", "rejected_events"):
        op.execute(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT")
    op.execute("INSERT INTO locks VALUES ('names')")
    op.execute("INSERT INTO schema_info VALUES ('0001')")
