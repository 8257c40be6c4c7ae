"""TLS for gRPC, with certificates that may change while it serves: each new connection sees those of its time."""

from __future__ import annotations

from typing import Any

import grpc

from ..access.tls_files import Tls, TlsFiles


def server_credentials(files: TlsFiles, *, ask_clients: bool) -> grpc.ServerCredentials:
    """What a port is served with. Where clients are asked for a certificate, none is let in without one.

    gRPC for Python cannot ask and go on without an answer, so that those with a token need a port of their own.
    """
    shown = files.value

    def renewed() -> Any:  # None where nothing changed, of which the stubs know nothing
        nonlocal shown
        now = files.value
        if now is shown:
            return None
        shown = now
        return _configuration(now, ask_clients=ask_clients)

    return grpc.dynamic_ssl_server_credentials(_configuration(shown, ask_clients=ask_clients), renewed, ask_clients)


def _configuration(tls: Tls, *, ask_clients: bool) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(tls.key, tls.certificate)], tls.client_ca if ask_clients else None
    )
