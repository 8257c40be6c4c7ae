"""What the API of Kubeflow Pipelines adds to a task that has ended. Where it says less than the pods, the pods hold."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from headwater.names import InvalidName

from ..observation import Dataset, Observation, Run, RunState
from .api import ApiTask, ApiUnavailable
from .artifact_names import artifact_name, dataset_kind, parse_artifact_uri
from .executor_input import Artifact
from .facets import ARTIFACT, KUBEFLOW, artifact_facet, output_parameters_facet, parameters_facet
from .task import input_dataset

if TYPE_CHECKING:
    from ..kinds.adapter import Cluster

_MOST_RUNS = 64


class Tasks(Protocol):
    """Who knows the tasks of a run."""

    async def tasks(self, run_id: str) -> Sequence[ApiTask]:
        """The tasks of a run; none where the run is not known. Raises ApiUnavailable."""


@dataclass(slots=True)
class _Answer:
    """What the API said last of a run. The lock is held while it is asked: tasks that end together share an answer."""

    tasks: Sequence[ApiTask] = ()
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Enrichment:
    """Adds to observations what the API knows. Its answers are kept while they still tell what is asked; where it gave
    none it is left alone for `pause_seconds`."""

    def __init__(self, api: Tasks, cluster: Cluster, *, pause_seconds: float = 10.0) -> None:
        self._api = api
        self._cluster = cluster
        self._pause_seconds = pause_seconds
        self._answers: OrderedDict[str, _Answer] = OrderedDict()
        self._pause: tuple[float, str] = (0.0, "")
        """Until when it is left alone, and why."""

    async def enrich(self, observation: Observation) -> Observation:
        """The observation with what the API knows of it: the same where it is no task of Kubeflow Pipelines that has
        ended, or where the API does not know it. Raises ApiUnavailable: what the observation says holds anyway."""
        run = observation.run
        facet = run.start_facets.get(KUBEFLOW, {}) if run else {}
        if run is None or not run.state.is_final or "task" not in facet:
            return observation
        run_id = str(facet.get("runId"))
        answer = self._answers.setdefault(run_id, _Answer())
        self._answers.move_to_end(run_id)
        while len(self._answers) > _MOST_RUNS:
            self._answers.popitem(last=False)
        async with answer.lock:
            if not _tells_the_end(run, find_task(observation, answer.tasks)):
                answer.tasks = await self._ask(run_id)
        return enriched(observation, answer.tasks, self._cluster)

    async def _ask(self, run_id: str) -> Sequence[ApiTask]:
        now = asyncio.get_running_loop().time()
        until, why = self._pause
        if now < until:
            raise ApiUnavailable(why)
        try:
            return await self._api.tasks(run_id)
        except ApiUnavailable as error:
            self._pause = (now + self._pause_seconds, str(error))
            raise


def find_task(observation: Observation, tasks: Sequence[ApiTask]) -> ApiTask | None:
    """The task that an observation is of: by its id, by its pod, else by its path where there is one task with it."""
    facet = observation.run.start_facets.get(KUBEFLOW, {}) if observation.run else {}
    if task_id := facet.get("taskId"):
        return next((each for each in tasks if each.task_id == task_id), None)
    pod = observation.chain[0]
    pods = {str(facet.get("driverPod") or ""), pod.uid, pod.name} - {""}
    of_path = [each for each in tasks if each.path == facet.get("task")]
    by_pod = next((each for each in tasks if not pods.isdisjoint(each.pods)), None)
    return by_pod or (of_path[0] if len(of_path) == 1 else None)


def enriched(observation: Observation, tasks: Sequence[ApiTask], cluster: Cluster) -> Observation:
    """The observation with what the tasks of its run tell."""
    run, task = observation.run, find_task(observation, tasks)
    return observation if run is None or task is None else _Enricher(observation, run, tasks, cluster).enriched(task)


def _tells_the_end(run: Run, task: ApiTask | None) -> bool:
    """Whether an answer is new enough: of a task that succeeded it says so too."""
    return task is not None and (task.has_succeeded or run.state is not RunState.SUCCEEDED)


class _Enricher:
    """Adds to one run."""

    def __init__(self, observation: Observation, run: Run, tasks: Sequence[ApiTask], cluster: Cluster) -> None:
        self._observation = observation
        self._run = run
        self._tasks = tasks
        self._cluster = cluster
        self._facet = run.start_facets[KUBEFLOW]
        self._pipeline = str(self._facet["pipeline"])
        self._path = str(self._facet["task"])
        self._namespace = observation.chain[0].namespace
        self._unresolved = dict.fromkeys(run.unresolved)
        self._unknown: list[str] = []

    def enriched(self, task: ApiTask) -> Observation:
        """The observation with what one task of the API tells."""
        inputs = _unique(self._inputs(task))
        outputs = _unique([*self._outputs(task), *self._run.planned_outputs], by_version=False)
        facets = {} if "executionParameters" in self._run.start_facets else parameters_facet(task.parameters)
        run = replace(
            self._run,
            end_inputs=tuple(inputs),
            planned_outputs=tuple(outputs),
            end_facets={**self._run.end_facets, **facets, **output_parameters_facet(task.output_parameters)},
            unresolved=tuple(self._unresolved),
            unknown=tuple(self._unknown),
        )
        return replace(self._observation, run=run)

    def _inputs(self, task: ApiTask) -> Iterator[Dataset]:
        """What the pod does not say: all of a cached task, and measures, which have no URI."""
        for each in task.inputs:
            if not each.artifact.uri:
                found = self._producer(each.artifact)
            else:
                found = self._read(each.artifact) if self._facet.get("cached") else None
            if found is not None:
                yield found

    def _producer(self, artifact: Artifact) -> Dataset | None:
        """The dataset that an artifact without a URI is, by the task of the run that made it."""
        for task in self._tasks:
            for each in task.outputs:
                if each.artifact.artifact_id == artifact.artifact_id:
                    return self._measures(task, task.path, each.artifact.key)
        self._unknown.append(f"which dataset input {artifact.key!r} ({artifact.type}) is: no task of the run made it")
        return None

    def _read(self, artifact: Artifact) -> Dataset | None:
        try:
            dataset = input_dataset(artifact, self._namespace, self._cluster)
        except InvalidName as error:
            self._unknown.append(f"which dataset {artifact.key!r} is: {error}")
            return None
        if dataset is None:
            self._unresolved[artifact.uri] = None
        return dataset

    def _outputs(self, task: ApiTask) -> Iterator[Dataset]:
        for key in dict.fromkeys(each.artifact.key for each in task.outputs):
            group = [each for each in task.outputs if each.artifact.key == key]
            artifact = group[0].artifact
            if not artifact.uri:
                values = {each.artifact.name: each.value for each in group if each.value is not None}
                yield replace(self._measures(task, self._path, key), metrics=values)
            elif task.is_importer:
                imported = self._read(artifact)
                if imported is not None:
                    yield imported
            else:
                yield from self._written(artifact)

    def _written(self, artifact: Artifact) -> Iterator[Dataset]:
        """An output. Of a cached task it is the artifact of the task that made it, where that was seen; where a task
        put it elsewhere than it was told to, what is there is written too."""
        facets = {ARTIFACT: artifact_facet(artifact)}
        kind = dataset_kind(artifact.type)
        try:
            there = self._cluster.dataset(artifact.uri, self._namespace, kind=kind)
        except InvalidName:
            there = None
        if there is not None and parse_artifact_uri(artifact.uri):
            yield replace(there, facets={**there.facets, **facets})
            return
        name = artifact_name(self._pipeline, self._path, artifact.key)
        yield Dataset(self._cluster.namespace(self._namespace), name, kind, artifact.uri, facets)
        if there is not None:
            yield there

    def _measures(self, task: ApiTask, path: str, key: str) -> Dataset:
        """The dataset of a task's measures. They lie beside its log: the API gives them no URI."""
        name = artifact_name(self._pipeline, path, key)
        version = f"{task.log_uri.rpartition('/')[0]}/{key}" if parse_artifact_uri(task.log_uri) else ""
        facets = {ARTIFACT: {"type": "Metrics"}}
        return Dataset(self._cluster.namespace(self._namespace), name, "METRICS", version, facets)


def _unique(datasets: Iterable[Dataset], *, by_version: bool = True) -> list[Dataset]:
    """Each dataset once, the first of it."""
    found: dict[tuple[str, ...], Dataset] = {}
    for each in datasets:
        found.setdefault((each.namespace, each.name, each.version if by_version else ""), each)
    return list(found.values())
