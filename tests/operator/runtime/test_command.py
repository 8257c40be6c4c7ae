"""The `headwater-operator` command, as a user types it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from ...server_process import RunningServer
from .cluster import Cluster, until
from .conftest import Told
from .stories import complete, declare, start_job

PROGRAM = Path(sys.executable).with_name("headwater-operator")


def kubeconfig(folder: Path, url: str) -> Path:
    """A file that says how a cluster is reached."""
    path = folder / "kubeconfig"
    parts = {"contexts": "context", "clusters": "cluster", "users": "user"}
    values = {"contexts": {"cluster": "it", "user": "it"}, "clusters": {"server": url}, "users": {}}
    found = {plural: [{"name": "it", one: values[plural]}] for plural, one in parts.items()}
    path.write_text(json.dumps({"current-context": "it", **found}))
    return path


@contextlib.asynccontextmanager
async def command(**environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`headwater-operator run` with variables of the environment."""
    process = await asyncio.create_subprocess_exec(
        PROGRAM, "run", env={"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", ""), **environment},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_it_watches_until_it_is_told_to_stop(
    cluster: Cluster, server: RunningServer, told: Told, tmp_path: Path
) -> None:
    settings = {
        "HEADWATER_CLUSTER": "c1", "HEADWATER_ADDRESS": server.grpc_address, "HEADWATER_SPOOL_DIR": f"{tmp_path}/spool",
        "HEADWATER_HTTP_ADDRESS": "127.0.0.1:0", "KUBECONFIG": str(kubeconfig(tmp_path, cluster.connect().server)),
    }  # fmt: skip
    await declare(cluster)
    await start_job(cluster, "clean")
    async with command(**settings) as process, aiohttp.ClientSession() as session:
        assert process.stdout is not None
        ready = (await process.stdout.readline()).decode()
        url = f"http://{ready.rpartition('http=')[2].strip()}"

        async def is_ready() -> bool:
            async with session.get(f"{url}/readyz") as answer:
                return answer.status == 200

        await until(is_ready)
        await told.run("clean", "STARTED")
        async with session.get(f"{url}/metrics") as answer:
            assert "headwater_operator_events_reported_total 1.0" in await answer.text()
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(15):
            assert await process.wait() == 0
    await cluster.change("Job", "clean", status=complete())
    async with command(**settings) as process:
        await told.run("clean", "SUCCEEDED")
        process.send_signal(signal.SIGKILL)


async def test_mistakes_are_told_in_one_go() -> None:
    async with command(HEADWATER_HTTP_ADDRESS="here") as process:
        _, errors = await process.communicate()
    assert process.returncode == 2
    assert "HEADWATER_CLUSTER: is not set" in errors.decode()
    assert "HEADWATER_HTTP_ADDRESS=here: is not of the form host:port" in errors.decode()


async def test_a_cluster_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    settings = {
        "HEADWATER_CLUSTER": "c1",
        "HEADWATER_SPOOL_DIR": str(tmp_path),
        "HEADWATER_HTTP_ADDRESS": "127.0.0.1:0",
    }
    async with command(**settings, KUBECONFIG=str(kubeconfig(tmp_path, "http://127.0.0.1:9"))) as process:
        _, errors = await process.communicate()
    assert process.returncode == 1
    assert "127.0.0.1" in errors.decode()
    assert "Traceback" not in errors.decode()
