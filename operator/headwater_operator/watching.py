"""Watching the cluster with kopf: what is seen is handed on, and nothing of others is ever written to.

kopf has a thread and an event loop of its own, since it cancels whatever runs in its loop when it ends. It ends, and
begins again, when other resources are to be watched; what it lists then again changes nothing for who is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import kopf

from .kinds.adapter import Body, Resource
from .kubernetes_api import find_connection

T = TypeVar("T")
PIPELINES = Resource("headwater.dev", "v1alpha1", "lineagepipelines", "LineagePipeline")
FINALIZER = "headwater.dev/lineage"
RESTART_SECONDS = (1.0, 60.0)
"""The first and the longest wait before watching begins again that has ended by itself."""

SETTLE_SECONDS = 1.0
"""How long the set of resources must have been the same before what is watched is changed."""

CHUNK = 20
"""How many objects are listed at once: pods may have close to a megabyte each."""

RETRY_SECONDS = 3.0
STOP_SECONDS = 8.0

logger = logging.getLogger(__name__)


class Watcher(Protocol):
    """Is told what is seen. Its methods run in the main loop; one object's events come one after the other."""

    async def see(self, resource: Resource, body: Body, *, is_deleted: bool) -> None:
        """An object of a watched resource is as `body` shows it, or was so when it went."""

    async def see_pipeline(self, body: Body, *, is_deleted: bool) -> None:
        """A LineagePipeline is as `body` shows it, or is no more."""

    async def end_pipeline(self, body: Body, *, waited_seconds: float) -> bool:
        """A LineagePipeline is being deleted: whether it may go now. Asked again until it may."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be watched. `edition` changes when everything has to be looked at again although it is the same."""

    resources: frozenset[Resource]
    edition: object = None


def _as_it_is(_: Resource, body: Body) -> Body:
    return body


class Watching:
    """Watches what a plan says, and then what the next one says. `connect` says how the cluster is reached."""

    def __init__(
        self,
        watcher: Watcher,
        namespaces: Iterable[str] = (),
        connect: Callable[[], kopf.ConnectionInfo] = find_connection,
        slim: Callable[[Resource, Body], Body] = _as_it_is,
    ) -> None:
        self._watcher = watcher
        self._slim = slim
        self._namespaces = tuple(namespaces)
        self._connect = connect
        self._plan: Plan | None = None
        self._changed = asyncio.Event()
        self.is_watching = False
        self.restarts = 0
        """How often watching ended by itself."""

    def watch(self, plan: Plan) -> None:
        """Says what is to be watched from now on."""
        if plan != self._plan:
            self._plan = plan
            self._changed.set()

    async def run(self) -> None:
        """Watches until it is cancelled."""
        failures = 0
        while True:
            plan = await self._take_plan()
            began = asyncio.get_running_loop().time()
            if not await self._watch_one(plan):
                await self._settle()
                continue
            self.restarts += 1
            lasted = asyncio.get_running_loop().time() - began
            failures = 0 if lasted > RESTART_SECONDS[1] else failures + 1
            delay = min(RESTART_SECONDS[1], RESTART_SECONDS[0] * 2 ** min(failures, 10))
            logger.warning("watching ended by itself; it begins again in %.0f s", delay)
            await asyncio.sleep(delay)

    async def _take_plan(self) -> Plan:
        while self._plan is None:
            await self._changed.wait()
            self._changed.clear()
        self._changed.clear()
        return self._plan

    async def _settle(self) -> None:
        """Waits until the plan has been the same for a while: pipelines often come together."""
        while self._changed.is_set():
            self._changed.clear()
            await asyncio.sleep(SETTLE_SECONDS)

    async def _watch_one(self, plan: Plan) -> bool:
        """Watches what a plan says until it changes; whether it ended before that."""
        logger.info("watching %s", ", ".join(sorted(each.name for each in plan.resources)))
        thread = _KopfThread(self._registry(plan), _settings(plan), self._namespaces)
        changed: asyncio.Future[Any] = asyncio.create_task(self._changed.wait())
        try:
            thread.start()
            self.is_watching = True
            await asyncio.wait([changed, thread.ended], return_when=asyncio.FIRST_COMPLETED)
            return not changed.done()
        finally:
            self.is_watching = False
            changed.cancel()
            await thread.stop()

    def _registry(self, plan: Plan) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()
        main = asyncio.get_running_loop()

        @kopf.on.login(registry=registry)
        def login(**_: Any) -> kopf.ConnectionInfo:
            return self._connect()

        for resource in plan.resources:
            self._register(registry, resource, main)

        @kopf.on.event(PIPELINES.group, PIPELINES.version, PIPELINES.plural, registry=registry, id="see")
        async def see_pipeline(event: Any, **_: Any) -> None:
            is_deleted = event["type"] == "DELETED"
            await _across(main, self._watcher.see_pipeline(event["object"], is_deleted=is_deleted))

        @kopf.on.delete(PIPELINES.group, PIPELINES.version, PIPELINES.plural, registry=registry, id="end")
        async def end_pipeline(body: Any, runtime: Any, **_: Any) -> None:
            waited = runtime.total_seconds()
            if not await _across(main, self._watcher.end_pipeline(dict(body), waited_seconds=waited)):
                raise kopf.TemporaryError("the server has not taken note yet", delay=RETRY_SECONDS)

        return registry

    def _register(self, registry: kopf.OperatorRegistry, resource: Resource, main: asyncio.AbstractEventLoop) -> None:
        @kopf.on.event(resource.group, resource.version, resource.plural, registry=registry, id=resource.name)
        async def see(event: Any, **_: Any) -> None:
            is_deleted = event["type"] == "DELETED"
            # In kopf's own object, since kopf keeps that while it is handled, and for seconds after.
            event["object"].update(self._slim(resource, event["object"]))
            await _across(main, self._watcher.see(resource, event["object"], is_deleted=is_deleted))


def _settings(plan: Plan) -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    # The planner looks for kinds that come later: kopf looks once when a definition changes, and now and then that is
    # before the API server serves it; and it would need rights over the definitions of the whole cluster.
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.process.ultimate_exiting_timeout = None
    settings.persistence.finalizer = FINALIZER
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix="headwater.dev")
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix="headwater.dev")
    settings.networking.connect_timeout = 10
    settings.networking.request_timeout = 60
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.watching.reconnect_backoff = 1.0
    settings.watching.chunk_size = CHUNK
    for resource in plan.resources:
        if resource.label_selector:
            key = (resource.group, resource.version, resource.plural)
            settings.watching.label_selectors[key] = resource.label_selector
    return settings


class _KopfThread:
    """kopf in a thread of its own. `ended` is done when it has ended, for whatever reason."""

    def __init__(
        self, registry: kopf.OperatorRegistry, settings: kopf.OperatorSettings, namespaces: Iterable[str]
    ) -> None:
        self._registry = registry
        self._settings = settings
        self._namespaces = list(namespaces)
        self._main = asyncio.get_running_loop()
        self._stopping: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="headwater-watching", daemon=True)
        self._is_ready = threading.Event()
        self.ended: asyncio.Future[None] = self._main.create_future()

    def start(self) -> None:
        """Starts the thread; it can be stopped once this returns."""
        self._thread.start()
        self._is_ready.wait()

    async def stop(self) -> None:
        """Stops kopf, and waits for it a while."""
        if self._loop is not None and self._stopping is not None and not self.ended.done():
            with contextlib.suppress(RuntimeError):  # it has just ended
                self._loop.call_soon_threadsafe(self._stopping.set)
        _, pending = await asyncio.wait({self.ended}, timeout=STOP_SECONDS)
        if pending:
            logger.warning("watching did not end in time, and is left behind")
        else:
            self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._operate())
        except Exception:
            logger.exception("watching failed")
        finally:
            self._is_ready.set()
            with contextlib.suppress(RuntimeError):  # the main loop is closed already
                self._main.call_soon_threadsafe(self._tell_ended)

    async def _operate(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._is_ready.set()
        await kopf.operator(
            registry=self._registry,
            settings=self._settings,
            standalone=True,
            clusterwide=not self._namespaces,
            namespaces=self._namespaces,
            stop_flag=self._stopping,
        )

    def _tell_ended(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


async def _across(main: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    """Has work done in the main loop, from kopf's."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, main))
