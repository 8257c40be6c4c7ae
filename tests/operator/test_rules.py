"""How objects of other custom resources are understood by a pipeline's rules."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from headwater_operator.naming import ClusterNames
from headwater_operator.observation import Observation, RunState
from headwater_operator.pipeline.spec import Rule
from headwater_operator.rules import InvalidRule, RuleAdapter, RuleFailed

UID = "0b8a7c6e-2f64-4a26-9d0c-5f0f4c2c1c11"
TRAINING = {
    "group": "acme.dev",
    "version": "v1",
    "kind": "Training",
    "plural": "trainings",
    "started": "status.startedAt",
    "succeeded": "status.phase == 'Done'",
    "failed": "status.phase == 'Broken'",
    "startedAt": "status.startedAt",
    "endedAt": "status.endedAt",
    "inputs": "spec.sources[].uri",
    "outputs": "spec.target",
}


def rule(**changes: str | None) -> Rule:
    given = {name: text for name, text in {**TRAINING, **changes}.items() if text is not None}
    return msgspec.convert(given, Rule)


def training(**status: Any) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "ml", "name": "fit-1", "uid": UID, "creationTimestamp": "2026-03-01T12:00:00Z"},
        "spec": {"sources": [{"uri": "s3://lake/a"}, {"uri": "s3://lake/b"}], "target": "s3://models/fit"},
        "status": status,
    }


def observe(one: Rule, body: dict[str, Any]) -> Observation:
    adapter = RuleAdapter(one)
    [found] = adapter.observe(body, (), ClusterNames("prod"))
    assert [found] == list(adapter.observe(body, (), ClusterNames("prod")))
    return found


STARTED = {"startedAt": "2026-03-01T12:00:05Z"}
ENDED = {**STARTED, "endedAt": "2026-03-01T13:00:00Z"}


def test_an_object_that_has_not_begun_is_no_run() -> None:
    observation = observe(rule(), training())

    assert (observation.job.name, observation.run) == ("fit-1", None)
    assert observation.chain[0].kind == "Training.acme.dev"


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (STARTED, RunState.RUNNING),
        ({**ENDED, "phase": "Done"}, RunState.SUCCEEDED),
        ({**ENDED, "phase": "Broken"}, RunState.FAILED),
    ],
)
def test_the_life_of_an_object(status: dict[str, str], state: RunState) -> None:
    run = observe(rule(), training(**status)).run

    assert run is not None
    assert (run.state, str(run.run_id)) == (state, UID)
    assert run.started_at == datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
    assert run.ended_at == (datetime(2026, 3, 1, 13, tzinfo=UTC) if state.is_final else None)
    assert [each.name for each in run.inputs] == ["a", "b"]
    assert [each.name for each in run.outputs] == ["fit"]


def test_times_that_are_not_given_follow_from_what_every_object_has() -> None:
    conditions = [{"type": "Done", "status": "True", "lastTransitionTime": "2026-03-01T12:30:00Z"}]
    run = observe(rule(startedAt=None, endedAt=None), training(**STARTED, phase="Done", conditions=conditions)).run

    assert run is not None
    assert run.started_at == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert run.ended_at == datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def test_a_time_may_be_in_seconds() -> None:
    run = observe(rule(), training(startedAt=1772366400)).run

    assert run is not None
    assert run.started_at == datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("value", [None, False, "", [], {}])
def test_nothing_does_not_hold(value: object) -> None:
    assert observe(rule(), training(startedAt=value)).run is None


def test_inputs_may_tell_their_kind() -> None:
    body = training(**STARTED)
    body["spec"]["sources"][0]["kind"] = "TABLE"
    run = observe(rule(inputs="spec.sources"), body).run

    assert run is not None
    assert [each.kind for each in run.inputs] == ["TABLE", ""]


def test_what_is_no_uri_is_said_to_be_unknown() -> None:
    run = observe(rule(inputs="spec"), training(**STARTED)).run

    assert run is not None
    assert run.inputs == ()
    assert run.unknown[0].startswith("the inputs of the rule for Training is no URI and no list of URIs")


@pytest.mark.parametrize(
    ("field", "expression"),
    [("succeeded", "status.["), ("failed", "nonsense(@)"), ("inputs", "length()"), ("endedAt", "(" * 2000)],
)
def test_an_expression_that_is_no_jmespath_is_named(field: str, expression: str) -> None:
    with pytest.raises(
        InvalidRule, match=rf"^the rule for Training.acme.dev: {field} `.*` is no JMESPath: "
    ) as problem:
        RuleAdapter(rule(**{field: expression}))

    assert problem.value.kind == "Training"
    assert "\n" not in str(problem.value)


@pytest.mark.parametrize(
    ("field", "expression", "reason"),
    [
        ("succeeded", "length(status.phase) > `1`", "fails: "),
        ("startedAt", "status.phase", "which is no time such as"),
        ("endedAt", "status.phase", "which is no time such as"),
    ],
)
def test_an_expression_that_fails_on_an_object_is_named(field: str, expression: str, reason: str) -> None:
    body = training(**STARTED, phase=7 if field == "succeeded" else "Done")
    with pytest.raises(RuleFailed, match=rf"^the rule for Training.acme.dev: {field} ") as problem:
        observe(rule(**{field: expression}), body)

    assert reason in str(problem.value)


def test_one_broken_rule_does_not_stop_another() -> None:
    adapters = [RuleAdapter(each) for each in (rule(succeeded="length(status.startedAt.x) > `1`"), rule())]
    body = training(**STARTED)

    with pytest.raises(RuleFailed):
        list(adapters[0].observe(body, (), ClusterNames("prod")))
    assert list(adapters[1].observe(body, (), ClusterNames("prod")))
