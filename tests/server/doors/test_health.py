"""What the server says of itself: health, readiness, reflection, metrics."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import httpx
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

from headwater.v1.ingest_service_pb2 import WriteEventRequest
from headwater.v1.ingest_service_pb2_grpc import IngestServiceStub
from headwater_server.app import running
from headwater_server.config import Settings, parse_settings

from .answers import details_of

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
INGEST = "headwater.v1.IngestService"


async def health_of(channel: grpc.aio.Channel, service: str = "") -> int:
    health: Any = health_pb2_grpc.HealthStub(channel)
    status: int = (await health.Check(health_pb2.HealthCheckRequest(service=service))).status
    return status


async def write_nothing(channel: grpc.aio.Channel) -> None:
    await IngestServiceStub(channel).WriteEvent(WriteEventRequest())


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await holds():
            await asyncio.sleep(0.05)


@asynccontextmanager
async def on_the_side(database: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection to another database of the same PostgreSQL."""
    connection = await asyncpg.connect(re.sub(r"/test_\d+\?", "/postgres?", database))
    try:
        yield connection
    finally:
        await connection.close()


async def test_the_server_and_its_services_are_serving(channel: grpc.aio.Channel, http: httpx.AsyncClient) -> None:
    assert await health_of(channel) == await health_of(channel, INGEST) == SERVING
    assert (await http.get("/healthz")).text == "ok\n"
    assert (await http.get("/readyz")).text == "ready\n"


async def test_a_store_that_goes_away_is_told_and_so_is_its_return(
    channel: grpc.aio.Channel, http: httpx.AsyncClient, database: str, event: Callable[..., bytes]
) -> None:
    name = re.search(r"/(test_\d+)\?", database)
    assert name
    async with on_the_side(database) as administrator:
        await administrator.execute(f"ALTER DATABASE {name[1]} ALLOW_CONNECTIONS false")
        await administrator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name[1]
        )

        async def is_away() -> bool:
            return await health_of(channel, INGEST) == NOT_SERVING

        await until(is_away)
        assert (await http.get("/healthz")).status_code == 200
        unready = await http.get("/readyz")
        assert (unready.status_code, unready.headers["retry-after"]) == (503, "1")
        refused = await http.post("/api/v1/lineage", content=event())
        assert (refused.status_code, refused.json()["error"]["reason"]) == (503, "STORE_UNAVAILABLE")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await write_nothing(channel)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        await administrator.execute(f"ALTER DATABASE {name[1]} ALLOW_CONNECTIONS true")

    async def is_back() -> bool:
        return await health_of(channel, INGEST) == SERVING

    await until(is_back)
    assert (await http.post("/api/v1/lineage", content=event())).status_code == 201


async def test_without_its_schema_the_server_waits_and_says_what_to_do(
    database: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    connection = await asyncpg.connect(database)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await connection.close()
    async with running(settings_of(database, tmp_path)) as addresses:
        async with grpc.aio.insecure_channel(str(addresses.grpc)) as channel:
            assert await health_of(channel) == NOT_SERVING
            with pytest.raises(grpc.aio.AioRpcError, match="run `headwater-server migrate`") as caught:
                await write_nothing(channel)
            info, _ = details_of(caught.value.trailing_metadata())
            assert info.reason == "STORE_UNAVAILABLE"
            assert dict(info.metadata) == {
                "problem": "the database has no schema",
                "remedy": "run `headwater-server migrate`",
            }
        async with httpx.AsyncClient(base_url=f"http://{addresses.http}") as http:
            assert (await http.get("/healthz")).status_code == 200
            assert (await http.get("/readyz")).status_code == 503
            assert (await http.get("/healthz")).headers["headwater-version"] == version("headwater")
    assert "headwater-server migrate" in caplog.text


async def test_a_server_starts_while_its_store_is_away(tmp_path: Path) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    async with (
        running(settings_of(nowhere, tmp_path)) as addresses,
        grpc.aio.insecure_channel(str(addresses.grpc)) as channel,
    ):
        assert await health_of(channel) == NOT_SERVING
        with pytest.raises(grpc.aio.AioRpcError, match="the store does not answer: try again"):
            await write_nothing(channel)


def settings_of(database: str, home: Path) -> Settings:
    arguments = ["--dsn", database, "--grpc-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0"]
    return parse_settings(arguments, {"HOME": str(home)})


@pytest.mark.parametrize("revision", ["v1", "v1alpha"])
async def test_tools_can_reflect_on_the_services(channel: grpc.aio.Channel, revision: str) -> None:
    messages: Any = reflection_pb2
    call: Any = channel.stream_stream(
        f"/grpc.reflection.{revision}.ServerReflection/ServerReflectionInfo",
        request_serializer=messages.ServerReflectionRequest.SerializeToString,
        response_deserializer=messages.ServerReflectionResponse.FromString,
    )()
    await call.write(messages.ServerReflectionRequest(list_services=""))
    names = {service.name for service in (await call.read()).list_services_response.service}
    assert {INGEST, "grpc.health.v1.Health"} <= names
    await call.write(messages.ServerReflectionRequest(file_containing_symbol=INGEST))
    answer = await call.read()
    files = [FileDescriptorProto.FromString(f) for f in answer.file_descriptor_response.file_descriptor_proto]
    assert "headwater/v1/ingest_service.proto" in {file.name for file in files}
    await call.done_writing()
    assert await call.read() is grpc.aio.EOF


async def test_calls_and_requests_are_counted(channel: grpc.aio.Channel, http: httpx.AsyncClient) -> None:
    with pytest.raises(grpc.aio.AioRpcError):
        await write_nothing(channel)
    await http.post("/api/v1/lineage", content=b"{}")
    await http.get("/nowhere")
    method = f"{INGEST}/WriteEvent"
    counted = f'headwater_grpc_calls_total{{code="INVALID_ARGUMENT",method="{method}"}} 1.0'
    async with asyncio.timeout(10):  # a call is counted when the server is done with it, which may be after its answer
        while counted not in (text := (await http.get("/metrics")).text):
            await asyncio.sleep(0.01)
    assert f'headwater_grpc_open_calls{{method="{method}"}} 0.0' in text
    assert 'headwater_http_requests_total{endpoint="write_event",status="400"} 1.0' in text
    assert 'headwater_http_requests_total{endpoint="unknown",status="404"} 1.0' in text
