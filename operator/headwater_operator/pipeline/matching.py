"""Which pipeline covers a workload."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ..kinds import ADAPTERS
from ..observation import ObjectRef
from .pipeline import Pipeline
from .spec import LabelOperator, LabelRequirement, LabelSelector, Selector

KUBEFLOW_PIPELINE_RUN = "KubeflowPipelineRun"
"""How a selector names a Workflow that Kubeflow Pipelines made."""

KUBEFLOW_RUN_LABEL = "pipeline/runid"
"""The label by which Kubeflow Pipelines marks what it made."""

_KNOWN_KINDS = frozenset(adapter.resource.name for adapter in ADAPTERS)


@dataclass(frozen=True, slots=True)
class Match:
    """The pipeline that covers a workload, None where none does; and those that would, were they older."""

    pipeline: Pipeline | None
    shadowed: tuple[Pipeline, ...] = ()


def choose(pipelines: Iterable[Pipeline], chain: Sequence[ObjectRef]) -> Match:
    """The pipeline that covers an object with its owners: the oldest that selects one of them."""
    selecting = [
        each
        for each in pipelines
        if each.namespace == chain[0].namespace and _understands(each, chain[0]) and _selects(each.spec.selector, chain)
    ]
    by_age = sorted(selecting, key=lambda each: (each.created, each.name))
    return Match(by_age[0], tuple(by_age[1:])) if by_age else Match(None)


def _understands(pipeline: Pipeline, one: ObjectRef) -> bool:
    """Whether a kind is known to all, or by a rule of this pipeline."""
    return one.kind in _KNOWN_KINDS or any(f"{rule.kind}.{rule.group}" == one.kind for rule in pipeline.spec.rules)


def _selects(selector: Selector, chain: Sequence[ObjectRef]) -> bool:
    return any(_selects_object(selector, each) for each in chain)


def _selects_object(selector: Selector, one: ObjectRef) -> bool:
    return (
        (not selector.kinds or not _kinds(one).isdisjoint(selector.kinds))
        and (not selector.names or any(fnmatchcase(one.name, name) for name in selector.names))
        and _has_labels(selector.label_selector, one.labels)
    )


def _kinds(one: ObjectRef) -> set[str]:
    kind = short_kind(one)
    return {kind, KUBEFLOW_PIPELINE_RUN} if kind == "Workflow" and KUBEFLOW_RUN_LABEL in one.labels else {kind}


def short_kind(one: ObjectRef) -> str:
    """The kind of an object without its group, as people write it in a selector."""
    return one.kind.partition(".")[0]


def _has_labels(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    return selector.match_labels.items() <= labels.items() and all(
        _holds(requirement, labels) for requirement in selector.match_expressions
    )


def _holds(requirement: LabelRequirement, labels: Mapping[str, str]) -> bool:
    value = labels.get(requirement.key)
    match requirement.operator:
        case LabelOperator.IN:
            return value in requirement.values
        case LabelOperator.NOT_IN:
            return value not in requirement.values
        case LabelOperator.EXISTS:
            return value is not None
        case LabelOperator.DOES_NOT_EXIST:
            return value is None
