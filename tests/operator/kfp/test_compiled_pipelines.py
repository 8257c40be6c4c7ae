"""Every compiled pipeline, played through, has exactly the edges of its specification."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import yaml

from headwater_operator.naming import ClusterNames

from .conftest import KFP_DATA
from .expected_edges import edges_of
from .replay import Replay
from .simulation import Dialect, Simulation

PIPELINES = sorted((KFP_DATA / "compiled-workflows").glob("*.yaml")) or [Path("none.yaml")]
DIALECTS = [
    pytest.param(Dialect(wraps_nodes=False, has_metadata_store=True), id="2.x"),
    pytest.param(Dialect(wraps_nodes=True, has_metadata_store=False), id="3"),
]


def imported(uri: str) -> str:
    dataset = ClusterNames("prod").dataset(uri, "kubeflow")
    assert dataset is not None
    return f"{dataset.namespace}/{dataset.name}"


@pytest.mark.usefixtures("kfp_data")
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.stem)
async def test_a_compiled_pipeline_has_the_edges_of_its_specification(path: Path, dialect: Dialect) -> None:
    compiled = yaml.safe_load(path.read_text())
    found = set()
    for conditions_hold in (True, False):
        pods = Simulation(compiled, dialect, conditions_hold=conditions_hold).pods
        shuffled = random.Random(path.name).sample(pods * 2, 2 * len(pods))
        replays = [await Replay().see_all(each) for each in (pods, pods[::-1], shuffled)]
        assert all(each.events == replays[0].events for each in replays)
        assert not replays[0].still_waiting
        found |= replays[0].edges()
    assert found == edges_of(compiled, imported)


@pytest.mark.usefixtures("kfp_data")
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.stem)
async def test_its_workflow_alone_tells_the_same_runs_and_edges(path: Path, dialect: Dialect) -> None:
    compiled = yaml.safe_load(path.read_text())
    found = set()
    for conditions_hold in (True, False):
        play = Simulation(compiled, dialect, conditions_hold=conditions_hold)
        gone = await (await Replay().see_all([play.workflow])).without_pods()
        there = await Replay().see_all([play.workflow, *play.pods])
        assert {key: (run.job, run.state) for key, run in gone.runs().items()} == {
            key: (run.job, run.state) for key, run in there.runs().items()
        }
        assert not gone.still_waiting
        found |= gone.edges()
    assert found == edges_of(compiled, imported)


async def played(folder: Path, name: str, *, conditions_hold: bool = True) -> Replay:
    compiled = yaml.safe_load((folder / "compiled-workflows" / f"{name}.yaml").read_text())
    return await Replay().see_all(Simulation(compiled, Dialect(True, False), conditions_hold=conditions_hold).pods)


async def test_iterations_of_a_loop_are_runs_of_one_job(kfp_data: Path) -> None:
    replay = await played(kfp_data, "collected_artifacts")
    jobs = [each.job for each in replay.runs().values()]
    assert jobs.count("collected-artifact-pipeline.collecting-artifacts.for-loop-1.create-file") == 2
    inner = "collected-artifact-pipeline.collecting-artifacts.for-loop-1.for-loop-2.single-node-dag.create-dataset"
    assert jobs.count(inner) == 4


async def test_what_is_collected_of_a_loop_are_all_its_versions(kfp_data: Path) -> None:
    replay = await played(kfp_data, "collected_artifacts")
    (reader,) = [each for each in replay.runs().values() if each.job == "collected-artifact-pipeline.read-models"]
    assert len(reader.reads) == 1
    assert len(reader.read_versions) == 4


async def test_a_task_whose_condition_does_not_hold_is_not_run(kfp_data: Path) -> None:
    taken = await played(kfp_data, "pipeline_with_condition")
    not_taken = await played(kfp_data, "pipeline_with_condition", conditions_hold=False)
    jobs = {each.job for each in taken.runs().values()} - {each.job for each in not_taken.runs().values()}
    assert jobs
    assert all(".condition-1." in each for each in jobs)


async def test_each_attempt_is_a_run_of_the_task(kfp_data: Path) -> None:
    replay = await played(kfp_data, "pipeline_with_retry")
    runs = sorted(replay.runs().values(), key=lambda each: each.facets["headwater_kubeflow"]["attempt"])
    assert [each.state for each in runs] == ["FAIL", "COMPLETE"]
    assert len({each.job for each in runs}) == 1


async def test_the_task_of_an_exit_handler_stands_beside_it(kfp_data: Path) -> None:
    replay = await played(kfp_data, "pipeline_with_exit_handler")
    assert {each.job for each in replay.runs().values()} == {
        "pipeline-with-exit-handler.print-op",
        "pipeline-with-exit-handler.exit-handler-1.print-op-2",
        "pipeline-with-exit-handler.exit-handler-1.fail-op",
    }
