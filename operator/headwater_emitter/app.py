"""Builds the emitter, connects its parts, and takes it down again. Nothing else does.

It never ends by itself: one that did would keep a pod from starting, or hide how it ended. What fails is said on
/healthz and in the log, and tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from importlib.metadata import version

from headwater.program.values import Address
from headwater.spool import Gap, Limits, gap_events
from headwater.v1.event_pb2 import Event

from . import grpc_door, http_server
from .grpc_door import GrpcDoor
from .health import Figure, Health
from .http_door import HttpDoor
from .intake import Intake
from .keeping import SpoolKeeper
from .kubeflow_watch import KubeflowWatch
from .pod_event import PRODUCER, PodEvents
from .report import Standing, farewell, healthz, metrics
from .server import Server
from .settings import Settings

RETRY_SECONDS = 2.0
"""After how long a door that could not be opened is tried again."""

logger = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def running(settings: Settings, mistakes: str = "") -> AsyncIterator[Emitter]:
    """An emitter that works inside of the block; at its end it delivers what it still can.

    `mistakes` says what is wrong with settings that were passed over.
    """
    async with Server(settings.connection) as server:
        emitter = Emitter(settings, server, mistakes)
        try:
            await emitter.start()
            yield emitter
        finally:
            await emitter.stop()


class Emitter:
    """The parts of the emitter."""

    def __init__(self, settings: Settings, server: Server, mistakes: str) -> None:
        self.addresses: dict[str, Address] = {}
        """Where each door that is open is."""

        self._settings = settings
        self._mistakes = mistakes
        self._is_stopping = False
        self._closed: dict[str, str] = {}
        path = settings.spool_dir / f"{settings.pod.pod_uid or 'emitter'}.spool"
        limits = Limits(max_bytes=settings.spool_bytes)
        told_of_gaps = _gap_events(settings)
        self._keeper = SpoolKeeper(path, limits, server, told_of_gaps, block_seconds=settings.block_seconds)
        self._intake = Intake(
            self._keeper,
            PodEvents(settings.pod),
            max_event_bytes=settings.max_event_bytes,
            droppable=settings.droppable,
        )
        task = settings.pod.kubeflow_task
        self._kubeflow = KubeflowWatch(task, self._keeper) if task else None
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Returns when every part has begun to work, or has found that it cannot yet."""
        self._warn_of_strangers()
        most = self._settings.max_request_bytes
        http = HttpDoor(self._intake, max_request_bytes=most)
        grpc = GrpcDoor(self._intake, self._keeper.dead_letters, sender=_name(self._settings), max_request_bytes=most)
        health = Health(self.report, self.figures)
        self._tasks["spool"] = asyncio.create_task(self._keeper.run())
        tried = [
            self._open("http", lambda: http_server.serving(self._settings.http_address, http.routes())),
            self._open("grpc", lambda: grpc_door.serving(self._settings.grpc_address, grpc, max_request_bytes=most)),
            self._open("health", lambda: http_server.serving(self._settings.health_address, health.routes())),
        ]
        if self._kubeflow:
            self._tasks["kubeflow"] = asyncio.create_task(self._kubeflow.run())
        await asyncio.gather(self._keeper.tried(), *(each.wait() for each in tried))

    async def stop(self) -> None:
        """Takes nothing more, delivers what it can in the time there is, and says what is left."""
        clock = asyncio.get_running_loop().time
        end = clock() + self._settings.drain_seconds
        self._is_stopping = True
        self._intake.stop()
        looking = self._kubeflow.look_last(self._settings.drain_seconds / 2) if self._kubeflow else asyncio.sleep(0)
        await asyncio.gather(self._end("http", "grpc"), looking, return_exceptions=True)
        await self._keeper.drain(max(0.0, end - clock()))
        self._say_farewell()
        await self._end(*self._tasks)

    def report(self) -> dict[str, object]:
        """What /healthz answers."""
        about = {
            "version": version("headwater"),
            "server": self._settings.connection.address,
            "doors": {door: str(address) for door, address in sorted(self.addresses.items())},
        }
        return healthz(self._standing(), about)

    def figures(self) -> Iterator[Figure]:
        """What /metrics tells."""
        return metrics(self._standing())

    def _standing(self) -> Standing:
        return Standing(
            spool=self._keeper.path,
            delivery=self._keeper.state(),
            received=self._intake.received,
            refused=self._intake.refused,
            mistakes=self._mistakes,
            no_spool=self._keeper.trouble,
            closed=self._closed,
            is_stopping=self._is_stopping,
        )

    def _open(self, door: str, serve: Callable[[], AbstractAsyncContextManager[Address]]) -> asyncio.Event:
        """Holds a door open from now on; gives what tells that it is, or cannot be yet."""
        is_tried = asyncio.Event()

        async def hold() -> None:
            while True:
                try:
                    async with serve() as address:
                        self.addresses[door] = address
                        self._closed.pop(door, None)
                        is_tried.set()
                        await asyncio.Event().wait()
                except Exception as error:  # noqa: BLE001 (whatever it is, it is tried again)
                    if self._closed.get(door) != str(error):
                        logger.error("the door for %s is closed: %s", door, error)
                    self._closed[door] = str(error)
                    is_tried.set()
                await asyncio.sleep(RETRY_SECONDS)

        self._tasks[door] = asyncio.create_task(hold())
        return is_tried

    def _warn_of_strangers(self) -> None:
        for door, address in (("http", self._settings.http_address), ("grpc", self._settings.grpc_address)):
            if not address.is_loopback:
                logger.warning("%s (%s): whoever reaches it can send events as this emitter", address, door)

    async def _end(self, *names: str) -> None:
        tasks = [self._tasks.pop(name) for name in names if name in self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _say_farewell(self) -> None:
        words = farewell(self._standing(), ends_with_pod=self._settings.spool_ends_with_pod)
        if not words:
            return
        logger.warning("%s", words)
        if self._settings.termination_log:
            with contextlib.suppress(OSError):
                self._settings.termination_log.write_text(f"headwater-emitter: {words}\n")


def _gap_events(settings: Settings) -> Callable[[Gap], Event]:
    """Gaps are told of the run that the operator reports, or of this emitter where there is none."""
    if parent := settings.pod.parent_run:
        return gap_events(PRODUCER, parent.namespace, parent.name, parent.run_id)
    return gap_events(PRODUCER, "headwater", f"emitter/{_name(settings)}")


def _name(settings: Settings) -> str:
    pod = settings.pod
    return "/".join(filter(None, (pod.cluster, pod.pod_namespace, pod.pod_name))) or socket.gethostname()
