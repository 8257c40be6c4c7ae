"""The table of kinds, and what holds for each of them."""

from __future__ import annotations

import json

import pytest

from headwater_cli.recipe import _images
from headwater_operator.kinds import ADAPTERS
from headwater_operator.kinds.adapter import Adapter
from headwater_operator.kinds.job import JobAdapter
from headwater_operator.kinds.katib import TrialAdapter
from headwater_operator.kinds.kubernetes_facet import Image, kubernetes_facet

from ...open_lineage_schemas import Schemas, validate
from .objects import CLUSTER, an_object, ref, run_of, with_status
from .test_job import SPEC, STARTED
from .test_training import OBSERVED, TRIAL

DIGEST = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
DEFAULT_ROWS = [each for each in ADAPTERS if each.resource.kind != "Pod"]


def kind_of(adapter: Adapter) -> str:
    return f"{type(adapter).__name__}-{adapter.resource.kind}"


def validate_facet(facet: object, name: str, schemas: Schemas) -> None:
    url = f"https://headwater.dev/facets/1-0-0/{name}.json#/$defs/{name}"
    marked = {"_producer": "https://headwater.dev/operator", "_schemaURL": url, **json.loads(json.dumps(facet))}
    validate(marked, url, schemas)


def test_every_kind_is_in_the_table() -> None:
    assert {each.resource.kind for each in ADAPTERS} >= {
        *("Job", "CronJob", "Workflow", "CronWorkflow", "TrainJob", "Experiment", "Trial", "InferenceService"),
        *("PyTorchJob", "TFJob", "MPIJob", "XGBoostJob", "JAXJob", "PaddleJob", "SparkApplication", "RayJob"),
    }


def test_no_row_is_there_twice() -> None:
    rows = [(each.resource, type(each)) for each in ADAPTERS]

    assert len(set(rows)) == len(rows)


@pytest.mark.parametrize("adapter", DEFAULT_ROWS, ids=kind_of)
@pytest.mark.parametrize("text", ["", "spec:\nstatus:", "spec: []\nstatus: none"], ids=["bare", "null", "strange"])
def test_an_object_without_anything_is_no_run_and_no_error(adapter: Adapter, text: str) -> None:
    assert all(each.run is None for each in adapter.observe(an_object("a", text), (), CLUSTER))


def test_the_deletion_of_an_object_changes_nothing_of_what_it_shows() -> None:
    body = with_status(an_object("train", SPEC), STARTED)
    deleted = {**body, "metadata": {**body["metadata"], "deletionTimestamp": "2026-03-01T12:05:00Z"}}

    assert run_of(JobAdapter(), body) == run_of(JobAdapter(), deleted)


def test_the_facet_of_a_run_is_valid_by_its_schema(schemas: Schemas) -> None:
    body = with_status(an_object("train", SPEC, labels={"team": "churn"}), STARTED)

    validate_facet(run_of(JobAdapter(), body).start_facets["headwater_kubernetes"], "KubernetesRunFacet", schemas)


def test_the_facet_of_a_training_is_valid_by_its_schema(schemas: Schemas) -> None:
    run = run_of(TrialAdapter(), with_status(TRIAL, "startTime: 2026-03-01T12:00:05Z" + OBSERVED))

    validate_facet(run.end_facets["headwater_training"], "TrainingRunFacet", schemas)


@pytest.mark.parametrize(
    ("image", "pinned"),
    [
        (Image("main", "python:3.13", DIGEST), f"python:3.13@{DIGEST}"),
        (Image("main", f"python@{DIGEST}"), f"python@{DIGEST}"),
        (Image("main", f"python@{DIGEST}", DIGEST), f"python@{DIGEST}"),
    ],
)
def test_a_recipe_finds_the_images_of_a_run(image: Image, pinned: str) -> None:
    facets = kubernetes_facet([ref("Job.batch", "train")], "prod", images=[image])

    assert list(_images(facets)) == [pinned]


def test_labels_that_controllers_set_are_not_told() -> None:
    labels = {"team": "churn", "batch.kubernetes.io/job-name": "a", "controller-uid": "1", "job-name": "a"}
    run = run_of(JobAdapter(), with_status(an_object("a", SPEC, labels=labels), STARTED))

    assert run.start_facets["headwater_kubernetes"]["labels"] == {"team": "churn"}


def test_a_long_annotation_is_kept_only_where_it_is_ours() -> None:
    uris = ",".join(f"s3://lake/{number}" for number in range(200))
    annotations = {"headwater.dev/inputs": uris, "kubectl.kubernetes.io/last-applied-configuration": "x" * 2000}
    run = run_of(JobAdapter(), body := with_status(an_object("a", SPEC, annotations=annotations), STARTED))
    [observation] = JobAdapter().observe(body, (), CLUSTER)

    assert len(run.inputs) == 200
    assert observation.chain[0].annotations.keys() == {"headwater.dev/inputs"}
