"""A server that gives the example's answers over gRPC, and remembers what it was asked and told."""
# ruff: noqa: N802 (methods are called as the contract calls them)

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from importlib.metadata import version
from threading import Event
from typing import Any, TypeVar

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import HealthServicer

from headwater.events import to_open_lineage
from headwater.v1 import catalog_pb2, error_reason_pb2, event_pb2, pipeline_pb2
from headwater.v1 import catalog_service_pb2 as catalog
from headwater.v1 import catalog_service_pb2_grpc as catalog_grpc
from headwater.v1 import ingest_service_pb2 as ingest
from headwater.v1 import ingest_service_pb2_grpc as ingest_grpc
from headwater.v1 import lineage_service_pb2 as lineage
from headwater.v1 import lineage_service_pb2_grpc as lineage_grpc
from headwater.v1 import pipeline_service_pb2 as pipeline
from headwater.v1 import pipeline_service_pb2_grpc as pipeline_grpc

from . import example

M = TypeVar("M", bound=Message)
T = TypeVar("T")
SERVICES = [f"headwater.v1.{name}Service" for name in ("Ingest", "Catalog", "Lineage", "Pipeline")]


class FakeHealth(HealthServicer):
    """Answers for the services' health, and tells beside it what a server tells beside every answer."""

    def __init__(self) -> None:
        super().__init__()
        self.told = {"headwater-version": version("headwater"), "date": formatdate(usegmt=True)}

    def Check(self, request: health_pb2.HealthCheckRequest, context: Any) -> health_pb2.HealthCheckResponse:
        context.set_trailing_metadata(tuple(self.told.items()))
        return super().Check(request, context)


class FakeServer(
    catalog_grpc.CatalogServiceServicer,
    lineage_grpc.LineageServiceServicer,
    ingest_grpc.IngestServiceServicer,
    pipeline_grpc.PipelineServiceServicer,
):
    """Serves on a free port of loopback for as long as the `with` block lasts."""

    def __init__(self, credentials: grpc.ServerCredentials | None = None) -> None:
        self.requests: list[Any] = []
        self.events: list[event_pb2.Event] = []
        self.failure: tuple[grpc.StatusCode, str, str] | None = None
        self.may_answer = Event()
        self.may_answer.set()
        self.health = FakeHealth()
        for name in ("", *SERVICES):
            self.health.set(name, health_pb2.HealthCheckResponse.SERVING)
        self._server = grpc.server(ThreadPoolExecutor(4))
        for add in (
            catalog_grpc.add_CatalogServiceServicer_to_server,
            lineage_grpc.add_LineageServiceServicer_to_server,
            ingest_grpc.add_IngestServiceServicer_to_server,
            pipeline_grpc.add_PipelineServiceServicer_to_server,
        ):
            add(self, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self._server)
        port = (
            self._server.add_secure_port("localhost:0", credentials)
            if credentials
            else self._server.add_insecure_port("127.0.0.1:0")
        )
        self.address = f"{'localhost' if credentials else '127.0.0.1'}:{port}"

    def __enter__(self) -> "FakeServer":
        self._server.start()
        return self

    def __exit__(self, *details: object) -> None:
        self.may_answer.set()
        self._server.stop(None).wait()

    def last(self, kind: type[M]) -> M:
        """Gives the last request of a kind."""
        found: M = next(each for each in reversed(self.requests) if isinstance(each, kind))
        return found

    def run_events(self) -> list[event_pb2.RunEvent]:
        return [each.run_event for each in self.events]

    def ResolveAddress(self, request: catalog.ResolveAddressRequest, context: Any) -> catalog.ResolveAddressResponse:
        self._enter(request, context)
        if request.address == "users":
            candidates = "postgres://db:5432/shop.public.users\ns3://features/users"
            said = {"address": "users", "candidates": candidates}
            _abort(context, grpc.StatusCode.FAILED_PRECONDITION, "AMBIGUOUS_ADDRESS", "'users' fits 2 assets", said)
        return _known(example.ADDRESSES, request.address, context)

    def ListNamespaces(self, request: catalog.ListNamespacesRequest, context: Any) -> catalog.ListNamespacesResponse:
        self._enter(request, context)
        namespaces, token = _page(example.NAMESPACES, request)
        return catalog.ListNamespacesResponse(namespaces=namespaces, next_page_token=token)

    def GetDataset(self, request: catalog.GetDatasetRequest, context: Any) -> catalog_pb2.Dataset:
        self._enter(request, context)
        return _viewed(_known(example.DATASETS, request.name, context), request.view)

    def ListDatasetVersions(
        self, request: catalog.ListDatasetVersionsRequest, context: Any
    ) -> catalog.ListDatasetVersionsResponse:
        self._enter(request, context)
        versions, token = _page(example.VERSIONS.values(), request)
        return catalog.ListDatasetVersionsResponse(versions=versions, next_page_token=token)

    def GetDatasetVersion(self, request: catalog.GetDatasetVersionRequest, context: Any) -> catalog_pb2.DatasetVersion:
        self._enter(request, context)
        return _known(example.VERSIONS, request.name, context)

    def ListWrites(self, request: catalog.ListWritesRequest, context: Any) -> catalog.ListWritesResponse:
        self._enter(request, context)
        writes, token = _page(example.WRITES, request)
        return catalog.ListWritesResponse(writes=writes, next_page_token=token)

    def GetJob(self, request: catalog.GetJobRequest, context: Any) -> catalog_pb2.Job:
        self._enter(request, context)
        return _viewed(_known(example.JOBS, request.name, context), request.view)

    def ListJobVersions(self, request: catalog.ListJobVersionsRequest, context: Any) -> catalog.ListJobVersionsResponse:
        self._enter(request, context)
        return catalog.ListJobVersionsResponse(versions=[example.TRAIN_VERSION])

    def GetJobVersion(self, request: catalog.GetJobVersionRequest, context: Any) -> catalog_pb2.JobVersion:
        self._enter(request, context)
        return _known({example.TRAIN_VERSION.name: example.TRAIN_VERSION}, request.name, context)

    def ListRuns(self, request: catalog.ListRunsRequest, context: Any) -> catalog.ListRunsResponse:
        self._enter(request, context)
        runs = [run for run in example.RUNS.values() if not request.states or run.state in request.states]
        page, token = _page(runs, request)
        return catalog.ListRunsResponse(runs=[_viewed(run, 1) for run in page], next_page_token=token)

    def GetRun(self, request: catalog.GetRunRequest, context: Any) -> catalog_pb2.Run:
        self._enter(request, context)
        return _viewed(_known(example.RUNS, request.name, context), request.view)

    def SearchAssets(self, request: catalog.SearchAssetsRequest, context: Any) -> catalog.SearchAssetsResponse:
        self._enter(request, context)
        assets = [catalog.Asset(dataset=_viewed(each, 1)) for each in example.DATASETS.values()]
        assets += [catalog.Asset(job=each) for each in example.JOBS.values()]
        page, token = _page([] if request.query == "nothing" else assets, request)
        return catalog.SearchAssetsResponse(assets=page, next_page_token=token)

    def DeleteAsset(self, request: catalog.DeleteAssetRequest, context: Any) -> Empty:
        self._enter(request, context)
        return Empty()

    def UndeleteAsset(self, request: catalog.UndeleteAssetRequest, context: Any) -> Empty:
        self._enter(request, context)
        return Empty()

    def GetLineage(self, request: lineage.GetLineageRequest, context: Any) -> lineage.GetLineageResponse:
        self._enter(request, context)
        walk = request.traversal
        if walk.max_depth == 1:
            return example.CUT
        if walk.exclude_inferred:
            return example.ALONE
        if walk.level == lineage.LEVEL_FIELD:
            return example.FIELDS
        if walk.level == lineage.LEVEL_RUN or "/versions/" in walk.roots[0]:
            return example.BY_RUNS
        return example.DOWNSTREAM if walk.direction == lineage.DIRECTION_DOWNSTREAM else example.UPSTREAM

    def CompareDatasetVersions(
        self, request: lineage.CompareDatasetVersionsRequest, context: Any
    ) -> lineage.CompareDatasetVersionsResponse:
        self._enter(request, context)
        is_same = request.base == request.target
        return lineage.CompareDatasetVersionsResponse() if is_same else example.VERSION_CHANGES

    def CompareLineage(self, request: lineage.CompareLineageRequest, context: Any) -> lineage.CompareLineageResponse:
        self._enter(request, context)
        return example.RUN_CHANGES if request.HasField("runs") else example.LINEAGE_CHANGES

    def GetPipeline(self, request: pipeline.GetPipelineRequest, context: Any) -> pipeline_pb2.Pipeline:
        self._enter(request, context)
        return _known(example.PIPELINES, request.name, context)

    def ListPipelines(self, request: pipeline.ListPipelinesRequest, context: Any) -> pipeline.ListPipelinesResponse:
        self._enter(request, context)
        found = [each for each in example.PIPELINES.values() if request.show_ended or not each.HasField("end_time")]
        page, token = _page([] if "nowhere" in request.parent else found, request)
        return pipeline.ListPipelinesResponse(pipelines=page, next_page_token=token)

    def ListWorkloads(self, request: pipeline.ListWorkloadsRequest, context: Any) -> pipeline.ListWorkloadsResponse:
        self._enter(request, context)
        known = [] if "nowhere" in request.parent else example.WORKLOADS
        page, token = _page([each for each in known if each.pipeline == request.pipeline], request)
        return pipeline.ListWorkloadsResponse(workloads=page, next_page_token=token)

    def WriteEvent(self, request: ingest.WriteEventRequest, context: Any) -> ingest.WriteEventResponse:
        self._enter(request, context)
        result = self._take(request.event)
        if result.outcome == event_pb2.EventResult.OUTCOME_REJECTED:
            _abort(context, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_EVENT", result.message, {})
        return ingest.WriteEventResponse(result=result, position="7")

    def BatchWriteEvents(
        self, request: ingest.BatchWriteEventsRequest, context: Any
    ) -> ingest.BatchWriteEventsResponse:
        self._enter(request, context)
        return ingest.BatchWriteEventsResponse(results=map(self._take, request.events), position="7")

    def ListRejectedEvents(
        self, request: ingest.ListRejectedEventsRequest, context: Any
    ) -> ingest.ListRejectedEventsResponse:
        self._enter(request, context)
        event = ingest.RejectedEvent(
            receive_time=example.at(),
            sender="ipv4:10.0.0.7:4711",
            reason=error_reason_pb2.ERROR_REASON_INVALID_EVENT,
            message="run.runId is missing: send the id of the run, a UUID",
            field="run.runId",
            body=b"{}",
            body_size=2,
        )
        return ingest.ListRejectedEventsResponse(rejected_events=[event])

    def _enter(self, request: Message, context: Any) -> None:
        self.requests.append(request)
        self.may_answer.wait()
        if self.failure:
            code, reason, message = self.failure
            _abort(context, code, reason, message, {})

    def _take(self, event: event_pb2.Event) -> event_pb2.EventResult:
        """Rejects what holds no `{` and what speaks of a job "refused"; knows what it was sent before."""
        if event.WhichOneof("body") == "open_lineage" and b"{" not in event.open_lineage:
            return _rejected("event", "event is not JSON: send one event of OpenLineage")
        if b'"refused"' in to_open_lineage(event):
            return _rejected("job.name", "job.name is refused: choose another")
        is_known = event in self.events
        if not is_known:
            self.events.append(event)
        outcomes = event_pb2.EventResult
        return outcomes(outcome=outcomes.OUTCOME_DUPLICATE if is_known else outcomes.OUTCOME_ACCEPTED)


def _rejected(field: str, message: str) -> event_pb2.EventResult:
    return event_pb2.EventResult(
        outcome=event_pb2.EventResult.OUTCOME_REJECTED,
        reason=error_reason_pb2.ERROR_REASON_INVALID_EVENT,
        field=field,
        message=message,
    )


def _known(known: dict[str, T], name: str, context: Any) -> T:
    if name not in known:
        said = {"resource": name}
        _abort(context, grpc.StatusCode.NOT_FOUND, "NOT_FOUND", f"{name!r} is not known", said)
    return known[name]


def _viewed(asset: Any, view: int) -> Any:
    shown = type(asset)()
    shown.CopyFrom(asset)
    if view != catalog.ASSET_VIEW_FULL:
        shown.ClearField("facets")
    return shown


def _page(items: Iterable[T], request: Any) -> tuple[list[T], str]:
    rest = list(items)[int(request.page_token or 0) :]
    size = request.page_size or 50
    token = str(int(request.page_token or 0) + size) if len(rest) > size else ""
    return rest[:size], token


def _abort(context: Any, code: grpc.StatusCode, reason: str, message: str, metadata: dict[str, str]) -> None:
    detail = AnyMessage()
    detail.Pack(error_details_pb2.ErrorInfo(reason=reason, domain="headwater.dev", metadata=metadata))
    status = status_pb2.Status(code=code.value[0], message=message, details=[detail])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, message)
