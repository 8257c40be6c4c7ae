"""An address is tried every way that it can be read."""

from __future__ import annotations

import pytest

from headwater_server.domain.errors import AmbiguousAddress, InvalidField, NotFound

from .conftest import Catalog, at, dataset, job, labelled, run_id, table


async def resolve(catalog: Catalog, address: str) -> tuple[str, ...]:
    """What an address names, empty parts left out."""
    found = await catalog.ask("ResolveAddress", address=address)
    return tuple(part for part in (found.name, found.version, found.field) if part)


async def test_dataset_is_named_by_address_bare_name_and_resource_name(catalog: Catalog) -> None:
    await catalog.run(1, "train/model", "1", writes=[table("raw/clicks", "user.id", namespace="s3://bucket")])
    name = dataset("raw/clicks", "s3://bucket")
    for address in ("s3://bucket/raw/clicks", "raw/clicks", "clicks", name):
        assert await resolve(catalog, address) == (name,)
    assert await resolve(catalog, r"s3://bucket/raw/clicks#user\.id") == (name, r"user\.id")
    assert await resolve(catalog, "team/train/model") == (job("train/model"),)
    for unknown in ("s3://bucket/raw", "licks", "raw/clicks#nothing", "raw/clicks@v9", f"{name}x"):
        with pytest.raises(NotFound):
            await resolve(catalog, unknown)
    for invalid in ("", "a@b@c", "#x"):
        with pytest.raises(InvalidField):
            await resolve(catalog, invalid)


async def test_address_that_fits_several_assets_lists_what_to_write(catalog: Catalog) -> None:
    written = [table("users", namespace="a"), table("users", namespace="b"), table("b/users", namespace="c")]
    await catalog.run(1, "users", "1", writes=[*written, table("x/y", namespace="n"), table("y", namespace="n/x")])
    with pytest.raises(AmbiguousAddress) as error:
        await resolve(catalog, "users")
    assert error.value.metadata["candidates"].split("\n") == ["a/users", "b/users", "team/users"]
    assert await resolve(catalog, "b/users") == (dataset("users", "b"),)
    with pytest.raises(AmbiguousAddress) as error:
        await resolve(catalog, "n/x/y")
    assert error.value.metadata["candidates"].split("\n") == [dataset("y", "n/x"), dataset("x/y", "n")]


async def test_hidden_assets_do_not_make_an_address_ambiguous(catalog: Catalog) -> None:
    await catalog.run(1, "load", "1", writes=[table("users", namespace="a"), table("users", namespace="b")])
    await catalog.ask("DeleteAsset", name=dataset("users", "a"), delete_time=at(2))
    assert await resolve(catalog, "users") == (dataset("users", "b"),)
    await catalog.ask("DeleteAsset", name=dataset("users", "b"), delete_time=at(2))
    with pytest.raises(AmbiguousAddress):
        await resolve(catalog, "users")


async def test_version_is_named_by_label_by_id_by_run_and_as_latest(catalog: Catalog) -> None:
    await catalog.run(1, "load", "1", writes=[table("out", "a", version=labelled("v@1"))])
    await catalog.run(2, "load", "2", writes=[table("out", "b", version=labelled("v2"))])
    versions = (await catalog.ask("ListDatasetVersions", parent=dataset("out"))).versions
    first = versions[1].name
    assert await resolve(catalog, r"db/out@v\@1") == (dataset("out"), first)
    assert await resolve(catalog, f"db/out@{first.rsplit('/', 1)[1]}") == (dataset("out"), first)
    assert await resolve(catalog, "out@latest#b") == (dataset("out"), versions[0].name, "b")
    write = f"{dataset('out')}/writes/{run_id('1')}"
    assert await resolve(catalog, f"out@{run_id('1')}") == (dataset("out"), write)
    assert await resolve(catalog, write) == (dataset("out"), write)
    assert await resolve(catalog, first) == (dataset("out"), first)
    assert (await resolve(catalog, "load@latest"))[0] == job("load")


async def test_run_is_named_by_its_id(catalog: Catalog) -> None:
    await catalog.run(1, "load", "1")
    name = f"runs/{run_id('1')}"
    for address in (name, str(run_id("1")), str(run_id("1")).upper()):
        assert await resolve(catalog, address) == (name,)
    with pytest.raises(NotFound):
        await resolve(catalog, str(run_id("none")))
