"""The doctor finds what stands between the command and the server's answer."""

import base64
import json
import subprocess
import time
from collections.abc import Iterator
from email.utils import formatdate
from importlib.metadata import version
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2

from headwater_cli.checkup.local import where

from .conftest import NOWHERE, Headwater
from .fake_server import FakeServer
from .golden import check_golden


def states(headwater: Headwater, *words: str) -> dict[str, str]:
    answer = json.loads(headwater("doctor", *words, "-o", "json").out)
    return {each["check"]: each["state"] for each in answer["findings"]}


def jwt(expiry: float) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": expiry}).encode()).decode().rstrip("=")
    return f"head.{claims}.signature"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a self-signed certificate for localhost."""
    folder = tmp_path_factory.mktemp("tls")
    options = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "ca.pem")]
    subprocess.run(["openssl", *options.split(), *files], check=True, capture_output=True)
    return folder


@pytest.fixture
def secured(certificate: Path) -> Iterator[FakeServer]:
    pair = ((certificate / "key.pem").read_bytes(), (certificate / "ca.pem").read_bytes())
    with FakeServer(grpc.ssl_server_credentials([pair])) as running:
        yield running


def test_where_all_is_well_it_says_so(fake: FakeServer, headwater: Headwater) -> None:
    outcome = headwater("doctor")
    assert (outcome.code, outcome.err) == (0, "")
    port = fake.address.rpartition(":")[2]
    told = outcome.out.replace(port, "PORT").replace(version("headwater"), "VERSION")
    lines = [line for line in told.splitlines() if "store" not in line]
    check_golden("doctor", "\n".join(lines) + "\n")


def test_at_the_first_failure_it_stops_and_says_what_to_do(headwater: Headwater) -> None:
    outcome = headwater("doctor", "--address", NOWHERE)
    assert outcome.code == 1
    assert "Connection refused" in outcome.out
    assert outcome.err.startswith("connection: check HEADWATER_ADDRESS")
    assert states(headwater, "--address", NOWHERE) == {"settings": "ok", "token": "ok", "connection": "failed"}


def test_a_host_without_an_address_is_told(headwater: Headwater) -> None:
    assert "nowhere.invalid has no address" in headwater("doctor", "--address", "nowhere.invalid:1").out


def test_settings_without_sense_are_told(headwater: Headwater, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_TOKEN_FILE", "/run/token")
    assert states(headwater, "--address", "far.example:1") == {"settings": "failed"}


@pytest.mark.parametrize(
    ("token", "state", "words"),
    [
        (None, "failed", "cannot be read"),
        ("\n", "failed", "is empty"),
        (jwt(1_000_000_000), "failed", "expired at 2001-09-09T01:46:40Z"),
        (jwt(4_000_000_000), "ok", "until 2096-10-02T07:06:40Z"),
        ("static", "ok", ""),
    ],
)
def test_the_token_is_looked_at(
    headwater: Headwater, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str | None, state: str, words: str
) -> None:
    file = tmp_path / "token"
    if token is not None:
        file.write_text(token)
    monkeypatch.setenv("HEADWATER_TOKEN_FILE", str(file))
    assert states(headwater)["token"] == state
    assert words in headwater("doctor").out


def test_a_server_that_does_not_serve_is_told(fake: FakeServer, headwater: Headwater) -> None:
    fake.health.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    outcome = headwater("doctor")
    assert outcome.code == 1
    assert "headwater-server check" in outcome.err
    fake.failure = (grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE", "the store is on holiday")
    assert "the store is on holiday" in headwater("doctor").out


@pytest.mark.parametrize(
    ("told", "state", "words"),
    [
        pytest.param("99.0.1", "warning", "the server is 99.0.1, this command is", id="another"),
        pytest.param(".".join([*version("headwater").split(".")[:2], "99"]), "ok", "99", id="a patch of the same"),
        pytest.param(None, "skipped", "does not tell its version", id="none"),
    ],
)
def test_the_versions_of_server_and_command_are_compared(
    fake: FakeServer, headwater: Headwater, told: str | None, state: str, words: str
) -> None:
    fake.health.told = {"headwater-version": told} if told else {}
    assert states(headwater)["version"] == state
    assert words in headwater("doctor").out


@pytest.mark.parametrize(
    ("ahead", "state", "words"),
    [(0, "ok", "within 5 s of this machine's"), (90, "warning", "ahead of"), (-90, "warning", "behind")],
)
def test_the_clocks_of_server_and_machine_are_compared(
    fake: FakeServer, headwater: Headwater, ahead: float, state: str, words: str
) -> None:
    fake.health.told = {"date": formatdate(time.time() + ahead, usegmt=True)}
    assert states(headwater)["clock"] == state
    assert words in headwater("doctor").out


def test_a_service_that_is_missing_is_told(fake: FakeServer, headwater: Headwater) -> None:
    fake.health.set("headwater.v1.LineageService", health_pb2.HealthCheckResponse.SERVICE_UNKNOWN)
    outcome = headwater("doctor")
    assert outcome.code == 1
    assert "not served: headwater.v1.LineageService" in outcome.out


def test_a_store_that_does_not_answer_is_told(fake: FakeServer, headwater: Headwater) -> None:
    fake.failure = (grpc.StatusCode.UNAUTHENTICATED, "", "who are you?")
    outcome = headwater("doctor")
    assert outcome.code == 1
    assert "who are you?" in outcome.out


def test_over_tls_all_is_well_with_the_right_ca(
    secured: FakeServer, headwater: Headwater, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADWATER_CA_FILE", str(certificate / "ca.pem"))
    outcome = headwater("doctor", "--address", secured.address)
    assert (outcome.code, outcome.err) == (0, "")
    assert "the certificate holds until" in outcome.out


def test_a_certificate_of_another_ca_is_told(
    secured: FakeServer, headwater: Headwater, tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=other"
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "ca.pem")]
    subprocess.run(["openssl", *options.split(), *files], check=True, capture_output=True)
    monkeypatch.setenv("HEADWATER_CA_FILE", str(tmp_path / "ca.pem"))
    outcome = headwater("doctor", "--address", secured.address)
    assert outcome.code == 1
    assert "tls: let HEADWATER_CA_FILE name the CA" in outcome.err


def test_a_server_that_wants_no_tls_is_told(
    fake: FakeServer, headwater: Headwater, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADWATER_CA_FILE", str(certificate / "ca.pem"))
    assert states(headwater, "--address", fake.address)["tls"] == "failed"


def test_a_server_that_wants_tls_is_told(secured: FakeServer, headwater: Headwater) -> None:
    outcome = headwater("doctor", "--address", secured.address)
    assert outcome.code == 1
    assert "if the server wants TLS, set HEADWATER_CA_FILE" in outcome.err


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("127.0.0.1:4970", ("127.0.0.1", 4970)),
        ("dns:///headwater.lineage.svc:4970", ("headwater.lineage.svc", 4970)),
        ("[::1]:4970", ("::1", 4970)),
        ("ipv6:[::1]:4970", ("::1", 4970)),
        ("headwater", ("headwater", 443)),
        ("unix:/run/headwater", ("", 0)),
    ],
)
def test_an_address_is_taken_apart(address: str, found: tuple[str, int]) -> None:
    assert where(address) == found
