"""Who decides, as the table of the README says it; and every gate, closed by itself."""

from __future__ import annotations

from typing import Any

import pytest

from headwater_operator.injection.cluster_view import Owners
from headwater_operator.injection.gates import Decision, decide, warnings_of

from . import shapes
from .examples import EXAMPLES, LOAD, OF_LOAD
from .shapes import Json, container, pod, view

OPT_IN = {"headwater.dev/injection": "enabled"}
INJECT = "headwater.dev/inject"
TABLE = [
    # opt-in, label of the pod, label of the namespace, spec.injection.enabled -> injected
    (True, None, None, True, True),
    (True, None, None, False, False),
    (True, None, "true", False, True),
    (True, None, "false", True, False),
    (True, "true", None, False, True),
    (True, "true", "false", True, True),
    (True, "true", "false", False, True),
    (True, "false", None, True, False),
    (True, "false", "true", True, False),
    (False, None, None, True, False),
    (False, "true", "true", True, False),
    (True, "yes", None, True, False),
    (True, None, "on", True, False),
]


def decision(one: Json, *pipelines: Json, labels: Json | None = None, **more: Any) -> Decision:
    """What is decided of a pod of the Job `load`."""
    known = view(*pipelines, labels=OPT_IN if labels is None else labels, **more)
    return decide(one, shapes.NAMESPACE, OF_LOAD, known, "headwater")


def closed(found: Decision) -> set[str]:
    """The names of the gates that stand in the way."""
    return {each.name for each in found.closed}


@pytest.mark.parametrize(("opt_in", "on_pod", "on_namespace", "is_enabled", "expected"), TABLE)
def test_the_nearest_that_speaks_decides(
    *, opt_in: bool, on_pod: str | None, on_namespace: str | None, is_enabled: bool, expected: bool
) -> None:
    labels = {**(OPT_IN if opt_in else {}), **({INJECT: on_namespace} if on_namespace else {})}
    one = pod("load-x", owner=LOAD, labels={INJECT: on_pod} if on_pod else None)
    found = decision(one, shapes.pipeline_body(injection={"enabled": is_enabled}), labels=labels)
    assert found.is_open is expected
    assert closed(found) <= {"wish", "opt-in"}


def test_a_label_without_meaning_is_told() -> None:
    one = pod("load-x", owner=LOAD, labels={INJECT: "yes"})
    (warning,) = warnings_of(decision(one), one)
    assert 'neither "true" nor "false"' in warning


def test_without_a_pipeline_nothing_is_injected_and_whoever_asked_is_told() -> None:
    other = shapes.pipeline_body("other", selector={"names": ["other"]})
    quiet, asking = pod("load-x", owner=LOAD), pod("load-x", owner=LOAD, labels={INJECT: "true"})
    for one, warnings in ((quiet, 0), (asking, 1)):
        found = decision(one, other)
        assert closed(found) == {"pipeline"}
        assert len(list(warnings_of(found, one))) == warnings


def test_the_annotation_chooses_the_pipeline_and_the_rest_decides_whether() -> None:
    bodies = [
        shapes.pipeline_body("covers"),
        shapes.pipeline_body("named", selector={"names": ["other"]}),
        shapes.pipeline_body("off", selector={"names": ["other"]}, injection={"enabled": False}),
    ]
    for name, expected in (("named", True), ("off", False)):
        found = decision(pod("load-x", owner=LOAD, annotations={"headwater.dev/pipeline": name}), *bodies)
        assert found.pipeline is not None
        assert (found.pipeline.name, found.is_open) == (name, expected)


def test_an_annotation_that_names_nothing_is_told() -> None:
    one = pod("load-x", owner=LOAD, annotations={"headwater.dev/pipeline": "chrun"})
    found = decision(one)
    assert closed(found) == {"pipeline"}
    (warning,) = warnings_of(found, one)
    assert "names chrun" in warning


def test_the_oldest_pipeline_that_selects_covers() -> None:
    younger = shapes.pipeline_body("a")
    younger["metadata"]["creationTimestamp"] = "2026-11-21T08:00:00Z"
    found = decision(pod("load-x", owner=LOAD), younger, shapes.pipeline_body("b"))
    assert found.pipeline is not None
    assert found.pipeline.name == "b"


def test_the_owner_of_the_owner_may_be_what_is_selected() -> None:
    one = EXAMPLES["cron_job"]()
    assert one.inject().decision.is_open
    alone = Owners(one.owners.chain[:1])
    assert closed(decide(one.pod, one.namespace, alone, one.view, "headwater")) == {"pipeline"}


@pytest.mark.parametrize(
    ("gate", "one"),
    [
        ("network", pod("load-x", owner=LOAD, hostNetwork=True)),
        ("network", pod("load-x", container("main", ports=[{"containerPort": 4974}]), owner=LOAD)),
        ("system", pod("load-x", owner=LOAD, os={"name": "windows"})),
        ("system", pod("load-x", owner=LOAD, nodeSelector={"kubernetes.io/os": "windows"})),
        ("mirror", pod("load-x", owner=LOAD, annotations={"kubernetes.io/config.mirror": "3f"})),
        ("ray", pod("load-x", owner=LOAD, labels={"ray.io/node-type": "worker"})),
        ("kubeflow", pod("load-x", owner=LOAD, labels={"pipelines.kubeflow.org/pod-role": "container-driver"})),
        ("kubeflow", pod("load-x", owner=LOAD, labels={"pipelines.kubeflow.org/v2_component": "true"})),
        ("emitter", pod("load-x", owner=LOAD, initContainers=[container("headwater-emitter")])),
        ("names", pod("load-x", owner=LOAD, volumes=[{"name": "headwater-spool", "emptyDir": {}}])),
    ],
)
def test_each_gate_of_the_pod_closes_alone(gate: str, one: Json) -> None:
    assert closed(decision(one)) == {gate}


@pytest.mark.parametrize(("version", "is_open"), [((1, 28), False), ((1, 29), True), ((1, 40), True), ((2, 0), True)])
def test_native_sidecars_begin_with_kubernetes_1_29(*, version: tuple[int, int], is_open: bool) -> None:
    found = decision(pod("load-x", owner=LOAD), version=version)
    assert found.is_open is is_open
    assert closed(found) == (set() if is_open else {"version"})


@pytest.mark.parametrize("namespace", ["kube-system", "kube-public", "kube-node-lease", "headwater"])
def test_some_namespaces_never_are_injected(namespace: str) -> None:
    known = view(shapes.pipeline_body(namespace=namespace))
    one = pod("one", namespace=namespace)
    assert closed(decide(one, namespace, Owners(), known, "headwater")) == {"namespace"}


def test_what_is_not_known_yet_closes() -> None:
    known = view()
    known.version = None
    known.namespaces.clear()
    found = decide(pod("load-x", owner=LOAD), shapes.NAMESPACE, OF_LOAD, known, "headwater")
    assert closed(found) == {"version", "opt-in"}


def test_a_task_that_cannot_be_read_is_left_alone_and_told() -> None:
    main = container("main", command=["/kfp-launcher/launch", "--executor_input", "{}", "--"])
    labels = {"pipeline/runid": "1", "pipelines.kubeflow.org/pod-role": "container-executor"}
    one = pod("p-1-x", main, labels=labels)
    found = decide(one, shapes.NAMESPACE, Owners(), view(), "headwater")
    assert closed(found) == {"pipeline"}
    (warning,) = warnings_of(found, one)
    assert "names no node of a Workflow" in warning


def test_what_has_the_emitter_is_left_alone_without_a_word() -> None:
    one = pod("load-x", owner=LOAD, labels={INJECT: "true"}, initContainers=[container("headwater-emitter")])
    assert list(warnings_of(decision(one), one)) == []
