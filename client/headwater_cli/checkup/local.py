"""Checks of what can be seen from here: the token, the way to the server's port, and its certificate."""

import base64
import json
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from headwater import Settings

from ..times import show_time
from .finding import Finding

CONNECT_SECONDS = 5.0
_SCHEMES = ("dns:///", "dns:", "ipv4:", "ipv6:", "passthrough:///")
DEFAULT_PORT = 443


def check_token(settings: Settings) -> Iterator[Finding]:
    """Looks whether the token can be read, and whether it still holds."""
    file = settings.token_file
    if file is None:
        yield Finding("token", "ok", "none: calls name nobody")
        return
    try:
        token = file.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        yield Finding(
            "token", "failed", f"{file} cannot be read: {error}", "let HEADWATER_TOKEN_FILE name a token's file"
        )
        return
    if not token:
        yield Finding("token", "failed", f"{file} is empty", "write the token into it")
        return
    expiry = _expiry(token)
    if expiry and expiry < datetime.now(UTC):
        yield Finding("token", "failed", f"{file} expired at {show_time(expiry)}", "get a new token")
    else:
        yield Finding("token", "ok", f"{file}{f', until {show_time(expiry)}' if expiry else ''}")


def check_connection(settings: Settings) -> Iterator[Finding]:
    """Looks whether anything listens where the server should."""
    host, port = where(settings.address)
    if not host:
        path = Path(settings.address.partition(":")[2])
        is_there = path.exists() or settings.address.startswith("unix-abstract:")
        yield Finding("connection", "ok" if is_there else "failed", str(path), "" if is_there else "start the server")
        return
    try:
        with socket.create_connection((host, port), CONNECT_SECONDS) as connected:
            yield Finding("connection", "ok", f"{connected.getpeername()[0]} port {port}")
    except socket.gaierror as error:
        yield Finding("connection", "failed", f"{host} has no address: {error.strerror}", "check HEADWATER_ADDRESS")
    except OSError as error:
        way = "check HEADWATER_ADDRESS, and that the server runs (headwater-server serve)"
        yield Finding("connection", "failed", f"{host} port {port}: {error.strerror or error}", way)


def check_tls(settings: Settings) -> Iterator[Finding]:
    """Looks whether the server's certificate is one that the CA vouches for."""
    host, port = where(settings.address)
    if not settings.is_secure or not host:
        yield Finding("tls", "ok", "not used: neither HEADWATER_CA_FILE nor HEADWATER_CA is set")
        return
    try:
        context = ssl.create_default_context(cafile=settings.ca_file, cadata=settings.ca or None)
        context.set_alpn_protocols(["h2"])
        if settings.certificate_file:
            context.load_cert_chain(settings.certificate_file, settings.key_file)
        with (
            socket.create_connection((host, port), CONNECT_SECONDS) as connected,
            context.wrap_socket(connected, server_hostname=host) as secured,
        ):
            certificate = secured.getpeercert() or {}
        yield Finding("tls", "ok", f"the certificate holds until {certificate.get('notAfter', 'an unknown time')}")
    except ssl.SSLCertVerificationError as error:
        way = "let HEADWATER_CA_FILE name the CA that signed the server's certificate, for this name of the host"
        yield Finding("tls", "failed", error.verify_message, way)
    except ssl.SSLError as error:
        yield Finding("tls", "failed", str(error), "does the server speak TLS there? Else unset HEADWATER_CA_FILE")
    except (OSError, ValueError) as error:
        yield Finding("tls", "failed", str(error), "let HEADWATER_CA_FILE name a file of CA certificates in PEM")


def where(address: str) -> tuple[str, int]:
    """Gives the host and port of a gRPC target; no host where it is a socket in the file system.

    >>> where("dns:///headwater.lineage.svc:4970")
    ('headwater.lineage.svc', 4970)
    """
    if address.startswith(("unix:", "unix-abstract:")):
        return "", 0
    for scheme in _SCHEMES:
        address = address.removeprefix(scheme)
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit():
        return address.strip("[]"), DEFAULT_PORT
    return host.strip("[]"), int(port)


def _expiry(token: str) -> datetime | None:
    """Reads when a JWT ends; None for a token of another kind."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return datetime.fromtimestamp(claims["exp"], UTC)
    except (IndexError, KeyError, TypeError, ValueError, OverflowError):
        return None
