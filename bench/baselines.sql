-- The baselines' tables. "naive" is a normal relational schema like the product's, with the event as jsonb; "archive" holds
-- compressed events and nothing else; "walk" holds a graph.

DROP SCHEMA IF EXISTS naive, archive, walk CASCADE;

CREATE SCHEMA naive;
CREATE TABLE naive.namespaces (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE
);
CREATE TABLE naive.datasets (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace_id bigint NOT NULL,
    name text NOT NULL,
    UNIQUE (namespace_id, name)
);
CREATE TABLE naive.dataset_versions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dataset_id bigint NOT NULL,
    schema_hash bytea NOT NULL,
    fields jsonb NOT NULL,
    first_time timestamptz NOT NULL,
    UNIQUE (dataset_id, schema_hash)
);
CREATE TABLE naive.jobs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace_id bigint NOT NULL,
    name text NOT NULL,
    UNIQUE (namespace_id, name)
);
CREATE TABLE naive.runs (
    id uuid PRIMARY KEY,
    job_id bigint NOT NULL,
    parent_run_id uuid,
    state text NOT NULL,
    started_at timestamptz,
    ended_at timestamptz
);
CREATE INDEX ON naive.runs (job_id, started_at);
CREATE TABLE naive.run_datasets (
    run_id uuid NOT NULL,
    dataset_id bigint NOT NULL,
    is_output boolean NOT NULL,
    version_id bigint,
    PRIMARY KEY (run_id, dataset_id, is_output)
);
CREATE INDEX ON naive.run_datasets (dataset_id);
CREATE TABLE naive.links (
    source_id bigint NOT NULL,
    target_id bigint NOT NULL,
    job_id bigint NOT NULL,
    since timestamptz NOT NULL,
    PRIMARY KEY (source_id, target_id, job_id)
);
CREATE INDEX ON naive.links (target_id, source_id);
CREATE TABLE naive.events (
    id bytea PRIMARY KEY,
    run_id uuid NOT NULL,
    event_time timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    body jsonb NOT NULL
);
CREATE INDEX ON naive.events (run_id, event_time);

CREATE SCHEMA archive;
CREATE TABLE archive.events (
    run_id uuid NOT NULL,
    event_time timestamptz NOT NULL,
    id uuid NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (run_id, event_time, id)
);

CREATE SCHEMA walk;
CREATE TABLE walk.datasets (
    id bigint PRIMARY KEY,
    namespace text NOT NULL,
    name text NOT NULL
);
CREATE TABLE walk.links (
    source_id bigint NOT NULL,
    target_id bigint NOT NULL,
    PRIMARY KEY (source_id, target_id)
);
CREATE INDEX ON walk.links (target_id, source_id);
CREATE TABLE walk.fields (
    id bigint PRIMARY KEY,
    name text NOT NULL
);
CREATE TABLE walk.field_links (
    source_id bigint NOT NULL,
    target_id bigint NOT NULL,
    PRIMARY KEY (source_id, target_id)
);
