"""Which values are taken: all that are told of in values.yaml, and no others."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import yaml

from headwater.program.settings import declared, variable_of
from headwater_operator.settings import Settings as OperatorSettings
from headwater_operator.webhook.settings import Settings as WebhookSettings
from headwater_server.config import Settings as ServerSettings

from .charts import CHART, rendered, template

VALUES = CHART / "values.yaml"
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
SETTINGS = {"server": ServerSettings, "operator": OperatorSettings, "webhook": WebhookSettings}
OF_NO_USE = {"HEADWATER_PG_BIN"}
"""Settings that mean nothing where the database is another's."""
INSIDE = re.compile(r"(requests|limits|cnpg\.resources|autoscaling\.behavior|dashboard\.labels)\..*")
"""What stands inside of values for which the schema takes names that values.yaml does not tell."""


def schema_paths(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """The values that a schema has a place for."""
    if "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]
    inner = schema.get("properties", {})
    if not inner or schema.get("required"):
        yield path
    for name, each in ({} if schema.get("required") else inner).items():
        yield from schema_paths(each, f"{path}.{name}".strip("."))


def value_paths(values: Any, path: str = "") -> Iterator[str]:
    """The values that there are."""
    if not isinstance(values, dict) or not values:
        yield path
        return
    for name, each in values.items():
        yield from value_paths(each, f"{path}.{name}".strip("."))


def test_the_schema_has_a_place_for_every_value_and_for_no_other() -> None:
    given, known = (
        {INSIDE.sub(r"\1", path) for path in paths}
        for paths in (value_paths(yaml.safe_load(VALUES.read_text())), schema_paths(SCHEMA))
    )
    assert known - given <= {
        *(f"{each}.resources.claims" for each in ("server", "operator", "webhook", "migration", "database.evaluation")),
        "tls.certManager.issuerRef.group",
    }
    assert given - known == set()


def objects_in(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every part of the schema that is an object, by where it is."""
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield path, schema
        for name, each in schema.items():
            yield from objects_in(each, f"{path}/{name}")


def test_every_part_with_names_of_its_own_takes_no_others() -> None:
    for path, schema in objects_in(SCHEMA):
        if "properties" in schema and path != "/$defs/named":
            assert schema["additionalProperties"] is False, path


def test_every_default_is_one_that_the_schema_takes() -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(yaml.safe_load(VALUES.read_text()))


def test_every_value_is_told_of_in_the_readme() -> None:
    lines = (CHART / "README.md").read_text().splitlines()
    told = {
        found[1]
        for line in lines
        if (found := re.match(r"\| `([\w.]+)` \|.*\| (?:\S.*) \|$|### (\w+)$", line)) and found[1]
    }
    parts = {line.removeprefix("### ") for line in lines if line.startswith("### ")}
    for path in value_paths(yaml.safe_load(VALUES.read_text())):
        parents = {path.rsplit(".", count)[0] for count in range(path.count(".") + 1)}
        assert parents & (told | (parts if "." not in path else set())), f"{path} has no comment of its own"


def test_the_readme_is_as_make_chart_writes_it() -> None:
    command = [sys.executable, str(CHART.parent / "chart_readme.py"), "--check"]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr


def test_every_part_of_the_values_is_commented() -> None:
    lines = VALUES.read_text().splitlines()
    parts = [number for number, line in enumerate(lines) if re.match(r"[a-zA-Z]+:", line)]
    bare = {lines[each].partition(":")[0] for each in parts if not lines[each - 1].startswith("#")}
    assert not bare


@pytest.mark.parametrize("part", SETTINGS)
def test_a_program_takes_every_setting_that_the_chart_does_not_make_itself(part: str) -> None:
    template_text = (CHART / "templates" / f"{part}.yaml").read_text()
    made = set(re.findall(r'"(HEADWATER_[A-Z_]+)"', template_text)) | OF_NO_USE
    if part == "webhook":
        made |= {f"HEADWATER_EMITTER_{what}_{most}" for what in ("CPU", "MEMORY") for most in ("REQUEST", "LIMIT")}
    taken = set(SCHEMA["$defs"][f"{part}Settings"]["propertyNames"]["enum"])
    assert taken == {variable_of(each.name) for each in declared(SETTINGS[part])} - made


@pytest.mark.parametrize(
    ("given", "named"),
    [
        pytest.param("server.replica=3", "replica", id="a slip in a name"),
        pytest.param("server.image.tga=x", "tga", id="a slip deeper inside"),
        pytest.param("servers.replicas=3", "servers", id="a part that is not there"),
        pytest.param("server.replicas=many", "/server/replicas", id="words for a number"),
        pytest.param("server.settings.HEADWATER_LOGLEVEL=debug", "HEADWATER_LOGLEVEL", id="no setting of the server"),
        pytest.param("server.settings.HEADWATER_DSN=x", "HEADWATER_DSN", id="a setting that is the chart's"),
        pytest.param("operator.settings.HEADWATER_SPOOL_BYTES=5", "HEADWATER_SPOOL_BYTES", id="a number for text"),
        pytest.param("access.serviceAccounts=root", "/access/serviceAccounts", id="no role"),
        pytest.param("database.mode=bundled", "/database/mode", id="no way of having a database"),
        pytest.param("tls.mode=none", "/tls/mode", id="no way of having certificates"),
        pytest.param("server.image.digest=latest", "/server/image/digest", id="no digest"),
        pytest.param("operator.namespaces={Team_A}", "/operator/namespaces/0", id="no namespace"),
        pytest.param("access.issuers[0].name=cluster", "/access/issuers/0", id="an issuer without its address"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_by_name(program: str, given: str, named: str) -> None:
    outcome = template(program, "--set", given)
    assert outcome.returncode != 0
    assert named in outcome.stderr


@pytest.mark.parametrize(
    ("given", "way_out"),
    [
        pytest.param("database.dsn.existingSecret=", "create secret generic", id="no database"),
        pytest.param("database.mode=evaluation", "--set database.mode=external", id="two databases"),
        pytest.param("tls.mode=existing", "name a Secret with tls.crt", id="no certificate for the server"),
        pytest.param(
            "tls.mode=existing,tls.existing.serverSecret=s", "webhook.enabled=false", id="none for the webhook"
        ),
        pytest.param("server.autoscaling.enabled=true,server.autoscaling.minReplicas=9", "or more", id="bounds"),
        pytest.param("database.mode=cnpg", "--set database.mode=external", id="two databases"),
        pytest.param("tls.generated.signer=2", "Raise ca by one", id="a CA that signs before it is there"),
        pytest.param("tls.generated.ca=3", "the newest or the one before", id="a CA too many"),
        pytest.param("ingress.grpc.enabled=true", "such as lineage.example.com", id="no name for gRPC"),
        pytest.param("ingress.http.enabled=true", "such as lineage.example.com", id="no name for HTTP"),
    ],
)
def test_a_contradiction_is_refused_with_the_way_out(program: str, given: str, way_out: str) -> None:
    outcome = template(program, "--set", given)
    assert outcome.returncode != 0
    assert way_out in outcome.stderr


@pytest.mark.parametrize(
    ("given", "wanted", "way_out"),
    [
        ("database.mode=cnpg,database.dsn.existingSecret=", "postgresql.cnpg.io/v1/Cluster", "database.mode=external"),
        ("tls.mode=certManager", "cert-manager.io/v1/Certificate", "tls.mode=generated"),
        ("metrics.serviceMonitor.enabled=true", "monitoring.coreos.com/v1/ServiceMonitor", "README.md"),
        ("metrics.podMonitor.enabled=true", "monitoring.coreos.com/v1/PodMonitor", "README.md"),
        ("metrics.rules.enabled=true", "monitoring.coreos.com/v1/PrometheusRule", "README.md"),
    ],
)
def test_what_the_cluster_does_not_know_is_refused_with_the_way_out(
    program: str, given: str, wanted: str, way_out: str
) -> None:
    outcome = template(program, "--set", given, known=["v1"])
    assert outcome.returncode != 0
    assert f"wants {wanted}" in outcome.stderr
    assert way_out in outcome.stderr
    assert f"--api-versions {wanted}" in outcome.stderr
    assert template(program, "--set", given, known=[wanted]).returncode == 0


def test_a_registry_goes_before_every_image(program: str) -> None:
    text = yaml.safe_dump_all(rendered(program, "--set", "global.imageRegistry=mirror:5000"))
    images = set(re.findall(r"[\w.:/-]*headwater/(?:server|operator|emitter):[\w.-]+", text))
    assert images == {f"mirror:5000/headwater/{each}:0.1.0" for each in ("server", "operator", "emitter")}
