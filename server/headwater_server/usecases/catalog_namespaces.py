"""Lists and gets namespaces."""

from __future__ import annotations

from headwater.names import NamespaceName

from ..domain.catalog import Namespace
from ..domain.catalog_ports import CatalogStore
from ..domain.errors import NotFound
from ..domain.pages import Page
from .pages import Listed, cut_page


async def list_namespaces(store: CatalogStore, page: Page, seconds: float) -> Listed[Namespace]:
    """The namespaces in the order of their names."""
    async with store.reading(seconds) as reader:
        (after,) = page.after or ("",)
        found = await reader.namespaces(after, page.size + 1)
        return cut_page(page, [((namespace.name,), namespace) for namespace in found])


async def get_namespace(store: CatalogStore, name: NamespaceName, seconds: float) -> Namespace:
    """A namespace. Raises NotFound."""
    async with store.reading(seconds) as reader:
        found = await reader.namespace(name.namespace)
    if found is None:
        raise NotFound(str(name))
    return found
