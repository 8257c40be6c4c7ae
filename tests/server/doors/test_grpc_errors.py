"""Every error over gRPC has its code, and exactly one ErrorInfo with a reason of the contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.rpc import error_details_pb2  # type: ignore[import-untyped]

from headwater.v1.error_reason_pb2 import ErrorReason
from headwater.v1.event_pb2 import Event
from headwater.v1.ingest_service_pb2 import (
    BatchWriteEventsRequest,
    ListRejectedEventsRequest,
    StreamEventsRequest,
    WriteEventRequest,
)
from headwater_server.api.errors import CODES, reason_number, to_status
from headwater_server.domain import errors
from headwater_server.gateway.errors import STATUSES
from headwater_server.usecases.ingest import Ingestion

from .answers import details_of

if TYPE_CHECKING:
    from headwater.v1.ingest_service_pb2_grpc import IngestServiceAsyncStub

MakeEvent = Callable[..., bytes]
WRITE_EVENT = "/headwater.v1.IngestService/WriteEvent"
STREAM_EVENTS = "/headwater.v1.IngestService/StreamEvents"


async def refusal(call: object) -> tuple[grpc.StatusCode, str, list[error_details_pb2.RetryInfo]]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call  # type: ignore[misc]
    info, retries = details_of(caught.value.trailing_metadata())
    return caught.value.code(), info.reason, retries


def test_every_reason_of_the_contract_has_a_status_at_both_doors() -> None:
    reasons = {name.removeprefix("ERROR_REASON_") for name in ErrorReason.keys()} - {"UNSPECIFIED"}  # noqa: SIM118
    assert set(CODES) == set(STATUSES) == reasons


@pytest.mark.parametrize(
    "error",
    [
        errors.InvalidField("max_depth", "must not be negative", "use 0"),
        errors.TooLarge("event", 2, 1, "bytes"),
        errors.NotFound("runs/x"),
        errors.IdCollision("a", "b"),
        errors.HeadwaterError("the server failed", error_id="1"),
    ],
)
def test_a_status_tells_reason_and_metadata(error: errors.HeadwaterError) -> None:
    status = to_status(error)
    info, retries = details_of(status.trailing_metadata)
    assert (status.code, status.details) == (CODES[error.reason], error.message)
    assert (info.reason, dict(info.metadata), retries) == (error.reason, error.metadata, [])
    assert reason_number(error) == ErrorReason.Value(f"ERROR_REASON_{error.reason}")


@pytest.mark.parametrize(
    "error", [errors.Overloaded("bytes", 2, 1, 0.25), errors.ShuttingDown(), errors.StoreUnavailable()]
)
def test_a_status_of_what_passes_says_when_to_come_back(error: errors.Overloaded) -> None:
    _, (retry,) = details_of(to_status(error).trailing_metadata)
    assert retry.retry_delay.ToTimedelta().total_seconds() == error.retry_after_seconds


def test_a_status_fits_in_the_headers_that_a_client_takes() -> None:
    error = errors.AmbiguousAddress("名" * 3000, ["é" * 5000] * 30)
    status = to_status(error)
    info, _ = details_of(status.trailing_metadata)
    ((_, details),) = status.trailing_metadata
    assert len(details) < 5000
    assert set(info.metadata) == {"address", "candidates"}
    assert to_status(errors.NotFound("\ud800")).details.startswith("?")


async def test_a_message_that_cannot_be_parsed_is_refused(channel: grpc.aio.Channel) -> None:
    write: Any = channel.unary_unary(WRITE_EVENT, request_serializer=None, response_deserializer=None)
    assert await refusal(write(b"\xff\xff")) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", [])
    stream: Any = channel.stream_stream(STREAM_EVENTS, request_serializer=None, response_deserializer=None)()
    await stream.write(b"\xff\xff")
    assert await refusal(stream.read()) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", [])


async def test_a_request_of_no_events_or_too_many_is_refused(ingest: IngestServiceAsyncStub) -> None:
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    assert await refusal(ingest.BatchWriteEvents(BatchWriteEventsRequest())) == (invalid, "INVALID_FIELD", [])
    many = BatchWriteEventsRequest(events=[Event()] * 10_001)
    assert await refusal(ingest.BatchWriteEvents(many)) == (invalid, "TOO_LARGE", [])
    stream = ingest.StreamEvents()
    await stream.write(StreamEventsRequest())
    assert await refusal(stream.read()) == (invalid, "INVALID_FIELD", [])


async def test_an_event_that_is_too_large_is_refused_alone(ingest: IngestServiceAsyncStub, event: MakeEvent) -> None:
    large = WriteEventRequest(event=Event(open_lineage=b" " * (9 << 20)))
    assert await refusal(ingest.WriteEvent(large)) == (grpc.StatusCode.INVALID_ARGUMENT, "TOO_LARGE", [])


async def test_a_request_that_is_too_large_is_refused_also_where_compression_hides_it(
    ingest: IngestServiceAsyncStub,
) -> None:
    large = WriteEventRequest(event=Event(open_lineage=b" " * (65 << 20)))
    call = ingest.WriteEvent(large, compression=grpc.Compression.Gzip)
    assert await refusal(call) == (grpc.StatusCode.INVALID_ARGUMENT, "TOO_LARGE", [])


@pytest.mark.parametrize("kind", ["unary_unary", "unary_stream", "stream_unary", "stream_stream"])
@pytest.mark.parametrize("method", ["headwater.v1.IngestService/Nothing", "other.Service/Method", "x"])
async def test_a_method_or_service_that_is_not_known_is_told_by_its_name(
    channel: grpc.aio.Channel, method: str, kind: str
) -> None:
    call = getattr(channel, kind)(f"/{method}", None, None)(iter([b""]) if kind.startswith("stream") else b"")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await (call.read() if kind.endswith("stream") else call)
    info, _ = details_of(caught.value.trailing_metadata())
    assert (caught.value.code(), info.reason) == (grpc.StatusCode.UNIMPLEMENTED, "UNKNOWN_METHOD")
    assert info.metadata["method"] == method


async def test_what_grpc_itself_refuses_has_a_code_and_words_but_no_reason(ingest: IngestServiceAsyncStub) -> None:
    huge = WriteEventRequest(event=Event(open_lineage=b" " * (129 << 20)))
    for compression in (grpc.Compression.NoCompression, grpc.Compression.Gzip):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ingest.WriteEvent(huge, compression=compression)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "larger than max" in (caught.value.details() or "")


async def test_a_page_token_of_another_request_is_refused(ingest: IngestServiceAsyncStub) -> None:
    call = ingest.ListRejectedEvents(ListRejectedEventsRequest(page_token="made-up"))
    assert await refusal(call) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PAGE_TOKEN", [])
    call = ingest.ListRejectedEvents(ListRejectedEventsRequest(page_size=-1))
    assert await refusal(call) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", [])


async def test_a_failure_that_nobody_expected_is_told_by_an_id_and_logged(
    ingest: IngestServiceAsyncStub,
    event: MakeEvent,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("secret of the driver")

    monkeypatch.setattr(Ingestion, "write", fail)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ingest.WriteEvent(WriteEventRequest(event=Event(open_lineage=event())))
    info, _ = details_of(caught.value.trailing_metadata())
    assert (caught.value.code(), info.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert "secret" not in str(caught.value)
    assert info.metadata["error_id"] in caplog.text
    assert "secret of the driver" in caplog.text


async def test_what_passes_is_told_with_a_time_to_come_back(
    ingest: IngestServiceAsyncStub, event: MakeEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise errors.Overloaded("bytes", 2, 1, 1.5)

    monkeypatch.setattr(Ingestion, "write", refuse)
    code, reason, (retry,) = await refusal(ingest.WriteEvent(WriteEventRequest(event=Event(open_lineage=event()))))
    assert (code, reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
    assert retry.retry_delay.ToTimedelta().total_seconds() == 1.5
