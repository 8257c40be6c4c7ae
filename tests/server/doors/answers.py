"""What the contract promises of every answer: either a good one, or one clear error."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import asyncpg
import grpc
import httpx
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from headwater_server.api.errors import CODES
from headwater_server.gateway.errors import STATUSES

REFUSALS = {
    "INVALID_FIELD": {"field", "problem", "remedy"},
    "INVALID_EVENT": {"field", "problem", "remedy"},
    "TOO_LARGE": {"field", "size", "limit", "unit"},
    "NOT_FOUND": {"resource"},
    "AMBIGUOUS_ADDRESS": {"address", "candidates"},
    "INVALID_PAGE_TOKEN": {"field", "remedy"},
    "UNKNOWN_METHOD": {"method", "remedy"},
}
"""The reasons that bad input is refused with, and what each tells."""
FACTS = ("events", "runs", "links", "field_links", "datasets", "jobs", "statements", "deletions", "terms")
"""The tables that show whether anything was written; rejected events are kept apart from them."""


def details_of(trailers: object) -> tuple[error_details_pb2.ErrorInfo, list[error_details_pb2.RetryInfo]]:
    """The one ErrorInfo of an error, and what it says of coming back."""
    status = status_pb2.Status.FromString(dict(trailers)["grpc-status-details-bin"])  # type: ignore[call-overload]
    infos, retries = [], []
    for detail in status.details:
        info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            infos.append(info)
        elif detail.Unpack(retry):
            retries.append(retry)
    (only,) = infos
    assert only.domain == "headwater.dev"
    return only, retries


async def answer_of(call: Any) -> Any:
    """The answer to a unary call, or the answers to a streaming one; None where it was refused as documented."""
    try:
        return [each async for each in call] if hasattr(call, "__aiter__") else await call
    except grpc.aio.AioRpcError as error:
        check_error(error)
        return None


def check_error(error: grpc.aio.AioRpcError) -> None:
    """Whether an error is one of those that bad input is refused with."""
    info, _ = details_of(error.trailing_metadata())
    assert info.reason in REFUSALS, error
    assert error.code() is CODES[info.reason]
    check_told(info.reason, info.metadata, error.details() or "")


def check_response(response: httpx.Response) -> bool:
    """Whether a request was answered well; if not, it was refused as documented."""
    if response.is_success:
        return True
    error = response.json()["error"]
    assert error["domain"] == "headwater.dev"
    assert error["reason"] in REFUSALS, response.text
    assert response.status_code in (STATUSES[error["reason"]], 403, 405, 415)
    assert error["field"] == error["metadata"].get("field", "")
    check_told(error["reason"], error["metadata"], error["message"])
    return False


def check_told(reason: str, metadata: Iterable[str], message: str) -> None:
    """Whether an error says what is wrong and what to do."""
    assert set(metadata) == REFUSALS[reason]
    assert len(message) > 10
    assert "Traceback" not in message


async def facts(connection: asyncpg.Connection[asyncpg.Record]) -> tuple[int, ...]:
    """How much is in the store."""
    counts = ", ".join(f"(SELECT count(*) FROM {table})" for table in FACTS)
    return tuple(await connection.fetchrow(f"SELECT {counts}") or ())
