"""`headwater doctor` beside a real server."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from headwater_cli.main import main
from headwater_server.app import running
from headwater_server.config import parse_settings


async def found_by_doctor(address: str, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, str]]:
    capsys.readouterr()
    await asyncio.to_thread(main, ["doctor", "--address", address, "--output", "json"])
    findings: list[dict[str, str]] = json.loads(capsys.readouterr().out)["findings"]
    return {finding["check"]: finding for finding in findings}


async def test_it_finds_nothing_wrong_with_a_server_that_serves(
    server: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    found = await found_by_doctor(server.grpc_address, capsys)
    assert {finding["state"] for finding in found.values()} == {"ok"}
    assert found.keys() >= {"health", "version", "clock", "services", "store"}


async def test_it_says_why_a_server_does_not_serve_and_what_to_do(
    database: str,
    connection: asyncpg.Connection[asyncpg.Record],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    arguments = ["--dsn", database, "--grpc-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0"]
    async with running(parse_settings(arguments, {"HOME": str(tmp_path)})) as addresses:
        found = await found_by_doctor(str(addresses.grpc), capsys)
    assert found["health"]["detail"] == "the server runs, but does not serve: the database has no schema"
    assert found["health"]["remedy"] == "run `headwater-server migrate`"
    assert (found["version"]["state"], found["clock"]["state"]) == ("ok", "ok")
