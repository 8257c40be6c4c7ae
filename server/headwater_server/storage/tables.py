"""The tables of the store, each with what it holds and each index with the query it serves.

Ids are hashes of names (see `domain.ids`). Rows with an id that is a hash of their content are only ever inserted.
Times are event times unless said. `events`, `runs` and `rejected_events` are partitioned by time; see `partitions`.
Text is collated by bytes, so that order and prefix search are the same everywhere.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

metadata = MetaData()
SHOWN = "canonical_id IS NULL OR canonical_id = dataset_id"
"""That a dataset is shown under its own name."""


def _name(key: str, *, primary_key: bool = False, nullable: bool = False) -> Column[str]:
    return Column(key, Text(collation="C"), primary_key=primary_key, nullable=nullable)


def _time(key: str, *, primary_key: bool = False, nullable: bool = False) -> Column[datetime]:
    return Column(key, DateTime(timezone=True), primary_key=primary_key, nullable=nullable)


def _id(key: str, *, primary_key: bool = False, nullable: bool = False) -> Column[int]:
    return Column(key, BigInteger, autoincrement=False, primary_key=primary_key, nullable=nullable)


namespaces = Table(
    "namespaces",
    metadata,
    _id("namespace_id", primary_key=True),
    _name("namespace"),
    Index("namespaces_by_name", "namespace", unique=True),  # ListNamespaces
    comment="Where names are unique",
)

datasets = Table(
    "datasets",
    metadata,
    _id("dataset_id", primary_key=True),
    _id("namespace_id"),
    _name("name"),
    _id("canonical_id", nullable=True),
    Index(
        "datasets_by_name", "namespace_id", "name", postgresql_where=text(SHOWN)
    ),  # ListDatasets of a namespace, the number of datasets in one
    Index(
        "datasets_shown",
        "name",
        "dataset_id",
        postgresql_include=["canonical_id", "namespace_id"],
        postgresql_where=text(SHOWN),
    ),  # ListDatasets, and SearchAssets, which reads on over many names
    Index("datasets_by_bare_name", "name"),  # ResolveAddress of a bare name
    Index(
        "datasets_by_canonical_id", "canonical_id", postgresql_where=text("canonical_id IS NOT NULL")
    ),  # the names that are joined with one
    comment="Every dataset that an event names; canonical_id is set where symlinks join it with others",
)

jobs = Table(
    "jobs",
    metadata,
    _id("job_id", primary_key=True),
    _id("namespace_id"),
    _name("name"),
    _id("head_io_set_id", nullable=True),
    _time("head_since", nullable=True),
    Index("jobs_by_name", "namespace_id", "name"),  # ListJobs
    Index("jobs_by_bare_name", "name"),  # ResolveAddress of a bare name
    postgresql_with={"fillfactor": "80"},
    comment="Every job that an event names; from head_since on, its links are exactly those of head_io_set_id",
)

symlinks = Table(
    "symlinks",
    metadata,
    _id("alias_id", primary_key=True),
    _id("dataset_id", primary_key=True),
    Index("symlinks_by_dataset_id", "dataset_id"),  # the names that are joined with one
    comment="alias_id was said to be a symlink of dataset_id",
)

statements = Table(
    "statements",
    metadata,
    _id("statement_id", primary_key=True),
    _id("job_id", nullable=True),
    _time("first_time"),
    _time("last_time"),
    Column("last_finality", SmallInteger, nullable=False),
    Column("last_identity", LargeBinary, nullable=False),
    Index("statements_by_job_id", "job_id"),  # the facets of a job
    postgresql_with={"fillfactor": "70"},
    comment="What events state of a job and its datasets, once for each content; when the first and last event did",
)

statement_sources = Table(
    "statement_sources",
    metadata,
    _id("statement_id", primary_key=True),
    Column("source", LargeBinary, nullable=False),
    comment="The JSON text of a statement, zstd",
)

statement_assets = Table(
    "statement_assets",
    metadata,
    _id("asset_id", primary_key=True),
    Column("role", SmallInteger, primary_key=True),
    _id("statement_id", primary_key=True),
    _id("content_id"),
    comment="The datasets that a statement speaks of (role 1 input, 2 output, 3 subject) and its job (role 0)",
)

contents = Table(
    "contents",
    metadata,
    _id("content_id", primary_key=True),
    Column("body", LargeBinary, nullable=False),
    comment="Facets of one asset as one JSON object, each byte for byte, zstd",
)

schemas = Table(
    "schemas",
    metadata,
    _id("schema_id", primary_key=True),
    Column("body", LargeBinary, nullable=False),
    comment="The fields of a schema: msgpack of [path, type, description, ordinal], zstd",
)

fields = Table(
    "fields",
    metadata,
    _id("field_id", primary_key=True),
    _id("dataset_id"),
    _name("path"),
    Index("fields_by_dataset_id", "dataset_id", "path"),  # field links of a whole dataset
    comment="Every field that field links name; the empty path is the dataset as a whole",
)

dataset_versions = Table(
    "dataset_versions",
    metadata,
    _id("dataset_id", primary_key=True),
    _id("version_id", primary_key=True),
    _id("schema_id", nullable=True),
    Column("label", Text(collation="C"), nullable=True),
    _time("first_time"),
    Column("run_id", Uuid, nullable=True),
    Column("source", SmallInteger, nullable=False),
    Column("disputed", Boolean, nullable=False, server_default=text("false")),
    Index(
        "dataset_versions_by_time", "dataset_id", "first_time"
    ),  # ListDatasetVersions, the version in force at a time
    Index("dataset_versions_disputed", "dataset_id", postgresql_where=text("disputed")),  # those to check when read
    Index(
        "dataset_versions_by_uri", "label", postgresql_where=text("label LIKE '%://%'")
    ),  # ResolveAddress of a version by the URI that names it
    comment="States of datasets; source 1 a successful run, 2 a DatasetEvent, 3 only a reader. A disputed one may have "
    "lost the write that made it, and is checked when it is read",
)

version_sets = Table(
    "version_sets",
    metadata,
    _id("version_set_id", primary_key=True),
    Column("outputs", ARRAY(BigInteger), nullable=False),
    Column("output_versions", ARRAY(BigInteger), nullable=False),
    Column("inputs", ARRAY(BigInteger), nullable=False),
    Column("input_labels", ARRAY(Text(collation="C")), nullable=False),
    comment="The versions that a run wrote, and those that it said it read",
)

io_sets = Table(
    "io_sets",
    metadata,
    _id("io_set_id", primary_key=True),
    Column("inputs", ARRAY(BigInteger), nullable=False),
    Column("outputs", ARRAY(BigInteger), nullable=False),
    Column("links", LargeBinary, nullable=False),
    comment="What a run read and wrote, and the links that follow from it (msgpack, zstd)",
)

io_set_datasets = Table(
    "io_set_datasets",
    metadata,
    _id("dataset_id", primary_key=True),
    Column("role", SmallInteger, primary_key=True),
    _id("io_set_id", primary_key=True),
    comment="The io_sets that a dataset is in (role 1 input, 2 output): the way from a dataset to its runs",
)

job_versions = Table(
    "job_versions",
    metadata,
    _id("job_id", primary_key=True),
    _id("job_version_id", primary_key=True),
    _id("io_set_id", nullable=True),
    _id("code_content_id", nullable=True),
    _time("first_time"),
    Column("disputed", Boolean, nullable=False, server_default=text("false")),
    _time("declared_first", nullable=True),
    _time("declared_last", nullable=True),
    Column("declared_last_event", Uuid, nullable=True),
    Index("job_versions_by_time", "job_id", "first_time"),  # ListJobVersions
    Index("job_versions_disputed", "job_id", postgresql_where=text("disputed")),  # those to check when read
    Index(
        "job_versions_declared", "job_id", postgresql_where=text("declared_first IS NOT NULL")
    ),  # the version in force of a job that is declared; what each JobEvent changes is in no index
    postgresql_with={"fillfactor": "80"},
    comment="States of jobs: code, inputs and outputs, and when JobEvents first and last declared them. A disputed one "
    "may have lost its runs, and is checked when it is read",
)

declarations = Table(
    "declarations",
    metadata,
    _id("job_id", primary_key=True),
    _time("time", primary_key=True),
    Column("event_id", Uuid, primary_key=True),
    _id("io_set_id"),
    comment="What JobEvents declare of a job's inputs and outputs",
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", Uuid, primary_key=True),
    _time("created", primary_key=True),
    _id("job_id"),
    Column("external_id", Text(collation="C"), nullable=True),
    Column("state", SmallInteger, nullable=False),
    _time("started_at"),
    _time("ended_at", nullable=True),
    _time("nominal_start", nullable=True),
    _time("nominal_end", nullable=True),
    Column("parent_run_id", Uuid, nullable=True),
    Column("root_run_id", Uuid, nullable=True),
    _id("parent_job_id", nullable=True),
    _id("io_set_id", nullable=True),
    _id("version_set_id", nullable=True),
    _id("job_version_id", nullable=True),
    _time("events_from", nullable=True),
    _time("events_to", nullable=True),
    Column("merge", LargeBinary, nullable=False),
    Index("runs_by_job", "job_id", "started_at"),  # ListRuns of a job; the points of its links around a time
    Index("runs_by_io_set_start", "io_set_id", "started_at"),  # who read a dataset after a time
    Index(
        "runs_by_io_set_end", "io_set_id", "ended_at", postgresql_where=text("state = 3")
    ),  # the last write of a dataset before a time
    Index(
        "runs_by_job_end", "job_id", "ended_at", postgresql_where=text("state = 3 AND io_set_id IS NOT NULL")
    ),  # the points of a job's links around a time
    Index(
        "runs_by_parent", "parent_run_id", "started_at", postgresql_where=text("parent_run_id IS NOT NULL")
    ),  # children
    postgresql_partition_by="RANGE (created)",
    comment="Runs as their events say, merged. created is the time in a UUIDv7, else that of the first event to arrive;"
    " events_from and events_to bound the times of the run's events where started_at and ended_at do not; merge is "
    "what it takes beside the other columns to merge a further event",
)
EVENTS_FROM = func.coalesce(runs.c.events_from, runs.c.started_at).label("events_from")
EVENTS_TO = func.coalesce(runs.c.events_to, runs.c.ended_at, runs.c.started_at).label("events_to")
"""The bounds of the times of a run's events."""

events = Table(
    "events",
    metadata,
    Column("subject", Uuid, primary_key=True),
    _time("event_time", primary_key=True),
    _id("event_id", primary_key=True),
    _time("received"),
    _id("sender_id"),
    Column("body", LargeBinary, nullable=False),
    postgresql_partition_by="RANGE (event_time)",
    comment="Every event as it was sent, under its run, or under its dataset or job; body is a zstd frame, or what the "
    "body has in the holes of a template. event_id is the first half of the event's identity",
)

body_templates = Table(
    "body_templates",
    metadata,
    _id("template_id", primary_key=True),
    Column("pieces", LargeBinary, nullable=False),
    comment="What bodies of events that are alike share: the text between their holes, as msgpack, zstd",
)

dictionaries = Table(
    "dictionaries",
    metadata,
    Column("dictionary_id", Integer, primary_key=True, autoincrement=False),
    Column("created", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Column("body", LargeBinary, nullable=False),
    comment="The zstd dictionaries that bodies of events were compressed with; a frame names its own",
)

senders = Table(
    "senders",
    metadata,
    _id("sender_id", primary_key=True),
    Column("sender", Text(collation="C"), nullable=False),
    comment="Who sent events",
)

rejected_events = Table(
    "rejected_events",
    metadata,
    _time("received", primary_key=True),
    Column("rejection_id", Uuid, primary_key=True),
    Column("sender", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("body_size", Integer, nullable=False),
    postgresql_partition_by="RANGE (received)",
    comment="Events that were rejected, with who sent them and why; received is the server's time",
)

links = Table(
    "links",
    metadata,
    _id("source_id", primary_key=True),
    _id("target_id", primary_key=True),
    _id("job_id", primary_key=True),
    Column("inferred", Boolean, primary_key=True),
    _time("since", primary_key=True),
    _time("until"),
    Index("links_by_target", "target_id", "source_id", "job_id"),  # upstream
    Index("links_by_job", "job_id"),  # the links of a job, to end and open them
    comment="Links with the intervals in which they hold; until is infinity where they still hold. An end of the graph "
    "is a link between a dataset and the job itself. job_id is 0 where no job is known",
)

field_links = Table(
    "field_links",
    metadata,
    _id("source_id", primary_key=True),
    _id("target_id", primary_key=True),
    _id("job_id", primary_key=True),
    _id("transformation_id", primary_key=True),
    _time("since", primary_key=True),
    _time("until"),
    Index("field_links_by_target", "target_id", "source_id", "job_id"),  # upstream
    Index("field_links_by_job", "job_id"),  # the links of a job, to end and open them
    comment="Links between fields, as links are between datasets",
)

transformations = Table(
    "transformations",
    metadata,
    _id("transformation_id", primary_key=True),
    Column("is_direct", Boolean, nullable=False),
    Column("is_masking", Boolean, nullable=False),
    Column("body", LargeBinary, nullable=False),
    comment="How a field is made of another: msgpack of [type, subtype, description, masking]; is_masking if all mask",
)

deletions = Table(
    "deletions",
    metadata,
    _id("asset_id", primary_key=True),
    _time("time", primary_key=True),
    Column("kind", SmallInteger, primary_key=True),
    comment="When assets were dropped by an event (1), deleted by a call (2) or undeleted by one (3)",
)

locks = Table(
    "locks",
    metadata,
    Column("lock", Text, primary_key=True),
    comment="Rows that are locked to do one thing at a time: `names`, to join names of datasets; `workloads` and the "
    "id of a namespace, to replace its workloads",
)

schema_info = Table(
    "schema_info",
    metadata,
    Column("compatible_from", Text, nullable=False),
    comment="The oldest revision whose builds run on this schema",
)

terms = Table(
    "terms",
    metadata,
    Column("kind", SmallInteger, primary_key=True),
    _name("term", primary_key=True),
    _id("asset_id", primary_key=True),
    comment="What an asset can be found by: 1 its name from a part on, 2 tag, 3 owner, 4 field name, 5 dataset kind, 6 "
    "the end of its name, all in lower case. Holds all that ever was true; what is found is checked",
)

run_reports = Table(
    "run_reports",
    metadata,
    Column("run_id", Uuid, primary_key=True),
    Column("declared", Boolean, nullable=False),
    Column("reported", Boolean, nullable=False),
    Column("ancestors", ARRAY(Uuid), nullable=False),
    comment="Of runs in trees: whether inputs or outputs were declared of one, whether it or a descendant reported "
    "any, and the runs that it named as parent or root. Only grows; runs that reported from the start have none",
)

pipelines = Table(
    "pipelines",
    metadata,
    _id("pipeline_id", primary_key=True),
    _name("namespace"),
    _name("name"),
    Column("uid", Text(collation="C"), nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("description", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("criticality", SmallInteger, nullable=False),
    Column("declarations", LargeBinary, nullable=False),
    Column("successful_percent", SmallInteger, nullable=True),
    Column("sampled_out_count", BigInteger, nullable=False, server_default=text("0")),
    Column("retention_days", Integer, nullable=False),
    Column("create_time", DateTime(timezone=True), nullable=False),
    Column("update_time", DateTime(timezone=True), nullable=False),
    Column("end_time", DateTime(timezone=True), nullable=True),
    Index("pipelines_by_name", "namespace", "name", unique=True),  # ListPipelines
    comment="What was declared with LineagePipelines; declarations are msgpack of [job, inputs, outputs]. successful_"
    "percent is not set where all is kept, end_time while the resource is there. Times are the server's",
)

workloads = Table(
    "workloads",
    metadata,
    _name("namespace", primary_key=True),
    Column("kind", Text(collation="C"), primary_key=True),
    _id("job_id", primary_key=True),
    _name("job_namespace"),
    _name("job_name"),
    _id("pipeline_id", nullable=True),
    Column("pipeline_name", Text(collation="C"), nullable=True),
    Column("change_time", DateTime(timezone=True), nullable=True),
    Index(
        "workloads_by_pipeline_id", "pipeline_id", postgresql_where=text("pipeline_id IS NOT NULL")
    ),  # how complete pipelines are
    comment="What runs in Kubernetes namespaces, and the pipeline of the namespace that covers it, if one does",
)

sampled_runs = Table(
    "sampled_runs",
    metadata,
    Column("run_id", Uuid, primary_key=True),
    _time("due", nullable=True),
    Column("is_dropped", Boolean, nullable=False),
    Index("sampled_runs_by_due", "due", postgresql_where=text("due IS NOT NULL")),  # what is to be decided next
    comment="Successful runs that are not in the sample: when to decide whether their events can be dropped, and "
    "whether they were. Times are the server's",
)

graph_changes = Table(
    "graph_changes",
    metadata,
    _id("position", primary_key=True),
    Column("kind", SmallInteger, primary_key=True),
    _id("key", primary_key=True),
    Column("time", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    comment="What changed in the graph, for those who hold it in memory: position is the transaction; kind 1 links of "
    "a job, 2 joined names or deletions of an asset, 3 what tells an asset's kind. Kept for an hour",
)

graph_changes_pruned = Table(
    "graph_changes_pruned",
    metadata,
    Column("only_row", SmallInteger, primary_key=True, autoincrement=False),
    _id("through"),
    comment="The last position whose changes may have been dropped",
)
