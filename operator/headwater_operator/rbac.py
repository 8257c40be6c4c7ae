"""The permissions that operator and webhook need, and nothing more: the operator writes what is its own, the webhook
nothing.

Made from the table of kinds, so a further kind needs no second list. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from .kinds import ADAPTERS
from .kinds.adapter import Adapter, Resource

NAME = "headwater-operator"
WEBHOOK = "headwater-webhook"
FOLLOW = ["list", "watch"]
READ = ["get", "list", "watch"]
OWNERS = (
    Resource("apps", "v1", "replicasets", "ReplicaSet"),
    Resource("apps", "v1", "deployments", "Deployment"),
    Resource("apps", "v1", "statefulsets", "StatefulSet"),
    Resource("jobset.x-k8s.io", "v1alpha2", "jobsets", "JobSet"),
    Resource("kubeflow.org", "v1beta1", "scheduledworkflows", "ScheduledWorkflow"),
    Resource("ray.io", "v1", "rayclusters", "RayCluster"),
)
"""Kinds that stand between workloads and their roots, and are no workloads themselves: their metadata is read."""


def make_rules(adapters: Iterable[Adapter] = ADAPTERS) -> list[dict[str, Any]]:
    """The rules for what lies in the namespaces that are watched."""
    by_group: defaultdict[str, set[str]] = defaultdict(set)
    for adapter in adapters:
        by_group[adapter.resource.group].add(adapter.resource.plural)
    owners: defaultdict[str, set[str]] = defaultdict(set)
    for each in OWNERS:
        if each.plural not in by_group.get(each.group, ()):
            owners[each.group].add(each.plural)
    return [
        *(_rule(group, plurals, READ) for group, plurals in sorted(by_group.items())),
        *(_rule(group, plurals, ["get"]) for group, plurals in sorted(owners.items())),
        # Its finalizer and its notes on what it handled are kept in the metadata.
        _rule("headwater.dev", {"lineagepipelines"}, [*READ, "patch"]),
        _rule("headwater.dev", {"lineagepipelines/status"}, ["patch"]),
        _rule("", {"events"}, ["create"]),
        # Whether injection is asked for is a label of the namespace.
        _rule("", {"namespaces"}, ["get"]),
    ]


def make_webhook_rules(adapters: Iterable[Adapter] = ADAPTERS) -> list[dict[str, Any]]:
    """The rules of the webhook: it follows what may own pods, and reads neither pods nor writes anything."""
    by_group: defaultdict[str, set[str]] = defaultdict(set)
    for each in (*(adapter.resource for adapter in adapters), *OWNERS):
        if each.kind not in ("Pod", "RayCluster"):  # pods of Ray are never injected
            by_group[each.group].add(each.plural)
    by_group[""].add("namespaces")
    by_group["headwater.dev"].add("lineagepipelines")
    return [_rule(group, plurals, FOLLOW) for group, plurals in sorted(by_group.items())]


def make_webhook_rbac(account: str, account_namespace: str) -> list[dict[str, Any]]:
    """The role and binding of the webhook's service account, for the whole cluster."""
    subject = {"kind": "ServiceAccount", "name": account, "namespace": account_namespace}
    return _granted("Cluster", "", make_webhook_rules(), subject, WEBHOOK)


def make_rbac(account: str, account_namespace: str, namespaces: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The roles and bindings of a service account: for the whole cluster, or for some namespaces."""
    subject = {"kind": "ServiceAccount", "name": account, "namespace": account_namespace}
    if not namespaces:
        return _granted("Cluster", "", make_rules(), subject)
    return [each for namespace in namespaces for each in _granted("", namespace, make_rules(), subject)]


def _granted(
    scope: str, namespace: str, rules: list[dict[str, Any]], subject: dict[str, str], name: str = NAME
) -> list[dict[str, Any]]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    api = "rbac.authorization.k8s.io"
    reference = {"apiGroup": api, "kind": f"{scope}Role", "name": name}
    return [
        {"apiVersion": f"{api}/v1", "kind": f"{scope}Role", "metadata": metadata, "rules": rules},
        {
            "apiVersion": f"{api}/v1",
            "kind": f"{scope}RoleBinding",
            "metadata": dict(metadata),
            "roleRef": reference,
            "subjects": [dict(subject)],
        },
    ]


def _rule(group: str, resources: Iterable[str], verbs: Sequence[str]) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": sorted(resources), "verbs": list(verbs)}
