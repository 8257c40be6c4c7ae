"""Each program understands what the chart tells it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from headwater_operator import settings as operator
from headwater_operator.webhook import settings as webhook
from headwater_server import config as server
from headwater_server.postgres_command import read_postgres_settings

from .charts import NAMESPACE, SETUPS, is_of_a_test, pod_specs, rendered

READERS: dict[tuple[str, ...], Callable[..., Any]] = {
    ("headwater-server", "serve"): server.read_settings,
    ("headwater-server", "migrate"): server.read_settings,
    ("headwater-server", "postgres"): lambda given, environment: read_postgres_settings(
        given, environment | {"HEADWATER_POSTGRES_PASSWORD_FILE": __file__}
    ),
    ("headwater-operator", "run"): operator.read_settings,
    ("headwater-operator", "webhook"): webhook.read_settings,
}
DSN = "postgresql://headwater:secret@db:5432/headwater"


def told(program: str, values: Path) -> dict[str, Any]:
    """The settings of each program, by the last word of its command."""
    settings = {}
    objects = [each for each in rendered(program, values=values) if not is_of_a_test(each)]
    for pod in pod_specs(objects).values():
        (container,) = pod["containers"]
        environment = {each["name"]: each.get("value", DSN) for each in container["env"]}
        command = tuple(container["command"])
        settings[command[-1]] = READERS[command]({}, environment)
    return settings


@pytest.mark.parametrize("values", SETUPS, ids=lambda path: path.name.removesuffix("-values.yaml"))
def test_no_setting_is_wrong(program: str, values: Path) -> None:
    settings = told(program, values)
    assert settings["serve"].dsn
    assert settings["serve"].access.tls_certificate_file
    assert not settings["serve"].access.allow_anonymous
    assert settings["run"].connection.token_file
    namespace = yaml.safe_load(values.read_text()).get("namespaceOverride", NAMESPACE)
    assert settings["run"].connection.address == f"headwater-server.{namespace}.svc:4970"
    if answering := settings.get("webhook"):
        assert answering.own_namespace == namespace
        assert answering.emitter.address == settings["run"].connection.address
        assert answering.cluster == settings["run"].cluster


def test_the_operator_watches_the_namespaces_that_it_has_permissions_in(program: str) -> None:
    (values,) = (each for each in SETUPS if each.name == "some-namespaces-values.yaml")
    assert told(program, values)["run"].namespaces == ("team-a", "team-b")
