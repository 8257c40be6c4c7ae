"""Whether a pod gets the emitter: a list of gates, each open or closed for a reason that people read. Pure.

All of them are looked at, whatever the first says, so that one look tells everything that stands in the way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..kinds.reading import part
from ..pipeline.pipeline import Pipeline
from . import pod_shape as shape
from .cluster_view import ClusterView, KubernetesVersion, Owners
from .pod_run import PodRun, covering, find_pod_run, pod_ref

NATIVE_SIDECARS_SINCE = KubernetesVersion(1, 29)
SYSTEM_NAMESPACES = ("kube-system", "kube-public", "kube-node-lease")
_YES, _NO = "true", "false"


@dataclass(frozen=True, slots=True)
class Gate:
    """One condition: its name, whether it lets the pod through, and why, in words. `is_mistake` where somebody asked
    for what cannot be."""

    name: str
    is_open: bool
    reason: str
    is_mistake: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided of a pod: every gate, the pipeline that covers it, its run, and which owners were guessed."""

    gates: tuple[Gate, ...]
    pipeline: Pipeline | None
    run: PodRun | None
    guessed: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether the pod gets the emitter."""
        return all(each.is_open for each in self.gates)

    @property
    def closed(self) -> tuple[Gate, ...]:
        """The gates that stand in the way."""
        return tuple(each for each in self.gates if not each.is_open)


def decide(pod: Mapping[str, Any], namespace: str, owners: Owners, view: ClusterView, own_namespace: str) -> Decision:
    """Whether a pod of a namespace gets the emitter."""
    try:
        run = find_pod_run(pod, (pod_ref(pod, namespace), *owners.chain), view)
    except ValueError as error:
        run, pipeline = None, None
        pipeline_gate = Gate("pipeline", False, f"what it is a task of cannot be read: {error}", is_mistake=True)
    else:
        pipeline, pipeline_gate = _pipeline(pod, namespace, run, view)
    gates = (
        _version(view.version),
        _namespace(namespace, own_namespace),
        _opt_in(namespace, view.namespaces.get(namespace)),
        _gate("mirror", not shape.is_mirror(pod), "the pod is no mirror", "a mirror pod only shows what a node runs"),
        _gate("system", not shape.is_windows(pod), "it runs on Linux", "the emitter does not run on Windows"),
        _gate("network", *_network(pod)),
        _gate("ray", not shape.is_of_ray(pod), "it is no node of Ray", "heads and workers of Ray outlive their jobs"),
        _gate(
            "kubeflow",
            not shape.is_kubeflows_own(pod),
            "it is no driver or importer of Kubeflow Pipelines",
            "of Kubeflow Pipelines only pods with the label pipelines.kubeflow.org/pod-role=container-executor run "
            "code of a user",
        ),
        _gate("emitter", not shape.has_emitter(pod), "it has no emitter yet", "it has the emitter already"),
        _names(pod),
        pipeline_gate,
        _wish(pod, namespace, view.namespaces.get(namespace) or {}, pipeline),
    )
    return Decision(gates, pipeline, run, owners.guessed)


def warnings_of(decision: Decision, pod: Mapping[str, Any]) -> Iterator[str]:
    """What whoever creates the pod is to know: mistakes, and why it does not get what it asks for itself."""
    closed = decision.closed
    if any(each.name == "emitter" for each in closed):
        return
    has_asked = shape.labels_of(pod).get(shape.INJECT) == _YES or shape.PIPELINE in shape.annotations_of(pod)
    refused = shape.labels_of(pod).get(shape.INJECT) == _NO
    for each in closed:
        if each.is_mistake or (has_asked and not refused):
            yield f"the pod runs without the emitter: {each.reason}"
    if not closed and decision.guessed:
        yield f"what owns {', '.join(decision.guessed)} was not known in time: its run may be named otherwise"


def _gate(name: str, is_open: bool, if_open: str, if_closed: str) -> Gate:
    return Gate(name, is_open, if_open if is_open else if_closed)


def _version(version: KubernetesVersion | None) -> Gate:
    if version is None:
        return Gate("version", False, "the version of Kubernetes is not known yet")
    if version < NATIVE_SIDECARS_SINCE:
        return Gate("version", False, f"Kubernetes {version} has no native sidecars: it takes 1.29 or later")
    return Gate("version", True, f"Kubernetes {version} has native sidecars")


def _namespace(namespace: str, own: str) -> Gate:
    if namespace == own:
        return Gate("namespace", False, f"{namespace} is Headwater's own namespace")
    is_open = namespace not in SYSTEM_NAMESPACES
    return _gate("namespace", is_open, f"{namespace} may be injected", f"{namespace} is Kubernetes' own namespace")


def _opt_in(namespace: str, labels: Mapping[str, str] | None) -> Gate:
    if labels is None:
        return Gate("opt-in", False, f"namespace {namespace} is not known yet")
    return _gate(
        "opt-in",
        labels.get(shape.OPT_IN) == shape.OPTED_IN,
        f"namespace {namespace} has the label {shape.OPT_IN}={shape.OPTED_IN}",
        f"namespace {namespace} has no label {shape.OPT_IN}={shape.OPTED_IN}",
    )


def _network(pod: Mapping[str, Any]) -> tuple[bool, str, str]:
    if part(pod, "spec").get("hostNetwork"):
        return False, "", "it uses the network of its node, where the emitter's ports would be everybody's"
    port = shape.taken_port(pod)
    return not port, "it has a network of its own", f"a container of it has port {port}, which is the emitter's"


def _names(pod: Mapping[str, Any]) -> Gate:
    taken = shape.taken_volume(pod)
    return _gate(
        "names", not taken, "the emitter's names are free", f"it has a volume {taken}, a name of the emitter's"
    )


def _pipeline(
    pod: Mapping[str, Any], namespace: str, run: PodRun | None, view: ClusterView
) -> tuple[Pipeline | None, Gate]:
    named = shape.annotations_of(pod).get(shape.PIPELINE)
    if named:
        pipeline = view.coverage.get(namespace, named)
        if pipeline is None:
            reason = f"the annotation {shape.PIPELINE} names {named}, and {namespace} has no such LineagePipeline"
            return None, Gate("pipeline", False, reason, is_mistake=True)
        return pipeline, Gate("pipeline", True, f"the annotation {shape.PIPELINE} names {named}")
    if run is None:
        way_out = f"name a LineagePipeline in the annotation {shape.PIPELINE}"
        return None, Gate("pipeline", False, f"its owners are of no kind that is understood: {way_out}")
    pipeline = covering(run, view)
    kind, name = run.chain[0].kind.partition(".")[0], run.chain[0].name
    if pipeline is None:
        return None, Gate("pipeline", False, f"no LineagePipeline in {namespace} selects {kind} {name}")
    return pipeline, Gate("pipeline", True, f"the LineagePipeline {pipeline.name} selects {kind} {name}")


def _wish(
    pod: Mapping[str, Any], namespace: str, namespace_labels: Mapping[str, str], pipeline: Pipeline | None
) -> Gate:
    """The label of the pod decides, else that of its namespace, else the pipeline."""
    for labels, whose in (
        (shape.labels_of(pod), "the pod"), (namespace_labels, f"namespace {namespace}"),
    ):  # fmt: skip
        value = labels.get(shape.INJECT)
        if value is None:
            continue
        if value in (_YES, _NO):
            return Gate("wish", value == _YES, f"{whose} has the label {shape.INJECT}={value}")
        reason = f'the label {shape.INJECT}={value} of {whose} is neither "true" nor "false"'
        return Gate("wish", False, reason, is_mistake=True)
    if pipeline is None:
        return Gate("wish", True, f"no label {shape.INJECT} says otherwise")
    is_enabled = pipeline.spec.injection.enabled
    says = f"the LineagePipeline {pipeline.name} has spec.injection.enabled={str(is_enabled).lower()}"
    return Gate("wish", is_enabled, says)
