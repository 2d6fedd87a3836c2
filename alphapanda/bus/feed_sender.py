"""Publishes a feed's rows, in order, each page acknowledged before the next; a long-lived part.

Killed and started again it goes on without a hole: all pages before the newest row on the topic
are there, and of the last page some rows may come twice, under the same ids. So may the changes of
phase of its days, each of which goes out with the first page behind it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AsyncExitStack

import msgspec

from alphapanda import log
from alphapanda.bus.feed_states import Announced, announced
from alphapanda.bus.publisher import Publisher, Record
from alphapanda.bus.relay import topic_name
from alphapanda.bus.topic_reader import newest
from alphapanda.config.settings import Settings
from alphapanda.events.events import SHARED, Envelope, FeedStatus, encode
from alphapanda.events.feeds import Feed, begin_ns, envelopes, event_of, state
from alphapanda.events.topics import topic_of
from alphapanda.model.columns import Columns
from alphapanda.model.rows import NEVER

LOG = log.get(__name__)
PAGE = 1_024
"""Rows that are on their way at once, and what is sent again at most."""


class _Row(msgspec.Struct):
    feed_seq: int


class _Message(msgspec.Struct):
    source: str
    data: _Row


_MESSAGE = msgspec.json.Decoder(_Message)


class FeedSender:
    """Sends one feed; `start`, then `send` from row `next` on, `end`, and `stop`."""

    def __init__(self, settings: Settings, feed: Feed, phases: Sequence[Envelope] = ()) -> None:
        self.settings, self.feed = settings, feed
        self.next = 0
        self._phases = deque(phases)
        self.publisher = Publisher(settings)
        self._ts = begin_ns(feed)

    async def start(self) -> None:
        """Connect, and say that the feed begins; or find where it was killed.

        Raises:
            OutsideError: if the server does not answer.
        """
        async with AsyncExitStack() as undone:
            undone.push_async_callback(self.publisher.stop)
            await self.publisher.start()
            before = (await announced(self.settings)).get(self.feed.id)
            if before is not None and before.runs:
                self.next = await unsent(self.settings, before)
            else:
                await self.publisher.publish(messages([state(
                    self.feed, FeedStatus.BEGUN, ts=begin_ns(self.feed)
                )]))  # fmt: skip
            undone.pop_all()
        LOG.info("feed begins", feed=self.feed.id, row=self.next)

    async def stop(self) -> None:
        """Close; what `send` has returned from is acknowledged already."""
        await self.publisher.stop()
        LOG.info("feed sender stopped", feed=self.feed.id, row=self.next)

    async def health(self) -> None:
        """Ask the server for an answer.

        Raises:
            OutsideError: if there is none.
        """
        await self.publisher.health()

    async def send(self, batch: Columns) -> None:
        """Publish the rows that follow; without a server it waits, as long as it takes."""
        for at in range(0, batch.rows, PAGE):
            page = batch.slice(at, at + PAGE)
            self._ts = int(page.ts[-1])
            events = [*self._due(self._ts), *envelopes(self.feed, page, self.next)]
            await self.publisher.insist(messages(events))
            self.next += page.rows

    async def end(self) -> None:
        """Say that no row follows."""
        ended = state(self.feed, FeedStatus.ENDED, ts=self._ts, last=self.next - 1)
        await self.publisher.insist(messages([*self._due(NEVER), ended]))

    def _due(self, until: int) -> Iterator[Envelope]:
        while self._phases and self._phases[0].ts <= until:
            yield self._phases.popleft()


def messages(events: Iterable[Envelope]) -> list[Record]:
    """Return events of the market as messages."""
    return [
        Record(topic_name(event.type, event.broker), event.key.encode(), encode(event))
        for event in events
    ]


async def unsent(settings: Settings, begun: Announced) -> int:
    """Return a row of a feed that has begun before which every row is on the topic."""
    topic = topic_of(event_of(begun.feed.kind), SHARED)
    newest_row = -1
    for message in await newest(settings, topic, PAGE):
        try:
            row = _MESSAGE.decode(message.value or b"")
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        if row.source == begun.feed.id and message.timestamp >= begun.stamp_ms:
            newest_row = max(newest_row, row.data.feed_seq)
    return max(0, newest_row + 1 - PAGE)
