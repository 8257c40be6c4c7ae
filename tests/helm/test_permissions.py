"""The chart gives operator and webhook what they ask for by their own `rbac` command, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from headwater_operator.rbac import make_rbac, make_webhook_rbac

from .charts import CHART, NAMESPACE, Object, is_of_a_test, rendered

RBAC = ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
AGGREGATED = "headwater-pipelines-"


def permissions(objects: list[Object]) -> list[Object]:
    """What is granted, without labels."""
    own = [each for each in objects if each["kind"] in RBAC and not is_of_a_test(each)]
    found = [each for each in own if AGGREGATED not in each["metadata"]["name"]]
    for each in found:
        each["metadata"] = {key: each["metadata"][key] for key in ("name", "namespace") if key in each["metadata"]}
    return sorted(found, key=str)


def test_permissions_for_the_whole_cluster_are_those_that_are_asked_for(program: str) -> None:
    asked = [*make_rbac("headwater-operator", NAMESPACE), *make_webhook_rbac("headwater-webhook", NAMESPACE)]
    assert permissions(rendered(program)) == sorted(asked, key=str)


def test_permissions_for_some_namespaces_are_those_that_are_asked_for(program: str) -> None:
    values = CHART / "ci" / "some-namespaces-values.yaml"
    asked = make_rbac("headwater-operator", NAMESPACE, ("team-a", "team-b"))
    assert permissions(rendered(program, values=values)) == sorted(asked, key=str)


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("operator", make_rbac("headwater-operator", "headwater")),
        ("operator-namespaced", make_rbac("headwater-operator", "headwater", ("namespace",))),
        ("webhook", make_webhook_rbac("headwater-webhook", "headwater")),
    ],
)
def test_the_files_are_as_make_chart_writes_them(name: str, asked: list[Object]) -> None:
    file = Path(CHART, "files", f"{name}-rbac.yaml")
    assert list(yaml.safe_load_all(file.read_text())) == asked, "run make chart"


def test_nobody_else_is_given_anything(program: str) -> None:
    roles = [each["metadata"] for each in rendered(program) if each["kind"] == "ClusterRole"]
    others = [each for each in roles if each["name"].startswith(AGGREGATED)]
    assert all(any("aggregate-to-" in label for label in each["labels"]) for each in others)
    assert {each["name"] for each in roles} - {each["name"] for each in others} == {
        "headwater-operator",
        "headwater-webhook",
    }
