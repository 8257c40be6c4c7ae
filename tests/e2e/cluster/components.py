"""How each component of the node is started, in the order in which they are."""

from __future__ import annotations

from pathlib import Path

from .layout import KEYS, KUBECONFIG, NODE_ADDRESS, NODE_NAME, POD_ADDRESSES, SERVICE_ADDRESSES, STATE
from .programs import programs_folder

ETCD_URL = "http://127.0.0.1:2379"


def flags(**values: object) -> list[str]:
    """Flags as these programs write them: a_b=1 is --a-b=1."""
    return [f"--{name.replace('_', '-')}={value}" for name, value in values.items()]


def etcd() -> list[str]:
    """The store. Without fsync: the node lives for one run of tests, so faults of this disk cannot be tried on it."""
    peers = "http://127.0.0.1:2380"
    return flags(
        data_dir=STATE / "etcd",
        listen_client_urls=ETCD_URL,
        advertise_client_urls=ETCD_URL,
        listen_peer_urls=peers,
        unsafe_no_fsync="true",
        log_level="warn",
    )


def kube_apiserver() -> list[str]:
    """The API. MutatingAdmissionPolicy is on as v1beta1; from Kubernetes 1.36 it is v1 and on by itself."""
    return flags(
        etcd_servers=ETCD_URL,
        advertise_address=NODE_ADDRESS,
        service_cluster_ip_range=SERVICE_ADDRESSES,
        authorization_mode="Node,RBAC",
        enable_admission_plugins="NodeRestriction",
        feature_gates="MutatingAdmissionPolicy=true",
        runtime_config="admissionregistration.k8s.io/v1beta1=true",
        allow_privileged="true",
        client_ca_file=KEYS / "ca.crt",
        tls_cert_file=KEYS / "apiserver.crt",
        tls_private_key_file=KEYS / "apiserver.key",
        service_account_issuer="https://kubernetes.default.svc",
        service_account_key_file=KEYS / "sa.pub",
        service_account_signing_key_file=KEYS / "sa.key",
        kubelet_preferred_address_types="InternalIP",
        kubelet_client_certificate=KEYS / "admin.crt",
        kubelet_client_key=KEYS / "admin.key",
    )


def kube_controller_manager() -> list[str]:
    """The controllers; each with the service account that a real cluster gives it."""
    return flags(
        kubeconfig=KUBECONFIG,
        use_service_account_credentials="true",
        service_account_private_key_file=KEYS / "sa.key",
        root_ca_file=KEYS / "ca.crt",
        cluster_signing_cert_file=KEYS / "ca.crt",
        cluster_signing_key_file=KEYS / "ca.key",
        cluster_cidr=POD_ADDRESSES,
        leader_elect="false",
    )


def kubelet() -> list[str]:
    """The agent that runs pods."""
    return flags(
        config=STATE / "kubelet.yaml",
        kubeconfig=STATE / "kubelet.conf",
        hostname_override=NODE_NAME,
        node_ip=NODE_ADDRESS,
        root_dir=STATE / "kubelet",
    )


def commands() -> dict[str, list[str]]:
    """The command line of each component by its name."""

    def ours(name: str, arguments: list[str]) -> list[str]:
        return [str(Path(programs_folder(), name)), *arguments]

    return {
        "containerd": ["containerd", f"--config={STATE / 'containerd.toml'}"],
        "etcd": ours("etcd", etcd()),
        "kube-apiserver": ours("kube-apiserver", kube_apiserver()),
        "kube-controller-manager": ours("kube-controller-manager", kube_controller_manager()),
        "kube-scheduler": ours("kube-scheduler", flags(kubeconfig=KUBECONFIG, leader_elect="false")),
        "kubelet": ours("kubelet", kubelet()),
        "kube-proxy": ours("kube-proxy", flags(config=STATE / "kube-proxy.yaml", hostname_override=NODE_NAME)),
        "coredns": ours("coredns", ["-conf", str(STATE / "Corefile")]),
    }
