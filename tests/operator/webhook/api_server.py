"""An API server of its own, over real HTTP: lists and watches with versions, bookmarks, 410 and cut connections."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
from collections.abc import AsyncIterator
from typing import Any

import kopf
from aiohttp import web

from headwater_operator.kinds.adapter import Resource

Json = dict[str, Any]


class ApiServer:
    """Objects by resource. What was told before `oldest` is forgotten: whoever watches from there is told 410."""

    def __init__(self) -> None:
        self.version = ("1", "35")
        self.url = ""
        self.token = "first"
        self.oldest = 0
        self.is_silent = False
        """Whether watches are told nothing until they are cut."""

        self.missing: set[str] = set()
        self.forbidden: set[str] = set()
        self.lists: list[str] = []
        self.watches: list[str] = []
        self.writes: list[str] = []
        self._objects: dict[tuple[str, str, str], Json] = {}
        self._events: list[tuple[int, str, Json]] = []
        self._count = 0
        self._changed = asyncio.Condition()
        self._cuts = 0

    async def put(self, resource: Resource, body: Json) -> None:
        """Makes an object, or another of it."""
        metadata = body["metadata"]
        key = (resource.plural, metadata.get("namespace", ""), metadata["name"])
        kind = "MODIFIED" if key in self._objects else "ADDED"
        self._objects[key] = await self._tell(kind, resource, body)

    async def delete(self, resource: Resource, name: str, namespace: str = "") -> None:
        """Deletes an object."""
        await self._tell("DELETED", resource, self._objects.pop((resource.plural, namespace, name)))

    async def forget(self) -> None:
        """Forgets what was told until now, and cuts every watch."""
        self.oldest, self.is_silent = self._count, False
        await self.cut()

    async def cut(self) -> None:
        """Cuts every watch."""
        async with self._changed:
            self._cuts += 1
            self._changed.notify_all()

    async def _tell(self, kind: str, resource: Resource, body: Json) -> Json:
        self._count += 1
        body = copy.deepcopy(body)
        body["metadata"]["resourceVersion"] = str(self._count)
        async with self._changed:
            self._events.append((self._count, resource.plural, {"type": kind, "object": body}))
            self._changed.notify_all()
        return body

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answers one request."""
        if request.method != "GET":
            self.writes.append(f"{request.method} {request.path}")
        if request.headers.get("Authorization") not in (None, f"Bearer {self.token}"):
            return web.json_response({"message": "who?"}, status=401)
        if request.path == "/version":
            return web.json_response({"major": self.version[0], "minor": self.version[1]})
        parts = request.path.split("/")[3 if request.path.startswith("/api/") else 4 :]
        if not parts:
            return self._discover()
        namespace = parts.pop(1) if parts[0] == "namespaces" and len(parts) > 2 else ""
        plural, name = (parts[1:] if namespace else parts)[0], (parts[2:] if namespace else parts[1:])
        if plural in self.missing or plural in self.forbidden:
            status = 404 if plural in self.missing else 403
            return web.json_response({"message": "no"}, status=status)
        if name:
            found = self._objects.get((plural, namespace, name[0]))
            return web.json_response(found or {"message": "not found"}, status=200 if found else 404)
        if request.query.get("watch"):
            return await self._watch(request, plural)
        self.lists.append(plural)
        items = [each for (kind, at, _), each in self._objects.items() if kind == plural and namespace in ("", at)]
        return web.json_response({"metadata": {"resourceVersion": str(self._count)}, "items": items or None})

    def _discover(self) -> web.Response:
        kinds = ("Job", "jobs"), ("CronJob", "cronjobs"), ("Workflow", "workflows"), ("Namespace", "namespaces")
        listed = [{"kind": kind, "name": plural, "namespaced": kind != "Namespace"} for kind, plural in kinds]
        return web.json_response({"resources": listed})

    async def _watch(self, request: web.Request, plural: str) -> web.StreamResponse:
        self.watches.append(plural)
        told, cuts = int(request.query["resourceVersion"]), self._cuts
        response = web.StreamResponse()
        await response.prepare(request)
        if told < self.oldest:
            gone = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old"}}
            await response.write(json.dumps(gone).encode() + b"\n")
            return response
        while True:
            async with self._changed:
                while (told == self._count or self.is_silent) and cuts == self._cuts:
                    await self._changed.wait()
            if cuts < self._cuts:
                if request.transport:
                    request.transport.abort()
                return response
            for version, kind, event in self._events:
                if version > told and kind == plural:
                    await response.write(json.dumps(event).encode() + b"\n")
            told = self._count
            bookmark = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(told)}}}
            await response.write(json.dumps(bookmark).encode() + b"\n")

    def connect(self) -> kopf.ConnectionInfo:
        """How it is reached."""
        return kopf.ConnectionInfo(server=self.url, token=self.token)


@contextlib.asynccontextmanager
async def api_server() -> AsyncIterator[ApiServer]:
    """An API server inside of the block."""
    found = ApiServer()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", found.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield found
    finally:
        await found.cut()
        await runner.cleanup()
