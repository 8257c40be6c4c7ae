"""Statements in SQLAlchemy Core, run on asyncpg's own connections.

A statement is compiled once, to text with numbered parameters; its values are given by name each time it is run. The
text never changes, so PostgreSQL parses it once for each connection. A statement that depends on what a request asks
for is made by a cached function of that, never of the request's values.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BindParameter, ClauseElement, ColumnElement, any_, bindparam, literal_column
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.sql.compiler import SQLCompiler

from .database import Connection, Record

_DIALECT = dialect()  # type: ignore[no-untyped-call]


class Statement:
    """A statement with named parameters, to be run any number of times.

    >>> Statement(select(jobs.c.name).where(among(jobs.c.job_id, "ids"))).text
    'SELECT jobs.name \\nFROM jobs \\nWHERE jobs.job_id = ANY ($1::BIGINT[])'
    """

    def __init__(self, expression: ClauseElement) -> None:
        compiled = expression.compile(dialect=_DIALECT)
        assert isinstance(compiled, SQLCompiler)
        self.text = str(compiled)
        self._names = list(compiled.positiontup or ())

    async def fetch(self, connection: Connection, **values: object) -> list[Record]:
        """All rows. Values that the statement has no parameter for are left aside."""
        return await connection.fetch(self.text, *(values[name] for name in self._names))

    async def fetch_row(self, connection: Connection, **values: object) -> Record | None:
        """The first row; None where there is none."""
        return await connection.fetchrow(self.text, *(values[name] for name in self._names))

    async def fetch_value(self, connection: Connection, **values: object) -> Any:
        """The first value of the first row; None where there is none."""
        return await connection.fetchval(self.text, *(values[name] for name in self._names))

    async def execute(self, connection: Connection, **values: object) -> None:
        """Runs the statement for what it does."""
        await connection.execute(self.text, *(values[name] for name in self._names))


def given(name: str, column: ColumnElement[Any]) -> BindParameter[Any]:
    """A parameter of the type of a column."""
    return bindparam(name, type_=column.type)


def among(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """That a column has one of the values of a parameter, an array."""
    return column == any_(bindparam(name, type_=ARRAY(column.type)))


def constant(value: int) -> ColumnElement[int]:
    """A number that stands in the text: what the index of some rows only, or a limit, is planned by."""
    return literal_column(str(int(value)))
