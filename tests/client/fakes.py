"""A server that implements the contract without a store: it remembers what it was asked and says what it is told to."""
# ruff: noqa: N802 (methods are called as the contract calls them)

import asyncio
import threading
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from headwater.v1 import catalog_pb2, event_pb2, pipeline_pb2
from headwater.v1 import catalog_service_pb2 as catalog
from headwater.v1 import catalog_service_pb2_grpc as catalog_grpc
from headwater.v1 import ingest_service_pb2 as ingest
from headwater.v1 import ingest_service_pb2_grpc as ingest_grpc
from headwater.v1 import lineage_service_pb2 as lineage
from headwater.v1 import lineage_service_pb2_grpc as lineage_grpc
from headwater.v1 import pipeline_service_pb2 as pipeline
from headwater.v1 import pipeline_service_pb2_grpc as pipeline_grpc

M = TypeVar("M", bound=Message)
T = TypeVar("T")
Context = Any


@dataclass
class Failure:
    """Is what a call is answered with instead of an answer."""

    code: grpc.StatusCode
    reason: str = ""
    message: str = "it went wrong"
    metadata: dict[str, str] = field(default_factory=dict)
    retry_after: float | None = None
    domain: str = "headwater.dev"

    async def abort(self, context: Context) -> None:
        status = status_pb2.Status(code=self.code.value[0], message=self.message)
        if self.reason:
            info = error_details_pb2.ErrorInfo(reason=self.reason, domain=self.domain, metadata=self.metadata)
            status.details.append(_packed(info))
        if self.retry_after is not None:
            delay = Duration()
            delay.FromMilliseconds(int(self.retry_after * 1000))
            status.details.append(_packed(error_details_pb2.RetryInfo(retry_delay=delay)))
        trailers = (("grpc-status-details-bin", status.SerializeToString()),)
        await context.abort(self.code, self.message, trailers)


@dataclass
class Received:
    """Is a call as it reached the server."""

    rpc: str
    request: Message
    metadata: dict[str, str]
    seconds_left: float | None
    time: float


class Desk:
    """Remembers calls and holds what they are answered with."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.failures: dict[str, deque[Failure]] = defaultdict(deque)
        self.delay_seconds = 0.0
        self.items: dict[str, list[Any]] = defaultdict(list)
        self.page_size = 2
        self.addresses: dict[str, catalog.ResolveAddressResponse] = {}
        self.events: list[event_pb2.Event] = []
        self.results: dict[bytes, event_pb2.EventResult] = {}
        self.parts: list[lineage.TraverseLineageResponse] = []
        self.parts_until_failure: int | None = None
        self.pause_seconds = 0.0
        self.abandoned_walks = 0

    def requests(self, rpc: str) -> list[Any]:
        return [call.request for call in self.received if call.rpc == rpc]

    def fail(self, rpc: str, *failures: Failure) -> None:
        self.failures[rpc].extend(failures)

    async def enter(self, rpc: str, request: Message, context: Context) -> None:
        metadata = dict(context.invocation_metadata())
        self.received.append(Received(rpc, request, metadata, context.time_remaining(), time.monotonic()))
        if self.delay_seconds:
            await asyncio.sleep(self.delay_seconds)
        if self.failures[rpc]:
            await self.failures[rpc].popleft().abort(context)

    async def get(self, rpc: str, request: Any, context: Context, response: Callable[..., M]) -> M:
        await self.enter(rpc, request, context)
        return response(name=request.name)

    async def page(self, rpc: str, request: Any, context: Context, response: Callable[..., M], items: str) -> M:
        """Gives the page of a token, which is good for the same request only."""
        await self.enter(rpc, request, context)
        question = type(request)()
        question.CopyFrom(request)
        question.ClearField("page_token")
        start, _, asked = request.page_token.partition(":")
        if request.page_token and asked != str(question):
            await Failure(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PAGE_TOKEN").abort(context)
        first = int(start or 0)
        end = first + (request.page_size or self.page_size)
        more = f"{end}:{question}" if end < len(self.items[rpc]) else ""
        return response(**{items: self.items[rpc][first:end]}, next_page_token=more)

    def result(self, event: event_pb2.Event) -> event_pb2.EventResult:
        """Gives what an event is told to become; else ACCEPTED once and DUPLICATE from then on."""
        told = self.results.get(event.open_lineage)
        if told is not None:
            return told
        is_known = event in self.events
        if not is_known:
            self.events.append(event)
        outcome = event_pb2.EventResult.OUTCOME_DUPLICATE if is_known else event_pb2.EventResult.OUTCOME_ACCEPTED
        return event_pb2.EventResult(outcome=outcome)

    @property
    def position(self) -> str:
        return str(len(self.events))


class FakeIngest(ingest_grpc.IngestServiceServicer):
    """Keeps events. A stream is acknowledged every `interval_seconds`, the last event first."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.breaks: deque[int] = deque()
        self.ends: deque[int] = deque()
        self.interval_seconds = 0.02
        self.is_silent = False
        self.repeats_itself = False
        self.most_in_flight = 0
        self.streams = 0

    async def WriteEvent(self, request: Any, context: Context) -> ingest.WriteEventResponse:
        await self.desk.enter("WriteEvent", request, context)
        return ingest.WriteEventResponse(result=self.desk.result(request.event), position=self.desk.position)

    async def BatchWriteEvents(self, request: Any, context: Context) -> ingest.BatchWriteEventsResponse:
        await self.desk.enter("BatchWriteEvents", request, context)
        results = [self.desk.result(event) for event in request.events]
        return ingest.BatchWriteEventsResponse(results=results, position=self.desk.position)

    async def StreamEvents(self, request_iterator: Any, context: Context) -> AsyncIterator[ingest.StreamEventsResponse]:
        await self.desk.enter("StreamEvents", ingest.StreamEventsRequest(), context)
        self.streams += 1
        breaks_after = self.breaks.popleft() if self.breaks else None
        ends_after = self.ends.popleft() if self.ends else None
        waiting: list[ingest.StreamedEvent] = []
        taken = 0
        reading = asyncio.create_task(self._read(request_iterator, waiting))
        try:
            while not reading.done() or waiting:
                await asyncio.sleep(self.interval_seconds)
                self.most_in_flight = max(self.most_in_flight, len(waiting))
                group, waiting[:] = waiting[::-1], []
                taken += len(group)
                if breaks_after is not None and taken >= breaks_after:
                    for each in group:
                        self.desk.result(each.event)
                    await Failure(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN").abort(context)
                if ends_after is not None and taken >= ends_after:
                    return
                if group and not self.is_silent:
                    results = [ingest.StreamedResult(id=e.id, result=self.desk.result(e.event)) for e in group]
                    results *= 1 + self.repeats_itself
                    yield ingest.StreamEventsResponse(results=results, position=self.desk.position)
            while self.is_silent:
                await asyncio.sleep(0.02)
        finally:
            reading.cancel()

    async def _read(self, requests: AsyncIterator[Any], waiting: list[ingest.StreamedEvent]) -> None:
        async for request in requests:
            self.desk.received.append(Received("StreamedEvents", request, {}, None, time.monotonic()))
            waiting.extend(request.events)

    async def ListRejectedEvents(self, request: Any, context: Context) -> ingest.ListRejectedEventsResponse:
        response = ingest.ListRejectedEventsResponse
        return await self.desk.page("ListRejectedEvents", request, context, response, "rejected_events")


class FakeCatalog(catalog_grpc.CatalogServiceServicer):
    """Gives every asset that it is asked for, by its name alone."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def ResolveAddress(self, request: Any, context: Context) -> catalog.ResolveAddressResponse:
        await self.desk.enter("ResolveAddress", request, context)
        if request.address not in self.desk.addresses:
            await Failure(grpc.StatusCode.NOT_FOUND, "NOT_FOUND").abort(context)
        return self.desk.addresses[request.address]

    async def ListNamespaces(self, request: Any, context: Context) -> catalog.ListNamespacesResponse:
        return await self.desk.page("ListNamespaces", request, context, catalog.ListNamespacesResponse, "namespaces")

    async def GetNamespace(self, request: Any, context: Context) -> catalog_pb2.Namespace:
        return await self.desk.get("GetNamespace", request, context, catalog_pb2.Namespace)

    async def ListDatasets(self, request: Any, context: Context) -> catalog.ListDatasetsResponse:
        return await self.desk.page("ListDatasets", request, context, catalog.ListDatasetsResponse, "datasets")

    async def GetDataset(self, request: Any, context: Context) -> catalog_pb2.Dataset:
        return await self.desk.get("GetDataset", request, context, catalog_pb2.Dataset)

    async def ListDatasetVersions(self, request: Any, context: Context) -> catalog.ListDatasetVersionsResponse:
        response = catalog.ListDatasetVersionsResponse
        return await self.desk.page("ListDatasetVersions", request, context, response, "versions")

    async def GetDatasetVersion(self, request: Any, context: Context) -> catalog_pb2.DatasetVersion:
        return await self.desk.get("GetDatasetVersion", request, context, catalog_pb2.DatasetVersion)

    async def ListFields(self, request: Any, context: Context) -> catalog.ListFieldsResponse:
        return await self.desk.page("ListFields", request, context, catalog.ListFieldsResponse, "fields")

    async def ListWrites(self, request: Any, context: Context) -> catalog.ListWritesResponse:
        return await self.desk.page("ListWrites", request, context, catalog.ListWritesResponse, "writes")

    async def ListJobs(self, request: Any, context: Context) -> catalog.ListJobsResponse:
        return await self.desk.page("ListJobs", request, context, catalog.ListJobsResponse, "jobs")

    async def GetJob(self, request: Any, context: Context) -> catalog_pb2.Job:
        return await self.desk.get("GetJob", request, context, catalog_pb2.Job)

    async def ListJobVersions(self, request: Any, context: Context) -> catalog.ListJobVersionsResponse:
        return await self.desk.page("ListJobVersions", request, context, catalog.ListJobVersionsResponse, "versions")

    async def GetJobVersion(self, request: Any, context: Context) -> catalog_pb2.JobVersion:
        return await self.desk.get("GetJobVersion", request, context, catalog_pb2.JobVersion)

    async def ListRuns(self, request: Any, context: Context) -> catalog.ListRunsResponse:
        return await self.desk.page("ListRuns", request, context, catalog.ListRunsResponse, "runs")

    async def GetRun(self, request: Any, context: Context) -> catalog_pb2.Run:
        return await self.desk.get("GetRun", request, context, catalog_pb2.Run)

    async def SearchAssets(self, request: Any, context: Context) -> catalog.SearchAssetsResponse:
        return await self.desk.page("SearchAssets", request, context, catalog.SearchAssetsResponse, "assets")

    async def DeleteAsset(self, request: Any, context: Context) -> Empty:
        await self.desk.enter("DeleteAsset", request, context)
        return Empty()

    async def UndeleteAsset(self, request: Any, context: Context) -> Empty:
        await self.desk.enter("UndeleteAsset", request, context)
        return Empty()


class FakeLineage(lineage_grpc.LineageServiceServicer):
    """Walks no graph: it streams the parts that it is given."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def TraverseLineage(self, request: Any, context: Context) -> AsyncIterator[lineage.TraverseLineageResponse]:
        await self.desk.enter("TraverseLineage", request, context)
        for number, part in enumerate(self.desk.parts):
            if number == self.desk.parts_until_failure:
                await Failure(grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE").abort(context)
            try:
                yield part
                await asyncio.sleep(self.desk.pause_seconds)
            except asyncio.CancelledError:
                self.desk.abandoned_walks += 1
                raise

    async def GetLineage(self, request: Any, context: Context) -> lineage.GetLineageResponse:
        await self.desk.enter("GetLineage", request, context)
        return lineage.GetLineageResponse(summary=lineage.TraversalSummary(position="7"))

    async def SearchLinks(self, request: Any, context: Context) -> lineage.SearchLinksResponse:
        return await self.desk.page("SearchLinks", request, context, lineage.SearchLinksResponse, "links")

    async def CompareDatasetVersions(self, request: Any, context: Context) -> lineage.CompareDatasetVersionsResponse:
        await self.desk.enter("CompareDatasetVersions", request, context)
        return lineage.CompareDatasetVersionsResponse()

    async def CompareLineage(self, request: Any, context: Context) -> lineage.CompareLineageResponse:
        await self.desk.enter("CompareLineage", request, context)
        return lineage.CompareLineageResponse()


class FakePipelines(pipeline_grpc.PipelineServiceServicer):
    """Gives every pipeline that it is asked for, by its name alone."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def GetPipeline(self, request: Any, context: Context) -> pipeline_pb2.Pipeline:
        return await self.desk.get("GetPipeline", request, context, pipeline_pb2.Pipeline)

    async def ListPipelines(self, request: Any, context: Context) -> pipeline.ListPipelinesResponse:
        return await self.desk.page("ListPipelines", request, context, pipeline.ListPipelinesResponse, "pipelines")

    async def UpdatePipeline(self, request: Any, context: Context) -> pipeline_pb2.Pipeline:
        await self.desk.enter("UpdatePipeline", request, context)
        return pipeline_pb2.Pipeline(name=request.pipeline.name)

    async def DeletePipeline(self, request: Any, context: Context) -> pipeline_pb2.Pipeline:
        return await self.desk.get("DeletePipeline", request, context, pipeline_pb2.Pipeline)

    async def UpdateWorkloads(self, request: Any, context: Context) -> pipeline.UpdateWorkloadsResponse:
        await self.desk.enter("UpdateWorkloads", request, context)
        return pipeline.UpdateWorkloadsResponse()

    async def ListWorkloads(self, request: Any, context: Context) -> pipeline.ListWorkloadsResponse:
        return await self.desk.page("ListWorkloads", request, context, pipeline.ListWorkloadsResponse, "workloads")


class FakeServer(Desk):
    """Serves on loopback from a thread of its own, so that blocking clients find it too.

    with FakeServer() as server:
        client = SyncClient(server.address)
    """

    def __init__(self, credentials: grpc.ServerCredentials | None = None, max_message_bytes: int = 4 * 2**20) -> None:
        super().__init__()
        self.ingest = FakeIngest(self)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._credentials = credentials
        self._options = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", max_message_bytes)]
        self.port = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts the server: on a free port, then always on the same one."""
        self._within(self._start())

    def stop(self) -> None:
        """Stops the server at once; it can be started again."""
        self._within(self._server.stop(None))

    def __enter__(self) -> "FakeServer":
        self._thread.start()
        self.start()
        return self

    def __exit__(self, *details: object) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> None:
        self._server = grpc.aio.server(options=self._options)
        ingest_grpc.add_IngestServiceServicer_to_server(self.ingest, self._server)
        catalog_grpc.add_CatalogServiceServicer_to_server(FakeCatalog(self), self._server)
        lineage_grpc.add_LineageServiceServicer_to_server(FakeLineage(self), self._server)
        pipeline_grpc.add_PipelineServiceServicer_to_server(FakePipelines(self), self._server)
        address = f"127.0.0.1:{self.port}"
        if self._credentials is None:
            self.port = self._server.add_insecure_port(address)
        else:
            self.port = self._server.add_secure_port(address, self._credentials)
        await self._server.start()

    def _within(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)


def closed_port_address() -> str:
    """Gives an address at which nothing listens."""
    with FakeServer() as server:
        return server.address


def event_types(events: Sequence[event_pb2.Event]) -> list[str]:
    """Gives the types of typed run events."""
    return [event_pb2.EventType.Name(each.run_event.event_type).removeprefix("EVENT_TYPE_") for each in events]


def _packed(message: Message) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)
    return packed
