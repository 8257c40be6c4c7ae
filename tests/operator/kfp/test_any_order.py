"""Whatever order objects are seen in, and however often, once all were seen the events are the same."""

from __future__ import annotations

import asyncio
from functools import cache

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .cluster_objects import artifact, at, executor_input, finished, main_state, node, pod, uri, workflow
from .cluster_objects import ended as terminated
from .replay import Json, Replay
from .test_enrichment import cached

DATA, MODEL = uri("prepare", "data"), uri("fit", "model")
PREPARE = executor_input(outputs={"data": artifact("system.Dataset", uri=DATA)})
FIT = executor_input({"data": artifact("Dataset", uri=DATA)}, {"model": artifact("system.Model", uri=MODEL)}, depth=4)
USE = executor_input({"model": artifact("Model", uri=MODEL), "raw": artifact("Dataset", uri="s3://raw/a.csv")})


def at_each_moment(task: str, given: str, *, code: int = 0) -> list[Json]:
    """A pod as the watch shows it from its start to its end."""
    last = finished(task, given, code=code)
    command = last["spec"]["containers"][1]["command"][5:]
    return [
        pod(task, command, spec={"nodeName": ""}) | {"spec": {"containers": last["spec"]["containers"]}},
        pod(task, command),
        pod(task, command, phase="Running", containerStatuses=main_state(running={"startedAt": at(10)})),
        pod(task, command, phase="Running", containerStatuses=main_state(terminated=terminated(code))),
        last,
    ]


REFUSED = node("push.executor", phase="Error", startedAt=at(5), finishedAt=at(6), message="forbidden")
OBJECTS = [
    *at_each_moment("prepare", PREPARE),
    *at_each_moment("fit", FIT),
    *at_each_moment("use", USE, code=1),
    workflow(phase="Pending"),
    workflow(*cached("load")),
    workflow(*cached("load"), REFUSED, phase="Failed", finishedAt=at(30), message="one task failed"),
]


async def seen(objects: list[Json]) -> dict[str, set[bytes]]:
    replay = await Replay(namespace="ml").see_all(objects)
    assert not replay.still_waiting
    return replay.events


@cache
def in_order() -> dict[str, set[bytes]]:
    return asyncio.run(seen(OBJECTS))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(order=st.permutations(range(len(OBJECTS))), again=st.lists(st.sampled_from(range(len(OBJECTS))), max_size=10))
def test_order_and_repetition_do_not_matter(order: list[int], again: list[int]) -> None:
    objects = [OBJECTS[each] for each in (*again, *order)]
    assert asyncio.run(seen(objects)) == in_order()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(order=st.permutations(range(len(OBJECTS))))
def test_whatever_is_seen_says_nothing_that_the_whole_does_not(order: list[int]) -> None:
    replay = asyncio.run(Replay(namespace="ml").see_all(OBJECTS[each] for each in order[: len(order) // 2]))
    for run_id, events in replay.events.items():
        assert events <= in_order()[run_id]
