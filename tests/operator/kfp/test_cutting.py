"""What is kept of a pod is bounded, and what it shows is the same with and without the rest."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater_operator.kfp.cutting import cut_metadata, cut_values
from headwater_operator.kinds.kubeflow_pipelines import TaskAdapter

from .captured import RUNS, Captured
from .cluster_objects import artifact, executor_input, finished, launch, pod, uri
from .replay import Json, Replay

MOST_KEPT = 100_000
HUGE = 256 * 1024


def heavy(task: str = "fit") -> Json:
    """A pod as Argo makes it of an executor with very large parameters: they are in it three times."""
    rows = artifact("Dataset", uri="s3://raw/a.csv", metadata={"note": "n" * HUGE, "rows": 5})
    text = executor_input(
        {"rows": rows}, {"model": artifact("system.Model", uri=uri(task, "model"))}, a="ä" * HUGE, b=[1]
    )
    body = finished(task, text)
    template = [{"name": "ARGO_TEMPLATE", "value": text}]
    body["spec"]["initContainers"] = [{"name": name, "env": template} for name in ("init", "kfp-launcher")]
    return body


def slim(body: Json) -> Json:
    return dict(TaskAdapter().slim(body))


async def events(*bodies: Json) -> dict[str, set[bytes]]:
    return (await Replay(namespace="ml").see_all(bodies)).events


async def test_very_large_parameters_are_not_kept_and_change_nothing_that_is_told() -> None:
    body = heavy()
    assert len(json.dumps(body)) > 4 * HUGE
    assert len(json.dumps(slim(body))) < MOST_KEPT
    assert await events(slim(body)) == await events(slim(slim(body))) == await events(body)


async def test_what_is_told_of_very_large_parameters_is_short() -> None:
    assert all(len(each) < MOST_KEPT for found in (await events(heavy())).values() for each in found)


@pytest.mark.parametrize("name", RUNS)
async def test_a_captured_run_is_the_same_without_what_is_not_read(kfp_data: Path, name: str) -> None:
    run = Captured.read(kfp_data / "live", name)
    slimmed = [slim(each) if each["kind"] == "Pod" else each for each in run.objects]
    assert (await Replay().see_all(slimmed)).events == (await Replay().see_all(run.objects)).events


async def test_pods_of_others_and_broken_ones_are_slimmed_without_an_error() -> None:
    other = pod(command=["python"])
    broken = finished("fit", "{broken" + "x" * HUGE)
    for body in (other, broken, {**other, "spec": {}}):
        assert await events(slim(body)) == await events(body)


REPEATED = st.tuples(st.text(max_size=5), st.integers(0, 6_000))
VALUES = st.dictionaries(st.text(max_size=3), REPEATED | st.lists(st.integers()), max_size=40)


@given(drawn=VALUES)
def test_cutting_twice_is_cutting_once(drawn: dict[str, tuple[str, int] | list[int]]) -> None:
    values = {key: value[0] * value[1] if isinstance(value, tuple) else value for key, value in drawn.items()}
    once = cut_values(values)
    assert cut_values(once) == once
    assert cut_metadata(cut_metadata(values)) == cut_metadata(values)


def test_many_parameters_are_cut_to_a_bound() -> None:
    lengths = random.Random(1)
    values = {str(each): "x" * lengths.randrange(100_000) for each in range(50)}
    assert sum(len(each) for each in cut_values(values).values()) < 25_000
    assert cut_values({"a": "x" * 9_000, "b": "y" * 9_000}) == {"a": "x" * 9_000, "b": "y" * 9_000}


def test_only_what_is_long_is_cut_of_metadata() -> None:
    found = cut_metadata({"rows": 5, "note": "n" * HUGE})
    assert found == {"rows": 5, "note": "n" * 10_000 + f"... ({HUGE} characters)"}


def test_an_importers_pod_keeps_what_it_imports() -> None:
    args = ["--executor_type", "importer", "--importer_spec", '{"artifactUri":{"constant":"s3://raw/a.csv"}}']
    body = pod(command=["launcher-v2"])
    body["spec"]["containers"][1]["args"] = args
    assert "s3://raw/a.csv" in json.dumps(slim(body))
    assert "launch" in json.dumps(slim(pod(command=launch())))
