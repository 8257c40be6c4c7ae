"""SparkApplications of the Spark operator."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..observation import ObjectRef, Observation, RunState
from .adapter import Body, Cluster, Resource
from .flow import Flow
from .kubernetes_facet import Image, images_of
from .reading import created_at, part, read_time
from .subject import Life, Subject

_NOT_STARTED = ("", "SUSPENDED", "SUSPENDING", "RESUMING")
_RUNNING = ("RUNNING", "SUCCEEDING", "FAILING")
_IN_THE_IMAGE = ("local://", "file://")
_FILES = ("jars", "files", "pyFiles", "archives")


class SparkApplicationAdapter:
    """A SparkApplication is a run, whatever the number of its attempts: it ends when it is not tried again."""

    resource = Resource("sparkoperator.k8s.io", "v1beta2", "sparkapplications", "SparkApplication")

    def observe(self, body: Body, owners: Sequence[ObjectRef], cluster: Cluster) -> Iterable[Observation]:
        """The SparkApplication."""
        one = Subject.of(body, self.resource, owners, cluster)
        account = part(one.spec, "driver").get("serviceAccount") or part(one.spec, "driver", "template", "spec").get(
            "serviceAccountName"
        )
        facets = one.facets(_images(one.spec), str(account or ""), _parameters(one.spec))
        yield one.observe(one.job("SPARK", "APPLICATION"), one.run(_life(one), _flow(one), facets))


def _life(one: Subject) -> Life | None:
    """The time of the last submission changes with each attempt; the first was made when the object was."""
    state = str(part(one.status, "applicationState").get("state") or "")
    if state in _NOT_STARTED:
        return None
    submitted_at = read_time(one.status.get("lastSubmissionAttemptTime"))
    ended_at = read_time(one.status.get("terminationTime")) or submitted_at
    started_at = created_at(one.body)
    match state:
        case "COMPLETED":
            return Life(RunState.SUCCEEDED, started_at, ended_at=ended_at)
        case "FAILED":
            error = str(part(one.status, "applicationState").get("errorMessage") or "")
            return Life(RunState.FAILED, started_at, ended_at=ended_at, error=error)
    return Life(RunState.RUNNING if state in _RUNNING else RunState.STARTED, started_at)


def _flow(one: Subject) -> Flow:
    """Files that are fetched; what lies in the image is part of that."""
    flow = one.flow()
    named = [("mainApplicationFile", one.spec.get("mainApplicationFile"))]
    deps = part(one.spec, "deps")
    named += [(f"deps.{name}", uri) for name in _FILES for uri in deps.get(name) or ()]
    for source, uri in named:
        if "://" in str(uri) and not str(uri).startswith(_IN_THE_IMAGE):
            flow.read(f"spec.{source}", uri, "FILE")
    return flow


def _images(spec: Mapping[str, Any]) -> Iterator[Image]:
    for role in ("driver", "executor"):
        image = part(spec, role).get("image") or spec.get("image")
        if image:
            yield Image(role, str(image))
        else:
            yield from images_of(part(spec, role, "template", "spec"))


def _parameters(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """Not the configuration: people put credentials there."""
    return {
        "mainClass": spec.get("mainClass"),
        "mainApplicationFile": spec.get("mainApplicationFile"),
        "arguments": shlex.join(map(str, spec.get("arguments") or ())),
        "sparkVersion": spec.get("sparkVersion"),
    }
