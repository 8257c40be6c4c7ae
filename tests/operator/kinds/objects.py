"""Objects of a cluster as its API server shows them, and how the tests look at them."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid5

import yaml

from headwater_operator.kinds.adapter import Adapter
from headwater_operator.naming import ClusterNames
from headwater_operator.observation import Dataset, ObjectRef, Observation, Run

CLUSTER = ClusterNames("prod", "http://minio-service.kubeflow:9000")
CREATED = "2026-03-01T12:00:00Z"


class _Json(yaml.SafeLoader):
    """Reads YAML as the API server's JSON has it: times are text."""


_Json.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def uid(name: str) -> str:
    return str(uuid5(UUID(int=0), name))


def an_object(name: str, text: str = "", **metadata: Any) -> dict[str, Any]:
    """An object with the spec and status that a YAML text gives."""
    own = {"namespace": "ml", "name": name, "uid": uid(name), "creationTimestamp": CREATED, "resourceVersion": "7"}
    return {"metadata": {**own, **metadata}, **(yaml.load(text, _Json) or {})}


def with_status(body: Mapping[str, Any], text: str) -> dict[str, Any]:
    """The same object with another status."""
    return {**copy.deepcopy(dict(body)), "status": yaml.load(text, _Json)}


def ref(kind: str, name: str, *, generate_name: str = "", **annotations: str) -> ObjectRef:
    return ObjectRef(kind, "ml", name, uid(name), annotations=annotations, generate_name=generate_name)


def observe(adapter: Adapter, body: Mapping[str, Any], *owners: ObjectRef) -> list[Observation]:
    """What an adapter sees; it sees the same when it looks again."""
    before = copy.deepcopy(body)
    found = list(adapter.observe(body, owners, CLUSTER))
    assert list(adapter.observe(body, owners, CLUSTER)) == found
    assert body == before
    return found


def observe_one(adapter: Adapter, body: Mapping[str, Any], *owners: ObjectRef) -> Observation:
    [found] = observe(adapter, body, *owners)
    return found


def run_of(adapter: Adapter, body: Mapping[str, Any], *owners: ObjectRef) -> Run:
    run = observe_one(adapter, body, *owners).run
    assert run is not None
    return run


def names(datasets: Sequence[Dataset]) -> list[str]:
    return [f"{each.namespace}/{each.name}" for each in datasets]


def start_of(run: Run) -> tuple[object, ...]:
    """What is said of a run's start: it must be the same from whichever state it is learnt."""
    return (
        run.run_id,
        run.started_at,
        run.parent,
        run.root,
        run.inputs,
        run.outputs,
        run.start_facets,
        run.nominal_time,
    )


def parameters(run: Run) -> dict[str, str]:
    listed: Any = run.start_facets["executionParameters"]["parameters"]
    return {each["key"]: each["value"] for each in listed}
