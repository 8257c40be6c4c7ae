"""InferenceServices of KServe: a service reads the models that it serves.

A run is one deployment of models: it has succeeded once they are loaded, and it has failed if they cannot be. So a
service reads the models of its last successful deployment and no others, since links end with a later success; a run
that went on for as long as the service lives would never end the links of the one before.

KServe records no deployments: when one was done follows from when the service became ready, or, where it stayed ready
all the while, from when its spec was changed. A service that becomes ready once more has loaded its models once more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from ..observation import ObjectRef, Observation, RunState
from .adapter import Body, Cluster, Resource
from .flow import Flow
from .kubernetes_facet import Image, images_of
from .reading import items, part, read_time, true_condition
from .subject import Life, Subject

_COMPONENTS = ("predictor", "transformer", "explainer")
_FAILED = ("BlockedByFailedLoad", "InvalidSpec")


class InferenceServiceAdapter:
    """The last deployment of an InferenceService."""

    resource = Resource("serving.kserve.io", "v1beta1", "inferenceservices", "InferenceService")

    def observe(self, body: Body, owners: Sequence[ObjectRef], cluster: Cluster) -> Iterable[Observation]:
        """The InferenceService."""
        one = Subject.of(body, self.resource, owners, cluster)
        flow, life = one.flow(), _life(one)
        uris = _add_models(one, flow)
        account = str(part(one.spec, "predictor").get("serviceAccountName") or "")
        run = one.run(life, flow, one.facets(_images(one.spec), account, _parameters(one)))
        if run:
            deployment = f"{_revision(one)} {' '.join(uris)} {run.started_at.isoformat()}"
            run = replace(run, run_id=uuid5(UUID(one.chain[0].uid), deployment))
        yield one.observe(one.job("KSERVE", "SERVICE", "SERVICE"), run)


def _life(one: Subject) -> Life | None:
    changed_at, told_at = _spec_changed_at(one.body), _status_told_at(one.body)
    if changed_at and told_at and told_at < changed_at:
        return None  # the status still speaks of the deployment before
    model = part(one.status, "modelStatus")
    if model.get("transitionStatus") in _FAILED:
        failure = part(model, "lastFailureInfo")
        failed_at = read_time(failure.get("time")) or _not_ready_since(one) or changed_at
        error = ": ".join(str(failure[key]) for key in ("reason", "message") if failure.get(key))
        return Life(RunState.FAILED, failed_at, ended_at=failed_at, error=error) if failed_at else None
    ready = true_condition(one.body, "Ready")
    is_loaded = part(model, "states").get("activeModelState", "Loaded") == "Loaded"
    if ready is None or not is_loaded or model.get("transitionStatus", "UpToDate") != "UpToDate":
        return None
    times = [time for time in (read_time(ready.get("lastTransitionTime")), changed_at) if time]
    return Life(RunState.SUCCEEDED, max(times), ended_at=max(times)) if times else None


def _not_ready_since(one: Subject) -> datetime | None:
    conditions = [each for each in items(one.status, "conditions") if each.get("status") != "True"]
    times = [read_time(each.get("lastTransitionTime")) for each in conditions]
    return max((each for each in times if each), default=None)


def _spec_changed_at(body: Body) -> datetime | None:
    """When someone last wrote the spec, as the API server notes it."""
    return _written_at(each for each in items(body, "metadata", "managedFields") if "f:spec" in part(each, "fieldsV1"))


def _status_told_at(body: Body) -> datetime | None:
    """When the controller last wrote the status."""
    return _written_at(each for each in items(body, "metadata", "managedFields") if each.get("subresource") == "status")


def _written_at(entries: Iterable[Mapping[str, Any]]) -> datetime | None:
    times = [read_time(each.get("time")) for each in entries]
    return max((each for each in times if each), default=None)


def _add_models(one: Subject, flow: Flow) -> list[str]:
    """Adds the models to what is read; gives their URIs."""
    found = [pair for component in _COMPONENTS for pair in _model_uris(component, part(one.spec, component))]
    for source, uri in found:
        flow.read(source, uri, "MODEL")
    storage = part(one.spec, "predictor", "model", "storage")
    if storage and not found:
        flow.unknown.append("which model is read: spec.predictor.model.storage names no bucket, its Secret does")
    return [uri for _, uri in found]


def _model_uris(component: str, spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every way in which a component names models: by framework, as a list, and for servers of one's own."""
    for framework in sorted(spec):
        if uri := part(spec, framework).get("storageUri"):
            yield f"spec.{component}.{framework}.storageUri", str(uri)
    for each in items(spec, "storageUris"):
        if uri := each.get("uri"):
            yield f"spec.{component}.storageUris", str(uri)
    for container in items(spec, "containers"):
        for variable in items(container, "env"):
            if variable.get("name") == "STORAGE_URI" and variable.get("value"):
                yield f"STORAGE_URI of spec.{component}.containers", str(variable["value"])
    storage = part(spec, "model", "storage")
    parameters = part(storage, "parameters")
    if storage.get("path") and parameters.get("bucket"):
        scheme = parameters.get("type", "s3")
        yield f"spec.{component}.model.storage", f"{scheme}://{parameters['bucket']}/{storage['path']}"


def _revision(one: Subject) -> str:
    """The deployment's name, where Knative gives it one."""
    return str(part(one.status, "components", "predictor").get("latestReadyRevision") or "")


def _images(spec: Mapping[str, Any]) -> Iterator[Image]:
    for component in _COMPONENTS:
        for framework in sorted(part(spec, component)):
            if image := part(spec, component, framework).get("image"):
                yield Image(component, str(image))
        yield from images_of(part(spec, component))


def _parameters(one: Subject) -> Mapping[str, Any]:
    model, status = part(one.spec, "predictor", "model"), one.status
    return {
        "modelFormat": part(model, "modelFormat").get("name"),
        "runtime": model.get("runtime") or status.get("servingRuntimeName") or status.get("clusterServingRuntimeName"),
        "revision": _revision(one),
    }
