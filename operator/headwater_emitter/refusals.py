"""What a sender is told when it is not told yes: the errors of both doors, in the words of the server.

They are the client's own errors, so what a sender that uses `headwater` raises is what was meant here.
"""

from __future__ import annotations

import grpc

from headwater.errors import HeadwaterError, InvalidArgument, InvalidEvent, Overloaded, TooLarge, Unavailable

RETRY_SECONDS = 1.0
STATUSES = {
    "INVALID_FIELD": 400,
    "INVALID_EVENT": 400,
    "TOO_LARGE": 413,
    "NOT_FOUND": 404,
    "OVERLOADED": 503,
    "SHUTTING_DOWN": 503,
    "STORE_UNAVAILABLE": 503,
}
"""The HTTP status of each reason, as the server has it."""


def invalid_event(field: str, problem: str, remedy: str) -> InvalidEvent:
    """An event that is none."""
    told = {"field": field, "problem": problem, "remedy": remedy}
    return InvalidEvent(f"{field} {problem}: {remedy}", grpc.StatusCode.INVALID_ARGUMENT, "INVALID_EVENT", told)


def invalid_field(field: str, problem: str, remedy: str) -> InvalidArgument:
    """A request, a part of which has no meaning."""
    told = {"field": field, "problem": problem, "remedy": remedy}
    return InvalidArgument(f"{field} {problem}: {remedy}", grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", told)


def too_large(field: str, size: int, limit: int, unit: str) -> TooLarge:
    """More than is taken."""
    told = {"field": field, "size": str(size), "limit": str(limit), "unit": unit}
    message = f"{field} has {size} {unit}: send at most {limit}"
    return TooLarge(message, grpc.StatusCode.INVALID_ARGUMENT, "TOO_LARGE", told)


def no_room(problem: str) -> Overloaded:
    """Nothing more fits now; later it may."""
    message = f"{problem}: try again later"
    return Overloaded(message, grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED", {"problem": problem}, RETRY_SECONDS)


def no_spool(problem: str) -> Unavailable:
    """Nothing can be kept now; the emitter tries again by itself."""
    told = {"problem": problem, "remedy": "try again later"}
    message = f"{problem}: try again later"
    return Unavailable(message, grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE", told, RETRY_SECONDS)


def stopping() -> Unavailable:
    """The emitter ends."""
    message = "the emitter is stopping: try again later"
    told = {"remedy": "try again later"}
    return Unavailable(message, grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN", told, RETRY_SECONDS)


def not_served(path: str) -> HeadwaterError:
    """Nothing is served under a path."""
    message = f"{path} is not served here: correct the path"
    return HeadwaterError(message, grpc.StatusCode.NOT_FOUND, "NOT_FOUND", {"resource": path})
