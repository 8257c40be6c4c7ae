"""Runs that were captured, told from what the cluster showed, are what Kubeflow Pipelines says that they are."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from headwater_operator.kfp.api import ApiUnavailable, KubeflowApi

from .captured import RUNS, WATCHED, Captured, watched_objects
from .kubeflow_server import KubeflowServer
from .replay import Json, Replay

LATE_SECONDS = 2
"""How far the API's times are from the pods': it has whole seconds and is told by the launcher before it ends."""


@pytest.fixture
def folder(kfp_data: Path) -> Path:
    return kfp_data / "live"


@pytest_asyncio.fixture
async def api(folder: Path) -> AsyncIterator[KubeflowApi]:
    async with KubeflowServer(Captured.read(folder, each).truth for each in RUNS) as server:
        client = KubeflowApi(server.address)
        yield client
        await client.close()


def edges_with_versions(replay: Replay) -> set[tuple[str, str, str, str]]:
    runs = replay.runs().values()
    reads = {(each.job, "reads", *version) for each in runs for version in each.read_versions}
    return reads | {(each.job, "writes", *version) for each in runs for version in each.written_versions}


def orders(objects: list[Json]) -> dict[str, list[Json]]:
    """The same objects in different orders, and more than once."""
    twice = objects * 2
    return {
        "in order": objects,
        "reversed": objects[::-1],
        "repeated": [each for each in objects for _ in range(3)],
        "shuffled": random.Random(4).sample(twice, len(twice)),
    }


@pytest.mark.parametrize("name", RUNS)
async def test_pods_and_workflow_tell_the_runs_states_and_times(folder: Path, name: str) -> None:
    run = Captured.read(folder, name)
    replay = await Replay().see_all(run.objects)
    found = {
        run_id: (each.job, each.state, each.started_at, each.ended_at)
        for run_id, each in replay.runs().items()
        if not each.facets["headwater_kubeflow"].get("cached")
    }
    assert found == run.expected_runs()


@pytest.mark.parametrize("name", RUNS)
async def test_cached_tasks_are_successful_runs_when_the_api_says(folder: Path, name: str) -> None:
    run = Captured.read(folder, name)
    replay = await Replay().see_all(run.objects)
    cached = {each.job: each for each in replay.runs().values() if each.facets["headwater_kubeflow"].get("cached")}
    expected = {run.job(task): task["end_time"] for task in run.tasks if task["state"] == "CACHED"}
    assert cached.keys() == expected.keys()
    for job, each in cached.items():
        assert each.state == "COMPLETE"
        assert each.parent == run.workflow["metadata"]["uid"]
        assert each.started_at is not None
        assert abs(each.started_at.timestamp() - Replay.time(expected[job]).timestamp()) <= LATE_SECONDS


@pytest.mark.parametrize("name", RUNS)
async def test_without_the_api_pods_tell_the_edges(folder: Path, name: str) -> None:
    run = Captured.read(folder, name)
    replay = await Replay().see_all(run.objects)
    assert edges_with_versions(replay) == run.expected_edges(by_api=False)


@pytest.mark.parametrize("name", RUNS)
async def test_with_the_api_the_edges_are_those_of_kubeflow(folder: Path, name: str, api: KubeflowApi) -> None:
    run = Captured.read(folder, name)
    replay = await Replay(api).see_all(run.objects)
    assert edges_with_versions(replay) == run.expected_edges(by_api=True)
    assert not any(replay.unknown.values())


@pytest.mark.parametrize("with_api", [False, True], ids=["without the API", "with the API"])
@pytest.mark.parametrize("name", WATCHED)
async def test_any_order_of_what_the_watch_tells_gives_the_same_events(
    folder: Path, name: str, api: KubeflowApi, with_api: bool
) -> None:
    run = Captured.read(folder, name)
    objects = [*watched_objects(folder)[run.workflow["metadata"]["name"]], run.objects[-1]]
    replays = {order: await Replay(api if with_api else None).see_all(each) for order, each in orders(objects).items()}
    whole = await Replay(api if with_api else None).see_all(run.objects)
    for order, replay in replays.items():
        assert replay.events == whole.events, order
    assert edges_with_versions(whole) == run.expected_edges(by_api=with_api)


async def test_all_runs_together_are_what_each_is_alone(folder: Path) -> None:
    runs = [Captured.read(folder, each) for each in RUNS]
    alone = [await Replay().see_all(each.objects) for each in runs]
    together = await Replay().see_all(body for each in reversed(runs) for body in each.objects)
    assert together.events == {run_id: events for each in alone for run_id, events in each.events.items()}


async def test_without_the_api_it_is_said_what_stays_unknown(folder: Path) -> None:
    replay = await Replay().see_all(Captured.read(folder, "churn-2-cached").objects)
    assert "only the API of Kubeflow Pipelines tells" in replay.unknown["churn-training.train"][0]
    assert replay.unknown["churn-training.importer"] == ("which URI is imported: it is in the parameter 'uri'",)


async def test_measures_come_from_the_api(folder: Path, api: KubeflowApi) -> None:
    replay = await Replay(api).see_all(Captured.read(folder, "churn-1").objects)
    (train,) = [each for each in replay.runs().values() if each.job == "churn-training.train"]
    assert train.metrics == {"k8s://prod/kubeflow/churn-training/train/metrics": {"epochs": 4, "train_accuracy": 0.91}}


async def test_output_parameters_come_from_the_api(folder: Path, api: KubeflowApi) -> None:
    replay = await Replay(api).see_all(Captured.read(folder, "churn-1").objects)
    told = {each.job: each.facets.get("headwater_output_parameters") for each in replay.runs().values()}
    assert {job: facet["parameters"] for job, facet in told.items() if facet} == {
        "churn-training.preprocess": [{"key": "Output", "value": "200"}],
        "churn-training.evaluate": [{"key": "Output", "value": "0.88"}],
    }


async def test_a_run_has_its_name_and_its_parameters(folder: Path) -> None:
    run = Captured.read(folder, "churn-1")
    replay = await Replay().see_all(run.objects)
    facets = replay.runs()[run.workflow["metadata"]["uid"]].facets
    assert facets["headwater_kubeflow"]["runName"] == "churn-1"
    assert facets["headwater_kubeflow"]["runId"] == run.truth["run"]["run_id"]
    assert {each["key"]: each["value"] for each in facets["executionParameters"]["parameters"]} == {
        "data_uri": "s3://raw-data/churn/customers.csv",
        "depth": "4",
        "learning_rate": "0.1",
    }


async def test_a_task_has_its_parameters_image_and_account(folder: Path) -> None:
    replay = await Replay().see_all(Captured.read(folder, "churn-1").objects)
    (train,) = [each for each in replay.runs().values() if each.job == "churn-training.train"]
    assert train.facets["executionParameters"]["parameters"] == [
        {"key": "depth", "value": "4"},
        {"key": "learning_rate", "value": "0.1"},
    ]
    kubernetes = train.facets["headwater_kubernetes"]
    assert kubernetes["serviceAccount"] == "pipeline-runner"
    assert kubernetes["images"][0]["digest"].startswith("sha256:1d129c312cdd")


async def test_a_failed_task_says_why_and_its_run_too(folder: Path) -> None:
    run = Captured.read(folder, "fails-retried")
    replay = await Replay().see_all(run.objects)
    failed = [each for each in replay.runs().values() if each.state == "FAIL"]
    attempts = [each for each in failed if each.job == "fails-retried.exit-handler-1.fragile"]
    assert [each.error for each in attempts] == ["main: Error (exit code 1)"] * 3
    assert replay.runs()[run.workflow["metadata"]["uid"]].error.startswith("exit-handler-1.fragile: main: Error")


async def test_an_api_that_is_away_is_said_to_be_so(folder: Path) -> None:
    api = KubeflowApi("http://127.0.0.1:9")
    with pytest.raises(ApiUnavailable, match=r"http://127\.0\.0\.1:9 gives no answer"):
        await Replay(api).see_all(Captured.read(folder, "churn-1").objects)
    await api.close()


async def test_the_api_is_asked_with_the_token_in_the_file(folder: Path, tmp_path: Path) -> None:
    run = Captured.read(folder, "churn-1")
    token = tmp_path / "token"
    token.write_text("wrong\n")
    async with KubeflowServer([run.truth], token="right") as server:
        api = KubeflowApi(server.address, token)
        with pytest.raises(ApiUnavailable, match="answers 401"):
            await api.tasks(run.truth["run"]["run_id"])
        token.write_text("right\n")
        assert len(await api.tasks(run.truth["run"]["run_id"])) == 5
        assert await api.tasks("00000000-0000-0000-0000-000000000000") == ()
        await api.close()


async def test_the_api_is_asked_once_for_a_run_that_has_ended(folder: Path) -> None:
    run = Captured.read(folder, "churn-1")
    async with KubeflowServer([run.truth]) as server:
        api = KubeflowApi(server.address)
        await Replay(api).see_all(run.objects)
        await api.close()
        assert server.requests == 3  # pages
