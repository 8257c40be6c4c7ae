"""Katib: an Experiment searches for the best parameters, each Trial tries some of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..observation import ObjectRef, Observation, RunState
from .adapter import Body, Cluster, Resource
from .reading import items, part, read_time, reason, true_condition
from .subject import Life, Subject
from .training_facet import read_metrics, with_results

_FAILED = ("Failed", "MetricsUnavailable")
_ABORTED = ("Killed", "EarlyStopped")
_COUNTS = ("trials", "trialsSucceeded", "trialsFailed", "trialsKilled", "trialsEarlyStopped", "trialMetricsUnavailable")


class ExperimentAdapter:
    """An Experiment is a run, and what it found is its best trial."""

    resource = Resource("kubeflow.org", "v1beta1", "experiments", "Experiment")

    def observe(self, body: Body, owners: Sequence[ObjectRef], cluster: Cluster) -> Iterable[Observation]:
        """The Experiment."""
        one = Subject.of(body, self.resource, owners, cluster)
        best = part(one.status, "currentOptimalTrial")
        metrics = read_metrics(items(best, "observation", "metrics"), _strategies(one.spec))
        run = one.run(_life(one), one.flow(), one.facets(parameters=_search(one.spec)))
        found = {"name": best.get("bestTrialName", ""), "parameters": _assignments(best)} if best else {}
        trials = {name: one.status[name] for name in _COUNTS if one.status.get(name)}
        if run:
            run = with_results(run, metrics, objective=_objective(one.spec), bestTrial=found, trials=trials)
        yield one.observe(one.job("KATIB", "EXPERIMENT"), run)


class TrialAdapter:
    """A Trial is a run below its Experiment, with its parameters and what was measured."""

    resource = Resource("kubeflow.org", "v1beta1", "trials", "Trial")

    def observe(self, body: Body, owners: Sequence[ObjectRef], cluster: Cluster) -> Iterable[Observation]:
        """The Trial."""
        one = Subject.of(body, self.resource, owners, cluster)
        metrics = read_metrics(items(one.status, "observation", "metrics"), _strategies(one.spec))
        run = one.run(_life(one), one.flow(), one.facets(parameters=_assignments(one.spec)))
        if run:
            run = with_results(run, metrics, objective=_objective(one.spec))
        yield one.observe(one.job("KATIB", "TRIAL"), run)


def _life(one: Subject) -> Life | None:
    started_at = read_time(one.status.get("startTime"))
    if started_at is None:
        return None
    running = true_condition(one.body, "Running")
    running_at = read_time(running.get("lastTransitionTime")) if running else None
    if true_condition(one.body, "Succeeded"):
        return Life(RunState.SUCCEEDED, started_at, running_at, _ended_at(one, "Succeeded"))
    for state, kinds in ((RunState.FAILED, _FAILED), (RunState.ABORTED, _ABORTED)):
        for kind in kinds:
            if condition := true_condition(one.body, kind):
                return Life(state, started_at, running_at, _ended_at(one, kind), reason(condition))
    return Life(RunState.RUNNING if running else RunState.STARTED, started_at, running_at)


def _ended_at(one: Subject, kind: str) -> datetime | None:
    condition = true_condition(one.body, kind) or {}
    return read_time(one.status.get("completionTime") or condition.get("lastTransitionTime"))


def _strategies(spec: Mapping[str, Any]) -> dict[str, str]:
    """Which value of a metric counts, by its name."""
    return {str(each.get("name")): str(each.get("value")) for each in items(spec, "objective", "metricStrategies")}


def _objective(spec: Mapping[str, Any]) -> Mapping[str, object]:
    objective = part(spec, "objective")
    names = {"metric": "objectiveMetricName", "type": "type", "goal": "goal"}
    return {name: objective[key] for name, key in names.items() if objective.get(key) is not None}


def _assignments(holder: Mapping[str, Any]) -> Mapping[str, Any]:
    return {str(each.get("name")): each.get("value") for each in items(holder, "parameterAssignments")}


def _search(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is searched, and how: a parameter's value is the space of its values."""
    spaces = {str(each.get("name")): _space(part(each, "feasibleSpace")) for each in items(spec, "parameters")}
    limits = {name: spec.get(name) for name in ("maxTrialCount", "maxFailedTrialCount", "parallelTrialCount")}
    return {**spaces, **limits, "algorithm": part(spec, "algorithm").get("algorithmName")}


def _space(space: Mapping[str, Any]) -> str:
    if listed := space.get("list"):
        return ", ".join(map(str, listed))
    step = f" in steps of {space['step']}" if space.get("step") else ""
    return f"{space.get('min', '')} to {space.get('max', '')}{step}"
