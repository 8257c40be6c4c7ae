"""Shows objects to the adapters as the operator would, and gathers the events that follow, as a store would."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from headwater.v1 import event_pb2 as pb
from headwater_operator.events import events_of
from headwater_operator.kfp.artifact_index import ArtifactIndex
from headwater_operator.kfp.enrichment import Enrichment, Tasks
from headwater_operator.kinds.kubeflow_pipelines import RunAdapter, TaskAdapter
from headwater_operator.naming import ClusterNames
from headwater_operator.observation import Observation
from headwater_operator.pipeline.coverage import Coverage
from headwater_operator.pipeline.pipeline import parse_pipeline
from headwater_operator.stand_ins import StandIns

Json = dict[str, Any]
NAMES = {1: "START", 2: "RUNNING", 3: "COMPLETE", 4: "ABORT", 5: "FAIL"}


@dataclass
class SeenRun:
    """A run as its events tell it."""

    job: str
    parent: str = ""
    state: str = "STARTED"
    started_at: datetime | None = None
    ended_at: datetime | None = None
    reads: set[str] = field(default_factory=set)
    writes: set[str] = field(default_factory=set)
    read_versions: set[tuple[str, str]] = field(default_factory=set)
    written_versions: set[tuple[str, str]] = field(default_factory=set)
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    facets: Json = field(default_factory=dict)
    error: str = ""


class Replay:
    """An operator without Kubernetes and without a server."""

    def __init__(self, api: Tasks | None = None, *, namespace: str = "kubeflow") -> None:
        self.index = ArtifactIndex()
        self.cluster = ClusterNames("prod", find_artifact=self.index.lookup)
        self.events: dict[str, set[bytes]] = {}
        self.unknown: dict[str, tuple[str, ...]] = {}
        self._adapters = {"Pod": TaskAdapter(), "Workflow": RunAdapter()}
        self._enrichment = Enrichment(api, self.cluster) if api else None
        self._waiting: list[Json] = []
        self._stand_ins = StandIns()
        self._held: dict[UUID, Observation] = {}
        pipeline = {"namespace": namespace, "name": "all", "uid": "1", "generation": 1}
        self._coverage = Coverage(
            "prod",
            [parse_pipeline({"metadata": {**pipeline, "creationTimestamp": "2026-01-01T00:00:00Z"}, "spec": {}})],
        )

    async def see_all(self, bodies: Iterable[Json]) -> Replay:
        for body in bodies:
            await self.see(body)
        return self

    async def without_pods(self) -> Replay:
        """Says that all pods that were not seen are gone."""
        self._stand_ins.prune()
        self._stand_ins.release(set(self._held))
        held, self._held = self._held, {}
        for each in self._stand_ins.sift("", held.values(), 0):
            self._report(each)
        return self

    async def see(self, body: Json) -> None:
        adapter = self._adapters[body["kind"]]
        observed = tuple(adapter.observe(body, (), self.cluster))
        self._stand_ins.note(observed)
        observations = [await self._enriched(each) for each in self._stand_ins.sift("", observed, 0)]
        learnt: set[str] = set()
        if isinstance(adapter, RunAdapter):
            learnt |= self.index.learn_artifacts(adapter.artifacts(body, (), self.cluster))
        for each in observations:
            learnt |= self.index.learn(each)
            if self._stand_ins.holds(each) and each.run:
                self._held[each.run.run_id] = each
            else:
                self._report(each)
        if any(each.run and each.run.unresolved for each in observations):
            self._waiting.append(body)
        if learnt:
            waiting, self._waiting = self._waiting, []
            await self.see_all(waiting)

    async def _enriched(self, observation: Observation) -> Observation:
        return await self._enrichment.enrich(observation) if self._enrichment else observation

    def _report(self, observation: Observation) -> None:
        if observation.run is not None:
            self.unknown[observation.job.name] = observation.run.unknown
        for each in events_of(observation, self._coverage, self.cluster):
            self.events.setdefault(str(each.run), set()).add(each.body)

    @staticmethod
    def time(text: str) -> datetime:
        """A time as Kubernetes and the API write it, in UTC without saying so."""
        return datetime.fromisoformat(text).replace(tzinfo=None)

    @property
    def still_waiting(self) -> list[str]:
        """The names of the objects whose artifacts nobody wrote."""
        return sorted(each["metadata"]["name"] for each in self._waiting)

    def runs(self) -> dict[str, SeenRun]:
        """The runs by their ids."""
        return {run_id: fold(events) for run_id, events in self.events.items()}

    def dataset_facets(self) -> Json:
        """The facets of all inputs and outputs by their addresses."""
        events = [pb.Event.FromString(each).run_event for bodies in self.events.values() for each in bodies]
        datasets = [each.dataset for event in events for each in (*event.inputs, *event.outputs)]
        return {_address(each): {name: json.loads(text) for name, text in each.facets.items()} for each in datasets}

    def edges(self) -> set[tuple[str, str, str]]:
        """What which job reads and writes."""
        runs = self.runs().values()
        reads = {(each.job, "reads", dataset) for each in runs for dataset in each.reads}
        return reads | {(each.job, "writes", dataset) for each in runs for dataset in each.writes}


def fold(bodies: Iterable[bytes]) -> SeenRun:
    """One run out of its events."""
    events = [pb.Event.FromString(each).run_event for each in bodies]
    run = SeenRun(events[0].job.name)
    for event in sorted(events, key=lambda each: (each.event_time.ToNanoseconds(), each.event_type)):
        time = event.event_time.ToDatetime()
        kind = NAMES[event.event_type]
        if kind == "START":
            run.started_at, run.state = time, "STARTED"
        else:
            run.ended_at, run.state = time, kind
        run.parent = event.run.parent.run_id
        run.facets |= {name: json.loads(text) for name, text in event.run.facets.items()}
        run.reads |= {_address(each.dataset) for each in event.inputs}
        run.read_versions |= {(_address(each.dataset), each.dataset.version) for each in event.inputs}
        run.writes |= {_address(each.dataset) for each in event.outputs}
        run.written_versions |= {(_address(each.dataset), each.dataset.version) for each in event.outputs}
        run.metrics |= {_address(each.dataset): _values(each) for each in event.outputs if each.metrics}
    run.error = run.facets.get("errorMessage", {}).get("message", "")
    return run


def _address(dataset: pb.EventDataset) -> str:
    return f"{dataset.namespace}/{dataset.name}"


def _values(output: pb.OutputDataset) -> Mapping[str, float]:
    return {each.name: each.value for each in output.metrics}
