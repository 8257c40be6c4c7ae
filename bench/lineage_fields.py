"""Lineage of a field through gRPC, an answer of 1,000 fields among many; and a recursive query over a table."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import time
from collections.abc import Awaitable, Callable
from urllib.parse import quote

import asyncpg
import grpc.aio

from bench.asking import measure_questions
from bench.field_graphs import FIELD_COUNT, ROOT, FieldComponent, make_field_component
from bench.graphs import DATASET_NAMESPACE
from bench.lineage_grpc import SERVICE, TIMEOUT_SECONDS, UNLIMITED
from bench.measure import Measure, Task, WorkloadError
from bench.sizes import SIZES
from headwater.v1 import lineage_service_pb2 as contract

ASKED_COMPONENTS = 25
ASKED_BEFORE = 3
SOON_SECONDS = 0.015
MEMORY_SECONDS = 180
"""How long the server is given to have fields in memory: until an answer takes half of the first ones, or is soon."""
REACHED = """
WITH RECURSIVE reached (id) AS (
    SELECT $1::bigint
    UNION
    SELECT l.target_id FROM reached r JOIN walk.field_links l ON l.source_id = r.id
)
"""
QUERIES = (
    REACHED + "SELECT id, name FROM reached JOIN walk.fields USING (id)",
    REACHED + "SELECT l.source_id, l.target_id FROM reached r JOIN walk.field_links l ON l.source_id = r.id",
)


async def measure_fields(task: Task) -> Measure:
    """GetLineage at field level, downstream of one field."""
    size = SIZES[task.size]
    async with grpc.aio.insecure_channel(task.grpc_address, UNLIMITED) as channel:
        get: grpc.aio.UnaryUnaryMultiCallable[bytes, contract.GetLineageResponse] = channel.unary_unary(
            f"{SERVICE}/GetLineage", response_deserializer=contract.GetLineageResponse.FromString
        )

        async def ask(component: FieldComponent) -> float:
            request = contract.GetLineageRequest(traversal=_make_traversal(component))
            response = await get(request.SerializeToString(), timeout=TIMEOUT_SECONDS)
            received = time.perf_counter()
            _check(component, len(response.nodes), len(response.links))
            return received

        await _await_memory(_choose(task), ask)
        return await measure_questions(_choose(task), size.questions[FIELD_COUNT], ask)


async def load_fields_walk(task: Task) -> Measure:
    """The same graph for the baseline, by COPY, a component after another."""
    connection = await asyncpg.connect(task.dsn)
    start = time.perf_counter()
    count = 0
    try:
        for number in range(SIZES[task.size].field_components):
            component = make_field_component(number)
            names = [component.name_field(field) for field in component.sources]
            links = [tuple(map(_make_id, link)) for link in component.iterate_links()]
            fields = [(_make_id(name), name) for name in names]
            await connection.copy_records_to_table("fields", schema_name="walk", records=fields)
            await connection.copy_records_to_table("field_links", schema_name="walk", records=links)
            count += len(links)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
    seconds = time.perf_counter() - start
    return Measure(total=count, count=count, seconds=seconds, p50=seconds * 1000, p99=seconds * 1000)


async def measure_fields_walk(task: Task) -> Measure:
    """The same answer by a recursive query: the names of the fields, and the links between them."""
    connection = await asyncpg.connect(task.dsn, server_settings={"jit": "off"})
    try:
        queries = [await connection.prepare(query) for query in QUERIES]

        async def ask(component: FieldComponent) -> float:
            root = _make_id(component.name_field(ROOT))
            nodes, links = [len(await query.fetch(root)) for query in queries]
            _check(component, nodes, links)
            return time.perf_counter()

        return await measure_questions(_choose(task), SIZES[task.size].questions[FIELD_COUNT], ask)
    finally:
        await connection.close()


async def _await_memory(components: list[FieldComponent], ask: Callable[[FieldComponent], Awaitable[float]]) -> None:
    """Asks until answers come sooner: the server reads fields into memory once somebody asks about them."""
    turns, given_up = itertools.cycle(components), time.perf_counter() + MEMORY_SECONDS

    async def time_one() -> float:
        started = time.perf_counter()
        return await ask(next(turns)) - started

    before = min([await time_one() for _ in range(ASKED_BEFORE)])
    while await time_one() > max(before / 2, SOON_SECONDS) and time.perf_counter() < given_up:
        await asyncio.sleep(0.5)


def _choose(task: Task) -> list[FieldComponent]:
    """Components all over the graph."""
    count = SIZES[task.size].field_components
    return [make_field_component(number) for number in range(0, count, max(1, count // ASKED_COMPONENTS))]


def _make_traversal(component: FieldComponent) -> contract.Traversal:
    return contract.Traversal(
        roots=[f"namespaces/{quote(DATASET_NAMESPACE, safe='')}/datasets/{quote(component.root, safe='')}"],
        field=ROOT[1],
        level=contract.LEVEL_FIELD,
        direction=contract.DIRECTION_DOWNSTREAM,
        max_depth=100,
        max_nodes=20_000,
    )


def _check(component: FieldComponent, nodes: int, links: int) -> None:
    """Raises unless the answer is all that is downstream of the root."""
    if (nodes, links) != (FIELD_COUNT, component.link_count):
        raise WorkloadError(
            f"The answer for {component.root} has {nodes} fields and {links} links and not"
            f" {FIELD_COUNT} and {component.link_count}."
        )


def _make_id(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), signed=True)
