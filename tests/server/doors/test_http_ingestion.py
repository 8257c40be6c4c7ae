"""OpenLineage over HTTP, as its clients see it."""

from __future__ import annotations

import gzip
import os
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from headwater_server.domain import errors
from headwater_server.storage.database import Database
from headwater_server.storage.kept_bodies import KeptBody, read_bodies
from headwater_server.usecases.ingest import Ingestion

MakeEvent = Callable[..., bytes]
LINEAGE, BATCH = "/api/v1/lineage", "/api/v1/lineage/batch"
GZIP = {"content-encoding": "gzip"}


def error_of(response: httpx.Response) -> dict[str, Any]:
    error: dict[str, Any] = response.json()["error"]
    assert error["domain"] == "headwater.dev"
    assert error["message"]
    return error


async def test_an_event_is_accepted_and_so_is_its_repetition(http: httpx.AsyncClient, event: MakeEvent) -> None:
    body = event()
    for _ in range(2):
        response = await http.post(LINEAGE, content=body)
        assert (response.status_code, response.content) == (201, b"")


async def test_an_event_is_the_same_whether_it_is_compressed_or_not(
    http: httpx.AsyncClient, database: str, event: MakeEvent
) -> None:
    body = event(producer="https://example.org/?x=" + "y" * 100_000)
    assert (await http.post(LINEAGE, content=gzip.compress(body), headers=GZIP)).status_code == 201
    members = gzip.compress(body[:50]) + gzip.compress(b"") + gzip.compress(body[50:])
    assert (await http.post(LINEAGE, content=members, headers=GZIP)).status_code == 201
    assert await bodies_in(database) == [body]


async def bodies_in(database: str) -> list[bytes]:
    store = await Database.open(database, max_connections=1)
    try:
        async with store.reading(30) as connection:
            rows = await connection.fetch("SELECT subject, event_time, body FROM events ORDER BY received")
            return await read_bodies(connection, [KeptBody(*row) for row in rows])
    finally:
        await store.close()


async def test_a_body_may_come_in_pieces_of_unknown_number(http: httpx.AsyncClient, event: MakeEvent) -> None:
    body = event()

    async def pieces() -> AsyncIterator[bytes]:
        for index in range(0, len(body), 10):
            yield body[index : index + 10]

    assert (await http.post(LINEAGE, content=pieces())).status_code == 201


async def test_a_batch_is_written_byte_for_byte(http: httpx.AsyncClient, database: str, event: MakeEvent) -> None:
    bodies = [event(run) for run in ("one", "two")]
    odd = bodies[1].replace(b'":', b'" : \n')
    response = await http.post(BATCH, content=b"[ %b ,\n%b]" % (bodies[0], odd))
    assert (response.status_code, response.content) == (204, b"")
    assert sorted(await bodies_in(database)) == sorted([bodies[0], odd])


async def test_a_batch_says_which_events_it_rejected_and_why(http: httpx.AsyncClient, event: MakeEvent) -> None:
    bad = [b'{"a":NaN}', b"{}", b'"\x01"', b"[" * 5000 + b"]" * 5000, b'{"eventTime":"\xff"}']
    response = await http.post(BATCH, content=b"[%b]" % b",".join([event(), *bad, event()]))
    assert response.status_code == 200
    answer = response.json()
    assert answer["status"] == "partial_success"
    assert answer["summary"] == {"received": 7, "successful": 2, "failed": 5, "retriable": 0, "non_retriable": 5}
    assert [failed["index"] for failed in answer["failed_events"]] == [1, 2, 3, 4, 5]
    assert answer["failed_events"][1]["reason"].startswith("INVALID_EVENT: eventTime is missing")
    assert not any(failed["retriable"] for failed in answer["failed_events"])


async def test_an_empty_batch_is_nothing(http: httpx.AsyncClient) -> None:
    assert (await http.post(BATCH, content=b" [] ")).status_code == 204


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{}", id="an object"),
        pytest.param(b"[1", id="no end"),
        pytest.param(b"[1] [2]", id="two arrays"),
        pytest.param(b'["a]', id="a string without end"),
        pytest.param(b"\xff\xfe", id="no UTF-8"),
        pytest.param(b"[" * 100_000, id="deep and without end"),
    ],
)
async def test_a_batch_that_is_no_array_is_refused_whole(http: httpx.AsyncClient, body: bytes) -> None:
    response = await http.post(BATCH, content=body)
    assert (response.status_code, error_of(response)["reason"]) == (400, "INVALID_FIELD")


async def test_a_batch_of_too_many_events_is_refused(http: httpx.AsyncClient) -> None:
    response = await http.post(BATCH, content=b"[%b]" % b",".join([b"{}"] * 10_001))
    assert response.status_code == 413
    assert error_of(response)["metadata"] == {"field": "body", "size": "10001", "limit": "10000", "unit": "events"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        pytest.param(b"", "event", id="nothing"),
        pytest.param(b"{", "event", id="no JSON"),
        pytest.param(b"[]", "event", id="no object"),
        pytest.param(b"null", "event", id="null"),
        pytest.param(b'{"a":"\xff\xfe"}', "event", id="no UTF-8"),
        pytest.param(b"\xef\xbb\xbf{}", "event", id="a byte order mark"),
        pytest.param(b'{"a":"\x00"}', "event", id="a raw NUL"),
        pytest.param(b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "event", id="deep nesting"),
        pytest.param(b"{}", "eventTime", id="nothing in it"),
        pytest.param(b'{"eventTime":7}', "eventTime", id="a number for a time"),
        pytest.param(b'{"eventTime":"2026-01-01T00:00:00Z","run":[]}', "run", id="an array for a run"),
    ],
)
async def test_an_event_without_meaning_is_refused_with_its_field(
    http: httpx.AsyncClient, body: bytes, field: str
) -> None:
    response = await http.post(LINEAGE, content=body)
    assert response.status_code == 400
    error = error_of(response)
    assert (error["reason"], error["field"]) == ("INVALID_EVENT", field)


@pytest.mark.parametrize("name", ["job\\u0000", "\\ud800"])
async def test_a_name_that_no_store_can_hold_is_refused(http: httpx.AsyncClient, event: MakeEvent, name: str) -> None:
    body = event().replace(b'"train"', b'"%b"' % name.encode())
    response = await http.post(LINEAGE, content=body)
    assert (response.status_code, error_of(response)["reason"]) == (400, "INVALID_EVENT")


async def test_an_event_that_is_too_large_is_refused(http: httpx.AsyncClient, event: MakeEvent) -> None:
    response = await http.post(LINEAGE, content=event(producer="x" * (9 << 20)))
    assert (response.status_code, error_of(response)["reason"]) == (413, "TOO_LARGE")


async def test_a_client_that_sends_all_of_a_body_that_is_too_large_hears_so(http: httpx.AsyncClient) -> None:
    for size in ((64 << 20) + 1, 100 << 20):
        response = await http.post(BATCH, content=b" " * size)
        assert (response.status_code, error_of(response)["reason"]) == (413, "TOO_LARGE")


async def test_a_body_that_becomes_huge_is_given_up_early(http: httpx.AsyncClient) -> None:
    bomb = gzip.compress(b"[" + b" " * (1 << 20)) + gzip.compress(b" " * (64 << 20)) * 15
    assert len(bomb) < 2 << 20
    response = await http.post(BATCH, content=bomb, headers=GZIP)
    assert (response.status_code, error_of(response)["reason"]) == (413, "TOO_LARGE")


async def test_a_body_that_is_too_large_is_given_up_while_it_comes(http: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * (1 << 20)

    try:
        response = await http.post(BATCH, content=endless())
    except (httpx.WriteError, httpx.ReadError):
        return  # the server hung up before this client looked for its answer
    assert response.status_code == 413


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        pytest.param(b"{}", "br", 415, id="unknown"),
        pytest.param(b"{}", "gzip, gzip", 415, id="twice"),
        pytest.param(b"{}", "gzip", 400, id="no gzip"),
        pytest.param(gzip.compress(os.urandom(99))[:50], "gzip", 400, id="half of a gzip"),
        pytest.param(gzip.compress(b"{}") + b"x", "gzip", 400, id="more than a gzip"),
        pytest.param(b"", "gzip", 400, id="nothing at all"),
    ],
)
async def test_a_body_that_cannot_be_decompressed_is_refused(
    http: httpx.AsyncClient, body: bytes, encoding: str, status: int
) -> None:
    response = await http.post(LINEAGE, content=body, headers={"content-encoding": encoding})
    assert response.status_code == status
    assert error_of(response)["reason"] in ("INVALID_FIELD", "INVALID_EVENT")


async def test_back_pressure_is_told_in_the_way_that_clients_try_again_after(
    http: httpx.AsyncClient, event: MakeEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise errors.Overloaded("events", 2, 1, 1.5)

    monkeypatch.setattr(Ingestion, "write", refuse)
    response = await http.post(LINEAGE, content=event())
    assert (response.status_code, response.headers["retry-after"]) == (503, "2")
    assert error_of(response)["reason"] == "OVERLOADED"


async def test_a_failure_that_nobody_expected_is_told_by_an_id_and_logged(
    http: httpx.AsyncClient, event: MakeEvent, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("secret of the driver")

    monkeypatch.setattr(Ingestion, "write", fail)
    response = await http.post(LINEAGE, content=event())
    assert (response.status_code, error_of(response)["reason"]) == (500, "INTERNAL")
    assert "secret" not in response.text
    assert error_of(response)["metadata"]["error_id"] in caplog.text


async def test_what_is_not_served_is_told_in_the_same_form(http: httpx.AsyncClient) -> None:
    assert error_of(await http.get("/nowhere"))["reason"] == "NOT_FOUND"
    response = await http.delete(LINEAGE)
    assert response.status_code == 405
    assert error_of(response)["field"] == "method"
    assert response.headers["allow"]


async def test_a_page_of_another_site_cannot_write(http: httpx.AsyncClient, event: MakeEvent) -> None:
    for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 201), ("none", 201)):
        response = await http.post(LINEAGE, content=event(), headers={"sec-fetch-site": site})
        assert response.status_code == status


async def test_a_header_does_not_make_another_sender(http: httpx.AsyncClient) -> None:
    await http.post(LINEAGE, content=b"{}", headers={"x-forwarded-for": "10.9.8.7"})
    answer = await http.post("/api/v1/rpc/IngestService/ListRejectedEvents", content=b"{}")
    assert answer.json()["rejectedEvents"][0]["sender"] == "127.0.0.1"


async def test_the_schemas_of_headwaters_own_facets_are_published(http: httpx.AsyncClient) -> None:
    response = await http.get("/facets/1-0-0/ModelDatasetFacet.json")
    assert response.json()["$id"].endswith("/facets/1-0-0/ModelDatasetFacet.json")
    for name in ("NoFacet.json", "..%2fnames.py", "%2e%2e/names.py"):
        assert (await http.get(f"/facets/1-0-0/{name}")).status_code == 404
