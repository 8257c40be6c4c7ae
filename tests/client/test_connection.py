"""The connection: who calls, over what, from which thread or process."""

import asyncio
import multiprocessing
import os
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import grpc
import pytest
from tests.client.fakes import FakeServer

from headwater import Client, InvalidSettings, Settings, SyncClient, errors
from headwater.v1.lineage_pb2 import Node
from headwater.v1.lineage_service_pb2 import TraverseLineageResponse

DATASET = "namespaces/a/datasets/b"


def tokens(server: FakeServer) -> list[str | None]:
    return [call.metadata.get("authorization") for call in server.received]


async def test_a_token_is_read_again_when_its_file_changes(server: FakeServer, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    settings = Settings(address=server.address, token_file=file)
    async with Client(settings=settings) as client:
        with SyncClient(settings=settings) as sync_client:
            await client.get_dataset(DATASET)
            sync_client.get_dataset(DATASET)
            renewed = tmp_path / "renewed"
            renewed.write_text("other\n")
            renewed.replace(file)
            await client.get_dataset(DATASET)
            sync_client.get_dataset(DATASET)
    assert tokens(server) == ["Bearer first", "Bearer first", "Bearer other", "Bearer other"]


async def test_a_stream_and_a_walk_say_who_calls_too(server: FakeServer, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("secret")
    async with Client(settings=Settings(address=server.address, token_file=file)) as client:
        assert [each.id async for each in client.stream([b"{}"])] == [0]
        assert [part async for part in client.traverse_lineage(DATASET)] == []
    named = {call.rpc: call.metadata.get("authorization") for call in server.received if call.rpc != "StreamedEvents"}
    assert named == {"StreamEvents": "Bearer secret", "TraverseLineage": "Bearer secret"}


async def test_without_a_token_the_call_names_nobody(server: FakeServer, client: Client) -> None:
    await client.get_dataset(DATASET)
    assert tokens(server) == [None]


def test_a_token_file_that_is_missing_is_an_error_of_ours(server: FakeServer, tmp_path: Path) -> None:
    settings = Settings(address=server.address, token_file=tmp_path / "missing")
    with SyncClient(settings=settings) as client, pytest.raises(InvalidSettings, match="missing"):
        client.get_dataset(DATASET)


def test_the_address_can_come_from_the_environment(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_ADDRESS", server.address)
    with SyncClient() as client:
        assert client.get_dataset(DATASET).name == DATASET
    with SyncClient("127.0.0.1:1") as client:
        assert client.settings.address == "127.0.0.1:1"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Makes a certificate of 127.0.0.1 that is its own authority, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=headwater"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is needed to make a certificate")
    return certificate, key


@pytest.mark.parametrize("given_as", ["file", "text"])
async def test_a_ca_makes_the_channel_tls(certificate: tuple[Path, Path], given_as: str) -> None:
    pem, key = (path.read_bytes() for path in certificate)
    with FakeServer(credentials=grpc.ssl_server_credentials([(key, pem)])) as server:
        settings = (
            Settings(address=server.address, ca_file=certificate[0])
            if given_as == "file"
            else Settings(address=server.address, ca=pem.decode())
        )
        async with Client(settings=settings) as client:
            assert (await client.get_dataset(DATASET)).name == DATASET
        with SyncClient(settings=settings) as sync_client:
            assert sync_client.get_dataset(DATASET).name == DATASET
        clear = Settings(address=server.address, max_attempts=1)
        with SyncClient(settings=clear) as sync_client, pytest.raises(errors.Unavailable):
            sync_client.get_dataset(DATASET)


def test_a_server_with_another_certificate_is_not_talked_to(certificate: tuple[Path, Path]) -> None:
    pem, key = (path.read_bytes() for path in certificate)
    with FakeServer(credentials=grpc.ssl_server_credentials([(key, pem)])) as server:
        settings = Settings(address=server.address, ca=_another_certificate(), max_attempts=1)
        with SyncClient(settings=settings) as client, pytest.raises(errors.Unavailable):
            client.get_dataset(DATASET)
        assert server.received == []


async def test_a_ca_is_read_again_when_its_file_changes(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    pem, key = (path.read_bytes() for path in certificate)
    file, renewed = tmp_path / "ca.pem", tmp_path / "renewed"
    file.write_text(_another_certificate())
    renewed.write_bytes(pem)
    with FakeServer(credentials=grpc.ssl_server_credentials([(key, pem)])) as server:
        settings = Settings(address=server.address, ca_file=file, max_attempts=1)
        async with Client(settings=settings) as client:
            with pytest.raises(errors.Unavailable):
                await client.get_dataset(DATASET)
            renewed.replace(file)
            assert (await client.get_dataset(DATASET)).name == DATASET
            file.unlink()
            assert (await client.get_dataset(DATASET)).name == DATASET


def _another_certificate() -> str:
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=other", "-keyout", os.devnull]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_messages_of_many_mebibytes_pass_both_ways() -> None:
    size = 20 * 2**20
    with FakeServer(max_message_bytes=64 * 2**20) as server, SyncClient(server.address) as client:
        client.write_event(b"x" * size)
        assert len(server.events[0].open_lineage) == size
        server.parts = [TraverseLineageResponse(nodes=[Node(name="x" * size)])]
        [part] = client.traverse_lineage(DATASET)
        assert len(part.nodes[0].name) == size


def test_a_blocking_client_serves_many_threads(server: FakeServer, sync_client: SyncClient) -> None:
    names = [f"namespaces/a/datasets/{number}" for number in range(64)]
    with ThreadPoolExecutor(8) as threads:
        assert [each.name for each in threads.map(sync_client.get_dataset, names)] == names


def _get_in_child(client: SyncClient, answers: "multiprocessing.SimpleQueue[str]") -> None:
    answers.put(client.get_dataset(DATASET, timeout_seconds=5).name)


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_blocking_client_works_in_a_forked_process(server: FakeServer, sync_client: SyncClient) -> None:
    sync_client.get_dataset(DATASET)
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    child = context.Process(target=_get_in_child, args=(sync_client, answers))
    child.start()
    child.join(20)
    assert child.exitcode == 0
    assert answers.get() == DATASET
    assert sync_client.get_dataset(DATASET).name == DATASET


async def test_a_call_that_is_cancelled_ends_at_once(server: FakeServer, client: Client) -> None:
    server.delay_seconds = 10
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await client.get_dataset(DATASET)


async def test_a_client_finds_its_server_again(server: FakeServer, client: Client, sync_client: SyncClient) -> None:
    await client.get_dataset(DATASET)
    sync_client.get_dataset(DATASET)
    server.stop()
    server.start()
    assert (await client.get_dataset(DATASET)).name == DATASET
    assert sync_client.get_dataset(DATASET).name == DATASET


def test_a_client_finds_its_server_soon_after_a_failure(server: FakeServer, sync_client: SyncClient) -> None:
    server.stop()
    with SyncClient(settings=Settings(address=server.address, max_attempts=1)) as client:
        with pytest.raises(errors.Unavailable):
            client.get_dataset(DATASET)
        began = time.monotonic()
        server.start()
        while time.monotonic() - began < 0.7:
            with suppress(errors.Unavailable):
                assert client.get_dataset(DATASET).name == DATASET
                return
    pytest.fail("the client still waits before it connects again")


@asynccontextmanager
async def cable(port: int, is_cut: Callable[[], bool]) -> AsyncIterator[int]:
    """Leads to a port, from another, and carries nothing more once it is cut."""
    ends: list[asyncio.StreamWriter] = []

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            if not is_cut():
                writer.write(data)

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        ends.extend((writer, far_writer))
        await asyncio.gather(forward(reader, far_writer), forward(far_reader, writer))

    proxy = await asyncio.start_server(connect, "127.0.0.1", 0)
    yield proxy.sockets[0].getsockname()[1]
    proxy.close()
    for end in ends:
        end.close()
    await asyncio.sleep(0)


async def test_a_server_that_vanished_is_noticed_before_the_deadline(server: FakeServer) -> None:
    server.delay_seconds = 30
    async with cable(server.port, is_cut=lambda: bool(server.received)) as port:
        settings = Settings(address=f"127.0.0.1:{port}", keepalive_seconds=0.5, max_attempts=1)
        async with Client(settings=settings) as client, asyncio.timeout(10):
            with pytest.raises(errors.Unavailable):
                await client.get_dataset(DATASET)


def test_closing_twice_or_unused_is_harmless() -> None:
    client = SyncClient("127.0.0.1:1")
    client.close()
    client.close()
