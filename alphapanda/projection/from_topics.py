"""Reads the topics for the projector, as one of a group; refused events become dead letters."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import NamedTuple

from alphapanda.bus.backlog import Share, backlog
from alphapanda.bus.client import GROUP, connection, kafka, opened
from alphapanda.bus.dead_letters import buried, identity
from alphapanda.bus.dedup import SeenHere
from alphapanda.bus.processor import Processor
from alphapanda.bus.publisher import Record
from alphapanda.bus.topic_reader import letters_of
from alphapanda.config.settings import Settings
from alphapanda.errors import UsageError
from alphapanda.events.events import Envelope, encode
from alphapanda.events.topics import BROKERS, topic_of, topics
from alphapanda.net.tasks import waits
from alphapanda.projection.projector import Projector
from alphapanda.projection.tables import Refused

NAME = "project"
TOPICS = sorted({name for broker in BROKERS for name in topics(broker)})
PAGE = 5_000
FIRST_LOOK_S, LOOK_S = 0.05, 0.5


class Message(NamedTuple):
    """What a dead letter tells of an event, which may have been held since it arrived."""

    topic: str
    key: bytes
    value: bytes
    partition: int = -1
    offset: int = -1


class TopicReader:
    """Takes in all topics of all brokers; `start`, `health`, `stop`."""

    def __init__(self, settings: Settings, projector: Projector) -> None:
        self.settings, self.projector = settings, projector
        # The tables know what they have taken in, and still do when they have been dropped.
        self.processor = Processor(
            settings, name=NAME, topics=TOPICS, apply=self._apply, seen=SeenHere(0), batch=PAGE
        )
        self._letters: list[Record] = []

    async def start(self) -> None:
        """Start the projector, show the latest runs, and join the group.

        Raises:
            OutsideError: if database or server do not answer.
        """
        async with AsyncExitStack() as undone:
            undone.push_async_callback(self.projector.stop)
            await self.projector.start()
            await self.projector.show()
            # Read again from the start, what was bad is bad again, and has its letter.
            self.processor.delivery.there = await letters_of(self.settings, self.processor.group)
            await self.processor.start()
            undone.pop_all()

    async def stop(self) -> None:
        """Finish the page in hand, leave the group, stop the projector."""
        await self.processor.stop()
        await self.projector.stop()

    async def health(self) -> None:
        """See that messages are taken in.

        Raises:
            OutsideError: if they are not; the message says what to do.
        """
        await self.processor.health()
        await self.projector.health()

    async def caught_up(self, show: Callable[[int, int], None] | None = None) -> int:
        """Wait until all that is on the topics now has been taken in; return how many messages.

        Raises:
            OutsideError: if server or database do not answer, or the reader has ended.
        """
        first = await self._shares()
        total = sum(share.waiting for share in first.values())
        now, wait = first, waits(FIRST_LOOK_S, most_s=LOOK_S)
        while any(now[place].committed < share.end for place, share in first.items()
                  if share.waiting):  # fmt: skip
            await self.processor.health()
            await self.projector.database.health()
            await asyncio.sleep(next(wait))
            now = await self._shares()
            if show is not None:
                left = sum(
                    max(share.end - max(now[place].committed, share.begin), 0)
                    for place, share in first.items()
                )
                show(total - left, total)
        return total

    async def _shares(self) -> dict[tuple[str, int], Share]:
        return await backlog(self.settings, self.processor.group, TOPICS)

    async def _apply(self, events: Sequence[Envelope]) -> None:
        applied = await self.projector.apply(events)
        # Kept until they have arrived: given again, an event is not refused a second time.
        delivery = self.processor.delivery
        letters = [self._letter(each) for each in applied.refused]
        self._letters += [one for one in letters if identity(one.headers) not in delivery.there]
        if self._letters:
            await self.processor.publisher.publish(self._letters)
            # No flood of messages: they are of one run, which must not stop the others.
            delivery.count("refused", len(self._letters))
            self._letters.clear()

    def _letter(self, refused: Refused) -> Record:
        event, reason = refused
        topic = topic_of(event.type, event.broker)
        told = Message(topic, event.key.encode(), encode(event))
        return buried(self.settings, told, reason=reason, group=self.processor.group)


async def rewind(settings: Settings) -> None:
    """Let the group begin again with the oldest message of each topic.

    Raises:
        UsageError: if the topics do not hold all they ever did, or a projector reads them now.
        OutsideError: if the server does not answer.
    """
    group = f"{GROUP}.{NAME}"
    shares = await backlog(settings, group, TOPICS)
    gone = {topic for (topic, _), share in shares.items() if share.begin}
    lost = sorted(name for name in gone if not name.startswith("market."))
    if lost:
        raise UsageError(
            f"{', '.join(lost)}: the oldest messages are gone, so not all could be made again; "
            "name the runs whose journals are here: alphapanda project RUN... --rebuild"
        )
    begins = {
        kafka().TopicPartition(*place): share.begin
        for place, share in shares.items() if share.committed > share.begin
    }  # fmt: skip
    consumer = kafka().AIOKafkaConsumer(
        **connection(settings), group_id=group, enable_auto_commit=False
    )
    async with opened(consumer, settings):
        consumer.assign([*begins])
        errors = kafka().errors
        busy: tuple[type[Exception], ...] = (errors.UnknownMemberIdError, errors.CommitFailedError)
        try:
            if begins:
                await consumer.commit(begins)
        except busy:
            raise UsageError(f"a projector reads the topics now (group {group}): stop it") from None
