"""What an error is to the one who called: a message with the way out, and an exit code."""

import os
import traceback

import click

from headwater import (
    AmbiguousAddress,
    DeadlineExceeded,
    HeadwaterError,
    InvalidSettings,
    NotFound,
    Overloaded,
    Unavailable,
)

from .words import block

REFUSED, USAGE, NOT_FOUND, AMBIGUOUS, AWAY = 1, 2, 3, 4, 5

_CODES: dict[type[Exception], int] = {
    InvalidSettings: USAGE,
    NotFound: NOT_FOUND,
    AmbiguousAddress: AMBIGUOUS,
    DeadlineExceeded: AWAY,
    Overloaded: AWAY,
    Unavailable: AWAY,
}


def tell(error: Exception) -> int:
    """Writes on stderr what went wrong and what to do about it; gives the exit code."""
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    code = next((code for kind, code in _CODES.items() if isinstance(error, kind)), REFUSED)
    click.echo(f"headwater: {block(explain(error))}", err=True)
    return code


def explain(error: Exception) -> str:
    """Says what went wrong, and what to do about it in lines of their own.

    >>> explain(AmbiguousAddress("'users' fits 2 assets", metadata={"candidates": "a/users\\nb/users"}))
    "'users' fits 2 assets\\n  a/users\\n  b/users"
    """
    match error:
        case AmbiguousAddress():
            ways = error.candidates
        case NotFound():
            ways = ["headwater search WORDS finds what there is by parts of its name"]
        case Unavailable() | DeadlineExceeded():
            ways = ["headwater doctor says where the way to the server ends"]
        case HeadwaterError() | OSError():
            ways = []
        case _:
            if os.environ.get("HEADWATER_DEBUG"):
                return "".join(traceback.format_exception(error)).rstrip()
            ways = ["this is a mistake in headwater itself: with HEADWATER_DEBUG=1 it says where"]
    reason = getattr(error, "reason", "")
    said = str(error) if isinstance(error, HeadwaterError | OSError) else f"{type(error).__name__}: {error}"
    return "\n  ".join([f"{said} ({reason})" if reason else said, *ways])
