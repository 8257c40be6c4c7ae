"""An object with its owners, as an adapter looks at it: what all kinds have in common stands here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..kfp.facets import parameters_facet
from ..observation import Facets, Job, ObjectRef, Observation, Run, RunState
from ..run_ids import object_run_id
from .adapter import Body, Cluster, Resource
from .ancestry import annotations_of, parents_of, stable_name, workload_of
from .flow import Flow
from .kubernetes_facet import Image, code_facets, kubernetes_facet
from .reading import part

_LONGEST_ANNOTATION = 1024


@dataclass(frozen=True, slots=True)
class Life:
    """How far a run is. A run whose end the cluster gives no time for has none."""

    state: RunState
    started_at: datetime
    running_at: datetime | None = None
    ended_at: datetime | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """An object, its chain of owners, and the cluster."""

    body: Body
    chain: tuple[ObjectRef, ...]
    cluster: Cluster

    @classmethod
    def of(cls, body: Body, resource: Resource, owners: Sequence[ObjectRef], cluster: Cluster) -> Subject:
        """The subject that an adapter is given. Raises ValueError where the object has no identity."""
        metadata = part(body, "metadata")
        lacks = [key for key in ("namespace", "name", "uid") if not metadata.get(key)]
        if lacks:
            raise ValueError(f"an object of kind {resource.name} has no metadata.{lacks[0]}")
        own = ObjectRef(
            kind=resource.name,
            namespace=metadata["namespace"],
            name=metadata["name"],
            uid=metadata["uid"],
            labels=dict(part(metadata, "labels")),
            annotations={key: text for key, text in part(metadata, "annotations").items() if _is_kept(key, text)},
            generate_name=metadata.get("generateName") or "",
        )
        return cls(body, (own, *owners), cluster)

    @property
    def spec(self) -> Mapping[str, Any]:
        """What is wanted."""
        return part(self.body, "spec")

    @property
    def status(self) -> Mapping[str, Any]:
        """What is."""
        return part(self.body, "status")

    @property
    def name(self) -> str:
        """The stable name."""
        return stable_name(self.chain)

    def flow(self) -> Flow:
        """To gather what its run reads and writes; add_annotations comes last."""
        return Flow(self.cluster, self.chain[0].namespace)

    def job(self, integration: str = "KUBERNETES", kind: str = "JOB", processing: str = "BATCH") -> Job:
        """The job under the stable name."""
        return Job(self.name, integration, kind, processing, code_facets(self.chain))

    def observe(self, job: Job, run: Run | None = None) -> Observation:
        """The observation of the object."""
        return Observation(self.chain, job, workload_of(self.chain), run)

    def run(self, life: Life | None, flow: Flow, facets: Facets) -> Run | None:
        """The run that the object is, with what its annotations say of its data; None where it has not begun."""
        if life is None:
            return None
        parent, root = parents_of(self.chain)
        flow.add_annotations(annotations_of(self.chain))
        return Run(
            run_id=object_run_id(self.chain[0].uid),
            state=life.state,
            started_at=life.started_at,
            running_at=life.running_at,
            ended_at=life.ended_at,
            parent=parent,
            root=root,
            inputs=tuple(flow.inputs),
            outputs=tuple(flow.outputs),
            start_facets=facets,
            error=life.error,
            unresolved=tuple(flow.unresolved),
            unknown=tuple(flow.unknown),
        )

    def facets(
        self, images: Iterable[Image] = (), service_account: str = "", parameters: Mapping[str, Any] | None = None
    ) -> Facets:
        """The run facets of the object; a parameter without a value is none."""
        known = {name: value for name, value in (parameters or {}).items() if value not in (None, "")}
        facets = kubernetes_facet(self.chain, self.cluster.name, images=images, service_account=service_account)
        return {**facets, **parameters_facet(known)}


def _is_kept(annotation: str, text: str) -> bool:
    """Whether an annotation is kept in memory: not what holds whole manifests."""
    return len(text) <= _LONGEST_ANNOTATION or annotation.startswith("headwater.dev/")
