"""Keeps what is known of the cluster in step with it, so that no pod waits for the API server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from ..injection.cluster_view import ClusterView, KubernetesVersion
from ..kinds.adapter import Resource
from ..kubernetes_api import KubernetesApi, KubernetesApiError
from ..pipeline.pipeline import InvalidPipeline, parse_pipeline
from ..rbac import OWNERS
from ..watching import PIPELINES
from .following import Following, Sink
from .owner_cache import OwnerCache

NAMESPACES = Resource("", "v1", "namespaces", "Namespace")
VERSION_SECONDS = 600.0
VERSION_RETRY_SECONDS = 2.0
LOOK_SECONDS = 0.5

logger = logging.getLogger(__name__)


class ClusterCache:
    """Fills a view of the cluster, and the cache of owners. Belongs to one event loop."""

    def __init__(self, api: KubernetesApi, view: ClusterView) -> None:
        self.view = view
        self.owners = OwnerCache(self._follows)
        self._api = api
        self._tasks: list[asyncio.Task[None]] = []
        self._following: dict[str, Following] = {}

    def start(self) -> None:
        """Begins to follow the cluster."""
        self._tasks.append(asyncio.create_task(self._keep_version()))
        self._follow(PIPELINES, _Pipelines(self.view, self._follow_owners), only_metadata=False)
        self._follow(NAMESPACES, _Namespaces(self.view))
        self._follow_owners()

    async def stop(self) -> None:
        """Ends following."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def unready(self) -> str:
        """What is missing before pods can be decided on; empty where nothing is."""
        if self.view.version is None:
            return "the version of Kubernetes is not known yet"
        for name, each in self._following.items():
            is_needed = each.resource in (PIPELINES, NAMESPACES)
            if not each.is_filled and (is_needed or not each.is_absent):
                return f"{name} are not known yet{': ' if each.problem else ''}{each.problem}"
        return ""

    async def filled(self) -> None:
        """Waits until nothing is missing."""
        while self.unready():
            await asyncio.sleep(LOOK_SECONDS)

    def sizes(self) -> dict[str, float]:
        """How much is remembered, by what it is."""
        return {
            "namespaces": len(self.view.namespaces),
            "pipelines": len(self.view.coverage.all()),
            "owners": len(self.owners),
        }

    def restarts(self) -> dict[str, float]:
        """How many times each kind was listed."""
        return {name: each.restarts for name, each in self._following.items()}

    def problems(self) -> dict[str, str]:
        """Why kinds cannot be followed now, by their names; empty for those that are."""
        return {name: each.problem for name, each in self._following.items()}

    def _follows(self, kind: str) -> bool:
        found = self._following.get(kind)
        return found is not None and not found.is_absent

    def _follow_owners(self) -> None:
        """Follows the kinds that may own pods: those of the table, those between, and those of the pipelines' rules."""
        for resource in (*self.view.kinds.resources, *OWNERS):
            if resource.kind not in ("Pod", "RayCluster"):  # pods of Ray are never injected
                self._follow(resource, _OwnersOfKind(resource.name, self.owners))

    def _follow(self, resource: Resource, sink: Sink, *, only_metadata: bool = True) -> None:
        if resource.name not in self._following:
            found = Following(self._api, resource, sink, only_metadata=only_metadata)
            self._following[resource.name] = found
            self._tasks.append(asyncio.create_task(found.run(), name=resource.name))

    async def _keep_version(self) -> None:
        while True:
            try:
                self.view.version = KubernetesVersion.read(*await self._api.get_version())
                delay = VERSION_SECONDS
            except (KubernetesApiError, ValueError) as error:
                logger.warning("the version of Kubernetes is asked for again: %s", error)
                delay = VERSION_RETRY_SECONDS
            await asyncio.sleep(delay)


class _Pipelines:
    def __init__(self, view: ClusterView, changed: Any) -> None:
        self._view = view
        self._changed = changed

    def replace(self, objects: Iterable[Mapping[str, Any]]) -> None:
        found = list(objects)
        kept = {_key(each) for each in found}
        for each in self._view.coverage.all():
            if (each.namespace, each.name) not in kept:
                self._remove(each.namespace, each.name)
        for body in found:
            self.put(body)

    def put(self, body: Mapping[str, Any]) -> None:
        namespace, name = _key(body)
        try:
            pipeline = parse_pipeline(body)
        except InvalidPipeline as error:
            logger.warning("%s/%s counts for no pod: %s", namespace, name, error)
            self._remove(namespace, name)
            return
        self._view.coverage.put(pipeline)
        self._view.kinds.set_rules(pipeline)
        self._changed()

    def remove(self, body: Mapping[str, Any]) -> None:
        self._remove(*_key(body))

    def _remove(self, namespace: str, name: str) -> None:
        self._view.coverage.remove(namespace, name)
        self._view.kinds.remove_rules((namespace, name))


class _Namespaces:
    def __init__(self, view: ClusterView) -> None:
        self._labels = view.namespaces

    def replace(self, objects: Iterable[Mapping[str, Any]]) -> None:
        self._labels.clear()
        for body in objects:
            self.put(body)

    def put(self, body: Mapping[str, Any]) -> None:
        self._labels[body["metadata"]["name"]] = body["metadata"].get("labels") or {}

    def remove(self, body: Mapping[str, Any]) -> None:
        self._labels.pop(body["metadata"]["name"], None)


class _OwnersOfKind:
    def __init__(self, kind: str, owners: OwnerCache) -> None:
        self._kind = kind
        self._owners = owners
        self._uids: set[str] = set()

    def replace(self, objects: Iterable[Mapping[str, Any]]) -> None:
        before, self._uids = self._uids, set()
        for body in objects:
            self.put(body)
        for uid in before - self._uids:
            self._owners.remove(uid)

    def put(self, body: Mapping[str, Any]) -> None:
        self._uids.add(body["metadata"]["uid"])
        self._owners.put(self._kind, body["metadata"])

    def remove(self, body: Mapping[str, Any]) -> None:
        self._uids.discard(body["metadata"]["uid"])
        self._owners.remove(body["metadata"]["uid"])


def _key(body: Mapping[str, Any]) -> tuple[str, str]:
    return body["metadata"]["namespace"], body["metadata"]["name"]
