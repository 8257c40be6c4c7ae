"""Follows the objects of a kind: lists them, watches them, and begins again where that fails, until it is ended."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from ..kinds.adapter import Resource
from ..kubernetes_api import KubernetesApi, KubernetesApiError

RETRY_SECONDS = (0.5, 30.0)
"""The first and the longest wait before the API server is asked again."""

ABSENT_SECONDS = 60.0
"""After how long is looked again for a kind that is not there, or may not be watched."""

GONE = 410
_ABSENT = (403, 404, 405)

logger = logging.getLogger(__name__)


class Sink(Protocol):
    """Is told of the objects of a kind."""

    def replace(self, objects: Iterable[Mapping[str, Any]]) -> None:
        """These are all there are."""

    def put(self, body: Mapping[str, Any]) -> None:
        """An object is new, or is another."""

    def remove(self, body: Mapping[str, Any]) -> None:
        """An object is gone."""


class Following:
    """The objects of one kind, or their metadata alone. Its state says how far it is."""

    def __init__(self, api: KubernetesApi, resource: Resource, sink: Sink, *, only_metadata: bool = True) -> None:
        self.resource = resource
        self.is_filled = False
        """Whether all objects were listed once."""

        self.problem = ""
        """Why they cannot be followed."""

        self.is_absent = False
        """Whether the kind is not there, or may not be watched."""

        self.restarts = 0
        """How many times it was listed anew."""

        self._api = api
        self._sink = sink
        self._only_metadata = only_metadata

    async def run(self) -> None:
        """Follows until it is cancelled."""
        delay, longest = RETRY_SECONDS
        version = ""
        while True:
            try:
                if not version:
                    version = await self._list()
                async for event in self._api.watch(self.resource, version, only_metadata=self._only_metadata):
                    version = self._take(event)
                wait = delay = RETRY_SECONDS[0]
            except KubernetesApiError as error:
                if error.status == GONE:
                    version = ""
                    wait = RETRY_SECONDS[0]
                elif error.status in _ABSENT:
                    version = ""
                    wait = self._is_absent(error)
                else:
                    logger.info("%s are watched again: %s", self.resource.name, error)
                    self.problem = str(error)
                    wait, delay = delay, min(longest, delay * 2)
            except Exception as error:
                logger.exception("%s are listed anew", self.resource.name)
                self.problem = str(error) or type(error).__name__
                version = ""
                wait, delay = delay, min(longest, delay * 2)
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311 (not all at once)

    async def _list(self) -> str:
        objects, version = await self._api.snapshot(self.resource, only_metadata=self._only_metadata)
        self._sink.replace(objects)
        self.is_filled, self.is_absent, self.problem = True, False, ""
        self.restarts += 1
        return version

    def _take(self, event: Mapping[str, Any]) -> str:
        """Takes an event of the watch; gives the version of what is known then. Raises KubernetesApiError."""
        body: Mapping[str, Any] = event["object"]
        match event["type"]:
            case "ERROR":
                raise KubernetesApiError(int(body.get("code", 0)), str(body.get("message", "the watch failed")))
            case "DELETED":
                self._sink.remove(body)
            case "ADDED" | "MODIFIED":
                self._sink.put(body)
        self.problem = ""
        return str(body["metadata"]["resourceVersion"])

    def _is_absent(self, error: KubernetesApiError) -> float:
        if not self.is_absent:
            level = logging.DEBUG if error.status == 404 else logging.WARNING
            logger.log(level, "%s are not followed: %s", self.resource.name, error)
        self.is_absent, self.problem = True, str(error)
        self._sink.replace(())
        return ABSENT_SECONDS
