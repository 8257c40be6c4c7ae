"""What the API adds, and that the pods hold where it says less."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from headwater_operator.kfp.api import ApiTask, ApiUnavailable, parse_task

from .cluster_objects import RUN_ID, artifact, at, executor_input, finished, node, parameters, uri, workflow
from .replay import Json, Replay


class Answers:
    """An API that gives one answer after the other, and then the last one for ever."""

    def __init__(self, *answers: list[Json]) -> None:
        self._answers = [tuple(parse_task(each) for each in answer) for answer in answers]
        self.asked: list[str] = []

    async def tasks(self, run_id: str) -> Sequence[ApiTask]:
        self.asked.append(run_id)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


class Away:
    """An API that gives no answer."""

    asked = 0

    async def tasks(self, run_id: str) -> Sequence[ApiTask]:
        self.asked += 1
        raise ApiUnavailable("away")


def given(key: str, **facts: Any) -> Json:
    """An artifact of a task, as the API lists it."""
    return {"artifact_key": key, "artifacts": [facts]}


def logs(task: str) -> Json:
    return given("executor-logs", type="Artifact", uri=uri(task, "executor-logs-0"))


def task(path: str, *, state: str = "SUCCEEDED", pod: str = "", kind: str = "RUNTIME", **sides: list[Json]) -> Json:
    name = path.rpartition(".")[2]
    return {
        "name": name,
        "task_id": f"id of {name}",
        "scope_path": f"root.{path}",
        "state": state,
        "type": kind,
        "pods": [{"name": pod, "uid": pod}],
        **{side: {"artifacts": listed} for side, listed in sides.items()},
    }


async def replayed(api: Answers, *bodies: Json) -> Replay:
    return await Replay(api, namespace="ml").see_all(bodies)


async def test_measures_that_are_read_are_joined_by_their_ids() -> None:
    measure = given("metrics", type="Metric", name="epochs", artifact_id="7", number_value=2, metadata={"epochs": 2})
    api = Answers(
        [
            task("inner.fit", outputs=[measure, logs("fit")]),
            task("register", inputs=[{**measure, "artifact_key": "scores"}], outputs=[logs("register")]),
        ]
    )
    reader = finished("register", executor_input({"scores": artifact("Metric", name="epochs", artifactId="7")}))
    replay = await replayed(api, reader)
    (run,) = replay.runs().values()
    assert run.read_versions == {("k8s://prod/ml/train/inner.fit/metrics", uri("fit", "metrics"))}
    assert replay.unknown["train.register"] == ()


async def test_measures_that_nobody_made_stay_unknown() -> None:
    api = Answers(
        [task("register", inputs=[given("scores", type="Metric", artifact_id="7")], outputs=[logs("register")])]
    )
    replay = await replayed(api, finished("register", executor_input({"scores": artifact("Metric")})))
    assert replay.unknown["train.register"] == ("which dataset input 'scores' (Metric) is: no task of the run made it",)


async def test_what_the_component_noted_of_its_output_is_a_facet() -> None:
    model = uri("fit", "model")
    api = Answers(
        [task("fit", outputs=[given("model", type="Model", uri=model, metadata={"framework": "x"}), logs("fit")])]
    )
    body = finished("fit", executor_input(outputs={"model": artifact("system.Model", uri=model)}))
    facets = (await replayed(api, body)).dataset_facets()
    assert facets["k8s://prod/ml/train/fit/model"]["headwater_artifact"]["metadata"] == {"framework": "x"}


async def test_an_output_that_was_put_elsewhere_is_there_too() -> None:
    planned = executor_input(outputs={"model": artifact("system.Model", uri=uri("fit", "model"))})
    api = Answers([task("fit", outputs=[given("model", type="Model", uri="s3://models/best"), logs("fit")])])
    (run,) = (await replayed(api, finished("fit", planned))).runs().values()
    assert run.written_versions == {("k8s://prod/ml/train/fit/model", "s3://models/best"), ("s3://models/best", "")}


async def test_where_the_api_says_running_for_ever_the_pod_holds() -> None:
    api = Answers([task("fit", state="RUNNING")])
    replay = await replayed(api, finished("fit", executor_input({"raw": artifact(uri="s3://raw/a")}), code=143))
    (run,) = replay.runs().values()
    assert (run.state, run.reads, run.writes) == ("FAIL", {"s3://raw/a"}, set())


async def test_a_task_that_the_api_does_not_know_is_as_its_pod_says() -> None:
    body = finished("fit", executor_input(outputs={"model": artifact("system.Model", uri=uri("fit", "model"))}))
    assert (await replayed(Answers([]), body)).events == (await Replay(namespace="ml").see_all([body])).events


async def test_the_start_is_the_same_with_and_without_the_api() -> None:
    body = finished("fit", executor_input(outputs={"model": artifact("system.Model", uri=uri("fit", "model"))}))
    api = Answers(
        [task("fit", outputs=[given("model", type="Model", uri=uri("fit", "model"), artifact_id="9"), logs("fit")])]
    )
    (with_api,) = (await replayed(api, body)).events.values()
    (without,) = (await Replay(namespace="ml").see_all([body])).events.values()
    assert len(with_api & without) == 1


async def test_an_answer_from_before_the_end_is_not_taken_for_the_end() -> None:
    model = given("model", type="Model", uri=uri("fit", "model"))
    after = [task("prepare", outputs=[logs("prepare")]), task("fit", outputs=[model, logs("fit")])]
    api = Answers([after[0], task("fit", state="RUNNING")], after)
    replay = await replayed(api, finished("prepare"), finished("fit"), finished("fit"))
    assert ("train.fit", "writes", "k8s://prod/ml/train/fit/model") in replay.edges()
    assert api.asked == [RUN_ID, RUN_ID]


async def test_the_log_of_a_failed_attempt_is_not_taken_for_the_end() -> None:
    model = given("model", type="Model", uri=uri("fit", "model"))
    api = Answers([task("fit", state="RUNNING", outputs=[logs("fit")])], [task("fit", outputs=[model, logs("fit")])])
    attempts = [finished("fit", code=code, node=f"train-x7f2q.root.fit.executor({n})") for n, code in enumerate((1, 0))]
    replay = await replayed(api, *attempts)
    assert replay.edges() == {("train.fit", "writes", "k8s://prod/ml/train/fit/model")}


async def test_tasks_that_end_together_share_an_answer() -> None:
    names = [f"t{number}" for number in range(5)]
    api = Answers([task(each, outputs=[logs(each)]) for each in names])
    replay = Replay(api, namespace="ml")
    await asyncio.gather(*(replay.see(finished(each)) for each in names))
    assert api.asked == [RUN_ID]


async def test_an_api_that_is_away_is_left_alone_for_a_while() -> None:
    api = Away()
    replay = Replay(api, namespace="ml")
    for _ in range(3):
        with pytest.raises(ApiUnavailable, match="away"):
            await replay.see(finished("fit"))
    assert api.asked == 1


def cached(path: str) -> list[Json]:
    """The nodes of a task that was taken from the cache."""
    driver = {"startedAt": at(3), "finishedAt": at(6), "outputs": parameters(cached_decision="true", pod_spec_patch="")}
    return [
        node(f"{path}-driver", template="system-container-driver", phase="Succeeded", hostNodeName="worker", **driver),
        node(f"{path}.executor", "Skipped", phase="Skipped", startedAt=at(8), finishedAt=at(8)),
    ]


def driver_pod(path: str) -> str:
    return str(cached(path)[0]["id"]).replace("train-x7f2q-", "train-x7f2q-system-container-driver-")


async def test_a_chain_of_cached_tasks_is_joined_by_the_artifacts_of_another_run() -> None:
    old = {name: uri(name, "out").replace(RUN_ID, "00000000-1111-2222-3333-444444444444") for name in ("a", "b")}
    made = {name: given("out", type="Dataset", uri=each) for name, each in old.items()}
    api = Answers(
        [
            task("inner.a", state="CACHED", pod=driver_pod("inner.a"), outputs=[made["a"], logs("a")]),
            task("inner.b", state="CACHED", inputs=[made["a"]], outputs=[made["b"], logs("b")]),
        ]
    )
    replay = await replayed(api, workflow(*cached("inner.a"), *cached("inner.b")))
    assert replay.edges() == {
        ("train.inner.a", "writes", "k8s://prod/ml/train/inner.a/out"),
        ("train.inner.b", "reads", "k8s://prod/ml/train/inner.a/out"),
        ("train.inner.b", "writes", "k8s://prod/ml/train/inner.b/out"),
    }
    assert not replay.still_waiting


async def test_a_task_that_reads_what_a_cached_task_names_finds_it() -> None:
    old = uri("a", "out").replace(RUN_ID, "00000000-1111-2222-3333-444444444444")
    api = Answers(
        [
            task("a", state="CACHED", outputs=[given("out", type="Dataset", uri=old), logs("a")]),
            task("use", inputs=[given("in", type="Dataset", uri=old)], outputs=[logs("use")]),
        ]
    )
    reader = finished("use", executor_input({"in": artifact("Dataset", uri=old)}))
    for objects in ([reader, workflow(*cached("a"))], [workflow(*cached("a")), reader]):
        replay = await replayed(api, *objects)
        assert ("train.use", "reads", "k8s://prod/ml/train/a/out") in replay.edges()


async def test_a_cached_task_names_the_artifact_of_the_task_that_made_it() -> None:
    out = uri("a", "out")
    maker = finished("a", executor_input(outputs={"out": artifact(uri=out)}), node="train-x7f2q.root.inner.a.executor")
    api = Answers(
        [
            {**task("inner.a", outputs=[given("out", type="Dataset", uri=out), logs("a")]), "task_id": "id of a"},
            {
                **task("inner-2.a", state="CACHED", outputs=[given("out", type="Dataset", uri=out), logs("a")]),
                "task_id": "other",
            },
        ]
    )
    replay = await replayed(api, maker, workflow(*cached("inner-2.a")))
    assert {each for each in replay.edges() if each[0] == "train.inner-2.a"} == {
        ("train.inner-2.a", "writes", "k8s://prod/ml/train/inner.a/out")
    }


async def test_iterations_of_a_cached_task_are_told_apart_by_their_drivers() -> None:
    made = [given("out", type="Dataset", uri=f"s3://b/{item}") for item in range(2)]
    paths = [f"loop.iteration-iterations({item}:{item}).a" for item in range(2)]
    api = Answers(
        [
            {**task("loop.a", state="CACHED", pod=driver_pod(path), outputs=[each, logs("a")]), "task_id": path}
            for path, each in zip(paths, made, strict=True)
        ]
    )
    replay = await replayed(api, workflow(*(each for path in paths for each in cached(path))))
    runs = [each for each in replay.runs().values() if each.job == "train.loop.a"]
    assert sorted(each.facets["headwater_kubeflow"]["iterations"] for each in runs) == [[0], [1]]
    assert {version for each in runs for _, version in each.written_versions if version} == {"s3://b/0", "s3://b/1"}


async def test_an_importer_with_a_parameter_is_told_by_the_api() -> None:
    body = finished("load", node="train-x7f2q.root.load")
    body["metadata"]["labels"]["pipelines.kubeflow.org/pod-role"] = "importer"
    body["spec"]["containers"][1] = {
        "name": "main",
        "command": ["argoexec", "emissary", "--", "launcher-v2"],
        "args": ["--pipeline_name", "train", "--importer_spec", '{"artifactUri": {"runtimeParameter": "uri"}}'],
    }
    imported = given("artifact", type="Dataset", uri="s3://raw/customers.csv")
    api = Answers([task("load", kind="IMPORTER", outputs=[imported])])
    assert (await replayed(api, body)).edges() == {("train.load", "writes", "s3://raw/customers.csv")}
    assert (await Replay(namespace="ml").see_all([body])).edges() == set()


async def test_output_parameters_come_from_the_api_and_long_ones_are_cut() -> None:
    listed = [{"parameter_key": "accuracy", "value": 0.93}, {"parameter_key": "report", "value": "x" * 300_000}]
    answer = {**task("fit", outputs=[logs("fit")])}
    answer["outputs"]["parameters"] = listed
    (run,) = (await replayed(Answers([answer]), finished("fit"))).runs().values()
    accuracy, report = run.facets["headwater_output_parameters"]["parameters"]
    assert accuracy == {"key": "accuracy", "value": "0.93"}
    assert report == {"key": "report", "value": "x" * 10_000 + "... (300000 characters)"}


async def test_a_pod_that_is_gone_is_found_in_the_api_by_its_name() -> None:
    spec = json.dumps({"artifactUri": {"runtimeParameter": "uri"}, "typeSchema": {"schemaTitle": "system.Dataset"}})
    facts = {"phase": "Succeeded", "startedAt": at(3), "finishedAt": at(5), "hostNodeName": "worker"}
    importers = [
        node(f"loop.iteration-iterations({item}:{item}).importer", template="system-importer", **facts)
        | {"inputs": parameters(importer=spec)}
        for item in range(2)
    ]
    names = [f"train-x7f2q-system-importer-{each['id'].rpartition('-')[2]}" for each in importers]
    answers = [
        task(
            "loop.importer",
            kind="IMPORTER",
            pod=name,
            outputs=[given("artifact", type="Dataset", uri=f"s3://raw/{name}")],
        )
        for name in names
    ]
    replay = await (await replayed(Answers(answers), workflow(*importers))).without_pods()
    assert {uri for each in replay.runs().values() for uri in each.writes} == {f"s3://raw/{name}" for name in names}
