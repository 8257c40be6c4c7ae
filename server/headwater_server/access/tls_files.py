"""The server's certificate and key, and the CA of its clients, as their files are at each handshake."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from headwater.program.watched_files import UnusableFile, WatchedFiles


@dataclass(frozen=True, slots=True)
class Tls:
    """What the server shows and trusts: PEM for gRPC, and a context with the same for HTTP.

    The context asks clients for a certificate where there is a CA for them, and takes those who have none.
    """

    certificate: bytes
    key: bytes = field(repr=False)
    client_ca: bytes | None
    context: ssl.SSLContext


class TlsFiles:
    """What holds now; files that do not fit together change nothing, and are logged. May be asked from any thread.

    Making one raises UnusableFile.
    """

    def __init__(self, certificate: Path, key: Path, client_ca: Path | None) -> None:
        paths = [certificate, key, *([client_ca] if client_ca else [])]

        def read(chain: bytes, secret: bytes, ca: bytes | None = None) -> Tls:
            _check_pair(certificate, chain, key, secret)
            return Tls(chain, secret, ca, _context(certificate, key, client_ca))

        self._files = WatchedFiles(paths, read)

    @property
    def expiry(self) -> float:
        """When the first certificate ends, in seconds since 1970."""
        return x509.load_pem_x509_certificates(self.value.certificate)[0].not_valid_after_utc.timestamp()

    @property
    def value(self) -> Tls:
        """What to show and trust now."""
        return self._files.value


def _check_pair(certificate: Path, chain: bytes, key: Path, secret: bytes) -> None:
    """Raises UnusableFile unless the key is that of the first certificate."""
    try:
        shown = x509.load_pem_x509_certificates(chain)[0].public_key()
    except ValueError:
        raise UnusableFile(certificate, ["holds no certificate in PEM"]) from None
    try:
        held = load_pem_private_key(secret, None).public_key()
    except (ValueError, TypeError):
        raise UnusableFile(key, ["holds no private key in PEM that is not encrypted"]) from None
    if shown != held:
        raise UnusableFile(key, [f"is not the key of {certificate}"])


def _context(certificate: Path, key: Path, client_ca: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise UnusableFile(certificate, [f"cannot be used ({error})"]) from None
    if client_ca:
        context.verify_mode = ssl.CERT_OPTIONAL
        # A session that goes on from a ticket shows no certificate, so that a CA which is gone would still count.
        context.num_tickets = 0
        context.options |= ssl.OP_NO_TICKET
        try:
            context.load_verify_locations(client_ca)
        except (OSError, ssl.SSLError) as error:
            raise UnusableFile(client_ca, [f"holds no CA certificates in PEM ({error})"]) from None
    return context
