"""The webhook's certificate, which is renewed while it serves: each new connection is shown the one of its time."""

from __future__ import annotations

import ssl
from pathlib import Path

from headwater.program.watched_files import UnusableFile, WatchedFiles


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """A context that hands every handshake over to the one with the files as they are then. Files that do not fit
    together change nothing, and are logged. Raises UnusableFile."""

    def read(_: bytes, __: bytes) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(certificate, key)
        except (OSError, ssl.SSLError) as error:
            raise UnusableFile(certificate, [f"cannot be used with {key} ({error})"]) from None
        return context

    files = WatchedFiles([certificate, key], read)
    first = read(b"", b"")

    def switch(connection: ssl.SSLObject, _: str | None, __: ssl.SSLContext) -> None:
        connection.context = files.value

    first.sni_callback = switch
    return first
