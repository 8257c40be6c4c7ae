"""One question and one event, asked and sent through either door by whoever has a token."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
import msgspec
from tests.server.doors.answers import details_of

from headwater.v1.catalog_service_pb2 import DeleteAssetRequest, GetDatasetRequest, ListNamespacesRequest
from headwater.v1.catalog_service_pb2_grpc import CatalogServiceStub
from headwater.v1.event_pb2 import Event
from headwater.v1.ingest_service_pb2 import WriteEventRequest
from headwater.v1.ingest_service_pb2_grpc import IngestServiceStub
from headwater.v1.pipeline_service_pb2 import UpdatePipelineRequest
from headwater.v1.pipeline_service_pb2_grpc import PipelineServiceStub
from headwater_server.api.errors import CODES


def event() -> bytes:
    """The JSON text of an event of a run of its own."""
    return msgspec.json.encode(
        {
            "eventTime": "2026-01-31T12:00:00Z",
            "eventType": "COMPLETE",
            "run": {"runId": str(uuid.uuid4())},
            "job": {"namespace": "team", "name": "train"},
            "outputs": [{"namespace": "s3://bucket", "name": "clean"}],
        }
    )


@dataclass(frozen=True)
class Refusal:
    """How a call was refused, told the same at both doors."""

    reason: str
    metadata: dict[str, str]
    message: str


@dataclass(frozen=True)
class Doors:
    """A channel and an HTTP client of one server, and where it serves gRPC."""

    channel: grpc.aio.Channel
    http: httpx.AsyncClient
    address: str = ""
    mtls_address: str = ""

    async def ask(self, token: str | None, name: str = "") -> Refusal | None:
        """A question, through both doors; None where it was answered, or its refusal, the same at both."""
        catalog = CatalogServiceStub(self.channel)
        question: Any = (
            catalog.GetDataset(GetDatasetRequest(name=name), metadata=bearer(token))
            if name
            else catalog.ListNamespaces(ListNamespacesRequest(), metadata=bearer(token))
        )
        method, request = ("GetDataset", {"name": name}) if name else ("ListNamespaces", {})
        answer = await self.http.post(f"/api/v1/rpc/CatalogService/{method}", json=request, headers=headers(token))
        return same(await refusal_of_call(question), refusal_of_response(answer))

    async def send(self, token: str | None) -> Refusal | None:
        """An event through each door."""
        message = WriteEventRequest(event=Event(open_lineage=event()))
        call = IngestServiceStub(self.channel).WriteEvent(message, metadata=bearer(token))
        answer = await self.http.post("/api/v1/lineage", content=event(), headers=headers(token))
        return same(await refusal_of_call(call), refusal_of_response(answer))

    async def declare(self, token: str | None) -> Refusal | None:
        """A pipeline, over gRPC."""
        call = PipelineServiceStub(self.channel).UpdatePipeline(UpdatePipelineRequest(), metadata=bearer(token))
        return await refusal_of_call(call)

    async def delete(self, token: str | None) -> Refusal | None:
        """A deletion, over gRPC."""
        call = CatalogServiceStub(self.channel).DeleteAsset(DeleteAssetRequest(), metadata=bearer(token))
        return await refusal_of_call(call)


def bearer(token: str | None) -> tuple[tuple[str, str], ...]:
    """The metadata of a call."""
    return () if token is None else (("authorization", f"Bearer {token}".strip()),)


def headers(token: str | None) -> dict[str, str]:
    """The headers of a request."""
    return dict(bearer(token))


async def refusal_of_call(call: Any) -> Refusal | None:
    """How a call was refused, if it was."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        info, _ = details_of(error.trailing_metadata())
        if error.code() is not CODES[info.reason]:
            raise
        return Refusal(info.reason, dict(info.metadata), error.details() or "")
    return None


def refusal_of_response(response: httpx.Response) -> Refusal | None:
    """How a request was refused, if it was."""
    if response.is_success:
        return None
    error = response.json()["error"]
    return Refusal(error["reason"], error["metadata"], error["message"])


def reason_of(refusal: Refusal | None) -> str | None:
    """The reason of a refusal, if it is one."""
    return refusal.reason if refusal else None


def same(first: Refusal | None, second: Refusal | None) -> Refusal | None:
    """What both doors said."""
    assert first == second
    return first
