"""The published JSON schemas of Headwater's own facets, under the addresses that events name as `_schemaURL`."""

from __future__ import annotations

from importlib import resources

from starlette.requests import Request
from starlette.responses import Response

from .errors import NoRoute, json_response


class SchemaEndpoints:
    """Gives schemas away; they are read once."""

    def __init__(self) -> None:
        folder = resources.files("headwater").joinpath("facets")
        self._schemas = {file.name: file.read_bytes() for file in folder.iterdir() if file.name.endswith(".json")}

    async def schema(self, request: Request) -> Response:
        """One schema by the name of its file."""
        try:
            return json_response(self._schemas[request.path_params["file"]])
        except KeyError:
            raise NoRoute(request.url.path) from None
