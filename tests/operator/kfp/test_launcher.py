"""The launcher's command line, as every release writes it."""

from __future__ import annotations

import pytest

from headwater_operator.kfp.launcher import launcher_flags

GIVEN = '{"inputs": {"parameterValues": {"query": "a=b --c"}}}'
FORMS = {
    "2.0, wrapped by itself and by Argo": [
        *("/var/run/argo/argoexec", "emissary", "--loglevel", "info", "--", "/var/run/argo/argoexec", "emissary", "--"),
        *("/kfp-launcher/launch", "--pipeline_name", "p", "--run_id", "r", "--execution_id", "42"),
        *("--executor_input", GIVEN, "--component_spec", "{}", "--pod_name", "$(KFP_POD_NAME)", "--pod_uid", "$(U)"),
        *("--mlmd_server_address", "$(METADATA_GRPC_SERVICE_HOST)", "--mlmd_server_port", "$(PORT)", "--"),
    ],
    "2.14, with a flag that has no value": [
        *("/var/run/argo/argoexec", "emissary", "--", "/kfp-launcher/launch", "--pipeline_name", "p", "--run_id", "r"),
        *("--executor_input", GIVEN, "--publish_logs", "true", "--cache_disabled", "--log_level", "1", "--"),
    ],
    "2.17, with an empty value": [
        *("argoexec", "emissary", "--", "/kfp-launcher/launch", "--pipeline_name", "p", "--run_id", "r"),
        *("--executor_input", GIVEN, "--metadata_tls_enabled=false", "--ca_cert_path", "", "--log_level", "1", "--"),
    ],
    "3, with values behind equals signs": [
        *("argoexec", "emissary", "--", "/kfp-launcher/launch", "--executor_type", "container", "--pipeline_name=p"),
        *("--run_id=r", f"--executor_input={GIVEN}", "--fingerprint", "", "--cache_disabled=false"),
        *("--ca_cert_path", "", "--iteration_index", "-1", "--"),
    ],
    "with the user's command behind it": [
        *("argoexec", "emissary", "--", "/kfp-launcher/launch", "--pipeline_name", "p", "--run_id", "r"),
        *("--executor_input", GIVEN, "--", "sh", "-c", "run", "--executor_input", "{{$}}", "--", "--run_id", "mine"),
    ],
    "without Argo's init containers": [
        *("/argo-bin/bin/argoexec", "emissary", "--", "/kfp-launcher/launch", "--pipeline_name", "p", "--run_id", "r"),
        *("--executor_input", GIVEN, "--"),
    ],
}


@pytest.mark.parametrize("command", FORMS.values(), ids=FORMS.keys())
def test_the_flags_of_every_release_are_read(command: list[str]) -> None:
    flags = launcher_flags({"command": command, "args": ["python", "--executor_input", "{{$}}", "--"]})
    assert flags is not None
    assert (flags["pipeline_name"], flags["run_id"], flags["executor_input"]) == ("p", "r", GIVEN)


def test_a_flag_may_have_no_value() -> None:
    flags = launcher_flags({"command": FORMS["2.14, with a flag that has no value"]})
    assert flags is not None
    assert (flags["cache_disabled"], flags["log_level"]) == ("", "1")


def test_empty_and_negative_values_are_values() -> None:
    flags = launcher_flags({"command": FORMS["3, with values behind equals signs"]})
    assert flags is not None
    assert (flags["ca_cert_path"], flags["fingerprint"], flags["iteration_index"]) == ("", "", "-1")


def test_an_importer_has_its_flags_in_its_arguments() -> None:
    command = ["/var/run/argo/argoexec", "emissary", "--", "launcher-v2"]
    flags = launcher_flags({"command": command, "args": ["--executor_type", "importer", "--importer_spec", "{}"]})
    assert flags == {"executor_type": "importer", "importer_spec": "{}"}


@pytest.mark.parametrize("command", [["driver"], ["sh", "-c", "python train.py"], [], None])
def test_other_containers_are_none_of_it(command: list[str] | None) -> None:
    assert launcher_flags({"command": command}) is None
