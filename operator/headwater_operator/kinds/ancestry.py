"""What follows from an object's owners: the name that outlives its runs, its workload, and the runs above it.

A chain is an object and its controllers up to the root. Names follow from nothing but the chain, so that a child names
its parent's job as the parent itself does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..observation import ObjectRef, ParentRun, Workload
from ..run_ids import object_run_id

SCHEDULES = frozenset(
    {
        "CronJob.batch",
        "CronWorkflow.argoproj.io",
        "RayCronJob.ray.io",
        "ScheduledSparkApplication.sparkoperator.k8s.io",
        "ScheduledWorkflow.kubeflow.org",
    }
)
"""Kinds that start one and the same job again and again; what they start goes by their names."""

_GROUPS = frozenset({"JobSet.jobset.x-k8s.io", "RayCluster.ray.io", "InferenceService.serving.kserve.io"})
"""Kinds that hold others together and are no runs."""

_SEARCHES = frozenset({"Experiment.kubeflow.org", "OptimizationJob.trainer.kubeflow.org"})
"""Kinds that start many alike under generated names."""

_TEMPLATE_LABELS = (
    "workflows.argoproj.io/cron-workflow",
    "workflows.argoproj.io/workflow-template",
    "workflows.argoproj.io/cluster-workflow-template",
)


def stable_name(chain: Sequence[ObjectRef]) -> str:
    """What the runs of an object like the first of a chain are called, now and next time."""
    one, owners = chain[0], chain[1:]
    if owners and owners[0].kind in SCHEDULES:
        return stable_name(owners)
    if template := _template(one):
        return template
    name = _without_suffix(one)
    if not owners:
        return name
    above, kind = stable_name(owners), one.kind.partition(".")[0].lower()
    if owners[0].kind in _SEARCHES:
        return f"{above}.{kind}"
    if not name.startswith(owners[0].name):
        return name
    rest = name.removeprefix(owners[0].name)
    return above + (rest or ("" if one.kind in _GROUPS else f".{kind}"))


def workload_of(chain: Sequence[ObjectRef]) -> Workload:
    """What is started again and again when the first object of a chain runs: the outermost of them."""
    return Workload(chain[-1].kind, stable_name(chain[-1:]))


def parents_of(chain: Sequence[ObjectRef]) -> tuple[ParentRun | None, ParentRun | None]:
    """The nearest and the outermost owner that is a run itself."""
    runs = [
        ParentRun(object_run_id(owner.uid), stable_name(chain[at:]), at)
        for at, owner in enumerate(chain)
        if at and is_run(owner.kind)
    ]
    return (runs[0], runs[-1]) if runs else (None, None)


def is_run(kind: str) -> bool:
    """Whether an object of a kind is a run: not what starts runs again and again, or only holds others together."""
    return kind not in SCHEDULES | _GROUPS


def annotations_of(chain: Sequence[ObjectRef]) -> Mapping[str, str]:
    """An object's annotations, and those of its schedule where it does not say otherwise itself."""
    return _inherited([each.annotations for each in _same_job(chain)])


def labels_of(chain: Sequence[ObjectRef]) -> Mapping[str, str]:
    """An object's labels, and those of its schedule where it does not say otherwise itself."""
    return _inherited([each.labels for each in _same_job(chain)])


def _same_job(chain: Sequence[ObjectRef]) -> list[ObjectRef]:
    one, owners = chain[0], chain[1:]
    return [one, *_same_job(owners)] if owners and owners[0].kind in SCHEDULES else [one]


def _inherited(maps: Sequence[Mapping[str, str]]) -> Mapping[str, str]:
    return {key: value for each in reversed(maps) for key, value in each.items()}


def _template(one: ObjectRef) -> str:
    if one.kind != "Workflow.argoproj.io":
        return ""
    return next((one.labels[label] for label in _TEMPLATE_LABELS if one.labels.get(label)), "")


def _without_suffix(one: ObjectRef) -> str:
    """The name without what the API server generated: `train` of `train-x7k2p`."""
    prefix = one.generate_name
    if prefix and one.name.startswith(prefix):
        return prefix.rstrip("-.") or one.name
    return one.name
