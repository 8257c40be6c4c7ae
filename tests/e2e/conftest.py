"""What the end-to-end tests share: a real cluster, a namespace for each test, this project's image, and a server."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from uuid import uuid4

import pytest
from kubernetes import config
from kubernetes.dynamic import DynamicClient

from ..server_process import RunningServer
from .cluster.node import end_component
from .headwater_images import WORKLOAD
from .kubernetes_access import Namespace, kubectl
from .lineage_pipelines import define
from .ongoing_load import OngoingLoad, loaded
from .release import Release
from .running_operator import install_permissions
from .running_server import running_server
from .target import OwnNode, Target, target_of_tests
from .variables import HOST, REGISTRY

TEST_SECONDS = 300
_numbers = count(1)
_session = uuid4().hex[:6]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Gives these tests the time that pods take."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(TEST_SECONDS))


@pytest.fixture(scope="session")
def target() -> Target:
    """The Kubernetes under test."""
    if not os.environ.get("KUBECONFIG"):
        pytest.fail("these tests need a cluster: run make e2e, or set KUBECONFIG", pytrace=False)
    return target_of_tests(os.environ)


@pytest.fixture(scope="session")
def client(target: Target) -> Iterator[DynamicClient]:
    """A client that knows every kind that the cluster serves."""
    with config.new_client_from_config() as connection:
        yield DynamicClient(connection)


@pytest.fixture
def namespace(client: DynamicClient) -> Iterator[Namespace]:
    """An empty namespace, ready for pods. It is deleted after the test, which does not wait for that."""
    name = f"e2e-{_session}-{next(_numbers)}"
    kubectl("create", "namespace", name)
    kubectl("wait", "--for=create", "--timeout=60s", "--namespace", name, "serviceaccount/default")
    yield Namespace(name, client)
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def permissions(client: DynamicClient) -> None:
    """What the operator needs of the cluster is there."""
    define(client)
    install_permissions()


@pytest.fixture(scope="session")
def load_image(target: Target) -> Callable[[str], str]:
    """Gives the cluster an image of this project by its name, once, and tells its reference."""

    @functools.cache
    def load(name: str) -> str:
        if image := target.load_image(name):
            return image
        pytest.skip(f"images cannot be loaded into this cluster: let {REGISTRY} name a registry that it pulls from")

    return load


@pytest.fixture(scope="session")
def headwater_image(load_image: Callable[[str], str]) -> str:
    """An image that the cluster has, for workloads: Python 3.11 with `headwater` and OpenLineage's client."""
    return load_image(WORKLOAD)


@pytest.fixture(scope="session")
def emitter_image(load_image: Callable[[str], str]) -> str:
    """The image of the emitter, which the cluster has."""
    return load_image("emitter")


@pytest.fixture(scope="session")
def host(target: Target) -> str:
    """The address of this machine that pods reach."""
    if found := os.environ.get(HOST):
        return found
    pytest.skip(f"let {HOST} name an address of this machine that the cluster's pods reach")


@pytest.fixture(scope="session")
def server(host: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server outside of pods, which tests and pods reach under the same address. Its store is the session's."""
    with running_server(host, tmp_path_factory.mktemp("server")) as found:
        yield found


@pytest.fixture(scope="module")
def load(
    release: Release, headwater_image: str, host: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OngoingLoad]:
    """Events come to the module's release all the while."""
    with loaded(release, headwater_image, host, tmp_path_factory.mktemp("load")) as found:
        yield found


@pytest.fixture
def crash(target: Target) -> Callable[[str], None]:
    """Ends a component of the cluster by its name, as a crash would. It is started again by itself."""
    if not isinstance(target, OwnNode):
        pytest.skip(
            "components can be ended on a node of our own only: run make e2e as root, without KUBECONFIG and kind"
        )
    return end_component
