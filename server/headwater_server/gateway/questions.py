"""Questions over HTTP, answered in the contract's own JSON: any of them by name, a few in a form easy to type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ..domain.callers import Caller
from ..domain.errors import InvalidField
from .addresses import address_in
from .bodies import BodyReader
from .callers import caller_of
from .errors import json_response
from .parameters import LINEAGE, SEARCH, SHOW, TRAVERSAL, read_parameters

GETTERS = {
    ("namespaces",): "GetNamespace",
    ("namespaces", "datasets"): "GetDataset",
    ("namespaces", "datasets", "versions"): "GetDatasetVersion",
    ("namespaces", "jobs"): "GetJob",
    ("namespaces", "jobs", "versions"): "GetJobVersion",
    ("runs",): "GetRun",
}
"""The method that gets a resource, by the collections in its name."""


class Questions(Protocol):
    """Whoever answers the questions of the contract in JSON."""

    async def ask(
        self, service: str, method: str, request: Mapping[str, object], *, caller: Caller, address: str
    ) -> bytes:
        """The JSON text of the answer to one who asks from an address; raises PermissionDenied."""


class QuestionEndpoints:
    """Asks on behalf of HTTP clients."""

    def __init__(self, questions: Questions, bodies: BodyReader) -> None:
        self._questions = questions
        self._bodies = bodies

    async def call(self, request: Request) -> Response:
        """Answers any question, by the names of its service and method."""
        async with self._bodies.read(request) as body:
            asked = _object(body)
        service, method = request.path_params["service"], request.path_params["method"]
        return json_response(await self._ask(request, service, method, asked))

    async def search(self, request: Request) -> Response:
        """Searches assets."""
        asked = read_parameters(request.query_params, SEARCH)
        return json_response(await self._ask(request, "CatalogService", "SearchAssets", asked))

    async def show(self, request: Request) -> Response:
        """Gets what an address names; of a write, the run that made it."""
        asked = read_parameters(request.query_params, SHOW)
        found = await self._resolve(request, address_in(request))
        name = found.get("version") or found["name"]
        collections = tuple(name.split("/")[::2])
        if collections[-1] == "writes":
            name, collections = f"runs/{name.rpartition('/')[2]}", ("runs",)
        return json_response(await self._ask(request, "CatalogService", GETTERS[collections], {"name": name, **asked}))

    async def upstream(self, request: Request) -> Response:
        """Walks against the flow from one asset."""
        return await self._walk_from(request, "DIRECTION_UPSTREAM")

    async def downstream(self, request: Request) -> Response:
        """Walks with the flow from one asset."""
        return await self._walk_from(request, "DIRECTION_DOWNSTREAM")

    async def lineage(self, request: Request) -> Response:
        """Walks from several assets."""
        asked = read_parameters(request.query_params, LINEAGE)
        roots: Any = asked.pop("roots", [])
        return await self._walk(request, roots, asked)

    async def _walk_from(self, request: Request, direction: str) -> Response:
        asked = read_parameters(request.query_params, TRAVERSAL)
        return await self._walk(request, [address_in(request)], {**asked, "direction": direction})

    async def _walk(self, request: Request, addresses: list[str], asked: Mapping[str, object]) -> Response:
        found = [await self._resolve(request, address) for address in addresses]
        traversal = {"roots": [each.get("version") or each["name"] for each in found], **asked}
        if fields := {each["field"] for each in found if "field" in each}:
            if len(found) > 1:
                raise InvalidField("root", "names a field", "ask for a field of one root at a time")
            traversal = {"field": fields.pop(), "level": "LEVEL_FIELD", **traversal}
        return json_response(await self._ask(request, "LineageService", "GetLineage", {"traversal": traversal}))

    async def _resolve(self, request: Request, address: str) -> dict[str, str]:
        answer = await self._ask(request, "CatalogService", "ResolveAddress", {"address": address})
        return msgspec.json.decode(answer, type=dict[str, str])

    async def _ask(self, request: Request, service: str, method: str, asked: Mapping[str, object]) -> bytes:
        client = request.client
        address = f"ipv4:{client.host}:{client.port}" if client else ""
        return await self._questions.ask(service, method, asked, caller=caller_of(request), address=address)


def _object(body: bytes) -> dict[str, object]:
    try:
        value = msgspec.json.decode(body or b"{}")
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise InvalidField("body", f"is no JSON ({error})", "send the request as a JSON object") from None
    if not isinstance(value, dict):
        raise InvalidField("body", "is no JSON object", "send the request as a JSON object")
    return value
