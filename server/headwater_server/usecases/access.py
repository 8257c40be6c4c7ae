"""Decides who calls and whether they may: the one place that gRPC and HTTP both ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..domain.callers import (
    ANYONE,
    Caller,
    CertificateVerifier,
    Credentials,
    Permission,
    Role,
    RoleBindings,
    TokenVerifier,
)
from ..domain.errors import MissingCredential, PermissionDenied, Unauthenticated
from ..domain.permissions import PERMISSIONS, UNLISTED

MAX_TOKEN_BYTES = 16 << 10
"""The longest token that is looked at."""
TOKEN_REMEDY = "send a token that this server knows, as `authorization: Bearer TOKEN`"  # noqa: S105


class Access:
    """Knows callers by their credentials. Without verifiers, everybody is anyone.

    `bindings` gives the bindings of roles as they are now. `lets_anyone_in` says whether a call without a credential is
    anyone's; one with a credential must be good all the same.
    """

    def __init__(
        self,
        tokens: Sequence[TokenVerifier] = (),
        certificates: CertificateVerifier | None = None,
        *,
        bindings: Callable[[], RoleBindings] = RoleBindings,
        lets_anyone_in: bool = False,
    ) -> None:
        self._tokens = tokens
        self._certificates = certificates
        self._bindings = bindings
        self._asks = bool(tokens or certificates)
        self._lets_anyone_in = lets_anyone_in

    async def identify(self, credentials: Credentials) -> Caller:
        """Who calls. Where there are both, the token counts and not the certificate.

        Raises Unauthenticated or KeysUnavailable.
        """
        if not self._asks:
            return ANYONE
        if credentials.authorization:
            found = await self._bearer(_token(credentials.authorization))
        elif credentials.certificate and self._certificates:
            found = self._certificates.caller(credentials.certificate)
        elif self._lets_anyone_in:
            return ANYONE
        else:
            raise MissingCredential
        return Caller(found.identity, found.roles | self._bindings().roles_of(found.identity))

    async def _bearer(self, token: str) -> Caller:
        for verifier in self._tokens:
            if found := await verifier.caller(token):
                return found
        raise Unauthenticated("the token is not known here", TOKEN_REMEDY)


def authorize(caller: Caller, method: str) -> None:
    """Raises PermissionDenied unless the caller may call the method, written `Service/Method`."""
    require(caller, PERMISSIONS.get(method, UNLISTED))


def require(caller: Caller, permission: Permission) -> None:
    """Raises PermissionDenied unless the caller has the permission."""
    if not caller.may(permission):
        roles = ", ".join(role.value for role in Role if permission in role.permissions)
        raise PermissionDenied(caller.identity, permission.value, roles)


def _token(authorization: Sequence[str]) -> str:
    if len(authorization) > 1:
        raise Unauthenticated("there is more than one authorization", "send one")
    scheme, _, token = authorization[0].strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("the authorization is no bearer token", TOKEN_REMEDY)
    if len(token) > MAX_TOKEN_BYTES:
        raise Unauthenticated(f"the token is longer than {MAX_TOKEN_BYTES} bytes", TOKEN_REMEDY)
    return token.strip()
