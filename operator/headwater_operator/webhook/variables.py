"""The environment that injection sets: of the emitter, and of the containers that run a user's code. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from headwater.program.settings import variable_of
from headwater_emitter.pod import KubeflowTask, Owner, RunName
from headwater_emitter.settings import Settings as EmitterSettings

from ..injection.pod_run import OWN_UID, RunNames
from ..kinds.kubernetes_facet import images_of
from ..kinds.reading import items, part
from ..observation import ObjectRef

Variable = dict[str, Any]
"""A variable as a container's spec has it."""

LONGEST = 128 * 1024 - 1
"""Bytes of one `NAME=value`, its last zero left out: Linux starts no program with a longer one."""

_URL = "OPENLINEAGE_URL"
_NAMESPACE = "OPENLINEAGE_NAMESPACE"
_PARENT = ("OPENLINEAGE_PARENT_ID", "OPENLINEAGE_ROOT_PARENT_ID", "OPENLINEAGE_CONTEXT")
_ADDRESS = "HEADWATER_ADDRESS"
_OWN_TRANSPORT = ("OPENLINEAGE_CONFIG", "OPENLINEAGE__TRANSPORT")
_OWN_CONNECTION = ("HEADWATER_ADDRESS", "HEADWATER_TOKEN_FILE", "HEADWATER_CA")
_DOWNWARD = {
    "pod_namespace": "metadata.namespace",
    "pod_name": "metadata.name",
    "pod_uid": "metadata.uid",
    "node": "spec.nodeName",
    "service_account": "spec.serviceAccountName",
}


def variables_of_user(
    container: Mapping[str, Any], names: RunNames | None, lineage_namespace: str
) -> Iterator[Variable]:
    """What a container's OpenLineage and Headwater clients need, without what it says itself.

    What says one thing together is set together: a parent that it names itself is left without a root of ours.
    """
    own = {str(each.get("name")) for each in items(container, "env")}
    emitter = EmitterSettings()
    if _URL not in own and not _begins(own, _OWN_TRANSPORT):
        yield _plain(_URL, f"http://{emitter.http_address}")
    if _NAMESPACE not in own and lineage_namespace:
        yield _plain(_NAMESPACE, lineage_namespace)
    if names is not None and own.isdisjoint(_PARENT):
        if OWN_UID in names.run.run_id and (uid := variable_of("pod_uid")) not in own:
            yield _downward(uid, _DOWNWARD["pod_uid"])
        values = (_path(names.run), _path(names.root), _context(names))
        yield from (_plain(name, value, expands=True) for name, value in zip(_PARENT, values, strict=True))
    if not _begins(own, _OWN_CONNECTION):
        yield _plain(_ADDRESS, str(emitter.grpc_address))


def pod_variables(
    pod: Mapping[str, Any], chain: Sequence[ObjectRef], names: RunNames | None, chosen_labels: Iterable[str]
) -> dict[str, Any]:
    """What the emitter is told of the pod, by the names of its settings."""
    labels = part(pod, "metadata", "labels")
    told = {key: labels[key] for key in chosen_labels if key in labels}
    owners = tuple(Owner(each.kind, each.name, each.uid) for each in chain[1:])
    images = {each.container: each.name for each in images_of(part(pod, "spec"))}
    return {
        "owners": owners or None,
        "images": images or None,
        "labels": told or None,
        "parent_run": names.run if names else None,
        "root_run": names.root if names else None,
    }


def variables_of_emitter(values: Mapping[str, Any]) -> tuple[list[Variable], list[str]]:
    """The emitter's variables from its settings by their names, the pod's own fields first; and those that are left out
    since they are too long. A value that is None is left out."""
    found = [_downward(variable_of(name), field) for name, field in _DOWNWARD.items()]
    too_long = []
    for name, value in values.items():
        if value is None:
            continue
        variable = _plain(variable_of(name), _text(value), expands=isinstance(value, RunName))
        if len(f"{variable['name']}={variable['value']}".encode()) > LONGEST:
            too_long.append(name)
        else:
            found.append(variable)
    return found, too_long


def without_artifacts(task: KubeflowTask) -> KubeflowTask:
    """A task that fits into a variable whatever it writes."""
    return msgspec.structs.replace(task, artifacts=())


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return msgspec.json.encode(value, enc_hook=str).decode()


def _plain(name: str, value: str, *, expands: bool = False) -> Variable:
    """A variable whose value the kubelet leaves as it is, but for the pod's UID where it `expands`.

    In a value, `$(NAME)` stands for another variable, and `$$` for a dollar.
    """
    escaped = value.replace("$", "$$")
    return {"name": name, "value": escaped.replace(f"${OWN_UID}", OWN_UID) if expands else escaped}


def _downward(name: str, path: str) -> Variable:
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}


def _path(run: RunName) -> str:
    return f"{run.namespace}/{run.name}/{run.run_id}"


def _context(names: RunNames) -> str:
    return json.dumps({"parent": {**_parent(names.run), "root": _parent(names.root)}}, separators=(",", ":"))


def _parent(run: RunName) -> dict[str, Any]:
    return {"run": {"runId": run.run_id}, "job": {"namespace": run.namespace, "name": run.name}}


def _begins(own: Iterable[str], prefixes: tuple[str, ...]) -> bool:
    return any(each.startswith(prefixes) for each in own)
