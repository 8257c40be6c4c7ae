"""Tokens that an issuer signed (JWT): those of Kubernetes for its ServiceAccounts, and those of people (OIDC)."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt

from ..domain.callers import Caller, Role
from ..domain.errors import Unauthenticated
from .issuer_keys import FRESH_SECONDS, IssuerKeys, KeySource

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""How a token may be signed: always with a private key. Neither `none` nor a shared secret proves anything here."""
LEEWAY_SECONDS = 30
"""How far the issuer's clock may be from ours."""
MAX_REMEMBERED = 10_000
"""How many verified tokens are remembered."""
SERVICE_ACCOUNT = "system:serviceaccount:"
MAX_SUBJECT = 512
MAX_SHOWN = 200
"""How much of a subject is taken, and of what a token says is shown, in characters."""
FRESH_ONE = "send a fresh one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """An issuer that is believed: its callers are identified as `NAME:SUBJECT`.

    `source.issuer` is what its tokens say as `iss`, `audience` what they must say as `aud`. `service_accounts` is the
    role that every ServiceAccount of a Kubernetes issuer has, if any.
    """

    name: str
    source: KeySource
    audience: str
    subject_claim: str = "sub"
    service_accounts: Role | None = Role.EMITTER


@dataclass(frozen=True, slots=True)
class _Verified:
    """A token that was good, and until when it need not be looked at again, in seconds since 1970."""

    caller: Caller
    until: float


class IssuerTokens:
    """Verifies the tokens of issuers. One that was good is remembered, by its hash, until it or its key may be old.

    `clock` counts seconds since 1970.
    """

    def __init__(self, issuers: Sequence[Issuer], clock: Callable[[], float] = time.time) -> None:
        self._issuers = {issuer.source.issuer: issuer for issuer in issuers}
        self._keys = {issuer.name: IssuerKeys(issuer.name, issuer.source) for issuer in issuers}
        self._clock = clock
        self._remembered: OrderedDict[bytes, _Verified] = OrderedDict()

    async def caller(self, token: str) -> Caller | None:
        """Whose token it is; None where it is no JWT. Raises Unauthenticated or KeysUnavailable."""
        digest = hashlib.sha256(token.encode(errors="replace")).digest()
        now = self._clock()
        known = self._remembered.get(digest)
        if known and now < known.until:
            return known.caller
        if token.count(".") != 2:
            return None
        verified = await self._verify(token, now)
        self._remembered[digest] = verified
        self._remembered.move_to_end(digest)
        if len(self._remembered) > MAX_REMEMBERED:
            self._remembered.popitem(last=False)
        return verified.caller

    async def _verify(self, token: str, now: float) -> _Verified:
        try:
            unchecked = jwt.decode_complete(token, options={"verify_signature": False})
        except (jwt.PyJWTError, RecursionError, ValueError):
            raise Unauthenticated("the token is no JWT that can be read", FRESH_ONE) from None
        header, claims = unchecked["header"], unchecked["payload"]
        if header.get("alg") not in ALGORITHMS:
            remedy = f"use one of {', '.join(ALGORITHMS)}"
            raise Unauthenticated(f"the token is signed with {_shown(header.get('alg'))}", remedy)
        issuer = self._issuers.get(claims["iss"]) if isinstance(claims.get("iss"), str) else None
        if issuer is None:
            raise Unauthenticated(
                f"the token is of the issuer {_shown(claims.get('iss'))}, which is not believed here",
                "send a token of an issuer that the server is set up with",
            )
        key = await self._keys[issuer.name].find(header.get("kid"))
        if key is None:
            raise Unauthenticated("the token is signed with a key that its issuer does not have", FRESH_ONE)
        claims = _checked(token, key, issuer)
        until = min(float(claims["exp"]) + LEEWAY_SECONDS, now + FRESH_SECONDS)
        return _Verified(_caller(claims, issuer), until)


def _checked(token: str, key: jwt.PyJWK, issuer: Issuer) -> dict[str, Any]:
    """The claims of a token, once its signature and times are checked; raises Unauthenticated."""
    try:
        return jwt.decode(
            token,
            key,
            algorithms=ALGORITHMS,
            audience=issuer.audience,
            issuer=issuer.source.issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud", issuer.subject_claim]},
        )
    except jwt.ExpiredSignatureError:
        raise Unauthenticated(f"the token expired at {_expiry(token)}", FRESH_ONE) from None
    except jwt.ImmatureSignatureError:
        raise Unauthenticated("the token is not valid yet", "set the clocks of issuer and server by NTP") from None
    except jwt.InvalidAudienceError:
        remedy = f"ask its issuer for one for the audience {issuer.audience}"
        raise Unauthenticated("the token is for another audience", remedy) from None
    except jwt.MissingRequiredClaimError as error:
        raise Unauthenticated(f"the token has no claim {error.claim}", "ask its issuer for one that has it") from None
    except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError):
        raise Unauthenticated("the signature of the token is not its issuer's", FRESH_ONE) from None
    except (jwt.PyJWTError, ArithmeticError, TypeError, ValueError):
        raise Unauthenticated("the token has claims that cannot be read", FRESH_ONE) from None


def _caller(claims: dict[str, Any], issuer: Issuer) -> Caller:
    subject = claims[issuer.subject_claim]
    if not isinstance(subject, str) or not subject or len(subject) > MAX_SUBJECT or not subject.isprintable():
        raise Unauthenticated(f"the token's claim {issuer.subject_claim} names nobody", FRESH_ONE)
    if issuer.subject_claim == "email" and claims.get("email_verified") is False:
        raise Unauthenticated("the token's email is not verified by its issuer", "verify it there")
    is_service_account = subject.startswith(SERVICE_ACCOUNT) and isinstance(claims.get("kubernetes.io"), dict)
    own = issuer.service_accounts if is_service_account else None
    return Caller(f"{issuer.name}:{subject}", frozenset({own} if own else ()))


def _shown(value: object) -> str:
    """What an unverified token says, for its sender alone to read: cut, and nothing that is no text."""
    return str(value)[:MAX_SHOWN].encode(errors="replace").decode()


def _expiry(token: str) -> str:
    """When a token with a good signature expired."""
    claims = jwt.decode(token, options={"verify_signature": False})
    return datetime.fromtimestamp(float(claims["exp"]), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
