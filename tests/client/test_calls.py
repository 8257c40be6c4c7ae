"""Calls: every rpc of the contract can be made with Python's own values, and both faces send the same."""

import asyncio
import inspect
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from tests.client.fakes import FakeServer

from headwater import Client, SyncClient
from headwater.names import (
    DatasetName,
    DatasetVersionName,
    InvalidName,
    JobName,
    JobVersionName,
    NamespaceName,
    PipelineName,
    RunName,
    format_address,
)
from headwater.v1 import catalog_pb2, event_pb2, lineage_pb2, pipeline_pb2
from headwater.v1 import catalog_service_pb2 as catalog
from headwater.v1 import ingest_service_pb2 as ingest
from headwater.v1 import lineage_service_pb2 as lineage
from headwater.v1 import pipeline_service_pb2 as pipeline
from headwater.wire import PATHS

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
NOON_IN_TOKYO = NOON.astimezone(timezone(timedelta(hours=9)))
NOON_SENT = Timestamp(seconds=int(NOON.timestamp()))
CLICKS = DatasetName("s3://bucket", "raw/clicks")
CLICKS_NAME = "namespaces/s3%3A%2F%2Fbucket/datasets/raw%2Fclicks"
X = "namespaces/b/datasets/x"
X_VERSION = f"{X}/versions/3"
TRAIN = JobName("team", "train")
ML = "namespaces/k8s%3A%2F%2Fprod%2Fml"
CHURN = f"{ML}/pipelines/churn"

Call = tuple[str, Callable[[Any], Any], Message]

CALLS: list[Call] = [
    (
        "ListNamespaces",
        lambda client: client.namespaces(page_size=7),
        catalog.ListNamespacesRequest(page_size=7),
    ),
    (
        "GetNamespace",
        lambda client: client.get_namespace("s3://bucket"),
        catalog.GetNamespaceRequest(name="namespaces/s3%3A%2F%2Fbucket"),
    ),
    (
        "ListDatasets",
        lambda client: client.datasets("team", show_deleted=True, page_size=7),
        catalog.ListDatasetsRequest(parent="namespaces/team", show_deleted=True, page_size=7),
    ),
    ("ListDatasets", lambda client: client.datasets(), catalog.ListDatasetsRequest(parent="namespaces/-")),
    (
        "GetDataset",
        lambda client: client.get_dataset(CLICKS, view="FULL"),
        catalog.GetDatasetRequest(name=CLICKS_NAME, view=catalog.ASSET_VIEW_FULL),
    ),
    (
        "ListDatasetVersions",
        lambda client: client.dataset_versions(CLICKS_NAME, page_size=7),
        catalog.ListDatasetVersionsRequest(parent=CLICKS_NAME, page_size=7),
    ),
    (
        "GetDatasetVersion",
        lambda client: client.get_dataset_version(DatasetVersionName("s3://bucket", "raw/clicks", "3")),
        catalog.GetDatasetVersionRequest(name=f"{CLICKS_NAME}/versions/3"),
    ),
    (
        "ListFields",
        lambda client: client.fields(CLICKS, page_size=7),
        catalog.ListFieldsRequest(parent=CLICKS_NAME, page_size=7),
    ),
    (
        "ListWrites",
        lambda client: client.writes(CLICKS, page_size=7),
        catalog.ListWritesRequest(parent=CLICKS_NAME, page_size=7),
    ),
    (
        "ListJobs",
        lambda client: client.jobs(NamespaceName("team"), show_deleted=True, page_size=7),
        catalog.ListJobsRequest(parent="namespaces/team", show_deleted=True, page_size=7),
    ),
    (
        "GetJob",
        lambda client: client.get_job(TRAIN, view="full"),
        catalog.GetJobRequest(name="namespaces/team/jobs/train", view=catalog.ASSET_VIEW_FULL),
    ),
    (
        "ListJobVersions",
        lambda client: client.job_versions(TRAIN, page_size=7),
        catalog.ListJobVersionsRequest(parent="namespaces/team/jobs/train", page_size=7),
    ),
    (
        "GetJobVersion",
        lambda client: client.get_job_version(JobVersionName("team", "train", "latest")),
        catalog.GetJobVersionRequest(name="namespaces/team/jobs/train/versions/latest"),
    ),
    (
        "ListRuns",
        lambda client: client.runs(TRAIN, states=["FAILED", catalog_pb2.RUN_STATE_ABORTED], page_size=7),
        catalog.ListRunsRequest(
            parent="namespaces/team/jobs/train",
            states=[catalog_pb2.RUN_STATE_FAILED, catalog_pb2.RUN_STATE_ABORTED],
            page_size=7,
        ),
    ),
    (
        "GetRun",
        lambda client: client.get_run(RunName("r1"), view="FULL"),
        catalog.GetRunRequest(name="runs/r1", view=catalog.ASSET_VIEW_FULL),
    ),
    (
        "SearchAssets",
        lambda client: client.search_assets(
            "churn",
            types=["DATASET"],
            kinds=["FEATURE_TABLE"],
            tag="tier=gold",
            owner="team:search",
            field="user",
            namespace="team",
            show_deleted=True,
            page_size=7,
        ),
        catalog.SearchAssetsRequest(
            query="churn",
            types=[catalog.ASSET_TYPE_DATASET],
            dataset_kinds=[catalog_pb2.DATASET_KIND_FEATURE_TABLE],
            tag="tier=gold",
            owner="team:search",
            field="user",
            namespace="namespaces/team",
            show_deleted=True,
            page_size=7,
        ),
    ),
    ("SearchAssets", lambda client: client.search_assets(), catalog.SearchAssetsRequest()),
    (
        "DeleteAsset",
        lambda client: client.delete_asset(CLICKS, at=NOON),
        catalog.DeleteAssetRequest(name=CLICKS_NAME, delete_time=NOON_SENT),
    ),
    ("DeleteAsset", lambda client: client.delete_asset(CLICKS), catalog.DeleteAssetRequest(name=CLICKS_NAME)),
    (
        "UndeleteAsset",
        lambda client: client.undelete_asset(TRAIN, at=NOON_IN_TOKYO),
        catalog.UndeleteAssetRequest(name="namespaces/team/jobs/train", undelete_time=NOON_SENT),
    ),
    (
        "TraverseLineage",
        lambda client: client.traverse_lineage(CLICKS, direction="DOWNSTREAM", max_depth=3),
        lineage.TraverseLineageRequest(
            traversal=lineage.Traversal(roots=[CLICKS_NAME], direction=lineage.DIRECTION_DOWNSTREAM, max_depth=3)
        ),
    ),
    (
        "GetLineage",
        lambda client: client.get_lineage(
            CLICKS,
            TRAIN,
            direction="BOTH",
            level="FIELD",
            field="id",
            max_depth=3,
            max_nodes=9,
            as_of=NOON,
            dataset_kinds=["MODEL"],
            exclude_inferred=True,
            exclude_indirect=True,
            min_position="8",
        ),
        lineage.GetLineageRequest(
            traversal=lineage.Traversal(
                roots=[CLICKS_NAME, "namespaces/team/jobs/train"],
                direction=lineage.DIRECTION_BOTH,
                level=lineage.LEVEL_FIELD,
                field="id",
                max_depth=3,
                max_nodes=9,
                as_of=NOON_SENT,
                dataset_kinds=[catalog_pb2.DATASET_KIND_MODEL],
                exclude_inferred=True,
                exclude_indirect=True,
                min_position="8",
            )
        ),
    ),
    (
        "SearchLinks",
        lambda client: client.search_links(target=CLICKS, as_of=NOON, show_history=True, field_links=True, page_size=7),
        lineage.SearchLinksRequest(
            target=CLICKS_NAME, as_of=NOON_SENT, show_history=True, field_links=True, page_size=7
        ),
    ),
    ("SearchLinks", lambda client: client.search_links(source=TRAIN), lineage.SearchLinksRequest(source=str(TRAIN))),
    (
        "CompareDatasetVersions",
        lambda client: client.compare_dataset_versions(f"{CLICKS_NAME}/versions/1", f"{CLICKS_NAME}/versions/2"),
        lineage.CompareDatasetVersionsRequest(base=f"{CLICKS_NAME}/versions/1", target=f"{CLICKS_NAME}/versions/2"),
    ),
    (
        "CompareLineage",
        lambda client: client.compare_times(CLICKS, base=NOON, max_depth=2),
        lineage.CompareLineageRequest(
            times=lineage.TimeComparison(
                traversal=lineage.Traversal(roots=[CLICKS_NAME], max_depth=2), base_time=NOON_SENT
            )
        ),
    ),
    (
        "CompareLineage",
        lambda client: client.compare_runs("runs/a", RunName("b")),
        lineage.CompareLineageRequest(runs=lineage.RunComparison(base="runs/a", target="runs/b")),
    ),
    (
        "WriteEvent",
        lambda client: client.write_event({"eventTime": "now"}),
        ingest.WriteEventRequest(event=event_pb2.Event(open_lineage=b'{"eventTime": "now"}')),
    ),
    (
        "BatchWriteEvents",
        lambda client: client.batch_write_events(["{}", event_pb2.JobEvent(producer="p"), b"[]"]),
        ingest.BatchWriteEventsRequest(
            events=[
                event_pb2.Event(open_lineage=b"{}"),
                event_pb2.Event(job_event=event_pb2.JobEvent(producer="p")),
                event_pb2.Event(open_lineage=b"[]"),
            ]
        ),
    ),
    (
        "ListRejectedEvents",
        lambda client: client.rejected_events(page_size=7),
        ingest.ListRejectedEventsRequest(page_size=7),
    ),
    (
        "GetPipeline",
        lambda client: client.get_pipeline("k8s://prod/ml/churn"),
        pipeline.GetPipelineRequest(name=CHURN),
    ),
    (
        "ListPipelines",
        lambda client: client.pipelines("k8s://prod/ml", show_ended=True, page_size=7),
        pipeline.ListPipelinesRequest(parent=ML, show_ended=True, page_size=7),
    ),
    (
        "UpdatePipeline",
        lambda client: client.update_pipeline(pipeline_pb2.Pipeline(name=CHURN, uid="7"), allow_missing=True),
        pipeline.UpdatePipelineRequest(pipeline=pipeline_pb2.Pipeline(name=CHURN, uid="7"), allow_missing=True),
    ),
    (
        "DeletePipeline",
        lambda client: client.delete_pipeline(PipelineName("k8s://prod/ml", "churn"), uid="7", allow_missing=True),
        pipeline.DeletePipelineRequest(name=CHURN, uid="7", allow_missing=True),
    ),
    (
        "UpdateWorkloads",
        lambda client: client.update_workloads("k8s://prod/ml", iter([pipeline_pb2.Workload(kind="Job.batch")])),
        pipeline.UpdateWorkloadsRequest(parent=ML, workloads=[pipeline_pb2.Workload(kind="Job.batch")]),
    ),
    (
        "ListWorkloads",
        lambda client: client.workloads(pipeline=CHURN, without_lineage=True, page_size=7),
        pipeline.ListWorkloadsRequest(parent="namespaces/-", pipeline=CHURN, without_lineage=True, page_size=7),
    ),
    (
        "ListWorkloads",
        lambda client: client.workloads("k8s://prod/ml", uncovered=True),
        pipeline.ListWorkloadsRequest(parent=ML, uncovered=True),
    ),
]
# These two have tests of their own.
ELSEWHERE = {"ResolveAddress", "StreamEvents"}


async def settled(answer: Any) -> Any:
    """Gives what a call of either face comes to."""
    if isinstance(answer, Awaitable):
        return await answer
    if isinstance(answer, AsyncIterable):
        return [each async for each in answer]
    if isinstance(answer, Iterable) and not isinstance(answer, Message):
        return list(answer)
    return answer


@pytest.mark.parametrize(("rpc", "make", "request_sent"), [pytest.param(*call, id=call[0]) for call in CALLS])
async def test_both_faces_send_what_was_meant(
    server: FakeServer,
    client: Client,
    sync_client: SyncClient,
    rpc: str,
    make: Callable[[Any], Any],
    request_sent: Message,
) -> None:
    answer = await settled(make(client))
    assert await settled(make(sync_client)) == answer or rpc in ("WriteEvent", "BatchWriteEvents")
    assert server.requests(rpc) == [request_sent] * 2


def test_every_rpc_of_the_contract_is_called_here() -> None:
    assert {path.rpartition("/")[2] for path in PATHS.values()} == {call[0] for call in CALLS} | ELSEWHERE


def test_both_faces_have_the_same_methods_with_the_same_parameters() -> None:
    def methods(face: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(method).parameters)
            for name, method in inspect.getmembers(face, inspect.isfunction)
            if not name.startswith("_")
        }

    assert methods(SyncClient) == methods(Client)


def test_a_blocking_method_explains_itself() -> None:
    assert SyncClient.get_dataset.__doc__ == Client.get_dataset.__doc__
    assert SyncClient.get_dataset.__name__ == "get_dataset"


async def test_a_get_gives_the_asset_itself(client: Client, sync_client: SyncClient) -> None:
    dataset = await client.get_dataset(CLICKS)
    assert isinstance(dataset, catalog_pb2.Dataset)
    assert dataset.name == CLICKS_NAME
    assert sync_client.get_dataset(CLICKS) == dataset


@pytest.mark.parametrize(
    ("make", "rpc", "field", "expected"),
    [
        (lambda client: client.get_dataset("b/x@3#id"), "GetDataset", "name", X),
        (lambda client: client.get_dataset_version("b/x@3#id"), "GetDatasetVersion", "name", X_VERSION),
        (lambda client: client.writes("b/x@3#id"), "ListWrites", "parent", X),
        (lambda client: client.fields("b/x@3#id"), "ListFields", "parent", X_VERSION),
        (lambda client: client.search_links(source="b/x@3#id"), "SearchLinks", "source", X),
        (lambda client: client.delete_asset("b/x@3#id"), "DeleteAsset", "name", X),
    ],
)
async def test_an_address_is_resolved_by_the_server(
    server: FakeServer,
    client: Client,
    sync_client: SyncClient,
    make: Callable[[Any], Any],
    rpc: str,
    field: str,
    expected: str,
) -> None:
    server.addresses["b/x@3#id"] = catalog.ResolveAddressResponse(name=X, version=X_VERSION, field="id")
    for face in (client, sync_client):
        await settled(make(face))
    assert [getattr(sent, field) for sent in server.requests(rpc)] == [expected] * 2


async def test_a_list_resolves_its_address_once(server: FakeServer, client: Client) -> None:
    server.addresses["b/x"] = catalog.ResolveAddressResponse(name=X)
    server.items["ListWrites"] = [catalog_pb2.Write(name=str(i)) for i in range(5)]
    assert len([write async for write in client.writes("b/x")]) == 5
    assert len(server.requests("ListWrites")) == 3
    assert len(server.requests("ResolveAddress")) == 1


async def test_a_root_names_its_version_and_field(server: FakeServer, client: Client) -> None:
    server.addresses["b/x@3#id"] = catalog.ResolveAddressResponse(name=X, version=X_VERSION, field="id")
    await client.get_lineage("b/x@3#id")
    [sent] = server.requests("GetLineage")
    assert sent == lineage.GetLineageRequest(
        traversal=lineage.Traversal(roots=[X_VERSION], field="id", level=lineage.LEVEL_FIELD)
    )
    with pytest.raises(ValueError, match="id, other"):
        await client.get_lineage("b/x@3#id", field="other")


async def test_an_address_can_be_resolved_by_itself(server: FakeServer, client: Client) -> None:
    address = format_address("s3://bucket", "me@home")
    server.addresses[address] = catalog.ResolveAddressResponse(name=X)
    assert (await client.resolve_address(address)).name == X


async def test_a_walk_is_given_in_parts(server: FakeServer, client: Client, sync_client: SyncClient) -> None:
    server.parts = [
        lineage.TraverseLineageResponse(nodes=[lineage_pb2.Node(name="a")]),
        lineage.TraverseLineageResponse(summary=lineage.TraversalSummary(node_count=1)),
    ]
    assert [part async for part in client.traverse_lineage(X)] == server.parts
    assert list(sync_client.traverse_lineage(X)) == server.parts


async def test_a_walk_that_is_left_is_cancelled(server: FakeServer, client: Client, sync_client: SyncClient) -> None:
    server.parts = [lineage.TraverseLineageResponse()] * 1000
    server.pause_seconds = 60
    async for _ in client.traverse_lineage(X):
        break
    for _ in sync_client.traverse_lineage(X):
        break
    async with asyncio.timeout(5):
        while server.abandoned_walks < 2:
            await asyncio.sleep(0.01)


async def test_found_assets_are_datasets_and_jobs(server: FakeServer, client: Client) -> None:
    dataset, job = catalog_pb2.Dataset(name="d"), catalog_pb2.Job(name="j")
    server.items["SearchAssets"] = [catalog.Asset(dataset=dataset), catalog.Asset(job=job)]
    assert [asset async for asset in client.search_assets("x")] == [dataset, job]


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda client: client.delete_asset(CLICKS, at=datetime(2026, 1, 1)), id="no zone"),  # noqa: DTZ001
        pytest.param(lambda client: client.get_dataset(CLICKS, view="LOUD"), id="unknown word"),
        pytest.param(lambda client: client.search_links(), id="no end"),
        pytest.param(lambda client: client.search_links(source=CLICKS, target=CLICKS), id="both ends"),
    ],
)
def test_values_without_meaning_are_refused_before_a_call(
    server: FakeServer, sync_client: SyncClient, make: Callable[[SyncClient], object]
) -> None:
    with pytest.raises(ValueError, match=r"zone|BASIC, FULL|either"):
        make(sync_client)
    assert server.received == []


def test_what_is_no_event_is_refused(sync_client: SyncClient) -> None:
    with pytest.raises(TypeError, match="int is no event"):
        sync_client.write_event(3)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["churn", "/churn", "k8s://prod/ml/", "namespaces/a/jobs/b"])
async def test_what_names_no_pipeline_is_refused_before_the_call(server: FakeServer, client: Client, text: str) -> None:
    with pytest.raises(InvalidName):
        await client.get_pipeline(text)
    assert server.received == []
