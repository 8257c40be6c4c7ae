"""What is answered from memory, held to what the store answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from headwater.v1 import lineage_service_pb2 as messages
from headwater_server.api.call import LocalCall
from headwater_server.api.lineage import LineageServicer
from headwater_server.api.memory_answer import Written
from headwater_server.storage.graph.memory import GraphMemory

CALL = LocalCall(30, "ipv4:127.0.0.1:1")


@dataclass
class Pair:
    """A server that answers from memory, and one that asks the store each time."""

    memory: GraphMemory
    recalling: LineageServicer
    asking: LineageServicer
    recalled: int = 0

    async def check(self, traversal: messages.Traversal) -> messages.GetLineageResponse | None:
        """That both answer alike, at once and as a stream, and that answer; an unknown root is no question."""
        try:
            expected: Any = await self.asking.GetLineage(messages.GetLineageRequest(traversal=traversal), CALL)
        except Exception as error:  # noqa: BLE001
            with pytest.raises(type(error)):
                await self.recalling.GetLineage(messages.GetLineageRequest(traversal=traversal), CALL)
            return None
        found: Any = await self.recalling.GetLineage(messages.GetLineageRequest(traversal=traversal), CALL)
        self.recalled += isinstance(found, Written)
        found = found.parse() if isinstance(found, Written) else found
        parts = messages.GetLineageResponse()
        async for part in self.recalling.TraverseLineage(messages.TraverseLineageRequest(traversal=traversal), CALL):
            parts.MergeFromString(part.SerializeToString())
        for answer in (found, parts):
            assert list(answer.nodes) == list(expected.nodes)
            assert _sorted(answer.links) == _sorted(expected.links)
            answer.summary.position = expected.summary.position
            assert answer.summary == expected.summary
        return found


def _sorted(links: Any) -> list[bytes]:
    return sorted(link.SerializeToString(deterministic=True) for link in links)
