"""What a server that other machines can reach must not do without."""

from __future__ import annotations

from collections.abc import Iterator

from headwater.program.settings import Mistake

from .settings import Settings

REACHED = "can be reached from other machines"


def exposure_mistakes(settings: Settings, *, has_credentials: bool) -> Iterator[Mistake]:
    """Why it must not be served where it is to be; `has_credentials` says whether callers could prove who they are."""
    access = settings.access
    for flag, address in (("--grpc-address", settings.grpc_address), ("--http-address", settings.http_address)):
        if address.is_loopback:
            continue
        if not (access.tls_certificate_file or access.allow_plaintext):
            way_out = (
                "name --tls-certificate-file and --tls-key-file, listen on 127.0.0.1, "
                "or leave TLS to what stands in front of the server with --allow-plaintext=true"
            )
            yield Mistake(flag, str(address), f"{REACHED}, and there is no TLS", way_out)
        if not (has_credentials or access.allow_anonymous):
            way_out = (
                "make a token with `headwater-server token create`, name an --access-file or a --client-ca-file, "
                "listen on 127.0.0.1, or let anyone in with --allow-anonymous=true"
            )
            yield Mistake(flag, str(address), f"{REACHED}, and nobody would be asked who calls", way_out)
