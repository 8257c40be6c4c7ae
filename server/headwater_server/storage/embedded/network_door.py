"""How other machines reach the server's own PostgreSQL: at one address, as one role, with one password."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from .cluster import SUPERUSER

ROLE = "headwater_service"
"""Owns the database and is no superuser: whoever has the password can change what is stored, and nothing beside it."""


@dataclass(frozen=True, slots=True)
class NetworkDoor:
    """Where PostgreSQL listens, and the password of those who come in there."""

    host: str
    port: int
    password: str = field(repr=False)

    def write_rules(self, file: Path) -> None:
        """Says who is let in: from the network that role by its password, by the socket whoever can reach it."""
        rules = (f"local all {SUPERUSER} trust", f"host all {ROLE} all scram-sha-256", "")
        file.write_text("\n".join(rules))
        file.chmod(0o600)

    def settings(self, rules: Path) -> dict[str, str]:
        """PostgreSQL's settings for it."""
        return {"listen_addresses": self.host, "port": str(self.port), "hba_file": str(rules)}


async def give_database(dsn: str, database: str, password: str) -> None:
    """Makes the role, with this password from now on, the owner of the database; `dsn` is the superuser's."""
    connection = await asyncpg.connect(dsn, timeout=60)
    try:
        if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", ROLE):
            await connection.execute(f"CREATE ROLE {ROLE} LOGIN")
        quoted = await connection.fetchval("SELECT quote_literal($1::text)", password)
        await connection.execute(f"ALTER ROLE {ROLE} PASSWORD {quoted}")
        await connection.execute(f"ALTER DATABASE {database} OWNER TO {ROLE}")
    finally:
        await connection.close()
