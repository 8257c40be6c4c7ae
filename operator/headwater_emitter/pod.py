"""What only the pod knows, as the webhook writes it into the emitter's environment and the emitter reads it.

The one definition of both halves: `Pod` is a group of the emitter's settings, so each member is also a flag and a
variable (`node` is `HEADWATER_NODE`). All of it is optional; beside a legacy host there is no pod.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from headwater.program.settings import setting
from headwater.program.values import Unreadable

T = TypeVar("T")


class Owner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One owner of the pod. `kind` is such as `Job.batch`."""

    kind: str
    name: str
    uid: str


class RunName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A run that the operator reports: its id, and its job's namespace and name."""

    run_id: str
    namespace: str
    name: str


class OutputArtifact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An artifact that a task of Kubeflow Pipelines is to write: the dataset that it is, and where it lies in the pod.

    `name` is that of the output, `namespace` and `dataset` name the dataset as the operator does, `version` is the
    version as the operator names it, and `path` is the file or folder in the emitter's file system. `type` is the
    artifact's, without `system.`; what a task notes of its Metrics are measures.
    """

    name: str
    namespace: str
    dataset: str
    version: str
    path: Path
    type: str = ""


class KubeflowTask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a task of Kubeflow Pipelines leaves in volumes that the emitter sees too.

    `run` is the task's run. `metadata_path` is the executor's `output_metadata.json`, None where no such volume holds
    it; `parameters` are the files of output parameters by name.
    """

    run: RunName
    metadata_path: Path | None = None
    parameters: dict[str, Path] = {}
    artifacts: tuple[OutputArtifact, ...] = ()


def _read_json(kind: type[T], example: str) -> Callable[[str], T]:
    decoder = msgspec.json.Decoder(kind, dec_hook=lambda wanted, value: wanted(value))  # paths

    def read(text: str) -> T:
        try:
            return decoder.decode(text)
        except msgspec.DecodeError as error:
            raise Unreadable(f"is not the JSON that is meant: {error}", f"write it as {example}") from error

    return read


@dataclass(frozen=True, kw_only=True)
class Pod:
    """The pod, as far as admission and the downward API can tell."""

    cluster: str = setting("", str, "The cluster's name, as the operator has it.")
    pod_namespace: str = setting("", str, "The pod's namespace.")
    pod_name: str = setting("", str, "The pod's name.")
    pod_uid: str = setting("", str, "The pod's UID.")
    node: str = setting("", str, "The node on which it runs.")
    service_account: str = setting("", str, "As whom it runs.")
    pipeline: str = setting("", str, "The LineagePipeline that covers it.")
    owners: tuple[Owner, ...] = setting(
        (),
        _read_json(tuple[Owner, ...], '[{"kind":"Job.batch","name":"load","uid":"…"}]'),
        "Its owners as JSON, the nearest first.",
    )
    images: dict[str, str] | None = setting(
        None, _read_json(dict[str, str], '{"main":"registry/image@sha256:…"}'), "The image of each container, as JSON."
    )
    labels: dict[str, str] | None = setting(
        None, _read_json(dict[str, str], '{"team":"fraud"}'), "Those of its labels that the pipeline chose, as JSON."
    )
    parent_run: RunName | None = setting(
        None,
        _read_json(RunName, '{"run_id":"…","namespace":"k8s://prod/team-a","name":"load"}'),
        "The run that the operator reports for it, as JSON: the parent of runs that have none.",
    )
    root_run: RunName | None = setting(
        None, _read_json(RunName, '{"run_id":"…","namespace":"…","name":"…"}'), "The run at the root, as JSON."
    )
    kubeflow_task: KubeflowTask | None = setting(
        None, _read_json(KubeflowTask, '{"run":{…}}'), "What a task of Kubeflow Pipelines leaves behind, as JSON."
    )
