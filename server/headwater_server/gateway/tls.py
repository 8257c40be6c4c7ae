"""TLS for HTTP, with certificates that may change while it serves: each new connection sees those of its time."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from ..access.tls_files import TlsFiles
from .callers import CERTIFICATE


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """A context that hands every handshake over to the one that holds then.

    It could take new certificates itself, but would never forget a CA of clients that is trusted no more.
    """
    first = files.value.context

    def switch(connection: ssl.SSLObject, _: str | None, __: ssl.SSLContext) -> None:
        connection.context = files.value.context

    first.sni_callback = switch
    return first


class CertifiedProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """Tells the application of a client's certificate, in the state of each request of the connection."""

    app_state: dict[str, Any]

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begins a connection, whose handshake is over."""
        connection = transport.get_extra_info("ssl_object")
        if connection and (certificate := connection.getpeercert(binary_form=True)):
            self.app_state = {**self.app_state, CERTIFICATE: certificate}
        super().connection_made(transport)
