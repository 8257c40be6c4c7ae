"""The file that says which issuers of tokens are believed, and which roles callers have; TOML.

[[issuers]]
name = "prod"                     # its callers are identified as prod:SUBJECT
url = "https://kubernetes.default.svc.cluster.local"    # that of the token in token_file, unless it is said
audience = "headwater"            # this is what it is unless it is said

[[roles]]
role = "operator"
subjects = ["prod:system:serviceaccount:headwater:headwater-operator"]
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import jwt
import msgspec

from headwater.program.watched_files import UnusableFile, WatchedFiles

from ..domain.callers import Role, RoleBinding, RoleBindings
from .issuer_keys import KeySource, is_safe
from .issuer_tokens import Issuer, IssuerTokens

T = TypeVar("T")
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
TAKEN = ("token", "certificate")
"""The sources of identities that are no issuers."""
NOBODY = "nobody"


class _Issuer(msgspec.Struct, forbid_unknown_fields=True):
    """An issuer as it is written."""

    name: str
    url: str = ""
    audience: str = "headwater"
    keys: str = ""
    ca_file: str = ""
    token_file: str = ""
    subject_claim: str = "sub"
    service_accounts: str = Role.EMITTER.value


class _Binding(msgspec.Struct, forbid_unknown_fields=True):
    """A binding of a role as it is written."""

    role: Role
    subjects: list[str]


@dataclass(frozen=True, slots=True)
class Rules:
    """What the file says: the tokens that are believed, None without an issuer; and the roles of callers."""

    tokens: IssuerTokens | None
    bindings: RoleBindings


class AccessFile:
    """The rules of a file as it is at each call. Making one raises UnusableFile with all that is wrong."""

    def __init__(self, path: Path) -> None:
        self._files = WatchedFiles([path], lambda content: parse_rules(path, content))

    @property
    def has_issuers(self) -> bool:
        """Whether there is an issuer whose tokens are believed."""
        return self._files.value.tokens is not None

    def bindings(self) -> RoleBindings:
        """The roles that callers are bound to."""
        return self._files.value.bindings

    async def caller(self, token: str) -> Any:
        """Whose token it is; raises Unauthenticated or KeysUnavailable."""
        tokens = self._files.value.tokens
        return await tokens.caller(token) if tokens else None


def parse_rules(path: Path, content: bytes) -> Rules:
    """The rules in the content of a file; raises UnusableFile."""
    try:
        whole = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UnusableFile(path, [f"is no TOML ({error})"]) from None
    problems = [f"{key} means nothing: write [[issuers]] and [[roles]]" for key in whole.keys() - {"issuers", "roles"}]
    issuers = [
        issuer
        for place, written in _entries(whole, "issuers", _Issuer, problems)
        if (issuer := _issuer(place, written, problems))
    ]
    for each in ("name", "url"):
        said = [issuer.name if each == "name" else issuer.source.issuer for issuer in issuers]
        problems += [f"two issuers have the {each} {twice}" for twice in sorted({x for x in said if said.count(x) > 1})]
    bindings = [
        RoleBinding(written.role, tuple(written.subjects))
        for _, written in _entries(whole, "roles", _Binding, problems)
    ]
    if problems:
        raise UnusableFile(path, problems)
    return Rules(IssuerTokens(issuers) if issuers else None, RoleBindings(bindings))


def _entries(whole: dict[str, Any], key: str, kind: type[T], problems: list[str]) -> Iterator[tuple[str, T]]:
    """The entries of a list that have the right form, each with its place; what is wrong goes to the problems."""
    entries = whole.get(key, [])
    if not isinstance(entries, list):
        problems.append(f"{key} is no list: write [[{key}]]")
        return
    for number, entry in enumerate(entries, 1):
        try:
            yield f"{key} {number}", msgspec.convert(entry, kind)
        except msgspec.ValidationError as error:
            problems.append(f"{key} {number}: {error}")


def _issuer(place: str, written: _Issuer, problems: list[str]) -> Issuer | None:
    """The issuer of an entry; what is wrong with it goes to the problems."""
    if not written.url and written.token_file:
        try:
            written.url = _issuer_of(Path(written.token_file))
        except (OSError, ValueError, KeyError, jwt.PyJWTError) as error:
            way_out = "write url, or name a file with a token of the issuer"
            problems.append(f"{place}: token_file {written.token_file} does not tell the issuer ({error}): {way_out}")
            return None
    found = list(_faults(written))
    problems += [f"{place}: {fault}" for fault in found]
    if found:
        return None
    return Issuer(
        name=written.name,
        source=KeySource(
            issuer=written.url,
            keys=written.keys,
            ca_file=Path(written.ca_file) if written.ca_file else None,
            token_file=Path(written.token_file) if written.token_file else None,
        ),
        audience=written.audience,
        subject_claim=written.subject_claim,
        service_accounts=None if written.service_accounts == NOBODY else Role(written.service_accounts),
    )


def _issuer_of(token_file: Path) -> str:
    """Who issued the token in a file of our own. Raises OSError, ValueError, KeyError or PyJWTError."""
    claims = jwt.decode(token_file.read_text().strip(), options={"verify_signature": False})
    return str(claims["iss"])


def _faults(written: _Issuer) -> Iterator[str]:
    if not NAME.fullmatch(written.name) or written.name in TAKEN:
        yield f"name is {written.name!r}: use small letters, digits and `-`, and neither of {', '.join(TAKEN)}"
    if not written.audience:
        yield "audience is empty: name the audience that tokens are made for"
    place = written.keys or written.url
    if not written.url:
        yield "`url` is not said: write who issues the tokens, or a token_file with one of them"
    elif "://" not in place and not (written.keys and Path(written.keys).is_absolute()):
        yield f"{'keys' if written.keys else 'url'} is {place!r}: write a URL, for keys also an absolute path"
    elif "://" in place and not is_safe(place):
        yield f"{'keys' if written.keys else 'url'} is {place!r}: write https://, or give keys that are a file"
    roles = [role.value for role in Role]
    if written.service_accounts not in (*roles, NOBODY):
        yield f"service_accounts is {written.service_accounts!r}: choose from {', '.join([*roles, NOBODY])}"
