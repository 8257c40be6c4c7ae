"""What a failed call means for the events that it carried. Pure."""

from enum import Enum, auto

import grpc

from ..errors import DeadlineExceeded, HeadwaterError, InvalidArgument, InvalidSettings, Overloaded, TooLarge

_PASSING = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ABORTED, grpc.StatusCode.CANCELLED}
_FAILING = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.DATA_LOSS}


class Verdict(Enum):
    """Says what to do with the events."""

    WAIT = auto()
    """The same call can succeed later."""

    SEND_LESS = auto()
    """A smaller call can succeed, later."""

    SPLIT = auto()
    """The call is larger than the server or the way to it takes."""

    FIND_CULPRIT = auto()
    """The server refuses the call for what one of its events is."""

    SUSPECT = auto()
    """The server failed: by itself, or at one of the events. Repetitions tell which."""

    ASK = auto()
    """Somebody has to do something first: the sender is not known, or not allowed, or asks the wrong server."""


def judge(error: HeadwaterError) -> Verdict:
    """Says what a failed call means."""
    match error:
        case TooLarge():
            return Verdict.SPLIT
        case InvalidSettings():
            return Verdict.ASK
        case InvalidArgument():
            return Verdict.FIND_CULPRIT
        case DeadlineExceeded() | Overloaded():
            return Verdict.SEND_LESS
    if error.code in _PASSING:
        return Verdict.WAIT
    return Verdict.SUSPECT if error.code in _FAILING else Verdict.ASK
