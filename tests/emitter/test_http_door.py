"""The emitter's HTTP door answers what the server's answers, to whatever is sent."""

from __future__ import annotations

import gzip
import json
from typing import Any

import httpx
from tests.conftest import RunningServer

from .emitters import EmitterProcess, running
from .events import an_event, runs_at

ONE, MANY = "/api/v1/lineage", "/api/v1/lineage/batch"
GZIP = {"content-encoding": "gzip"}
EVENT = json.dumps(an_event("0199a0f0-0000-7000-8000-000000000001")).encode()


async def told(url: str, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, Any]:
    """What a door answers: the status, and of an error the reason and field, of a batch what became of each."""
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        response = await client.request(method, path, content=body, headers=headers)
    if not response.content:
        return response.status_code, None
    found = response.json()
    if "error" in found:
        error = found["error"]
        return response.status_code, {name: error[name] for name in ("reason", "domain", "field", "message")}
    return response.status_code, found


CASES: dict[str, tuple[str, str, bytes, dict[str, str]]] = {
    "an event": ("POST", ONE, EVENT, {}),
    "a compressed event": ("POST", ONE, gzip.compress(EVENT), GZIP),
    "two gzip members": ("POST", ONE, gzip.compress(EVENT[:9]) + gzip.compress(EVENT[9:]), GZIP),
    "half a gzip": ("POST", ONE, gzip.compress(EVENT)[:-9], GZIP),
    "no gzip": ("POST", ONE, EVENT, GZIP),
    "an unknown encoding": ("POST", ONE, EVENT, {"content-encoding": "br"}),
    "a page of another site": ("POST", ONE, EVENT, {"sec-fetch-site": "cross-site"}),
    "nothing": ("POST", ONE, b"", {}),
    "half an object": ("POST", ONE, b"{", {}),
    "an array": ("POST", ONE, b"[]", {}),
    "a number": ("POST", ONE, b"17", {}),
    "no UTF-8": ("POST", ONE, b'{"a":"\xff"}', {}),
    "too deep": ("POST", ONE, b'{"a":' * 3000 + b"1" + b"}" * 3000, {}),
    "a batch": ("POST", MANY, b"[" + EVENT + b"," + EVENT + b"]", {}),
    "a compressed batch": ("POST", MANY, gzip.compress(b"[" + EVENT + b"]"), GZIP),
    "an empty batch": ("POST", MANY, b"[]", {}),
    "a batch with two that are none": ("POST", MANY, b"[" + EVENT + b",{nonsense},17]", {}),
    "an event where a batch is meant": ("POST", MANY, EVENT, {}),
    "half a batch": ("POST", MANY, b"[" + EVENT, {}),
    "a batch of too many": ("POST", MANY, b"[1" + b",1" * 10_000 + b"]", {}),
    "another method": ("PUT", ONE, EVENT, {}),
    "another path": ("POST", "/api/v2/lineage", EVENT, {}),
}


async def test_it_answers_as_the_server_does(lonely: EmitterProcess, server: RunningServer) -> None:
    expected = {name: await told(server.http_url, *case) for name, case in CASES.items()}
    assert {name: await told(lonely.http, *case) for name, case in CASES.items()} == expected


async def test_an_event_that_is_too_large_is_refused_with_its_size(server: RunningServer, make_emitter: Any) -> None:
    async with running(make_emitter("127.0.0.1:1", max_event_bytes=2000, max_request_bytes=5000)) as emitter:
        large = json.dumps(an_event(note={"x": "y" * 2000}))
        answer = await emitter.post(large)
        assert answer.status_code == 413
        error = answer.json()["error"]
        assert (error["reason"], error["field"], error["metadata"]["limit"]) == ("TOO_LARGE", "event", "2000")
        assert (await emitter.post(b"x" * 20_000)).json()["error"]["field"] == "body"
        assert (await emitter.post(gzip.compress(b"x" * 20_000), **GZIP)).json()["error"]["field"] == "body"


async def test_what_real_producers_write_is_taken_as_it_is(emitter: EmitterProcess, server: RunningServer) -> None:
    odd = an_event()
    odd["eventTime"] = "2026-11-23T12:00:00.123456789"
    odd["run"]["facets"] = {"stats": {"share": float("nan")}}
    assert (await emitter.post(json.dumps(odd))).status_code == 201
    await emitter.until(lambda found: found["delivered"] == 1)
    assert await runs_at(server.grpc_address) == [odd["run"]["runId"]]


async def test_what_only_the_server_understands_goes_on_and_becomes_a_dead_letter(emitter: EmitterProcess) -> None:
    assert (await emitter.post({"eventTime": "yesterday", "run": {"runId": "a"}})).status_code == 201
    assert (await emitter.post(an_event())).status_code == 201
    found = await emitter.until(lambda found: found["delivered"] == 1)
    assert (found["rejected"], found["dead_letters"], found["waiting"]) == (1, 1, 0)
