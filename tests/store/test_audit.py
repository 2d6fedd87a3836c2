"""The audit trail: in order, each entry bound to the last, every change found."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from alphapanda.config.settings import Settings
from alphapanda.store import audit
from alphapanda.store.database import Database
from tests.store.rows import TS
from tests.support.servers.databases import using

FACTS: dict[str, Any] = {"limit": 10**15, "why": 'drill ₹ " \\ \n', "was": None, "on": True,
                         "b": [1, {"z": 1, "a": -2}]}  # fmt: skip


async def add(database: Database, number: int) -> None:
    async with database.session(writes=True) as session:
        await audit.append(
            session, ts=TS + number, owner_id="mira", account_id="AB1234", actor="mira",
            action="kill", target=f"strategy {number}", facts=FACTS,
        )  # fmt: skip
        await session.commit()


async def checked(database: Database, *changes: str) -> int | None:
    async with database.session(writes=True) as session:
        for change in changes:
            await session.execute(text(change))
        return await audit.first_bad(session)


CHANGES = [
    ("UPDATE audit SET actor = 'arun' WHERE seq = 3", 3),
    ("UPDATE audit SET ts = ts + 1 WHERE seq = 1", 1),
    ("UPDATE audit SET facts = '{\"limit\": 1.5}' WHERE seq = 6", 6),
    ("UPDATE audit SET account_id = 'X' WHERE seq = 2", 2),
    ("DELETE FROM audit WHERE seq = 4", 4),
    ("DELETE FROM audit WHERE seq = 1", 1),
    ("UPDATE audit SET seq = 10 WHERE seq = 6", 6),
    (f"UPDATE audit SET hash = '{'1' * 64}' WHERE seq = 5", 5),
]


def test_every_change_is_found_at_its_entry(migrated_database: Settings) -> None:
    """A whole trail is good; a changed, removed or moved entry is named by its number."""

    async def work(database: Database) -> None:
        assert await checked(database) is None
        for number in range(1, 7):
            await add(database, number)
        assert await checked(database) is None
        for change, bad in CHANGES:
            assert await checked(database, change) == bad, change
        assert await checked(database) is None

    using(migrated_database, work)


def test_writers_at_once_make_one_chain(migrated_database: Settings) -> None:
    """Twelve writers at the same moment leave twelve entries, none beside another."""

    async def work(database: Database) -> int | None:
        await asyncio.gather(*(add(database, number) for number in range(12)))
        async with database.session() as session:
            assert await session.scalar(text("SELECT max(seq) FROM audit")) == 12
        return await checked(database)

    assert using(migrated_database, work) is None


def test_an_entry_that_was_not_committed_is_not_there(migrated_database: Settings) -> None:
    """An action that is rolled back takes its entry along; the next one has its number."""

    async def work(database: Database) -> int | None:
        async with database.session(writes=True) as session:
            await audit.append(
                session, ts=TS, owner_id="a", account_id="b", actor="c", action="live"
            )
        await add(database, 1)
        async with database.session() as session:
            assert await session.scalar(text("SELECT count(*) FROM audit")) == 1
        return await checked(database)

    assert using(migrated_database, work) is None


@pytest.mark.parametrize("facts", [{"x": 1.5}, {1: 2}, {"x": {"y": object()}}])
def test_facts_that_a_database_would_change_are_refused(facts: Any) -> None:
    """A float or an object would give another hash when it is read back."""
    with pytest.raises(AssertionError):
        audit.check_plain(facts)
