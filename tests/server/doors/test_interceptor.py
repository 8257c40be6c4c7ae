"""Every kind of call is let in, counted and told its errors in one way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import StringValue
from grpc_status import rpc_status
from prometheus_client import CollectorRegistry

from headwater.v1.catalog_service_pb2 import GetRunRequest, ListRunsRequest, SearchAssetsRequest
from headwater.v1.lineage_service_pb2 import CompareLineageRequest, GetLineageRequest
from headwater_server.api.admission import Admission
from headwater_server.api.interceptors import CallInterceptor
from headwater_server.api.metrics import CallMetrics
from headwater_server.api.timeouts import fitting_timeouts
from headwater_server.domain.errors import NotFound, QueryTimeout, StoreUnavailable
from headwater_server.usecases.access import Access

SERVICE = "headwater.v1.EchoService"
KINDS = ["unary_unary", "unary_stream", "stream_unary", "stream_stream"]


def check(request: StringValue) -> StringValue:
    if request.value == "unknown":
        raise NotFound("it")
    if request.value == "bug":
        raise KeyError("secret")
    return request


class Echo:
    """Answers with what it is told; fails when told so."""

    def __init__(self) -> None:
        self.closed = 0
        self.hold = asyncio.Event()
        self.hold.set()

    async def unary_unary(self, request: StringValue, _: object) -> StringValue:
        await self.hold.wait()
        return check(request)

    async def unary_stream(self, request: StringValue, _: object) -> AsyncIterator[StringValue]:
        try:
            yield StringValue(value="first")
            await self.hold.wait()
            yield check(request)
        finally:
            self.closed += 1

    async def stream_unary(self, requests: AsyncIterator[StringValue], _: object) -> StringValue:
        return [check(request) async for request in requests][-1]

    async def stream_stream(self, requests: AsyncIterator[StringValue], _: object) -> AsyncIterator[StringValue]:
        async for request in requests:
            yield check(request)


class Fixture:
    """A server of echoes, its parts, and a client of it."""

    def __init__(self) -> None:
        self.echo = Echo()
        self.registry = CollectorRegistry()
        self.is_ready = True
        interceptor = CallInterceptor(
            access=Access(),
            gate=self.gate,
            admission=Admission(1),
            metrics=CallMetrics(self.registry),
            max_request_bytes=100,
            version="1.2.3",
        )
        self.server = grpc.aio.server(interceptors=[interceptor])
        handlers = {
            kind: getattr(grpc, f"{kind}_rpc_method_handler")(
                getattr(self.echo, kind), StringValue.FromString, StringValue.SerializeToString
            )
            for kind in KINDS
        }
        self.server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, handlers)])
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}")

    def gate(self) -> None:
        if not self.is_ready:
            raise StoreUnavailable

    def call(self, kind: str, value: str) -> Any:
        method: Any = getattr(self.channel, kind)(
            f"/{SERVICE}/{kind}", StringValue.SerializeToString, StringValue.FromString
        )
        message = StringValue(value=value)
        return method(iter([message]) if kind.startswith("stream") else message)

    async def counted(self, method: str, code: str, calls: int) -> None:
        """Waits until so many calls are counted: that may be after the last one's answer."""
        labels = {"method": method, "code": code}
        async with asyncio.timeout(10):
            while self.registry.get_sample_value("headwater_grpc_calls_total", labels) != calls:
                await asyncio.sleep(0.01)


@pytest_asyncio.fixture
async def fixture() -> AsyncIterator[Fixture]:
    made = Fixture()
    await made.server.start()
    yield made
    await made.channel.close()
    await made.server.stop(None)


async def outcome(call: Any) -> list[str]:
    """The words of the answer."""
    if hasattr(call, "__aiter__"):
        return [message.value async for message in call]
    return [(await call).value]


async def reason_of(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await outcome(call)
    status = await rpc_status.aio.from_call(call)
    assert status is not None
    assert "secret" not in str(caught.value)
    return caught.value.code(), status.details[0].value.decode(errors="replace")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_is_answered_and_counted(fixture: Fixture, kind: str) -> None:
    assert (await outcome(fixture.call(kind, "hello")))[-1] == "hello"
    await fixture.counted(f"{SERVICE}/{kind}", "OK", 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("value", "code", "reason"),
    [
        pytest.param("unknown", grpc.StatusCode.NOT_FOUND, "NOT_FOUND", id="error of the domain"),
        pytest.param("bug", grpc.StatusCode.INTERNAL, "INTERNAL", id="error that nobody expected"),
        pytest.param("x" * 200, grpc.StatusCode.INVALID_ARGUMENT, "TOO_LARGE", id="message too large"),
    ],
)
async def test_an_error_is_told_and_counted(
    fixture: Fixture, kind: str, value: str, code: grpc.StatusCode, reason: str
) -> None:
    found, details = await reason_of(fixture.call(kind, value))
    assert found is code
    assert reason in details
    await fixture.counted(f"{SERVICE}/{kind}", code.name, 1)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_that_is_not_ready_refuses(fixture: Fixture, kind: str) -> None:
    fixture.is_ready = False
    assert (await reason_of(fixture.call(kind, "hello")))[0] is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", ["hello", "unknown", "bug"])
async def test_every_answer_and_every_error_tells_the_version_and_the_time_of_the_server(
    fixture: Fixture, kind: str, value: str
) -> None:
    call = fixture.call(kind, value)
    with contextlib.suppress(grpc.aio.AioRpcError):
        await outcome(call)
    told = dict(await call.trailing_metadata())
    assert told["headwater-version"] == "1.2.3"
    assert abs((parsedate_to_datetime(told["date"]) - datetime.now(UTC)).total_seconds()) < 60


async def test_methods_that_clients_think_of_are_counted_as_one(fixture: Fixture) -> None:
    for number in range(3):
        method: Any = fixture.channel.unary_unary(f"/{SERVICE}/{number}", None, None)
        with pytest.raises(grpc.aio.AioRpcError):
            await method(b"")
    await fixture.counted("unknown", "UNIMPLEMENTED", 3)


@pytest.mark.parametrize(
    ("request_", "way_out"),
    [
        (GetLineageRequest(), "a smaller max_depth or max_nodes"),
        (CompareLineageRequest(), "a smaller max_depth or max_nodes"),
        (SearchAssetsRequest(), "more exact words"),
        (ListRunsRequest(), "a smaller page_size"),
        (GetRunRequest(), "try again, with a longer deadline"),
    ],
)
def test_the_way_out_of_a_timeout_fits_the_question(request_: Message, way_out: str) -> None:
    with pytest.raises(QueryTimeout, match=way_out), fitting_timeouts(request_):
        raise QueryTimeout(3)


async def test_more_questions_than_are_answered_at_a_time_are_refused(fixture: Fixture) -> None:
    fixture.echo.hold.clear()
    first = fixture.call("unary_stream", "hello")
    assert (await first.read()).value == "first"
    assert (await reason_of(fixture.call("unary_unary", "hello")))[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
    fixture.echo.hold.set()
    assert (await first.read()).value == "hello"


async def test_a_stream_that_its_client_leaves_is_closed_and_counted(fixture: Fixture) -> None:
    fixture.echo.hold.clear()
    call = fixture.call("unary_stream", "hello")
    await call.read()
    call.cancel()
    await fixture.counted(f"{SERVICE}/unary_stream", "CANCELLED", 1)
    assert fixture.echo.closed == 1
