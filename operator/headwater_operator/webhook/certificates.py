"""The webhook's certificate, which is renewed while it serves: each new connection is shown the one of its time."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from headwater.program.watched_files import UnusableFile, WatchedFiles


@dataclass(frozen=True, slots=True)
class _Shown:
    """What connections are shown, and when it ends, in seconds since 1970."""

    context: ssl.SSLContext
    expiry: float


class ServerCertificate:
    """The certificate as its files are at each moment. Files that do not fit together change nothing, and are logged.

    Making one raises UnusableFile.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        def read(chain: bytes, _: bytes) -> _Shown:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.set_alpn_protocols(["http/1.1"])
            try:
                context.load_cert_chain(certificate, key)
                expiry = x509.load_pem_x509_certificates(chain)[0].not_valid_after_utc.timestamp()
            except (OSError, ssl.SSLError, ValueError) as error:
                raise UnusableFile(certificate, [f"cannot be used with {key} ({error})"]) from None
            return _Shown(context, expiry)

        self._files = WatchedFiles([certificate, key], read)

    @property
    def expiry(self) -> float:
        """When it ends, in seconds since 1970."""
        return self._files.value.expiry

    def context(self) -> ssl.SSLContext:
        """A context that hands every handshake over to the one with the files as they are then."""
        first = self._files.value.context

        def switch(connection: ssl.SSLObject, _: str | None, __: ssl.SSLContext) -> None:
            connection.context = self._files.value.context

        first.sni_callback = switch
        return first
