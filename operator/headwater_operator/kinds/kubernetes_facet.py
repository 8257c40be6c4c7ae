"""The run facet `headwater_kubernetes`: which object a run is, and of what it was made.

Its schema is published with the client, as `facets/KubernetesRunFacet.json`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..observation import Facets, ObjectRef
from .ancestry import annotations_of, labels_of
from .reading import items

KUBERNETES = "headwater_kubernetes"
COMMITS = ("headwater.dev/commit", "org.opencontainers.image.revision", "git-commit")
"""Annotations that name the commit of the code, the first that is there counts."""

REPOSITORIES = ("headwater.dev/repository", "org.opencontainers.image.source")
"""Annotations that name the repository of the code."""

_VERSION_LABEL = "app.kubernetes.io/version"
_STARTERS = (
    "workflows.argoproj.io/creator-email",
    "workflows.argoproj.io/creator-preferred-username",
    "workflows.argoproj.io/creator",
)
_CONTROLLERS = (
    "workflows.argoproj.io/",
    "pipeline/",
    "pipelines.kubeflow.org/",
    "scheduledworkflows.kubeflow.org/",
    "batch.kubernetes.io/",
    "jobset.sigs.k8s.io/",
    "katib.kubeflow.org/",
    "ray.io/",
    "kueue.x-k8s.io/",
)
_CONTROLLERS_OWN = ("controller-uid", "job-name")


@dataclass(frozen=True, slots=True)
class Image:
    """The image of a container; `digest` as in `sha256:…`, where the cluster says which one ran."""

    container: str
    name: str
    digest: str = ""

    def facet(self) -> Mapping[str, str]:
        """With its digest in its name, so that the very same can be run again."""
        pinned = f"{self.name}@{self.digest}" if self.digest and "@" not in self.name else self.name
        digest = self.digest or self.name.partition("@")[2]
        return {"container": self.container, "image": pinned, **({"digest": digest} if digest else {})}


def images_of(pod_spec: Mapping[str, Any]) -> tuple[Image, ...]:
    """The images that a pod's spec names; not those that its template still leaves open."""
    containers = [*items(pod_spec, "initContainers"), *items(pod_spec, "containers")]
    return tuple(
        Image(str(each.get("name", "")), str(each["image"]))
        for each in containers
        if each.get("image") and "{{" not in str(each["image"])
    )


def kubernetes_facet(
    chain: Sequence[ObjectRef], cluster: str, *, images: Iterable[Image] = (), service_account: str = ""
) -> Facets:
    """The facet of the run that the first object of a chain is. Says nothing that changes while it runs."""
    one, annotations, labels = chain[0], annotations_of(chain), labels_of(chain)
    facet: dict[str, object] = {
        "cluster": cluster,
        "kind": one.kind,
        "namespace": one.namespace,
        "name": one.name,
        "uid": one.uid,
        "serviceAccount": service_account,
        "images": [each.facet() for each in dict.fromkeys(images)],
        "codeVersion": _first(annotations, COMMITS) or labels.get(_VERSION_LABEL, ""),
        "startedBy": _first(labels, _STARTERS).replace(".at.", "@", 1),
        "labels": {key: value for key, value in sorted(labels.items()) if not _is_controllers(key)},
    }
    return {KUBERNETES: {name: value for name, value in facet.items() if value}}


def code_facets(chain: Sequence[ObjectRef]) -> Facets:
    """OpenLineage's job facet of the code, where annotations name repository and commit."""
    annotations = annotations_of(chain)
    repository, commit = _first(annotations, REPOSITORIES), _first(annotations, COMMITS)
    return git_facets(repository, commit) if repository and commit else {}


def git_facets(repository: str, commit: str) -> Facets:
    """OpenLineage's job facet of code in Git; `commit` may be empty."""
    facet = {"type": "git", "url": repository, "repoUrl": repository, "version": commit}
    return {"sourceCodeLocation": {name: value for name, value in facet.items() if value}}


def service_account_of(pod_spec: Mapping[str, Any]) -> str:
    """As whom a pod runs."""
    return str(pod_spec.get("serviceAccountName") or pod_spec.get("serviceAccount") or "")


def _first(found: Mapping[str, str], keys: Iterable[str]) -> str:
    return next((found[key] for key in keys if found.get(key)), "")


def _is_controllers(label: str) -> bool:
    """Whether a label is set by a controller, and may change while the object runs."""
    return label.startswith(_CONTROLLERS) or label in _CONTROLLERS_OWN
