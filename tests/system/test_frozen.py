"""What stands still and wakes later, relay, server or reader, leaves no gap and no duplicate."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from alphapanda.bus.cursor import FileCursor
from alphapanda.bus.relay import PAGE
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.events.events import Envelope
from alphapanda.journal.journal import Journal
from alphapanda.projection.from_topics import TopicReader
from alphapanda.projection.projector import Projector
from alphapanda.projection.tables import Applied, Tables
from alphapanda.runtime.relaying import CURSOR
from tests.projection.days import environment, eventually, rows_of
from tests.projection.made_up import fresh, trades
from tests.projection.on_topics import compared, reading, to_the_end
from tests.support.events import message, send
from tests.support.forking import Forked
from tests.support.running import called, session, started
from tests.support.servers.databases import using
from tests.support.servers.kafka import Kafka

LONG = "ALPHAPANDA_TEST_KILLS" in os.environ
"""`make soak` lets servers and readers stand still for 40 s."""
PATIENT_S = 120
"""For what comes in a second, but not on a busy machine."""
ONE = pytest.mark.parametrize("migrated_database", ["sqlite"], indirect=True)


def frozen_relay(run: Path, last: int, settings: Settings) -> Forked:
    """Return a relay that was stopped in the middle of a run, as a process."""
    cursor = FileCursor(run / CURSOR)
    for _ in range(9):
        cursor.path.unlink(missing_ok=True)
        relay = started("relay", str(run), cwd=run, **environment(settings))
        until = time.monotonic() + 60
        while cursor.load() < 0:
            assert relay.poll() is None
            assert time.monotonic() < until
            time.sleep(0.005)  # what a page takes is far longer
        relay.send_signal(signal.SIGSTOP)
        if cursor.load() + 2 * PAGE < last:
            return relay
        relay.end()  # it was quicker than we
    raise AssertionError("never stopped in time")


@pytest.mark.core
@ONE
def test_a_relay_that_was_taken_for_dead_changes_nothing(settings: Settings) -> None:
    """Woken when another has ended its work, it sends a page again and leaves the cursor there."""
    run = settings.base_dir / "run"
    told = called("backtest", "ema_cross", "--data", session(3, 3_000), "--limits", "wide",
                   "--param", "fast=3", "--param", "slow=8", "--journal", "--out", "run",
                   cwd=settings.base_dir, **environment(settings))  # fmt: skip
    assert told.status == 0, told.err
    journal = Journal.open(run)
    name = str(journal.contents.manifest["run_id"])

    def rows() -> dict[str, Any]:
        found = dict(using(settings, lambda database: rows_of(database, name)))
        del found["runs"][0]["manifest"]
        return found

    expected = rows()  # projected from its journal when it had ended
    assert expected["fills"]
    using(settings, lambda database: Tables(database).clear())
    with frozen_relay(run, journal.seq, settings) as relay:
        told = called("relay", str(run), cwd=settings.base_dir, **environment(settings))
        assert told.status == 0, told.err
        last = FileCursor(run / CURSOR).load()
        assert last >= journal.seq - 1
        reading(settings, to_the_end)
        assert rows() == expected
        relay.send_signal(signal.SIGCONT)
        assert relay.wait(60) == 0
    assert FileCursor(run / CURSOR).load() == last
    again = reading(settings, to_the_end)
    assert 0 < again.processor.figures()["received"] <= 2 * PAGE  # the producer may repeat a page
    assert again.projector.progress.taken == 0
    assert rows() == expected


class Held(Projector):
    """A projector that takes in a page when it is let."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.asked, self.free = asyncio.Event(), asyncio.Event()
        self.free.set()

    async def apply(self, events: Sequence[Envelope]) -> Applied:
        """Wait, then take in."""
        self.asked.set()
        await self.free.wait()
        return await super().apply(events)


class Watched(asyncio.Lock):
    """The lock of a page, which says when a rebalance waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.awaited = asyncio.Event()

    async def acquire(self) -> Any:
        """Say so, and wait."""
        if self.locked():
            self.awaited.set()
        return await super().acquire()


@ONE
def test_a_server_frozen_while_its_group_changes_hands(settings: Settings, server: Kafka) -> None:
    """In the middle of a rebalance nothing answers for a while: then each event is in once."""
    quick = {"session_timeout_s": 3, "request_timeout_s": 1.5, "stuck_after_s": 20}
    bus = settings.bus.model_copy(update=quick)
    settings = settings.model_copy(update={"bus": bus})
    run = fresh()
    events = [message(each) for each in trades(run, 300)]

    async def go() -> None:
        held = Held(settings)
        first, second = TopicReader(settings, held), TopicReader(settings, Projector(settings))
        first.processor._busy = busy = Watched()
        await send(settings, events[:600])
        await first.start()
        await to_the_end(first)
        held.asked.clear()
        held.free.clear()
        await send(settings, events[600:1200])
        await asyncio.wait_for(held.asked.wait(), PATIENT_S)
        busy.awaited.clear()
        joining = asyncio.create_task(joined(second))
        await asyncio.wait_for(busy.awaited.wait(), PATIENT_S)  # all are asked to join anew
        server.pause()
        try:
            held.free.set()
            await asyncio.sleep(40 if LONG else 4)
        finally:
            server.resume()
        await joining
        await send(settings, events[1200:])
        await eventually(lambda: taken(first, second, count=1800), PATIENT_S)
        for each in (second, first):
            await each.stop()

    asyncio.run(go())
    compared(settings, run, 300)


async def joined(reader: TopicReader) -> None:
    """Start a reader, as often as it takes."""
    while True:
        with suppress(OutsideError):
            return await reader.start()


async def taken(*readers: TopicReader, count: int) -> bool:
    """Say if readers have taken in so many events between them."""
    return sum(each.projector.progress.taken for each in readers) >= count


class Blocking(Projector):
    """A projector that once keeps its whole process from doing anything else."""

    blocked_s = 40 if LONG else 3

    async def apply(self, events: Sequence[Envelope]) -> Applied:
        """Take in, then block, so that what is done can't be committed in time."""
        applied = await super().apply(events)
        seconds, self.blocked_s = self.blocked_s, 0
        time.sleep(seconds)  # noqa: ASYNC251 (it must block)
        return applied


@ONE
def test_a_reader_that_was_thrown_out_of_its_group_comes_back(settings: Settings) -> None:
    """Blocked for longer than its session, it takes in again what it has not committed."""
    bus = settings.bus.model_copy(update={"session_timeout_s": 2})
    settings = settings.model_copy(update={"bus": bus})
    run = fresh()
    events = [message(each) for each in trades(run, 300)]

    async def go() -> TopicReader:
        await send(settings, events[:1000])
        reader = TopicReader(settings, Blocking(settings))
        await reader.start()
        async with asyncio.timeout(PATIENT_S + Blocking.blocked_s):
            await reader.caught_up()
            await send(settings, events[1000:])
            await reader.caught_up()
        await reader.stop()
        return reader

    reader = asyncio.run(go())
    assert reader.processor.progress.failed_commits > 0
    compared(settings, run, 300)
