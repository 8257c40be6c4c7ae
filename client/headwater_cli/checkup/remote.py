"""Checks that ask the server: its health, its version, its clock, its services, and whether its store answers."""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version

import grpc

from headwater import HeadwaterError, Settings, SyncClient
from headwater.errors import from_rpc_error
from headwater.wire import SERVICES, BearerToken, channel_credentials

from ..failures import explain
from .finding import Finding

ASK_SECONDS = 5.0
CLOCK_SECONDS = 5.0
HEALTH = "/grpc.health.v1.Health/Check"
SERVING = b"\x08\x01"
QUESTION = "/headwater.v1.CatalogService/ListNamespaces"
"""A question that needs no words."""

_SERVICES = [service.full_name for service in SERVICES]


def check_health(settings: Settings) -> Iterator[Finding]:
    """Asks whether the server serves, which build and services it has, and what time it is there."""
    with _channel(settings) as channel:
        try:
            answer, told = _health(channel, "")
        except grpc.RpcError as failure:
            yield _unhealthy(failure, settings)
            return
        yield Finding("health", "ok", "serving") if answer == SERVING else _not_serving(channel, settings)
        yield _version(told)
        yield _clock(told)
        if answer == SERVING:
            yield _services(channel)


def check_store(settings: Settings) -> Iterator[Finding]:
    """Asks a question that the store has to answer."""
    began = time.monotonic()
    try:
        with SyncClient(settings=settings) as client:
            next(client.namespaces(page_size=1, timeout_seconds=ASK_SECONDS).pages())
    except HeadwaterError as error:
        yield Finding(
            "store", "failed", explain(error).partition("\n")[0], "see the server's log, and headwater-server check"
        )
    else:
        yield Finding("store", "ok", f"answers in {(time.monotonic() - began) * 1000:.0f} ms")


def _unhealthy(failure: grpc.RpcError, settings: Settings) -> Finding:
    if failure.code() is grpc.StatusCode.UNIMPLEMENTED:
        return Finding("health", "failed", "what listens there is no Headwater server", "check HEADWATER_ADDRESS")
    way = "" if settings.is_secure else "if the server wants TLS, set HEADWATER_CA_FILE"
    return Finding("health", "failed", str(from_rpc_error(failure)), way)


def _not_serving(channel: grpc.Channel, settings: Settings) -> Finding:
    """Says why the server does not serve: it tells so to whoever asks it anything."""
    detail = "the server runs, but does not serve"
    remedy = "see the server's log; headwater-server check says what is wrong with its store"
    file = settings.token_file
    metadata = (("authorization", f"Bearer {BearerToken(file).read()}"),) if file else None
    ask = channel.unary_unary(QUESTION, lambda data: data, lambda data: data)
    try:
        ask(b"", timeout=ASK_SECONDS, metadata=metadata)
    except grpc.RpcError as failure:
        error = from_rpc_error(failure)
        detail += f": {error.metadata.get('problem', error.message)}"
        remedy = error.metadata.get("remedy", remedy)
    return Finding("health", "failed", detail, remedy)


def _version(told: Mapping[str, str]) -> Finding:
    own, other = version("headwater"), told.get("headwater-version")
    if other is None:
        return Finding("version", "skipped", "the server does not tell its version")
    if own.split(".")[:2] == other.split(".")[:2]:
        return Finding("version", "ok", other)
    way = "upgrade the older one of the two"
    return Finding("version", "warning", f"the server is {other}, this command is {own}", way)


def _services(channel: grpc.Channel) -> Finding:
    missing = [name for name in _SERVICES if not _is_served(channel, name)]
    if missing:
        way = "the server is of another version than this command: upgrade the older one"
        return Finding("services", "failed", f"not served: {', '.join(missing)}", way)
    return Finding("services", "ok", ", ".join(name.rpartition(".")[2] for name in _SERVICES))


def _is_served(channel: grpc.Channel, service: str) -> bool:
    try:
        return _health(channel, service)[0] == SERVING
    except grpc.RpcError:
        return False


def _clock(told: Mapping[str, str]) -> Finding:
    try:
        difference = (parsedate_to_datetime(told["date"]) - datetime.now(UTC)).total_seconds()
    except (KeyError, ValueError, TypeError):
        return Finding("clock", "skipped", "the server does not tell its time")
    if abs(difference) <= CLOCK_SECONDS:
        return Finding("clock", "ok", f"within {CLOCK_SECONDS:.0f} s of this machine's")
    detail = f"{abs(difference):.0f} s {'ahead of' if difference > 0 else 'behind'} this machine's"
    return Finding("clock", "warning", detail, "set both clocks by NTP: events are ordered by their times")


def _health(channel: grpc.Channel, service: str) -> tuple[bytes, dict[str, str]]:
    """Asks for the health of a service; gives the answer's bytes and what was told beside it."""
    # Both messages have one field, so that the two bytes before a name say all that a generated stub would.
    name = service.encode()
    request = b"\x0a" + bytes([len(name)]) + name if name else b""
    call = channel.unary_unary(HEALTH, lambda data: data, lambda data: data)
    answer, context = call.with_call(request, timeout=ASK_SECONDS)
    told = {key: value for key, value in context.trailing_metadata() or () if isinstance(value, str)}
    return answer, told


def _channel(settings: Settings) -> grpc.Channel:
    credentials = channel_credentials(settings)
    if credentials is None:
        return grpc.insecure_channel(settings.address)
    return grpc.secure_channel(settings.address, credentials)
