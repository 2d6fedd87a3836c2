"""A run's journal is followed to its end, once, whatever fails on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import event as hook

from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.projection.follower import Follower, Source
from alphapanda.projection.projector import Projector
from alphapanda.projection.tables import Tables
from alphapanda.store.database import Database
from tests.projection.days import ListOutbox, eventually, rows_of, source
from tests.projection.made_up import fresh, trades
from tests.support.servers import databases
from tests.support.servers.databases import using
from tests.support.servers.postgres import Postgres


def following(
    settings: Settings, run: Source, work: Callable[[Follower], Awaitable[Any]], **more: Any
) -> Follower:  # fmt: skip
    async def go() -> Follower:
        projector = Projector(settings)
        follower = Follower(projector, run, **more)
        await follower.start()
        try:
            await work(follower)
        finally:
            await follower.stop()
            await projector.stop()
        return follower

    return asyncio.run(go())


async def to_the_end(follower: Follower) -> None:
    assert await follower.drained(120)
    assert not follower.trouble


async def reached(follower: Follower, place: int) -> None:
    """Wait until all up to a place has been taken in."""

    async def there() -> bool:
        return follower.position == place

    await eventually(there)


def compared(settings: Settings, run: str, count: int) -> None:
    """See that the tables are those of the run, taken in at once and in order."""

    async def work(database: Database) -> None:
        assert await rows_of(database, run) == await taken_at_once(database, count)

    using(settings, work)


async def taken_at_once(database: Database, count: int) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of a run of `count` trades that is taken in at once and in order."""
    twin = fresh()
    events = trades(twin, count)
    await Tables(database).apply(events)
    await Tables(database).tell(twin, source(events).about())
    return await rows_of(database, twin)


def test_a_run_is_followed_to_its_end(migrated_database: Settings) -> None:
    """What is let out later is taken in; a second follower finds nothing to do."""
    run = fresh()
    events = trades(run, 50)
    part = source(events, out=100)
    outbox: Any = part.outbox

    async def work(follower: Follower) -> None:
        await reached(follower, 99)
        await follower.health()
        outbox.out = len(events)
        await to_the_end(follower)

    assert following(migrated_database, part, work, page=7).projector.progress.taken == 300
    compared(migrated_database, run, 50)
    again = following(migrated_database, source(events), to_the_end)
    assert again.projector.progress.taken == 0


def test_stopped_it_goes_on_another_time(migrated_database: Settings) -> None:
    """Stopped between pages, the next one continues behind the last that was kept."""
    run = fresh()
    events = trades(run, 60)

    async def a_little(follower: Follower) -> None:
        async def begun() -> bool:
            return follower.position is not None and follower.position > 0

        await eventually(begun)

    first = following(migrated_database, source(events), a_little, page=5)
    second = following(migrated_database, source(events), to_the_end)
    taken = first.projector.progress.taken + second.projector.progress.taken
    assert taken == 360
    compared(migrated_database, run, 60)


def test_rows_dropped_under_a_follower_come_again(migrated_database: Settings) -> None:
    """A rebuild beside it, killed when it has dropped the rows: it goes back to where they end."""
    run = fresh()
    events = trades(run, 50)
    part = source(events, out=100)
    outbox: Any = part.outbox

    async def work(follower: Follower) -> None:
        await reached(follower, 99)
        await follower.projector.tables.clear(run)
        outbox.out = 150
        await reached(follower, 149)
        await follower.projector.tables.clear(run)
        outbox.out = len(events)
        await to_the_end(follower)
        assert follower.projector.progress.holes == {}

    following(migrated_database, part, work, page=7)
    compared(migrated_database, run, 50)


@pytest.mark.parametrize("place", [0, 300])
def test_a_run_dropped_at_its_start_or_before_its_end_comes_again(
    migrated_database: Settings, place: int
) -> None:
    """Though no event waits for another then: its start is not in the tables."""
    run = fresh()
    events = trades(run, 50)
    part = source(events, out=place + 1)
    outbox: Any = part.outbox

    async def work(follower: Follower) -> None:
        async def there() -> bool:
            return follower.position == place and follower._told

        await eventually(there)
        await follower.projector.tables.clear(run)
        outbox.out = len(events)
        await to_the_end(follower)

    following(migrated_database, part, work, page=400)
    compared(migrated_database, run, 50)


def test_an_event_held_beyond_the_end_is_not_waited_for(migrated_database: Settings) -> None:
    """A stray event of the run, from elsewhere: all that the journal has is taken in, once."""
    run = fresh()
    events = trades(run, 50)
    stray = msgspec.structs.replace(events[-2], seq=1_000)
    using(migrated_database, lambda database: Tables(database).apply([stray]))
    follower = following(migrated_database, source(events), to_the_end, page=70)
    assert follower.projector.progress.taken == 300
    assert follower.projector.progress.holes[run][0] == 300


def test_rows_are_dropped_between_two_pages_never_within(migrated_database: Settings) -> None:
    """Dropped again and again by others while a run is taken in, nothing of before is left."""
    run, other = fresh(), fresh()
    events = trades(run, 200)

    async def work(follower: Follower) -> None:
        own = Database(migrated_database)
        await own.start()
        try:
            await Tables(own).apply(trades(other, 3))
            for number in range(12):
                await Tables(own).clear(None if number % 2 else run)
        finally:
            await own.stop()
        await to_the_end(follower)

    following(migrated_database, source(events), work, page=60)
    if using(migrated_database, lambda database: Tables(database).place(run)) < len(events) - 2:
        following(migrated_database, source(events), to_the_end)  # dropped behind its last page
    compared(migrated_database, run, 200)


@pytest.mark.parametrize("statement", ["INSERT INTO signals", "INSERT INTO orders", "UPDATE runs"])
def test_a_database_that_fails_is_tried_again(migrated_database: Settings, statement: str) -> None:
    """Whatever statement an outage strikes, the page is taken in later, once."""
    run = fresh()
    left = [3]

    def fail(_: Any, __: Any, text: str, *___: Any) -> None:
        if text.startswith(statement) and left[0]:
            left[0] -= 1
            raise OSError("the line is cut")

    async def work(follower: Follower) -> None:
        async def struck() -> bool:
            return bool(follower.trouble)

        projector = follower.projector

        async def started() -> bool:
            return projector.started

        await eventually(started)
        hook.listen(projector.database.engine.sync_engine, "before_cursor_execute", fail)
        outbox: Any = follower.source.outbox
        outbox.out = len(outbox.lines)
        await eventually(struck)
        with pytest.raises(OutsideError, match="line is cut"):
            await follower.health()
        await to_the_end(follower)

    following(migrated_database, source(trades(run, 30), out=0), work, page=50)
    assert left == [0]
    compared(migrated_database, run, 30)


def test_postgresql_down_for_a_while(
    tmp_path: Path, templates: databases.Templates, own_postgres: Postgres
) -> None:
    """Down when it starts, and killed in the middle: everything arrives once, when it is back."""
    run = fresh()
    events = trades(run, 400)
    part = source(events, out=1_000)
    outbox: Any = part.outbox

    async def work(follower: Follower) -> None:
        async def waits() -> bool:
            return "does not answer" in follower.trouble

        await eventually(waits)
        own_postgres.start()
        await reached(follower, 999)
        own_postgres.kill()
        outbox.out = len(events)
        await eventually(waits)
        assert not await follower.drained(0.5)
        own_postgres.start()
        await to_the_end(follower)

    with templates.migrated(tmp_path, own_postgres.url) as settings:
        own_postgres.stop()
        following(settings, part, work, page=100)
        compared(settings, run, 400)


def test_a_schema_of_another_version_is_told(
    tmp_path: Path, templates: databases.Templates
) -> None:
    """An empty database is no place for tables: the message says which command makes them."""
    with templates.empty(tmp_path, "") as settings:

        async def work(follower: Follower) -> None:
            async def told() -> bool:
                return "alphapanda db upgrade" in follower.trouble

            await eventually(told)
            assert not await follower.drained(0.3)

        following(settings, source(trades(fresh(), 1)), work)


def test_a_mistake_of_ours_ends_it_and_health_says_so(
    tmp_path: Path, templates: databases.Templates
) -> None:
    """What is no outage is not tried for ever."""

    class Broken(ListOutbox):
        def read(self, after: int, limit: int) -> list[tuple[int, bytes]]:
            raise AssertionError(f"{after} {limit}")

    events = trades(fresh(), 1)
    broken = source(events)._replace(outbox=Broken(events))
    with templates.migrated(tmp_path, "") as settings:

        async def work(follower: Follower) -> None:
            with pytest.raises(AssertionError):
                await follower.drained(10)
            with pytest.raises(OutsideError, match="not projected"):
                await follower.health()

        following(settings, broken, work)
