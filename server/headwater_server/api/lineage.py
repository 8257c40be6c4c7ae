"""The servicer of LineageService."""
# ruff: noqa: N802 (methods are called as the contract calls them)

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

from headwater.v1 import lineage_service_pb2 as messages
from headwater.v1.lineage_service_pb2_grpc import LineageServiceServicer

from ..domain.catalog_ports import CatalogStore
from ..domain.lineage import Traversal
from ..domain.lineage_pages import LinkPlace
from ..domain.lineage_ports import GraphMemory, LineageStore
from ..domain.memory_walk import MemoryAnswer
from ..usecases.lineage import get_lineage, stream_lineage
from ..usecases.lineage_compare import compare_runs, compare_times, compare_versions
from ..usecases.lineage_links import search_links
from ..usecases.lineage_memory import recall_lineage
from ..usecases.lineage_roots import MAX_NODES
from .call import Call, seconds_left
from .convert_catalog import page_of, read_versioned
from .convert_lineage import (
    read_run,
    read_search,
    read_times,
    read_traversal,
    to_answer,
    to_comparison,
    to_link_page,
    to_schema_comparison,
    write_parts,
)
from .lineage_writer import AnswerWriter
from .memory_answer import Written, write_answer
from .memory_answer import write_parts as write_recalled_parts

LARGE = 5000
"""From how many links on an answer is written in a thread: that takes long, and others would wait."""


class LineageServicer(LineageServiceServicer):
    """Answers questions about lineage. A question may take `timeout_seconds`, where its client waits no less; a walk
    gives `max_nodes` at most, from `memory` where that can.
    """

    def __init__(
        self,
        store: LineageStore,
        catalog: CatalogStore,
        timeout_seconds: float,
        *,
        memory: GraphMemory | None = None,
        max_nodes: int = MAX_NODES,
    ) -> None:
        self._store = store
        self._memory = memory
        self._catalog = catalog
        self._timeout_seconds = timeout_seconds
        self._max_nodes = max_nodes

    async def TraverseLineage(  # type: ignore[override]  # bytes stand for messages, see `memory_answer`
        self, request: messages.TraverseLineageRequest, context: Call
    ) -> AsyncIterator[messages.TraverseLineageResponse | Written]:
        """Walks the graph and streams what it finds."""
        asked, writer = read_traversal(request.traversal), AnswerWriter()
        if recalled := await self._recall(asked, context):
            for message in write_recalled_parts(recalled):
                yield message
                await asyncio.sleep(0)
            return
        walk = stream_lineage(self._store, asked, self._seconds(context), max_nodes=self._max_nodes)
        async with aclosing(walk) as parts:
            async for part in parts:
                for written in write_parts(writer, part):
                    yield written

    async def GetLineage(  # type: ignore[override]
        self, request: messages.GetLineageRequest, context: Call
    ) -> messages.GetLineageResponse | Written:
        """Walks the graph and answers at once."""
        asked = read_traversal(request.traversal)
        if recalled := await self._recall(asked, context):
            return write_answer(recalled)
        answer = await get_lineage(self._store, asked, self._seconds(context), max_nodes=self._max_nodes)
        return await asyncio.to_thread(to_answer, answer) if len(answer.part.links) > LARGE else to_answer(answer)

    async def SearchLinks(self, request: messages.SearchLinksRequest, context: Call) -> messages.SearchLinksResponse:
        """Lists links, one hop."""
        page = page_of(request, LinkPlace)
        return to_link_page(await search_links(self._store, read_search(request), page, self._seconds(context)))

    async def CompareDatasetVersions(
        self, request: messages.CompareDatasetVersionsRequest, context: Call
    ) -> messages.CompareDatasetVersionsResponse:
        """Compares two versions field by field."""
        base, target = read_versioned("base", request.base), read_versioned("target", request.target)
        return to_schema_comparison(await compare_versions(self._catalog, base, target, self._seconds(context)))

    async def CompareLineage(
        self, request: messages.CompareLineageRequest, context: Call
    ) -> messages.CompareLineageResponse:
        """Compares a walk at two times, or two runs."""
        seconds = self._seconds(context)
        if request.WhichOneof("subject") == "runs":
            base, target = read_run("runs.base", request.runs.base), read_run("runs.target", request.runs.target)
            return to_comparison(await compare_runs(self._store, base, target, seconds))
        asked, times = read_times(request)
        return to_comparison(await compare_times(self._store, asked, times, seconds, max_nodes=self._max_nodes))

    async def _recall(self, asked: Traversal, context: Call) -> MemoryAnswer | None:
        """The answer from memory, where that can give one."""
        if self._memory is None:
            return None
        return await recall_lineage(self._memory, asked, self._seconds(context), max_nodes=self._max_nodes)

    def _seconds(self, context: Call) -> float:
        return seconds_left(context, self._timeout_seconds)
