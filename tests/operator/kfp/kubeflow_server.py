"""An API server of Kubeflow Pipelines that answers with what a real one answered, two tasks a page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

Json = dict[str, Any]
_PER_PAGE = 2


class KubeflowServer:
    """Serves the tasks of runs on loopback. It wants `token` as a bearer token where one is set."""

    def __init__(self, truths: Iterable[Json], token: str = "") -> None:
        self._tasks = {each["run"]["run_id"]: each["tasks"]["tasks"] for each in truths}
        self._token = token
        self.requests = 0
        application = web.Application()
        application.router.add_get("/apis/v2beta1/runs/{run_id}/tasks", self._list)
        self.server = TestServer(application)

    async def __aenter__(self) -> KubeflowServer:
        await self.server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.server.close()

    @property
    def address(self) -> str:
        """Where it listens."""
        return str(self.server.make_url("")).rstrip("/")

    async def _list(self, request: web.Request) -> web.Response:
        self.requests += 1
        if self._token and request.headers.get("authorization") != f"Bearer {self._token}":
            return web.json_response({"error": "Unauthenticated"}, status=401)
        tasks = self._tasks.get(request.match_info["run_id"])
        if tasks is None:
            return web.json_response({"error": "run not found"}, status=404)
        first = int(request.query.get("page_token", 0))
        page: Json = {"tasks": tasks[first : first + _PER_PAGE], "total_size": len(tasks)}
        if first + _PER_PAGE < len(tasks):
            page["next_page_token"] = str(first + _PER_PAGE)
        return web.json_response(page)
