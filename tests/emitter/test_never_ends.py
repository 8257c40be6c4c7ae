"""The emitter never ends by itself, whatever fails, and ends well when it is told to: a pod must not notice it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from headwater.spool import SpoolFile

from .conftest import MakeEmitter
from .emitters import EmitterProcess, running
from .events import an_event


def error_of(answer: Any) -> tuple[int, str]:
    """The status and reason of an error; every one of these may be tried again, and says when."""
    assert int(answer.headers["retry-after"]) >= 1
    return answer.status_code, answer.json()["error"]["reason"]


async def test_settings_that_cannot_be_read_are_passed_over_and_said(make_emitter: MakeEmitter) -> None:
    emitter = make_emitter("127.0.0.1:1", spool_bytes="many", parent_run="{", token_file="/nowhere", pod_uid="u")
    emitter.server = "elsewhere:1"
    emitter.arguments = ("run", "--stay", "--bogus", "--droppable=perhaps")
    async with running(emitter):
        assert (await emitter.post(an_event())).status_code == 201, "what is not understood is no reason to lose it"
        found = await emitter.status()
        assert found["state"] == "misconfigured"
        for name in ("HEADWATER_SPOOL_BYTES", "HEADWATER_PARENT_RUN", "--bogus", "--droppable", "HEADWATER_ADDRESS"):
            assert name in found["problem"]
            assert name in emitter.log
        assert await emitter.stop() == 0


def test_on_a_terminal_a_mistake_ends_it_with_every_reason() -> None:
    command = [sys.executable, "-m", "headwater_emitter.entry", "run", "--spool-bytes", "many", "--http-address", "x"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 2
    assert "--spool-bytes=many: is no whole number" in found.stderr
    assert "--http-address=x" in found.stderr


async def test_a_spool_that_another_holds_is_waited_for(make_emitter: MakeEmitter) -> None:
    emitter = make_emitter("127.0.0.1:1")
    with SpoolFile(emitter.spool_dir / "emitter.spool"):
        async with asyncio.timeout(60):
            await emitter.start()
        assert error_of(await emitter.post(an_event())) == (503, "STORE_UNAVAILABLE")
        found = await emitter.status()
        assert found["state"] == "no spool"
        assert "is in use by" in found["problem"]
    async with running_already(emitter):
        await emitter.until(lambda found: found["state"] != "no spool")
        assert (await emitter.post(an_event())).status_code == 201


@contextlib.asynccontextmanager
async def running_already(emitter: EmitterProcess) -> AsyncIterator[None]:
    """Ends an emitter after a block."""
    yield
    await emitter.kill()


async def test_a_damaged_spool_is_put_aside(make_emitter: MakeEmitter) -> None:
    emitter = make_emitter("127.0.0.1:1")
    emitter.spool_dir.mkdir()
    (emitter.spool_dir / "emitter.spool").write_bytes(b"this was a database" * 1000)
    async with running(emitter):
        assert (await emitter.post(an_event())).status_code == 201
    assert "is damaged" in emitter.log


async def test_a_folder_that_cannot_be_written_is_tried_again(make_emitter: MakeEmitter, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    emitter = make_emitter("127.0.0.1:1", spool_dir=tmp_path / "file" / "spool")
    async with running(emitter):
        assert error_of(await emitter.post(an_event())) == (503, "STORE_UNAVAILABLE")
        (tmp_path / "file").unlink()
        await emitter.until(lambda found: found["state"] != "no spool")
        assert (await emitter.post(an_event())).status_code == 201


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root can make a small disk")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


async def test_a_full_disk_is_told_to_senders_and_used_again_when_there_is_room(
    make_emitter: MakeEmitter, small_disk: Path
) -> None:
    filler = small_disk / "filler"
    async with running(make_emitter("127.0.0.1:1", spool_dir=small_disk / "spool", block_seconds=0)) as emitter:
        assert (await emitter.post(an_event())).status_code == 201
        _fill(filler)
        taken, answer = 1, await emitter.post(an_event(filler={"text": "x" * 50_000}))
        while answer.status_code == 201:
            taken, answer = taken + 1, await emitter.post(an_event(filler={"text": "x" * 50_000}))
        assert error_of(answer) == (503, "OVERLOADED")
        assert "disk is full" in answer.json()["error"]["message"]
        filler.unlink()
        assert (await emitter.post(an_event())).status_code == 201
        assert (await emitter.status())["waiting"] == taken + 1


def _fill(filler: Path) -> None:
    """Takes all the room that a disk has left."""
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


async def test_a_read_only_disk_is_told_to_senders_and_tried_again(make_emitter: MakeEmitter, small_disk: Path) -> None:
    _remount(small_disk, "ro")
    async with running(make_emitter("127.0.0.1:1", spool_dir=small_disk / "spool")) as emitter:
        assert error_of(await emitter.post(an_event())) == (503, "STORE_UNAVAILABLE")
        assert "Read-only file system" in (await emitter.status())["problem"]
        _remount(small_disk, "rw")
        await emitter.until(lambda found: found["state"] != "no spool")
        assert (await emitter.post(an_event())).status_code == 201


def _remount(disk: Path, mode: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{mode}", str(disk)], check=True)


async def test_a_spool_that_turns_read_only_is_told_to_senders_and_used_again(make_emitter: MakeEmitter) -> None:
    async with running(make_emitter("127.0.0.1:1")) as emitter:
        assert (await emitter.post(an_event())).status_code == 201
        files = [*emitter.spool_dir.iterdir()]
        with _immutable(files):
            for _ in range(2):
                assert error_of(await emitter.post(an_event())) == (503, "STORE_UNAVAILABLE")
        await emitter.until(lambda found: found["state"] != "no spool")
        assert (await emitter.post(an_event())).status_code == 201
        assert (await emitter.status())["waiting"] == 2


@contextlib.contextmanager
def _immutable(files: list[Path]) -> Iterator[None]:
    """Has the kernel refuse to write files also to those who have them open, as on a disk that failed."""
    command = ["chattr", "+i", *map(str, files)]
    if shutil.which("chattr") is None or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root can make files immutable, where the file system has that")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", *map(str, files)], check=True)


async def test_a_file_that_may_not_grow_is_told_to_senders(make_emitter: MakeEmitter) -> None:
    emitter = make_emitter("127.0.0.1:1", block_seconds=0)
    emitter.preexec = _small_files
    async with running(emitter):
        answer = await emitter.post(an_event(filler={"text": "x" * 50_000}))
        while answer.status_code == 201:
            answer = await emitter.post(an_event(filler={"text": "x" * 50_000}))
        assert error_of(answer)[0] == 503
        await emitter.until(lambda found: found["waiting"] > 0)
        assert await emitter.stop() == 0


def _small_files() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))


async def test_a_full_spool_refuses_and_takes_again(make_emitter: MakeEmitter) -> None:
    async with running(make_emitter("127.0.0.1:1", spool_bytes=2**20, block_seconds=0)) as emitter:
        answer = await emitter.post(an_event(filler={"text": "x" * 200_000}))
        while answer.status_code == 201:
            answer = await emitter.post(an_event(filler={"text": "x" * 200_000}))
        assert error_of(answer) == (503, "OVERLOADED")
        assert "has no room" in answer.json()["error"]["message"]
        assert (await emitter.status())["dropped"] == 0


async def test_a_door_whose_address_is_taken_is_opened_when_it_is_free(make_emitter: MakeEmitter) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        emitter = make_emitter("127.0.0.1:1", http_address=address)
        await emitter.start()
        found = await emitter.status()
        assert found["state"] == "door closed"
        assert "http: " in found["problem"]
    async with running_already(emitter):
        found = await emitter.until(lambda found: "http" in found["doors"])
        assert found["doors"]["http"] == address


async def test_it_delivers_what_it_can_and_ends_with_0(make_emitter: MakeEmitter, server: Any) -> None:
    async with running(make_emitter(server.grpc_address)) as emitter:
        for _ in range(20):
            await emitter.post([an_event() for _ in range(50)], "/batch")
        assert await emitter.stop() == 0
        assert not emitter.termination_log.exists(), "there is nothing to say"
    with SpoolFile(emitter.spool_dir / "emitter.spool") as spool:
        assert (spool.figures.depth, spool.figures.delivered) == (0, 1000)


@pytest.mark.parametrize(
    ("ends_with_pod", "where"), [("true", "they are lost with the pod"), ("false", "they wait in")]
)
async def test_it_says_what_it_leaves_and_ends_with_0_in_time(
    make_emitter: MakeEmitter, ends_with_pod: str, where: str
) -> None:
    async with running(make_emitter("127.0.0.1:1", drain_seconds=1, spool_ends_with_pod=ends_with_pod)) as emitter:
        await emitter.post([an_event(), an_event()], "/batch")
        began = time.monotonic()
        assert await emitter.stop() == 0
        assert time.monotonic() - began >= 1, "it tried for as long as it may"
    words = emitter.termination_log.read_text()
    assert words.startswith("headwater-emitter: 2 events were not delivered, the oldest of 20")
    assert where in words


async def test_a_second_signal_ends_it_at_once_with_0(make_emitter: MakeEmitter) -> None:
    async with running(make_emitter("127.0.0.1:1", drain_seconds=600)) as emitter:
        await emitter.post(an_event())
        assert emitter.process is not None
        emitter.process.terminate()
        await emitter.until(lambda found: found["state"] == "stopping")
        emitter.process.terminate()
        async with asyncio.timeout(30):
            assert await emitter.process.wait() == 0


async def test_while_it_ends_senders_are_told_to_come_again(make_emitter: MakeEmitter) -> None:
    async with running(make_emitter("127.0.0.1:1", drain_seconds=600)) as emitter:
        await emitter.post(an_event())
        assert emitter.process is not None
        emitter.process.terminate()
        await emitter.until(lambda found: found["state"] == "stopping")
        with pytest.raises(Exception, match=r"(?i)connect|disconnect|stopping"):
            raise_for(await emitter.post(an_event()))


def raise_for(answer: Any) -> None:
    """Raises what an answer says."""
    raise RuntimeError(answer.json()["error"]["message"])


async def test_a_signal_before_it_is_ready_ends_it_with_0(make_emitter: MakeEmitter, tmp_path: Path) -> None:
    code = "import sys, headwater_emitter.entry as entry; entry.end_well_on_signals(); print('up', flush=True);"
    code += "sys.argv = ['headwater-emitter', 'run', '--stay']; entry.main()"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code),
        env={**os.environ, "HEADWATER_SPOOL_DIR": str(tmp_path / "s"), "HEADWATER_HEALTH_ADDRESS": "127.0.0.1:0"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    await process.stdout.readline()
    process.terminate()
    async with asyncio.timeout(30):
        assert await process.wait() == 0


async def test_a_frozen_emitter_goes_on_where_it_was(make_emitter: MakeEmitter) -> None:
    async with running(make_emitter("127.0.0.1:1")) as emitter:
        assert emitter.process is not None
        emitter.process.send_signal(signal.SIGSTOP)
        posting = asyncio.create_task(emitter.post(an_event()))
        await asyncio.sleep(0.2)
        assert not posting.done()
        emitter.process.send_signal(signal.SIGCONT)
        assert (await posting).status_code == 201
