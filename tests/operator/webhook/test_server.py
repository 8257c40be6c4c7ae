"""The whole webhook: an API server asks over TLS, with what it was told by list and watch."""

from __future__ import annotations

import asyncio
import io
import json
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import jsonpatch
import pytest
import trustme

from headwater_operator.kinds import ADAPTERS
from headwater_operator.kinds.adapter import Resource
from headwater_operator.rbac import OWNERS
from headwater_operator.watching import PIPELINES
from headwater_operator.webhook.app import Webhook, running
from headwater_operator.webhook.cluster_cache import NAMESPACES
from headwater_operator.webhook.settings import Settings

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

    def settings(self, **given: str) -> Settings:
        """Settings with these files, and addresses that the system chooses."""
        files = {"tls_certificate_file": str(self.certificate), "tls_key_file": str(self.key)}
        return shapes.settings(**files, https_address="127.0.0.1:0", http_address="127.0.0.1:0", **given)

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
    async with running(tls.settings(), api.connect) as found:
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
    async with session.post(f"https://localhost:{webhook.https.port}/inject", data=io.BytesIO(body)) as answer:
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


async def test_the_cronjob_of_a_job_may_be_what_is_selected(
    api: ApiServer, webhook: Webhook, session: aiohttp.ClientSession
) -> None:
    selector = {"kinds": ["CronJob"], "names": ["nightly"]}
    await api.put(PIPELINES, shapes.pipeline_body(selector=selector, injection={"enabled": True, "labels": ["team"]}))
    await until(lambda: webhook.cache.view.coverage.all()[0].spec.selector.names == ("nightly",))
    pod = shapes.pod("load-1-x", owner=JOB, labels={"team": "fraud"})
    asking = asyncio.create_task(ask(session, webhook, shapes.review(pod)))
    await api.put(KINDS["CronJob"], {"metadata": shapes.metadata("nightly")})
    await api.put(KINDS["Job"], {"metadata": shapes.metadata("load-1", ("batch/v1", "CronJob", "nightly"))})
    await asking
    await until(lambda: webhook.cache.sizes()["owners"] == 2)
    answer = await ask(session, webhook, shapes.review(pod))
    assert f"k8s://prod/ml/nightly/{shapes.uid('load-1')}" in str(shapes.operations(answer))


async def test_what_changes_in_the_cluster_holds_for_the_next_pod(
    api: ApiServer, webhook: Webhook, session: aiohttp.ClientSession
) -> None:
    pod = shapes.pod("one")
    assert shapes.operations(await ask(session, webhook, shapes.review(pod)))
    await api.put(NAMESPACES, {"metadata": {"name": shapes.NAMESPACE, "labels": {}}})
    await until(lambda: not webhook.cache.view.namespaces[shapes.NAMESPACE])
    assert not shapes.operations(await ask(session, webhook, shapes.review(pod)))
    await api.put(NAMESPACES, {"metadata": {"name": shapes.NAMESPACE, "labels": shapes.OPTED_IN}})
    await api.delete(PIPELINES, "churn", shapes.NAMESPACE)
    await until(lambda: not webhook.cache.view.coverage.all() and bool(webhook.cache.view.namespaces["ml"]))
    assert not shapes.operations(await ask(session, webhook, shapes.review(pod)))


async def test_a_cut_watch_goes_on_where_it_was(api: ApiServer, webhook: Webhook) -> None:
    lists = len(api.lists)
    await api.cut()
    await api.put(KINDS["Job"], {"metadata": shapes.metadata("load-1")})
    await until(lambda: webhook.cache.sizes()["owners"] == 1)
    assert len(api.lists) == lists


async def test_a_renewed_token_is_used_and_nothing_is_forgotten(api: ApiServer, webhook: Webhook) -> None:
    lists = len(api.lists)
    api.token = "second"
    await api.cut()
    await api.put(KINDS["Job"], {"metadata": shapes.metadata("load-1")})
    await until(lambda: webhook.cache.sizes()["owners"] == 1)
    assert len(webhook.cache.view.coverage.all()) == 1
    assert len(api.lists) == lists


async def test_what_was_missed_is_listed_anew(api: ApiServer, webhook: Webhook) -> None:
    await api.put(KINDS["Job"], {"metadata": shapes.metadata("gone")})
    await api.put(KINDS["Job"], {"metadata": shapes.metadata("stays")})
    await until(lambda: webhook.cache.sizes()["owners"] == 2)
    api.is_silent = True
    await api.delete(KINDS["Job"], "gone", shapes.NAMESPACE)
    await api.put(PIPELINES, shapes.pipeline_body("new"))
    await api.delete(PIPELINES, "churn", shapes.NAMESPACE)
    await api.forget()
    await until(lambda: webhook.cache.sizes()["owners"] == 1)
    await until(lambda: [each.name for each in webhook.cache.view.coverage.all()] == ["new"])
    assert api.lists.count("jobs") == 2


async def test_an_object_without_meaning_stops_nothing_for_good(api: ApiServer, webhook: Webhook) -> None:
    await api.put(KINDS["Job"], {"metadata": {"name": "odd", "namespace": shapes.NAMESPACE}})
    await until(lambda: "uid" in webhook.cache.problems()["Job.batch"])
    await api.delete(KINDS["Job"], "odd", shapes.NAMESPACE)
    await api.put(KINDS["Job"], {"metadata": shapes.metadata("load-1")})
    await until(lambda: webhook.cache.sizes()["owners"] == 1)


async def test_a_kind_of_a_rule_is_followed_too(
    api: ApiServer, webhook: Webhook, session: aiohttp.ClientSession
) -> None:
    rule = {"group": "example.com", "version": "v1", "kind": "Training", "plural": "trainings"}
    rule |= {"started": "status.started", "succeeded": "status.done"}
    training = Resource("example.com", "v1", "trainings", "Training")
    await api.put(training, {"metadata": shapes.metadata("fit-x7k2p", generateName="fit-")})
    await api.put(PIPELINES, shapes.pipeline_body(rules=[rule]))
    await until(lambda: webhook.cache.sizes()["owners"] == 1)
    pod = shapes.pod("fit-0", owner=("example.com/v1", "Training", "fit-x7k2p"))
    answer = await ask(session, webhook, shapes.review(pod))
    assert f"k8s://prod/ml/fit/{shapes.uid('fit-x7k2p')}" in str(shapes.operations(answer))


async def test_it_is_ready_once_it_knows_the_cluster(tls: Tls) -> None:
    async with api_server() as api:
        api.missing = {"trainjobs", "workflows"}
        api.forbidden = {"namespaces"}
        async with running(tls.settings(), api.connect) as found, aiohttp.ClientSession() as session:
            await until(lambda: found.cache.unready().startswith("Namespace"))
            await until(lambda: found.cache.sizes()["owners"] == 0 and "jobs" in api.watches)
            async with session.get(f"http://{found.http}/readyz") as answer:
                assert answer.status == 503
                assert "Namespace" in await answer.text()
            async with session.get(f"http://{found.http}/healthz") as answer:
                assert answer.status == 200


async def test_what_is_counted_can_be_read(webhook: Webhook, session: aiohttp.ClientSession) -> None:
    await ask(session, webhook, shapes.review(shapes.pod("one")))
    async with session.get(f"http://{webhook.http}/metrics") as answer:
        text = await answer.text()
    assert 'headwater_webhook_reviews_total{outcome="injected"} 1.0' in text
    assert "headwater_webhook_review_seconds_bucket" in text
    assert 'headwater_webhook_known_objects{kind="pipelines"} 1.0' in text
    async with session.get(f"http://{webhook.http}/readyz") as answer:
        assert answer.status == 200


async def test_a_renewed_certificate_is_shown_and_no_request_is_dropped(
    webhook: Webhook, session: aiohttp.ClientSession, tls: Tls
) -> None:
    body = shapes.review(shapes.pod("one"))
    before = await shown(webhook, tls)
    answered = 0

    async def keep_asking() -> None:
        nonlocal answered
        while True:
            await ask(session, webhook, body)
            answered += 1

    asking = [asyncio.create_task(keep_asking()) for _ in range(4)]
    await until(lambda: answered > 8)
    tls.key.write_bytes(b"half")
    assert await shown(webhook, tls) == before
    tls.renew()
    assert await shown(webhook, tls) != before
    so_far = answered
    await until(lambda: answered > so_far + 8)
    for task in asking:
        assert not task.done()
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)


async def shown(webhook: Webhook, tls: Tls) -> bytes:
    """The certificate that a new connection is shown."""
    _, writer = await asyncio.open_connection("localhost", webhook.https.port, ssl=tls.context())
    found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    assert isinstance(found, bytes)
    return found


async def test_large_pods_are_answered_and_only_what_is_no_review_is_refused(
    webhook: Webhook, session: aiohttp.ClientSession
) -> None:
    pod = shapes.pod("one", annotations={"note": "x" * 5 * 2**20})
    assert shapes.operations(await ask(session, webhook, shapes.review(pod)))
    for body, status in ((b"what", 400), (b"x" * (8 * 2**20 + 1), 413)):
        async with session.post(f"https://localhost:{webhook.https.port}/inject", data=io.BytesIO(body)) as answer:
            assert answer.status == status
