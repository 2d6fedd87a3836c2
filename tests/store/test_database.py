"""Sessions that never commit by themselves, and waits that end."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession

from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError, UsageError
from alphapanda.store.database import Database
from alphapanda.store.trading import Held, Stage
from tests.store.rows import good
from tests.support.servers import own
from tests.support.servers.databases import FILE, settings_of, using
from tests.support.servers.postgres import Postgres
from tests.support.servers.proxy import Proxy


async def count(database: Database) -> int:
    async with database.session() as session:
        return await session.scalar(select(func.count()).select_from(Held)) or 0


def test_a_session_commits_nothing_by_itself(migrated_database: Settings) -> None:
    """What was added and flushed is gone at the session's end, unless it was committed."""

    async def work(database: Database) -> list[int]:
        seen = []
        for commits in (False, True):
            async with database.session(writes=True) as session:
                session.add(good(Held))
                await session.flush()
                if commits:
                    await session.commit()
            seen.append(await count(database))
        return seen

    assert using(migrated_database, work) == [0, 1]


def test_an_exception_leaves_nothing(migrated_database: Settings) -> None:
    """A transaction that is left by an exception is rolled back, and the pool goes on."""

    async def work(database: Database) -> int:
        async def fail() -> None:
            async with database.session(writes=True) as session:
                session.add(good(Held))
                await session.flush()
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        return await count(database)

    assert using(migrated_database, work) == 0


def test_writers_that_read_first_lose_no_update(migrated_database: Settings) -> None:
    """Ten tasks that each read a number and write it plus one lose none, on SQLite as well."""

    async def work(database: Database) -> int:
        async with database.session(writes=True) as session:
            session.add(good(Stage, count=1))
            await session.commit()

        async def step() -> None:
            async with database.session(writes=True) as session:
                row = await session.scalar(select(Stage).with_for_update())
                assert row is not None
                await asyncio.sleep(0.01)
                row.count += 1
                await session.commit()

        await asyncio.gather(*(step() for _ in range(10)))
        async with database.session() as session:
            return await session.scalar(select(Stage.count)) or 0

    assert using(migrated_database, work) == 11


def test_readers_go_on_while_one_writes(migrated_database: Settings) -> None:
    """An open transaction that has written does not keep others from reading what was before."""

    async def work(database: Database) -> int:
        async with database.session(writes=True) as session:
            session.add(good(Held))
            await session.flush()
            return await asyncio.wait_for(count(database), 2)

    assert using(migrated_database, work) == 0


def test_a_full_pool_ends_in_an_error(migrated_database: Settings) -> None:
    """Who finds no free connection within the pool's time limit is told, and does not wait."""
    limits = {"pool": 1, "overflow": 0, "pool_timeout_s": 0.2}
    url = migrated_database.database.url.get_secret_value()
    settings = settings_of(
        migrated_database.base_dir, url if migrated_database.database.enabled else "",
        database=limits,
    )  # fmt: skip

    async def work(database: Database) -> None:
        async with database.session() as session:
            await session.execute(text("SELECT 1"))
            with pytest.raises(PoolTimeoutError):
                await count(database)
        assert await count(database) == 0

    using(settings, work)


def test_an_error_tells_no_values(migrated_database: Settings) -> None:
    """What a statement was given is not in its error: that may be a token's row."""

    async def work(database: Database) -> str:
        async with database.session(writes=True) as session:
            session.add(good(Held, envelope="hunter2", seq=-1))
            with pytest.raises(DBAPIError) as error:
                await session.flush()
        return str(error.value)

    told = using(migrated_database, work)
    assert "ck_held_seq_sign" in told
    assert "parameters hidden" in told.lower()


def made(folder: Path) -> None:
    """Make SQLite's file, with something in it."""
    with closing(sqlite3.connect(folder / FILE)) as connection:
        connection.execute("CREATE TABLE something (id INTEGER)")
        connection.commit()


def test_where_there_is_no_file_none_is_made(tmp_path: Path) -> None:
    """Whoever reads the database does not leave an empty one, which would look like an old one."""
    with pytest.raises(OutsideError, match="alphapanda db upgrade"):
        using(settings_of(tmp_path, ""), lambda database: database.health())
    assert [*tmp_path.iterdir()] == []


def test_parts_are_started_once(tmp_path: Path) -> None:
    """A second start is a mistake of ours and stops; a stop may be repeated."""

    async def work(database: Database) -> None:
        with pytest.raises(AssertionError):
            await database.start()

    made(tmp_path)
    database = using(settings_of(tmp_path, ""), work)
    assert database is None
    with pytest.raises(AssertionError):
        _ = Database(settings_of(tmp_path, "")).engine


def test_sqlite_waits_for_another_writer_and_no_longer(tmp_path: Path) -> None:
    """A second writer waits for `busy_timeout_s`, then is told that the database is locked."""
    made(tmp_path)
    settings = settings_of(tmp_path, "", database={"busy_timeout_s": 0.3})

    async def work(database: Database) -> float:
        async with database.session(writes=True) as first:
            await first.execute(text("SELECT 1"))
            began = time.monotonic()
            async with database.session(writes=True) as second:
                with pytest.raises(OperationalError, match="locked"):
                    await second.execute(text("SELECT 1"))
            return time.monotonic() - began

    assert 0.25 < using(settings, work) < 3


def test_the_server_ends_a_long_statement(postgres_url: str, tmp_path: Path) -> None:
    """PostgreSQL itself cancels a statement at the limit; the connection is good afterwards."""
    settings = settings_of(tmp_path, postgres_url, database={"statement_timeout_s": 0.3})

    async def work(database: Database) -> int:
        async with database.session() as session:
            with pytest.raises(DBAPIError, match="statement timeout"):
                await session.execute(text("SELECT pg_sleep(20)"))
            await session.rollback()
            return await session.scalar(text("SELECT 7")) or 0

    assert using(settings, work) == 7


def test_the_server_ends_an_idle_transaction(postgres_url: str, tmp_path: Path) -> None:
    """A transaction in which nothing happens holds no locks for ever."""
    settings = settings_of(tmp_path, postgres_url, database={"idle_timeout_s": 0.3})

    async def work(database: Database) -> None:
        async with database.session() as session:
            await session.execute(text("SELECT 1"))
            await asyncio.sleep(1)
            with pytest.raises(DBAPIError):
                await session.execute(text("SELECT 1"))
            await lost(session)
        await database.health()

    using(settings, work)


async def lost(session: AsyncSession) -> None:
    """Give up a session whose connection is gone."""
    await session.invalidate()


def test_a_connection_that_falls_silent_ends_in_time(postgres_url: str, tmp_path: Path) -> None:
    """When nothing arrives any more and nothing is closed, the client gives up at its limit.

    So does a stop with several open connections, which asks nothing of the server at all.
    """
    limits = {"command_timeout_s": 0.5, "connect_timeout_s": 0.5, "pool_timeout_s": 1}

    async def run(way: Proxy) -> None:
        database = Database(settings_of(tmp_path, way.url, database=limits))
        await database.start()
        await asyncio.gather(*(database.health() for _ in range(4)))
        way.blackhole()
        took = []
        for _ in range(3):
            began = time.monotonic()
            with pytest.raises(OutsideError, match="does not answer"):
                await database.health()
            took.append(time.monotonic() - began)
        assert min(took) < 1.5
        way.heal()
        await asyncio.gather(*(database.health() for _ in range(4)))
        way.delay(0.45)  # each answer is in time, all of them are not
        with pytest.raises(OutsideError, match="does not answer"):
            await database.health()
        way.heal()
        await asyncio.gather(*(database.health() for _ in range(4)))
        way.blackhole()
        async with asyncio.timeout(1.5):
            await database.stop()

    with Proxy(postgres_url) as way:
        asyncio.run(run(way))


def test_a_pool_heals_after_the_server_was_killed(tmp_path: Path) -> None:
    """Down, the database says so within its limits; up again, the same pool serves at once."""
    with own(Postgres) as server:

        async def work(database: Database) -> None:
            await asyncio.gather(*(database.health() for _ in range(4)))
            server.kill()
            began = time.monotonic()
            with pytest.raises(OutsideError, match="does not answer"):
                await database.health()
            assert time.monotonic() - began < 3
            server.start()
            await asyncio.gather(*(database.health() for _ in range(4)))

        using(settings_of(tmp_path, server.url), work)


def test_the_patient_wait_longer(postgres_url: str, tmp_path: Path) -> None:
    """For a rebuild the limits of statements are lifted."""
    limits = {"statement_timeout_s": 0.1, "command_timeout_s": 0.2}

    async def run() -> None:
        database = Database(settings_of(tmp_path, postgres_url, database=limits), patient=True)
        await database.start()
        async with database.session() as session:
            await session.execute(text("SELECT pg_sleep(0.5)"))
        await database.stop()

    asyncio.run(run())


@pytest.mark.parametrize("url", ["nonsense", "mysql://x@y/z", "sqlite:///x", "http://x"])
def test_an_address_that_is_none_is_the_users_mistake(url: str, tmp_path: Path) -> None:
    """The message names the setting and what to write, not what was written."""
    with pytest.raises(UsageError, match="ALPHAPANDA_DATABASE__URL") as error:
        using(settings_of(tmp_path, url), Database.health)
    assert url not in str(error.value)
