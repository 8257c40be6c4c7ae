"""The API of Kubeflow Pipelines: its tasks of a run, with what they read and wrote. Does I/O; decides nothing.

It knows what no pod says: what cached tasks read and wrote, measures, the URI behind an importer's parameter. Of tasks
that were killed, deleted or refused it says RUNNING for ever.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from .executor_input import LOGS, Artifact

_PAGE_SIZE = 200
_MOST_PAGES = 100
_MOST_BYTES = 32 * 1024 * 1024


class ApiUnavailable(Exception):
    """Says that the API of Kubeflow Pipelines gave no answer, and why. Asking again later may help."""


@dataclass(frozen=True, slots=True)
class ApiArtifact:
    """An artifact of a task. A measure is one of its own, with a `value` and without a URI."""

    artifact: Artifact
    value: float | None = None


@dataclass(frozen=True, slots=True)
class ApiTask:
    """A task as the API knows it. `path` is that below the pipeline's root; `pods` are names and UIDs."""

    task_id: str
    path: str
    pods: frozenset[str] = frozenset()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    output_parameters: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[ApiArtifact, ...] = ()
    outputs: tuple[ApiArtifact, ...] = ()
    log_uri: str = ""
    is_importer: bool = False
    has_succeeded: bool = False


class KubeflowApi:
    """Asks the API at an address such as `http://ml-pipeline.kubeflow:8888`. `token_file` is read for each request."""

    def __init__(self, endpoint: str, token_file: Path | None = None, *, timeout_seconds: float = 10.0) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._token_file = token_file
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._session: aiohttp.ClientSession | None = None

    async def tasks(self, run_id: str) -> tuple[ApiTask, ...]:
        """The tasks of a run; none where the API does not know the run. Raises ApiUnavailable."""
        found: list[ApiTask] = []
        token = ""
        for _ in range(_MOST_PAGES):
            query = {"page_size": str(_PAGE_SIZE), "page_token": token}
            page = await self._get(f"/apis/v2beta1/runs/{run_id}/tasks", query)
            found += [parse_task(each) for each in page.get("tasks") or ()]
            token = page.get("next_page_token") or ""
            if not token:
                return tuple(found)
        raise ApiUnavailable(f"{self._endpoint} lists more than {_PAGE_SIZE * _MOST_PAGES} tasks of run {run_id}")

    async def close(self) -> None:
        """Ends its connections."""
        if self._session is not None:
            await self._session.close()

    async def _get(self, path: str, query: Mapping[str, str]) -> Mapping[str, Any]:
        try:
            headers = {"authorization": f"Bearer {self._token()}"} if self._token_file else {}
            given = {name: value for name, value in query.items() if value}
            async with self._opened().get(self._endpoint + path, params=given, headers=headers) as response:
                if response.status == 404:
                    return {}
                if response.status != 200:
                    raise ApiUnavailable(f"{self._endpoint} answers {response.status} {response.reason} for {path}")
                return await _read_object(response)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            reason = str(error) or type(error).__name__
            raise ApiUnavailable(f"{self._endpoint} gives no answer: {reason}") from error

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        return self._session

    def _token(self) -> str:
        return self._token_file.read_text().strip() if self._token_file else ""


async def _read_object(response: aiohttp.ClientResponse) -> Mapping[str, Any]:
    """The JSON object that an answer holds. Raises ValueError where it is none, or is beyond reason."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(65536):
        body += chunk
        if len(body) > _MOST_BYTES:
            raise ValueError(f"an answer of more than {_MOST_BYTES} bytes")
    found = json.loads(body)
    if not isinstance(found, dict):
        raise ValueError("an answer that is no JSON object")
    return found


def parse_task(task: Mapping[str, Any]) -> ApiTask:
    """Reads a task of the API."""
    inputs, outputs = task.get("inputs") or {}, task.get("outputs") or {}
    written = list(_artifacts(outputs))
    return ApiTask(
        task_id=str(task.get("task_id") or ""),
        path=str(task.get("scope_path") or "").removeprefix("root").removeprefix("."),
        pods=frozenset(str(each.get(key)) for each in task.get("pods") or () for key in ("name", "uid")),
        parameters=_parameters(inputs),
        output_parameters=_parameters(outputs),
        inputs=tuple(_artifacts(inputs)),
        outputs=tuple(each for each in written if each.artifact.key != LOGS),
        log_uri=next((each.artifact.uri for each in written if each.artifact.key == LOGS), ""),
        is_importer=task.get("type") == "IMPORTER",
        has_succeeded=task.get("state") in ("SUCCEEDED", "CACHED"),
    )


def _parameters(side: Mapping[str, Any]) -> Mapping[str, Any]:
    """The values by their names; one that stands more than once, as of a loop, is a list of them."""
    found: dict[str, list[Any]] = {}
    for each in side.get("parameters") or ():
        found.setdefault(str(each.get("parameter_key")), []).append(each.get("value"))
    return {key: values[0] if len(values) == 1 else values for key, values in found.items()}


def _artifacts(side: Mapping[str, Any]) -> Iterator[ApiArtifact]:
    groups: Sequence[Mapping[str, Any]] = side.get("artifacts") or ()
    for group in groups:
        for each in group.get("artifacts") or ():
            artifact = Artifact(
                key=str(group.get("artifact_key") or ""),
                name=str(each.get("name") or ""),
                type=str(each.get("type") or "").removeprefix("system."),
                uri=str(each.get("uri") or ""),
                artifact_id=str(each.get("artifact_id") or ""),
                metadata=each.get("metadata") or {},
            )
            value = each.get("number_value")
            yield ApiArtifact(artifact, None if value is None else float(value))
