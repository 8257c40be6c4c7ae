"""Third-party events to test with, where they are at hand, and a way to send them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio

from headwater.v1 import catalog_service_pb2_grpc as catalog
from headwater.v1 import event_pb2, ingest_service_pb2
from headwater.v1 import ingest_service_pb2_grpc as ingest
from headwater.v1 import lineage_service_pb2_grpc as lineage

from ...open_lineage_schemas import open_lineage_data


@pytest.fixture(scope="session")
def open_lineage() -> Path:
    """The folder with OpenLineage's schemas, fixtures and events; skips where it is missing."""
    return open_lineage_data()


@dataclass
class Service:
    """The stubs of one server."""

    ingest: Any
    catalog: Any
    lineage: Any

    async def send(self, *bodies: bytes) -> list[event_pb2.EventResult]:
        """Sends events in one batch; what became of each."""
        events = [event_pb2.Event(open_lineage=body) for body in bodies]
        answer = await self.ingest.BatchWriteEvents(ingest_service_pb2.BatchWriteEventsRequest(events=events))
        return list(answer.results)


@pytest_asyncio.fixture
async def service(server: Any) -> AsyncIterator[Service]:
    """A server of the test's own, over gRPC."""
    async with grpc.aio.insecure_channel(server.grpc_address) as channel:
        yield Service(
            ingest.IngestServiceStub(channel),
            catalog.CatalogServiceStub(channel),
            lineage.LineageServiceStub(channel),
        )
