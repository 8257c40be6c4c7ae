"""`headwater-operator webhook` as a process: it says where it is, answers, and ends on SIGTERM."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import aiohttp

from headwater_operator.watching import PIPELINES
from headwater_operator.webhook.cluster_cache import NAMESPACES

from . import shapes
from .api_server import api_server
from .test_explain import Shell
from .test_server import Tls

REQUIRED = {
    "HEADWATER_CLUSTER": "prod",
    "HEADWATER_ADDRESS": "headwater:4970",
    "HEADWATER_EMITTER_IMAGE": "headwater:1",
    "HEADWATER_HTTPS_ADDRESS": "127.0.0.1:0",
    "HEADWATER_HTTP_ADDRESS": "127.0.0.1:0",
}


async def start(**environment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "headwater_operator.cli", "webhook",
        env={**os.environ, **environment}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def test_it_answers_until_it_is_told_to_stop(tmp_path: Path) -> None:
    tls = Tls(tmp_path)
    files = {"HEADWATER_TLS_CERTIFICATE_FILE": str(tls.certificate), "HEADWATER_TLS_KEY_FILE": str(tls.key)}
    async with api_server() as api:
        await api.put(NAMESPACES, {"metadata": {"name": shapes.NAMESPACE, "labels": shapes.OPTED_IN}})
        await api.put(PIPELINES, shapes.pipeline_body())
        process = await start(**REQUIRED, **files, KUBECONFIG=str(Shell(api, tmp_path).config))
        assert process.stdout is not None
        ready = (await process.stdout.readline()).decode()
        assert ready.startswith("headwater-operator webhook ready https=127.0.0.1:")
        _, https, http = ready.strip().rsplit(maxsplit=2)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls.context())) as session:
            while True:
                async with session.get(f"http://{http.removeprefix('http=')}/readyz") as answer:
                    if answer.status == 200:
                        break
                await asyncio.sleep(0.02)
            url = f"https://localhost:{https.rpartition(':')[2]}/inject"
            async with session.post(url, data=shapes.review(shapes.pod("one"))) as answer:
                assert shapes.operations(await answer.read())
        process.terminate()
        await process.communicate()
        assert process.returncode == 0


async def test_what_is_missing_is_told_at_once(tmp_path: Path) -> None:
    process = await start()
    _, err = await process.communicate()
    assert process.returncode == 2
    for name in ("--cluster", "--address", "--emitter-image", "--tls-certificate-file", "--tls-key-file"):
        assert f"{name} or HEADWATER_" in err.decode()
    missing = {f"HEADWATER_TLS_{name}_FILE": str(tmp_path / name) for name in ("CERTIFICATE", "KEY")}
    process = await start(**REQUIRED, **missing)
    _, err = await process.communicate()
    assert process.returncode == 1
    assert "CERTIFICATE: cannot be read" in err.decode()
    assert "Traceback" not in err.decode()
