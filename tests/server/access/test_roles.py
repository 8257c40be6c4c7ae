"""What each role may do, and what a call that is not let in learns: nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tests.server.doors.answers import details_of, facts

from headwater import Client, Settings
from headwater.v1 import catalog_service_pb2, ingest_service_pb2, lineage_service_pb2, pipeline_service_pb2
from headwater.v1.ingest_service_pb2_grpc import IngestServiceStub
from headwater_server.access.token_hashes import create_token
from headwater_server.api import ingest
from headwater_server.api.event_stream import EventStream
from headwater_server.domain.callers import Role, RoleBinding, RoleBindings
from headwater_server.domain.errors import ShuttingDown
from headwater_server.domain.permissions import PERMISSIONS

from .conftest import Serving
from .doors import Doors, bearer, event, headers, reason_of, refusal_of_call
from .issuer import Issuer

CONTRACT = (catalog_service_pb2, ingest_service_pb2, lineage_service_pb2, pipeline_service_pb2)
OPERATOR = "system:serviceaccount:headwater:headwater-operator"
UNKNOWN = "namespaces/a/datasets/unknown"


def test_every_method_of_the_contract_is_in_the_table_and_no_other() -> None:
    proto = Path(__file__).parents[3] / "proto" / "headwater" / "v1"
    assert len(CONTRACT) == len(list(proto.glob("*_service.proto")))
    methods = {
        f"{service.name}/{method.name}"
        for module in CONTRACT
        for service in module.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }
    assert methods == set(PERMISSIONS)


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (Role.EMITTER, {"send"}),
        (Role.READER, {"ask", "metrics"}),
        (Role.OPERATOR, {"send", "ask", "metrics", "declare"}),
        (Role.ADMIN, {"send", "ask", "metrics", "declare", "delete"}),
    ],
)
async def test_a_role_may_do_what_it_is_for_and_nothing_else(
    serving: Serving, tmp_path: Path, role: Role, allowed: set[str]
) -> None:
    file = tmp_path / "hashes"
    token, _ = create_token(file, "somebody", role)
    async with serving("--token-hashes-file", str(file)) as doors:
        answers = {
            "send": await doors.send(token),
            "ask": await doors.ask(token),
            "declare": await doors.declare(token),
            "delete": await doors.delete(token),
        }
        metrics = await doors.http.get("/metrics", headers=headers(token))
    refused = {act for act, answer in answers.items() if answer and answer.reason == "PERMISSION_DENIED"}
    assert refused | ({"metrics"} if metrics.status_code == 403 else set()) == {*answers, "metrics"} - allowed
    assert {answer.metadata["caller"] for act in refused if (answer := answers[act])} <= {"token:somebody"}


async def test_any_service_account_is_an_emitter_and_a_bound_one_is_more(doors: Doors, issuer: Issuer) -> None:
    assert await doors.send(issuer.token()) is None
    assert reason_of(await doors.ask(issuer.token())) == "PERMISSION_DENIED"
    operator = issuer.token(OPERATOR)
    assert await doors.ask(operator) is None
    assert reason_of(await doors.declare(operator)) == "INVALID_FIELD"
    assert (refusal := await doors.delete(operator))
    assert refusal.metadata["roles"] == "admin"


async def test_service_accounts_have_the_role_that_the_file_says(
    serving: Serving, issuer: Issuer, access_file: Path
) -> None:
    written = access_file.read_text()
    for role, reason in (("nobody", "PERMISSION_DENIED"), ("operator", None)):
        access_file.write_text(written.replace("token_file", f'service_accounts = "{role}"\ntoken_file'))
        async with serving("--access-file", str(access_file)) as doors:
            assert reason_of(await doors.send(issuer.token())) == reason


def test_a_binding_fits_by_pattern_and_case() -> None:
    bindings = RoleBindings([RoleBinding(Role.READER, ("prod:*@example.com", "token:ci-?"))])
    fitting = ["prod:ann@example.com", "token:ci-1"]
    others = ["test:ann@example.com", "prod:ann@example.com.evil", "token:ci-12", "PROD:ann@example.com", "token:CI-1"]
    assert all(bindings.roles_of(identity) == {Role.READER} for identity in fitting * 2)
    assert not any(bindings.roles_of(identity) for identity in others)


async def test_what_there_is_and_what_there_is_not_are_refused_alike(doors: Doors, issuer: Issuer) -> None:
    assert await doors.send(issuer.token()) is None
    known = "namespaces/s3%3A%2F%2Fbucket/datasets/clean"
    assert await doors.ask(issuer.token(OPERATOR), known) is None
    assert reason_of(await doors.ask(issuer.token(OPERATOR), UNKNOWN)) == "NOT_FOUND"
    for token in (None, issuer.token()):
        assert await doors.ask(token, known) == await doors.ask(token, UNKNOWN) != None  # noqa: E711
        paths = ("/api/v1/show/clean", "/api/v1/show/unknown", "/api/v1/upstream/clean", "/api/v1/upstream/unknown")
        answers = [await doors.http.get(path, headers=headers(token)) for path in paths]
        assert len({answer.content for answer in answers}) == 1
        assert {answer.status_code for answer in answers} == {403 if token else 401}


async def test_nobody_learns_what_is_served_without_a_credential(doors: Doors) -> None:
    answers = [await doors.http.get(path) for path in ("/api/v1/nothing", "/", "/api/v1/search?q=x", "/metrics")]
    assert {answer.status_code for answer in answers} == {401}
    nothing = doors.channel.unary_unary("/headwater.v1.CatalogService/Nothing", None, None)
    assert reason_of(await refusal_of_call(nothing(b""))) == "UNAUTHENTICATED"


async def test_probes_health_and_schemas_answer_anybody(doors: Doors) -> None:
    facet = "/facets/1-0-0/ModelDatasetFacet.json"
    for path in ("/healthz", "/readyz", facet):
        assert (await doors.http.get(path)).status_code == 200
    health = await health_pb2_grpc.HealthStub(doors.channel).Check(health_pb2.HealthCheckRequest())
    assert health.status == health_pb2.HealthCheckResponse.SERVING


async def test_a_refused_event_leaves_nothing_behind(
    doors: Doors, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    before = await facts(connection)
    assert await doors.send(None)
    assert await doors.send("wrong")
    assert await facts(connection) == before
    assert await connection.fetchval("SELECT count(*) FROM rejected_events") == 0


async def test_a_stream_is_refused_before_its_first_message_is_read(doors: Doors) -> None:
    stream = IngestServiceStub(doors.channel).StreamEvents(metadata=bearer("wrong"))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stream.read()
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_each_event_is_kept_with_the_identity_of_its_sender(
    doors: Doors, issuer: Issuer, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    assert await doors.send(issuer.token()) is None
    wrong = await doors.http.post("/api/v1/lineage", content=b"{}", headers=headers(issuer.token()))
    assert wrong.status_code == 400
    said = await connection.fetch("SELECT sender FROM events JOIN senders USING (sender_id)")
    said += await connection.fetch("SELECT sender FROM rejected_events")
    assert [row["sender"] for row in said] == ["prod:system:serviceaccount:ml:trainer"] * 3


async def test_a_server_without_credentials_on_the_loopback_asks_nobody(
    serving: Serving, connection: asyncpg.Connection[asyncpg.Record]
) -> None:
    async with serving() as doors:
        assert await doors.send(None) is None
        assert await doors.send("whatever") is None
        assert await doors.ask(None) is None
    assert await connection.fetchval("SELECT DISTINCT sender FROM senders") == "127.0.0.1"


async def test_where_anyone_is_let_in_a_credential_must_be_good_all_the_same(
    serving: Serving, issuer: Issuer, access_file: Path
) -> None:
    async with serving("--access-file", str(access_file), "--allow-anonymous=true") as doors:
        assert await doors.ask(None) is None
        assert reason_of(await doors.ask("wrong")) == "UNAUTHENTICATED"
        assert reason_of(await doors.ask(issuer.token())) == "PERMISSION_DENIED"


async def test_a_stream_ends_now_and_then_so_that_its_caller_shows_its_credential_again_and_loses_nothing(
    doors: Doors, issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "STREAM_SECONDS", 0.05)
    stream = IngestServiceStub(doors.channel).StreamEvents(metadata=bearer(issuer.token()))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stream.read()
    info, (retry,) = details_of(caught.value.trailing_metadata())
    assert (info.reason, retry.retry_delay.ToTimedelta().total_seconds()) == ("SHUTTING_DOWN", 0)
    (tmp_path / "token").write_text(issuer.token())
    ended = sent = 0

    async def events() -> AsyncIterator[bytes]:
        nonlocal sent
        while ended < 2 or sent < 20:
            await asyncio.sleep(0.02)
            sent += 1
            yield event()

    stop = EventStream.stop

    def counted(self: EventStream, reason: ShuttingDown | None = None) -> None:
        nonlocal ended
        ended += 1
        stop(self, reason)

    monkeypatch.setattr(EventStream, "stop", counted)
    async with Client(settings=Settings(address=doors.address, token_file=tmp_path / "token")) as client:
        assert sorted([each.id async for each in client.stream(events())]) == list(range(sent))
