"""A per-run URI is an address: it finds the dataset and the version that its producer named so."""

from __future__ import annotations

import pytest
from tests.server.pipelines.conftest import dataset, event

from headwater import AmbiguousAddress, Client, NotFound

URI = "minio://mlpipeline/v2/artifacts/churn/0f1e/train/model"


def artifact(name: str, uri: str) -> dict[str, object]:
    """A dataset whose version is named by a URI."""
    return dataset(name, version={"datasetVersion": uri})


async def test_a_uri_finds_the_version_that_it_names_with_its_lineage(client: Client) -> None:
    await client.batch_write_events(
        [
            event("train", "t1", minute=1, reads=["raw"], writes=[artifact("churn/train/model", URI)]),
            event("train", "t2", minute=2, reads=["raw"], writes=[artifact("churn/train/model", f"{URI}/2")]),
        ]
    )
    found = await client.resolve_address(URI)
    assert found.name.endswith("datasets/churn%2Ftrain%2Fmodel")
    assert (await client.get_dataset_version(URI)).label == URI
    assert found.version == (await client.get_dataset_version(URI)).name
    nodes = (await client.get_lineage(URI, direction="UPSTREAM")).nodes
    assert {node.display_name for node in nodes} == {"churn/train/model", "train"}
    assert (await client.resolve_address(f"s3://lake/churn/train/model@{URI}/2")).version != found.version
    with pytest.raises(NotFound):
        await client.resolve_address(f"{URI}/3")


async def test_a_dataset_of_that_very_name_wins(client: Client) -> None:
    ours = {"namespace": "minio://mlpipeline", "name": URI.removeprefix("minio://mlpipeline/"), "facets": {}}
    await client.batch_write_events(
        [event("train", "t1", writes=[artifact("model", URI)]), event("copy", "c", writes=[ours])]
    )
    assert (await client.resolve_address(URI)).version == ""
    assert (await client.get_dataset(URI)).namespace == "minio://mlpipeline"


async def test_a_uri_that_names_versions_of_two_datasets_lists_both(client: Client) -> None:
    await client.write_event(event("train", "t1", writes=[artifact("a", URI), artifact("b", URI)]))
    with pytest.raises(AmbiguousAddress) as caught:
        await client.resolve_address(URI)
    assert caught.value.candidates == [f"s3://lake/a@{URI}", f"s3://lake/b@{URI}"]
    assert (await client.resolve_address(caught.value.candidates[1])).name.endswith("datasets/b")
