"""The operator's settings: each a flag and a variable, and all mistakes at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.program.settings import SettingsError
from headwater.program.values import Address, LogLevel
from headwater_operator.settings import Settings, parse_settings


def test_a_cluster_is_all_that_is_needed() -> None:
    assert parse_settings([], {"HEADWATER_CLUSTER": "prod-eu-1"}) == Settings(cluster="prod-eu-1")


def test_a_flag_goes_before_its_variable() -> None:
    found = parse_settings(["--cluster", "a", "--namespaces", "x, y,x"], {"HEADWATER_CLUSTER": "b"})
    assert (found.cluster, found.namespaces) == ("a", ("x", "y"))


def test_everything_can_be_set_by_the_environment() -> None:
    found = parse_settings([], {
        "HEADWATER_CLUSTER": "c", "HEADWATER_ADDRESS": "headwater:4970", "HEADWATER_CA_FILE": "/ca.pem",
        "HEADWATER_TOKEN_FILE": "/token", "HEADWATER_SPOOL_DIR": "/spool", "HEADWATER_SPOOL_BYTES": "2000000",
        "HEADWATER_OBJECT_STORE": "http://minio:9000/", "HEADWATER_KUBEFLOW_API": "http://ml-pipeline:8888",
        "HEADWATER_KUBEFLOW_TOKEN_FILE": "/kfp", "HEADWATER_HTTP_ADDRESS": "[::1]:1", "HEADWATER_LOG_LEVEL": "debug",
    })  # fmt: skip
    assert found.connection.client().ca_file == Path("/ca.pem")
    assert (found.object_store, found.http_address, found.log_level) == (
        "http://minio:9000", Address("::1", 1), LogLevel.DEBUG,
    )  # fmt: skip


def test_all_mistakes_are_told_together() -> None:
    with pytest.raises(SettingsError) as caught:
        parse_settings(
            ["--namespaces", "Team_A", "--http-address", "4973", "--spool-bytes", "few"],
            {"HEADWATER_KUBEFLOW_API": "ml-pipeline", "HEADWATER_TOKEN_FILE": "/t", "HEADWATER_ADDRESS": "far:4970"},
        )
    text = str(caught.value)
    for name in ("HEADWATER_CLUSTER", "--namespaces=Team_A", "--http-address=4973", "--spool-bytes=few",
                 "HEADWATER_KUBEFLOW_API=ml-pipeline", "TLS"):  # fmt: skip
        assert name in text


def test_what_is_no_setting_is_said() -> None:
    with pytest.raises(SettingsError, match="--clusters=x: is no setting"):
        parse_settings(["--clusters=x"], {"HEADWATER_CLUSTER": "c"})
