"""The node's certificate authority, and the keys and certificates that its components know each other by."""

from __future__ import annotations

import trustme
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from .layout import API_SERVICE_ADDRESS, KEYS, NODE_ADDRESS, NODE_NAME

API_NAMES = (
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "localhost",
    API_SERVICE_ADDRESS,
    NODE_ADDRESS,
    "127.0.0.1",
)
"""What the API server is called by those who check its certificate."""


def make_keys() -> None:
    """Writes the .crt and .key of the authority `ca`, of `apiserver`, `kubelet` and `admin`, and the pair `sa`."""
    KEYS.mkdir(mode=0o700)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(KEYS / "ca.crt"))
    authority.private_key_pem.write_to_path(str(KEYS / "ca.key"))
    # Kubernetes reads who somebody is from a certificate: the user is the common name, a group is an organization.
    # Each has a host name, too: Go refuses a certificate whose list of names is empty.
    issued = {
        "apiserver": authority.issue_cert(*API_NAMES, common_name="kube-apiserver"),
        "kubelet": authority.issue_cert(
            NODE_NAME, NODE_ADDRESS, common_name=f"system:node:{NODE_NAME}", organization_name="system:nodes"
        ),
        "admin": authority.issue_cert("admin", common_name="admin", organization_name="system:masters"),
    }
    for name, certificate in issued.items():
        certificate.cert_chain_pems[0].write_to_path(str(KEYS / f"{name}.crt"))
        certificate.private_key_pem.write_to_path(str(KEYS / f"{name}.key"))
    make_service_account_key()


def make_service_account_key() -> None:
    """Writes the pair that signs and checks service accounts' tokens; RS256 is what every reader of theirs takes."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (KEYS / "sa.key").write_bytes(private)
    (KEYS / "sa.pub").write_bytes(public)
