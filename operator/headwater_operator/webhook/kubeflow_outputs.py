"""What a task of Kubeflow Pipelines leaves in volumes that the emitter can see too. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from headwater_emitter.pod import KubeflowTask, OutputArtifact, RunName

from ..kfp.executor_input import parse_executor_input
from ..kfp.life import main_container
from ..kfp.task import Task, output_dataset
from ..kinds.reading import items, part
from ..naming import ClusterNames

SCRATCH_VOLUMES = ("minio-scratch", "s3-scratch", "gcs-scratch")
"""Volumes of a task in which Kubeflow's launcher keeps what is written until it is uploaded (2.15 and later)."""

_FOLDERS = {"minio": "/minio", "s3": "/s3", "gs": "/gcs"}


@dataclass(frozen=True, slots=True)
class Scratch:
    """A volume of the pod, and where its containers see it."""

    volume: str
    path: PurePosixPath


def scratch_of(pod: Mapping[str, Any]) -> tuple[Scratch, ...]:
    """Those of the scratch volumes that the pod has and its task writes to."""
    there = {each.get("name") for each in items(pod, "spec", "volumes")}
    mounted = items(main_container(part(pod, "spec")), "volumeMounts")
    return tuple(
        Scratch(each["name"], PurePosixPath(each["mountPath"]))
        for each in mounted
        if each.get("name") in SCRATCH_VOLUMES and each["name"] in there and not each.get("subPath")
    )


def kubeflow_task(task: Task, run: RunName, scratch: tuple[Scratch, ...], names: ClusterNames) -> KubeflowTask:
    """What the task leaves in the scratch volumes. Raises ValueError where its input cannot be read."""
    given = parse_executor_input(task.flags.get("executor_input", ""))
    files = ((name, _seen(path, scratch)) for name, path in given.parameter_files.items())
    return KubeflowTask(
        run=run,
        metadata_path=_seen(given.output_file, scratch),
        parameters={name: path for name, path in files if path},
        artifacts=tuple(_artifacts(task, scratch, names)),
    )


def _artifacts(task: Task, scratch: tuple[Scratch, ...], names: ClusterNames) -> Iterator[OutputArtifact]:
    for each in parse_executor_input(task.flags["executor_input"]).outputs:
        scheme, mark, rest = each.uri.partition("://")
        path = _seen(f"{_FOLDERS[scheme]}/{rest}", scratch) if mark and scheme in _FOLDERS else None
        if path is not None:
            found = output_dataset(task, each, names)
            yield OutputArtifact(each.key, found.namespace, found.name, found.version, path, each.type)


def _seen(path: str, scratch: tuple[Scratch, ...]) -> Path | None:
    """A path, where it lies in a scratch volume."""
    found = PurePosixPath(path)
    if ".." in found.parts or not any(found.is_relative_to(each.path) for each in scratch):
        return None
    return Path(found)
