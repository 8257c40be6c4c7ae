"""The errors of Headwater, one tree, mapped once at each door (gRPC, HTTP, command).

HeadwaterError
├── InvalidField         a request's field has no meaning
├── InvalidEvent         an event has no meaning
├── TooLarge             more than the server takes
├── TooOld               older than what retention keeps
├── NotFound             no such asset
├── AmbiguousAddress     several such assets
├── InvalidPageToken     a page token that is not ours, or not for this request
├── Overloaded           come back later
├── ShuttingDown         come back later, to another server
│   └── StreamTooOld     come back at once, with another stream
├── StoreUnavailable     PostgreSQL is away
├── QueryTimeout         the question took too long
├── UnknownMethod        no such method
├── Unauthenticated      nobody knows who calls
├── PermissionDenied     the caller may not do that
├── KeysUnavailable      a token cannot be checked now
└── IdCollision          two names with one id

`reason` is the name of the value of `headwater.v1.ErrorReason`; `metadata` holds what varies.
"""

from __future__ import annotations

from typing import ClassVar


class HeadwaterError(Exception):
    """Something that a client can be told; `str()` is the message, with the way out."""

    reason: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str, **metadata: str) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = metadata


class InvalidField(HeadwaterError):
    """A field of a request is missing or has a value without meaning."""

    reason = "INVALID_FIELD"

    def __init__(self, field: str, problem: str, remedy: str) -> None:
        super().__init__(f"{field} {problem}: {remedy}", field=field, problem=problem, remedy=remedy)


class InvalidEvent(HeadwaterError):
    """An event is unreadable, or one of its fields has no meaning."""

    reason = "INVALID_EVENT"

    def __init__(self, field: str, problem: str, remedy: str) -> None:
        super().__init__(f"{field} {problem}: {remedy}", field=field, problem=problem, remedy=remedy)


class TooLarge(HeadwaterError):
    """A request, an event or a part of one is larger than the server takes."""

    reason = "TOO_LARGE"

    def __init__(self, field: str, size: int, limit: int, unit: str) -> None:
        super().__init__(
            f"{field} has {size} {unit}: send at most {limit}",
            field=field,
            size=str(size),
            limit=str(limit),
            unit=unit,
        )


class TooOld(HeadwaterError):
    """An event is older than what retention keeps."""

    reason = "TOO_OLD"

    def __init__(self, event_time: str, oldest: str) -> None:
        super().__init__(
            f"eventTime {event_time} is older than what is kept: send events from {oldest} on",
            field="eventTime",
            event_time=event_time,
            oldest=oldest,
        )


class NotFound(HeadwaterError):
    """The asset is not known."""

    reason = "NOT_FOUND"

    def __init__(self, resource: str) -> None:
        super().__init__(f"{resource} is not known: search for it by a part of its name", resource=resource)


class AmbiguousAddress(HeadwaterError):
    """An address fits more than one asset."""

    reason = "AMBIGUOUS_ADDRESS"

    def __init__(self, address: str, candidates: list[str]) -> None:
        listed = "\n".join(candidates[:20])
        super().__init__(
            f"{address} fits {len(candidates)} assets: write one of\n{listed}", address=address, candidates=listed
        )


class InvalidPageToken(HeadwaterError):
    """A page token was changed, or belongs to another request."""

    reason = "INVALID_PAGE_TOKEN"

    def __init__(self) -> None:
        remedy = "repeat the list from its first page"
        super().__init__(f"page_token does not belong to this request: {remedy}", field="page_token", remedy=remedy)


class Overloaded(HeadwaterError):
    """More is in flight than the server takes; `retry_after_seconds` says when to try again."""

    reason = "OVERLOADED"

    def __init__(self, unit: str, in_flight: int, limit: int, retry_after_seconds: float) -> None:
        super().__init__(
            f"{in_flight} {unit} are in flight: try again in {retry_after_seconds} s, or send fewer at once",
            **{f"in_flight_{unit}": str(in_flight), "limit": str(limit)},
        )
        self.retry_after_seconds = retry_after_seconds


class ShuttingDown(HeadwaterError):
    """The server is stopping and takes nothing new."""

    reason = "SHUTTING_DOWN"

    def __init__(self) -> None:
        super().__init__("the server is stopping: try again, another one will answer")
        self.retry_after_seconds = 1.0


class StreamTooOld(ShuttingDown):
    """A stream whose caller has to say again who it is, as its credential may have ended since: with a new stream."""

    def __init__(self) -> None:
        HeadwaterError.__init__(self, "the stream is as old as one may get: go on with another one")
        self.retry_after_seconds = 0.0


class StoreUnavailable(HeadwaterError):
    """PostgreSQL could not be reached, or broke off, or cannot be used by this build."""

    reason = "STORE_UNAVAILABLE"

    def __init__(
        self,
        problem: str = "the store is not available",
        remedy: str = "try again, a repetition has no second effect",
    ) -> None:
        super().__init__(f"{problem}: {remedy}", problem=problem, remedy=remedy)
        self.retry_after_seconds = 1.0


class QueryTimeout(HeadwaterError):
    """A question took longer than its deadline, in seconds."""

    reason = "QUERY_TIMEOUT"

    def __init__(self, seconds: float, remedy: str = "try again, with a longer deadline") -> None:
        super().__init__(f"no answer within {seconds:g} s: {remedy}", seconds=f"{seconds:g}", remedy=remedy)
        self.seconds = seconds


class UnknownMethod(HeadwaterError):
    """A method that this server does not have, written `package.Service/Method`."""

    reason = "UNKNOWN_METHOD"

    def __init__(self, method: str) -> None:
        remedy = "correct its name, or upgrade the older of client and server"
        super().__init__(f"{method} is not served here: {remedy}", method=method, remedy=remedy)


class Unauthenticated(HeadwaterError):
    """A call without a credential, or with one that is not taken; the problem never holds the credential itself."""

    reason = "UNAUTHENTICATED"

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}: {remedy}", problem=problem, remedy=remedy)


class MissingCredential(Unauthenticated):
    """A call without any credential."""

    def __init__(self) -> None:
        super().__init__("this call does not say who makes it", "send a token, as `authorization: Bearer TOKEN`")


class PermissionDenied(HeadwaterError):
    """A caller without a role that has the permission; `roles` are those that have it."""

    reason = "PERMISSION_DENIED"

    def __init__(self, caller: str, permission: str, roles: str) -> None:
        super().__init__(
            f"{caller} may not {permission}: have it given one of the roles {roles}",
            caller=caller,
            permission=permission,
            roles=roles,
        )


class KeysUnavailable(HeadwaterError):
    """The keys of a token's issuer cannot be had, so that the token can be neither taken nor refused."""

    reason = "KEYS_UNAVAILABLE"

    def __init__(self, issuer: str, retry_after_seconds: float) -> None:
        super().__init__(
            f"the keys of the issuer {issuer} cannot be had: try again in {retry_after_seconds:g} s", issuer=issuer
        )
        self.retry_after_seconds = retry_after_seconds


class IdCollision(HeadwaterError):
    """Two different names have the same id."""

    reason = "ID_COLLISION"

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{second} cannot be stored: it has the id of {first}", first=first, second=second)
