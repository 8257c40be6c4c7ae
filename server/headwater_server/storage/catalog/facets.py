"""What was said of assets, as far as it still holds, and when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select

from ...domain.assets import Said, merge_facets, read_content
from ...domain.catalog import Facet
from ...domain.facets import FacetMap
from ...domain.model import OrderKey
from ..compression import decompress
from ..database import Connection
from ..statements import Statement, among
from ..tables import contents

MAX_CONTENTS = 1000
"""How many different contents of an asset are looked at, the last ones first: what only older ones say is lost."""

_CONTENTS = Statement(select(contents.c.content_id, contents.c.body).where(among(contents.c.content_id, "ids")))
_SAID = """
SELECT key, content_id, min(first_time), max(last_time)
FROM unnest($1::bigint[], $2::bigint[]) AS asked (key, asset_id)
JOIN statement_assets USING (asset_id) JOIN statements USING (statement_id)
GROUP BY key, content_id
"""
_LAST_KEYS = """
SELECT DISTINCT ON (key, content_id) key, content_id, last_time, last_finality, last_identity
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
    spoken = await _spoken(connection, assets)
    for found in spoken.values():
        ordered = sorted(found.contents.items(), key=lambda item: item[1], reverse=True)
        found.contents = dict(ordered[:MAX_CONTENTS])
    said_in = await get_contents(connection, (content for found in spoken.values() for content in found.contents))
    result = {key: AssetFacets() for key in assets}
    for key, found in spoken.items():
        said = [Said(at, said_in[content]) for content, at in found.contents.items() if content in said_in]
        result[key] = AssetFacets(merge_facets(said), found.first, max(found.contents.values()).time)
    return result


async def _spoken(connection: Connection, assets: Mapping[int, Iterable[int]]) -> dict[int, _Spoken]:
    """When what was said of assets was said last, by its contents. Their whole keys are needed only to part ties."""
    pairs = [(key, member) for key, members in assets.items() for member in members]
    spoken: dict[int, _Spoken] = {}
    for key, content, first, last in await connection.fetch(_SAID, *_columns(pairs)):
        found = spoken.setdefault(key, _Spoken(first, {}))
        found.first = min(found.first, first)
        found.contents[content] = OrderKey(last, 0, b"")
    tied = {
        key for key, found in spoken.items() if len({at.time for at in found.contents.values()}) < len(found.contents)
    }
    if tied:
        rows = await connection.fetch(_LAST_KEYS, *_columns([pair for pair in pairs if pair[0] in tied]))
        for key, content, *last in rows:
            spoken[key].contents[content] = OrderKey(*last)
    return spoken


def _columns(pairs: Sequence[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


async def get_contents(connection: Connection, asked: Iterable[int]) -> dict[int, FacetMap]:
    """Contents by id, each as its facets by name."""
    rows = await _CONTENTS.fetch(connection, ids=list(set(asked)))
    return {row[0]: read_content(decompress(row[1])) for row in rows}
