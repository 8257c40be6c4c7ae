"""Which dataset an artifact's URI stands for: learnt from whoever writes it, asked by whoever reads it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from ..naming import Unseen
from ..observation import Dataset, Observation
from .artifact_names import parse_artifact_uri

_LIMIT = 20_000


class ArtifactIndex:
    """The datasets of artifacts by URI. It forgets the artifacts that were not asked for longest beyond `limit`.

    URIs of artifacts hold the run's id, so one means the same in every Kubernetes namespace.
    """

    def __init__(self, limit: int = _LIMIT) -> None:
        self._known: OrderedDict[str, Dataset] = OrderedDict()
        self._limit = limit

    def learn(self, observation: Observation) -> frozenset[str]:
        """Learns what a run writes; gives the URIs that were not known: whoever waits for one can be observed again."""
        run = observation.run
        return self.learn_artifacts((*run.outputs, *run.planned_outputs)) if run else frozenset()

    def learn_artifacts(self, datasets: Iterable[Dataset]) -> frozenset[str]:
        """Learns datasets whose version is an artifact's URI; gives those URIs that were not known. Who is first stays
        the producer: a task that was taken from the cache names the artifact of another."""
        new: set[str] = set()
        for each in datasets:
            key = _key(each.version)
            if key and key not in self._known:
                new |= {each.version, key}
                self._known[key] = Dataset(each.namespace, each.name, each.kind, each.version)
        while len(self._known) > self._limit:
            self._known.popitem(last=False)
        return frozenset(new)

    def lookup(self, uri: str, namespace: str) -> Dataset | Unseen | None:
        """The dataset and version that a URI seen in a Kubernetes namespace stands for; None where it is no artifact's.

        It is what `naming.ClusterNames` finds artifacts by.
        """
        key = _key(uri)
        found = self._known.get(key)
        if found is None:
            return Unseen.PRODUCER if key else None
        self._known.move_to_end(key)
        return found


def _key(uri: str) -> str:
    """What the URIs of one artifact have in common, empty for any other URI: a server is told `s3://` where Kubeflow
    says `minio://`, and may be told a folder in the artifact."""
    parts = parse_artifact_uri(uri)
    if parts is None:
        return ""
    return f"s3://{parts.own.removeprefix('minio://')}" if parts.own.startswith("minio://") else parts.own
