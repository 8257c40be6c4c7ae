"""What a call can fail with: one tree, made from the status, the `ErrorInfo` and the `RetryInfo` of a reply.

HeadwaterError
├── InvalidSettings          the client's own settings make no sense
├── InvalidArgument          a field of the request has no meaning
│   ├── InvalidEvent         an event is no OpenLineage event
│   ├── InvalidPageToken     a page token belongs to another request
│   └── TooLarge             an event, a request or an answer is too large
├── FailedPrecondition       the request does not fit the state of things
│   ├── AmbiguousAddress     an address fits more than one asset: `candidates`
│   └── TooOld               an event is older than what retention keeps
├── NotFound                 the asset is not known
├── Unauthenticated          the server does not know who calls
├── PermissionDenied         the caller may not do that
├── Overloaded               the server has too much to do: `retry_after`
├── Unavailable              the server or its store cannot be reached
├── DeadlineExceeded         the answer took longer than the deadline
└── Internal                 the server failed; its log says why
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import ClassVar, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

DOMAIN = "headwater.dev"

M = TypeVar("M", bound=Message)


class HeadwaterError(Exception):
    """Is any failure of a call. `str()` says what happened and, where one is known, the way out.

    `reason` is the name of an `ErrorReason` without its prefix, empty where the server gave none; `metadata` holds the
    parts of the message that vary; `retry_after` the seconds that the server asks to wait for, None where it does not.

        try:
            client.get_dataset("shop.public.users")
        except AmbiguousAddress as error:
            print("\\n".join(error.candidates))
        except HeadwaterError as error:
            print(error)
    """

    remedy: ClassVar[str] = ""

    def __init__(
        self,
        message: str,
        code: grpc.StatusCode = grpc.StatusCode.UNKNOWN,
        reason: str = "",
        metadata: Mapping[str, str] = MappingProxyType({}),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.reason = reason
        self.metadata = dict(metadata)
        self.retry_after = retry_after

    def __str__(self) -> str:
        remedy = self.metadata.get("remedy") or self.remedy
        return self.message if not remedy or remedy in self.message else f"{self.message}: {remedy}"

    @property
    def is_retryable(self) -> bool:
        """Whether the same call can succeed a little later; a repetition has no second effect."""
        return False


class InvalidSettings(HeadwaterError, ValueError):
    """The client's settings make no sense; the message lists all problems."""


class InvalidArgument(HeadwaterError):
    """A field of the request is missing or has a value without meaning; `metadata["field"]` names it."""


class InvalidEvent(InvalidArgument):
    """An event is not JSON, is no OpenLineage event, or has a field without meaning."""


class InvalidPageToken(InvalidArgument):
    """A page token was changed, or was made for a request with other arguments."""

    remedy = "repeat the list from its first page"


class TooLarge(InvalidArgument):
    """An event, a request or an answer is larger than the server or the client takes."""


class FailedPrecondition(HeadwaterError):
    """The request does not fit the state of things."""


class AmbiguousAddress(FailedPrecondition):
    """An address fits more than one asset."""

    @property
    def candidates(self) -> list[str]:
        """The addresses that it fits, 20 at most."""
        return self.metadata.get("candidates", "").splitlines()


class TooOld(FailedPrecondition):
    """An event is older than what retention keeps."""


class NotFound(HeadwaterError):
    """The asset is not known."""


class Unauthenticated(HeadwaterError):
    """The server does not know who calls."""

    remedy = "set HEADWATER_TOKEN_FILE to a file with a valid token"


class PermissionDenied(HeadwaterError):
    """The caller may not do that."""


class Overloaded(HeadwaterError):
    """The server has more to do than it takes at once. Nothing of the request was stored."""

    remedy = "repeat the call later"

    @property
    def is_retryable(self) -> bool:
        """True: the server asked for it."""
        return True


class Unavailable(HeadwaterError):
    """The server or its store cannot be reached, or broke off."""

    remedy = "check HEADWATER_ADDRESS and that the server runs"

    @property
    def is_retryable(self) -> bool:
        """True: a restart or a failover passes."""
        return True


class DeadlineExceeded(HeadwaterError):
    """The answer took longer than the deadline."""

    remedy = "give the call a longer timeout, or ask for less"


class Internal(HeadwaterError):
    """The server failed in a way it does not understand; its log holds the cause under `metadata["error_id"]`."""


_BY_REASON: dict[str, type[HeadwaterError]] = {
    "INVALID_EVENT": InvalidEvent,
    "INVALID_PAGE_TOKEN": InvalidPageToken,
    "TOO_LARGE": TooLarge,
    "TOO_OLD": TooOld,
    "AMBIGUOUS_ADDRESS": AmbiguousAddress,
}
_BY_CODE: dict[grpc.StatusCode, type[HeadwaterError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgument,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPrecondition,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Overloaded,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.INTERNAL: Internal,
}


def from_rpc_error(error: grpc.RpcError) -> HeadwaterError:
    """Makes the error of the tree that a failed call stands for, of a sync or an async channel alike."""
    status = _status(error)
    info = _detail(status, error_details_pb2.ErrorInfo)
    retry = _detail(status, error_details_pb2.RetryInfo)
    reason = info.reason if info is not None and info.domain == DOMAIN else ""
    message = status.message or error.details() or error.code().name
    return _kind(error.code(), reason, message)(
        message,
        error.code(),
        reason,
        dict(info.metadata) if info is not None else {},
        retry.retry_delay.ToTimedelta().total_seconds() if retry is not None else None,
    )


def _kind(code: grpc.StatusCode, reason: str, message: str) -> type[HeadwaterError]:
    # gRPC of a server that ends cuts off what just came with this code and no words; on this side it has some.
    if code is grpc.StatusCode.CANCELLED and message == code.name:
        return Unavailable
    # gRPC itself refuses what is above a channel's message size with this code and words, and no details.
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and not reason and "larger than max" in message:
        return TooLarge
    return _BY_REASON.get(reason) or _BY_CODE.get(code, HeadwaterError)


def _status(error: grpc.RpcError) -> status_pb2.Status:
    trailers: Iterable[tuple[str, str | bytes]] = error.trailing_metadata() or ()  # type: ignore[assignment]
    details = dict(trailers).get("grpc-status-details-bin", b"")
    try:
        return status_pb2.Status.FromString(details)
    except DecodeError:
        return status_pb2.Status()


def _detail(status: status_pb2.Status, kind: type[M]) -> M | None:
    for detail in status.details:
        found = kind()
        if detail.Unpack(found):
            return found
    return None
