"""Tokens of an issuer are believed or refused for one clear reason, the same over gRPC and HTTP."""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest

from headwater_server.access import issuer_keys
from headwater_server.access.issuer_keys import IssuerKeys, KeySource
from headwater_server.access.issuer_tokens import MAX_REMEMBERED, IssuerTokens
from headwater_server.access.issuer_tokens import Issuer as Believed
from headwater_server.domain.errors import KeysUnavailable

from .conftest import Serving
from .doors import Doors, reason_of
from .issuer import AUDIENCE, PASSWORD, Issuer

READER = "ann@example.com"
EXPIRED = "the token expired at 2023-11-14T22:13:20Z"


def unsigned(issuer: Issuer) -> str:
    claims = {"iss": issuer.url, "sub": READER, "aud": AUDIENCE, "exp": int(time.time()) + 600}
    return jwt.encode(claims, None, algorithm="none", headers={"kid": "first"})


def signed_with_a_shared_secret(issuer: Issuer) -> str:
    claims = {"iss": issuer.url, "sub": READER, "aud": AUDIENCE, "exp": int(time.time()) + 600}
    return jwt.encode(claims, "secret" * 8, algorithm="HS256", headers={"kid": "secret"})


def of_another_key(issuer: Issuer) -> str:
    other = Issuer(issuer.url)
    return other.token(READER)


def with_other_claims(issuer: Issuer) -> str:
    first, second = issuer.token(READER).split("."), issuer.token("root").split(".")
    return ".".join([first[0], second[1], first[2]])


async def test_a_subject_with_a_role_is_let_in(doors: Doors, issuer: Issuer) -> None:
    assert await doors.ask(issuer.token(READER)) is None


async def test_a_key_of_an_elliptic_curve_is_as_good(doors: Doors, issuer: Issuer) -> None:
    issuer.add_key("curve", "EC")
    assert await doors.ask(issuer.token(READER, kid="curve")) is None


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        pytest.param(lambda _: None, "this call does not say who makes it", id="missing"),
        pytest.param(lambda _: "", "the authorization is no bearer token", id="empty"),
        pytest.param(lambda _: "some-word", "the token is not known here", id="no JWT"),
        pytest.param(lambda _: "a.b.c", "the token is no JWT that can be read", id="broken JWT"),
        pytest.param(lambda _: "x" * 7000, "the token is not known here", id="long"),
        pytest.param(lambda i: i.token(READER, exp=1_700_000_000), EXPIRED, id="old"),
        pytest.param(
            lambda i: i.token(READER, nbf=int(time.time()) + 300), "the token is not valid yet", id="not yet valid"
        ),
        pytest.param(lambda i: i.token(READER, exp=None), "the token has no claim exp", id="without end"),
        pytest.param(lambda i: i.token(READER, aud=None), "the token has no claim aud", id="without audience"),
        pytest.param(lambda i: i.token(READER, aud="vault"), "the token is for another audience", id="wrong audience"),
        pytest.param(lambda i: i.token(READER, sub=None), "the token has no claim sub", id="without subject"),
        pytest.param(
            lambda i: i.token(READER, iss="https://other"),
            "the token is of the issuer https://other, which is not believed here",
            id="wrong issuer",
        ),
        pytest.param(unsigned, "the token is signed with none", id="alg none"),
        pytest.param(signed_with_a_shared_secret, "the token is signed with HS256", id="shared secret"),
        pytest.param(of_another_key, "the signature of the token is not its issuer's", id="another key"),
        pytest.param(with_other_claims, "the signature of the token is not its issuer's", id="changed claims"),
    ],
)
async def test_what_is_no_good_token_is_refused_for_its_reason_at_both_doors(
    doors: Doors, issuer: Issuer, make: Callable[[Issuer], str | None], problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = make(issuer)
    refusal = await doors.ask(token)
    assert refusal
    assert (refusal.reason, refusal.metadata["problem"]) == ("UNAUTHENTICATED", problem)
    assert refusal.metadata.keys() == {"problem", "remedy"}
    assert await doors.send(token) == refusal
    for secret in filter(lambda part: len(part) > 8, (token or "").split(".")):
        assert secret not in refusal.message
        assert secret not in caplog.text


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        pytest.param({"alg": "RS256"}, {"iss": "\ud800"}, id="issuer that is no Unicode"),
        pytest.param({"alg": "\ud800"}, {}, id="algorithm that is no Unicode"),
        pytest.param({"alg": ["none"]}, {}, id="algorithm that is a list"),
        pytest.param({"alg": "RS256", "kid": {}}, {}, id="key that is no text"),
        pytest.param({"alg": "RS256"}, {"iss": {"a": []}}, id="issuer that is no text"),
        pytest.param({"alg": "RS256"}, [], id="claims that are a list"),
        pytest.param({"alg": "RS256", "crit": ["x"]}, {}, id="unknown demands"),
        pytest.param("[" * 5000, {}, id="deep nesting"),
        pytest.param({"alg": "RS256"}, "[" * 5000, id="deep nesting of claims"),
        pytest.param({"alg": "RS256"}, "1" * 10_000, id="long number"),
    ],
)
async def test_a_hostile_token_is_refused_like_any_other(doors: Doors, header: object, claims: object) -> None:
    parts = [part if isinstance(part, str) else json.dumps(part) for part in (header, claims)]
    token = ".".join([*(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts), "c2ln"])
    assert reason_of(await doors.ask(token)) == "UNAUTHENTICATED"


async def test_http_says_how_to_authenticate(doors: Doors, issuer: Issuer) -> None:
    missing = await doors.http.get("/api/v1/search?q=x")
    assert (missing.status_code, missing.headers["www-authenticate"]) == (401, 'Bearer realm="headwater"')
    wrong = await doors.http.get("/api/v1/search?q=x", headers={"authorization": "Bearer no"})
    assert (wrong.status_code, wrong.headers["www-authenticate"]) == (
        401,
        'Bearer realm="headwater", error="invalid_token"',
    )


async def test_a_large_body_without_a_credential_hears_why(doors: Doors) -> None:
    response = await doors.http.post("/api/v1/lineage/batch", content=b" " * 900_000)
    assert (response.status_code, response.json()["error"]["reason"]) == (401, "UNAUTHENTICATED")


async def test_two_credentials_are_none(doors: Doors, issuer: Issuer) -> None:
    twice = [("authorization", f"Bearer {issuer.token(READER)}")] * 2
    response = await doors.http.get("/metrics", headers=twice)
    assert response.json()["error"]["metadata"]["problem"] == "there is more than one authorization"


async def test_a_subject_that_has_no_role_may_do_nothing(doors: Doors, issuer: Issuer) -> None:
    refusal = await doors.ask(issuer.token("bob@example.com"))
    assert refusal
    assert (refusal.reason, refusal.metadata) == (
        "PERMISSION_DENIED",
        {"caller": "prod:bob@example.com", "permission": "read", "roles": "reader, operator, admin"},
    )


async def test_who_only_calls_itself_a_service_account_is_none(doors: Doors, issuer: Issuer) -> None:
    fake = issuer.token("system:serviceaccount:ml:trainer", **{"kubernetes.io": None})
    assert reason_of(await doors.send(fake)) == "PERMISSION_DENIED"


async def test_a_new_key_is_found_and_an_unknown_one_does_not_have_the_issuer_asked_each_time(
    doors: Doors, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await doors.ask(issuer.token(READER)) is None
    assert issuer.asked == 1
    stranger = Issuer(issuer.url)
    stranger.add_key("unknown")
    for _ in range(5):
        assert (refusal := await doors.ask(stranger.token(READER, kid="unknown")))
        assert refusal.metadata["problem"] == "the token is signed with a key that its issuer does not have"
    assert issuer.asked == 1
    monkeypatch.setattr(issuer_keys, "RETRY_SECONDS", 0.0)
    issuer.add_key("second")
    assert await doors.ask(issuer.token(READER, kid="second")) is None
    assert issuer.asked == 2


async def test_while_the_issuer_is_away_known_keys_serve_and_without_any_the_caller_is_sent_to_come_again(
    doors: Doors, issuer: Issuer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(issuer_keys, "RETRY_SECONDS", 0.0)
    issuer.is_away = True
    refusal = await doors.ask(issuer.token(READER))
    assert refusal
    assert (refusal.reason, refusal.metadata) == ("KEYS_UNAVAILABLE", {"issuer": "prod"})
    response = await doors.http.get("/metrics", headers={"authorization": f"Bearer {issuer.token(READER)}"})
    assert (response.status_code, "retry-after" in response.headers) == (503, True)
    assert "the keys of the issuer prod cannot be had" in caplog.text
    assert PASSWORD not in caplog.text
    issuer.is_away = False
    assert await doors.ask(issuer.token(READER)) is None
    issuer.is_away = True
    monkeypatch.setattr(issuer_keys, "FRESH_SECONDS", 0.0)
    assert await doors.ask(issuer.token(READER, jti="another")) is None


async def test_a_key_that_the_issuer_took_back_is_not_believed_once_the_keys_are_asked_for_again(
    issuer: Issuer, tmp_path: Path
) -> None:
    keys, seconds = tmp_path / "keys.json", [0.0]
    keys.write_text(json.dumps(issuer.key_set()))
    source = KeySource(issuer=issuer.url, keys=str(keys))
    found = IssuerKeys("prod", source, clock=lambda: seconds[0])
    assert await found.find("first")
    issuer.keys = {"second": issuer.keys["first"]}
    keys.write_text(json.dumps(issuer.key_set()))
    assert await found.find("first")
    seconds[0] = issuer_keys.FRESH_SECONDS + 1
    assert await found.find("first") is None
    assert await found.find("second")
    assert await found.find(None), "the only key there is"


async def test_a_verified_token_is_looked_at_again_only_after_a_while_and_never_after_its_end(
    issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys, now = tmp_path / "keys.json", [time.time()]
    keys.write_text(json.dumps(issuer.key_set()))
    believed = Believed(name="prod", source=KeySource(issuer=issuer.url, keys=str(keys)), audience=AUDIENCE)
    tokens = IssuerTokens([believed], clock=lambda: now[0])
    checks = 0
    decode = jwt.decode

    def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal checks
        checks += "audience" in options
        return decode(*arguments, **options)

    monkeypatch.setattr(jwt, "decode", counted)
    long, short = issuer.token(READER), issuer.token(READER, exp=int(now[0]) + 60)
    for token in (long, short) * 3:
        assert await tokens.caller(token)
    assert checks == 2
    now[0] += 60 + 31
    assert await tokens.caller(long)
    assert checks == 2
    assert await tokens.caller(short), "by the clock of this machine it is good"
    assert checks == 3
    now[0] += issuer_keys.FRESH_SECONDS
    assert await tokens.caller(long)
    assert checks == 4
    assert MAX_REMEMBERED > 1000


async def test_keys_that_are_none_are_told_to_the_log_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for content in ("", "[]", "{}", '{"keys": 1}'):
        file = tmp_path / "keys.json"
        file.write_text(content)
        with pytest.raises(KeysUnavailable):
            await IssuerKeys("prod", KeySource(issuer="https://x", keys=str(file))).find("first")
    source = KeySource(issuer="http://keys.example")
    with pytest.raises(KeysUnavailable):
        await IssuerKeys("prod", source).find("first")
    assert "neither https nor on this machine" in caplog.text


async def test_a_change_of_the_access_file_holds_at_once_and_a_mistake_in_it_changes_nothing(
    serving: Serving, issuer: Issuer, access_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving("--access-file", str(access_file)) as doors:
        token = issuer.token("bob@example.com")
        assert await doors.ask(token)
        before = access_file.read_text()
        access_file.write_text(before.replace("ann@example.com", "*@example.com"))
        assert await doors.ask(token) is None
        access_file.write_text("[[roles]]\nrole = 'king'")
        assert await doors.ask(token) is None
        assert caplog.text.count("what was read before still holds") == 1
        access_file.write_text(before)
        assert await doors.ask(token)
