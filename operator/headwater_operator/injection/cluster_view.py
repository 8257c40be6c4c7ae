"""What is known of the cluster when a pod is admitted: all that the decision goes by beside the pod. Does no I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ..kinds import ADAPTERS
from ..naming import ClusterNames
from ..observation import ObjectRef
from ..pipeline.coverage import Coverage
from ..watched_kinds import WatchedKinds

_DIGITS = re.compile(r"\d+")


class KubernetesVersion(NamedTuple):
    """The version of the API server."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"

    @classmethod
    def read(cls, major: str, minor: str) -> KubernetesVersion:
        """The version as `/version` tells it; some providers write `29+`. Raises ValueError."""
        found = [_DIGITS.match(text) for text in (major, minor)]
        if not all(found):
            raise ValueError(f"{major!r}.{minor!r} is no version of Kubernetes")
        return cls(*(int(each.group()) for each in found if each))


@dataclass
class ClusterView:
    """The cluster by its name, its version, the labels of its namespaces, and the pipelines that are declared."""

    cluster: str
    version: KubernetesVersion | None = None
    namespaces: dict[str, Mapping[str, str]] = field(default_factory=dict)
    coverage: Coverage = field(init=False)
    kinds: WatchedKinds = field(init=False)
    names: ClusterNames = field(init=False)

    def __post_init__(self) -> None:
        self.coverage = Coverage(self.cluster)
        self.kinds = WatchedKinds(ADAPTERS)
        self.names = ClusterNames(self.cluster)


@dataclass(frozen=True, slots=True)
class Owners:
    """The controllers of a pod, the nearest first. `guessed` names those of which only the reference is known."""

    chain: tuple[ObjectRef, ...] = ()
    guessed: tuple[str, ...] = ()
