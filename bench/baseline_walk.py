"""Baseline: a recursive query over a table of links, on one connection with a prepared statement.

Three answers: the ids of the nodes; their names too; and the links between them besides, which is what the product
gives.
"""

from __future__ import annotations

import hashlib
import time
from typing import Literal

import asyncpg

from bench.asking import measure_answers
from bench.graphs import DATASET_NAMESPACE, Component
from bench.measure import Measure, Task, WorkloadError
from bench.sizes import SIZES

Answer = Literal["ids", "names", "links"]
ANSWERS: tuple[Answer, ...] = ("ids", "names", "links")
REACHED = """
WITH RECURSIVE reached (id) AS (
    SELECT $1::bigint
    UNION
    SELECT l.{target} FROM reached r JOIN walk.links l ON l.{source} = r.id
)
"""
ENDS = {"downstream": ("source_id", "target_id"), "upstream": ("target_id", "source_id")}
"""By direction: the end of a link that is reached first, and the other."""
NODES: dict[Answer, str] = {
    "ids": "SELECT id FROM reached",
    "names": "SELECT id, namespace, name FROM reached JOIN walk.datasets USING (id)",
    "links": "SELECT id, namespace, name FROM reached JOIN walk.datasets USING (id)",
}
LINKS = "SELECT l.source_id, l.target_id FROM reached r JOIN walk.links l ON l.{source} = r.id"


async def load_walk(task: Task) -> Measure:
    """The same graph as the product's."""
    components = SIZES[task.size].make_graph()
    names = [component.name_node(node) for component in components for node in range(component.node_count)]
    nodes = [(_make_id(name), DATASET_NAMESPACE, name) for name in names]
    links = [tuple(map(_make_id, link)) for component in components for link in component.iterate_links()]
    connection = await asyncpg.connect(task.dsn)
    try:
        start = time.perf_counter()
        await connection.copy_records_to_table("datasets", schema_name="walk", records=nodes)
        await connection.copy_records_to_table("links", schema_name="walk", records=links)
        await connection.execute("ANALYZE")
        seconds = time.perf_counter() - start
    finally:
        await connection.close()
    return Measure(total=len(links), count=len(links), seconds=seconds, p50=seconds * 1000, p99=seconds * 1000)


async def measure_walk(task: Task, *, node_count: int, answer: Answer) -> Measure:
    """An answer of so many nodes, asked for one at a time."""
    connection = await asyncpg.connect(task.dsn, server_settings={"jit": "off"})
    try:
        queries = {}
        for direction, (source, target) in ENDS.items():
            texts = (NODES[answer], LINKS) if answer == "links" else (NODES[answer],)
            queries[direction] = [
                await connection.prepare((REACHED + text).format(source=source, target=target)) for text in texts
            ]

        async def ask(component: Component) -> float:
            root = _make_id(component.root)
            counts = [len(await query.fetch(root)) for query in queries[component.direction]]
            expected = [component.node_count, component.link_count][: len(counts)]
            if counts != expected:
                raise WorkloadError(f"The answer for {component.root} has {counts} rows and not {expected}.")
            return time.perf_counter()

        return await measure_answers(task, node_count, ask)
    finally:
        await connection.close()


def _make_id(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), signed=True)
