"""Names of artifacts, and the index by which a URI finds its dataset."""

from __future__ import annotations

import json

import pytest

from headwater_operator.kfp.artifact_index import ArtifactIndex
from headwater_operator.kfp.artifact_names import dataset_kind, parse_artifact_uri
from headwater_operator.naming import Unseen
from headwater_operator.observation import Dataset

from .cluster_objects import RUN_ID, artifact, executor_input, finished, node, uri, workflow
from .replay import Json, Replay

MODEL = uri("fit", "model")


def dataset(name: str, version: str) -> Dataset:
    return Dataset("k8s://prod/ml", name, "MODEL", version)


@pytest.mark.parametrize(
    ("type_name", "kind"),
    [
        ("Model", "MODEL"),
        ("google.VertexModel", "MODEL"),
        ("google.BQMLModel", "MODEL"),
        ("Dataset", ""),
        ("Artifact", ""),
        ("", ""),
        ("Metrics", "METRICS"),
        ("Metric", "METRICS"),
        ("SlicedClassificationMetrics", "METRICS"),
        ("google.VertexEndpoint", "ENDPOINT"),
        ("google.BQTable", "TABLE"),
        ("HTML", "FILE"),
    ],
)
def test_the_type_of_an_artifact_is_a_kind_of_dataset(type_name: str, kind: str) -> None:
    assert dataset_kind(type_name) == kind


@pytest.mark.parametrize(
    "text",
    [
        MODEL,
        f"{MODEL}/",
        f"{MODEL}/tf-2000/saved_model.pb",
        f"gs://b/teams/a/train/{RUN_ID}/fit/{RUN_ID}/model",
        f"minio://mlpipeline/v2/artifacts/train/{RUN_ID}/fit/model",
        f"minio://mlpipeline/v2/artifacts/train/{RUN_ID}/fit/{RUN_ID}/model?endpoint=http://minio:9000",
    ],
)
def test_a_uri_that_a_driver_made_says_its_artifact(text: str) -> None:
    found = parse_artifact_uri(text)
    assert found is not None
    assert (found.pipeline, found.run_id, found.task, found.output) == ("train", RUN_ID, "fit", "model")
    assert found.dataset_name == "train/fit/model"


@pytest.mark.parametrize(
    "text",
    [
        "s3://raw-data/churn/customers.csv",
        f"s3://b/{RUN_ID}",
        f"s3://exports/team/{RUN_ID}/raw/customers.csv",
        "/data/x",
        "oci://r/m:1",
        "",
    ],
)
def test_other_uris_are_no_artifacts(text: str) -> None:
    assert parse_artifact_uri(text) is None


def test_the_index_gives_what_it_learnt_and_says_what_is_new() -> None:
    index = ArtifactIndex()
    assert index.lookup(MODEL, "ml") is Unseen.PRODUCER
    assert index.learn_artifacts([dataset("train/inner.fit/model", MODEL)]) == {MODEL}
    assert index.learn_artifacts([dataset("train/inner.fit/model", MODEL)]) == frozenset()
    assert index.lookup(MODEL, "serving") == dataset("train/inner.fit/model", MODEL)
    assert index.lookup("s3://raw/customers.csv", "ml") is None


@pytest.mark.parametrize("end", ["", "/", "/tf-2000/saved_model.pb"])
@pytest.mark.parametrize("scheme", ["minio", "s3"])
def test_a_server_finds_the_artifact_by_other_words_for_it(scheme: str, end: str) -> None:
    index = ArtifactIndex()
    written = MODEL.replace("s3://", "minio://")
    assert index.learn_artifacts([dataset("train/fit/model", written)]) == {written, MODEL}
    assert index.lookup(f"{scheme}://{MODEL.removeprefix('s3://')}{end}", "serving") == dataset(
        "train/fit/model", written
    )


def test_who_wrote_an_artifact_first_stays_its_producer() -> None:
    index = ArtifactIndex()
    index.learn_artifacts([dataset("train/fit/model", MODEL)])
    index.learn_artifacts([dataset("train/again.fit/model", MODEL)])
    assert index.lookup(MODEL, "ml") == dataset("train/fit/model", MODEL)


def test_the_index_is_bounded_and_keeps_what_is_asked_for() -> None:
    index = ArtifactIndex(limit=2)
    first, second, third = (uri("fit", name) for name in ("a", "b", "c"))
    index.learn_artifacts([dataset("a", first), dataset("b", second)])
    index.lookup(first, "ml")
    index.learn_artifacts([dataset("c", third)])
    assert [index.lookup(each, "ml") is Unseen.PRODUCER for each in (first, second, third)] == [False, True, False]


def reader(task: str, *inputs: Json) -> Json:
    return finished(task, executor_input({f"in-{at}": each for at, each in enumerate(inputs)}))


async def test_a_reader_waits_until_the_producer_is_seen() -> None:
    replay = await Replay(namespace="ml").see_all([reader("use", artifact("Model", uri=MODEL))])
    assert (len(replay.still_waiting), replay.events) == (1, {})
    await replay.see(finished("fit", executor_input(outputs={"model": artifact("system.Model", uri=MODEL)})))
    assert not replay.still_waiting
    assert ("train.use", "reads", "k8s://prod/ml/train/fit/model") in replay.edges()


async def test_a_nested_producer_is_named_by_its_whole_path() -> None:
    written = [uri("preprocess", "x"), uri("preprocess", "x").replace("8aa845c4", "9bb845c4")]
    makers = [
        finished(
            "preprocess", executor_input(outputs={"x": artifact(uri=each)}), node=f"train-x7f2q.root.{path}.executor"
        )
        for each, path in zip(written, ("inner.preprocess", "inner-2.preprocess"), strict=True)
    ]
    replay = await Replay(namespace="ml").see_all([reader("use", *(artifact(uri=each) for each in written)), *makers])
    assert {dataset for job, what, dataset in replay.edges() if (job, what) == ("train.use", "reads")} == {
        "k8s://prod/ml/train/inner.preprocess/x",
        "k8s://prod/ml/train/inner-2.preprocess/x",
    }


async def test_a_producer_whose_pod_is_gone_is_known_by_the_workflow() -> None:
    outputs = {"model": artifact("system.Model", uri=MODEL)}
    command = ["/kfp-launcher/launch", "--executor_input", executor_input(outputs=outputs), "--"]
    patch = {
        "name": "pod-spec-patch",
        "value": f'{{"containers": [{{"name": "main", "command": {json.dumps(command)}}}]}}',
    }
    gone = node("fit.executor", phase="Succeeded", hostNodeName="worker", inputs={"parameters": [patch]})
    replay = await Replay(namespace="ml").see_all([workflow(gone), reader("use", artifact("Model", uri=MODEL))])
    assert ("train.use", "reads", "k8s://prod/ml/train/fit/model") in replay.edges()


async def test_what_has_no_uri_is_unknown_and_nothing_is_guessed() -> None:
    replay = await Replay(namespace="ml").see_all(
        [reader("register", artifact("Metric", name="epochs", metadata={"epochs": 2}))]
    )
    assert replay.edges() == set()
    assert replay.unknown["train.register"] == ("which dataset input 'in-0' (Metric) is: it has no URI",)


async def test_metadata_of_an_input_is_a_facet_of_it() -> None:
    replay = Replay(namespace="ml")
    given = executor_input({"raw": artifact(uri="s3://raw/customers.csv", metadata={"rows": 50}, artifactId="7")})
    await replay.see(finished("fit", given))
    assert replay.dataset_facets()["s3://raw/customers.csv"]["headwater_artifact"]["metadata"] == {"rows": 50}


@pytest.mark.parametrize("written", ["system.Model", "Model"])
async def test_a_type_is_the_same_with_and_without_its_prefix(written: str) -> None:
    body = finished("fit", executor_input(outputs={"model": artifact(written, uri=MODEL)}))
    replay = await Replay(namespace="ml").see_all([body])
    assert replay.dataset_facets()["k8s://prod/ml/train/fit/model"]["headwater_artifact"]["type"] == "Model"


async def test_annotations_of_the_pod_add_to_its_artifacts() -> None:
    body = finished("fit", executor_input(outputs={"model": artifact("system.Model", uri=MODEL)}))
    body["metadata"]["annotations"] |= {"headwater.dev/inputs": "s3://raw/a.csv", "headwater.dev/outputs": "s3://out/b"}
    replay = await Replay(namespace="ml").see_all([body])
    assert replay.edges() == {
        ("train.fit", "reads", "s3://raw/a.csv"),
        ("train.fit", "writes", "s3://out/b"),
        ("train.fit", "writes", "k8s://prod/ml/train/fit/model"),
    }


async def test_an_input_that_is_no_name_hides_nothing_else() -> None:
    given = executor_input({"bad": artifact(uri="s3://"), "good": artifact(uri="s3://raw/a.csv")})
    replay = await Replay(namespace="ml").see_all([finished("fit", given)])
    assert replay.edges() == {("train.fit", "reads", "s3://raw/a.csv")}
    assert replay.unknown["train.fit"][0].startswith("which dataset input 'bad' is:")


async def test_an_executor_input_that_cannot_be_read_leaves_the_run() -> None:
    replay = await Replay(namespace="ml").see_all([finished("fit", "{broken")])
    assert [each.state for each in replay.runs().values()] == ["COMPLETE"]
    assert "--executor_input is no JSON" in replay.unknown["train.fit"][0]


async def test_a_very_long_parameter_is_cut_and_says_so() -> None:
    replay = await Replay(namespace="ml").see_all([finished("fit", executor_input(text="x" * 100_000))])
    (run,) = replay.runs().values()
    (parameter,) = run.facets["executionParameters"]["parameters"]
    assert len(parameter["value"]) < 11_000
    assert parameter["value"].endswith("(100000 characters)")
