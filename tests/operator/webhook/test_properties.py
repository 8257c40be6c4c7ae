"""Whatever the pod: injecting twice is injecting once, what was put in can be taken out, and nothing else changes."""

from __future__ import annotations

import copy
from typing import Any

import kubernetes_validate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from . import shapes
from .examples import LOAD, OF_LOAD
from .shapes import Json

NAMES = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
VARIABLES = st.sampled_from(
    [
        "PATH",
        "OPENLINEAGE_URL",
        "OPENLINEAGE_PARENT_ID",
        "OPENLINEAGE_CONTEXT",
        "HEADWATER_ADDRESS",
        "HEADWATER_POD_UID",
    ]
)
ENVIRONMENTS = st.none() | st.lists(
    st.fixed_dictionaries({"name": VARIABLES, "value": st.sampled_from(["", "x", "$(PATH)", "$$"])}), max_size=4
)
RESOURCES = st.sampled_from([{}, {"limits": {"cpu": "1", "memory": "1Gi"}}, {"requests": {"cpu": "1"}}])


@st.composite
def containers(draw: st.DrawFn) -> Json:
    found = shapes.container(draw(NAMES | st.sampled_from(["main", "wait", "istio-proxy"])), resources=draw(RESOURCES))
    environment = draw(ENVIRONMENTS)
    if environment is not None:
        found["env"] = environment
    return found


def distinct(minimum: int) -> st.SearchStrategy[list[Json]]:
    return st.lists(containers(), min_size=minimum, max_size=3, unique_by=lambda each: str(each["name"]))


@st.composite
def pods(draw: st.DrawFn) -> Json:
    spec: dict[str, Any] = {}
    if draw(st.booleans()):
        spec["initContainers"] = draw(distinct(0))
    if draw(st.booleans()):
        spec["volumes"] = [{"name": name, "emptyDir": {}} for name in draw(st.sets(NAMES, max_size=3))]
    if draw(st.booleans()):
        spec["terminationGracePeriodSeconds"] = draw(st.integers(0, 60))
    found = shapes.pod(
        draw(NAMES),
        *draw(distinct(1)),
        owner=draw(st.sampled_from([LOAD, None])),
        labels=draw(st.none() | st.just({"app": "x", "workflows.argoproj.io/workflow": "wf"})),
        annotations=draw(st.none() | st.just({}) | st.just({"note": "x"})),
        **spec,
    )
    taken = {each["name"] for each in spec.get("initContainers", ())}
    found["spec"]["containers"] = [each for each in found["spec"]["containers"] if each["name"] not in taken] or [
        shapes.container("one-more")
    ]
    return found


def inject(pod: Json) -> Json:
    owners = OF_LOAD if "ownerReferences" in pod["metadata"] else type(OF_LOAD)()
    before = copy.deepcopy(pod)
    injection = shapes.inject(pod, owners, shapes.view())
    assert pod == before
    assert all(each["op"] == "add" for each in injection.operations)
    return shapes.patched(pod, injection)


def remove(pod: Json, original: Json) -> Json:
    """Takes out what is ours, by its names alone; the original tells only which parts were left out or empty."""
    found = copy.deepcopy(pod)
    spec, metadata = found["spec"], found["metadata"]
    emitter = spec["initContainers"].pop()
    assert emitter["name"] == "headwater-emitter"
    mounted = {each["name"] for each in emitter["volumeMounts"]}
    spec["volumes"] = [each for each in spec["volumes"] if each["name"] not in mounted]
    metadata["annotations"].pop("headwater.dev/injected")
    for key in ("initContainers", "volumes"):
        if key not in original["spec"] and not spec[key]:
            del spec[key]
    if "annotations" not in original["metadata"] and not metadata["annotations"]:
        del metadata["annotations"]
    for each, own in zip(spec["containers"], original["spec"]["containers"], strict=True):
        kept = {variable["name"] for variable in own.get("env", ())}
        if "env" in each:
            each["env"] = [variable for variable in each["env"] if variable["name"] in kept]
            if "env" not in own and not each["env"]:
                del each["env"]
    return found


relaxed = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@relaxed
@given(pods())
def test_what_was_put_in_can_be_taken_out(pod: Json) -> None:
    assert remove(inject(pod), pod) == pod


@relaxed
@given(pods())
def test_injecting_twice_is_injecting_once(pod: Json) -> None:
    once = inject(pod)
    assert inject(once) == once


@relaxed
@given(pods())
def test_kubernetes_takes_every_patched_pod(pod: Json) -> None:
    kubernetes_validate.validate(inject(pod), "1.37", strict=True)
