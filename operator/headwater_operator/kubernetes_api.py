"""The few calls that the operator makes to the API server beside watching: metadata, status, Events, permissions.

Knows nothing of lineage. Metadata is asked for alone (PartialObjectMetadata), so that answers are small.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp
import kopf

from .kinds.adapter import Resource

PAGE_SIZE = 500
TIMEOUT_SECONDS = 20
WATCH_SECONDS = (240, 300)
"""How long the API server is asked to keep a watch open, from and to."""

SILENCE_SECONDS = 120
"""A watch that says nothing for so long is deaf: the API server sends a bookmark each minute or so."""

USER_AGENT = "headwater-operator"
_ONE = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
_MANY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"


class KubernetesApiError(Exception):
    """A call to the API server that failed. `status` is HTTP's, 0 where there was no answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class ServedKind:
    """How the API server serves a kind."""

    plural: str
    is_namespaced: bool


def find_connection() -> kopf.ConnectionInfo:
    """How the API server is reached: by KUBECONFIG, else as the pod's service account, else by ~/.kube/config.

    Raises KubernetesApiError where none of them is there.
    """
    settings = kopf.OperatorSettings()
    ways = [kopf.login_with_service_account, kopf.login_with_kubeconfig]
    if os.environ.get("KUBECONFIG"):
        ways.reverse()
    for way in ways:
        found = way(settings=settings)
        if found is not None:
            return found
    raise KubernetesApiError(0, "no cluster is known: run in a pod with a service account, or set KUBECONFIG")


class KubernetesApi:
    """Calls the API server. Belongs to one event loop. Every method raises KubernetesApiError."""

    def __init__(self, connect: Callable[[], kopf.ConnectionInfo] = find_connection, *, connections: int = 20) -> None:
        self._connect = connect
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None
        self._server = ""
        self._served: dict[tuple[str, str], dict[str, ServedKind]] = {}
        self.requests: Counter[str] = Counter()
        """How many calls were made, by what they were for."""

    async def __aenter__(self) -> Self:
        self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def get_metadata(
        self, group: str, version: str, kind: str, namespace: str, name: str
    ) -> dict[str, Any] | None:
        """The metadata of an object; None where it, or its kind, is not there."""
        served = await self._find_kind(group, version, kind)
        if served is None:
            return None
        path = _path(group, version, served.plural, namespace if served.is_namespaced else "", name)
        try:
            found = await self._call("GET", path, "get_metadata", headers={"Accept": _ONE})
        except KubernetesApiError as error:
            if error.status == 404:
                return None
            raise
        metadata: dict[str, Any] = found["metadata"]
        return metadata

    async def list_uids(self, resource: Resource, namespace: str = "") -> AsyncIterator[str]:
        """The UIDs of a kind's objects in a namespace, or in all of them."""
        async for each in self._list(resource, namespace, "list_uids", {"Accept": _MANY}):
            yield each["metadata"]["uid"]

    async def list_metadata(
        self, resource: Resource, namespace: str = "", *, field_selector: str = ""
    ) -> AsyncIterator[dict[str, Any]]:
        """The metadata of a kind's objects in a namespace, or in all of them; of those that a selector selects."""
        selected = {"fieldSelector": field_selector} if field_selector else {}
        async for page in self._pages(resource, namespace, "list_metadata", {"Accept": _MANY}, selected):
            for each in page["items"]:
                yield each["metadata"]

    async def list_objects(self, resource: Resource, namespace: str = "") -> AsyncIterator[dict[str, Any]]:
        """A kind's objects in a namespace, or in all of them."""
        async for each in self._list(resource, namespace, "list_objects", {}):
            yield each

    async def get_object(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        """An object; None where it, or its kind, is not there."""
        path = _path(resource.group, resource.version, resource.plural, namespace, name)
        try:
            return await self._call("GET", path, "get_object")
        except KubernetesApiError as error:
            if error.status == 404:
                return None
            raise

    async def get_version(self) -> tuple[str, str]:
        """The version of the API server: its major and its minor number, as it writes them."""
        found = await self._call("GET", "/version", "get_version")
        return str(found.get("major")), str(found.get("minor"))

    async def snapshot(self, resource: Resource, *, only_metadata: bool) -> tuple[list[dict[str, Any]], str]:
        """A kind's objects in all namespaces, or their metadata alone, and the version from which to watch them."""
        found: list[dict[str, Any]] = []
        version = ""
        async for page in self._pages(resource, "", "snapshot", {"Accept": _MANY} if only_metadata else {}):
            found += page["items"]
            version = str(page["metadata"]["resourceVersion"])
        return found, version

    async def watch(self, resource: Resource, version: str, *, only_metadata: bool) -> AsyncIterator[dict[str, Any]]:
        """What becomes of a kind's objects since a version, until the API server ends that; with bookmarks.

        What it cannot tell any more is an event of type ERROR, or a KubernetesApiError of status 410.
        """
        seconds = random.randint(*WATCH_SECONDS)  # noqa: S311 (so that not all end at once)
        parameters = {
            "watch": "1", "allowWatchBookmarks": "true", "resourceVersion": version, "timeoutSeconds": str(seconds),
        }  # fmt: skip
        if resource.label_selector:
            parameters["labelSelector"] = resource.label_selector
        path = _path(resource.group, resource.version, resource.plural)
        timeout = aiohttp.ClientTimeout(total=seconds + TIMEOUT_SECONDS, sock_connect=10, sock_read=SILENCE_SECONDS)
        headers = {"Accept": _ONE} if only_metadata else {}
        session = self._session or self._open()
        self.requests["watch"] += 1
        try:
            async with session.get(self._server + path, params=parameters, headers=headers, timeout=timeout) as answer:
                if answer.status == 401:  # the token is another by now
                    await self._forget_session(session)
                if answer.status >= 300:
                    await _read(answer, f"GET {path}?watch")
                async for line in _lines(answer.content):
                    yield json.loads(line)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise KubernetesApiError(0, f"GET {path}?watch: {str(error) or type(error).__name__}") from error

    async def _list(
        self, resource: Resource, namespace: str, purpose: str, headers: Mapping[str, str]
    ) -> AsyncIterator[dict[str, Any]]:
        async for page in self._pages(resource, namespace, purpose, headers):
            for each in page["items"]:
                yield each

    async def _pages(
        self,
        resource: Resource,
        namespace: str,
        purpose: str,
        headers: Mapping[str, str],
        selected: Mapping[str, str] | None = None,
    ) -> AsyncIterator[dict[str, Any]]:
        parameters = {"limit": str(PAGE_SIZE), **(selected or {})}
        if resource.label_selector:
            parameters["labelSelector"] = resource.label_selector
        path = _path(resource.group, resource.version, resource.plural, namespace)
        while True:
            page = await self._call("GET", path, purpose, parameters=parameters, headers=headers)
            yield {**page, "items": page.get("items") or []}  # null where there is only metadata to list, and none
            following = page.get("metadata", {}).get("continue")
            if not following:
                return
            parameters["continue"] = following

    async def list_versions(self) -> Collection[tuple[str, str]]:
        """The groups that the API server has now, each with each of its versions; the one without a name among them."""
        core, others = await self._call("GET", "/api", "discover"), await self._call("GET", "/apis", "discover")
        return {("", each) for each in core["versions"]} | {
            (group["name"], each["version"]) for group in others["groups"] for each in group["versions"]
        }

    async def list_kinds(self, group: str, version: str) -> Collection[str]:
        """The kinds that the API server serves now in a version of a group; none where it does not know that."""
        try:
            answer = await self._call("GET", _path(group, version), "discover")
        except KubernetesApiError as error:
            if error.status != 404:
                raise
            answer = {}
        known = self._served[group, version] = {
            each["kind"]: ServedKind(each["name"], bool(each.get("namespaced")))
            for each in answer.get("resources", ())
            if "/" not in each["name"]
        }
        return known.keys()

    async def may_watch(self, resource: Resource, namespace: str = "") -> bool:
        """Whether the operator may list and watch a kind in a namespace, or in all of them."""
        for verb in ("list", "watch"):
            attributes = {"group": resource.group, "resource": resource.plural, "verb": verb, "namespace": namespace}
            review = {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": attributes},
            }
            path = _path("authorization.k8s.io", "v1", "selfsubjectaccessreviews")
            answer = await self._call("POST", path, "may_watch", body=review)
            if not answer.get("status", {}).get("allowed"):
                return False
        return True

    async def patch_status(self, resource: Resource, namespace: str, name: str, status: Mapping[str, Any]) -> None:
        """Puts fields into the status of an object; one that is gone is left alone."""
        path = _path(resource.group, resource.version, resource.plural, namespace, name) + "/status"
        headers = {"Content-Type": "application/merge-patch+json"}
        try:
            await self._call("PATCH", path, "patch_status", body={"status": status}, headers=headers)
        except KubernetesApiError as error:
            if error.status != 404:
                raise

    async def create_event(self, namespace: str, event: Mapping[str, Any]) -> None:
        """Writes a Kubernetes Event."""
        await self._call("POST", _path("", "v1", "events", namespace), "create_event", body=event)

    async def _find_kind(self, group: str, version: str, kind: str) -> ServedKind | None:
        if kind not in self._served.get((group, version), ()):
            await self.list_kinds(group, version)
        return self._served[group, version].get(kind)

    async def _call(
        self,
        method: str,
        path: str,
        purpose: str,
        *,
        parameters: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", **(headers or {})} if body is not None else headers
        data = json.dumps(body) if body is not None else None
        for is_last in (False, True):
            self.requests[purpose] += 1
            session = self._session or self._open()
            try:
                async with session.request(
                    method, self._server + path, params=parameters, headers=headers, data=data
                ) as answer:
                    if answer.status == 401 and not is_last:
                        await self._forget_session(session)
                        continue
                    return await _read(answer, f"{method} {path}")
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise KubernetesApiError(0, f"{method} {path}: {str(error) or type(error).__name__}") from error
        raise AssertionError("the last attempt returns or raises")

    def _open(self) -> aiohttp.ClientSession:
        """Opens a session with the credentials as they are now: a pod's token is renewed every hour."""
        connection = self._connect()
        self._server = connection.server.rstrip("/")
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=connection.as_ssl_context(), limit=self._connections),
            headers={"User-Agent": USER_AGENT, **connection.as_http_headers()},
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
            proxy=connection.proxy_url,
        )
        return self._session

    async def _forget_session(self, session: aiohttp.ClientSession) -> None:
        if self._session is session:
            self._session = None
        await asyncio.shield(session.close())


async def _read(answer: aiohttp.ClientResponse, what: str) -> dict[str, Any]:
    if answer.status < 300:
        found: dict[str, Any] = await answer.json(content_type=None)
        return found
    text = await answer.text()
    try:
        message = str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        message = text[:500]
    raise KubernetesApiError(answer.status, f"{what}: {answer.status} {message}")


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """The lines of an answer, however long; one that is cut off at the end is left out."""
    rest = b""
    async for chunk in content.iter_any():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if line.strip():
                yield line


def _path(group: str, version: str, plural: str = "", namespace: str = "", name: str = "") -> str:
    """The path of a version, a kind, or an object."""
    start = f"/apis/{group}/{version}" if group else f"/api/{version}"
    return (
        start
        + (f"/namespaces/{namespace}" if namespace else "")
        + "".join(f"/{each}" for each in (plural, name) if each)
    )
