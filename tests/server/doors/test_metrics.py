"""What Prometheus reads of a server: who may, where, and what it finds."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from headwater_server.app import running
from headwater_server.config import parse_settings
from headwater_server.storage.migrate import head


def arguments(database: str, *more: str) -> list[str]:
    return [
        *("--dsn", database, "--grpc-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0"),
        *("--metrics-address", "127.0.0.1:0", *more),
    ]


async def samples(address: object) -> dict[str, float]:
    """Every sample by its name and labels."""
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://{address}/metrics")
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.text)
    return {
        each.name + "".join(f" {value}" for _, value in sorted(each.labels.items())): each.value
        for family in families
        for each in family.samples
    }


async def test_events_are_counted_by_door_and_outcome(database: str, tmp_path: Path) -> None:
    event = b'{"eventTime":"2026-11-01T00:00:00Z","eventType":"START","producer":"urn:test","schemaURL":"urn:schema",'
    event += b'"run":{"runId":"01980000-0000-7000-8000-000000000001"},"job":{"namespace":"n","name":"j"}}'
    async with running(parse_settings(arguments(database), {"HOME": str(tmp_path)})) as addresses:
        async with httpx.AsyncClient(base_url=f"http://{addresses.http}") as http:
            json = {"content-type": "application/json"}
            for body, status in ((event, 201), (event, 201), (b"{}", 400)):
                answer = await http.post("/api/v1/lineage", content=body, headers=json)
                assert answer.status_code == status, answer.text
        found = await samples(addresses.metrics)
    for outcome in ("accepted", "duplicate", "rejected"):
        assert found[f"headwater_events_total http {outcome}"] == 1
        assert found[f"headwater_events_total grpc {outcome}"] == 0


async def test_it_is_told_how_the_store_stands(database: str, tmp_path: Path) -> None:
    async with running(parse_settings(arguments(database), {"HOME": str(tmp_path)})) as addresses:
        async with asyncio.timeout(30):
            while "headwater_partitions_kept_timestamp_seconds" not in (found := await samples(addresses.metrics)):
                await asyncio.sleep(0.02)
    assert found["headwater_ready"] == 1
    assert found["headwater_database_reachable"] == 1
    assert found[f"headwater_schema_info {head()} {head()}"] == 1
    assert found["headwater_database_connections_limit reading"] == 8
    assert (
        found["headwater_database_connections writing idle"] + found["headwater_database_connections writing used"] > 0
    )
    assert found["headwater_events_in_flight"] == 0
    assert found["headwater_events_in_flight_limit"] == 20_000


async def test_a_store_that_is_away_is_told(tmp_path: Path) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    async with running(parse_settings(arguments(nowhere), {"HOME": str(tmp_path)})) as addresses:
        found = await samples(addresses.metrics)
        async with httpx.AsyncClient(base_url=f"http://{addresses.metrics}") as client:
            assert (await client.get("/healthz")).status_code == 200
            assert (await client.get("/readyz")).status_code == 503
    assert found["headwater_ready"] == found["headwater_database_reachable"] == 0


@pytest.mark.parametrize("path", ["/api/v1/lineage", "/api/v1/search?q=x", "/api/v1/rpc/CatalogService/ListNamespaces"])
async def test_it_answers_nothing_else(database: str, tmp_path: Path, path: str) -> None:
    async with (
        running(parse_settings(arguments(database), {"HOME": str(tmp_path)})) as addresses,
        httpx.AsyncClient(base_url=f"http://{addresses.metrics}") as client,
    ):
        assert (await client.get(path)).status_code == 404


async def test_there_is_none_unless_it_is_asked_for(database: str, tmp_path: Path) -> None:
    asked = [*arguments(database)[:6]]
    async with running(parse_settings(asked, {"HOME": str(tmp_path)})) as addresses:
        assert addresses.metrics is None
