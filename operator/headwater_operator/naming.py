"""Names of datasets: from a URI seen in a cluster to the name that means the same thing everywhere.

Names follow OpenLineage's naming rules. What is a name inside of one cluster only (a volume, an object store behind a
Service, a file of a container) is completed with the cluster, so that two clusters never mean one dataset by accident.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from headwater.names import InvalidName, dataset_name

from .observation import Dataset


class Unseen(Enum):
    """Says of a URI that it is an artifact of a pipeline's run whose producer was not seen yet."""

    PRODUCER = "PRODUCER"


ArtifactLookup = Callable[[str, str], Dataset | Unseen | None]
"""The artifact that a URI seen in a Kubernetes namespace is; None where it is none of a pipeline's."""

_SAME_SCHEME = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "oci+fetch": "oci", "oci+native": "oci"}
_SIGNED = ("x-amz-signature", "x-goog-signature", "sig", "signature", "token", "access_token")
_ROOT = "/"


class _Place(NamedTuple):
    """Where a dataset is: its lineage name, and the version that the URI names."""

    namespace: str
    name: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class ClusterNames:
    """Names things of one cluster; see kinds.adapter.Cluster.

    `object_store` is the endpoint behind `minio://` URIs, as host:port or URL. `find_artifact` goes before any rule.
    """

    name: str
    object_store: str = ""
    find_artifact: ArtifactLookup | None = None

    def namespace(self, namespace: str) -> str:
        """The lineage namespace of a Kubernetes namespace."""
        return f"k8s://{self.name}/{namespace}"

    def dataset(self, uri: str, namespace: str, *, kind: str = "") -> Dataset | None:
        """The dataset that a URI seen in a Kubernetes namespace stands for; None where its producer was not seen yet.

        Raises InvalidName.
        """
        text = uri.strip()
        found = self.find_artifact(text, namespace) if self.find_artifact else None
        if isinstance(found, Unseen):
            return None
        if found is not None:
            return found if found.kind else replace(found, kind=kind)
        place = self._place(text, namespace)
        return Dataset(place.namespace, place.name, kind, place.version)

    def _place(self, uri: str, namespace: str) -> _Place:
        scheme, mark, rest = uri.partition("://")
        scheme = _SAME_SCHEME.get(scheme.lower(), scheme.lower())
        if uri.startswith("/"):
            scheme, rest = "file", uri
        elif not mark:
            return _named(uri)
        elif not rest.strip("/"):
            raise InvalidName(uri, "names nothing: write a URI such as s3://bucket/path")
        match scheme:
            case "file" | "local":
                return _Place(f"file://{self.name}/{namespace}", "/" + rest.partition("/")[2].rstrip("/"))
            case "pvc":
                return _split(f"pvc://{self.name}/{namespace}", rest)
            case "minio":
                return _split(f"minio://{self._store()}", rest)
            case "http" | "https":
                return self._web(scheme, rest)
            case "model-registry":
                return self._registered_model(uri, rest)
            case _:
                read = _READERS.get(scheme)
                return read(uri, rest) if read else _named(f"{scheme}://{rest}")

    def _store(self) -> str:
        scheme, _, endpoint = self.object_store.rstrip("/").rpartition("://")
        return complete_endpoint(self.name, endpoint, scheme) if endpoint else self.name

    def _web(self, scheme: str, rest: str) -> _Place:
        """A download: credentials are no part of its name."""
        path, _, query = rest.partition("?")
        authority, _, path = path.partition("/")
        secret = any(key.lower() in _SIGNED for key in parse_qs(query, keep_blank_values=True))
        name = path if not query or secret else f"{path}?{query}"
        host = complete_endpoint(self.name, authority.rpartition("@")[2], scheme)
        return _Place(f"{scheme}://{host}", name.rstrip("/") or _ROOT)

    def _registered_model(self, uri: str, rest: str) -> _Place:
        """`model-registry://[host/]model[/version]`, as KServe reads it; without a host it is the cluster's own."""
        parts = rest.strip("/").split("/")
        if len(parts) > 3:
            raise InvalidName(uri, "must read model-registry://model/version or model-registry://host/model/version")
        host, model, version = parts if len(parts) == 3 else ("", *parts, "")[:3]
        return _Place(f"model-registry://{complete_endpoint(self.name, host) if host else self.name}", model, version)


def complete_endpoint(cluster: str, endpoint: str, scheme: str = "") -> str:
    """An endpoint, as host or host:port, behind its cluster's name where it means something in there only."""
    return f"{cluster}/{endpoint}" if _is_inside(endpoint, scheme) else endpoint


def _named(uri: str) -> _Place:
    """What needs no completion, as its producers name it."""
    if urlsplit(uri).netloc and not urlsplit(uri).path.strip("/"):
        return _Place(uri.rstrip("/"), _ROOT)
    name = dataset_name(uri)
    return _Place(name.namespace, name.dataset.rstrip("/") or _ROOT)


def _split(namespace: str, rest: str) -> _Place:
    """`first/path` below a namespace that the first part belongs to."""
    first, _, path = rest.partition("/")
    return _Place(f"{namespace}/{first}", path.strip("/") or _ROOT)


def _s3(_: str, rest: str) -> _Place:
    path, _, query = rest.partition("?")
    version = parse_qs(query).get("versionId", [""])[0]
    return _named(f"s3://{path}")._replace(version=version)


def _hugging_face(_: str, rest: str) -> _Place:
    """`hf://owner/repository[:revision]`, also with `@`; an old repository has no owner."""
    path, revision = _cut(rest.strip("/"))
    owner, slash, repository = path.partition("/")
    return _Place(f"hf://{owner}", repository, revision) if slash else _Place("hf://", owner, revision)


def _oci(uri: str, rest: str) -> _Place:
    registry, slash, repository = rest.partition("/")
    if not slash:
        raise InvalidName(uri, "names no repository: write oci://registry/repository:tag")
    path, version = _cut(repository)
    return _Place(f"oci://{registry}", path, version)


def _kubernetes(uri: str, rest: str) -> _Place:
    """What already has a lineage name in a cluster: its namespace has two parts."""
    parts = rest.split("/", 2)
    if len(parts) < 3 or not all(parts):
        raise InvalidName(uri, "must read k8s://cluster/namespace/name")
    return _Place(f"k8s://{parts[0]}/{parts[1]}", parts[2])


_READERS: dict[str, Callable[[str, str], _Place]] = {
    "s3": _s3,
    "hf": _hugging_face,
    "oci": _oci,
    "k8s": _kubernetes,
}


def _cut(path: str) -> tuple[str, str]:
    """Cuts a version off: a digest or revision behind `@`, else a tag behind the last `:`."""
    bare, mark, version = path.partition("@")
    if mark:
        head, _, last = bare.rpartition("/")
        return f"{head}/{last.partition(':')[0]}".lstrip("/"), version
    head, colon, tag = path.rpartition(":")
    return (head, tag) if colon and "/" not in tag else (path, "")


def _is_inside(endpoint: str, scheme: str) -> bool:
    """Whether a host means something in its own cluster only: a Service, a private address, or a name that may be one.

    `service.namespace` looks like a public domain; only the latter has HTTPS on its usual port.
    """
    parts = urlsplit(f"//{endpoint}")
    host = parts.hostname or ""
    try:
        return ip_address(host).is_private
    except ValueError:
        labels = host.split(".")
        if len(labels) == 2:
            return scheme != "https" or ":" in endpoint
        return len(labels) < 2 or labels[2] == "svc" or labels[-1] == "local"
