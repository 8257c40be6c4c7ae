"""Arrays that are sent the fast way mean to PostgreSQL what they mean when asyncpg sends them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headwater_server.storage.fast_arrays import use_fast_arrays

ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-8))])
TIMES = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=ZONES) | st.sampled_from(  # noqa: DTZ001
    [datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)]
)
ELEMENTS: dict[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "bytea": st.binary(max_size=20),
    "smallint": st.integers(-(2**15), 2**15 - 1),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "text": st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    "timestamptz": TIMES,
    "uuid": st.uuids(),
}


@pytest.mark.parametrize("kind", [pytest.param(kind, id=kind) for kind in ELEMENTS])
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_what_arrives_and_what_comes_back_is_the_same(database: str, kind: str, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.none() | ELEMENTS[kind], max_size=5))
    slow, fast = await asyncpg.connect(database), await asyncpg.connect(database)
    try:
        await use_fast_arrays(fast)
        text = f"SELECT $1::{kind}[]::text"
        assert await fast.fetchval(text, values) == await slow.fetchval(text, values)
        back = await fast.fetchval(f"SELECT $1::{kind}[]", values)
        assert back == values
    finally:
        await slow.close()
        await fast.close()


async def test_a_value_of_another_type_is_refused(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        await use_fast_arrays(connection)
        with pytest.raises(asyncpg.DataError):
            await connection.fetchval("SELECT $1::bigint[]", ["one"])
    finally:
        await connection.close()
