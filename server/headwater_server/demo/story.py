"""The churn story as OpenLineage events: a model that trains every night, and one night trains on yesterday's features.

Three jobs a night: `collect` writes what users did, `build_features` makes features of it, `train` makes the model.
On the second night `collect` changes its schema and `build_features` fails; `train` succeeds all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    DatasetFacet,
    RunFacet,
    column_lineage_dataset,
    dataset_type_dataset,
    dataset_version_dataset,
    documentation_dataset,
    error_message_run,
    execution_parameters_run,
    job_type_job,
    ownership_dataset,
    schema_dataset,
    source_code_location_job,
)
from openlineage.client.uuid import generate_new_uuid

TEAM = "churn-team"
WAREHOUSE = "postgres://warehouse:5432"
FEATURES = "s3://feature-store"
MODELS = "mlflow://registry"
BEHAVIOR = (WAREHOUSE, "shop.public.user_behavior")
ACTIVITY = (FEATURES, "user_activity_features")
MODEL = (MODELS, "churn_prediction_model_v2")
FIRST_SCHEMA = {"user_id": "integer", "clicks": "integer", "seen_at": "timestamp"}
SECOND_SCHEMA = {"user_id": "integer", "clicks": "text", "seen_at": "timestamp", "device": "text"}


def tell(now: datetime) -> Iterator[RunEvent]:
    """The events of the last two nights, in the order in which they happened."""
    first = now.astimezone(UTC).replace(hour=1, minute=0, second=0, microsecond=0) - timedelta(days=1)
    if now - first < timedelta(days=1, hours=3):
        first -= timedelta(days=1)
    second = first + timedelta(days=1)
    for night, schema in ((first, FIRST_SCHEMA), (second, SECOND_SCHEMA)):
        yield from _run("collect", night, writes=[_behavior(night, schema)])
        failure = None if night == first else "column clicks is of type text, expected integer"
        yield from _run(
            "build_features",
            night + timedelta(hours=1),
            reads=[InputDataset(*BEHAVIOR)],
            writes=[_features()],
            failure=failure,
        )
        yield from _run("train", night + timedelta(hours=2), reads=[InputDataset(*ACTIVITY)], writes=[_model()])
    yield from _run("serve", second + timedelta(hours=3), reads=[InputDataset(*MODEL)])


def label(night: datetime) -> str:
    """What the story calls the version of a night."""
    return f"{night:%Y-%m-%d}"


def _run(
    job: str,
    start: datetime,
    *,
    reads: list[InputDataset] | None = None,
    writes: list[OutputDataset] | None = None,
    failure: str | None = None,
) -> Iterator[RunEvent]:
    """The start and the end of a run that takes ten minutes."""
    location = source_code_location_job.SourceCodeLocationJobFacet(
        type="git", url=f"https://git.example.com/churn/{job}.py", version="4f1c2ab"
    )
    kind = job_type_job.JobTypeJobFacet(
        processingType="SERVICE" if job == "serve" else "BATCH", integration="PYTHON", jobType="TASK"
    )
    named = Job(TEAM, job, facets={"sourceCodeLocation": location, "jobType": kind})
    run_id = str(generate_new_uuid(start))
    yield RunEvent(eventType=RunState.START, eventTime=start.isoformat(), run=Run(run_id), job=named, inputs=reads)
    facets: dict[str, RunFacet] = {}
    if job == "train":
        parameters = [execution_parameters_run.ExecutionParameter(key="max_depth", value="6")]
        facets["executionParameters"] = execution_parameters_run.ExecutionParametersRunFacet(parameters=parameters)
    if failure:
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(failure, "python")
    yield RunEvent(
        eventType=RunState.FAIL if failure else RunState.COMPLETE,
        eventTime=(start + timedelta(minutes=10)).isoformat(),
        run=Run(run_id, facets=facets),
        job=named,
        inputs=reads,
        outputs=writes,
    )


def _behavior(night: datetime, fields: dict[str, str]) -> OutputDataset:
    facets: dict[str, DatasetFacet] = {
        "schema": _schema(fields),
        "version": dataset_version_dataset.DatasetVersionDatasetFacet(label(night)),
        "documentation": documentation_dataset.DocumentationDatasetFacet("What users did in the shop, a row a visit"),
        "ownership": ownership_dataset.OwnershipDatasetFacet([ownership_dataset.Owner("team:shop", "MAINTAINER")]),
    }
    return OutputDataset(*BEHAVIOR, facets=facets)


def _features() -> OutputDataset:
    column = column_lineage_dataset
    sources = {
        "user_id": ("user_id", "IDENTITY"),
        "clicks_7d": ("clicks", "AGGREGATION"),
        "last_seen": ("seen_at", "AGGREGATION"),
    }
    fields = {
        name: column.Fields([column.InputField(*BEHAVIOR, field, [column.Transformation("DIRECT", subtype)])])
        for name, (field, subtype) in sources.items()
    }
    facets: dict[str, DatasetFacet] = {
        "schema": _schema({"user_id": "integer", "clicks_7d": "integer", "last_seen": "timestamp"}),
        "datasetType": dataset_type_dataset.DatasetTypeDatasetFacet("FEATURE_TABLE"),
        "columnLineage": column.ColumnLineageDatasetFacet(fields=fields),
    }
    return OutputDataset(*ACTIVITY, facets=facets)


def _model() -> OutputDataset:
    return OutputDataset(*MODEL, facets={"datasetType": dataset_type_dataset.DatasetTypeDatasetFacet("MODEL")})


def _schema(fields: dict[str, str]) -> schema_dataset.SchemaDatasetFacet:
    return schema_dataset.SchemaDatasetFacet(
        [schema_dataset.SchemaDatasetFacetFields(name, kind) for name, kind in fields.items()]
    )
