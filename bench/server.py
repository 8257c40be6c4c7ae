"""The real server as a process, as a user starts it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import grpc.aio
from grpc_health.v1 import health_pb2

PROGRAM = Path(sys.executable).with_name("headwater-server")
READY = "headwater-server ready"
READY_SECONDS = 60
STOP_SECONDS = 60


class ServerError(Exception):
    """The server did not start."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """Where the server is reached, and the database that it stores in."""

    grpc_address: str
    http_address: str
    dsn: str
    process: int | None
    """None where no server is needed."""
    start_seconds: float = 0
    """From the start of the process to SERVING."""


@contextlib.asynccontextmanager
async def running_server(
    dsn: str | None, folder: Path | None = None, processes: int = 1
) -> AsyncIterator[RunningServer]:
    """The server on free ports, with its own PostgreSQL in the folder, or on the database of the DSN.

    That database gets its schema first. What was in the folder is still there; without a folder, the store is new.
    Raises ServerError where the server is not ready in time.
    """
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="headwater-bench-", ignore_cleanup_errors=True) as new:
            async with running_server(dsn, Path(new), processes) as server:
                yield server
        return
    data_dir, log_path = folder / "data", folder / "server.log"
    grpc_address, http_address = _choose_address(), _choose_address()
    environment = {
        **os.environ,
        "HEADWATER_DATA_DIR": str(data_dir),
        "HEADWATER_GRPC_ADDRESS": grpc_address,
        "HEADWATER_HTTP_ADDRESS": http_address,
        "HEADWATER_PROCESSES": str(processes),
    }
    if dsn:
        environment["HEADWATER_DSN"] = dsn
    with log_path.open("wb") as log:
        if dsn and await (await _start("migrate", environment, log.fileno())).wait() != 0:
            raise ServerError(f"The schema could not be made: {_tail(log_path)}")
        start = time.perf_counter()
        process = await _start("serve", environment, log.fileno())
        try:
            await _wait_until_ready(process, grpc_address, log_path)
            seconds = time.perf_counter() - start
            own_dsn = f"postgresql://headwater@/headwater?host={quote(str(data_dir / 'run'))}"
            yield RunningServer(grpc_address, http_address, dsn or own_dsn, process.pid, seconds)
        finally:
            await _stop(process)


async def _start(command: str, environment: dict[str, str], log: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(PROGRAM, command, env=environment, stdout=log, stderr=log)


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _wait_until_ready(process: asyncio.subprocess.Process, address: str, log_path: Path) -> None:
    """Returns once gRPC's health service says SERVING, and the server that it is ready."""
    deadline = asyncio.get_running_loop().time() + READY_SECONDS
    async with grpc.aio.insecure_channel(address) as channel:
        check: grpc.aio.UnaryUnaryMultiCallable[bytes, health_pb2.HealthCheckResponse] = channel.unary_unary(
            "/grpc.health.v1.Health/Check", response_deserializer=health_pb2.HealthCheckResponse.FromString
        )
        while asyncio.get_running_loop().time() < deadline:
            if process.returncode is not None:
                raise ServerError(f"The server ended with {process.returncode}: {_tail(log_path)}")
            with contextlib.suppress(grpc.aio.AioRpcError):
                answer = await check(b"", timeout=1)
                if answer.status == health_pb2.HealthCheckResponse.SERVING and _is_whole(log_path):
                    return
            await asyncio.sleep(0.02)
    raise ServerError(f"The server was not ready in {READY_SECONDS} s: {_tail(log_path)}")


def _choose_address() -> str:
    """A port of the loopback interface that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def _is_whole(log_path: Path) -> bool:
    """Whether all its processes answer; health is that of one of them."""
    return READY in log_path.read_text(errors="replace")


def _tail(log_path: Path) -> str:
    return log_path.read_text(errors="replace")[-3_000:]
