"""The permissions: everything that is watched may be read, and nothing of others written to."""

from __future__ import annotations

import subprocess
import sys

import yaml

from headwater_operator.kinds import ADAPTERS
from headwater_operator.rbac import make_rbac, make_rules, make_webhook_rules

READING = {"get", "list", "watch"}


def test_every_kind_may_be_read() -> None:
    granted = {
        (group, resource)
        for rule in make_rules() if set(rule["verbs"]) >= READING
        for group in rule["apiGroups"] for resource in rule["resources"]
    }  # fmt: skip
    assert {(each.resource.group, each.resource.plural) for each in ADAPTERS} <= granted


def test_only_what_is_the_operators_own_is_written_to() -> None:
    written = {
        (resource, verb)
        for rule in make_rules() for resource in rule["resources"] for verb in rule["verbs"] if verb not in READING
    }  # fmt: skip
    assert written == {("lineagepipelines", "patch"), ("lineagepipelines/status", "patch"), ("events", "create")}
    assert not any("*" in rule[part] for rule in make_rules() for part in ("apiGroups", "resources", "verbs"))


def test_some_namespaces_need_no_rights_over_all() -> None:
    found = make_rbac("operator", "headwater", ["team-a", "team-b"])
    roles = {(each["kind"], each["metadata"].get("namespace")) for each in found}
    assert roles == {("Role", "team-a"), ("RoleBinding", "team-a"), ("Role", "team-b"), ("RoleBinding", "team-b")}


def test_the_command_prints_them() -> None:
    command = [sys.executable, "-m", "headwater_operator.cli", "rbac", "--service-account", "watcher"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    role, binding = yaml.safe_load_all(text)
    assert role["kind"] == "ClusterRole"
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "watcher", "namespace": "headwater"}]


def test_the_webhook_only_follows_and_sees_no_pod() -> None:
    rules = make_webhook_rules()
    assert {tuple(rule["verbs"]) for rule in rules} == {("list", "watch")}
    granted = {(group, name) for rule in rules for group in rule["apiGroups"] for name in rule["resources"]}
    assert {("", "namespaces"), ("headwater.dev", "lineagepipelines"), ("jobset.x-k8s.io", "jobsets")} <= granted
    assert not granted & {("", "pods"), ("", "secrets"), ("", "events"), ("ray.io", "rayclusters")}


def test_the_command_prints_those_of_the_webhook() -> None:
    command = [sys.executable, "-m", "headwater_operator.cli", "rbac", "--program", "webhook"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    role, binding = yaml.safe_load_all(text)
    assert role["metadata"]["name"] == binding["roleRef"]["name"] == "headwater-webhook"
    assert binding["subjects"][0]["name"] == "headwater-webhook"
    refused = subprocess.run([*command, "--namespaces", "a"], capture_output=True, text=True, check=False)
    assert (refused.returncode, "--namespaces goes with the operator" in refused.stderr) == (2, True)
