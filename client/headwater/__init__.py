"""The client of a Headwater server: typed calls, names and errors. Needs grpcio and protobuf only.

What is listed here is loaded when it is first used: importing the package, or `headwater.names` alone, is light.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .client import Client
    from .errors import (
        AmbiguousAddress,
        DeadlineExceeded,
        FailedPrecondition,
        HeadwaterError,
        Internal,
        InvalidArgument,
        InvalidEvent,
        InvalidPageToken,
        InvalidSettings,
        NotFound,
        Overloaded,
        PermissionDenied,
        TooLarge,
        TooOld,
        Unauthenticated,
        Unavailable,
    )
    from .run import Run
    from .settings import Settings
    from .stream import Acknowledgement
    from .sync import SyncClient, SyncRun

__all__ = [
    "Acknowledgement",
    "AmbiguousAddress",
    "Client",
    "DeadlineExceeded",
    "FailedPrecondition",
    "HeadwaterError",
    "Internal",
    "InvalidArgument",
    "InvalidEvent",
    "InvalidPageToken",
    "InvalidSettings",
    "NotFound",
    "Overloaded",
    "PermissionDenied",
    "Run",
    "Settings",
    "SyncClient",
    "SyncRun",
    "TooLarge",
    "TooOld",
    "Unauthenticated",
    "Unavailable",
]

_MODULES = {
    "Acknowledgement": "stream",
    "Client": "client",
    "Run": "run",
    "Settings": "settings",
    "SyncClient": "sync",
    "SyncRun": "sync",
}


if not TYPE_CHECKING:  # a type checker would take any name for one of ours

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f".{_MODULES.get(name, 'errors')}", __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
