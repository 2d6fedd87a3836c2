"""Rows of tables as plain objects, read and written many at once.

Objects of the mapper notice every assignment; here that would cost more than all the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from alphapanda.store.base import Base

Row = SimpleNamespace


async def read(session: AsyncSession, kind: type[Base], *where: Any) -> list[Row]:
    """Return the rows of a table that meet all conditions."""
    found = await session.execute(select(kind.__table__).where(*where))
    return [Row(**row._mapping) for row in found]


async def write(session: AsyncSession, kind: type[Base], rows: Iterable[Row]) -> None:
    """Insert rows, or give those that are there by their key other values; the caller commits."""
    given = [vars(row) for row in rows]
    if given:
        made = insert(session, kind)
        keys = [column.name for column in kind.__table__.primary_key]
        values = {name: made.excluded[name] for name in given[0] if name not in keys}
        await session.execute(made.on_conflict_do_update(index_elements=keys, set_=values), given)


async def add(session: AsyncSession, kind: type[Base], rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows that are not there yet; the caller commits."""
    if rows:
        await session.execute(insert(session, kind).on_conflict_do_nothing(), rows)


def insert(session: AsyncSession, kind: type[Base]) -> Any:
    """Return the statement that inserts rows, in the words of the database."""
    here: Any = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    return here.insert(kind.__table__)
