"""Compares which pods should have the emitter with which have it: the webhook lets every pod in, and tells nobody.

Only metadata is listed, of running pods, in namespaces where injection may be asked for; the whole of a pod is read
once, where it has no mark of the webhook. A pod is counted once, while it is seen to run; one that came and went
between two looks is not.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from .declarations import Declarations, Declared, Uninjected
from .injection import pod_shape as shape
from .injection.cluster_view import ClusterView, KubernetesVersion, Owners
from .injection.gates import decide
from .kinds.adapter import Resource
from .kubernetes_api import KubernetesApiError
from .observation import ObjectRef

PODS = Resource("", "v1", "pods", "Pod")
RUNNING = "status.phase=Running"
LOOK_SECONDS = 60.0
BUSY_SECONDS = 5.0
"""How long after a change of a namespace's workloads its pods are looked at."""

VERSION_SECONDS = 600.0
OWN_NAMESPACE = "headwater"

logger = logging.getLogger(__name__)


class Reader(Protocol):
    """Reads pods and namespaces, as `KubernetesApi` does. All raise KubernetesApiError."""

    def list_metadata(
        self, resource: Resource, namespace: str = "", *, field_selector: str = ""
    ) -> AsyncIterator[dict[str, Any]]:
        """The metadata of a kind's objects."""

    async def get_object(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        """An object."""

    async def get_metadata(
        self, group: str, version: str, kind: str, namespace: str, name: str
    ) -> dict[str, Any] | None:
        """The metadata of an object."""

    async def get_version(self) -> tuple[str, str]:
        """The version of the API server."""


class OwnerFinder(Protocol):
    """Finds owners, as `owners.Owners` does."""

    async def find(self, metadata: Mapping[str, Any]) -> tuple[ObjectRef, ...]:
        """The owners of an object, nearest first. Raises KubernetesApiError."""


@dataclass
class _Namespace:
    """What is known of the running pods of a namespace, by UID."""

    asked: object = None
    """What was asked for when the pods were decided on: labels of the namespace, and generations of pipelines."""

    decided: dict[str, str] = field(default_factory=dict)
    """The pipeline that asks for the emitter in a pod which has none; empty where none does, or a gate is closed."""

    counted: set[str] = field(default_factory=set)


class InjectionCheck:
    """Looks after changes, and now and then. What it finds is in `injected`, `missed_pods` and `uninjected` of
    `Declared`; `changed` is told where that is another. `view` is the cluster as the operator knows it."""

    def __init__(
        self,
        reader: Reader,
        owners: OwnerFinder,
        declarations: Declarations,
        view: ClusterView,
        changed: Callable[[Declared], None],
    ) -> None:
        self._reader = reader
        self._owners = owners
        self._declarations = declarations
        self._view = view
        self._changed = changed
        self._touched: set[str] = set()
        self._known: dict[str, _Namespace] = {}
        self._version_at = -VERSION_SECONDS

    def touch(self, namespace: str) -> None:
        """Says that there may be new pods in a namespace."""
        self._touched.add(namespace)

    async def run(self) -> None:
        """Looks until it is cancelled."""
        clock = asyncio.get_running_loop().time
        all_at = clock()
        while True:
            await asyncio.sleep(BUSY_SECONDS)
            namespaces = {each.namespace for each in self._declarations if each.pipeline is not None}
            if clock() < all_at:
                namespaces &= self._touched
            else:
                all_at = clock() + LOOK_SECONDS
            self._touched.clear()
            for namespace in sorted(namespaces):
                try:
                    await self.look(namespace)
                except KubernetesApiError as error:
                    logger.warning("which pods of %s have the emitter is looked at later: %s", namespace, error)

    async def look(self, namespace: str) -> None:
        """Looks at the running pods of a namespace. Raises KubernetesApiError."""
        labels = await self._read_labels(namespace)
        declared = {each.name: each for each in self._declarations if each.namespace == namespace}
        known = self._known.setdefault(namespace, _Namespace())
        asked = (dict(labels), {each.uid: each.generation for each in declared.values()})
        if known.asked != asked:
            known.asked, known.decided = asked, {}
        pods = {}
        if labels.get(shape.OPT_IN) == shape.OPTED_IN:
            listed = self._reader.list_metadata(PODS, namespace, field_selector=RUNNING)
            pods = {each["uid"]: each async for each in listed if not each.get("deletionTimestamp")}
        known.counted &= pods.keys()
        without: dict[str, list[str]] = {}
        for uid, metadata in pods.items():
            pipeline = (metadata.get("annotations") or {}).get(shape.INJECTED)
            if pipeline is None and (asking := await self._asking(known, namespace, metadata)):
                without.setdefault(asking, []).append(metadata["name"])
            found = declared.get(pipeline or known.decided.get(uid, ""))
            if found is not None and uid not in known.counted:
                known.counted.add(uid)
                found.injected += pipeline is not None
                found.missed_pods += pipeline is None
                self._changed(found)
        known.decided = {uid: each for uid, each in known.decided.items() if uid in pods}
        for each in declared.values():
            names = without.get(each.name)
            uninjected = Uninjected(len(names), min(names)) if names else None
            if each.uninjected != uninjected:
                each.uninjected = uninjected
                self._changed(each)

    async def _read_labels(self, namespace: str) -> Mapping[str, str]:
        now = asyncio.get_running_loop().time()
        if now - self._version_at >= VERSION_SECONDS:
            with contextlib.suppress(ValueError):
                self._view.version = KubernetesVersion.read(*await self._reader.get_version())
                self._version_at = now
        metadata = await self._reader.get_metadata("", "v1", "Namespace", "", namespace)
        labels: Mapping[str, str] = (metadata or {}).get("labels") or {}
        self._view.namespaces[namespace] = labels
        return labels

    async def _asking(self, known: _Namespace, namespace: str, metadata: Mapping[str, Any]) -> str:
        """The pipeline that asks for the emitter in a pod that has none; empty where none does."""
        uid = metadata["uid"]
        if uid not in known.decided:
            known.decided[uid] = ""
            pod = await self._reader.get_object(PODS, namespace, metadata["name"])
            if pod is not None and pod["metadata"]["uid"] == uid and not shape.has_emitter(pod):
                known.decided[uid] = await self._decide(namespace, pod)
        return known.decided[uid]

    async def _decide(self, namespace: str, pod: Mapping[str, Any]) -> str:
        owners = await self._owners.find(pod["metadata"])
        try:
            found = decide(pod, namespace, Owners(owners), self._view, OWN_NAMESPACE)
        except ValueError:
            return ""  # the operator says of the workload itself that it is not understood
        return found.pipeline.name if found.is_open and found.pipeline else ""
