"""Questions about lineage through gRPC, one at a time: the whole answer at once, and as a stream."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from urllib.parse import quote

import grpc.aio
from google.protobuf.timestamp_pb2 import Timestamp

from bench.asking import measure_answers
from bench.graphs import DATASET_NAMESPACE, Component
from bench.measure import Measure, Task, WorkloadError
from headwater.v1 import lineage_service_pb2 as contract

SERVICE = "/headwater.v1.LineageService"
UNLIMITED = (("grpc.max_receive_message_length", -1),)
TIMEOUT_SECONDS = 60
AS_OF_SECONDS = 20
"""How long ago `as of` is: less than the minute before its load in which the graph is declared."""
DIRECTIONS = {"downstream": contract.DIRECTION_DOWNSTREAM, "upstream": contract.DIRECTION_UPSTREAM}


async def measure_get(task: Task, *, node_count: int) -> Measure:
    """GetLineage: an answer of so many nodes in one message."""
    async with grpc.aio.insecure_channel(task.grpc_address, UNLIMITED) as channel:
        return await measure_answers(task, node_count, make_asker(channel))


async def measure_as_of(task: Task, *, node_count: int) -> Measure:
    """The same as the graph was some seconds ago, after it was loaded."""
    time_asked = Timestamp(seconds=int(time.time()) - AS_OF_SECONDS)
    async with grpc.aio.insecure_channel(task.grpc_address, UNLIMITED) as channel:
        return await measure_answers(task, node_count, make_asker(channel, time_asked))


def make_asker(channel: grpc.aio.Channel, as_of: Timestamp | None = None) -> Callable[[Component], Awaitable[float]]:
    """What calls GetLineage for a component, checks the answer and returns when it came."""
    get: grpc.aio.UnaryUnaryMultiCallable[bytes, contract.GetLineageResponse] = channel.unary_unary(
        f"{SERVICE}/GetLineage", response_deserializer=contract.GetLineageResponse.FromString
    )

    async def ask(component: Component) -> float:
        request = contract.GetLineageRequest(traversal=_make_traversal(component))
        if as_of:
            request.traversal.as_of.CopyFrom(as_of)
        response = await get(request.SerializeToString(), timeout=TIMEOUT_SECONDS)
        received = time.perf_counter()
        _check_answer(component, response.summary, len(response.nodes), len(response.links))
        return received

    return ask


async def measure_traverse(task: Task, *, node_count: int) -> Measure:
    """TraverseLineage: an answer of so many nodes as a stream, and the time to its first message."""
    async with grpc.aio.insecure_channel(task.grpc_address, UNLIMITED) as channel:
        traverse: grpc.aio.UnaryStreamMultiCallable[bytes, contract.TraverseLineageResponse] = channel.unary_stream(
            f"{SERVICE}/TraverseLineage", response_deserializer=contract.TraverseLineageResponse.FromString
        )

        async def ask(component: Component) -> float:
            request = contract.TraverseLineageRequest(traversal=_make_traversal(component))
            call = traverse(request.SerializeToString(), timeout=TIMEOUT_SECONDS)
            first = 0.0
            nodes = links = 0
            response = contract.TraverseLineageResponse()
            async for response in call:
                first = first or time.perf_counter()
                nodes += len(response.nodes)
                links += len(response.links)
            _check_answer(component, response.summary, nodes, links)
            return first

        return await measure_answers(task, node_count, ask, streamed=True)


def _make_traversal(component: Component) -> contract.Traversal:
    namespace, name = quote(DATASET_NAMESPACE, safe=""), quote(component.root, safe="")
    return contract.Traversal(
        roots=[f"namespaces/{namespace}/datasets/{name}"],
        direction=DIRECTIONS[component.direction],
        max_depth=100,
        max_nodes=20_000,
    )


def _check_answer(component: Component, summary: contract.TraversalSummary, nodes: int, links: int) -> None:
    """Raises unless the answer is the whole component."""
    given = (nodes, links, summary.node_count, summary.link_count, summary.truncated)
    expected = (component.node_count, component.link_count, component.node_count, component.link_count, False)
    if given != expected:
        raise WorkloadError(f"The answer for {component.root} has (nodes, links, …) {given} and not {expected}.")
