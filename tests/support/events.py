"""Made-up envelopes, settings for real servers, and waiting, for the tests of the bus."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from alphapanda.bus.client import connection, kafka, opened
from alphapanda.bus.publisher import Publisher, Record
from alphapanda.bus.relay import addressed
from alphapanda.config.settings import Settings
from alphapanda.events.events import (
    SHARED,
    VERSION,
    Envelope,
    EventType,
    Fill,
    Tick,
    encode,
    event_id,
)

START_NS = 1_764_042_300 * 10**9
FILLS = "replay.orders.filled"
TICKS = "market.ticks"
LARGE = 6_000_000
"""The largest message on a server of our own: all that make topics there say so."""


def name_of_own() -> str:
    """Return a name that no other test uses."""
    return f"test-{uuid.uuid4().hex[:10]}"


def settings_for(folder: Path, address: str, *, redis: str = "", **bus: Any) -> Settings:
    """Return settings with a server, and Redis if its address is given."""
    cache = {"url": redis} if redis else {"enabled": False}
    quiet = {"console": "off"}
    return Settings(base_dir=folder, logs=quiet, redis=cache, bus={"servers": address, **bus})


def fill(run: str, seq: int, *, orders: int = 5, qty: int = 1) -> Envelope:
    """Return a fill of one of a few orders: their keys."""
    own = event_id(START_NS + seq, run, seq)
    order = seq % orders
    data = Fill(
        cause=seq, strategy="ema_cross", instrument="NSE:INFY", order=order, group=0, qty=qty,
        price="1500.05", charges="1.20", realised="0.00", position=1, filled=1,
    )  # fmt: skip
    return Envelope(
        id=own, type=EventType.ORDER_FILLED, ts=START_NS + seq, key=f"{run}:{order}", source="core",
        version=VERSION, broker="replay", run_id=run, seq=seq, correlation_id=own, causation_id=own,
        trace_id=own.replace("-", ""), data=data,
    )  # fmt: skip


def tick(
    feed: str, feed_seq: int, *, instrument: str = "NSE:INFY", last: str = "10.00"
) -> Envelope:
    """Return a row of a feed."""
    own = event_id(START_NS + feed_seq, feed, feed_seq)
    data = Tick(instrument=instrument, feed_seq=feed_seq, last=last)
    return Envelope(
        id=own, type=EventType.MARKET_TICK, ts=START_NS + feed_seq, key=instrument, source=feed,
        version=VERSION, broker=SHARED, run_id="", seq=-1, correlation_id=own, causation_id="",
        trace_id=own.replace("-", ""), data=data,
    )  # fmt: skip


class ListOutbox:
    """The outputs of a run that grows as the test likes."""

    def __init__(self, envelopes: Sequence[Envelope] = (), *, ended: bool = True) -> None:
        self.rows = [(each.seq, encode(each)) for each in envelopes]
        self.ended = ended

    def read(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        """Return what follows."""
        return self.rows[after + 1 : after + 1 + limit]

    def finished(self) -> bool:
        """Say if nothing follows."""
        return self.ended


def message(envelope: Envelope) -> Record:
    """Return an envelope's message."""
    return addressed(encode(envelope))


async def send(settings: Settings, records: Sequence[Record]) -> None:
    """Send messages."""
    publisher = Publisher(settings)
    await publisher.start()
    try:
        await publisher.publish(records)
    finally:
        await publisher.stop()


async def forget(settings: Settings, topic: str) -> None:
    """Let the server delete all that lies on a topic, as it does when it is old."""
    client = kafka().admin.AIOKafkaAdminClient(**connection(settings))
    async with opened(client, settings) as admin:
        (told,) = await admin.describe_topics([topic])
        places = [kafka().TopicPartition(topic, one["partition"]) for one in told["partitions"]]
        await admin.delete_records(dict.fromkeys(places, kafka().admin.RecordsToDelete(-1)))


async def until(is_so: Callable[[], bool], timeout_s: float = 90) -> None:
    """Wait until something is so; fail if it never comes."""
    async with asyncio.timeout(timeout_s):
        while not is_so():  # noqa: ASYNC110 (it asks about what has no event)
            await asyncio.sleep(0.02)
