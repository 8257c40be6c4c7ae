"""The artifacts of a Workflow's tasks as datasets.

An artifact whose place is made for one Workflow alone is called after the task that writes it, and the place is its
version: a thousand Workflows of a template are one graph. One with a place of its own is called after that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from headwater.names import InvalidName

from ..naming import complete_endpoint
from ..observation import Dataset
from .adapter import Cluster
from .reading import items, part

_STORES = ("s3", "gcs", "oss", "azure", "hdfs", "http", "artifactory")
_AMAZON = ("", "s3.amazonaws.com")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an artifact lies: as a URI, and what a dataset is called after it where the URI alone would not do."""

    uri: str
    namespace: str = ""
    name: str = ""


@dataclass(slots=True)
class Found:
    """What is known of a task's inputs or outputs; see observation.Run."""

    datasets: list[Dataset] = field(default_factory=list)
    unresolved: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def add(self, dataset: Dataset) -> None:
        """Adds a dataset, once."""
        if dataset not in self.datasets:
            self.datasets.append(dataset)


@dataclass(slots=True)
class Artifacts:
    """The artifacts of one Workflow. What tasks write has to be told by `write` before `read` is asked for it."""

    cluster: Cluster
    namespace: str
    repository: Mapping[str, Any]
    marks: tuple[str, ...]
    """What only places of this Workflow alone hold: its generated name, its UID."""

    _written: dict[str, Dataset] = field(default_factory=dict)

    def write(self, job: str, node: Mapping[str, Any]) -> Found:
        """What the outputs of a task are."""
        found = Found()
        for artifact, place in self._placed(node, "outputs", found):
            if self._is_of_one_run(place.uri):
                name = f"{job}/{artifact.get('name')}"
                dataset = Dataset(self.cluster.namespace(self.namespace), name, version=place.uri)
                self._written[place.uri] = dataset
                found.add(dataset)
            else:
                self._add_plain(place, artifact, found)
        return found

    def read(self, node: Mapping[str, Any]) -> Found:
        """What the inputs of a task are."""
        found = Found()
        for artifact, place in self._placed(node, "inputs", found):
            if written := self._written.get(place.uri):
                found.add(written)
            else:
                self._add_plain(place, artifact, found)
        return found

    def _placed(self, node: Mapping[str, Any], side: str, found: Found) -> Iterator[tuple[Mapping[str, Any], Place]]:
        for artifact in items(node, side, "artifacts"):
            if _is_log(artifact) or not any(key in artifact for key in _STORES):
                continue
            if place := self._place(artifact):
                yield artifact, place
            else:
                name = artifact.get("name")
                found.unknown.append(f"where the artifact {name} lies: its repository is not in the Workflow")

    def _place(self, artifact: Mapping[str, Any]) -> Place | None:
        kind = next(key for key in _STORES if key in artifact)
        at = {**part(self.repository, kind), **part(artifact, kind)}
        match kind:
            case "http" | "artifactory":
                return Place(str(at["url"])) if at.get("url") else None
            case "gcs" | "oss" if at.get("bucket") and at.get("key"):
                return Place(f"{'gs' if kind == 'gcs' else kind}://{at['bucket']}/{at['key']}")
            case "azure" if at.get("endpoint") and at.get("container") and at.get("blob"):
                account = (urlsplit(str(at["endpoint"])).hostname or "").partition(".")[0]
                return Place(f"abfss://{at['container']}@{account}.dfs.core.windows.net/{at['blob']}")
            case "hdfs" if at.get("addresses") and at.get("path"):
                return Place(f"hdfs://{at['addresses'][0]}/{str(at['path']).lstrip('/')}")
            case "s3" if at.get("bucket") and at.get("key"):
                return self._s3(at)
        return None

    def _s3(self, at: Mapping[str, Any]) -> Place:
        endpoint, bucket, key = str(at.get("endpoint") or ""), str(at["bucket"]), str(at["key"])
        uri = f"s3://{bucket}/{key}"
        if endpoint in _AMAZON or endpoint.endswith(".amazonaws.com"):
            return Place(uri)
        store = complete_endpoint(self.cluster.name, endpoint, "http" if at.get("insecure") else "https")
        return Place(uri, f"minio://{store}/{bucket}", key.strip("/"))

    def _add_plain(self, place: Place, artifact: Mapping[str, Any], found: Found) -> None:
        """An artifact by its place alone."""
        if place.namespace:
            found.add(Dataset(place.namespace, place.name))
            return
        try:
            dataset = self.cluster.dataset(place.uri, self.namespace)
        except InvalidName as problem:
            found.unknown.append(f"where the artifact {artifact.get('name')} lies: {problem}")
            return
        if dataset is None:
            found.unresolved.append(place.uri)
        else:
            found.add(dataset)

    def _is_of_one_run(self, uri: str) -> bool:
        return any(mark in uri for mark in self.marks)


def git_of(node: Mapping[str, Any]) -> tuple[str, str]:
    """Repository and revision of the code that a task is given."""
    for artifact in items(node, "inputs", "artifacts"):
        if repository := part(artifact, "git").get("repo"):
            return str(repository), str(part(artifact, "git").get("revision") or "")
    return "", ""


def _is_log(artifact: Mapping[str, Any]) -> bool:
    """Whether an artifact is what Argo archives of a container's output."""
    keys = [str(part(artifact, kind).get(name) or "") for kind in _STORES for name in ("key", "blob")]
    return str(artifact.get("name", "")).endswith("-logs") and any(key.endswith(".log") for key in keys)
