"""The whole webhook: an API server asks over TLS, with what it was told by list and watch."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import jsonpatch
import pytest
import trustme

from headwater_operator.kinds import ADAPTERS
from headwater_operator.rbac import OWNERS
from headwater_operator.watching import PIPELINES
from headwater_operator.webhook.app import Webhook, running
from headwater_operator.webhook.cluster_cache import NAMESPACES

from . import shapes
from .api_server import ApiServer, api_server

KINDS = {each.resource.kind: each.resource for each in ADAPTERS} | {each.kind: each for each in OWNERS}
JOB = ("batch/v1", "Job", "load-1")


@pytest.fixture
async def api() -> AsyncIterator[ApiServer]:
    async with api_server() as found:
        namespace = {"metadata": {"name": shapes.NAMESPACE, "labels": shapes.OPTED_IN}}
        await found.put(NAMESPACES, namespace)
        await found.put(PIPELINES, shapes.pipeline_body())
        yield found


class Tls:
    """The webhook's certificate files, and the CA that the API server trusts."""

    def __init__(self, folder: Path) -> None:
        self.ca = trustme.CA()
        self.certificate, self.key = folder / "tls.crt", folder / "tls.key"
        self.renew()

    def renew(self) -> None:
        """Writes another certificate."""
        issued = self.ca.issue_cert("localhost")
        self.key.write_bytes(issued.private_key_pem.bytes())
        self.certificate.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))

    def context(self) -> ssl.SSLContext:
        """What the API server checks the certificate with."""
        found = ssl.create_default_context()
        self.ca.configure_trust(found)
        return found


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    return Tls(tmp_path)


@pytest.fixture
async def webhook(api: ApiServer, tls: Tls) -> AsyncIterator[Webhook]:
    given = {
        "tls_certificate_file": str(tls.certificate),
        "tls_key_file": str(tls.key),
        "https_address": "127.0.0.1:0",
        "http_address": "127.0.0.1:0",
    }
    async with running(shapes.settings(**given), api.connect) as found:
        await until(lambda: found.cache.unready() == "")
        yield found


@pytest.fixture
async def session(tls: Tls) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls.context())) as found:
        yield found


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.01)


async def ask(session: aiohttp.ClientSession, webhook: Webhook, body: bytes) -> bytes:
    async with session.post(f"https://localhost:{webhook.https.port}/inject", data=body) as answer:
        assert answer.status == 200
        return await answer.read()


async def test_the_pod_of_a_job_gets_the_emitter(
    api: ApiServer, webhook: Webhook, session: aiohttp.ClientSession
) -> None:
    await api.put(KINDS["Job"], {"metadata": shapes.metadata("load-1")})
    await until(lambda: webhook.cache.sizes()["owners"] == 1)
    pod = shapes.pod("load-1-x", owner=JOB)
    found = jsonpatch.apply_patch(pod, shapes.operations(await ask(session, webhook, shapes.review(pod))))
    emitter = found["spec"]["initContainers"][-1]
    assert emitter["name"] == "headwater-emitter"
    assert emitter["restartPolicy"] == "Always"
    environment = {each["name"]: each.get("value") for each in found["spec"]["containers"][0]["env"]}
    assert environment["OPENLINEAGE_PARENT_ID"] == f"k8s://prod/ml/load-1/{shapes.uid('load-1')}"
    assert json.loads(environment["OPENLINEAGE_CONTEXT"])["parent"]["job"]["name"] == "load-1"
    assert api.writes == []
