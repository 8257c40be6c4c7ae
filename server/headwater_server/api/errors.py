"""How an error of the domain is told over gRPC: a status code, and exactly one `ErrorInfo` with reason and metadata."""

from __future__ import annotations

from collections.abc import Mapping

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status

from headwater.errors import DOMAIN
from headwater.v1.error_reason_pb2 import ErrorReason

from ..domain.errors import HeadwaterError

CODES = {
    "INVALID_FIELD": grpc.StatusCode.INVALID_ARGUMENT,
    "INVALID_EVENT": grpc.StatusCode.INVALID_ARGUMENT,
    "TOO_LARGE": grpc.StatusCode.INVALID_ARGUMENT,
    "TOO_OLD": grpc.StatusCode.FAILED_PRECONDITION,
    "NOT_FOUND": grpc.StatusCode.NOT_FOUND,
    "AMBIGUOUS_ADDRESS": grpc.StatusCode.FAILED_PRECONDITION,
    "INVALID_PAGE_TOKEN": grpc.StatusCode.INVALID_ARGUMENT,
    "OVERLOADED": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "SHUTTING_DOWN": grpc.StatusCode.UNAVAILABLE,
    "STORE_UNAVAILABLE": grpc.StatusCode.UNAVAILABLE,
    "QUERY_TIMEOUT": grpc.StatusCode.DEADLINE_EXCEEDED,
    "UNKNOWN_METHOD": grpc.StatusCode.UNIMPLEMENTED,
    "UNAUTHENTICATED": grpc.StatusCode.UNAUTHENTICATED,
    "PERMISSION_DENIED": grpc.StatusCode.PERMISSION_DENIED,
    "KEYS_UNAVAILABLE": grpc.StatusCode.UNAVAILABLE,
    "ID_COLLISION": grpc.StatusCode.INTERNAL,
    "INTERNAL": grpc.StatusCode.INTERNAL,
}
"""The status of each reason; the contract says the same."""
MAX_MESSAGE_BYTES = 600
MAX_METADATA_BYTES = 3000
"""How much of an error is told: a client drops a status whose headers exceed 8 KiB, and every byte goes there twice or
more."""


def to_status(error: HeadwaterError) -> grpc.Status:
    """The status that tells the error."""
    message = _cut(error.message, MAX_MESSAGE_BYTES)
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=_bounded(error.metadata))
    details = [_packed(info)]
    retry_after: float | None = getattr(error, "retry_after_seconds", None)
    if retry_after is not None:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(round(retry_after * 1000))
        details.append(_packed(error_details_pb2.RetryInfo(retry_delay=delay)))
    code: int = CODES[error.reason].value[0]
    return rpc_status.to_status(status_pb2.Status(code=code, message=message, details=details))


def reason_number(error: HeadwaterError) -> ErrorReason.ValueType:
    """The reason as the contract numbers it."""
    return ErrorReason.Value(f"ERROR_REASON_{error.reason}")


def _packed(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed


def _bounded(metadata: Mapping[str, str]) -> dict[str, str]:
    """The metadata with its longest values cut, so that all of it fits."""
    left, bounded = MAX_METADATA_BYTES, {}
    by_length = sorted(metadata, key=lambda key: len(metadata[key]))
    for count, key in zip(range(len(by_length), 0, -1), by_length, strict=True):
        bounded[key] = _cut(metadata[key], left // count)
        left -= len(bounded[key].encode())
    return bounded


def _cut(text: str, most: int) -> str:
    """The text, or as much of it as so many bytes hold; what is no Unicode becomes `?`."""
    encoded = text.encode(errors="replace")
    return encoded.decode() if len(encoded) <= most else encoded[: most - 3].decode(errors="ignore") + "…"
