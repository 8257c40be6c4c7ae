"""What only the pod knows of a run, as an event of its own beside the client's. Pure, and the same for the same event.

It says nothing of the run's state, inputs or outputs, and has the run, job and time of the client's event: so it can
come before or after any other, and a repetition is known again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import msgspec

from .pod import Pod, RunName
from .reading import Mention

PRODUCER = "https://headwater.dev/emitter"
POD = "headwater_pod"
"""The run facet: the pod in which a program reported the run."""

_POD_SCHEMA = "https://headwater.dev/facets/1-0-0/PodRunFacet.json#/$defs/PodRunFacet"
_PARENT_SCHEMA = "https://openlineage.io/spec/facets/1-2-0/ParentRunFacet.json#/$defs/ParentRunFacet"
_EVENT_SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_EVENT = (
    b'{"eventTime":%b,"producer":"' + PRODUCER.encode() + b'","schemaURL":"' + _EVENT_SCHEMA.encode() + b'",'
    b'"run":{"runId":%b,"facets":{%b}},"job":{"namespace":%b,"name":%b}}'
)
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_text = msgspec.json.Encoder().encode


class PodEvents:
    """Makes the events about the runs of one pod."""

    def __init__(self, pod: Pod) -> None:
        facet = pod_facet(pod)
        own = {POD: _marked(_POD_SCHEMA, facet)} if facet else {}
        parent = {"parent": _parent_facet(pod.parent_run, pod.root_run)} if pod.parent_run else {}
        self._alone = _members(own)
        self._with_parent = _members({**own, **parent})
        self._reported = {each.run_id.lower() for each in (pod.parent_run, pod.root_run) if each}

    @property
    def say_something(self) -> bool:
        """Whether anything is known that could be told."""
        return bool(self._with_parent)

    def event(self, mention: Mention) -> bytes | None:
        """The JSON of the event about a run; None where there is nothing to tell. A run is never its own parent."""
        is_reported = mention.run_id.lower() in self._reported
        facets = self._alone if mention.has_parent or is_reported else self._with_parent
        if not facets:
            return None
        words = (mention.event_time, mention.run_id, mention.job_namespace, mention.job_name)
        try:
            time, run, namespace, name = map(_text, words)
        except UnicodeEncodeError:  # half of a pair of surrogates, which JSON can write
            time, run, namespace, name = (_encode(word).encode(errors="replace") for word in words)
        return _EVENT % (time, run, facets, namespace, name)


def _members(facets: Mapping[str, object]) -> bytes:
    """Their JSON without the braces; empty where there are none."""
    return _encode(facets)[1:-1].encode(errors="replace")


def pod_facet(pod: Pod) -> dict[str, object]:
    """What is known of the pod."""
    known: dict[str, object] = {
        "cluster": pod.cluster,
        "namespace": pod.pod_namespace,
        "name": pod.pod_name,
        "uid": pod.pod_uid,
        "node": pod.node,
        "serviceAccount": pod.service_account,
        "pipeline": pod.pipeline,
        "owners": [{"kind": each.kind, "name": each.name, "uid": each.uid} for each in pod.owners],
        "images": [_image(container, image) for container, image in sorted((pod.images or {}).items())],
        "labels": dict(sorted((pod.labels or {}).items())),
    }
    return {name: value for name, value in known.items() if value}


def _image(container: str, image: str) -> dict[str, str]:
    digest = image.partition("@")[2]
    return {"container": container, "image": image, **({"digest": digest} if digest else {})}


def _parent_facet(parent: RunName, root: RunName | None) -> Mapping[str, object]:
    facet = _run(parent)
    if root is not None:
        facet["root"] = _run(root)
    return _marked(_PARENT_SCHEMA, facet)


def _run(name: RunName) -> dict[str, object]:
    return {"run": {"runId": name.run_id}, "job": {"namespace": name.namespace, "name": name.name}}


def _marked(schema: str, facet: Mapping[str, object]) -> Mapping[str, object]:
    return {"_producer": PRODUCER, "_schemaURL": schema, **facet}
