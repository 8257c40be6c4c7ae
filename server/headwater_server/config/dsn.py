"""Where a PostgreSQL is, as a setting."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from headwater.program.values import Unreadable

_PASSWORD = re.compile(r"(?<=:).*(?=@)|(?<=password=)[^&]*")


class Dsn(str):
    """Where a PostgreSQL is, as a URI. Its repr hides the password, so it can be logged; as a str it is the URI."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(self.masked)

    @property
    def masked(self) -> str:
        """The URI without its password."""
        scheme, separator, rest = self.partition("://")
        return scheme + separator + _PASSWORD.sub("***", rest)


def read_dsn(text: str) -> Dsn:
    """The DSN in the text; raises Unreadable."""
    try:
        scheme = urlsplit(text).scheme
    except ValueError as error:
        raise Unreadable(f"is no URI: {error}", "write postgresql://user:password@host:5432/database") from error
    if scheme not in ("postgresql", "postgres"):
        raise Unreadable("is no PostgreSQL URI", "write postgresql://user:password@host:5432/database")
    return Dsn(text)
