"""The chart gives operator and webhook what they ask for by their own `rbac` command, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from headwater_operator.rbac import make_rbac, make_webhook_rbac

from .charts import CHART, NAMESPACE, Object, is_of_a_test, pod_specs, rendered

RBAC = ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
AGGREGATED = "headwater-pipelines-"
TO = "rbac.authorization.k8s.io/aggregate-to-"


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


def test_helm_test_may_make_pods_in_a_namespace_of_its_own_and_nothing_else(program: str) -> None:
    role, binding = sorted(
        (each for each in rendered(program) if each["kind"] in RBAC and is_of_a_test(each)),
        key=lambda each: each["kind"],
    )
    assert (role["kind"], binding["kind"]) == ("Role", "RoleBinding")
    assert role["metadata"]["namespace"] == binding["metadata"]["namespace"] == f"{NAMESPACE}-headwater-test"
    assert role["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["create"]}]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "headwater-test", "namespace": NAMESPACE}]


def test_those_who_view_or_edit_a_namespace_may_do_so_with_its_pipelines(program: str) -> None:
    granted: dict[str, set[str]] = {}
    for each in rendered(program):
        if each["kind"] == "ClusterRole" and each["metadata"]["name"].startswith(AGGREGATED):
            (rule,) = each["rules"]
            assert (rule["apiGroups"], rule["resources"]) == (["headwater.dev"], ["lineagepipelines"])
            for label in each["metadata"]["labels"]:
                if label.startswith(TO):
                    granted.setdefault(label.removeprefix(TO), set()).update(rule["verbs"])
    sees, changes = {"get", "list", "watch"}, {"create", "delete", "deletecollection", "patch", "update"}
    assert granted == {"view": sees, "edit": sees | changes, "admin": sees | changes}


def test_only_programs_that_ask_the_api_server_have_a_token_for_it(program: str) -> None:
    objects = rendered(program)
    mounted = {
        name
        for name, pod in pod_specs(objects).items()
        if pod["automountServiceAccountToken"] and not name.startswith("Pod ")
    }
    assert mounted == {"Deployment headwater-operator", "Deployment headwater-webhook"}
    for account in (each for each in objects if each["kind"] == "ServiceAccount" and not is_of_a_test(each)):
        assert account["automountServiceAccountToken"] is False
