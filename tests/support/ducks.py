"""Queries over files, each on a connection of its own.

The connection that `duckdb.sql` shares in a process is not for tests: since DuckDB 2 a result that
one test left unread there fails the next test's query.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["query"]


def query(sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    """Return all rows of a statement."""
    import duckdb  # noqa: PLC0415 - only tests with files of rows need it

    with duckdb.connect() as connection:
        return connection.execute(sql, list(parameters)).fetchall()
