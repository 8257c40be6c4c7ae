"""Between the requests and answers of CatalogService and what its use cases take and give."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Any, TypeVar

from headwater.names import ALL_NAMESPACES, LATEST, DatasetName, DatasetVersionName, NamespaceName
from headwater.v1 import catalog_service_pb2 as messages

from ..domain import catalog
from ..domain.errors import InvalidField, TooLarge
from ..domain.model import DatasetKind
from ..domain.pages import Page, open_page
from ..domain.search_query import SearchQuery
from ..usecases.catalog_addresses import Resolved
from .convert import check_text, read_name, to_dataset, to_job

MAX_WORDS = 16
"""How many words a search may have."""
MAX_TEXT = 2048
"""The longest text of a condition, in characters."""

E = TypeVar("E", bound=IntEnum)


def page_of(request: Any, place: type[Any]) -> Page:
    """The page that a request asks for; its token belongs to all else in it. Raises InvalidField, InvalidPageToken."""
    rest = type(request)()
    rest.CopyFrom(request)
    rest.ClearField("page_size")
    rest.ClearField("page_token")
    asked = rest.SerializeToString(deterministic=True)
    return open_page(request.page_size, request.page_token, place, request.DESCRIPTOR.full_name, asked)


def read_namespace(field: str, text: str) -> str | None:
    """The namespace in a field of a request; None where it names all. Raises InvalidField."""
    return None if text == ALL_NAMESPACES else read_name(field, text, NamespaceName).namespace


def read_versioned(field: str, text: str) -> DatasetVersionName:
    """The version in a field of a request; that of a dataset is the one in force. Raises InvalidField."""
    name = read_name(field, text, DatasetName, DatasetVersionName)
    return name if isinstance(name, DatasetVersionName) else DatasetVersionName(name.namespace, name.dataset, LATEST)


def read_enums(field: str, numbers: Iterable[int], kind: type[E]) -> frozenset[E]:
    """The values in a repeated field of a request. Raises InvalidField."""
    try:
        return frozenset(map(kind, numbers))
    except ValueError as error:
        raise InvalidField(field, f"holds an unknown value ({error})", "send values of the contract") from None


def read_search(request: messages.SearchAssetsRequest) -> SearchQuery:
    """What a request searches for. Raises InvalidField or TooLarge."""
    for field in ("query", "tag", "owner", "field"):
        check_text(field, getattr(request, field))
        if len(getattr(request, field)) > MAX_TEXT:
            raise TooLarge(field, len(getattr(request, field)), MAX_TEXT, "characters")
    words = tuple(dict.fromkeys(request.query.lower().split()))
    if len(words) > MAX_WORDS:
        raise TooLarge("query", len(words), MAX_WORDS, "words")
    return SearchQuery(
        words=words,
        types=read_enums("types", filter(None, request.types), catalog.AssetType),
        kinds=read_enums("dataset_kinds", filter(None, request.dataset_kinds), DatasetKind),
        tag=request.tag.lower(),
        owner=request.owner.lower(),
        field=request.field.lower(),
        namespace=read_namespace("namespace", request.namespace) if request.namespace else None,
    )


def to_asset(asset: catalog.Dataset | catalog.Job) -> messages.Asset:
    """A dataset or a job."""
    if isinstance(asset, catalog.Dataset):
        return messages.Asset(dataset=to_dataset(asset))
    return messages.Asset(job=to_job(asset))


def to_resolved(resolved: Resolved) -> messages.ResolveAddressResponse:
    """What an address names."""
    return messages.ResolveAddressResponse(
        name=str(resolved.name),
        version=str(resolved.version) if resolved.version else "",
        field=resolved.field or "",
    )
