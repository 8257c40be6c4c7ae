"""The graph in memory, kept up to date: who asks gets it as it is once everything is in that was committed before.

One question to PostgreSQL says what changed since the last one, most often nothing. So the graph holds every commit
up to a moment after it was asked for, whichever server made it, and no clock or notice is trusted for that. Where the
graph is not there (it is being read, it is too large, too much changed), there is none, and the store is asked itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import asyncpg

from ...domain.errors import HeadwaterError
from ...domain.memory_changes import apply_changes, hand_on_kinds
from ...domain.memory_graph import MemoryGraph
from ..database import FAILED, SESSION, Connection, Database
from ..lineage.store import Memory
from .copied import OutOfRoom, Room
from .exact import ExactGraph, nodes_of_unknown_kind
from .fields import read_fields
from .reading import read_changes, read_graph
from .snapshots import Poll, Seen, poll, read_position, see

logger = logging.getLogger(__name__)

MIB = 1 << 20
POLL_SECONDS = 1.0
"""How often is looked for changes where nobody asks: so that there are few when somebody does."""
TIMEOUT_SECONDS = 5.0
"""How long PostgreSQL may take to say what changed."""
RELOAD_LINKS = 50_000
"""How many links may have changed before the graph is read again, to be compact."""
MAX_LATER = 5_000
"""How many transactions may have changed the graph while an older one goes on."""
RELOAD_SHARE = 10
"""The graph is read again after as many times the time that it took, at the soonest."""
KINDS_AT_ONCE = 500
KINDS_PAUSE_SECONDS = 0.02
"""How kinds are asked for ahead of the questions: few at a time, for others wait meanwhile, and a pause after each."""


class Wanted(Enum):
    """Whether fields are to be read with the graph: only where somebody asks about them, for they are many."""

    NO = 0
    YES = 1
    READ = 2
    TOO_LARGE = 3


@dataclass(frozen=True, slots=True)
class _Held:
    graph: MemoryGraph
    seen: Seen


class GraphMemory:
    """Holds the graph of a database, in so many MiB at most."""

    def __init__(self, database: Database, dsn: str, mebibytes: int) -> None:
        self._database = database
        self._dsn = dsn
        self._mebibytes = mebibytes
        self._memory = Memory.new()
        self._held: _Held | None = None
        self._lock = asyncio.Lock()
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._started = 0
        self._next_load = 0.0
        self._fields = Wanted.NO

    def want_fields(self) -> None:
        """Has fields read, or read again, in a while: they were not there for a question, or out of date."""
        if self._fields is Wanted.NO:
            self._next_load = 0.0
        if self._fields is not Wanted.TOO_LARGE:
            self._fields = Wanted.YES

    async def fresh(self, min_position: str = "") -> MemoryGraph | None:
        """The graph with all that was committed before the call; None where it is not there, or lacks a position.

        Raises InvalidField where there is no such position.
        """
        position = read_position(min_position)
        if self._held is None:
            return None
        held = await asyncio.shield(asyncio.create_task(self._poll_once(self._started)))
        if held is None or (position is not None and not held.seen.holds(position)):
            return None
        return held.graph

    @contextlib.asynccontextmanager
    async def exact(self, seconds: float) -> AsyncIterator[ExactGraph | None]:
        """The graph, and a snapshot of the store that is the very same state; None where the graph is not there.

        Raises QueryTimeout or StoreUnavailable.
        """
        async with self._database.reading(seconds) as connection:
            held = await self._advance_to(connection)
            yield ExactGraph(held.graph, connection, self._memory) if held else None

    async def keep(self) -> None:
        """Reads the graph and keeps it up to date, for as long as the server runs."""
        try:
            while True:
                try:
                    if self._is_due():
                        await self._load()
                        await self._learn_kinds()
                    await self._poll_once(self._started)
                except OutOfRoom:
                    logger.warning("the graph does not fit into %d MiB: PostgreSQL answers alone", self._mebibytes)
                    self._held = None
                    return
                except (*FAILED, HeadwaterError) as error:
                    logger.info("the graph is not in memory for now: %r", error.__cause__ or error)
                await asyncio.sleep(POLL_SECONDS)
        finally:
            self._drop_connection()

    def _is_due(self) -> bool:
        if time.monotonic() < self._next_load:
            return False
        if self._held is None or self._fields is Wanted.YES:
            return True
        return len(self._held.graph.delta.links) > RELOAD_LINKS

    async def _load(self) -> None:
        started = time.monotonic()
        connection: Any = await asyncpg.connect(self._dsn, server_settings=SESSION)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                seen = await see(connection)
                room = Room(self._mebibytes * MIB)
                graph = await read_graph(connection, seen.position, room)
                if self._fields in (Wanted.YES, Wanted.READ):
                    graph = await self._add_fields(connection, graph, room)
        finally:
            await connection.close(timeout=TIMEOUT_SECONDS)
        async with self._lock:
            await self._hand_on_kinds(graph)
            self._held = _Held(graph, seen)
        seconds = time.monotonic() - started
        self._next_load = time.monotonic() + RELOAD_SHARE * seconds
        logger.info(
            "%d links of %d assets are in memory after %.1f s", len(graph.base.links), graph.node_count, seconds
        )

    async def _hand_on_kinds(self, graph: MemoryGraph) -> None:
        """Has a new graph know the kinds that the old one does, which by then knows of all that the new one holds."""
        if self._held is not None:
            await self._advance(await self._own_connection())
        held: _Held | None = self._held
        if held is not None:
            await asyncio.to_thread(hand_on_kinds, held.graph, graph)

    async def _add_fields(self, connection: Any, graph: MemoryGraph, room: Room) -> MemoryGraph:
        try:
            graph = replace(graph, fields=await read_fields(connection, graph.nodes, room))
            self._fields = Wanted.READ
        except OutOfRoom:
            logger.warning("fields do not fit into %d MiB: PostgreSQL answers about them alone", self._mebibytes)
            self._fields = Wanted.TOO_LARGE
        return graph

    async def _poll_once(self, asked: int) -> _Held | None:
        """The graph after a poll that began after `asked` of them had begun."""
        async with self._lock:
            if self._started > asked or self._held is None:
                return self._held
            self._started += 1
            try:
                await self._advance(await self._own_connection())
            except FAILED as error:
                logger.info("PostgreSQL does not say what changed in the graph: %r", error)
                self._drop_connection()
                return None
            return self._held

    async def _advance(self, connection: Any) -> None:
        """Goes on to the present, by one question where nothing changed."""
        assert self._held is not None
        async with asyncio.timeout(TIMEOUT_SECONDS):
            polled = await poll(connection, self._held.seen)
        if polled.changes:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                polled = await poll(connection, self._held.seen)
                self._held = await self._applied(connection, self._held, polled)
        else:
            self._held = await self._applied(connection, self._held, polled)

    async def _advance_to(self, connection: Connection) -> _Held | None:
        """Goes on to the connection's snapshot, which is begun here: so the graph is no newer than it."""
        async with self._lock:
            if self._held is None:
                return None
            polled = await poll(connection, self._held.seen)
            self._held = await self._applied(connection, self._held, polled)
            return self._held

    async def _applied(self, connection: Connection, held: _Held, polled: Poll) -> _Held | None:
        if polled.changes is None or len(polled.seen.later) > MAX_LATER:
            logger.info("too much changed in the graph: it is read again")
            return None
        graph: MemoryGraph | None = held.graph
        if not polled.changes:
            if polled.seen.position != held.seen.position:
                graph = replace(held.graph, position=polled.seen.position)
        else:
            changes = await read_changes(connection, held.graph, polled.changes)
            graph = apply_changes(held.graph, changes, polled.seen.position) if changes else None
        return _Held(graph, polled.seen) if graph else None

    async def _learn_kinds(self) -> None:
        """Asks for all kinds ahead of the questions, until the graph is to be read again."""
        last = -1
        while not self._is_due():
            async with self.exact(TIMEOUT_SECONDS) as found:
                nodes = nodes_of_unknown_kind(found.graph, last, KINDS_AT_ONCE) if found else []
                if found is None or not nodes:
                    return
                await found.learn_kinds(nodes)
                last = nodes[-1]
            await asyncio.sleep(KINDS_PAUSE_SECONDS)

    async def _own_connection(self) -> Any:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(self._dsn, server_settings=SESSION, timeout=TIMEOUT_SECONDS)
        return self._connection

    def _drop_connection(self) -> None:
        if self._connection:
            self._connection.terminate()
            self._connection = None
