"""What the chart makes of the custom resources of others is what their projects define."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from .charts import CHART, SETUPS, Object, only, pod_specs, rendered
from .custom_resources import PUBLISHED, schema, schema_in, validate

CLOUD_NATIVE_PG = CHART / "ci" / "cloudnative-pg-values.yaml"


def of_others(program: str, values: Path) -> list[Object]:
    """The objects whose definitions can be had."""
    return [each for each in rendered(program, values=values) if each["kind"] in PUBLISHED]


@pytest.mark.parametrize("name", ["cloudnative-pg", "production"])
def test_cert_manager_knows_every_field(program: str, name: str) -> None:
    found = of_others(program, CHART / "ci" / f"{name}-values.yaml")
    assert found
    for each in found:
        validate(each, schema(each["kind"], each["apiVersion"].partition("/")[2]))


def test_a_field_that_is_not_there_is_found(program: str) -> None:
    each = of_others(program, CLOUD_NATIVE_PG)[0]
    each["spec"]["durations"] = "1h"
    with pytest.raises(jsonschema.ValidationError, match="durations"):
        validate(each, schema(each["kind"], each["apiVersion"].partition("/")[2]))


def test_pods_reach_the_database_of_cloudnative_pg_with_its_certificate_checked(program: str) -> None:
    objects = rendered(program, values=CLOUD_NATIVE_PG)
    cluster = only(objects, "Cluster", "headwater-db")
    assert cluster["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    for name, pod in pod_specs(objects).items():
        if not name.startswith(("Deployment headwater-server", "Job ")):
            continue
        (container,) = pod["containers"]
        environment = {each["name"]: each for each in container["env"]}
        assert environment["HEADWATER_DSN"]["valueFrom"]["secretKeyRef"] == {"name": "headwater-db-app", "key": "uri"}
        assert environment["PGSSLMODE"]["value"] == "verify-full"
        assert environment["PGSSLROOTCERT"]["value"] == "/etc/headwater/database/ca.crt"
        (volume,) = (each for each in pod["volumes"] if each["name"] == "database-ca")
        assert volume["secret"] == {"secretName": "headwater-db-ca", "items": [{"key": "ca.crt", "path": "ca.crt"}]}
    assert cluster["spec"]["bootstrap"]["initdb"] == {"database": "headwater", "owner": "headwater", "encoding": "UTF8"}


def test_what_is_said_of_the_cluster_goes_before_the_chart(program: str) -> None:
    options = ("--set", "database.cnpg.spec.instances=1", "--set", "database.cnpg.spec.bootstrap.initdb.locale=C")
    spec = only(rendered(program, *options, values=CLOUD_NATIVE_PG), "Cluster", "headwater-db")["spec"]
    assert spec["instances"] == 1
    assert spec["bootstrap"]["initdb"] == {
        "database": "headwater",
        "owner": "headwater",
        "encoding": "UTF8",
        "locale": "C",
    }


def annotation(name: str) -> Any:
    """What Chart.yaml tells the Artifact Hub."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    return yaml.safe_load(chart["annotations"][f"artifacthub.io/{name}"])


def test_the_artifact_hub_is_told_of_the_images_that_are_used(program: str) -> None:
    text = yaml.safe_dump_all(rendered(program))
    for each in annotation("images"):
        assert f"{each['image']}\n" in text


def test_the_artifact_hub_is_shown_a_pipeline_that_is_one() -> None:
    definition = yaml.safe_load((CHART / "files" / "lineagepipelines.headwater.dev.yaml").read_text())
    (told,) = annotation("crds")
    assert (told["name"], told["kind"]) == (definition["metadata"]["name"], definition["spec"]["names"]["kind"])
    (example,) = annotation("crdsExamples")
    validate(example, schema_in(definition, told["version"]))


def test_every_set_up_is_told_of_by_its_first_line() -> None:
    assert all(values.read_text().startswith("# ") for values in SETUPS)
