"""The bounds of a walk that a client asks for, and its end when the client goes away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import grpc
import httpx
import pytest

from headwater.v1 import lineage_service_pb2 as messages
from headwater.v1.lineage_service_pb2_grpc import LineageServiceStub
from headwater_server.api.call import LocalCall
from headwater_server.api.lineage import LineageServicer
from headwater_server.app import running
from headwater_server.config import parse_settings
from headwater_server.domain.lineage import Node, NodeType, Part
from headwater_server.domain.model import AssetName
from headwater_server.usecases import lineage

OUT = "namespaces/db/datasets/out"


async def test_no_walk_gives_more_nodes_than_the_server_is_set_to(
    database: str, tmp_path: Path, event: Callable[..., bytes]
) -> None:
    arguments = ["--dsn", database, "--grpc-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0"]
    settings = parse_settings([*arguments, "--max-nodes", "3"], {"HOME": str(tmp_path)})
    inputs = [{"namespace": "db", "name": f"in{number}"} for number in range(9)]
    body = event(inputs=inputs, outputs=[{"namespace": "db", "name": "out"}])
    walk = messages.Traversal(roots=[OUT], max_nodes=1000)
    times = messages.TimeComparison(traversal=walk)
    times.base_time.FromJsonString("2020-01-01T00:00:00Z")
    async with running(settings) as addresses, httpx.AsyncClient(base_url=f"http://{addresses.http}") as http:
        assert (await http.post("/api/v1/lineage", content=body)).status_code == 201
        async with grpc.aio.insecure_channel(str(addresses.grpc)) as channel:
            stub: Any = LineageServiceStub(channel)
            answer = await stub.GetLineage(messages.GetLineageRequest(traversal=walk))
            request = messages.TraverseLineageRequest(traversal=walk)
            parts = [part async for part in stub.TraverseLineage(request)]
            compared = await stub.CompareLineage(messages.CompareLineageRequest(times=times))
    assert len(answer.nodes) == sum(len(part.nodes) for part in parts) == 3
    assert len(compared.added_nodes) == 2  # the root was there before
    assert list(answer.summary.reasons) == [messages.TRUNCATION_REASON_MAX_NODES]
    assert parts[-1].summary == answer.summary
    assert compared.truncated


async def test_a_walk_ends_with_the_call_of_its_client(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []

    class Store:
        @asynccontextmanager
        async def snapshot(self, *_: object) -> AsyncIterator[None]:
            try:
                yield
            finally:
                ended.append("snapshot")

    async def endless(*_: object) -> AsyncGenerator[Part]:
        try:
            yield Part([Node(NodeType.DATASET, AssetName("db", "out"), 0)], [])
            await asyncio.Event().wait()
        finally:
            ended.append("walk")

    monkeypatch.setattr(lineage, "walk_lineage", endless)
    servicer = LineageServicer(cast("Any", Store()), cast("Any", None), 30)
    request = messages.TraverseLineageRequest(traversal=messages.Traversal(roots=[OUT]))
    parts = cast("AsyncGenerator[Any]", servicer.TraverseLineage(request, LocalCall(30, "")))
    await anext(parts)
    await parts.aclose()
    assert ended == ["walk", "snapshot"]
