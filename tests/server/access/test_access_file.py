"""The file of issuers and roles: what it says, and how what is wrong in it is told, all at once."""

from __future__ import annotations

from pathlib import Path

import jwt
import pytest

from headwater.program.watched_files import UnusableFile
from headwater_server.access.access_file import parse_rules
from headwater_server.domain.callers import Role

GOOD = """
[[issuers]]
name = "prod"
url = "https://kubernetes.default.svc.cluster.local"

[[issuers]]
name = "people"
url = "https://login.example.com"
keys = "/etc/headwater/keys.json"
subject_claim = "email"

[[roles]]
role = "admin"
subjects = ["people:ann@example.com", "people:bob@*"]
"""


def problems_of(text: str) -> list[str]:
    with pytest.raises(UnusableFile) as caught:
        parse_rules(Path("/etc/access.toml"), text.encode())
    return list(caught.value.problems)


def test_issuers_and_roles_are_read() -> None:
    rules = parse_rules(Path("x"), GOOD.encode())
    assert rules.tokens is not None
    assert rules.bindings.roles_of("people:bob@example.com") == {Role.ADMIN}
    assert parse_rules(Path("x"), b"").tokens is None


def test_an_issuer_that_is_not_named_is_that_of_the_token_it_is_asked_with(tmp_path: Path) -> None:
    token = tmp_path / "token"
    text = f"""
    [[issuers]]
    name = "prod"
    keys = "https://kubernetes.default.svc/openid/v1/jwks"
    token_file = "{token}"
    [[issuers]]
    name = "twice"
    url = "https://issuer.example.com"
    """
    token.write_text(jwt.encode({"iss": "https://issuer.example.com"}, "k" * 32, "HS256") + "\n")
    assert problems_of(text) == ["two issuers have the url https://issuer.example.com"]
    for content in ("no token", jwt.encode({"sub": "x"}, "k" * 32, "HS256")):
        token.write_text(content)
        (problem,) = problems_of(text)
        assert problem.startswith(f"issuers 1: token_file {token} does not tell the issuer")
    token.unlink()
    assert "No such file" in problems_of(text)[0]


def test_all_that_is_wrong_is_told_at_once() -> None:
    text = """
    audience = "x"
    [[issuers]]
    name = "token"
    url = "http://login.example.com"
    service_accounts = "everybody"
    audience = ""
    [[issuers]]
    name = "a"
    [[issuers]]
    name = "b"
    url = "https://b"
    color = "red"
    [[roles]]
    role = "king"
    subjects = []
    [[roles]]
    role = "admin"
    subjects = "me"
    """
    problems = problems_of(text)
    assert [problem.split(":")[0] for problem in problems] == [
        "audience means nothing",
        *["issuers 1"] * 4,
        "issuers 2",
        "issuers 3",
        "roles 1",
        "roles 2",
    ]
    told = "\n".join(problems)
    for part in (
        "name is 'token'",
        "write https://",
        "choose from emitter",
        "issuers 2: `url` is not said",
        "`color`",
        "'king'",
    ):
        assert part in told


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("[[issuers", "is no TOML", id="no TOML"),
        pytest.param("issuers = 1", "issuers is no list", id="no list"),
        pytest.param("[[roles]]\nrole='admin'", "missing required field `subjects`", id="no subjects"),
        pytest.param(GOOD.replace('"people"', '"prod"'), "two issuers have the name prod", id="two of a name"),
        pytest.param(
            GOOD.replace("login.example.com", "kubernetes.default.svc.cluster.local"), "have the url", id="two of a URL"
        ),
        pytest.param(GOOD.replace("/etc/headwater/", ""), "also an absolute path", id="relative path"),
        pytest.param(GOOD.replace("https://login", "login").replace("keys =", "#"), "write a URL", id="no URL"),
    ],
)
def test_a_mistake_has_a_reason(text: str, problem: str) -> None:
    assert any(problem in each for each in problems_of(text))
