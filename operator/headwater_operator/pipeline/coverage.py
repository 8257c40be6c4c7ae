"""The pipelines of a cluster, which of them covers what, and the lineage names of what they cover."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..observation import ObjectRef
from .matching import Match, choose, short_kind
from .pipeline import Pipeline


@dataclass(frozen=True, slots=True)
class JobName:
    """A job's lineage namespace and name."""

    namespace: str
    name: str


class Coverage:
    """The pipelines that are declared now, by name."""

    def __init__(self, cluster: str, pipelines: Iterable[Pipeline] = ()) -> None:
        self._cluster = cluster
        self._pipelines = {(each.namespace, each.name): each for each in pipelines}

    def put(self, pipeline: Pipeline) -> None:
        """Adds or replaces a pipeline."""
        self._pipelines[pipeline.namespace, pipeline.name] = pipeline

    def remove(self, namespace: str, name: str) -> Pipeline | None:
        """Takes a pipeline away, and gives it where it was there."""
        return self._pipelines.pop((namespace, name), None)

    def get(self, namespace: str, name: str) -> Pipeline | None:
        """A pipeline."""
        return self._pipelines.get((namespace, name))

    def all(self) -> list[Pipeline]:
        """All pipelines."""
        return list(self._pipelines.values())

    def match(self, chain: Sequence[ObjectRef]) -> Match:
        """Which pipeline covers an object with its owners."""
        return choose(self._pipelines.values(), chain)

    def lineage_namespace(self, namespace: str) -> str:
        """The lineage namespace of a Kubernetes namespace, where no pipeline says otherwise."""
        return f"k8s://{self._cluster}/{namespace}"

    def job_name(self, job: str, chain: Sequence[ObjectRef], pipeline: Pipeline | None) -> JobName:
        """The lineage name of a job that is called `job` in its Kubernetes namespace."""
        if pipeline is None:
            return JobName(self.lineage_namespace(chain[0].namespace), job)
        values = {
            "cluster": self._cluster,
            "namespace": chain[0].namespace,
            "pipeline": pipeline.name,
            "kind": short_kind(chain[-1]),
            "name": job,
        }
        spec = pipeline.spec
        return JobName(_filled(spec.namespace_name, values), _filled(spec.job_name, values))


def _filled(template: str, values: dict[str, str]) -> str:
    """Puts values into a template in one pass: braces in a value stay as they are."""
    head, *rest = template.split("{")
    return head + "".join(
        values[variable] + tail if closing else "{" + variable
        for variable, closing, tail in (each.partition("}") for each in rest)
    )
