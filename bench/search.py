"""Datasets searched by parts of their names through gRPC; and, beside it, LIKE over the same names."""

from __future__ import annotations

import random
import time

import asyncpg
import grpc.aio

from bench.asking import measure_questions
from bench.estate import DOMAINS, ENTITIES
from bench.lineage_grpc import TIMEOUT_SECONDS
from bench.measure import Measure, Task, WorkloadError
from bench.sizes import SIZES
from headwater.v1 import catalog_service_pb2 as contract

PAGE = 50
WORDS = 40
LIKE = """
SELECT n.namespace, d.name FROM datasets d JOIN namespaces n USING (namespace_id)
WHERE d.name ILIKE '%' || $1 || '%' ORDER BY d.name LIMIT 50
"""


async def measure_search(task: Task) -> Measure:
    """SearchAssets: the first page that has any; a large store may give empty ones with a token before."""
    async with grpc.aio.insecure_channel(task.grpc_address) as channel:
        search: grpc.aio.UnaryUnaryMultiCallable[bytes, contract.SearchAssetsResponse] = channel.unary_unary(
            "/headwater.v1.CatalogService/SearchAssets",
            response_deserializer=contract.SearchAssetsResponse.FromString,
        )

        async def ask(word: str) -> float:
            request = contract.SearchAssetsRequest(query=word, types=[contract.ASSET_TYPE_DATASET], page_size=PAGE)
            response = await search(request.SerializeToString(), timeout=TIMEOUT_SECONDS)
            while response.next_page_token and not response.assets:
                request.page_token = response.next_page_token
                response = await search(request.SerializeToString(), timeout=TIMEOUT_SECONDS)
            received = time.perf_counter()
            _check(word, [asset.dataset.name for asset in response.assets])
            return received

        return await measure_questions(_choose_words(), SIZES[task.size].questions[1_000], ask)


async def measure_like(task: Task) -> Measure:
    """ILIKE on the server's own table of datasets."""
    connection = await asyncpg.connect(task.server_dsn, server_settings={"jit": "off"})
    try:
        query = await connection.prepare(LIKE)

        async def ask(word: str) -> float:
            rows = await query.fetch(word)
            received = time.perf_counter()
            _check(word, [row["name"] for row in rows])
            return received

        return await measure_questions(_choose_words(), max(10, SIZES[task.size].questions[20_000]), ask)
    finally:
        await connection.close()


def _choose_words() -> list[str]:
    """Parts that many names have, some have, and hardly any has."""
    rng = random.Random("search")
    words = []
    for place in range(WORDS):
        layer, entity = rng.choice(("raw", "clean", "fact", "mart")), rng.choice(ENTITIES)
        common, rarer = f"{entity}", f"{entity}_{layer}"
        rare = f"{DOMAINS[place % 2]}_00{place % 2}"
        words.append((common, rarer, rare)[place % 3])
    return words


def _check(word: str, names: list[str]) -> None:
    if not names or not all(word in name.lower() for name in names):
        raise WorkloadError(f"The search for {word!r} found {len(names)} datasets: {names[:3]}")
