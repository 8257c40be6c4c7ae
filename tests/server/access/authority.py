"""A CA, and the certificates that it makes for servers and clients."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

LOOPBACK = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))


def named(name: str) -> x509.Name:
    """A subject with a common name only, or without any."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path

    @property
    def serial(self) -> int:
        """What tells certificates apart."""
        return x509.load_pem_x509_certificate(self.certificate.read_bytes()).serial_number

    def become(self, other: Pair) -> None:
        """Takes another pair's content, one file after the other, as a rotation does."""
        for own, new in ((self.certificate, other.certificate), (self.key, other.key)):
            fresh = own.with_suffix(".fresh")
            fresh.write_bytes(new.read_bytes())
            fresh.replace(own)


class Authority:
    """Makes certificates in a folder. Its own is in the file `ca`."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = named(name)
        own = self._builder(self._name, timedelta(days=2)).public_key(self._key.public_key())
        own = own.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.ca = folder / f"{name}.pem"
        self.ca.write_bytes(own.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))

    def issue(
        self,
        file: str,
        common_name: str = "headwater",
        *names: x509.GeneralName,
        valid: timedelta = timedelta(days=1),
    ) -> Pair:
        """A certificate for a name and alternative names."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(named(common_name), valid).public_key(key.public_key())
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=not common_name)
        pair = Pair(self._folder / f"{file}.pem", self._folder / f"{file}.key")
        pair.certificate.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))
        pair.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return pair

    def _builder(self, subject: x509.Name, valid: timedelta) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name)
        builder = builder.serial_number(x509.random_serial_number())
        return builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + valid)


@dataclass(frozen=True)
class Tls:
    """How a client reaches a server: whom it trusts, and its own certificate where it has one."""

    ca: Path
    own: Pair | None = None

    def channel(self, address: str) -> grpc.aio.Channel:
        """A channel of its own to a server."""
        own = (self.own.key.read_bytes(), self.own.certificate.read_bytes()) if self.own else (None, None)
        credentials = grpc.ssl_channel_credentials(self.ca.read_bytes(), *own)
        return grpc.aio.secure_channel(address, credentials, options=[("grpc.use_local_subchannel_pool", 1)])

    def context(self) -> ssl.SSLContext:
        """The same for HTTP."""
        context = ssl.create_default_context(cafile=self.ca)
        if self.own:
            context.load_cert_chain(self.own.certificate, self.own.key)
        return context
