"""The emitter as a process, as it runs in a pod or beside a legacy host."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

READY_SECONDS = 30


@dataclass
class EmitterProcess:
    """An emitter that can be started, asked, stopped and killed. `environment` holds its settings."""

    folder: Path
    server: str
    environment: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ("run", "--stay")
    preexec: Callable[[], None] | None = None
    process: asyncio.subprocess.Process | None = None
    doors: dict[str, str] = field(default_factory=dict)

    @property
    def http(self) -> str:
        """The URL of its OpenLineage door."""
        return f"http://{self.doors['http']}"

    @property
    def grpc(self) -> str:
        """The target of its gRPC door."""
        return self.doors["grpc"]

    @property
    def spool_dir(self) -> Path:
        """Where its spool is."""
        return Path(self.environment.get("HEADWATER_SPOOL_DIR", self.folder / "spool"))

    @property
    def termination_log(self) -> Path:
        """Where it writes what it leaves behind."""
        return self.folder / "termination-log"

    async def start(self) -> EmitterProcess:
        """Starts it; returns when it says that it is ready."""
        loopback = {f"HEADWATER_{door}_ADDRESS": "127.0.0.1:0" for door in ("HTTP", "GRPC", "HEALTH")}
        settings = {
            "HEADWATER_ADDRESS": self.server,
            "HEADWATER_SPOOL_DIR": str(self.spool_dir),
            "HEADWATER_TERMINATION_LOG": str(self.termination_log),
            "HEADWATER_DRAIN_SECONDS": "3",
            **loopback,
            **self.environment,
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HEADWATER_", "OPENLINEAGE"))}
        with (self.folder / "emitter.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "headwater_emitter.entry", *self.arguments),
                env={**kept, **settings},
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                preexec_fn=self.preexec,
            )
        assert self.process.stdout is not None
        async with asyncio.timeout(READY_SECONDS):
            line = (await self.process.stdout.readline()).decode()
        assert line.startswith("headwater-emitter ready"), self.log
        self.doors = dict(word.split("=", 1) for word in line.split()[2:])
        return self

    @property
    def log(self) -> str:
        """What it logged."""
        return (self.folder / "emitter.log").read_text()

    async def stop(self) -> int:
        """Ends it in order; its exit status."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.terminate()
        async with asyncio.timeout(60):
            return await self.process.wait()

    async def kill(self) -> None:
        """Ends it as `kill -9` does."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def status(self) -> dict[str, Any]:
        """What /healthz answers."""
        return await asyncio.to_thread(_get_json, f"http://{self.doors['health']}/healthz")

    async def until(self, holds: Callable[[dict[str, Any]], bool], seconds: float = 60) -> dict[str, Any]:
        """Waits until something holds of what /healthz answers."""
        async with asyncio.timeout(seconds):
            while not holds(found := await self.status()):
                await asyncio.sleep(0.05)
        return found

    async def post(
        self, body: bytes | str | dict[str, Any] | list[Any], path: str = "", **headers: str
    ) -> httpx.Response:
        """Sends OpenLineage over HTTP."""
        content = json.dumps(body) if isinstance(body, dict | list) else body
        async with httpx.AsyncClient(timeout=30) as client:
            return await client.post(f"{self.http}/api/v1/lineage{path}", content=content, headers=headers)


def _get_json(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


@asynccontextmanager
async def running(emitter: EmitterProcess) -> AsyncIterator[EmitterProcess]:
    """An emitter that runs inside of the block."""
    try:
        yield await emitter.start()
    finally:
        if emitter.process is not None and emitter.process.returncode is None:
            emitter.process.kill()
            await emitter.process.wait()
