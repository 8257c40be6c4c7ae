"""Planning: which of the kinds that are understood the operator may watch here, looked at again now and then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from .declarations import Declarations, Declared
from .kinds.adapter import Resource
from .kubernetes_api import KubernetesApiError
from .watched_kinds import WatchedKinds
from .watching import Plan, Watching

AGAIN_SECONDS = 120.0
RETRY_SECONDS = 5.0

logger = logging.getLogger(__name__)


class Permissions(Protocol):
    """Knows what there is and what the operator may do, as `KubernetesApi` does."""

    async def is_served(self, resource: Resource) -> bool:
        """Whether the cluster knows a kind. Raises KubernetesApiError."""

    async def may_watch(self, resource: Resource, namespace: str = "") -> bool:
        """Whether a kind may be listed and watched. Raises KubernetesApiError."""


class Planner:
    """Keeps the plan of what is watched in step with rules and permissions. `told` hears of pipelines it concerns."""

    def __init__(
        self,
        kinds: WatchedKinds,
        watching: Watching,
        permissions: Permissions,
        namespaces: Sequence[str],
        told: Callable[[Declared], None],
    ) -> None:
        self._kinds = kinds
        self._watching = watching
        self._permissions = permissions
        self._namespaces = namespaces
        self._told = told
        self._allowed: dict[str, bool] = {}
        self._served: dict[str, Resource] = {}
        self._wake = asyncio.Event()
        self.resources: frozenset[Resource] = frozenset()
        """What is watched now."""

    def revise(self) -> None:
        """Says that the rules may be others."""
        self._wake.set()

    async def run(self, declarations: Declarations) -> None:
        """Plans until it is cancelled."""
        while True:
            self._wake.clear()
            delay = AGAIN_SECONDS if await self._plan(declarations) else RETRY_SECONDS
            try:
                async with asyncio.timeout(delay):
                    await self._wake.wait()
            except TimeoutError:
                self._allowed.clear()
                self._served.clear()

    async def _plan(self, declarations: Declarations) -> bool:
        """Makes the plan that holds now; whether the API server said what may be watched."""
        try:
            resources = [await self._served_version(each) for each in self._kinds.resources]
            allowed = frozenset([each for each in resources if await self._may_watch(each)])
        except KubernetesApiError as error:
            logger.warning("what may be watched is not known yet: %s", error)
            return False
        self.resources = allowed
        self._watching.watch(Plan(allowed, self._kinds.edition))
        for declared in declarations:
            rules = declared.pipeline.spec.rules if declared.pipeline else ()
            names = (f"{rule.kind}.{rule.group}" for rule in rules)
            problems = [_forbidden(each) for each in names if self._allowed.get(each) is False]
            if problems != list(declared.watch_problems):
                declared.watch_problems = problems
                self._told(declared)
        return True

    async def _served_version(self, resource: Resource) -> Resource:
        """The kind in the first version that is understood and served; in the first one while none is."""
        if not resource.also:
            return resource
        known = self._served.get(resource.name)
        if known is None:
            versions = [replace(resource, version=each, also=()) for each in (resource.version, *resource.also)]
            served = [each for each in versions if await self._permissions.is_served(each)]
            known = self._served[resource.name] = (served or versions)[0]
        return known

    async def _may_watch(self, resource: Resource) -> bool:
        known = self._allowed.get(resource.name)
        if known is None:
            if self._namespaces and not await self._permissions.is_served(resource):
                return False  # kopf looks for kinds that come later only where it may look at the whole cluster
            answers = [await self._permissions.may_watch(resource, each) for each in self._namespaces or ("",)]
            known = self._allowed[resource.name] = all(answers)
            if not known:
                logger.warning("%s", _forbidden(resource.name))
        return known


def _forbidden(name: str) -> str:
    return f"the operator may not list and watch {name}: grant its service account get, list and watch on that kind"
