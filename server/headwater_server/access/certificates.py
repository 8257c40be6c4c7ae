"""Client certificates. TLS has verified them when the connection was made; here is who they are of."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from cryptography import x509
from cryptography.x509.oid import NameOID

from ..domain.callers import Caller
from ..domain.errors import Unauthenticated

MOST_REMEMBERED = 1_000
REMEDY = "connect again with a fresh one"


class ClientCertificates:
    """Verifies that a certificate still holds, and names its subject; `clock` counts seconds since 1970.

    The subject is the first URI among the alternative names (as SPIFFE has it), else the first DNS name, else the
    common name. Roles come from bindings alone.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._remembered: dict[bytes, tuple[Caller, float]] = {}

    def caller(self, certificate: bytes) -> Caller:
        """Whose certificate it is; raises Unauthenticated for one that has expired since, or names nobody."""
        known = self._remembered.get(certificate)
        if known is None:
            known = _read(certificate)
            if len(self._remembered) >= MOST_REMEMBERED:
                self._remembered.clear()
            self._remembered[certificate] = known
        caller, end = known
        if self._clock() >= end:
            when = datetime.fromtimestamp(end, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            raise Unauthenticated(f"the client certificate expired at {when}", REMEDY)
        return caller


def _read(certificate: bytes) -> tuple[Caller, float]:
    is_text = certificate.lstrip().startswith(b"-----")
    try:
        load = x509.load_pem_x509_certificate if is_text else x509.load_der_x509_certificate
        read = load(certificate)
        subject = next(_subjects(read), "")
    except ValueError:
        raise Unauthenticated("the client certificate cannot be read", REMEDY) from None
    if not subject or not subject.isprintable():
        raise Unauthenticated("the client certificate names nobody", "have one made with a SAN or a common name")
    return Caller(f"certificate:{subject}", frozenset()), read.not_valid_after_utc.timestamp()


def _subjects(certificate: x509.Certificate) -> Iterator[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names = x509.SubjectAlternativeName([])
    yield from names.get_values_for_type(x509.UniformResourceIdentifier)
    yield from names.get_values_for_type(x509.DNSName)
    for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
        yield str(attribute.value)
