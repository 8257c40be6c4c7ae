"""Every metric that an alert or the dashboard asks for is one that a program tells, with the labels it is asked by."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from headwater import Client, HeadwaterError, Settings
from headwater_operator.app import running as running_operator
from headwater_operator.settings import parse_settings as operator_settings
from headwater_operator.webhook.app import running as running_webhook
from headwater_server.app import running as running_server
from headwater_server.config import parse_settings as server_settings

from ..emitter.emitters import EmitterProcess
from ..emitter.emitters import running as running_emitter
from ..operator.runtime.cluster import running_cluster
from ..operator.webhook import shapes
from ..operator.webhook.api_server import api_server
from ..operator.webhook.test_server import Tls
from .charts import CHART, only, pod_specs, rendered

NAME = re.compile(r"\b((?:headwater|process)_[a-z_]+)(\{[^}]*\})?")
BY_SCRAPE = {"namespace", "pod", "service"}
"""Labels that Prometheus puts there itself."""
Told = dict[str, set[str]]


def asked() -> Iterator[tuple[str, set[str], str]]:
    """Each metric that is asked for, the labels that it is chosen by, and where."""
    for group in yaml.safe_load((CHART / "files" / "alerts.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            yield from _in(rule["expr"], rule["alert"])
    dashboard = json.loads((CHART / "files" / "dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield from _in(target["expr"], panel["title"])


def _in(expression: str, where: str) -> Iterator[tuple[str, set[str], str]]:
    for name, selectors in NAME.findall(expression):
        yield name, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selectors)) - BY_SCRAPE, where


@pytest.fixture
async def told(database: str, tmp_path: Path) -> Told:
    """What the four programs tell: each sample's name, and its labels."""
    names: Told = {}
    address = "127.0.0.1:0"
    where = ["--dsn", database, "--grpc-address", address, "--http-address", address, "--metrics-address", address]
    tls = Tls(tmp_path)
    settings = server_settings(
        [*where, "--tls-certificate-file", str(tls.certificate), "--tls-key-file", str(tls.key)],
        {"HOME": str(tmp_path)},
    )
    async with running_server(settings) as server:
        await _use(str(server.grpc), str(server.http), tls)
        await _read(names, f"http://{server.metrics}/metrics")
    async with running_cluster() as cluster:
        options = ["--cluster", "c1", "--address", "127.0.0.1:1", "--spool-dir", str(tmp_path / "operator")]
        found = operator_settings([*options, "--http-address", address], {})
        async with running_operator(found, cluster.connect) as operator:
            await _read(names, f"http://{operator.http}/metrics")
    async with api_server() as api, running_webhook(tls.settings(), api.connect) as webhook:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls.context())) as session:
            body = shapes.review(shapes.pod("a"))
            await session.post(f"https://localhost:{webhook.https.port}/inject", data=body)
        await _read(names, f"http://{webhook.http}/metrics")
    async with running_emitter(EmitterProcess(tmp_path, "127.0.0.1:1")) as emitter:
        await emitter.post({"eventTime": "never"})
        await _read(names, f"http://{emitter.doors['health']}/metrics")
    return names


async def _use(grpc: str, http: str, tls: Tls) -> None:
    """Calls both doors, so that what is counted by call is there."""
    ca = tls.ca.cert_pem.bytes().decode()
    settings = Settings(address=grpc.replace("127.0.0.1", "localhost"), ca=ca)
    async with Client(settings=settings) as client:
        with contextlib.suppress(HeadwaterError):
            await client.write_event(b"{}")
        assert [each async for each in client.jobs()] == []
    async with httpx.AsyncClient(
        base_url=f"https://localhost:{http.rpartition(':')[2]}", verify=tls.context()
    ) as client:
        await client.post("/api/v1/lineage", content=b"{}", headers={"content-type": "application/json"})


async def _read(names: Told, url: str) -> None:
    async with httpx.AsyncClient() as client:
        text = (await client.get(url)).text
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            names.setdefault(sample.name, set()).update(sample.labels)


async def test_what_is_asked_for_is_told(told: Told) -> None:
    for name, labels, where in asked():
        assert name in told, f"{where} asks for {name}, which no program tells"
        assert labels <= told[name], f"{where} asks for {name} by {labels - told[name]}, which it does not have"


def test_the_chart_asks_where_the_programs_answer(program: str) -> None:
    objects = rendered(program, "--set", "metrics.serviceMonitor.enabled=true")
    pods = pod_specs(objects)
    for component in ("server", "operator", "webhook"):
        (container,) = pods[f"Deployment headwater-{component}"]["containers"]
        environment = {each["name"]: each.get("value", "") for each in container["env"]}
        variable = "HEADWATER_METRICS_ADDRESS" if component == "server" else "HEADWATER_HTTP_ADDRESS"
        (port,) = (each["containerPort"] for each in container["ports"] if each["name"] == "metrics")
        assert environment[variable] == f"0.0.0.0:{port}"
        service = only(objects, "Service", f"headwater-{component}-metrics")
        monitor = only(objects, "ServiceMonitor", f"headwater-{component}")
        assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
        assert [each["port"] for each in monitor["spec"]["endpoints"]] == ["metrics"]
        assert service["spec"]["ports"][0]["port"] == port
        (policy,) = (
            each
            for each in objects
            if each["kind"] == "NetworkPolicy" and each["metadata"]["name"] == f"headwater-{component}"
        )
        opened = {each["port"] for rule in policy["spec"]["ingress"] for each in rule["ports"]}
        assert port in opened


def test_a_monitor_chooses_one_service_only(program: str) -> None:
    objects = rendered(program, "--set", "metrics.serviceMonitor.enabled=true")
    for monitor in (each for each in objects if each["kind"] == "ServiceMonitor"):
        wanted: dict[str, Any] = monitor["spec"]["selector"]["matchLabels"]
        chosen = [
            each["metadata"]["name"]
            for each in objects
            if each["kind"] == "Service"
            and wanted.items() <= each["metadata"]["labels"].items()
            and any(port["name"] == "metrics" for port in each["spec"]["ports"])
        ]
        assert chosen == [f"{monitor['metadata']['name']}-metrics"]
