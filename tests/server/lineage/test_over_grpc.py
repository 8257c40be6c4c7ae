"""Lineage over the wire: a stream that begins at once, a deadline that cuts, an error with its reason."""

from __future__ import annotations

import json
from typing import Any

import grpc
import httpx
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from headwater.v1 import lineage_service_pb2 as messages
from headwater.v1.lineage_service_pb2_grpc import LineageServiceStub

from .conftest import at, dataset, run_id


async def test_a_walk_is_streamed_and_errors_carry_their_reason(server: Any) -> None:
    event = {
        "eventTime": at(1).isoformat(),
        "eventType": "COMPLETE",
        "run": {"runId": str(run_id("a1"))},
        "job": {"namespace": "team", "name": "copy"},
        "inputs": [{"namespace": "db", "name": "raw"}],
        "outputs": [{"namespace": "db", "name": "clean"}],
    }
    async with httpx.AsyncClient() as client:
        sent = await client.post(f"{server.http_url}/api/v1/lineage", content=json.dumps(event))
        assert sent.status_code == 201
    async with grpc.aio.insecure_channel(server.grpc_address) as channel:
        stub: Any = LineageServiceStub(channel)
        walk = messages.Traversal(roots=[dataset("clean")])
        parts = [
            part async for part in stub.TraverseLineage(messages.TraverseLineageRequest(traversal=walk), timeout=20)
        ]
        assert [node.display_name for part in parts for node in part.nodes] == ["clean", "raw"]
        assert parts[-1].summary.node_count == 2
        unknown = messages.Traversal(roots=[dataset("nowhere")])
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.GetLineage(messages.GetLineageRequest(traversal=unknown), timeout=20)
        with pytest.raises(grpc.aio.AioRpcError) as stream_refused:
            _ = [part async for part in stub.TraverseLineage(messages.TraverseLineageRequest(traversal=unknown))]
    for error in (refused.value, stream_refused.value):
        assert error.code() is grpc.StatusCode.NOT_FOUND
        (detail,) = rpc_status.from_call(error).details
        info = error_details_pb2.ErrorInfo.FromString(detail.value)
        assert (info.reason, info.metadata["resource"]) == ("NOT_FOUND", dataset("nowhere"))
