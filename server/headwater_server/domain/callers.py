"""Who calls, and what their roles let them do. Knows no token, no certificate and no file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase
from typing import Protocol

MOST_REMEMBERED = 10_000
"""Of how many callers the bound roles are remembered."""


class Permission(Enum):
    """What a call does, as it is told to one who may not."""

    WRITE_EVENTS = "write events"
    READ = "read"
    WRITE_PIPELINES = "write pipelines"
    DELETE_ASSETS = "delete assets"
    ADMINISTER = "administer"


class Role(Enum):
    """What a caller is to the server."""

    EMITTER = "emitter"
    READER = "reader"
    OPERATOR = "operator"
    ADMIN = "admin"

    @property
    def permissions(self) -> frozenset[Permission]:
        """What the role may do."""
        return PERMISSIONS_OF_ROLES[self]


PERMISSIONS_OF_ROLES = {
    Role.EMITTER: frozenset({Permission.WRITE_EVENTS}),
    Role.READER: frozenset({Permission.READ}),
    Role.OPERATOR: frozenset({Permission.WRITE_EVENTS, Permission.READ, Permission.WRITE_PIPELINES}),
    Role.ADMIN: frozenset(Permission),
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls.

    An identity is written `source:subject`, and each source is checked in one way only, so that nobody can be taken for
    another: `token:airflow-prod` of a static token, `certificate:SUBJECT` of a client certificate, and `NAME:SUBJECT`
    of a token of the issuer of that name. It is empty where nobody is asked.
    """

    identity: str
    roles: frozenset[Role]

    def may(self, permission: Permission) -> bool:
        """Whether one of the roles has the permission."""
        return any(permission in role.permissions for role in self.roles)


ANYONE = Caller("", frozenset({Role.ADMIN}))
"""The caller where nobody is asked."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a call shows of its caller: its `authorization` headers as they came, and its client's certificate.

    The certificate is PEM or DER, of a chain that the TLS handshake has verified. Neither is shown in a repr.
    """

    authorization: Sequence[str] = field(default=(), repr=False)
    certificate: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class RoleBinding:
    """A role for every identity that one of the patterns fits; `*` stands for any text and `?` for one character."""

    role: Role
    subjects: tuple[str, ...]

    def fits(self, identity: str) -> bool:
        """Whether the identity has the role."""
        return any(fnmatchcase(identity, subject) for subject in self.subjects)


class RoleBindings:
    """The roles that identities are bound to, beside those that come with their credentials."""

    def __init__(self, bindings: Iterable[RoleBinding] = ()) -> None:
        self._bindings = tuple(bindings)
        self._known: dict[str, frozenset[Role]] = {}

    def roles_of(self, identity: str) -> frozenset[Role]:
        """All roles that the identity is bound to."""
        roles = self._known.get(identity)
        if roles is None:
            roles = frozenset(binding.role for binding in self._bindings if binding.fits(identity))
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known[identity] = roles
        return roles


class TokenVerifier(Protocol):
    """Knows the bearers of one kind of token."""

    async def caller(self, token: str) -> Caller | None:
        """Whose token it is, with the roles that come with it; None where it is not of this kind.

        Raises Unauthenticated for one of this kind that is not taken, and KeysUnavailable.
        """


class CertificateVerifier(Protocol):
    """Knows the holders of certificates."""

    def caller(self, certificate: bytes) -> Caller:
        """Whose certificate it is, PEM or DER. Raises Unauthenticated."""
