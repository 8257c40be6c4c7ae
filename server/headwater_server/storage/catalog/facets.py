"""What was said of assets, as far as it still holds, and when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ...domain.assets import Said, merge_facets, read_content
from ...domain.catalog import Facet
from ...domain.facets import FacetMap
from ...domain.model import OrderKey
from ..compression import decompress
from ..database import Connection

MAX_CONTENTS = 1000
"""How many different contents of an asset are looked at, the last ones first: what only older ones say is lost."""

_SAID = """
SELECT DISTINCT ON (key, content_id) key, content_id, min(first_time) OVER (PARTITION BY key),
    last_time, last_finality, last_identity
FROM unnest($1::bigint[], $2::bigint[]) AS asked (key, asset_id)
JOIN statement_assets USING (asset_id) JOIN statements USING (statement_id)
ORDER BY key, content_id, last_time DESC, last_finality DESC, last_identity DESC
"""


@dataclass(slots=True)
class AssetFacets:
    """The facets of an asset that hold, by name, and when events first and last spoke of it."""

    facets: dict[str, Facet] = field(default_factory=dict)
    first: datetime | None = None
    last: datetime | None = None


@dataclass(slots=True)
class _Spoken:
    first: datetime
    contents: dict[int, OrderKey]


async def get_facets(connection: Connection, assets: Mapping[int, Iterable[int]]) -> dict[int, AssetFacets]:
    """What holds of assets, each asked for under a key of the caller's by the ids of all of its names."""
    pairs = [(key, member) for key, members in assets.items() for member in members]
    rows = await connection.fetch(_SAID, [pair[0] for pair in pairs], [pair[1] for pair in pairs])
    spoken: dict[int, _Spoken] = {}
    for key, content, first, *last in rows:
        spoken.setdefault(key, _Spoken(first, {})).contents[content] = OrderKey(*last)
    for found in spoken.values():
        ordered = sorted(found.contents.items(), key=lambda item: item[1], reverse=True)
        found.contents = dict(ordered[:MAX_CONTENTS])
    contents = await get_contents(connection, (content for found in spoken.values() for content in found.contents))
    result = {key: AssetFacets() for key in assets}
    for key, found in spoken.items():
        said = [Said(at, contents[content]) for content, at in found.contents.items() if content in contents]
        result[key] = AssetFacets(merge_facets(said), found.first, max(found.contents.values()).time)
    return result


async def get_contents(connection: Connection, contents: Iterable[int]) -> dict[int, FacetMap]:
    """Contents by id, each as its facets by name."""
    rows = await connection.fetch(
        "SELECT content_id, body FROM contents WHERE content_id = ANY($1::bigint[])", list(set(contents))
    )
    return {row[0]: read_content(decompress(row[1])) for row in rows}
