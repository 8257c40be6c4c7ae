"""A small shop's lineage as the answers of a server: users and orders become features, and features a churn model."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from google.protobuf.timestamp_pb2 import Timestamp

from headwater.v1 import catalog_pb2 as pb
from headwater.v1 import lineage_pb2
from headwater.v1 import lineage_service_pb2 as api
from headwater.v1 import pipeline_pb2 as pipelines
from headwater.v1.catalog_service_pb2 import ResolveAddressResponse

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TRAINING = "01936893-9a0b-7c11-a7f5-0d2a4c1f5e77"
FEATURIZING = "01936890-1111-7c11-a7f5-0d2a4c1f5e70"
FAILED = "01936880-2222-7c11-a7f5-0d2a4c1f5e71"
DIGEST = "registry.example/train@sha256:" + "ab" * 32


def dataset_name(namespace: str, name: str) -> str:
    return f"namespaces/{quote(namespace, safe='')}/datasets/{quote(name, safe='')}"


def job_name(namespace: str, name: str) -> str:
    return f"namespaces/{quote(namespace, safe='')}/jobs/{quote(name, safe='')}"


def at(minutes: float = 0) -> Timestamp:
    time = Timestamp()
    time.FromDatetime(NOON + timedelta(minutes=minutes))
    return time


USERS = dataset_name("postgres://db:5432", "shop.public.users")
ORDERS = dataset_name("postgres://db:5432", "shop.public.orders")
FEATURES = dataset_name("s3://features", "users")
CHURN = dataset_name("s3://models", "churn")
REPORT = dataset_name("s3://reports", "churn\x1b[2J.csv")
TRAIN, FEATURIZE, INGEST = job_name("team", "train"), job_name("team", "featurize"), job_name("airflow", "ingest")
RUN, FEATURE_RUN, FAILED_RUN = f"runs/{TRAINING}", f"runs/{FEATURIZING}", f"runs/{FAILED}"
CHURN_2 = f"{CHURN}/versions/9c0d1e4b5a683f2a"
CHURN_1 = f"{CHURN}/versions/3f2a9c0d1e4b5a68"
FEATURES_7 = f"{FEATURES}/versions/77aa77aa77aa77aa"

ADDRESSES = {
    "postgres://db:5432/shop.public.users": ResolveAddressResponse(name=USERS),
    "postgres://db:5432/shop.public.users#email": ResolveAddressResponse(name=USERS, field="email"),
    "s3://features/users": ResolveAddressResponse(name=FEATURES),
    "s3://models/churn": ResolveAddressResponse(name=CHURN),
    "churn": ResolveAddressResponse(name=CHURN),
    "s3://models/churn@1": ResolveAddressResponse(name=CHURN, version=CHURN_1),
    "s3://models/churn@2": ResolveAddressResponse(name=CHURN, version=CHURN_2),
    f"s3://models/churn@{TRAINING}": ResolveAddressResponse(name=CHURN, version=f"{CHURN}/writes/{TRAINING}"),
    "s3://models/churn#score": ResolveAddressResponse(name=CHURN, field="score"),
    "team/train": ResolveAddressResponse(name=TRAIN),
    TRAINING: ResolveAddressResponse(name=RUN),
    FAILED: ResolveAddressResponse(name=FAILED_RUN),
}

USER_FIELDS = [
    pb.Field(path="user_id", type="BIGINT", description="who", ordinal=1),
    pb.Field(path="email", type="VARCHAR", ordinal=2),
    pb.Field(path="address.city", type="VARCHAR", ordinal=3),
]
DATASETS = {
    USERS: pb.Dataset(
        name=USERS,
        namespace="postgres://db:5432",
        display_name="shop.public.users",
        kind=pb.DATASET_KIND_TABLE,
        description="Everyone who signed up.\nOne row each.",
        owners=[pb.Owner(owner="team:accounts", type="MAINTAINER"), pb.Owner(owner="ada")],
        tags=[pb.Tag(key="tier", value="gold"), pb.Tag(key="pii", field="email")],
        aliases=[dataset_name("s3://lake", "users")],
        latest_version=pb.DatasetVersion(
            name=f"{USERS}/versions/0000aaaa0000aaaa", fields=USER_FIELDS, create_time=at(-5000), ordinal=2
        ),
        create_time=at(-90000),
        update_time=at(-20),
        facets=[
            pb.Facet(name="storage", json=b'{"storageLayer": "iceberg", "fileFormat": "parquet"}', event_time=at())
        ],
    ),
    FEATURES: pb.Dataset(
        name=FEATURES,
        namespace="s3://features",
        display_name="users",
        kind=pb.DATASET_KIND_FEATURE_TABLE,
        delete_time=at(60),
        create_time=at(-90000),
        update_time=at(-10),
    ),
    CHURN: pb.Dataset(
        name=CHURN,
        namespace="s3://models",
        display_name="churn",
        kind=pb.DATASET_KIND_MODEL,
        latest_version=pb.DatasetVersion(name=CHURN_2, label="2", run=RUN, create_time=at(30), ordinal=2),
        latest_write=pb.Write(
            name=f"{CHURN}/writes/{TRAINING}", run=RUN, job=TRAIN, create_time=at(30), version=CHURN_2, label="2"
        ),
        create_time=at(-1410),
        update_time=at(30),
    ),
}
VERSIONS = {
    CHURN_2: DATASETS[CHURN].latest_version,
    CHURN_1: pb.DatasetVersion(name=CHURN_1, label="1", run=FAILED_RUN, create_time=at(-1410), ordinal=1),
}
WRITES = [
    DATASETS[CHURN].latest_write,
    pb.Write(name=f"{CHURN}/writes/{FAILED}", run=FAILED_RUN, job=TRAIN, create_time=at(-1410), version=CHURN_1),
]
TRAIN_VERSION = pb.JobVersion(
    name=f"{TRAIN}/versions/beefbeefbeefbeef",
    code_location=pb.CodeLocation(
        type="git",
        url="https://git.example/team/churn/blob/c0ffee/train.py",
        repository="https://git.example/team/churn",
        path="train.py",
        commit="c0ffee",
        branch="main",
    ),
    inputs=[FEATURES],
    outputs=[CHURN],
    create_time=at(-9000),
)
RUNS = {
    RUN: pb.Run(
        name=RUN,
        job=TRAIN,
        state=pb.RUN_STATE_SUCCEEDED,
        start_time=at(),
        end_time=at(30),
        nominal_start_time=at(-1440),
        nominal_end_time=at(),
        parent=FEATURE_RUN,
        root=FEATURE_RUN,
        job_version=TRAIN_VERSION.name,
        inputs=[
            pb.RunDataset(dataset=FEATURES, version=FEATURES_7, write=f"{FEATURES}/writes/{FEATURIZING}"),
            pb.RunDataset(dataset=USERS),
        ],
        outputs=[pb.RunDataset(dataset=CHURN, version=CHURN_2, label="2")],
        facets=[
            pb.Facet(
                name="executionParameters",
                json=b'{"parameters": [{"key": "learning_rate", "value": "0.1"}, {"key": "seed", "value": "7"}]}',
                event_time=at(),
            ),
            pb.Facet(
                name="environmentVariables",
                json=b'{"environmentVariables": [{"name": "TZ", "value": "UTC"}]}',
                event_time=at(),
            ),
            pb.Facet(
                name="headwater_pod", json=b'{"containers": [{"image": "%s"}]}' % DIGEST.encode(), event_time=at()
            ),
            pb.Facet(name="headwater_process", json=b'{"command": ["python", "train.py"]}', event_time=at()),
        ],
    ),
    FAILED_RUN: pb.Run(
        name=FAILED_RUN,
        job=TRAIN,
        state=pb.RUN_STATE_FAILED,
        start_time=at(-1440),
        end_time=at(-1439),
        error=pb.RunError(message="MemoryError: 3 GiB\nmore", language="python", stack_trace="Traceback\n  train.py:3"),
    ),
}
JOBS = {
    TRAIN: pb.Job(
        name=TRAIN,
        namespace="team",
        display_name="train",
        kind=pb.JOB_KIND_BATCH,
        integration="KUBERNETES",
        description="Trains the churn model.",
        latest_version=TRAIN_VERSION,
        latest_run=RUNS[RUN],
        create_time=at(-9000),
        update_time=at(30),
    )
}
NAMESPACES = [
    pb.Namespace(name="namespaces/postgres%3A%2F%2Fdb%3A5432", display_name="postgres://db:5432", dataset_count=1234),
    pb.Namespace(name="namespaces/team", display_name="team", dataset_count=0, job_count=2),
]

PIPELINE = "namespaces/k8s%3A%2F%2Fprod%2Fml/pipelines/churn"
PIPELINES = {
    PIPELINE: pipelines.Pipeline(
        name=PIPELINE,
        namespace="k8s://prod/ml",
        display_name="churn",
        uid="8b5f",
        generation=3,
        description="Says who will leave.",
        owner="team:growth",
        criticality=pipelines.CRITICALITY_STANDARD,
        declarations=[
            pipelines.JobDeclaration(job="export-*", inputs=["s3://models/churn"], outputs=["s3://reports/churn.csv"])
        ],
        sampling=pipelines.Sampling(successful_percent=10, sampled_out_count=1200),
        retention_days=90,
        state=pipelines.PIPELINE_STATE_ACTIVE,
        create_time=at(-90000),
        update_time=at(-5000),
        completeness=[
            pipelines.Completeness(kind="CronJob.batch", workload_count=10, with_lineage_count=9),
            pipelines.Completeness(kind="Job.batch", workload_count=4, with_lineage_count=3),
        ],
        latest_run=RUNS[RUN],
    ),
    f"{PIPELINE}-old": pipelines.Pipeline(
        name=f"{PIPELINE}-old",
        namespace="k8s://prod/ml",
        display_name="churn-old",
        uid="8b00",
        generation=1,
        criticality=pipelines.CRITICALITY_EXPERIMENTAL,
        state=pipelines.PIPELINE_STATE_ENDED,
        create_time=at(-90000),
        update_time=at(-9000),
        end_time=at(-9000),
    ),
    "namespaces/k8s%3A%2F%2Ftest%2Fml/pipelines/twin": pipelines.Pipeline(
        name="namespaces/k8s%3A%2F%2Ftest%2Fml/pipelines/twin",
        display_name="twin",
        criticality=pipelines.CRITICALITY_PRODUCTION,
    ),
    "namespaces/k8s%3A%2F%2Fprod%2Fml/pipelines/twin": pipelines.Pipeline(
        name="namespaces/k8s%3A%2F%2Fprod%2Fml/pipelines/twin",
        display_name="twin",
        criticality=pipelines.CRITICALITY_PRODUCTION,
    ),
}


def workload(job: str, kind: str, pipeline: str = "", *, has_lineage: bool = False) -> pipelines.Workload:
    return pipelines.Workload(
        job=job_name("k8s://prod/ml", job),
        kind=kind,
        pipeline=pipeline,
        namespace="k8s://prod/ml",
        change_time=at(-60),
        has_lineage=has_lineage,
    )


WORKLOADS = [
    workload("train", "CronJob.batch", PIPELINE, has_lineage=True),
    workload("export-report", "CronJob.batch", PIPELINE),
    workload("backup", "CronJob.batch"),
    workload("one-off", "Job.batch", has_lineage=True),
    workload("clean", "Job.batch"),
]


def node(
    name: str, depth: int, kind: pb.DatasetKind.ValueType = pb.DATASET_KIND_UNSPECIFIED, **more: object
) -> lineage_pb2.Node:
    type_ = lineage_pb2.NODE_TYPE_JOB if "/jobs/" in name else lineage_pb2.NODE_TYPE_DATASET
    return lineage_pb2.Node(**{"name": name, "depth": depth, "dataset_kind": kind, "type": type_, **more})  # type: ignore[arg-type]


def link(source: str, target: str, job: str = "", **more: object) -> lineage_pb2.Link:
    return lineage_pb2.Link(**{"source": source, "target": target, "job": job, "start_time": at(-9000), **more})  # type: ignore[arg-type]


UPSTREAM = api.GetLineageResponse(
    nodes=[
        node(CHURN, 0, pb.DATASET_KIND_MODEL),
        node(FEATURES, 1, pb.DATASET_KIND_FEATURE_TABLE),
        node(USERS, 1, pb.DATASET_KIND_TABLE),
        node(ORDERS, 2, pb.DATASET_KIND_TABLE),
        node(INGEST, 2, job_kind=pb.JOB_KIND_BATCH),
    ],
    links=[
        link(FEATURES, CHURN, TRAIN),
        link(USERS, CHURN, TRAIN, inferred=True),
        link(USERS, FEATURES, FEATURIZE),
        link(ORDERS, FEATURES, FEATURIZE),
        link(INGEST, USERS, INGEST),
        link(CHURN, CHURN, TRAIN),
    ],
    summary=api.TraversalSummary(node_count=5, link_count=6, position="42"),
)
CUT = api.GetLineageResponse(
    nodes=UPSTREAM.nodes[:2],
    links=UPSTREAM.links[:1],
    summary=api.TraversalSummary(
        truncated=True,
        reasons=[api.TRUNCATION_REASON_MAX_DEPTH, api.TRUNCATION_REASON_MAX_NODES],
        frontier=[FEATURES, USERS, ORDERS, REPORT],
        node_count=2,
        link_count=1,
    ),
)
ALONE = api.GetLineageResponse(nodes=UPSTREAM.nodes[:1], summary=api.TraversalSummary(node_count=1))
DOWNSTREAM = api.GetLineageResponse(
    nodes=[node(USERS, 0, pb.DATASET_KIND_TABLE), node(REPORT, 3, pb.DATASET_KIND_FILE)],
    summary=api.TraversalSummary(node_count=2),
)
_FIELD = lineage_pb2.NODE_TYPE_FIELD
FIELDS = api.GetLineageResponse(
    nodes=[
        node(CHURN, 0, pb.DATASET_KIND_MODEL, field="score", type=_FIELD),
        node(USERS, 1, pb.DATASET_KIND_TABLE, field="email", type=_FIELD),
        node(USERS, 1, pb.DATASET_KIND_TABLE, field="user_id", type=_FIELD),
    ],
    links=[
        link(
            USERS,
            CHURN,
            TRAIN,
            source_field="email",
            target_field="score",
            transformations=[
                lineage_pb2.Transformation(
                    type=lineage_pb2.TRANSFORMATION_TYPE_DIRECT, subtype="TRANSFORMATION", masking=True
                )
            ],
        ),
        link(
            USERS,
            CHURN,
            TRAIN,
            source_field="user_id",
            target_field="score",
            transformations=[lineage_pb2.Transformation(type=lineage_pb2.TRANSFORMATION_TYPE_INDIRECT)],
        ),
    ],
    summary=api.TraversalSummary(node_count=3, link_count=2),
)
_WRITE = lineage_pb2.NODE_TYPE_WRITE
WRITE, FEATURE_WRITE = f"{CHURN}/writes/{TRAINING}", f"{FEATURES}/writes/{FEATURIZING}"
BY_RUNS = api.GetLineageResponse(
    nodes=[
        node(WRITE, 0, pb.DATASET_KIND_MODEL, type=_WRITE, time=at(30), version=CHURN_2, version_label="2"),
        node(RUN, 1, type=lineage_pb2.NODE_TYPE_RUN, display_name="train", run_state=pb.RUN_STATE_SUCCEEDED, time=at()),
        node(FEATURE_WRITE, 2, pb.DATASET_KIND_FEATURE_TABLE, type=_WRITE, time=at(-10), version=FEATURES_7),
    ],
    links=[link(RUN, WRITE, TRAIN), link(FEATURE_WRITE, RUN, TRAIN)],
    summary=api.TraversalSummary(node_count=3, link_count=2),
)
VERSION_CHANGES = api.CompareDatasetVersionsResponse(
    base=VERSIONS[CHURN_1],
    target=VERSIONS[CHURN_2],
    changes=[
        api.FieldChange(path="age", type=api.CHANGE_TYPE_ADDED, target=pb.Field(path="age", type="INT")),
        api.FieldChange(
            path="email",
            type=api.CHANGE_TYPE_METADATA_CHANGED,
            base=pb.Field(path="email", type="VARCHAR", ordinal=2),
            target=pb.Field(path="email", type="VARCHAR", ordinal=3, description="lower case"),
        ),
        api.FieldChange(path="phone", type=api.CHANGE_TYPE_REMOVED, base=pb.Field(path="phone", type="VARCHAR")),
        api.FieldChange(
            path="score",
            type=api.CHANGE_TYPE_TYPE_CHANGED,
            base=pb.Field(path="score", type="FLOAT"),
            target=pb.Field(path="score", type="DOUBLE"),
        ),
    ],
)
LINEAGE_CHANGES = api.CompareLineageResponse(
    added_nodes=[node(ORDERS, 2, pb.DATASET_KIND_TABLE)],
    removed_nodes=[node(INGEST, 2)],
    added_links=[link(ORDERS, FEATURES, FEATURIZE)],
    removed_links=[link(INGEST, USERS, INGEST)],
    truncated=True,
)
RUN_CHANGES = api.CompareLineageResponse(
    version_changes=[
        api.VersionChange(
            dataset=FEATURES, is_input=True, base_version=f"{FEATURES}/versions/66", target_version=FEATURES_7
        ),
        api.VersionChange(dataset=CHURN, base_version=CHURN_1, target_version=CHURN_2),
    ],
    job_version_changed=True,
)
