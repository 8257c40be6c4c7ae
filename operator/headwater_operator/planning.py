"""Planning: which of the kinds that are understood the operator may watch here, looked at again now and then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Protocol

from .declarations import Declarations, Declared
from .kinds.adapter import Resource
from .kubernetes_api import KubernetesApiError
from .watched_kinds import WatchedKinds
from .watching import PIPELINES, Plan, Watching

LOOK_SECONDS = 15.0
"""How long a kind whose definition has just come may wait to be watched."""

PERMISSIONS_SECONDS = 120.0
RETRY_SECONDS = 5.0

logger = logging.getLogger(__name__)


class Permissions(Protocol):
    """Knows what there is and what the operator may do, as `KubernetesApi` does."""

    async def list_versions(self) -> Collection[tuple[str, str]]:
        """The groups that the cluster has, each with its versions. Raises KubernetesApiError."""

    async def list_kinds(self, group: str, version: str) -> Collection[str]:
        """The kinds that the cluster serves in a version of a group. Raises KubernetesApiError."""

    async def may_watch(self, resource: Resource, namespace: str = "") -> bool:
        """Whether a kind may be listed and watched. Raises KubernetesApiError."""


class Planner:
    """Keeps the plan of what is watched in step with the cluster's definitions, rules and permissions.

    `told` hears of pipelines it concerns.
    """

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
        self._namespaces = namespaces or ("",)
        self._told = told
        self._allowed: dict[str, bool] = {}
        self._allowed_at = 0.0
        self._versions: Collection[tuple[str, str]] = ()
        self._served: dict[tuple[str, str], Collection[str]] = {}
        self._wake = asyncio.Event()
        self.resources: frozenset[Resource] = frozenset()
        """What may be watched, whether or not the cluster has it now."""

    def revise(self) -> None:
        """Says that the rules may be others."""
        self._wake.set()

    async def run(self, declarations: Declarations) -> None:
        """Plans until it is cancelled."""
        while True:
            self._wake.clear()
            delay = LOOK_SECONDS if await self._plan(declarations) else RETRY_SECONDS
            try:
                async with asyncio.timeout(delay):
                    await self._wake.wait()
            except TimeoutError:
                self._versions = ()
                self._served.clear()

    async def _plan(self, declarations: Declarations) -> bool:
        """Makes the plan that holds now; whether the API server said what may be watched."""
        now = asyncio.get_running_loop().time()
        if now - self._allowed_at >= PERMISSIONS_SECONDS:
            self._allowed.clear()
            self._allowed_at = now
        try:
            served = {each: await self._as_served(each) for each in self._kinds.resources}
            watched = frozenset([each for each in served.values() if each and await self._may_watch(each)])
            has_pipelines = await self._as_served(PIPELINES) is not None
        except KubernetesApiError as error:
            logger.warning("what may be watched is not known yet: %s", error)
            return False
        forbidden = {name for name, is_allowed in self._allowed.items() if not is_allowed}
        self.resources = frozenset(found or each for each, found in served.items() if each.name not in forbidden)
        # kopf is told only of what is there, and anew when that is another.
        self._watching.watch(Plan(watched, (self._kinds.edition, has_pipelines)))
        for declared in declarations:
            rules = declared.pipeline.spec.rules if declared.pipeline else ()
            names = (f"{rule.kind}.{rule.group}" for rule in rules)
            problems = [_forbidden(each) for each in names if each in forbidden]
            if problems != list(declared.watch_problems):
                declared.watch_problems = problems
                self._told(declared)
        return True

    async def _as_served(self, resource: Resource) -> Resource | None:
        """The kind in the first version that is understood and served; None while none is."""
        self._versions = self._versions or await self._permissions.list_versions()
        for version in (resource.version, *resource.also):
            key = (resource.group, version)
            if key not in self._versions:
                continue  # kopf does not see kinds of it yet, even where the API server serves them
            if key not in self._served:
                self._served[key] = await self._permissions.list_kinds(*key)
            if resource.kind in self._served[key]:
                return replace(resource, version=version, also=())
        return None

    async def _may_watch(self, resource: Resource) -> bool:
        known = self._allowed.get(resource.name)
        if known is None:
            answers = [await self._permissions.may_watch(resource, each) for each in self._namespaces]
            known = self._allowed[resource.name] = all(answers)
            if not known:
                logger.warning("%s", _forbidden(resource.name))
        return known


def _forbidden(name: str) -> str:
    return f"the operator may not list and watch {name}: grant its service account get, list and watch on that kind"
