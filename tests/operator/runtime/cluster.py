"""A cluster for tests: kmock's API server, with what it lacks of a real one that matters here."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import jsonpatch
import kmock
import kopf

from headwater_operator.app import Operator
from headwater_operator.kinds import ADAPTERS
from headwater_operator.kinds.adapter import Resource
from headwater_operator.watching import PIPELINES

VERBS = ("get", "list", "watch", "patch", "create", "delete")
EPOCH = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
NAMESPACE = UUID("9a6ef9c4-3a41-4c0f-8d0a-0d35f8e15d1c")
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_BACKBONE = (
    Resource("", "v1", "namespaces", "Namespace"),
    Resource("", "v1", "events", "Event"),
    Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition"),
)
_CLUSTER_SCOPED = ("Namespace", "CustomResourceDefinition")

KINDS = {each.resource.kind: each.resource for each in ADAPTERS} | {PIPELINES.kind: PIPELINES}


def at(seconds: float) -> str:
    """A time of the story, as Kubernetes writes it."""
    return (EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def uid(*names: str) -> str:
    """A UID that is the same in every run of a test."""
    return str(uuid5(NAMESPACE, "/".join(names)))


METADATA = "as=PartialObjectMetadataList"


class ApiServer(kmock.KubernetesEmulator):
    """kmock with JSON patches, and with watches that miss nothing between their list and their stream."""

    async def _handle(self, request: kmock.Request) -> Any:
        if request.url.path == REVIEWS:  # an answer, which is stored nowhere
            return await super(kmock.KubernetesEmulator, self)._handle(request)
        if isinstance(request.data, list) and request.name is not None:
            known = self.objects[request.resource, request.namespace, request.name]
            operations = [each for each in request.data if each["op"] != "test"]
            patched = jsonpatch.apply_patch(dict(known.raw), operations)
            change = {"metadata": {"finalizers": patched["metadata"].get("finalizers", [])}}
            object.__setattr__(request, "data", change)
        return await super()._handle(request)

    async def _serve_list(self, request: kmock.Request) -> Any:
        listed = await super()._serve_list(request)
        is_empty = isinstance(listed, dict) and not listed["items"] and METADATA in request.headers.get("Accept", "")
        return {**listed, "items": None} if is_empty else listed  # as the API server writes an empty list of metadata

    async def _serve_watch(self, request: kmock.Request) -> AsyncIterator[Any]:
        yield b""
        bus = self._buses[request.resource]
        marker = await bus.mark()
        for (resource, namespace, _), found in list(self.objects.items()):
            if resource == request.resource and request.namespace in (None, namespace) and not found.deleted:
                yield {"type": "ADDED", "object": found.raw}
        async for event in bus.stream(since=marker):
            if request.namespace in (None, event["object"]["metadata"].get("namespace")):
                yield event


@dataclass
class Cluster:
    """What a test does to a cluster, as people and controllers do."""

    api: ApiServer
    server: kmock.Server
    forbidden: set[str] = field(default_factory=set)
    """The plurals of the kinds that the operator may not watch."""

    _versions: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def connect(self) -> kopf.ConnectionInfo:
        """How the operator reaches it."""
        return kopf.ConnectionInfo(server=str(self.server.url).rstrip("/"))

    def serve(self, *resources: Resource) -> None:
        """Makes kinds known to the API server."""
        for each in resources:
            self.api.resources[kmock.resource(each.group, each.version, each.plural)] = {
                "kind": each.kind,
                "singular": each.kind.lower(),
                "namespaced": each.kind not in _CLUSTER_SCOPED,
                "verbs": VERBS,
                "subresources": ("status",) if each == PIPELINES else (),
            }

    def withdraw(self, resource: Resource) -> None:
        """Makes a kind unknown to the API server, with all objects of it."""
        gone = kmock.resource(resource.group, resource.version, resource.plural)
        del self.api.resources[gone]
        for key in [each for each in self.api.objects if each[0] == gone]:
            del self.api.objects[key]

    async def create(self, kind: str | Resource, name: str, **parts: Any) -> dict[str, Any]:
        """Creates an object; `namespace`, `labels`, `annotations`, `owner` and `created` go into its metadata."""
        resource = KINDS[kind] if isinstance(kind, str) else kind
        body = make_object(resource, name, **parts)
        await self._send("POST", self._path(resource, body["metadata"]["namespace"]), body)
        return body

    async def put(self, resource: Resource, body: dict[str, Any]) -> None:
        """Makes an object as it is given, instead of one of that name that has another UID."""
        metadata = body["metadata"]
        known = self.get(resource.kind, metadata["name"], metadata["namespace"])
        if known is not None and known["metadata"]["uid"] != metadata["uid"]:
            await self.delete(resource, metadata["name"], metadata["namespace"])
            known = None
        path = self._path(resource, metadata["namespace"], metadata["name"] if known else "")
        await self._send("PATCH" if known else "POST", path, body)

    async def change(self, kind: str | Resource, name: str, namespace: str = "team-a", **parts: Any) -> None:
        """Merges parts into an object."""
        resource = KINDS[kind] if isinstance(kind, str) else kind
        change = {"metadata": {"resourceVersion": str(next(self._versions))}, **parts}
        change["metadata"] |= parts.get("metadata", {})
        await self._send("PATCH", self._path(resource, namespace, name), change)

    async def delete(self, kind: str | Resource, name: str, namespace: str = "team-a") -> None:
        """Deletes an object."""
        resource = KINDS[kind] if isinstance(kind, str) else kind
        await self._send("DELETE", self._path(resource, namespace, name), None)

    def get(self, kind: str, name: str, namespace: str = "team-a") -> dict[str, Any] | None:
        """An object as it is now; None where it is not there."""
        resource = KINDS[kind]
        key = (kmock.resource(resource.group, resource.version, resource.plural), namespace, name)
        if key not in self.api.objects or self.api.objects[key].deleted:
            return None
        found: dict[str, Any] = json.loads(json.dumps(self.api.objects[key].raw))
        return found

    def events(self) -> list[dict[str, Any]]:
        """The Kubernetes Events that were written."""
        wanted = kmock.resource("", "v1", "events")
        return [found.raw for (resource, _, _), found in self.api.objects.items() if resource == wanted]

    def written_to(self) -> set[str]:
        """The plurals of the kinds that somebody else than the test wrote to."""
        return {
            request.resource.plural
            for request in self.api
            if request.resource is not None
            and str(request.method.value).lower() in ("post", "patch", "put", "delete")
            and "x-from-test" not in {name.lower() for name in request.headers}
        }

    async def until_seen(self, operator: Operator, changes: int) -> None:
        """Waits until the operator has seen so many changes, and has done with them."""
        await until(lambda: operator.registrar.changes >= changes and not operator.registrar.in_hand)

    async def until_status(self, pipeline: str, holds: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """The status of a LineagePipeline, once something holds of it."""

        def found() -> dict[str, Any] | None:
            status = (self.get("LineagePipeline", pipeline) or {}).get("status") or {}
            return status if holds(status) else None

        status: dict[str, Any] = await until(found)
        return status

    async def until_ready(self, pipeline: str) -> None:
        """Waits until a LineagePipeline is ready."""

        def is_ready(status: dict[str, Any]) -> bool:
            return any(each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions", ()))

        await self.until_status(pipeline, is_ready)

    def _path(self, resource: Resource, namespace: str, name: str = "") -> str:
        start = f"/apis/{resource.group}/{resource.version}" if resource.group else f"/api/{resource.version}"
        return f"{start}/namespaces/{namespace}/{resource.plural}" + (f"/{name}" if name else "")

    async def _send(self, method: str, path: str, body: Mapping[str, Any] | None) -> None:
        headers = {"X-From-Test": "yes", "Content-Type": "application/merge-patch+json"}
        async with self.server.client.request(method, path, json=body, headers=headers) as answer:
            assert answer.status < 300, await answer.text()


def make_object(
    resource: Resource,
    name: str,
    *,
    namespace: str = "team-a",
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    owner: Mapping[str, Any] | None = None,
    created: float = 0,
    generation: int = 1,
    **parts: Any,
) -> dict[str, Any]:
    """An object as the API server shows it."""
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": namespace,
        "uid": uid(resource.plural, namespace, name),
        "creationTimestamp": at(created),
        "generation": generation,
        "resourceVersion": "1",
        "labels": dict(labels or {}),
        "annotations": dict(annotations or {}),
    }
    if owner is not None:
        reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "controller": True}
        metadata["ownerReferences"] = [reference | {"name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}]
    version = f"{resource.group}/{resource.version}" if resource.group else resource.version
    return {"apiVersion": version, "kind": resource.kind, "metadata": metadata, **parts}


@contextlib.asynccontextmanager
async def running_cluster(without: Iterable[str] = ()) -> AsyncIterator[Cluster]:
    """A cluster that has the CRDs of all kinds but some."""
    api = ApiServer()
    async with kmock.Server(api) as server, api:
        cluster = Cluster(api, server)

        def review(request: kmock.Request) -> dict[str, Any]:
            wanted = request.data["spec"]["resourceAttributes"]["resource"]
            return {"status": {"allowed": wanted not in cluster.forbidden}}

        api["post", REVIEWS] << review
        cluster.serve(*_BACKBONE, *(each for kind, each in KINDS.items() if kind not in set(without)))
        yield cluster


async def until(holds: Any, *, seconds: float = 20) -> Any:
    """Waits until something holds, which may be asked for asynchronously; gives what it found."""
    async with asyncio.timeout(seconds):
        while True:
            found = holds()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return found
            await asyncio.sleep(0.05)
