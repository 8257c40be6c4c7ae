"""Captured runs: the objects of the cluster, and what Kubeflow Pipelines itself answers of them."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

Json = dict[str, Any]
Edge = tuple[str, str, str, str]
"""A job, `reads` or `writes`, the address of a dataset, and the version of it."""

EXECUTING = ("container-executor", "importer")
RUNS = ("branch-heads", "churn-1", "churn-2-cached", "fails-retried", "shell", "side-good")
WATCHED = ("churn-1", "fails-retried", "side-good")


@dataclass(frozen=True)
class Captured:
    """One run with the pods at their end, the Workflow at its end, and the answers of the API."""

    name: str
    pods: tuple[Json, ...]
    workflow: Json
    truth: Json

    @classmethod
    def read(cls, folder: Path, name: str) -> Captured:
        """Reads a run from the folder of captured runs."""
        files = sorted((folder / "pods").glob(f"{name}--*.json"))
        pods = [pod for file in files for pod in json.loads(file.read_text())["stored"]]
        workflow = json.loads((folder / "workflows" / f"{name}.json").read_text())
        truth = json.loads((folder / "truth" / f"{name}.json").read_text())
        return cls(name, tuple(pods), workflow, truth)

    @property
    def objects(self) -> list[Json]:
        """Everything that is to be seen in the cluster."""
        return [*self.pods, {"kind": "Workflow", **self.workflow}]

    @property
    def pipeline(self) -> str:
        """The pipeline's name."""
        return str(self.workflow["metadata"]["generateName"]).removesuffix("-")

    @property
    def tasks(self) -> list[Json]:
        """The tasks that execute something, as the API tells them."""
        return [each for each in self.truth["tasks"]["tasks"] if each["type"] in ("RUNTIME", "IMPORTER")]

    def job(self, task: Json) -> str:
        """The name of a task's job."""
        return f"{self.pipeline}.{task['scope_path'].removeprefix('root.')}"

    def expected_runs(self) -> dict[str, tuple[str, str, datetime, datetime]]:
        """Job, last state and times of each run by its id: of the Workflow and of each pod that executed a task."""
        uid, status = self.workflow["metadata"]["uid"], self.workflow["status"]
        states = {"SUCCEEDED": "COMPLETE", "FAILED": "FAIL"}
        found = {
            uid: (
                self.pipeline,
                states[self.truth["run"]["state"]],
                _time(status["startedAt"]),
                _time(self.truth["run"]["finished_at"]),
            )
        }
        jobs = {pod["uid"]: self.job(task) for task in self.tasks for pod in task["pods"]}
        for pod in self.pods:
            metadata = pod["metadata"]
            if metadata["labels"]["pipelines.kubeflow.org/pod-role"] in EXECUTING:
                (main,) = [each for each in pod["status"]["containerStatuses"] if each["name"] == "main"]
                ended = main["state"]["terminated"]
                state = "FAIL" if ended["exitCode"] else "COMPLETE"
                run_id = str(uuid5(UUID(uid), metadata["annotations"]["workflows.argoproj.io/node-id"]))
                times = (_time(ended["startedAt"]), _time(ended["finishedAt"]))
                found[run_id] = (jobs[metadata["uid"]], state, *times)
        return found

    def expected_edges(self, *, by_api: bool) -> set[Edge]:
        """The edges by the API's table of artifacts and tasks; without the API, those that no pod names are missing."""
        tasks = {each["task_id"]: each for each in self.tasks}
        artifacts = {each["artifact_id"]: each for each in self.truth["artifacts"]}
        rows = [each for each in self.truth["artifact_tasks"]["artifact_tasks"] if each["key"] != "executor-logs"]
        datasets = {}
        for row in rows:
            if row["type"] == "OUTPUT" and row["task_id"] in tasks:
                task, uri = tasks[row["task_id"]], artifacts[row["artifact_id"]].get("uri", "")
                is_imported = task["type"] == "IMPORTER"
                name = self.job(task).removeprefix(f"{self.pipeline}.")
                logical = f"k8s://prod/kubeflow/{self.pipeline}/{name}/{row['key']}"
                version = "" if is_imported else uri or self._measures_uri(task, row["key"])
                datasets[row["artifact_id"]] = (uri if is_imported else logical, version)
        return {
            (self.job(task), "writes" if row["type"] == "OUTPUT" else "reads", *datasets[row["artifact_id"]])
            for row in rows
            if (task := tasks.get(row["task_id"])) and (by_api or self._is_in_a_pod(row, task))
        }

    def _is_in_a_pod(self, row: Json, task: Json) -> bool:
        return task["state"] != "CACHED" and not (task["type"] == "IMPORTER" and row["type"] == "OUTPUT")

    def _measures_uri(self, task: Json, key: str) -> str:
        """Where measures are: the pod plans them beside the log."""
        (logs,) = [each for each in task["outputs"]["artifacts"] if each["artifact_key"] == "executor-logs"]
        return f"{logs['artifacts'][0]['uri'].rpartition('/')[0]}/{key}"


@cache
def watched_objects(folder: Path) -> dict[str, list[Json]]:
    """What the watch on pods told, in order, by the name of the Workflow."""
    found: dict[str, list[Json]] = {}
    with gzip.open(folder / "watch-events.jsonl.gz", "rt") as lines:
        for line in lines:
            pod = json.loads(line)["object"]
            found.setdefault(pod["metadata"]["labels"]["workflows.argoproj.io/workflow"], []).append(pod)
    return found


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None)
