"""Events on the topics of a real server, read into tables, and these compared."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from alphapanda.bus.backlog import backlog
from alphapanda.bus.client import GROUP, kafka, opened
from alphapanda.bus.processor import consuming
from alphapanda.config.settings import Settings
from alphapanda.events.events import Envelope
from alphapanda.projection.from_topics import NAME, TOPICS, TopicReader
from alphapanda.projection.projector import Projector
from alphapanda.projection.tables import Tables
from alphapanda.store.database import Database
from tests.projection.days import rows_of
from tests.projection.made_up import fresh, trades
from tests.support.events import message, send
from tests.support.servers.databases import using


def reading(settings: Settings, work: Callable[[TopicReader], Awaitable[Any]]) -> TopicReader:
    """Do some work with a reader that is started, and stopped afterwards; return it."""

    async def go() -> TopicReader:
        reader = TopicReader(settings, Projector(settings))
        await reader.start()
        try:
            await work(reader)
        finally:
            await reader.stop()
        return reader

    return asyncio.run(go())


async def to_the_end(reader: TopicReader) -> None:
    """Wait until all is taken in that is there now."""
    async with asyncio.timeout(200):
        await reader.caught_up()


async def pass_over(settings: Settings) -> None:
    """Let the projector's group begin behind all that is on the topics now."""
    shares = await backlog(settings, f"{GROUP}.{NAME}", TOPICS)
    ends = {
        kafka().TopicPartition(*place): share.end for place, share in shares.items() if share.end
    }
    client = kafka().AIOKafkaConsumer(**consuming(settings, f"{GROUP}.{NAME}"))
    async with opened(client, settings) as consumer:
        consumer.assign([*ends])
        if ends:
            await consumer.commit(ends)


def sent(settings: Settings, events: Sequence[Envelope]) -> None:
    """Publish events."""
    asyncio.run(send(settings, [message(each) for each in events]))


def compared(settings: Settings, run: str, count: int) -> None:
    """See that the tables are those of the run, taken in at once and in order."""
    twin = fresh()

    async def work(database: Database) -> None:
        await Tables(database).apply(trades(twin, count))
        assert await rows_of(database, run) == await rows_of(database, twin)
        await Tables(database).clear(twin)

    using(settings, work)
