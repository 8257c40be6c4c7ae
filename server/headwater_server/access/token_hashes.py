"""Static tokens, for producers outside of any issuer's reach: who bears which stands in a file, by its hash alone.

A line of the file is `NAME ROLE CREATED REVOKED SHA256`, with `-` for what has not been. A token has 256 random bits,
so that its plain hash tells nothing of it and needs no salt.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from headwater.program.watched_files import UnusableFile, WatchedFiles, read_bytes

from ..domain.callers import Caller, Role
from ..domain.errors import Unauthenticated

PREFIX = "hwt_"
"""How every token begins, so that who finds one knows what it is."""
ID_LENGTH = 8
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
HASH = re.compile(r"[0-9a-f]{64}")
NEVER = "-"
HEADER = "# The tokens of headwater-server: NAME ROLE CREATED REVOKED SHA256. Written by `headwater-server token`.\n"


@dataclass(frozen=True, slots=True)
class StaticToken:
    """What is known of a token. `revoked` says when, if it is; both times are UTC."""

    name: str
    role: Role
    created: datetime
    revoked: datetime | None
    digest: str

    @property
    def id(self) -> str:
        """What tells the tokens of one name apart."""
        return self.digest[:ID_LENGTH]


class TokenChangeRefused(Exception):
    """A token cannot be made or revoked; the message says why, and the way out."""


class StaticTokens:
    """Verifies the tokens of a file, as it is at each call: what is revoked there is refused from then on.

    Making one raises UnusableFile.
    """

    def __init__(self, path: Path) -> None:
        self._files = WatchedFiles([path], lambda content: {each.digest: each for each in _parse(path, content)})

    async def caller(self, token: str) -> Caller | None:
        """Whose token it is; raises Unauthenticated for a revoked one."""
        known = self._files.value.get(digest_of(token))
        if known is None:
            return None
        if known.revoked:
            raise Unauthenticated(f"the token was revoked at {_written(known.revoked)}", "have a new one made")
        return Caller(f"token:{known.name}", frozenset({known.role}))


def read_tokens(path: Path) -> list[StaticToken]:
    """The tokens of a file, in their order; none where there is no file. Raises UnusableFile."""
    return _parse(path, read_bytes(path)) if path.exists() else []


def create_token(path: Path, name: str, role: Role) -> tuple[str, StaticToken]:
    """Makes a token and keeps its hash; the file is made where there is none.

    A name may have several tokens at a time, so that one can take over from another. Raises TokenChangeRefused,
    UnusableFile or OSError.
    """
    if not NAME.fullmatch(name):
        remedy = "use letters, digits, `.`, `_` and `-`, 100 at most"
        raise TokenChangeRefused(f"{name!r} is no name of a token: {remedy}")
    token = PREFIX + secrets.token_urlsafe(32)
    made = StaticToken(name, role, datetime.now(UTC), None, digest_of(token))
    with _changing(path) as tokens:
        tokens.append(made)
    return token, made


def revoke_token(path: Path, name: str) -> StaticToken:
    """Has a token refused from now on, by its name or, where several bear that, its id.

    Raises TokenChangeRefused, UnusableFile or OSError.
    """
    with _changing(path) as tokens:
        live = [token for token in tokens if name in (token.name, token.id) and not token.revoked]
        if len(live) > 1:
            ids = ", ".join(token.id for token in live)
            raise TokenChangeRefused(f"{name} has {len(live)} tokens: revoke one of them by its id, {ids}")
        if not live:
            raise TokenChangeRefused(f"{name} has no token that could be revoked: see `headwater-server token list`")
        revoked = replace(live[0], revoked=datetime.now(UTC))
        tokens[tokens.index(live[0])] = revoked
    return revoked


def digest_of(token: str) -> str:
    """The hash by which a token is known."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


@contextlib.contextmanager
def _changing(path: Path) -> Iterator[list[StaticToken]]:
    """The tokens, to be changed in the block and written at its end, by one process at a time and all at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        tokens = read_tokens(path)
        yield tokens
        fresh = path.with_name(f".{path.name}.new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(HEADER + "".join(map(_line, tokens)))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        os.fsync(folder)
    finally:
        os.close(folder)


def _parse(path: Path, content: bytes) -> list[StaticToken]:
    tokens, problems = [], []
    for number, line in enumerate(content.decode(errors="replace").splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            tokens.append(_token(words))
        except (ValueError, TypeError):
            problems.append(f"line {number} is not NAME ROLE CREATED REVOKED SHA256")
    if problems:
        raise UnusableFile(path, problems)
    return tokens


def _token(words: Sequence[str]) -> StaticToken:
    """The token of a line; raises ValueError or TypeError."""
    name, role, created, revoked, digest = words
    if not (NAME.fullmatch(name) and HASH.fullmatch(digest)):
        raise ValueError
    end = None if revoked == NEVER else datetime.fromisoformat(revoked)
    return StaticToken(name, Role(role), datetime.fromisoformat(created), end, digest)


def _line(token: StaticToken) -> str:
    revoked = _written(token.revoked) if token.revoked else NEVER
    return f"{token.name} {token.role.value} {_written(token.created)} {revoked} {token.digest}\n"


def _written(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
