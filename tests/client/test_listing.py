"""Lists: every item once, page by page, no page before it is needed."""

import pytest
from tests.client.fakes import FakeServer

from headwater import Client, SyncClient, errors
from headwater.v1 import catalog_pb2

NAMES = [f"d{number}" for number in range(7)]


@pytest.fixture(autouse=True)
def _datasets(server: FakeServer) -> None:
    server.items["ListDatasets"] = [catalog_pb2.Dataset(display_name=name) for name in NAMES]


@pytest.mark.parametrize(("page_size", "pages"), [(0, 4), (1, 7), (3, 3), (7, 1), (100, 1)])
async def test_all_items_are_given_whatever_the_size_of_a_page(
    server: FakeServer, client: Client, sync_client: SyncClient, page_size: int, pages: int
) -> None:
    assert [each.display_name async for each in client.datasets("a", page_size=page_size)] == NAMES
    assert [each.display_name for each in sync_client.datasets("a", page_size=page_size)] == NAMES
    assert len(server.received) == 2 * pages


async def test_an_empty_list_has_no_items(server: FakeServer, client: Client) -> None:
    server.items.clear()
    assert [each async for each in client.datasets("a")] == []


async def test_a_page_is_fetched_when_it_is_read(server: FakeServer, client: Client, sync_client: SyncClient) -> None:
    async for each in client.datasets("a"):
        if each.display_name == "d1":
            break
    for each in sync_client.datasets("a"):
        if each.display_name == "d1":
            break
    assert len(server.received) == 2


async def test_pages_can_be_read_one_at_a_time(client: Client, sync_client: SyncClient) -> None:
    first = await anext(client.datasets("a").pages())
    assert [each.display_name for each in first.datasets] == ["d0", "d1"]
    second = next(sync_client.datasets("a").pages(first.next_page_token))
    assert [each.display_name for each in second.datasets] == ["d2", "d3"]
    rest = [page async for page in client.datasets("a").pages(second.next_page_token)]
    assert [len(page.datasets) for page in rest] == [2, 1]
    assert rest[-1].next_page_token == ""


async def test_a_list_can_be_read_again(client: Client) -> None:
    datasets = client.datasets("a")
    assert len([each async for each in datasets]) == len([each async for each in datasets]) == 7


async def test_a_token_of_another_list_is_refused(client: Client) -> None:
    page = await anext(client.datasets("a").pages())
    with pytest.raises(errors.InvalidPageToken, match="first page"):
        await anext(client.datasets("b").pages(page.next_page_token))
