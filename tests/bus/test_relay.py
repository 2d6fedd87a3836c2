"""The relay on a real server: every event arrives, in order, whatever is killed on the way."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from alphapanda.bus import topics
from alphapanda.bus.client import kafka
from alphapanda.bus.cursor import FileCursor
from alphapanda.bus.publisher import Publisher, Record, TooLargeError, producing
from alphapanda.bus.relay import Relay
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.events.events import Envelope, encode
from tests.bus.arrivals import by_key, landed, once
from tests.support.events import (
    LARGE,
    ListOutbox,
    fill,
    message,
    name_of_own,
    settings_for,
    until,
)
from tests.support.servers.kafka import Kafka


@pytest.fixture
def settings(tmp_path: Path, kafka_address: str) -> Settings:
    made = settings_for(tmp_path, kafka_address)
    asyncio.run(topics.bootstrap(made, ["replay"]))
    return made


def arrived(settings: Settings, run: str) -> list[Envelope]:
    """Return a run's events as they lie on the topic, repeats included."""
    return asyncio.run(landed(settings, run))


def test_a_run_is_published_and_a_second_relay_sends_nothing(settings: Settings) -> None:
    """Bytes arrive as they were, by key and in order; the cursor says that all is done."""
    run = name_of_own()
    events = [fill(run, seq) for seq in range(5000)]
    cursor = FileCursor(settings.base_dir / "relay.cursor")

    async def go() -> Relay:
        relay = Relay(settings, ListOutbox(events), cursor, run_id=run)
        await relay.start()
        await relay.health()
        await relay.drained()
        await relay.stop()
        return relay

    assert asyncio.run(go()).relayed.sent == 5000
    assert cursor.load() == 4999
    assert asyncio.run(go()).relayed.sent == 0
    assert arrived(settings, run) == events


def test_what_follows_is_sent_and_stop_flushes(settings: Settings) -> None:
    """A live run's events go out as they come, and stop sends those that are there, within 5 s."""
    run = name_of_own()
    outbox = ListOutbox(ended=False)

    async def go() -> Relay:
        relay = Relay(settings, outbox, FileCursor(settings.base_dir / "c"), run_id=run, page=7)
        await relay.start()
        for seq in range(100):
            outbox.rows.append((seq, encode(fill(run, seq))))
            relay.wake()
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await relay.stop()
        return relay

    relay = asyncio.run(go())
    assert relay.relayed.position == 99
    assert [one.seq for one in arrived(settings, run)] == list(range(100))


def test_killed_and_restarted_server_loses_nothing(tmp_path: Path, own_kafka: Kafka) -> None:
    """Kill -9 in mid run, twice: the run goes on, every event arrives, order in a key holds.

    To start takes longer than the relay waits for an answer, so it tries again.
    """
    run, server = name_of_own(), own_kafka
    part, begun = 3_000, 500
    events = [fill(run, seq) for seq in range(3 * part)]
    outbox = ListOutbox(ended=False)

    async def go(settings: Settings) -> Relay:
        await topics.bootstrap(settings, ["replay"])
        relay = Relay(settings, outbox, FileCursor(tmp_path / "c"), run_id=run, page=100)
        await relay.start()
        rows = [(one.seq, encode(one)) for one in events]
        for first in range(0, 3 * part, part):
            outbox.rows += rows[first : first + part]
            await until(lambda goal=first + begun: relay.relayed.position > goal, 200)
            if first < 2 * part:
                server.kill()
                server.launch()  # on this thread: it dies with the one that started it
                await until(server.is_ready, server.start_timeout_s)
        outbox.ended = True
        async with asyncio.timeout(200):
            await relay.drained()
        await relay.stop()
        return relay

    settings = settings_for(
        tmp_path, server.url, send_timeout_s=1, connect_timeout_s=3, message_bytes=LARGE
    )
    relay = asyncio.run(go(settings))
    found = arrived(settings, run)
    assert relay.relayed.position == len(events) - 1
    assert relay.publisher.sent.retries > 0
    assert {one.seq for one in found} == set(range(len(events)))
    assert by_key(once(found)) == by_key(events)


class Ledger:
    """A cursor of a relay that is killed after some pages, before it can store."""

    def __init__(self, pages: int) -> None:
        self.seq, self.pages = -1, pages

    def load(self) -> int:
        """Return what was stored."""
        return self.seq

    def store(self, seq: int) -> int:
        """Store, until it dies."""
        if self.pages == 0:
            raise OutsideError("killed here")
        self.pages -= 1
        self.seq = seq
        return seq


def test_a_relay_killed_before_its_cursor_moves_sends_again(settings: Settings) -> None:
    """At least once: what was acknowledged but not noted is sent again, as the same envelopes."""
    run = name_of_own()
    events = [fill(run, seq) for seq in range(50)]
    cursor = Ledger(3)

    async def go() -> None:
        relay = Relay(settings, ListOutbox(events), cursor, run_id=run, page=10)
        await relay.start()
        with pytest.raises(OutsideError, match="killed here"):
            await relay.drained()
        with pytest.raises(OutsideError, match="killed here"):
            await relay.health()
        await relay.stop()
        cursor.pages = 99
        again = Relay(settings, ListOutbox(events), cursor, run_id=run, page=10)
        await again.start()
        await again.drained()
        await again.stop()

    asyncio.run(go())
    found = arrived(settings, run)
    assert len(found) == 60
    assert by_key(once(found)) == by_key(events)


class Frozen(ListOutbox):
    """The outbox of a relay that is stopped with a page in its hand, until it is woken."""

    def __init__(self, events: list[Envelope], *, at: int) -> None:
        super().__init__(events)
        self.at, self.asleep, self.woken = at, threading.Event(), threading.Event()

    def read(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        """Return what follows, late."""
        page = super().read(after, limit)
        if after >= self.at and not self.woken.is_set():
            self.asleep.set()
            assert self.woken.wait(60)
        return page


def test_a_relay_that_wakes_beside_its_successor_sends_a_page(settings: Settings) -> None:
    """It sends again what it had in its hand and no more; the cursor stays where the other is."""
    run = name_of_own()
    events = [fill(run, seq) for seq in range(100)]
    path, outbox = settings.base_dir / "c", Frozen(events, at=29)

    async def go() -> Relay:
        old = Relay(settings, outbox, FileCursor(path), run_id=run, page=10)
        await old.start()
        await until(outbox.asleep.is_set)
        new = Relay(settings, ListOutbox(events), FileCursor(path), run_id=run, page=7)
        await new.start()
        await new.drained()
        await new.stop()
        outbox.woken.set()
        await old.drained()
        await old.stop()
        return old

    assert asyncio.run(go()).relayed.sent == 40
    assert FileCursor(path).load() == 99
    found = arrived(settings, run)
    assert len(found) == 110
    assert by_key(once(found)) == by_key(events)


async def lose_sequence(publisher: Publisher) -> None:
    """Let the server and the producer differ on what was sent."""
    manager = publisher._producer._txn_manager
    for place in list(manager._sequence_numbers):
        manager.increment_sequence_number(place, 100)


async def fence(publisher: Publisher) -> None:
    """Let another producer send as the next epoch of this one."""
    own = publisher._producer._txn_manager._pid_and_epoch
    other = Publisher(publisher.settings)
    await other.start()
    other._producer._txn_manager._pid_and_epoch = own._replace(epoch=own.epoch + 1)
    await other.publish([message(fill("another", 0, orders=1))])
    await other.stop()


@pytest.mark.parametrize(("spoil", "said"), [
    (lose_sequence, "OutOfOrderSequence"), (fence, "ProducerFenced"),
])  # fmt: skip
def test_a_producer_that_never_heals_is_replaced(
    settings: Settings, spoil: Callable[[Publisher], Awaitable[None]], said: str
) -> None:
    """Every later send of it fails too; the next attempt has a new producer, within 5 s."""
    run = name_of_own()

    async def go() -> Publisher:
        publisher = Publisher(settings)
        await publisher.start()
        await publisher.publish([message(fill(run, 0, orders=1))])
        await spoil(publisher)
        with pytest.raises(OutsideError, match=said):
            await publisher.publish([message(fill(run, 1, orders=1))])
        async with asyncio.timeout(5):
            await publisher.publish([message(fill(run, 1, orders=1))])
        await spoil(publisher)
        async with asyncio.timeout(5):
            await publisher.insist([message(fill(run, 2, orders=1))])
        await publisher.stop()
        return publisher

    publisher = asyncio.run(go())
    assert (publisher.sent.producers, publisher.sent.errors) == (3, 2)
    assert [one.seq for one in arrived(settings, run)] == [0, 1, 2]


def test_a_server_that_answers_nothing_ends_a_send_in_time(
    tmp_path: Path, own_kafka: Kafka, own_topics: Settings
) -> None:
    """Frozen, connections open: publish and stop come back within their own limits."""
    quick = settings_for(tmp_path, own_kafka.url, send_timeout_s=1, stop_timeout_s=1)

    async def go() -> None:
        publisher = Publisher(quick)
        await publisher.start()
        own_kafka.pause()
        try:
            async with asyncio.timeout(5):
                with pytest.raises(OutsideError, match="does not answer"):
                    await publisher.publish([message(fill(name_of_own(), 0))])
                await publisher.stop()
        finally:
            own_kafka.resume()

    asyncio.run(go())


def test_too_large_a_message_is_refused_before_it_is_sent(settings: Settings) -> None:
    """It would fail for ever on the server, and take its neighbours with it."""

    async def go() -> None:
        publisher = Publisher(settings)
        with pytest.raises(TooLargeError, match="2000000 bytes for"):
            await publisher.publish([Record("market.ticks", b"k", b"x" * 2_000_000)])

    asyncio.run(go())


def test_no_server_stops_the_start(tmp_path: Path) -> None:
    """The message says what to do, and nothing is left running."""
    settings = settings_for(tmp_path, "127.0.0.1:1", connect_timeout_s=1)
    before = {thread.ident for thread in threading.enumerate()}

    async def go() -> None:
        relay = Relay(settings, ListOutbox(), FileCursor(tmp_path / "c"), run_id="r")
        with pytest.raises(OutsideError, match="ALPHAPANDA_BUS__SERVERS"):
            await relay.start()
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(go())
    assert len({thread.ident for thread in threading.enumerate()} - before) <= 1


def test_the_producer_is_made_without_defaults_that_lose(settings: Settings) -> None:
    """Acknowledged by all copies, idempotent, compressed: read back from the library's object."""

    async def go() -> Any:
        producer = kafka().AIOKafkaProducer(**producing(settings))
        found = (
            producer._sender._acks, producer._txn_manager is not None, producer._compression_type
        )  # fmt: skip
        await producer.stop()
        return found

    assert asyncio.run(go()) == (-1, True, "lz4")


@pytest.mark.parametrize("text", [b"", b"12", b"12\n", b"twelve\n", b"-5\n", b"\x00\x00\n"])
def test_a_damaged_cursor_starts_over(tmp_path: Path, text: bytes) -> None:
    """Nothing is skipped: what is sent again is dropped by its id. A whole one never goes back."""
    cursor = FileCursor(tmp_path / "c")
    assert cursor.load() == -1
    cursor.store(41)
    cursor.store(42)
    assert (cursor.load(), [each.name for each in tmp_path.iterdir()]) == (42, ["c"])
    assert FileCursor(tmp_path / "c").store(17) == 42
    assert cursor.load() == 42
    (tmp_path / "c").write_bytes(text)
    assert cursor.load() == -1
    assert cursor.store(3) == cursor.load() == 3


def test_no_flipped_bit_of_a_cursor_is_a_place(tmp_path: Path) -> None:
    """Whichever bit of the file is another, all is sent again; whole, it is the place it was."""
    outbox = ListOutbox([fill("run", seq) for seq in range(1_210)])
    cursor = FileCursor(tmp_path / "c", run_id="run", outbox=outbox)
    assert cursor.store(80) == cursor.load() == 80
    text = cursor.path.read_bytes()
    for place in range(8 * len(text)):
        flipped = bytearray(text)
        flipped[place // 8] ^= 1 << place % 8
        cursor.path.write_bytes(flipped)
        assert cursor.load() == -1, flipped
    cursor.path.write_bytes(text)
    assert cursor.load() == 80


def test_a_cursor_of_another_state_is_no_place(tmp_path: Path) -> None:
    """Of another run, beyond the journal, or of a backup that went on otherwise: begin again."""
    events = [fill("run", seq) for seq in range(100)]
    whole = ListOutbox(events)
    FileCursor(tmp_path / "c", run_id="run", outbox=whole).store(80)
    other = FileCursor(tmp_path / "c", run_id="other", outbox=whole)
    assert (other.load(), other.damage) == (-1, "it is of the run run")
    short = FileCursor(tmp_path / "c", run_id="run", outbox=ListOutbox(events[:80]))
    assert (short.load(), short.damage) == (-1, "the journal does not reach to its place 80")
    changed = ListOutbox([*events[:80], fill("run", 80, qty=2), *events[81:]])
    backup = FileCursor(tmp_path / "c", run_id="run", outbox=changed)
    assert backup.load() == -1
    assert backup.damage == "at its place 80 the journal holds another event"
    assert backup.store(10) == backup.load() == 10
