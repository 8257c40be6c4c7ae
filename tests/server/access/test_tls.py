"""TLS at both doors, certificates that change while the server runs, and clients that show their own."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from datetime import timedelta
from pathlib import Path

import grpc
import httpx
import pytest
from cryptography import x509

from headwater import Client, Settings
from headwater.program.watched_files import UnusableFile
from headwater.v1.catalog_service_pb2 import ListNamespacesRequest
from headwater.v1.catalog_service_pb2_grpc import CatalogServiceStub
from headwater_cli.main import main as headwater
from headwater_server.access.certificates import ClientCertificates
from headwater_server.access.tls_files import TlsFiles
from headwater_server.access.token_hashes import create_token
from headwater_server.domain.callers import Role
from headwater_server.domain.errors import Unauthenticated

from .authority import LOOPBACK, Authority, Pair, Tls
from .conftest import Serving
from .doors import Doors, headers, reason_of, refusal_of_call, refusal_of_response

SPIFFE = "spiffe://cluster/ns/ml/sa/trainer"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """The CA of the server."""
    return Authority(tmp_path)


@pytest.fixture
def pair(authority: Authority) -> Pair:
    """The server's certificate."""
    return authority.issue("server", "headwater", LOOPBACK)


def tls_settings(pair: Pair) -> list[str]:
    return [f"--tls-certificate-file={pair.certificate}", f"--tls-key-file={pair.key}"]


async def shown_over_http(doors: Doors, ca: Path) -> int:
    """The serial number of the certificate that a new connection sees."""
    host, port = doors.http.base_url.host, doors.http.base_url.port
    _, writer = await asyncio.open_connection(host, port, ssl=Tls(ca).context())
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    return x509.load_der_x509_certificate(shown).serial_number


async def shown_over_grpc(address: str) -> int:
    host, port = address.split(":")
    pem = await asyncio.to_thread(ssl.get_server_certificate, (host, int(port)))
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


async def test_our_client_calls_over_tls_with_a_token_and_nobody_without_tls(
    serving: Serving, authority: Authority, pair: Pair, tmp_path: Path
) -> None:
    token, _ = create_token(tmp_path / "hashes", "reader", Role.READER)
    (tmp_path / "token").write_text(token)
    settings = [*tls_settings(pair), "--token-hashes-file", str(tmp_path / "hashes")]
    async with serving(*settings, tls=Tls(authority.ca)) as doors:
        assert await doors.ask(token) is None
        assert reason_of(await doors.ask(None)) == "UNAUTHENTICATED"
        address = doors.address
        way = Settings(address=address, ca_file=authority.ca, token_file=tmp_path / "token")
        async with Client(settings=way) as client:
            assert [each async for each in client.namespaces()] == []
        async with grpc.aio.insecure_channel(address) as clear:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await CatalogServiceStub(clear).ListNamespaces(ListNamespacesRequest())
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        with pytest.raises(httpx.HTTPError):
            async with httpx.AsyncClient() as http:
                await http.get(str(doors.http.base_url).replace("https", "http"))


async def test_a_new_certificate_is_shown_to_new_connections_and_no_request_is_dropped(
    serving: Serving, authority: Authority, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with serving(*tls_settings(pair), tls=Tls(authority.ca)) as doors:
        answered = 0

        async def keep_asking() -> None:
            nonlocal answered
            while True:
                assert await doors.ask(None) is None
                async with Tls(authority.ca).channel(doors.address) as fresh:
                    await CatalogServiceStub(fresh).ListNamespaces(ListNamespacesRequest())
                assert await shown_over_http(doors, authority.ca)
                answered += 1

        asking = asyncio.create_task(keep_asking())
        before = pair.serial
        assert await shown_over_http(doors, authority.ca) == await shown_over_grpc(doors.address) == before
        for number in range(3):
            pair.become(authority.issue(f"renewed{number}", "headwater", LOOPBACK))
            assert pair.serial != before
            assert await shown_over_http(doors, authority.ca) == await shown_over_grpc(doors.address) == pair.serial
            before, seen = pair.serial, answered
            while answered < seen + 2 and not asking.done():
                await asyncio.sleep(0.01)
        assert not asking.done()
        asking.cancel()
        await asyncio.wait([asking])
    assert "read again" in caplog.text


async def test_a_key_that_does_not_fit_changes_nothing_and_is_logged_once(
    serving: Serving, authority: Authority, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(*tls_settings(pair), tls=Tls(authority.ca)) as doors:
        before = pair.serial
        pair.key.write_bytes(authority.issue("other").key.read_bytes())
        for _ in range(2):
            assert await shown_over_http(doors, authority.ca) == await shown_over_grpc(doors.address) == before
        assert caplog.text.count("what was read before still holds") == 1
        assert f"is not the key of {pair.certificate}" in caplog.text
        pair.key.unlink()
        assert await shown_over_grpc(doors.address) == before


@pytest.mark.parametrize(
    ("break_it", "problem"),
    [
        pytest.param(lambda pair: pair.key.unlink(), "server.key: cannot be read", id="missing"),
        pytest.param(lambda pair: pair.key.write_text("x"), "holds no private key in PEM", id="no key"),
        pytest.param(lambda pair: pair.certificate.write_text("x"), "holds no certificate in PEM", id="no certificate"),
    ],
)
def test_files_that_cannot_be_used_are_told_by_their_names(pair: Pair, break_it: object, problem: str) -> None:
    assert callable(break_it)
    break_it(pair)
    with pytest.raises(UnusableFile, match=problem):
        TlsFiles(pair.certificate, pair.key, None)


@pytest.fixture
def clients(tmp_path: Path) -> Authority:
    """The CA of clients."""
    return Authority(tmp_path, "clients")


@pytest.fixture
def mutual(pair: Pair, clients: Authority, tmp_path: Path) -> list[str]:
    """The settings of a server that knows clients by their certificates."""
    file = tmp_path / "roles.toml"
    file.write_text(f'[[roles]]\nrole = "reader"\nsubjects = ["certificate:{SPIFFE}", "certificate:*.example.com"]\n')
    own = [f"--client-ca-file={clients.ca}", "--grpc-mtls-address=127.0.0.1:0", f"--access-file={file}"]
    return [*tls_settings(pair), *own]


async def asked_with(doors: Doors, ca: Path, own: Pair | None) -> str | None:
    """The reason with which a client with a certificate is refused at both doors, if it is."""
    way = Tls(ca, own)
    async with way.channel(doors.mtls_address) as channel:
        first = await refusal_of_call(CatalogServiceStub(channel).ListNamespaces(ListNamespacesRequest()))
    async with httpx.AsyncClient(base_url=doors.http.base_url, verify=way.context()) as http:
        second = refusal_of_response(await http.post("/api/v1/rpc/CatalogService/ListNamespaces", json={}))
    assert first == second
    return first.metadata.get("caller", first.reason) if first else None


async def test_a_certificate_says_who_calls(
    serving: Serving, authority: Authority, clients: Authority, mutual: list[str]
) -> None:
    async with serving(*mutual, tls=Tls(authority.ca)) as doors:
        trainer = clients.issue("trainer", "anything", x509.DNSName("x.org"), x509.UniformResourceIdentifier(SPIFFE))
        assert await asked_with(doors, authority.ca, trainer) is None
        own = {"certificate_file": trainer.certificate, "key_file": trainer.key}
        async with Client(settings=Settings(address=doors.mtls_address, ca_file=authority.ca, **own)) as client:
            assert [each async for each in client.namespaces()] == []
        by_dns = clients.issue("dns", "anything", x509.DNSName("a.example.com"), x509.DNSName("x.org"))
        assert await asked_with(doors, authority.ca, by_dns) is None
        by_name = clients.issue("name", "b.example.com")
        assert await asked_with(doors, authority.ca, by_name) is None
        stranger = clients.issue("stranger", "a.example.com", x509.DNSName("x.org"))
        assert await asked_with(doors, authority.ca, stranger) == "certificate:x.org"
        nobody = clients.issue("nobody", "", x509.RFC822Name("a@example.com"))
        assert await asked_with(doors, authority.ca, nobody) == "UNAUTHENTICATED"


async def test_a_certificate_of_another_authority_or_none_is_not_let_in(
    serving: Serving, authority: Authority, clients: Authority, mutual: list[str]
) -> None:
    async with serving(*mutual, tls=Tls(authority.ca)) as doors:
        foreign = authority.issue("foreign", "b.example.com")
        late = clients.issue("late", "b.example.com", valid=timedelta(hours=-1))
        for own in (foreign, late, None):
            async with Tls(authority.ca, own).channel(doors.mtls_address) as channel:
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await CatalogServiceStub(channel).ListNamespaces(ListNamespacesRequest())
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            context = Tls(authority.ca, own).context()
            async with httpx.AsyncClient(base_url=doors.http.base_url, verify=context) as http:
                if own:
                    with pytest.raises(httpx.TransportError):
                        await http.get("/metrics")
                else:
                    assert (await http.get("/metrics")).status_code == 401
        assert reason_of(await doors.ask(None)) == "UNAUTHENTICATED"


async def test_a_token_counts_more_than_a_certificate_and_works_without_one(
    serving: Serving, authority: Authority, clients: Authority, mutual: list[str], tmp_path: Path
) -> None:
    token, _ = create_token(tmp_path / "hashes", "airflow", Role.EMITTER)
    own = Tls(authority.ca, clients.issue("name", "b.example.com"))
    async with serving(*mutual, f"--token-hashes-file={tmp_path / 'hashes'}", tls=own) as doors:
        assert await doors.send(token) is None
        assert (await doors.http.get("/metrics")).status_code == 200
        refused = await doors.http.get("/metrics", headers=headers(token))
        assert refused.json()["error"]["metadata"]["caller"] == "token:airflow"
        assert (await doors.http.get("/metrics", headers=headers("wrong"))).status_code == 401


async def test_a_ca_of_clients_that_is_replaced_is_trusted_no_more(
    serving: Serving, authority: Authority, clients: Authority, mutual: list[str], tmp_path: Path
) -> None:
    (tmp_path / "new").mkdir()
    other = Authority(tmp_path / "new", "clients")
    old, new = clients.issue("old", "a.example.com"), other.issue("new", "a.example.com")
    async with serving(*mutual, tls=Tls(authority.ca)) as doors:
        assert await asked_with(doors, authority.ca, old) is None
        clients.ca.write_bytes(other.ca.read_bytes())
        assert await asked_with(doors, authority.ca, new) is None
        async with Tls(authority.ca, old).channel(doors.mtls_address) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await CatalogServiceStub(channel).ListNamespaces(ListNamespacesRequest())
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        async with httpx.AsyncClient(base_url=doors.http.base_url, verify=Tls(authority.ca, old).context()) as http:
            with pytest.raises(httpx.TransportError):
                await http.get("/metrics")


def test_a_certificate_ends_on_a_connection_that_goes_on(clients: Authority) -> None:
    now = [0.0]
    known = ClientCertificates(clock=lambda: now[0])
    certificate = clients.issue("name", "b.example.com").certificate.read_bytes()
    assert known.caller(certificate).identity == "certificate:b.example.com"
    now[0] = x509.load_pem_x509_certificate(certificate).not_valid_after_utc.timestamp()
    with pytest.raises(Unauthenticated, match="the client certificate expired at 20"):
        known.caller(certificate)
    with pytest.raises(Unauthenticated, match="cannot be read"):
        known.caller(b"\x30\x00")


async def test_the_doctor_shows_its_certificate_too(
    serving: Serving,
    authority: Authority,
    clients: Authority,
    mutual: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    reader = clients.issue("reader", "b.example.com")
    given = {"CA": authority.ca, "CERTIFICATE": reader.certificate, "KEY": reader.key}
    for name, file in given.items():
        monkeypatch.setenv(f"HEADWATER_{name}_FILE", str(file))
    async with serving(*mutual, tls=Tls(authority.ca)) as doors:
        arguments = ["doctor", "--address", doors.mtls_address, "--output", "json"]
        assert await asyncio.to_thread(headwater, arguments) == 0
    found = {each["check"]: each["state"] for each in json.loads(capsys.readouterr().out)["findings"]}
    assert found.keys() >= {"tls", "health", "services", "store"}
    assert set(found.values()) == {"ok"}
