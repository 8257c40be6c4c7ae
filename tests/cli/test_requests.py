"""What the options become when they are asked of the server."""

import json

import pytest

from headwater.v1 import catalog_pb2
from headwater.v1 import catalog_service_pb2 as catalog
from headwater.v1 import lineage_service_pb2 as lineage
from headwater.v1 import pipeline_service_pb2 as pipeline

from . import example
from .conftest import Headwater
from .fake_server import FakeServer


def traversal(fake: FakeServer) -> lineage.Traversal:
    return fake.last(lineage.GetLineageRequest).traversal


def test_every_option_of_a_walk_is_asked(fake: FakeServer, headwater: Headwater) -> None:
    options = "--depth 3 --max-nodes 9 --kind model --kind TABLE --exclude-inferred --exclude-indirect --level job"
    headwater("downstream", "team/train", *options.split(), "--as-of", "2026-11-20T12:00:00Z")
    assert traversal(fake) == lineage.Traversal(
        roots=[example.TRAIN],
        direction=lineage.DIRECTION_DOWNSTREAM,
        level=lineage.LEVEL_JOB,
        max_depth=3,
        max_nodes=9,
        as_of=example.at(),
        dataset_kinds=[catalog_pb2.DATASET_KIND_MODEL, catalog_pb2.DATASET_KIND_TABLE],
        exclude_inferred=True,
        exclude_indirect=True,
    )


@pytest.mark.parametrize(
    ("address", "level", "root", "asked"),
    [
        ("s3://models/churn", "", example.CHURN, lineage.LEVEL_UNSPECIFIED),
        ("s3://models/churn@2", "", example.CHURN_2, lineage.LEVEL_UNSPECIFIED),
        (example.TRAINING, "", example.RUN, lineage.LEVEL_UNSPECIFIED),
        ("s3://models/churn", "run", example.WRITE, lineage.LEVEL_RUN),
        ("s3://models/churn@2", "run", example.CHURN_2, lineage.LEVEL_RUN),
        (example.RUN, "", example.RUN, lineage.LEVEL_UNSPECIFIED),
    ],
)
def test_the_root_is_what_the_address_and_the_level_say(
    fake: FakeServer, headwater: Headwater, address: str, level: str, root: str, asked: int
) -> None:
    headwater("upstream", address, *(("--level", level) if level else ()))
    assert (traversal(fake).roots, traversal(fake).level) == ([root], asked)


def test_a_field_of_an_address_asks_for_fields(fake: FakeServer, headwater: Headwater) -> None:
    headwater("upstream", "s3://models/churn#score")
    assert (traversal(fake).field, traversal(fake).level) == ("score", lineage.LEVEL_FIELD)


def test_several_roots_are_walked_at_once(fake: FakeServer, headwater: Headwater) -> None:
    headwater("upstream", "s3://models/churn", "s3://features/users")
    assert traversal(fake).roots == [example.CHURN, example.FEATURES]


def test_at_run_level_a_dataset_without_a_write_is_told_of(headwater: Headwater) -> None:
    outcome = headwater("upstream", "s3://features/users", "--level", "run")
    assert outcome.code == 1
    assert "no successful run wrote s3://features/users" in outcome.err


def test_every_condition_of_a_search_is_asked(fake: FakeServer, headwater: Headwater) -> None:
    conditions = "--tag tier=gold --owner ada --kind table --field mail --namespace s3://x --type dataset --deleted"
    headwater("search", "churn", "model", *conditions.split(), "--limit", "7")
    assert fake.last(catalog.SearchAssetsRequest) == catalog.SearchAssetsRequest(
        query="churn model",
        types=[catalog.ASSET_TYPE_DATASET],
        dataset_kinds=[catalog_pb2.DATASET_KIND_TABLE],
        tag="tier=gold",
        owner="ada",
        field="mail",
        namespace="namespaces/s3%3A%2F%2Fx",
        page_size=7,
        show_deleted=True,
    )


def test_without_a_limit_every_page_is_read(headwater: Headwater, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headwater_cli.paging.LARGEST_PAGE", 2)
    answer = json.loads(headwater("search", "--limit", "0", "-o", "json").out)
    assert (len(answer["assets"]), answer["nextPageToken"]) == (4, "")


def test_a_limit_above_the_largest_page_is_kept(headwater: Headwater, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headwater_cli.paging.LARGEST_PAGE", 2)
    answer = json.loads(headwater("search", "--limit", "3", "-o", "json").out)
    assert len(answer["assets"]) == 4 or answer["nextPageToken"]


def test_two_writes_are_compared_by_the_versions_that_they_left(fake: FakeServer, headwater: Headwater) -> None:
    headwater("diff", "s3://models/churn@1", f"s3://models/churn@{example.TRAINING}")
    request = fake.last(lineage.CompareDatasetVersionsRequest)
    assert (request.base, request.target) == (example.CHURN_1, example.CHURN_2)


def test_a_dataset_without_a_version_is_compared_by_its_last(fake: FakeServer, headwater: Headwater) -> None:
    headwater("diff", "s3://models/churn@1", "churn")
    assert fake.last(lineage.CompareDatasetVersionsRequest).target == f"{example.CHURN}/versions/latest"


@pytest.mark.parametrize("words", [["diff", example.TRAINING, "churn"], ["diff", "team/train", "churn"]])
def test_what_cannot_be_compared_is_told(headwater: Headwater, words: list[str]) -> None:
    outcome = headwater(*words)
    assert outcome.code == 2
    assert "run" in outcome.err


def test_times_are_compared_downstream_too(fake: FakeServer, headwater: Headwater) -> None:
    headwater("diff", "churn", "--downstream", "--from", "2026-11-20T12:00:00Z", "--to", "2026-11-20T12:30:00Z")
    times = fake.last(lineage.CompareLineageRequest).times
    assert (times.base_time, times.target_time) == (example.at(), example.at(30))
    assert times.traversal.direction == lineage.DIRECTION_DOWNSTREAM


def test_an_asset_is_deleted_and_undeleted_at_a_time(fake: FakeServer, headwater: Headwater) -> None:
    headwater("delete", "churn", "--at", "2026-11-20T12:00:00Z")
    headwater("undelete", "churn", "--at", "2026-11-20T12:30:00Z")
    assert fake.last(catalog.DeleteAssetRequest) == catalog.DeleteAssetRequest(
        name=example.CHURN, delete_time=example.at()
    )
    assert fake.last(catalog.UndeleteAssetRequest).undelete_time == example.at(30)


def test_runs_of_a_state_are_asked(fake: FakeServer, headwater: Headwater) -> None:
    headwater("runs", "team/train", "--state", "failed")
    assert fake.last(catalog.ListRunsRequest).states == [catalog_pb2.RUN_STATE_FAILED]


def test_pipelines_are_asked_for_by_namespace(fake: FakeServer, headwater: Headwater) -> None:
    headwater("pipelines", "k8s://prod/ml", "--ended", "--limit", "7")
    assert fake.last(pipeline.ListPipelinesRequest) == pipeline.ListPipelinesRequest(
        parent="namespaces/k8s%3A%2F%2Fprod%2Fml", show_ended=True, page_size=7
    )
    headwater("pipelines")
    assert fake.last(pipeline.ListPipelinesRequest).parent == "namespaces/-"


def test_a_pipeline_is_shown_with_its_workloads(fake: FakeServer, headwater: Headwater) -> None:
    headwater("pipelines", "show", "k8s://prod/ml/churn", "--limit", "7")
    asked = fake.last(pipeline.ListWorkloadsRequest)
    assert (asked.parent, asked.pipeline, asked.page_size) == ("namespaces/-", example.PIPELINE, 7)


def test_the_inventory_counts_all_workloads_that_no_pipeline_covers(fake: FakeServer, headwater: Headwater) -> None:
    headwater("pipelines", "k8s://prod/ml", "--uncovered", "--limit", "7")
    asked = fake.last(pipeline.ListWorkloadsRequest)
    assert (asked.parent, asked.uncovered, asked.page_size) == ("namespaces/k8s%3A%2F%2Fprod%2Fml", True, 1000)
