"""Ways in: clients of the server under test, and events to send."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import grpc
import httpx
import msgspec
import pytest
import pytest_asyncio

from headwater.v1.ingest_service_pb2_grpc import IngestServiceStub

if TYPE_CHECKING:
    from headwater.v1.ingest_service_pb2_grpc import IngestServiceAsyncStub

Event = dict[str, Any]


@pytest_asyncio.fixture
async def channel(server: Any) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to the server."""
    async with grpc.aio.insecure_channel(server.grpc_address) as opened:
        yield opened


@pytest.fixture
def ingest(channel: grpc.aio.Channel) -> IngestServiceAsyncStub:
    """A client of IngestService."""
    return IngestServiceStub(channel)


@pytest_asyncio.fixture
async def http(server: Any) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of the server."""
    async with httpx.AsyncClient(base_url=server.http_url, timeout=30) as client:
        yield client


@pytest.fixture
def event() -> Callable[..., bytes]:
    """Makes the JSON text of a RunEvent, of a run of its own unless one is named; keywords change the rest."""

    def make(run: str | None = None, **changes: Any) -> bytes:
        whole: Event = {
            "eventTime": "2026-01-31T12:00:00Z",
            "eventType": "COMPLETE",
            "run": {"runId": run or str(uuid.uuid4())},
            "job": {"namespace": "team", "name": "train"},
            "inputs": [{"namespace": "s3://bucket", "name": "raw/clicks"}],
            "outputs": [{"namespace": "postgres://db:5432", "name": "shop.public.users"}],
        }
        return msgspec.json.encode(whole | changes)

    return make
