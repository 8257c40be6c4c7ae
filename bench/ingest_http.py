"""Ingestion through OpenLineage's HTTP API, as its clients post to it.

The client is no more than what the measurement needs, a few connections that are kept open, so that it costs the server
as little of the machine as can be.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

from bench.measure import Measure, Task, WorkloadError
from bench.sending import prepare_events, send_all, start_clock

TIMEOUT_SECONDS = 60


async def measure_http(task: Task, *, batch: int, in_flight: int, per_second: int) -> Measure:
    """One event a POST where batch is 1, else a JSON array of so many; one request at a time on each connection."""
    path = "/api/v1/lineage" if batch == 1 else "/api/v1/lineage/batch"
    requests = [
        _make_request(task.http_address, path, bodies[0] if batch == 1 else b"[" + b",".join(bodies) + b"]")
        for bodies in prepare_events(task, per_second=per_second, per_request=batch)
    ]
    async with contextlib.AsyncExitStack() as stack:
        idle = [await stack.enter_async_context(_connect(task.http_address)) for _ in range(in_flight)]

        async def send(request: bytes) -> int:
            connection = idle.pop()
            async with asyncio.timeout(TIMEOUT_SECONDS):
                status, body = await connection.post(request)
            idle.append(connection)
            _check_answer(status, body)
            return batch

        clock = start_clock(task)
        await send_all(requests, send, clock=clock, in_flight=in_flight)
    return clock.read(in_flight=in_flight)


class _Connection:
    """One HTTP/1.1 connection that is kept open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def post(self, request: bytes) -> tuple[int, bytes]:
        """Sends a whole request; returns the status and the body of the answer."""
        self._writer.write(request)
        await self._writer.drain()
        head = await self._reader.readuntil(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if "transfer-encoding" in headers:
            raise WorkloadError("An answer in chunks is not expected here.")
        return int(status_line.split(" ")[1]), await self._reader.readexactly(int(headers.get("content-length", "0")))


@contextlib.asynccontextmanager
async def _connect(address: str) -> AsyncIterator[_Connection]:
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield _Connection(reader, writer)
    finally:
        writer.close()
        await writer.wait_closed()


def _make_request(host: str, path: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _check_answer(status: int, body: bytes) -> None:
    """Raises unless everything was taken: 200, 201 or 204, and no event of a batch failed."""
    if status not in (200, 201, 204):
        raise WorkloadError(f"HTTP {status}: {body[:500]!r}")
    summary = json.loads(body).get("summary", {}) if status == 200 and body else {}
    if summary.get("failed"):
        raise WorkloadError(f"Events of a batch failed: {body[:500]!r}")
