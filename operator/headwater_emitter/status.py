"""Asks the emitter that runs here how it stands, and says it for people."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from typing import Any

from headwater.program.values import Address

SECONDS = 5.0
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (it listens there; it is asked here)


class NotThere(Exception):
    """No emitter answers; `str()` says why."""


def ask(address: Address) -> Mapping[str, Any]:
    """What the emitter's /healthz says. Raises NotThere."""
    connection = http.client.HTTPConnection(_ANY.get(address.host, address.host), address.port, timeout=SECONDS)
    try:
        connection.request("GET", "/healthz")
        found = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NotThere(f"no emitter answers on {address}: {error}") from None
    finally:
        connection.close()
    if not isinstance(found, dict) or "waiting" not in found:
        raise NotThere(f"what answers on {address} is no emitter")
    return found


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """What was found, for people."""
    yield f"state      {found['state']}" + (f": {found['problem']}" if found["problem"] else "")
    yield f"server     {found['server']}"
    yield from (f"{door:<10} {address}" for door, address in found["doors"].items())
    yield f"spool      {found['spool']}"
    oldest = f", the oldest for {found['oldest_seconds']:,.0f} s" if found["waiting"] else ""
    yield f"waiting    {found['waiting']:,} events, {found['waiting_bytes']:,} bytes{oldest}"
    yield f"received   {sum(found['received'].values()):,} events ({sum(found['refused'].values()):,} refused as none)"
    yield f"delivered  {found['delivered']:,} events"
    yield f"lost       {found['dropped']:,} dropped for want of room, {found['corrupted']:,} damaged by the disk"
    yield f"rejected   {found['rejected']:,} events ({found['dead_letters']:,} dead letters are kept)"
