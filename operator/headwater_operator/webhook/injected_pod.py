"""What becomes of a pod: whether it gets the emitter, and the patch by which it does. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headwater_emitter.pod import KubeflowTask

from ..injection import pod_shape as shape
from ..injection.cluster_view import ClusterView, Owners
from ..injection.gates import Decision, decide, warnings_of
from ..injection.pod_run import RunNames, name_run, pod_ref
from ..pipeline.pipeline import Pipeline
from ..pipeline.spec import Criticality
from .kubeflow_outputs import kubeflow_task, scratch_of
from .patch import Operation, patch
from .settings import Settings
from .sidecar import HEALTH_ADDRESS, SPOOL_PATH, TERMINATION_LOG, TOKEN_FILE, drain_seconds, sidecar, volumes
from .variables import pod_variables, variables_of_emitter, variables_of_user, without_artifacts


@dataclass(frozen=True, slots=True)
class Injection:
    """What was decided, the operations of the patch, and what whoever creates the pod is to know."""

    decision: Decision
    operations: tuple[Operation, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Injector:
    """Decides and patches, by what is known of the cluster."""

    settings: Settings
    view: ClusterView

    def inject(self, pod: Mapping[str, Any], namespace: str, owners: Owners, ca: str) -> Injection:
        """What becomes of a pod that is created in a namespace. `ca` are the certificates for the emitter's server, as
        PEM."""
        decision = decide(pod, namespace, owners, self.view, self.settings.own_namespace)
        warnings = list(warnings_of(decision, pod))
        if not decision.is_open or decision.pipeline is None:
            return Injection(decision, (), tuple(warnings))
        names = name_run(decision.run, self.view) if decision.run else None
        operations = self._patch(pod, _Found(namespace, owners, decision.pipeline, names, decision), ca, warnings)
        return Injection(decision, tuple(operations), tuple(warnings))

    def _patch(self, pod: Mapping[str, Any], found: _Found, ca: str, warnings: list[str]) -> list[Operation]:
        emitter, injection = self.settings.emitter, found.pipeline.spec.injection
        scratch = scratch_of(pod) if found.decision.run and found.decision.run.task else ()
        task = self._task(pod, found, warnings)
        chain = (pod_ref(pod, found.namespace), *found.owners.chain)
        values = {
            **self._emitter_values(pod, found.pipeline, ca),
            **pod_variables(pod, chain, found.names, injection.labels),
        }
        variables, too_long = variables_of_emitter({**values, "kubeflow_task": task})
        if task is not None and "kubeflow_task" in too_long:
            variables, too_long = variables_of_emitter({**values, "kubeflow_task": without_artifacts(task)})
            warnings.append("what the task writes is too long to be told: the emitter does not look at the files")
        warnings += [f"{name} of the pod is too long to be told to its emitter" for name in too_long]
        lineage_namespace = self._lineage_namespace(found)
        of_users = {
            at: list(variables_of_user(each, found.names, lineage_namespace))
            for at, each in shape.containers_of_users(pod)
        }
        return patch(
            pod,
            sidecar(pod, emitter, variables, scratch),
            volumes(emitter, injection.volume_claim),
            of_users,
            found.pipeline.name,
        )

    def _task(self, pod: Mapping[str, Any], found: _Found, warnings: list[str]) -> KubeflowTask | None:
        run = found.decision.run
        if run is None or run.task is None or found.names is None:
            return None
        try:
            return kubeflow_task(run.task, found.names.run, scratch_of(pod), self.view.names)
        except ValueError as error:
            warnings.append(f"what the task writes cannot be read: {error}")
            return None

    def _emitter_values(self, pod: Mapping[str, Any], pipeline: Pipeline, ca: str) -> dict[str, Any]:
        emitter = self.settings.emitter
        return {
            "address": emitter.address,
            "ca": ca or None,
            "token_file": TOKEN_FILE,
            "health_address": str(HEALTH_ADDRESS),
            "spool_dir": SPOOL_PATH,
            "spool_ends_with_pod": not pipeline.spec.injection.volume_claim,
            "spool_bytes": emitter.emitter_spool_bytes,
            "droppable": pipeline.spec.criticality is not Criticality.PRODUCTION,
            "drain_seconds": drain_seconds(pod, emitter),
            "termination_log": TERMINATION_LOG,
            "cluster": self.view.cluster,
            "pipeline": pipeline.name,
        }

    def _lineage_namespace(self, found: _Found) -> str:
        if found.names is not None:
            return found.names.run.namespace
        run, own = found.decision.run, pod_ref({}, found.namespace)
        chain, job = (run.chain, run.job) if run else ((own, *found.owners.chain), "")
        return self.view.coverage.job_name(job, chain, found.pipeline).namespace


@dataclass(frozen=True, slots=True)
class _Found:
    """What is known of a pod that gets the emitter."""

    namespace: str
    owners: Owners
    pipeline: Pipeline
    names: RunNames | None
    decision: Decision
