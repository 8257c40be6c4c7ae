"""The workloads of other projects can be declared: a real API server accepts their definitions and serves them."""

from __future__ import annotations

import pytest
from kubernetes.dynamic import DynamicClient

from .crds import DEFINITIONS, apply_crds
from .kubernetes_access import Namespace, kubectl


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_a_definition_is_accepted_and_served(kind: str, client: DynamicClient, namespace: Namespace) -> None:
    apply_crds(client, kind)
    name = DEFINITIONS[kind].name
    assert kubectl("get", "crd", name, "--output", "jsonpath={.spec.names.kind}") == kind
    assert namespace.kubectl("get", name, "--output", "jsonpath={.items}") == "[]"
