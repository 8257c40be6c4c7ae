"""Whatever a client sends, through either door: a good answer or one clear error, nothing written by what is refused,
and a server that goes on.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote

import asyncpg
import grpc
import httpx
import pytest
import pytest_asyncio
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headwater.v1 import catalog_service_pb2, event_pb2, ingest_service_pb2, lineage_service_pb2, pipeline_service_pb2
from headwater_server.api.convert_catalog import page_of

from ..broken_events import GOOD, broken_events
from . import hostile
from .answers import answer_of, check_response, facts

T = TypeVar("T")
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
SERVICES = [
    module.DESCRIPTOR.services_by_name[name]
    for module, name in (
        (ingest_service_pb2, "IngestService"),
        (catalog_service_pb2, "CatalogService"),
        (lineage_service_pb2, "LineageService"),
        (pipeline_service_pb2, "PipelineService"),
    )
]
METHODS = {f"{service.full_name}/{method.name}": method for service in SERVICES for method in service.methods}
SINGLE = {path: method for path, method in METHODS.items() if not method.client_streaming}
PAGED = [path for path, method in SINGLE.items() if "page_token" in method.input_type.fields_by_name]
PARENTS = {
    "ListDatasets": "namespaces/db",
    "ListJobs": "namespaces/-",
    "ListJobVersions": "namespaces/team/jobs/job",
    "ListRuns": "namespaces/team/jobs/job",
    "ListPipelines": "namespaces/-",
    "ListWorkloads": "namespaces/-",
}
LINEAGE, BATCH = "/api/v1/lineage", "/api/v1/lineage/batch"
PARAMETERS = (
    *("field", "level", "max_depth", "max_nodes", "as_of", "kind", "exclude_inferred", "min_position", "root"),
    *("direction", "q", "type", "tag", "owner", "namespace", "page_size", "page_token", "show_deleted", "view", "x"),
)


def trying(examples: int) -> Callable[[T], T]:
    """So many examples, each on the same server."""
    return settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest_asyncio.fixture(autouse=True)
async def graph(http: httpx.AsyncClient, channel: grpc.aio.Channel) -> AsyncIterator[None]:
    """Something to ask about; at the end of every test the server serves, and still takes an event."""
    assert (await http.post(LINEAGE, content=json.dumps(GOOD).encode())).status_code == 201
    yield
    health: Any = health_pb2_grpc.HealthStub(channel)
    assert (await health.Check(health_pb2.HealthCheckRequest())).status == health_pb2.HealthCheckResponse.SERVING
    last = GOOD | {"run": {"runId": "the last one"}}
    assert (await http.post(LINEAGE, content=json.dumps(last).encode())).status_code == 201


def call(channel: grpc.aio.Channel, path: str, *requests: Message | bytes) -> Any:
    """Calls a method with requests as they are, of its kind or not."""
    method = METHODS[path]
    kind = {(False, False): "unary_unary", (False, True): "unary_stream", (True, True): "stream_stream"}
    make = getattr(channel, kind[method.client_streaming, method.server_streaming])
    data = [each if isinstance(each, bytes) else each.SerializeToString() for each in requests]
    sent: bytes | Iterator[bytes] = iter(data) if method.client_streaming else data[0]
    return make(f"/{path}", None, GetMessageClass(method.output_type).FromString)(sent)


async def check_written(connection: Connection, answer: Awaitable[T], is_refused: Callable[[T], bool]) -> T:
    """The answer, after a look that what is refused has written nothing."""
    before = await facts(connection)
    found = await answer
    if is_refused(found):
        assert await facts(connection) == before
    return found


def is_none(answer: object) -> bool:
    return answer is None


@trying(40)
@given(path=st.sampled_from(sorted(METHODS)), data=st.data())
async def test_bytes_that_are_a_message_or_none_or_another_ones(
    channel: grpc.aio.Channel, connection: Connection, path: str, data: st.DataObject
) -> None:
    other = METHODS[data.draw(st.sampled_from(sorted(METHODS)))].input_type
    sent = data.draw(
        st.one_of(st.binary(max_size=60), hostile.messages(other, 3).map(lambda each: each.SerializeToString()))
    )
    await check_written(connection, answer_of(call(channel, path, sent)), is_none)


@trying(150)
@given(path=st.sampled_from(sorted(SINGLE)), data=st.data())
async def test_any_message_of_any_method(
    channel: grpc.aio.Channel, connection: Connection, path: str, data: st.DataObject
) -> None:
    request = data.draw(hostile.messages(METHODS[path].input_type))
    await check_written(connection, answer_of(call(channel, path, request)), is_none)


@trying(60)
@given(path=st.sampled_from(PAGED), place=hostile.places, size=st.integers(0, 3))
async def test_a_page_token_that_a_client_made_itself(
    channel: grpc.aio.Channel, path: str, place: tuple[object, ...], size: int
) -> None:
    request: Any = GetMessageClass(METHODS[path].input_type)(page_size=size)
    if "parent" in request.DESCRIPTOR.fields_by_name:
        request.parent = PARENTS.get(path.rpartition("/")[2], hostile.OUT)
    elif "source" in request.DESCRIPTOR.fields_by_name:
        request.source = hostile.OUT
    request.page_token = page_of(request, tuple).token(place)
    await answer_of(call(channel, path, request))


@trying(30)
@given(events=st.lists(broken_events(hostile.JUNK) | st.binary(max_size=20), min_size=1, max_size=4))
async def test_events_over_grpc_one_by_one_in_a_batch_and_in_a_stream(
    channel: grpc.aio.Channel, connection: Connection, events: list[bytes]
) -> None:
    whole = [event_pb2.Event(open_lineage=body) for body in events]
    one = ingest_service_pb2.WriteEventRequest(event=whole[0])
    await check_written(connection, answer_of(call(channel, "headwater.v1.IngestService/WriteEvent", one)), is_none)
    batch = ingest_service_pb2.BatchWriteEventsRequest(events=whole)
    stream = ingest_service_pb2.StreamEventsRequest(
        events=[ingest_service_pb2.StreamedEvent(id=place, event=event) for place, event in enumerate(whole)]
    )
    for path, request in (("BatchWriteEvents", batch), ("StreamEvents", stream)):
        answer = answer_of(call(channel, f"headwater.v1.IngestService/{path}", request))
        results = await check_written(connection, results_of(answer), are_all_rejected)
        assert len(results) == len(events)


async def results_of(answer: Awaitable[Any]) -> list[event_pb2.EventResult]:
    """The results of a batch, or of a stream in the order of its ids; those rejected say why."""
    found = await answer
    if isinstance(found, list):
        streamed = sorted((result for part in found for result in part.results), key=lambda each: each.id)
        results = [each.result for each in streamed]
    else:
        results = list(found.results)
    for result in results:
        if result.outcome == event_pb2.EventResult.OUTCOME_REJECTED:
            assert result.field
            assert ": " in result.message
    return results


def are_all_rejected(results: list[event_pb2.EventResult]) -> bool:
    return all(result.outcome == event_pb2.EventResult.OUTCOME_REJECTED for result in results)


@trying(40)
@given(data=st.data(), is_batch=st.booleans(), is_gzip=st.booleans())
async def test_bodies_over_http(
    http: httpx.AsyncClient, connection: Connection, data: st.DataObject, is_batch: bool, is_gzip: bool
) -> None:
    bodies = broken_events(hostile.JUNK) | st.binary(max_size=20)
    if is_batch:
        bodies = st.lists(bodies, max_size=3).map(lambda events: b"[" + b",".join(events) + b"]") | bodies
    body = data.draw(hostile.broken_gzips(bodies) if is_gzip else bodies)
    headers = {"content-encoding": "gzip"} if is_gzip else {}
    request = http.post(BATCH if is_batch else LINEAGE, content=body, headers=headers)
    response = await check_written(connection, request, lambda each: each.is_error)
    if check_response(response) and response.content:
        for failed in response.json()["failed_events"]:
            assert failed["reason"].startswith(("INVALID_EVENT: ", "TOO_LARGE: "))


@trying(80)
@given(path=st.sampled_from(sorted(METHODS)), data=st.data())
async def test_any_json_as_a_question_by_name(
    http: httpx.AsyncClient, connection: Connection, path: str, data: st.DataObject
) -> None:
    method: MethodDescriptor = METHODS[path]
    asked = data.draw(hostile.json_requests(method.input_type))
    url = f"/api/v1/rpc/{method.containing_service.name}/{method.name}"
    before = await facts(connection)
    check_response(await http.post(url, content=json.dumps(asked).encode()))
    assert await facts(connection) == before


ENDPOINTS = ("show", "upstream", "downstream", "search", "lineage", "nothing")


@trying(100)
@given(
    endpoint=st.sampled_from(ENDPOINTS),
    address=hostile.texts | st.binary(max_size=10),
    query=st.lists(st.tuples(st.sampled_from(PARAMETERS), hostile.texts | st.binary(max_size=6)), max_size=3),
    safe=st.sampled_from(["", "/:@"]),
)
async def test_any_address_and_any_parameter_in_a_url(
    http: httpx.AsyncClient,
    endpoint: str,
    address: str | bytes,
    query: list[tuple[str, str | bytes]],
    safe: str,
) -> None:
    path = f"/api/v1/{endpoint}/{quote(address, safe=safe)}" if endpoint not in ("search", "lineage") else ""
    parameters = "&".join(f"{name}={quote(value, safe=safe)}" for name, value in query)
    raw = f"{path or f'/api/v1/{endpoint}'}?{parameters}".encode()
    check_response(await http.get(httpx.URL(str(http.base_url), raw_path=raw)))


async def test_a_hundred_megabytes_over_grpc(channel: grpc.aio.Channel, connection: Connection) -> None:
    event = event_pb2.Event(open_lineage=b" " * 100_000_000)
    requests = {
        "WriteEvent": ingest_service_pb2.WriteEventRequest(event=event),
        "BatchWriteEvents": ingest_service_pb2.BatchWriteEventsRequest(events=[event]),
        "StreamEvents": ingest_service_pb2.StreamEventsRequest(events=[ingest_service_pb2.StreamedEvent(event=event)]),
    }
    for name, request in requests.items():
        answer = answer_of(call(channel, f"headwater.v1.IngestService/{name}", request))
        assert await check_written(connection, answer, is_none) is None


CYCLE = [
    {"run": {"runId": me, "facets": {"parent": {"run": {"runId": parent}, "job": {"namespace": "team", "name": "j"}}}}}
    for me, parent in (("a", "b"), ("b", "a"), ("c", "c"))
]
SELF = {"inputs": [{"namespace": "db", "name": "same"}], "outputs": [{"namespace": "db", "name": "same"}]}
WIDE = {
    "outputs": [
        {
            "namespace": "db",
            "name": "wide",
            "facets": {"schema": {"fields": [{"name": f"f{n}", "type": "int"} for n in range(10_000)]}},
        }
    ]
}


@pytest.mark.parametrize("door", ["gRPC", "HTTP"])
@pytest.mark.parametrize(
    ("changes", "addresses"),
    [
        pytest.param(CYCLE, ["a", "b", "c"], id="runs that started each other"),
        pytest.param([SELF], ["db/same"], id="a dataset made of itself"),
        pytest.param([WIDE], ["db/wide"], id="ten thousand fields"),
    ],
)
async def test_what_is_odd_and_has_a_meaning_is_taken_and_every_question_about_it_ends(
    http: httpx.AsyncClient,
    channel: grpc.aio.Channel,
    door: str,
    changes: list[dict[str, Any]],
    addresses: list[str],
) -> None:
    bodies = [json.dumps(GOOD | change).encode() for change in changes]
    if door == "HTTP":
        assert (await http.post(BATCH, content=b"[" + b",".join(bodies) + b"]")).status_code == 204
    else:
        events = [event_pb2.Event(open_lineage=body) for body in bodies]
        request = ingest_service_pb2.BatchWriteEventsRequest(events=events)
        await results_of(answer_of(call(channel, "headwater.v1.IngestService/BatchWriteEvents", request)))
    for address in addresses:
        for endpoint in ("show", "upstream", "downstream"):
            assert (await http.get(f"/api/v1/{endpoint}/{address}")).status_code == 200
