"""Reads one feed from the topics of the market, in order and without a hole; a long-lived part.

It is a member of no group: what has been taken in is the reader's own journal's to know. Rows come
over several partitions; of those that are ahead no more is read while many rows are held.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

from alphapanda import log
from alphapanda.bus.client import close_client, kafka, open_client
from alphapanda.bus.feed_order import FeedOrder
from alphapanda.bus.feed_sender import PAGE, messages
from alphapanda.bus.feed_states import STATES, Announced, announced, feed_state
from alphapanda.bus.publisher import Publisher
from alphapanda.bus.topic_reader import partitions, reader, reading
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.events.events import SHARED, EventError, FeedStatus
from alphapanda.events.feeds import Feed, Portion, Reading, Row, event_of
from alphapanda.events.topics import topic_of
from alphapanda.model.columns import Columns
from alphapanda.net.tasks import waits

LOG = log.get(__name__)
POLL_MS = 200
IDLE_MS = 20
"""How long rows are waited for before the trading loop sees to its commands."""
BATCH = 4_096
HELD = 50_000
"""Rows that wait for others, from which on only partitions that are behind are read."""
MARGIN_MS = 60_000
"""How much earlier than a feed's begin its rows are looked for: the server's clock may be set."""
NONE = Columns.of()


class FeedReader:
    """Reads a feed from row `first` on; `start`, then `take` until it is `over`, and `stop`.

    Without an id it takes the feed that runs, of several the one that began last, or waits for the
    next; one that had ended before is never taken.
    """

    def __init__(self, settings: Settings, feed: str = "", *, first: int = 0) -> None:
        self.settings, self.wanted, self.first = settings, feed, first
        self.feed: Feed
        self.bad = self.replaced = self.outages = 0
        self.publisher = Publisher(settings)
        self._consumer: Any = None
        self._places: dict[Any, int] = {}  # partition: the next offset
        self._reached: dict[Any, int] = {}  # partition of rows: the newest row read
        self._ended: tuple[int, int] | None = None  # the last row, the time of the end
        self._alive_s = self._moved_s = 0.0

    @property
    def over(self) -> bool:
        """Say if the feed has ended and all of it has been taken."""
        return self._ended is not None and self._order.next > self._ended[0]

    async def start(self) -> None:
        """Find the feed, waiting for it to begin, and go to its rows.

        Raises:
            OutsideError: if the server does not answer, or no such feed begins in time.
        """
        begun = await self._begun()
        self.feed = begun.feed
        self._reading = Reading(self.feed)
        self._order = FeedOrder(self.feed.id, first=self.first)
        async with AsyncExitStack() as undone:
            undone.push_async_callback(self.stop)
            await self._open()
            await self._find(begun)
            undone.pop_all()
        self._alive_s = self._moved_s = time.monotonic()
        LOG.info("feed taken", feed=self.feed.id, row=self.first)

    async def stop(self) -> None:
        """Close the client."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await close_client(consumer, self.settings)
        await self.publisher.stop()

    async def health(self) -> None:
        """Ask the server for an answer.

        Raises:
            OutsideError: if there is none.
        """
        await self.publisher.health()

    async def take(self) -> Portion:
        """Return the rows that came next; none if nothing came for a moment.

        A row that is missing is waited for, until the server has nothing more and
        `bus.gap_after_s` have passed: then its gap is published, and what follows is returned.
        """
        rows: list[Row] = []
        found = await self._poll()
        for place, part in found.items():
            self._places[place] = part[-1].offset + 1
            rows += self._rows(place, part)
        now = time.monotonic()
        if found:
            self._alive_s = now
        ready = self._order.take(rows)
        if ready or not self._waits():
            self._moved_s = now
        if ready:
            return Portion(0, self._reading.columns(ready))
        quiet = now - self._alive_s >= self.settings.bus.stuck_after_s
        late = now - self._moved_s >= self.settings.bus.gap_after_s
        if (quiet or late) and not await self._more() and late:
            return await self._give_up()
        return Portion(0, NONE)

    async def _begun(self) -> Announced:
        until = time.monotonic() + self.settings.bus.feed_timeout_s
        over: set[tuple[str, int]] | None = None
        for wait in waits(0.1, most_s=1):
            found = await announced(self.settings)
            if self.wanted in found:
                return found[self.wanted]
            if over is None:
                over = {begin_of(each) for each in found.values() if not each.runs}
            fresh = [each for each in found.values() if begin_of(each) not in over]
            if fresh and not self.wanted:  # it may have ended since we began to wait
                return ([each for each in fresh if each.runs] or fresh)[-1]
            if time.monotonic() > until:
                break
            await asyncio.sleep(wait)
        there = f"none has begun on {STATES}"
        if found:
            ended = "" if self.wanted else "; bus:FEED takes one that has ended"
            there = f"there are {', '.join(found)}{ended}"
        raise OutsideError(
            f"no feed {self.wanted or 'runs'}; {there}: "
            "start one, alphapanda run --role feed --feed replay:PATH"
        )

    async def _open(self) -> None:
        consumer = kafka().AIOKafkaConsumer(**reading(self.settings))
        await open_client(consumer, self.settings)
        self._consumer = consumer

    async def _find(self, begun: Announced) -> None:
        """Go to the partitions of the feed's rows, and of its state, as they were when it began."""
        topic = topic_of(event_of(self.feed.kind), SHARED)
        rows = await partitions(self._consumer, topic)
        places = [*rows, *await partitions(self._consumer, STATES)]
        self._consumer.assign(places)
        since = max(begun.stamp_ms - MARGIN_MS, 0)
        starts = await self._consumer.offsets_for_times(dict.fromkeys(places, since))
        ends = await self._consumer.end_offsets(places)
        for place in places:
            start = ends[place] if starts[place] is None else starts[place].offset
            if place in rows and self.first > PAGE:
                start = await self._nearer(place, start, ends[place])
            self._places[place] = start
        for place, start in self._places.items():
            self._consumer.seek(place, start)
        self._reached = dict.fromkeys(rows, -1)
        self._begun_ms = begun.stamp_ms

    # In a partition rows go back by less than a page, where a sender was killed. Or all come again:
    # then those that have not been taken follow in any case.
    async def _nearer(self, place: Any, low: int, high: int) -> int:
        """Return an offset from which on all rows of a partition are that were not taken before."""
        while high - low > PAGE:
            middle = (low + high) // 2
            seq = await self._seq_at(place, middle)
            if seq is not None and seq < self.first - PAGE:
                low = middle
            else:
                high = middle
        return low

    async def _seq_at(self, place: Any, offset: int) -> int | None:
        """Return the sequence of a row at an offset or soon behind it; None if none is found."""
        self._consumer.seek(place, offset)
        found = await self._consumer.getmany(place, timeout_ms=POLL_MS, max_records=BATCH)
        rows = self._rows_in(place, found.get(place, []))
        return rows[0].seq if rows else None

    async def _poll(self) -> dict[Any, list[Any]]:
        if self._consumer is None:  # the last one could not be replaced
            await self._replace()
            return {}
        places = self._awaited() if self._order.held > HELD else []
        found: dict[Any, list[Any]] = await self._consumer.getmany(
            *places, timeout_ms=IDLE_MS, max_records=BATCH
        )
        return {place: part for place, part in found.items() if part}

    def _awaited(self) -> list[Any]:
        """Return the partitions that may hold the row that comes next, or the feed's end."""
        return [
            place for place in self._places
            if self._reached.get(place, -1) < self._order.next
        ]  # fmt: skip

    def _rows(self, place: Any, part: list[Any]) -> list[Row]:
        if place not in self._reached:
            for message in part:
                self._state(message)
            return []
        found = self._rows_in(place, part)
        if found:
            self._reached[place] = max(self._reached[place], found[-1].seq)
        return found

    def _rows_in(self, place: Any, part: list[Any]) -> list[Row]:
        found = []
        for message in part:
            try:
                row = self._reading.row(message.value or b"")
            except EventError as error:
                self.bad += 1
                LOG.warning("passed over", topic=place.topic, partition=place.partition,
                            offset=message.offset, reason=str(error)[:200])  # fmt: skip
                continue
            if row is not None:
                found.append(row)
        return found

    def _state(self, message: Any) -> None:
        event = feed_state(message.value or b"")
        if event is None or event.key != self.feed.id or message.timestamp < self._begun_ms:
            return
        if event.data.status == FeedStatus.ENDED:
            self._ended = event.data.last, event.ts

    def _waits(self) -> bool:
        """Say if a row is missing: others are held, or the feed has ended behind it."""
        return bool(self._order.held) or (self._ended is not None and not self.over)

    async def _more(self) -> bool:
        """Say if the server has messages that were not read, or does not answer.

        It is asked past the client that reads: one that is stuck knows no newer end, and is
        replaced. The wait for missing rows begins anew when the answer is there, or is given up:
        what was asked may take longer than that wait.
        """
        places = self._awaited()
        try:
            async with reader(self.settings) as other:
                ends = await other.end_offsets(places)
        except OutsideError as error:
            LOG.warning("no rows, and no server", feed=self.feed.id, error=error)
            self.outages += 1
            self._alive_s = self._moved_s = time.monotonic()
            return True
        more = any(ends[place] > self._places[place] for place in places)
        if more:
            await self._replace()
            self._moved_s = time.monotonic()
        self._alive_s = time.monotonic()
        return more

    async def _replace(self) -> None:
        self.replaced += 1
        LOG.warning("feed's consumer replaced", feed=self.feed.id)
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await close_client(consumer, self.settings)
        try:
            await self._open()
        except OutsideError as error:
            LOG.warning("no new consumer yet", feed=self.feed.id, error=error)
            await asyncio.sleep(1)
            self.outages += 1
            self._alive_s = self._moved_s = time.monotonic()
            return
        self._consumer.assign(list(self._places))
        for place, offset in self._places.items():
            self._consumer.seek(place, offset)

    async def _give_up(self) -> Portion:
        """Tell of the rows that are missing, and return those behind them."""
        before = self._order.next
        told, ready = self._order.skip(self._ended)
        LOG.error("rows of the feed never came", feed=self.feed.id, first=told.data.first,
                  last=told.data.last)  # fmt: skip
        await self.publisher.insist(messages([told]))
        self._moved_s = time.monotonic()
        columns = self._reading.columns(ready) if ready else NONE
        return Portion(told.data.last + 1 - before, columns)


def begin_of(each: Announced) -> tuple[str, int]:
    """Return which feed has begun, and when: one that is played again has begun anew."""
    return each.feed.id, each.stamp_ms
