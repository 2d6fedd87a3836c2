"""A feed over a real server: all its rows in order, whoever is killed on the way, gaps told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alphapanda.brokers.ports import Portion
from alphapanda.bus import feed_sender, topic_reader, topics
from alphapanda.bus.feed_reader import FeedReader
from alphapanda.bus.feed_sender import FeedSender, messages
from alphapanda.bus.feed_states import STATES, Announced, announced
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.events.events import Envelope, EventType, FeedStatus, decode
from alphapanda.events.feeds import Feed, begin_ns, envelopes, phases, state
from alphapanda.model.calendar import Calendar
from alphapanda.model.columns import Columns
from alphapanda.model.instruments import Instrument
from tests.support.events import LARGE, forget, name_of_own, send, settings_for, until
from tests.support.servers.kafka import Kafka

NAMES = tuple(f"NSE:S{number}" for number in range(9))
DAY = date(2025, 11, 25)


def feed_of_own() -> Feed:
    return Feed(
        f"replay:{name_of_own()}", "tick", 0, frozenset({"ts", "instrument", "last", "qty"}),
        NAMES, tuple(map(Instrument.assumed, NAMES)), (DAY,), None,
    )  # fmt: skip


def rows(count: int, feed: Feed) -> Columns:
    """Return rows of nine instruments: all partitions have some."""
    number = np.arange(count)
    ts = begin_ns(feed) + 10**9 * (1 + number)
    return Columns.of(ts=ts, row=number % 9, last=10_000 + 7 * number, qty=1 + number)


def settings_of(folder: Path, address: str, **bus: Any) -> Settings:
    made = settings_for(folder, address, **bus)
    asyncio.run(topics.bootstrap(made, ["paper"]))
    return made


async def publish(
    settings: Settings, feed: Feed, batch: Columns, *, end: bool = True,
    days: Sequence[Envelope] = (),
) -> int:  # fmt: skip
    """Publish a feed from where it is; return that place."""
    sender = FeedSender(settings, feed, days)
    await sender.start()
    try:
        first = sender.next
        await sender.send(batch.slice(first, batch.rows))
        if end:
            await sender.end()
    finally:
        await sender.stop()
    return first


async def read(
    settings: Settings, feed: str, *, first: int = 0, most: int = 1 << 60,
    beside: Callable[[FeedReader], Any] | None = None,
) -> tuple[FeedReader, list[tuple[int, Columns]]]:  # fmt: skip
    """Read a feed to its end, or `most` rows of it; return what came, without the empty."""
    reader = FeedReader(settings, feed, first=first)
    await reader.start()
    task = None if beside is None else asyncio.create_task(beside(reader))
    found = []
    try:
        async with asyncio.timeout(200):
            while not reader.over and sum(part.columns.rows for part in found) < most:
                portion = await reader.take()
                if portion.missed or portion.columns.rows:
                    found.append(portion)
        if task is not None:
            await task
    finally:
        await reader.stop()
    return reader, found


def same(found: list[Portion], batch: Columns) -> None:
    """Check that what came is these rows, bit for bit."""
    for name, wanted in zip(Columns._fields, batch, strict=True):
        parts = [getattr(columns, name) for _, columns, *_ in found]
        assert np.concatenate([wanted[:0], *parts]).tolist() == wanted.tolist(), name


async def told_of(settings: Settings, feed: Feed, kind: EventType) -> list[Envelope]:
    """Return what the market's status says of a feed, repeats left out."""
    events = [
        decode(one.value) for one in await topic_reader.newest(settings, "market.status", 1000)
    ]
    mine = {e.id: e for e in events if e.key == feed.id and e.type == kind}
    return list(mine.values())


async def gaps(settings: Settings, feed: Feed) -> list[tuple[int, int]]:
    """Return the gaps of a feed that are on the topic."""
    told = await told_of(settings, feed, EventType.FEED_GAP)
    return [(gap.data.first, gap.data.last) for gap in told]


def test_a_feed_arrives_as_it_was_sent(kafka_address: str, tmp_path: Path) -> None:
    """All rows in order and bit for bit, though they come over four partitions; then it is over."""
    settings, feed = settings_of(tmp_path, kafka_address), feed_of_own()
    batch = rows(9_000, feed)

    async def go() -> tuple[FeedReader, list[tuple[int, Columns]]]:
        await publish(settings, feed, batch)
        return await read(settings, feed.id)

    reader, found = asyncio.run(go())
    same(found, batch)
    assert reader.feed == feed
    assert (reader.over, reader.bad, reader.replaced) == (True, 0, 0)
    _, rest = asyncio.run(read(settings, feed.id, first=8_990))
    same(rest, batch.slice(8_990, 9_000))


def test_a_sender_that_was_killed_goes_on_without_a_hole(
    kafka_address: str, tmp_path: Path
) -> None:
    """Of its last page some rows had arrived: it begins there again, and the reader drops them."""
    settings, feed = settings_of(tmp_path, kafka_address), feed_of_own()
    batch = rows(5_000, feed)
    page = feed_sender.PAGE
    assert 2 * page + 500 < batch.rows

    async def go() -> tuple[int, list[tuple[int, Columns]]]:
        await publish(settings, feed, batch.slice(0, 2 * page), end=False)
        lost = messages(envelopes(feed, batch.slice(2 * page, 2 * page + 500), 2 * page))
        await send(settings, lost[1::2])  # of a page that it died in, every other row
        first = await publish(settings, feed, batch)
        _, found = await read(settings, feed.id)
        return first, found

    first, found = asyncio.run(go())
    assert page < first <= 2 * page
    same(found, batch)


def test_the_phases_of_the_days_come_along(kafka_address: str, tmp_path: Path) -> None:
    """Each with the first rows behind it, each group's own, none lost when the sender is killed."""
    settings = settings_of(tmp_path, kafka_address)
    feed = feed_of_own()._replace(days=(date(2025, 11, 25), date(2025, 11, 26)))
    future = Instrument.assumed("NFO:NIFTY25NOVFUT")
    feed = feed._replace(instruments=(*feed.instruments[:-1], future))
    batch = rows(3_000, feed)
    batch = batch._replace(ts=begin_ns(feed) + 12 * HOUR * np.arange(3_000) // 1_000)
    days = phases(feed, Calendar.nse())

    async def go() -> list[list[Envelope]]:
        found = []
        for part, end in ((batch.slice(0, 1_100), False), (batch, True)):
            await publish(settings, feed, part, end=end, days=days)
            found.append(await told_of(settings, feed, EventType.SESSION_PHASE))
        return found

    early, whole = asyncio.run(go())
    assert [(group, minutes(event), phase, minutes(event, event.data.until))
            for event in whole for group, phase in [(event.data.group, event.data.phase)]
            if event.ts < begin_ns(feed) + 24 * HOUR] == [
        ("EQUITY", "09:00", "PRE_OPEN", "09:15"), ("DERIVATIVES", "09:15", "OPEN", "15:30"),
        ("EQUITY", "09:15", "OPEN", "15:30"), ("DERIVATIVES", "15:30", "CLOSED", "33:15"),
        ("EQUITY", "15:30", "CLOSED", "15:40"), ("EQUITY", "15:40", "POST_CLOSE", "16:00"),
        ("EQUITY", "16:00", "CLOSED", "33:00"),
    ]  # fmt: skip
    assert early == [event for event in whole if event.ts <= batch.ts[1_099]]
    assert (len(early), len(whole)) == (3, 14)
    assert minutes(whole[-1], whole[-1].data.until) == "48:00"
    assert phases(feed, Calendar.always()) == []


HOUR = 3_600 * 10**9


def minutes(event: Envelope, ts: int | None = None) -> str:
    """Return a time since the start of the feed's first day, 2025-11-25 in India."""
    past = ((ts or event.ts) - 1_764_009_000 * 10**9) // (60 * 10**9)
    return f"{past // 60:02}:{past % 60:02}"


def test_a_feed_that_had_ended_begins_anew(kafka_address: str, tmp_path: Path) -> None:
    """Played again, it is sent from its first row: the old rows may be gone from the topic."""
    settings, feed = settings_of(tmp_path, kafka_address), feed_of_own()
    batch = rows(100, feed)

    async def go() -> list[int]:
        return [await publish(settings, feed, batch), await publish(settings, feed, batch)]

    assert asyncio.run(go()) == [0, 0]
    same(asyncio.run(read(settings, feed.id))[1], batch)


def test_rows_that_never_come_are_a_gap(kafka_address: str, tmp_path: Path) -> None:
    """In the middle and at the end: told on the topic, and counted before the rows behind them."""
    settings = settings_of(tmp_path, kafka_address, gap_after_s=0.5)
    feed = feed_of_own()
    batch = rows(20, feed)
    events = list(envelopes(feed, batch, 0))
    told = [
        state(feed, FeedStatus.BEGUN, ts=begin_ns(feed)),
        *events[:7], *events[10:],
        state(feed, FeedStatus.ENDED, ts=int(batch.ts[-1]), last=24),
    ]  # fmt: skip

    async def go() -> tuple[list[tuple[int, Columns]], list[tuple[int, int]]]:
        await send(settings, messages(told))
        _, found = await read(settings, feed.id)
        return found, await gaps(settings, feed)

    found, published = asyncio.run(go())
    assert [missed for missed, *_ in found if missed] == [3, 5]
    behind = next(columns for missed, columns, *_ in found if missed == 3)
    assert behind.qty[0] == 11
    same(found, Columns._make(np.delete(c, range(7, 10)) if len(c) else c for c in batch))
    assert published == [(7, 9), (20, 24)]


def hasty(settings: Settings, **bus: Any) -> Settings:
    """Return settings with which a server is given up soon."""
    quick = {"connect_timeout_s": 1, "stuck_after_s": 1, **bus}
    return settings.model_copy(update={"bus": settings.bus.model_copy(update=quick)})


def test_an_outage_is_no_gap(own_kafka: Kafka, tmp_path: Path) -> None:
    """While the server does not answer nothing is given up, however long; then it goes on.

    The reader is hasty as long as the server is down. How soon the rows are there afterwards is
    up to the machine, so then it waits as it does by default.
    """
    settings = settings_of(tmp_path, own_kafka.url, message_bytes=LARGE)
    feed = feed_of_own()
    batch = rows(2_000, feed)
    events = list(envelopes(feed, batch, 0))

    async def trouble(reader: FeedReader) -> None:
        await until(lambda: reader._order.held > 0)
        own_kafka.kill()
        reader.settings = hasty(settings, stuck_after_s=0.2, gap_after_s=1)
        began = time.monotonic()
        await until(lambda: reader.outages > 6 and time.monotonic() - began > 2, 100)
        reader.settings = settings
        own_kafka.start()  # by this thread, with which it would die
        await send(settings, messages(events[500:600]))
        await publish(settings, feed, batch)

    async def go() -> tuple[list[tuple[int, Columns]], list[tuple[int, int]]]:
        begun = state(feed, FeedStatus.BEGUN, ts=begin_ns(feed))
        await send(settings, messages([begun, *events[:500], *events[600:700]]))
        _, found = await read(settings, feed.id, beside=trouble)
        return found, await gaps(settings, feed)

    found, published = asyncio.run(go())
    same(found, batch)
    assert published == []


def test_a_question_without_an_answer_uses_up_no_patience(
    own_kafka: Kafka, tmp_path: Path
) -> None:  # fmt: skip
    """To wait for a dead server may take longer than rows are waited for: that begins anew."""
    settings = settings_of(tmp_path, own_kafka.url, message_bytes=LARGE)
    feed = feed_of_own()
    events = list(envelopes(feed, rows(20, feed), 0))
    begun = state(feed, FeedStatus.BEGUN, ts=begin_ns(feed))

    async def go() -> None:
        await send(settings, messages([begun, *events[:5], *events[6:]]))
        reader = FeedReader(settings, feed.id)
        await reader.start()
        try:
            while not reader._order.held:
                await reader.take()
            reader.settings = hasty(settings, gap_after_s=0.1)
            own_kafka.pause()
            while not reader.outages:
                asked = time.monotonic()
                await reader.take()
            assert reader._moved_s >= asked + 1
        finally:
            own_kafka.resume()
            await reader.stop()

    asyncio.run(go())


def test_what_is_no_row_is_passed_over(kafka_address: str, tmp_path: Path) -> None:
    """Noise and impossible values among the rows stop nobody, and rows of other feeds neither."""
    settings, feed = settings_of(tmp_path, kafka_address), feed_of_own()
    batch, other = rows(50, feed), feed_of_own()
    key = b"NSE:S0"
    poison = [
        record._replace(key=key, value=value)
        for record in messages(envelopes(feed, batch.slice(0, 1), 0))
        for value in (b"{", b"[1]", b"\xff", record.value.replace(b'"version":1', b'"version":2'))
    ]

    async def go() -> tuple[FeedReader, list[tuple[int, Columns]]]:
        await publish(settings, feed, batch.slice(0, 25), end=False)
        await send(settings, poison)
        await send(settings, messages(envelopes(other, batch, 0)))
        await publish(settings, feed, batch)
        return await read(settings, feed.id)

    reader, found = asyncio.run(go())
    same(found, batch)
    assert reader.bad == len(poison)


def test_without_an_id_the_feed_that_runs_is_taken(kafka_address: str, tmp_path: Path) -> None:
    """Of one that runs and one that ended later, the one that runs; an unknown id is told."""
    settings, feed = settings_of(tmp_path, kafka_address, feed_timeout_s=0.2), feed_of_own()
    batch, other = rows(10, feed), feed_of_own()

    async def go() -> FeedReader:
        await publish(settings, feed, batch, end=False)
        await publish(settings, other, batch)
        return (await read(settings, "", most=10))[0]

    assert asyncio.run(go()).feed == feed
    with pytest.raises(OutsideError, match="no feed kite"):
        asyncio.run(read(settings, "kite"))


def test_the_types_are_of_the_table(kafka_address: str, tmp_path: Path) -> None:
    """What lies on the topics of the market are a tick's envelopes, with the feed in `source`."""
    settings, feed = settings_of(tmp_path, kafka_address), feed_of_own()
    asyncio.run(publish(settings, feed, rows(20, feed)))
    found: list[Envelope] = [
        decode(one.value)
        for one in asyncio.run(topic_reader.newest(settings, "market.ticks", 1_000))
        if feed.id.encode() in one.value
    ]
    assert {(e.type, e.broker, e.source) for e in found} == {
        (EventType.MARKET_TICK, "shared", feed.id)
    }
    assert len({e.id for e in found}) == 20
    assert {e.key for e in found} == set(NAMES)


@pytest.fixture
def no_feeds(tmp_path: Path, own_kafka: Kafka) -> Settings:
    """Return settings with a server that knows of no other test's feed."""
    settings = settings_of(tmp_path, own_kafka.url, message_bytes=LARGE)
    asyncio.run(forget(settings, STATES))
    return settings


def test_whichever_feed_runs_is_never_one_that_has_ended(
    no_feeds: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an id the next one is waited for, and taken from its first row, however short.

    One that has ended is taken by its name alone; if none begins, the message says which there are.
    """
    old, new = feed_of_own(), feed_of_own()
    settings = no_feeds.model_copy(
        update={"bus": no_feeds.bus.model_copy(update={"feed_timeout_s": 20})}
    )

    looked = asyncio.Event()

    async def noted(given: Settings) -> dict[str, Announced]:
        found = await announced(given)
        looked.set()
        return found

    monkeypatch.setattr("alphapanda.bus.feed_reader.announced", noted)

    async def go() -> None:
        await publish(settings, old, rows(50, old))
        waiting = asyncio.create_task(read(settings, ""))
        await looked.wait()
        await publish(settings, new, rows(70, new))
        reader, found = await waiting
        assert reader.feed.id == new.id
        same(found, rows(70, new))
        by_name, found = await read(settings, old.id)
        assert by_name.feed.id == old.id
        same(found, rows(50, old))
        hasty = settings.model_copy(
            update={"bus": settings.bus.model_copy(update={"feed_timeout_s": 0.1})}
        )
        with pytest.raises(OutsideError, match=f"{old.id}.*bus:FEED takes one that has ended"):
            await FeedReader(hasty).start()

    asyncio.run(go())
