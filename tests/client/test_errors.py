"""Errors: each reason has its class, on both faces, with what the server said."""

import pickle
import re

import grpc
import pytest
from tests.client.fakes import Failure, FakeServer, closed_port_address

from headwater import Client, Settings, SyncClient, errors
from headwater.errors import HeadwaterError

Code = grpc.StatusCode
REASONS = [
    pytest.param(Code.INVALID_ARGUMENT, "INVALID_FIELD", errors.InvalidArgument, id="field"),
    pytest.param(Code.INVALID_ARGUMENT, "INVALID_EVENT", errors.InvalidEvent, id="event"),
    pytest.param(Code.INVALID_ARGUMENT, "TOO_LARGE", errors.TooLarge, id="too large"),
    pytest.param(Code.FAILED_PRECONDITION, "TOO_OLD", errors.TooOld, id="too old"),
    pytest.param(Code.NOT_FOUND, "NOT_FOUND", errors.NotFound, id="not found"),
    pytest.param(Code.FAILED_PRECONDITION, "AMBIGUOUS_ADDRESS", errors.AmbiguousAddress, id="ambiguous"),
    pytest.param(Code.INVALID_ARGUMENT, "INVALID_PAGE_TOKEN", errors.InvalidPageToken, id="page token"),
    pytest.param(Code.RESOURCE_EXHAUSTED, "OVERLOADED", errors.Overloaded, id="overloaded"),
    pytest.param(Code.UNAVAILABLE, "SHUTTING_DOWN", errors.Unavailable, id="stopping"),
    pytest.param(Code.UNAVAILABLE, "STORE_UNAVAILABLE", errors.Unavailable, id="store"),
    pytest.param(Code.DEADLINE_EXCEEDED, "QUERY_TIMEOUT", errors.DeadlineExceeded, id="timeout"),
    pytest.param(Code.INTERNAL, "ID_COLLISION", errors.Internal, id="collision"),
    pytest.param(Code.INTERNAL, "INTERNAL", errors.Internal, id="internal"),
    pytest.param(Code.UNAUTHENTICATED, "", errors.Unauthenticated, id="who"),
    pytest.param(Code.PERMISSION_DENIED, "", errors.PermissionDenied, id="may not"),
    pytest.param(Code.UNIMPLEMENTED, "", HeadwaterError, id="anything else"),
]


def once(server: FakeServer) -> Settings:
    return Settings(address=server.address, max_attempts=1)


@pytest.mark.parametrize(("code", "reason", "kind"), REASONS)
async def test_each_reason_has_its_class_on_both_faces(
    server: FakeServer, code: Code, reason: str, kind: type[HeadwaterError]
) -> None:
    failure = Failure(code, reason, "no such luck", {"field": "x"})
    server.fail("GetDataset", failure, failure)
    async with Client(settings=once(server)) as client:
        with pytest.raises(HeadwaterError) as caught:
            await client.get_dataset("namespaces/a/datasets/b")
    with SyncClient(settings=once(server)) as sync_client, pytest.raises(HeadwaterError) as caught_too:
        sync_client.get_dataset("namespaces/a/datasets/b")
    for error in (caught.value, caught_too.value):
        assert type(error) is kind
        assert error.message == "no such luck"
        assert (error.code, error.reason) == (code, reason)
        assert error.metadata == ({"field": "x"} if reason else {})


async def test_an_ambiguous_address_lists_its_candidates(server: FakeServer, client: Client) -> None:
    metadata = {"address": "users", "candidates": "postgres://a:5432/s.users\npostgres://b:5432/s.users"}
    server.fail("ResolveAddress", Failure(Code.FAILED_PRECONDITION, "AMBIGUOUS_ADDRESS", metadata=metadata))
    with pytest.raises(errors.AmbiguousAddress) as caught:
        await client.get_dataset("users")
    assert caught.value.candidates == ["postgres://a:5432/s.users", "postgres://b:5432/s.users"]


async def test_an_overloaded_server_says_when_to_come_back(server: FakeServer) -> None:
    server.fail("GetDataset", Failure(Code.RESOURCE_EXHAUSTED, "OVERLOADED", retry_after=1.5))
    async with Client(settings=once(server)) as client:
        with pytest.raises(errors.Overloaded) as caught:
            await client.get_dataset("namespaces/a/datasets/b")
    assert caught.value.retry_after == 1.5


async def test_the_way_out_is_a_part_of_the_message(server: FakeServer, client: Client) -> None:
    metadata = {"field": "run.runId", "remedy": "send the id of the run, a UUID"}
    server.fail("WriteEvent", Failure(Code.INVALID_ARGUMENT, "INVALID_EVENT", "run.runId is missing", metadata))
    with pytest.raises(errors.InvalidEvent, match=r"^run.runId is missing: send the id of the run, a UUID$"):
        await client.write_event(b"{}")


def test_a_way_out_that_the_server_wrote_is_not_repeated() -> None:
    error = errors.InvalidArgument("it is bad: use 0", metadata={"remedy": "use 0"})
    assert str(error) == "it is bad: use 0"


async def test_a_reason_of_another_domain_is_none_of_ours(server: FakeServer, client: Client) -> None:
    server.fail("GetDataset", Failure(Code.NOT_FOUND, "TOO_OLD", domain="proxy.example"))
    with pytest.raises(errors.NotFound) as caught:
        await client.get_dataset("namespaces/a/datasets/b")
    assert caught.value.reason == ""


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    async with Client(settings=Settings(address=closed_port_address(), max_attempts=1)) as client:
        with pytest.raises(errors.Unavailable, match="HEADWATER_ADDRESS"):
            await client.get_dataset("namespaces/a/datasets/b")


async def test_what_is_above_the_message_size_is_too_large_and_not_repeated(server: FakeServer) -> None:
    settings = Settings(address=server.address, max_message_bytes=1000)
    async with Client(settings=settings) as client:
        with pytest.raises(errors.TooLarge):
            await client.write_event(b"x" * 2000)
    with SyncClient(settings=settings) as sync_client, pytest.raises(errors.TooLarge):
        sync_client.write_event(b"x" * 2000)
    assert server.received == []


def test_an_error_survives_the_way_to_another_process() -> None:
    error = errors.Overloaded("full", Code.RESOURCE_EXHAUSTED, "OVERLOADED", {"limit": "1"}, 2.0)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is errors.Overloaded
    assert vars(copy) == vars(error)


def test_the_tree_in_the_documentation_is_the_tree() -> None:
    drawn: list[tuple[str, str]] = []
    path: list[str] = []
    for branch, name in re.findall(r"^([│├└─ ]*)([A-Z]\w+)", errors.__doc__ or "", re.MULTILINE)[1:]:
        path[len(branch) // 4 :] = [name]
        drawn.append((name, path[-2] if len(path) > 1 else "Exception"))
    classes = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, HeadwaterError)]
    assert sorted(drawn) == sorted((each.__name__, each.__bases__[0].__name__) for each in classes)
