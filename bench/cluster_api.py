"""An API server for the benchmark of the operator: lists, watches and metadata from memory, quick and nothing more."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

from aiohttp import web

Body = dict[str, Any]


class ClusterApi:
    """Holds objects by kind and answers as the API server does. Counts what it is asked."""

    def __init__(self, resources: Iterable[tuple[str, str, str, str]]) -> None:
        self._kinds = {(group, version, plural): kind for group, version, plural, kind in resources}
        self._objects: defaultdict[tuple[str, str, str], dict[tuple[str, str], Body]] = defaultdict(dict)
        self._watches: defaultdict[tuple[str, str, str], set[asyncio.Queue[bytes]]] = defaultdict(set)
        self._version = 1
        self.requests: Counter[str] = Counter()

    def put(self, key: tuple[str, str, str], body: Body) -> None:
        """Creates or replaces an object, and tells who watches."""
        self._version += 1
        metadata = body["metadata"]
        metadata["resourceVersion"] = str(self._version)
        place = (metadata["namespace"], metadata["name"])
        event = "MODIFIED" if place in self._objects[key] else "ADDED"
        self._objects[key][place] = body
        self._tell(key, event, body)

    def remove(self, key: tuple[str, str, str], namespace: str, name: str) -> None:
        """Deletes an object, and tells who watches."""
        self._tell(key, "DELETED", self._objects[key].pop((namespace, name)))

    def _tell(self, key: tuple[str, str, str], event: str, body: Body) -> None:
        if self._watches[key]:
            line = json.dumps({"type": event, "object": body}).encode() + b"\n"
            for queue in self._watches[key]:
                queue.put_nowait(line)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Any request."""
        if request.path == "/version":
            return web.json_response({"major": "1", "minor": "35"})
        parts = request.path.strip("/").split("/")
        if parts[0] == "api":
            group, version, rest = "", (parts[1] if len(parts) > 1 else ""), parts[2:]
        else:
            group, version, rest = (*parts[1:3], "", "")[0], (parts[2] if len(parts) > 2 else ""), parts[3:]
        if not version:
            self.requests["discover"] += 1
            return self._discover_groups(parts)
        if not rest:
            self.requests["discover"] += 1
            return self._discover_kinds(group, version)
        if rest[-1] == "selfsubjectaccessreviews":
            self.requests["review"] += 1
            return web.json_response({"status": {"allowed": True}})
        namespace = ""
        if rest[0] == "namespaces" and len(rest) > 2:
            namespace, rest = rest[1], rest[2:]
        return await self._answer_kind(request, (group, version, rest[0]), namespace, rest[1:])

    async def _answer_kind(
        self, request: web.Request, key: tuple[str, str, str], namespace: str, rest: list[str]
    ) -> web.StreamResponse:
        if request.method == "POST":
            self.requests[f"create {key[2]}"] += 1
            return web.json_response(await request.json(), status=201)
        if rest:
            self.requests[f"{request.method.lower()} {'/'.join([key[2], *rest[1:]])}"] += 1
            body = self._objects[key].get((namespace, rest[0]))
            if body is None:
                return web.json_response({"message": "not found"}, status=404)
            if request.method == "PATCH" and request.content_type == "application/merge-patch+json":
                change = await request.json()
                body = {**body, **{part: {**body.get(part, {}), **new} for part, new in change.items()}}
                self.put(key, body)
            return web.json_response({**body} if request.method == "PATCH" else {"metadata": body["metadata"]})
        if request.query.get("watch"):
            self.requests["watch"] += 1
            return await self._watch(request, key)
        self.requests[f"list {key[2]}"] += 1
        return self._list(request, key)

    def _list(self, request: web.Request, key: tuple[str, str, str]) -> web.Response:
        begin = int(request.query.get("continue") or 0)
        limit = int(request.query.get("limit") or 10**9)
        everything = list(self._objects[key].values())
        page = everything[begin : begin + limit]
        following = str(begin + limit) if begin + limit < len(everything) else ""
        if "PartialObjectMetadataList" in request.headers.get("Accept", ""):
            page = [{"metadata": each["metadata"]} for each in page]
        return web.json_response({
            "metadata": {"resourceVersion": str(self._version), "continue": following}, "items": page,
        })  # fmt: skip

    async def _watch(self, request: web.Request, key: tuple[str, str, str]) -> web.StreamResponse:
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._watches[key].add(queue)
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(await queue.get())
        finally:
            self._watches[key].discard(queue)

    def _discover_groups(self, parts: list[str]) -> web.Response:
        if parts == ["api"]:
            return web.json_response({"kind": "APIVersions", "versions": ["v1"]})
        versions = {(group, version) for group, version, _ in self._kinds if group}
        groups = [
            {"name": group, "preferredVersion": {"version": version}, "versions": [{"version": version}]}
            for group, version in sorted(versions) if len(parts) == 1 or parts[1] == group
        ]  # fmt: skip
        return web.json_response(groups[0] if len(parts) > 1 else {"kind": "APIGroupList", "groups": groups})

    def _discover_kinds(self, group: str, version: str) -> web.Response:
        found = [
            {
                "name": plural, "kind": kind, "singularName": kind.lower(), "namespaced": True,
                "verbs": ["get", "list", "watch", "patch", "create"],
            }
            for key, kind in self._kinds.items() if key[:2] == (group, version) for plural in key[2:]
        ]  # fmt: skip
        return web.json_response({"kind": "APIResourceList", "resources": found})


def write_kubeconfig(folder: Path, url: str) -> Path:
    """A kubeconfig for an API server that asks for nothing."""
    found = folder / "kubeconfig"
    found.write_text(json.dumps({
        "current-context": "bench",
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
        "clusters": [{"name": "bench", "cluster": {"server": url}}],
        "users": [{"name": "bench", "user": {}}],
    }))  # fmt: skip
    return found


@contextlib.asynccontextmanager
async def serving(api: ClusterApi) -> AsyncIterator[str]:
    """Serves inside of the block; gives the URL."""
    application = web.Application(client_max_size=64 * 2**20)
    application.router.add_route("*", "/{path:.*}", api.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
