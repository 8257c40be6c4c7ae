"""The JSON patch (RFC 6902) of a pod. Pure, and of additions alone: nothing that is there is replaced or moved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..injection import pod_shape as shape
from .variables import Variable

Operation = dict[str, Any]


def patch(
    pod: Mapping[str, Any],
    container: Mapping[str, Any],
    volumes: Sequence[Mapping[str, Any]],
    variables: Mapping[int, Sequence[Variable]],
    pipeline: str,
) -> list[Operation]:
    """The operations that put a container behind the pod's init containers, with volumes, variables of containers by
    their places, and the annotation that names the pipeline."""
    spec, metadata = pod["spec"], pod["metadata"]
    found = [*_appended("/spec/initContainers", spec.get("initContainers"), [container])]
    found += _appended("/spec/volumes", spec.get("volumes"), volumes)
    for at, added in variables.items():
        found += _appended(f"/spec/containers/{at}/env", spec["containers"][at].get("env"), added)
    key = shape.INJECTED.replace("~", "~0").replace("/", "~1")
    if metadata.get("annotations"):
        found.append(_add(f"/metadata/annotations/{key}", pipeline))
    else:
        found.append(_add("/metadata/annotations", {shape.INJECTED: pipeline}))
    return found


def _appended(path: str, there: object, added: Sequence[Any]) -> Iterator[Operation]:
    """An empty list may be missing, or be null."""
    if not added:
        return
    if there:
        yield from (_add(f"{path}/-", each) for each in added)
    else:
        yield _add(path, list(added))


def _add(path: str, value: object) -> Operation:
    return {"op": "add", "path": path, "value": value}
