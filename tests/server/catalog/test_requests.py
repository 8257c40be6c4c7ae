"""What has no meaning in a request is refused with its field."""

from __future__ import annotations

from typing import Any

import pytest

from headwater_server.domain.errors import HeadwaterError, InvalidField, InvalidPageToken, NotFound, TooLarge

from .conftest import Catalog, dataset, table

REFUSED: list[tuple[str, dict[str, Any], type[HeadwaterError], str | None]] = [
    ("GetDataset", {"name": ""}, InvalidField, "name"),
    ("GetDataset", {"name": "namespaces/a/jobs/b"}, InvalidField, "name"),
    ("GetDataset", {"name": "namespaces/a b/datasets/b"}, InvalidField, "name"),
    ("GetDataset", {"name": "namespaces/a/datasets/b"}, NotFound, None),
    ("GetNamespace", {"name": "namespaces/a"}, NotFound, None),
    ("ListDatasets", {"parent": ""}, InvalidField, "parent"),
    ("ListDatasets", {"parent": "namespaces/a"}, NotFound, None),
    ("ListDatasets", {"parent": "namespaces/-", "page_size": -1}, InvalidField, "page_size"),
    ("ListDatasets", {"parent": "namespaces/-", "page_token": "x"}, InvalidPageToken, "page_token"),
    ("ListJobs", {"parent": "namespaces/a"}, NotFound, None),
    ("ListRuns", {"parent": "namespaces/a"}, InvalidField, "parent"),
    ("ListRuns", {"parent": "namespaces/a/jobs/b"}, NotFound, None),
    ("GetRun", {"name": "runs/x"}, NotFound, None),
    ("GetJobVersion", {"name": "namespaces/a/jobs/b/versions/latest"}, NotFound, None),
    ("ListFields", {"parent": "namespaces/a/datasets/b"}, NotFound, None),
    ("SearchAssets", {"query": "x" * 3000}, TooLarge, "query"),
    ("SearchAssets", {"query": "x " * 20 + "".join(f"w{n} " for n in range(20))}, TooLarge, "query"),
    ("SearchAssets", {"dataset_kinds": [99]}, InvalidField, "dataset_kinds"),
    ("SearchAssets", {"namespace": "x"}, InvalidField, "namespace"),
    ("UndeleteAsset", {"name": "runs/x"}, InvalidField, "name"),
    ("GetDataset", {"name": "namespaces/a%00/datasets/b"}, InvalidField, "name"),
    ("ResolveAddress", {"address": "a\0b"}, InvalidField, "address"),
    ("SearchAssets", {"query": "a\0b"}, InvalidField, "query"),
    ("SearchAssets", {"tag": "a\0b"}, InvalidField, "tag"),
]
ODD = ["%", "_", "'; DROP TABLE runs; --", "\\", "💥", "{name}", "$1"]


async def test_request_without_meaning_is_refused(catalog: Catalog) -> None:
    for method, asked, error, field in REFUSED:
        with pytest.raises(error) as raised:
            await catalog.ask(method, **asked)
        assert raised.value.metadata.get("field") == field, (method, asked)


async def test_token_of_one_list_is_refused_by_another(catalog: Catalog) -> None:
    await catalog.run(1, "load", "1", writes=[table(name) for name in "abc"])
    token = (await catalog.ask("ListDatasets", parent="namespaces/db", page_size=1)).next_page_token
    again = await catalog.ask("ListDatasets", parent="namespaces/db", page_size=2, page_token=token)
    assert [item.name for item in again.datasets] == [dataset("b"), dataset("c")]
    with pytest.raises(InvalidPageToken):
        await catalog.ask("ListDatasets", parent="namespaces/-", page_size=1, page_token=token)
    with pytest.raises(InvalidPageToken):
        await catalog.ask("ListJobs", parent="namespaces/db", page_size=1, page_token=token)


async def test_odd_texts_are_only_texts(catalog: Catalog) -> None:
    await catalog.run(1, "load", "1", writes=[table("plain")])
    for text in ODD:
        assert not (await catalog.ask("SearchAssets", query=text)).assets
        assert not (await catalog.ask("SearchAssets", tag=text, owner=text, field=text)).assets
        with pytest.raises(HeadwaterError):
            await catalog.ask("ResolveAddress", address=text)
