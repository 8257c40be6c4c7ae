"""The public keys of an issuer of tokens: fetched when they are needed, and again when they may have changed."""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import ssl
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jwt

from ..domain.errors import KeysUnavailable

FRESH_SECONDS = 300.0
"""How long keys are used before they are asked for again: as long does a key live on that its issuer took back."""
RETRY_SECONDS = 5.0
"""How long after an attempt the next one may follow, whatever keys tokens name and however many callers wait."""
FETCH_SECONDS = 5.0
MAX_BYTES = 1 << 20
PUBLIC = ("RSA", "EC", "OKP")
"""The types of keys that are used. A shared secret is none: who can check with it could also sign."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySource:
    """Where an issuer's keys are: at a URL or in a file; without either, where the issuer's discovery document says.

    `ca_file` is the CA of the issuer's server, the system's without one. `token_file` holds the token to ask with: the
    API server of Kubernetes tells its keys to those it knows.
    """

    issuer: str
    keys: str = ""
    ca_file: Path | None = None
    token_file: Path | None = None


class UnusableKeys(Exception):
    """Keys that cannot be had; the message says why, and goes to the log only."""


class IssuerKeys:
    """The keys of one issuer by their ids. `clock` counts seconds."""

    def __init__(self, name: str, source: KeySource, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._source = source
        self._clock = clock
        self._keys: Mapping[str, jwt.PyJWK] | None = None
        self._fetched = self._tried = float("-inf")
        self._turn = asyncio.Lock()

    async def find(self, key_id: str | None) -> jwt.PyJWK | None:
        """The key of an id; the only key there is where a token names none. Raises KeysUnavailable."""
        if self._is_due(key_id) and not (self._turn.locked() and self._found(key_id)):
            async with self._turn:
                if self._is_due(key_id):
                    await self._renew()
        if self._keys is None:
            raise KeysUnavailable(self._name, RETRY_SECONDS)
        return self._found(key_id)

    def _is_due(self, key_id: str | None) -> bool:
        now = self._clock()
        if now - self._tried < RETRY_SECONDS:
            return False
        return now - self._fetched > FRESH_SECONDS or self._found(key_id) is None

    def _found(self, key_id: str | None) -> jwt.PyJWK | None:
        keys = self._keys or {}
        if key_id is None:
            return next(iter(keys.values())) if len(keys) == 1 else None
        return keys.get(key_id)

    async def _renew(self) -> None:
        """Fetches the keys; where that fails, those there are still hold."""
        try:
            self._keys = await asyncio.to_thread(fetch_keys, self._source)
            self._fetched = self._clock()
        except UnusableKeys as error:
            logger.warning("the keys of the issuer %s cannot be had: %s", self._name, error)
        finally:
            self._tried = self._clock()


def fetch_keys(source: KeySource) -> dict[str, jwt.PyJWK]:
    """The keys at their source, by their ids; takes its time. Raises UnusableKeys."""
    place = source.keys or _discovered(source)
    described = _json(source, place).get("keys")
    if not isinstance(described, list):
        raise UnusableKeys(f"{place} is no JSON Web Key Set")
    found = {}
    for each in described:
        if isinstance(each, dict) and each.get("kty") in PUBLIC and each.get("use", "sig") == "sig":
            try:
                found[str(each.get("kid", ""))] = jwt.PyJWK(each)
            except jwt.PyJWTError as error:
                logger.warning("a key of %s is left out: %s", place, error)
    return found


def _discovered(source: KeySource) -> str:
    place = _json(source, source.issuer.rstrip("/") + "/.well-known/openid-configuration").get("jwks_uri")
    if not isinstance(place, str) or "://" not in place:
        raise UnusableKeys("the discovery document names no jwks_uri")
    return place


def _json(source: KeySource, place: str) -> dict[str, Any]:
    try:
        content = _fetch(source, place) if "://" in place else Path(place).read_bytes()
        found = json.loads(content)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise UnusableKeys(f"{place}: {error}") from None
    if not isinstance(found, dict):
        raise UnusableKeys(f"{place} is no JSON object")
    return found


def _fetch(source: KeySource, url: str) -> bytes:
    if not is_safe(url):
        raise UnusableKeys(f"{url} is neither https nor on this machine: anybody between could change the keys")
    headers = {"Accept": "application/json, application/jwk-set+json"}  # Kubernetes refuses one that wants JSON alone
    if source.token_file:
        headers["Authorization"] = f"Bearer {source.token_file.read_text().strip()}"
    context = ssl.create_default_context(cafile=source.ca_file)
    opener = urllib.request.build_opener(_StayThere, urllib.request.HTTPSHandler(context=context))
    request = urllib.request.Request(url, headers=headers)  # noqa: S310  is_safe
    with opener.open(request, timeout=FETCH_SECONDS) as response:
        content: bytes = response.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise UnusableKeys(f"{url} answers with more than {MAX_BYTES} bytes")
    return content


def is_safe(url: str) -> bool:
    """Whether what comes from a URL is what its owner said: over TLS, or from this machine."""
    try:
        parts = urlsplit(url)
        local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")
    except ValueError:
        return False
    return bool(parts.hostname) and (parts.scheme == "https" or local)


class _StayThere(urllib.request.HTTPRedirectHandler):
    """Follows no redirection: our own token would go along, to wherever that leads."""

    def redirect_request(self, *_: object) -> None:
        """Leaves the answer as it is, which is an error."""
