"""What an adapter of a kind is: the one thing to write for a further kind of workload.

An adapter is pure. It is given an object as the API server shows it, its owners, and what it needs to know of the
cluster, and says what it sees. What it cannot know it leaves out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from ..observation import Dataset, ObjectRef, Observation

Body = Mapping[str, Any]
"""An object as the API server shows it."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind as the API server knows it. `label_selector` is what the server filters by before it sends anything.

    `also` are further versions that its adapter understands, the best first: what a cluster serves is watched.
    """

    group: str
    version: str
    plural: str
    kind: str
    label_selector: str = ""
    also: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The kind with its group: `Job.batch`, `Pod` for the core."""
        return f"{self.kind}.{self.group}" if self.group else self.kind


class Cluster(Protocol):
    """What an adapter may ask about the cluster."""

    @property
    def name(self) -> str:
        """The cluster's name."""

    def namespace(self, namespace: str) -> str:
        """The lineage namespace of a Kubernetes namespace: `k8s://{cluster}/{namespace}`."""

    def dataset(self, uri: str, namespace: str, *, kind: str = "") -> Dataset | None:
        """The dataset, with its version where the URI names one, that a URI seen in a Kubernetes namespace stands for.

        None where it is an artifact of a pipeline's run whose producer was not seen yet.
        """


@runtime_checkable
class Slimmer(Protocol):
    """Is an adapter of objects of which most is never read."""

    def slim(self, body: Body) -> Body:
        """The object without what is never read; what it shows is the same."""


class Adapter(Protocol):
    """Turns objects of one kind into observations."""

    @property
    def resource(self) -> Resource:
        """The kind."""

    def observe(self, body: Body, owners: Sequence[ObjectRef], cluster: Cluster) -> Iterable[Observation]:
        """What an object shows; nothing where it is not this adapter's to tell.

        `owners` are its controllers, nearest first. Raises ValueError where the object lacks what all of its kind have.
        """
