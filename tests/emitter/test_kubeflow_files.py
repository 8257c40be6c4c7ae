"""What is found of a task's outputs in its volumes, and what is told of it."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from headwater.events import to_open_lineage
from headwater_emitter.kubeflow_files import Budget, find_outputs, measure
from headwater_emitter.kubeflow_outputs import NoMetadata, read_noted, task_event
from headwater_emitter.pod import KubeflowTask, OutputArtifact, RunName

SCHEMAS = Path(__file__).parents[2] / "client" / "headwater" / "facets"
RUN = RunName(run_id="0199a0f0-0000-7000-8000-000000000001", namespace="k8s://prod/ml", name="churn.train")


def budget(most: int = 2**30, seconds: float = 60) -> Budget:
    return Budget(most, time.monotonic() + seconds)


def artifact(folder: Path, name: str, kind: str = "Model") -> OutputArtifact:
    return OutputArtifact(
        name=name,
        namespace="k8s://prod/ml",
        dataset=f"churn/train/{name}",
        version=f"minio://bucket/{name}",
        path=folder / name,
        type=kind,
    )


@pytest.fixture
def task(tmp_path: Path) -> KubeflowTask:
    """A task that may write a model, measures, and two parameters."""
    return KubeflowTask(
        run=RUN,
        metadata_path=tmp_path / "output_metadata.json",
        parameters={"rows": tmp_path / "rows", "note": tmp_path / "note"},
        artifacts=(
            artifact(tmp_path, "model"),
            artifact(tmp_path, "scores", "Metrics"),
            artifact(tmp_path, "unwritten"),
        ),
    )


def note(task: KubeflowTask, **artifacts: dict[str, Any]) -> None:
    """Writes what an executor that ends well does, as KFP's own SDK writes it."""
    listed = {
        name: {"artifacts": [{"name": name, "uri": f"minio://bucket/{name}", "metadata": metadata}]}
        for name, metadata in artifacts.items()
    }
    assert task.metadata_path is not None
    task.metadata_path.write_text(json.dumps({"parameterValues": {"accuracy": 0.93}, "artifacts": listed}))
    os.utime(task.metadata_path, ns=(0, 1_790_000_000_123_456_000))


def told(task: KubeflowTask, *, is_last: bool = False, within: Budget | None = None) -> dict[str, Any] | None:
    """The event about what the task left."""
    found = find_outputs(task, within or budget(), is_last=is_last)
    event = task_event(task, found) if found else None
    return json.loads(to_open_lineage(event)) if event else None


def output(event: dict[str, Any] | None, name: str) -> dict[str, Any]:
    assert event is not None
    (found,) = [each for each in event["outputs"] if each["name"] == f"churn/train/{name}"]
    return dict(found)


def test_outputs_are_told_with_what_the_executor_noted_and_what_lies_in_them(task: KubeflowTask) -> None:
    task.artifacts[0].path.write_bytes(b"weights")
    note(task, model={"framework": "sklearn"}, scores={"auc": 0.91, "n": 3, "best": True, "by": "ann"})
    event = told(task)
    assert event is not None
    assert event["run"]["runId"] == RUN.run_id
    assert event["job"] == {"namespace": "k8s://prod/ml", "name": "churn.train"}
    assert "eventType" not in event
    assert event["eventTime"].startswith("2026-09-2")
    assert len(event["outputs"]) == 2, "what was neither noted nor written is no output"
    model = output(event, "model")
    assert model["facets"]["version"]["datasetVersion"] == "minio://bucket/model"
    content, statistics = (model["outputFacets"][name] for name in ("headwater_content", "outputStatistics"))
    assert content["metadata"] == {"framework": "sklearn"}
    assert content["sha256"] == hashlib.sha256(b"weights").hexdigest()
    assert (statistics["size"], statistics["fileCount"]) == (7, 1)
    measures = output(event, "scores")["outputFacets"]["headwater_metrics"]["metrics"]
    assert measures == [{"name": "auc", "value": 0.91}, {"name": "n", "value": 3.0}]
    (parameter,) = event["run"]["facets"]["headwater_output_parameters"]["parameters"]
    assert parameter == {"key": "accuracy", "value": "0.93"}


@pytest.mark.parametrize(
    ("file", "definition"),
    [("ContentOutputDatasetFacet", "headwater_content"), ("OutputParametersRunFacet", "headwater_output_parameters")],
)
def test_the_facets_are_as_their_schemas_say(task: KubeflowTask, file: str, definition: str) -> None:
    task.artifacts[0].path.write_bytes(b"weights")
    note(task, model={"framework": "sklearn"})
    event = told(task)
    assert event is not None
    facets = {**event["run"]["facets"], **output(event, "model")["outputFacets"]}
    schema = json.loads((SCHEMAS / f"{file}.json").read_text())
    jsonschema.validate(facets[definition], {**schema["$defs"][file]["allOf"][1], "$defs": schema["$defs"]})


def test_the_same_files_make_the_same_event(task: KubeflowTask) -> None:
    for name in ("b", "a/c", "a/b"):
        (task.artifacts[0].path / name).parent.mkdir(parents=True, exist_ok=True)
        (task.artifacts[0].path / name).write_text(name)
    note(task, model={"z": 1, "a": 2})
    events = [task_event(task, found) for _ in range(2) if (found := find_outputs(task, budget(), is_last=False))]
    assert len({event.SerializeToString(deterministic=True) for event in events if event}) == 1


def test_a_folders_checksum_is_that_of_what_sha256sum_says_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "m" / "deep").mkdir(parents=True)
    (tmp_path / "m" / "b").write_text("1")
    (tmp_path / "m" / "deep" / "a").write_text("2")
    (tmp_path / "m" / "link").symlink_to("/etc/passwd")
    lines = "".join(f"{hashlib.sha256(text).hexdigest()}  {name}\n" for text, name in ((b"1", "b"), (b"2", "deep/a")))
    found = measure(tmp_path / "m", budget())
    assert found is not None
    assert (found.size, found.files, found.left_out) == (2, 2, "")
    assert found.sha256 == hashlib.sha256(lines.encode()).hexdigest()


def test_a_failed_task_wrote_nothing_whatever_lies_there(task: KubeflowTask) -> None:
    task.artifacts[0].path.write_bytes(b"half of it")
    assert told(task) is None
    assert told(task, is_last=True) is None


def test_parameters_of_a_task_that_notes_nothing_are_told_at_the_end(task: KubeflowTask) -> None:
    task.artifacts[0].path.write_bytes(b"whole, for all one knows")
    task.parameters["rows"].write_text("10")
    assert told(task) is None, "they may still be written"
    event = told(task, is_last=True)
    assert event is not None
    assert event["run"]["facets"]["headwater_output_parameters"]["parameters"] == [{"key": "rows", "value": "10"}]
    assert "outputs" not in event


def test_a_task_put_its_output_elsewhere(task: KubeflowTask) -> None:
    note(task, model={})
    assert task.metadata_path is not None
    task.metadata_path.write_text(task.metadata_path.read_text().replace("minio://bucket/model", "s3://other/m"))
    model = output(told(task), "model")
    assert model["outputFacets"]["headwater_content"]["uri"] == "s3://other/m"
    assert model["facets"]["version"]["datasetVersion"] == "minio://bucket/model", "the operator's event says the same"


@pytest.mark.parametrize(
    "text", ['{"artifacts": {"model"', "[]", "", '{"artifacts": 3}', '{"artifacts":{"m":{"artifacts":[3]}}}']
)
def test_a_half_written_note_is_none_yet(task: KubeflowTask, text: str) -> None:
    assert task.metadata_path is not None
    task.metadata_path.write_text(text)
    assert told(task) is None
    with pytest.raises(NoMetadata):
        read_noted(text.encode())


def test_what_is_too_large_to_read_is_told_with_its_size_and_why(task: KubeflowTask) -> None:
    task.artifacts[0].path.write_bytes(bytes(5000))
    note(task, model={})
    facets = output(told(task, within=budget(most=4000)), "model")["outputFacets"]
    assert facets["outputStatistics"]["size"] == 5000
    assert "sha256" not in facets["headwater_content"]
    assert facets["headwater_content"]["leftOut"] == "has 5000 bytes; 4000 more are read of one task"


def test_what_takes_too_long_to_read_is_told_with_its_size_and_why(task: KubeflowTask) -> None:
    task.artifacts[0].path.write_bytes(bytes(5000))
    note(task, model={})
    facets = output(told(task, within=budget(seconds=-1)), "model")["outputFacets"]
    assert facets["headwater_content"]["leftOut"] == "took too long to read"


def test_files_that_come_and_go_meanwhile_are_no_failure(tmp_path: Path) -> None:
    folder, is_over = tmp_path / "m", threading.Event()
    folder.mkdir()

    def churn() -> None:
        while not is_over.is_set():
            for number in range(20):
                (folder / str(number)).write_bytes(bytes(number * 100))
            for number in range(20):
                (folder / str(number)).unlink()

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        found = [measure(folder, budget()) for _ in range(200)]
    finally:
        is_over.set()
        thread.join()
    assert all(each is not None and (each.sha256 or each.left_out) for each in found)


def test_a_file_that_may_not_be_read_or_is_none_is_said_to_be(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert measure(tmp_path / "pipe", budget()) is None, "reading it would wait for ever"
    assert measure(tmp_path / "nothing", budget()) is None
