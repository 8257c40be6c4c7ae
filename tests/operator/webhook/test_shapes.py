"""Every shape of pod, with the patch that was looked at by a person. `make golden` writes them anew."""

from __future__ import annotations

import json
import os
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from headwater_emitter.settings import read_settings

from . import shapes
from .examples import CAPTURED, EXAMPLES, LIVE, Example
from .shapes import Json

GOLDEN = Path(__file__).parents[2] / "golden" / "webhook"
KUBERNETES = ("1.29", "1.37")
INJECTED = [
    *("job", "cron_job", "train_job", "pytorch_job", "spark_driver", "kserve_predictor", "istio_sidecar", "volumes"),
    *("istio_container", "restricted", "init_containers", "guaranteed", "pod_level_resources", "own_clients"),
    *("bare_pod", "argo", "argo_in_a_trial", "katib"),
    *("kubeflow_executor", "kubeflow_container_component", "kubeflow_retried", "kubeflow_with_sidecar"),
]


def example(name: str) -> Example:
    """An example by its name."""
    if name in CAPTURED and not LIVE.is_dir():
        pytest.skip(f"the captured admission reviews are not at {LIVE}")
    return EXAMPLES[name]()


def emitter_of(pod: Json) -> Json:
    """The emitter in a pod."""
    found: Json = pod["spec"]["initContainers"][-1]
    assert found["name"] == "headwater-emitter"
    return found


class _Dumper(yaml.SafeDumper):
    """Writes what occurs twice twice."""

    def ignore_aliases(self, data: object) -> bool:
        return True

    @classmethod
    def write(cls, data: object) -> str:
        """The data as YAML."""
        text: str = yaml.dump(data, Dumper=cls, sort_keys=False, width=160)
        return text


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_patch_is_the_one_that_was_looked_at(name: str) -> None:
    injection = example(name).inject()
    told = {
        "injected": bool(injection.operations),
        "closed": {each.name: each.reason for each in injection.decision.closed},
        "warnings": list(injection.warnings),
        "patch": list(injection.operations),
    }
    kept = {key: value for key, value in told.items() if value or key == "injected"}
    text = _Dumper.write(kept)
    file = GOLDEN / f"{name}.yaml"
    if os.environ.get("HEADWATER_GOLDEN") == "write":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert file.read_text() == text, "after a change that is meant, run make golden and look at the files"


@pytest.mark.parametrize("name", INJECTED)
def test_kubernetes_takes_the_patched_pod(name: str) -> None:
    one = example(name)
    pod = {"apiVersion": "v1", "kind": "Pod", **shapes.patched(one.pod, one.inject())}
    for version in KUBERNETES:
        if version == "1.29":
            pod["spec"].pop("resources", None)  # pods have them since 1.32
        kubernetes_validate.validate(pod, version, strict=True)


@pytest.mark.parametrize("name", INJECTED)
def test_the_emitter_understands_all_that_it_is_given(name: str) -> None:
    one = example(name)
    emitter = emitter_of(shapes.patched(one.pod, one.inject()))
    downward = {"HEADWATER_POD_UID": shapes.uid("pod"), "HEADWATER_NODE": "node-1"}
    environment = {each["name"]: expand(each["value"], downward) for each in emitter["env"] if "value" in each}
    settings = read_settings({}, {**environment, **downward})
    assert settings.connection.address == "headwater.headwater.svc:4970"
    assert settings.connection.ca == shapes.CA
    assert settings.pod.cluster == "prod"
    assert settings.pod.pipeline
    if name == "bare_pod":
        assert settings.pod.labels == {"app": "$(HOME)"}
        assert settings.pod.parent_run is not None
        assert settings.pod.parent_run.run_id == shapes.uid("pod")
    if name == "kubeflow_executor":
        task = settings.pod.kubeflow_task
        assert task is not None
        assert task.metadata_path is not None
        assert task.metadata_path.name == "output_metadata.json"
        mounts = {each["mountPath"]: each for each in emitter["volumeMounts"]}
        for each in (task.metadata_path, *(artifact.path for artifact in task.artifacts)):
            assert mounts[f"/{each.parts[1]}"]["readOnly"]


def expand(value: str, variables: dict[str, str]) -> str:
    """A variable's value as the kubelet makes it."""
    for name, given in variables.items():
        value = value.replace(f"$({name})", given)
    return value.replace("$$", "$")


def test_no_service_account_token_but_ours_is_in_the_emitter() -> None:
    one = example("job")
    pod = shapes.patched(one.pod, one.inject())
    mount = next(each for each in emitter_of(pod)["volumeMounts"] if each["mountPath"].endswith("serviceaccount"))
    (volume,) = [each for each in pod["spec"]["volumes"] if each["name"] == mount["name"]]
    (source,) = volume["projected"]["sources"]
    assert source["serviceAccountToken"] == {"audience": "headwater", "expirationSeconds": 3600, "path": "token"}


def test_a_pod_keeps_its_quality_of_service() -> None:
    for name, equal in (("guaranteed", True), ("job", False)):
        one = example(name)
        resources = emitter_of(shapes.patched(one.pod, one.inject()))["resources"]
        assert (resources["limits"] == resources["requests"]) is equal
    one = example("pod_level_resources")
    assert emitter_of(shapes.patched(one.pod, one.inject()))["resources"] == {}


def test_the_last_delivery_ends_before_the_pod_must() -> None:
    one = example("pod_level_resources")
    environment = {each["name"]: each.get("value") for each in emitter_of(shapes.patched(one.pod, one.inject()))["env"]}
    assert environment["HEADWATER_DRAIN_SECONDS"] == "2"


def test_a_task_that_writes_too_much_to_tell_is_injected_without() -> None:
    one = example("kubeflow_executor")
    main = next(each for each in one.pod["spec"]["containers"] if each["name"] == "main")
    at = main["command"].index("--executor_input") + 1
    artifact = {"uri": "minio://mlpipeline/v2/x", "type": {"schemaTitle": "system.Dataset"}}
    outputs = {f"output-{number}": {"artifacts": [artifact]} for number in range(2_000)}
    main["command"][at] = json.dumps({"outputs": {"artifacts": outputs}})
    injection = one.inject()
    emitter = emitter_of(shapes.patched(one.pod, injection))
    told = {each["name"]: each.get("value", "") for each in emitter["env"]}
    assert json.loads(told["HEADWATER_KUBEFLOW_TASK"])["artifacts"] == []
    assert max(len(f"{name}={value}") for name, value in told.items()) < 128 * 1024
    assert any("too long" in each for each in injection.warnings)
