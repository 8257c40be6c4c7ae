"""What runs is compared with what should have the emitter."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from headwater_operator.declarations import Declarations, Declared
from headwater_operator.injection.cluster_view import ClusterView
from headwater_operator.injection_check import InjectionCheck
from headwater_operator.kinds.adapter import Resource
from headwater_operator.naming import ClusterNames
from headwater_operator.observation import ObjectRef
from headwater_operator.statuses import Figures, describe

from .cluster import KINDS, make_object

NAMESPACE = "team-a"
JOB = ObjectRef("Job.batch", NAMESPACE, "load", "1b1a4f0e-6a39-4f43-9c5e-2f1c2a3b4c5d")


def pod(name: str, *, injected_for: str = "", **spec: Any) -> dict[str, Any]:
    """A pod of the Job `load` that runs."""
    annotations = {"headwater.dev/injected": injected_for} if injected_for else {}
    containers = [{"name": "main", "image": "python"}]
    return {
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": f"uid-of-{name}", "annotations": annotations},
        "spec": {"containers": containers, **spec},
    }


@dataclass
class World:
    """A cluster of one namespace with a pipeline that asks for the emitter, and the check of it."""

    pods: list[dict[str, Any]]
    labels: dict[str, str] = field(default_factory=lambda: {"headwater.dev/injection": "enabled"})
    reads: int = 0
    changes: int = 0

    def __post_init__(self) -> None:
        self.view = ClusterView("c1")
        self.declarations = Declarations(ClusterNames("c1"), self.view.coverage, self.view.kinds)
        self.declare(injection={"enabled": True})
        self.check = InjectionCheck(self, self, self.declarations, self.view, self.changed)

    def declare(self, generation: int = 1, **spec: Any) -> None:
        """The pipeline is another."""
        body = make_object(KINDS["LineagePipeline"], "all", spec=spec)
        body["metadata"]["generation"] = generation
        self.declarations.put(body)

    async def list_metadata(
        self, resource: Resource, namespace: str = "", *, field_selector: str = ""
    ) -> AsyncIterator[dict[str, Any]]:
        """The pods that run."""
        assert field_selector == "status.phase=Running"
        for each in self.pods:
            yield each["metadata"]

    async def get_object(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        """A pod."""
        self.reads += 1
        return next((each for each in self.pods if each["metadata"]["name"] == name), None)

    async def get_metadata(
        self, group: str, version: str, kind: str, namespace: str, name: str
    ) -> dict[str, Any] | None:
        """The namespace."""
        return {"name": name, "labels": self.labels}

    async def get_version(self) -> tuple[str, str]:
        """A version that has native sidecars."""
        return "1", "35"

    async def find(self, metadata: Mapping[str, Any]) -> tuple[ObjectRef, ...]:
        """The owners of each pod."""
        return (JOB,)

    def changed(self, declared: Declared) -> None:
        """The status is another."""
        self.changes += 1

    async def look(self) -> Declared:
        """Looks, and gives the pipeline with what was found."""
        await self.check.look(NAMESPACE)
        (declared,) = self.declarations
        return declared


async def test_pods_are_counted_by_whether_they_have_the_emitter() -> None:
    world = World([pod("a", injected_for="all"), pod("b"), pod("c"), pod("d", hostNetwork=True)])
    found = await world.look()
    assert (found.injected, found.missed_pods) == (1, 2)
    assert found.uninjected is not None
    assert (found.uninjected.count, found.uninjected.example) == (2, "b")


async def test_the_status_says_so_and_what_to_do() -> None:
    found = await World([pod("b")]).look()
    status = describe(found, Figures(missed=3), datetime(2026, 11, 23, tzinfo=UTC))
    assert (status.injected, status.missed, status.missed_pods, status.missed_runs) == (0, 4, 1, 3)
    degraded = next(each for each in status.conditions if each.type == "Degraded")
    assert (degraded.status, degraded.reason) == ("True", "NotInjected")
    assert "headwater pipelines explain team-a/b" in degraded.message


async def test_a_pod_is_read_and_counted_once() -> None:
    world = World([pod("a", injected_for="all"), pod("b")])
    await world.look()
    reads, changes = world.reads, world.changes
    found = await world.look()
    assert (world.reads, world.changes) == (reads, changes)
    assert (found.injected, found.missed_pods) == (1, 1)


async def test_what_ended_is_missed_and_no_longer_wrong() -> None:
    world = World([pod("b")])
    await world.look()
    world.pods.clear()
    found = await world.look()
    assert (found.missed_pods, found.uninjected) == (1, None)


async def test_where_it_is_not_asked_for_nothing_is_missed() -> None:
    world = World([pod("b")], labels={})
    assert (await world.look()).uninjected is None
    assert world.reads == 0


async def test_pods_are_decided_on_anew_when_something_else_is_asked_for() -> None:
    world = World([pod("b")])
    await world.look()
    world.declare(2, injection={"enabled": False})
    assert (await world.look()).uninjected is None
    world.declare(3, injection={"enabled": True})
    found = await world.look()
    assert found.uninjected is not None
    assert found.missed_pods == 1
