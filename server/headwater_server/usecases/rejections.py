"""Lists events that were rejected."""

from __future__ import annotations

import uuid
from datetime import datetime

from ..domain.ingest_ports import Rejection
from ..domain.pages import open_page
from .ingest import Ingestion


async def list_rejected_events(ingestion: Ingestion, page_size: int, page_token: str) -> tuple[list[Rejection], str]:
    """A page of rejected events, newest first, and the token of the next one.

    Raises InvalidField, InvalidPageToken or StoreUnavailable.
    """
    page = open_page(page_size, page_token, tuple[datetime, uuid.UUID], "rejected_events")
    found = await ingestion.rejected(page.size + 1, page.after)
    shown = found[: page.size]
    place = (shown[-1][1].received, shown[-1][0]) if len(found) > len(shown) else None
    return [rejection for _, rejection in shown], page.token(place)
