"""Looks at a topic without being a member of any group: for people, and for dead letters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

from alphapanda.bus.client import GROUP, connection, kafka, opened
from alphapanda.bus.dead_letters import identity, letter, returned, unfit
from alphapanda.bus.publisher import OVERHEAD, Publisher, Record, largest
from alphapanda.config.settings import Settings
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.events.topics import DLQ

WAIT_MS = 500
READ_TIMEOUT_S = 60


class Replayed(NamedTuple):
    """How many dead letters were sent again, and not: those cut, and those that are no events."""

    sent: int
    cut: int = 0
    bad: int = 0


async def newest(settings: Settings, topic: str, limit: int) -> list[Any]:
    """Return up to `limit` of a topic's newest messages, by time, then partition and offset.

    Raises:
        UsageError: if there is no such topic.
        OutsideError: if the server does not answer.
    """
    async with reader(settings) as consumer:
        places = await partitions(consumer, topic)
        begins = await consumer.beginning_offsets(places)
        ends = await consumer.end_offsets(places)
        starts = {place: max(begins[place], ends[place] - limit) for place in places}
        found = [one async for one in between(consumer, starts, ends)]
    return sorted(found, key=lambda one: (one.timestamp, one.partition, one.offset))[-limit:]


async def between(
    consumer: Any, starts: Mapping[Any, int], ends: Mapping[Any, int]
) -> AsyncIterator[Any]:  # fmt: skip
    """Yield the messages of some partitions from where they start to where they end.

    Raises:
        TimeoutError: if for a minute none comes.
    """
    consumer.assign([*starts])
    for place, start in starts.items():
        consumer.seek(place, start)
    silent_ms = 0
    while [place for place in starts if await consumer.position(place) < ends[place]]:
        parts = await consumer.getmany(timeout_ms=WAIT_MS)
        silent_ms = 0 if parts else silent_ms + WAIT_MS
        if silent_ms >= READ_TIMEOUT_S * 1_000:
            raise TimeoutError(f"no message for {READ_TIMEOUT_S} s")
        for place, part in parts.items():
            for one in part:
                if one.offset < ends[place]:
                    yield one


async def letters_of(settings: Settings, group: str) -> set[bytes]:
    """Return the identities of the dead letters that a group has written.

    Raises:
        OutsideError: if the server does not answer.
    """
    async with reader(settings) as consumer:
        names = sorted(name for name in await consumer.topics() if name.endswith(DLQ))
        places = [place for name in names for place in await partitions_of(consumer, name)]
        if not places:
            return set()
        begins = await consumer.beginning_offsets(places)
        ends = await consumer.end_offsets(places)
        mine = ("group", group.encode())
        return {
            identity(one.headers) async for one in between(consumer, begins, ends)
            if mine in one.headers
        }  # fmt: skip


async def following(settings: Settings, topic: str) -> AsyncIterator[Any]:
    """Yield a topic's messages from now on, until the caller leaves.

    Raises:
        UsageError: if there is no such topic.
        OutsideError: if the server does not answer.
    """
    async with reader(settings) as consumer:
        places = await partitions(consumer, topic)
        consumer.assign(places)
        await consumer.seek_to_end(*places)
        while True:
            for part in (await consumer.getmany(timeout_ms=WAIT_MS)).values():
                for one in part:
                    yield one


def reader(settings: Settings, **given: Any) -> Any:
    """Return a consumer of no group, as a context."""
    return opened(kafka().AIOKafkaConsumer(**reading(settings), **given), settings)


def reading(settings: Settings) -> dict[str, Any]:
    """Return what a consumer of no group is made with."""
    return {
        **connection(settings),
        "enable_auto_commit": False,
        "isolation_level": "read_committed",
        "auto_offset_reset": "earliest",
        "max_partition_fetch_bytes": largest(settings) + OVERHEAD,
    }


async def partitions(consumer: Any, topic: str) -> list[Any]:
    """Return a topic's partitions.

    Raises:
        UsageError: if there is no such topic.
    """
    known = await consumer.topics()
    if topic not in known:
        raise UsageError(
            f"no topic {topic}.{did_you_mean(topic, known)} `alphapanda bootstrap` makes topics"
        )
    return await partitions_of(consumer, topic)


async def partitions_of(consumer: Any, topic: str) -> list[Any]:
    """Return the partitions of a topic that there is."""
    numbers = await consumer._client._wait_on_metadata(topic)
    return [kafka().TopicPartition(topic, number) for number in sorted(numbers)]


async def at(settings: Settings, topic: str, partition: int, offset: int) -> Any:
    """Return the message at an offset.

    Raises:
        UsageError: if there is none.
        OutsideError: if the server does not answer.
    """
    place = kafka().TopicPartition(topic, partition)
    async with reader(settings) as consumer:
        places = await partitions(consumer, topic)
        if place not in places:
            raise UsageError(f"{topic} has no partition {partition}")
        begin = (await consumer.beginning_offsets([place]))[place]
        end = (await consumer.end_offsets([place]))[place]
        if not begin <= offset < end:
            raise UsageError(f"{topic} partition {partition} has offsets {begin} to {end - 1}")
        consumer.assign([place])
        consumer.seek(place, offset)
        async with asyncio.timeout(READ_TIMEOUT_S):
            return await consumer.getone()


async def existing(settings: Settings, names: list[str]) -> list[str]:
    """Return those of some topics that there are.

    Raises:
        OutsideError: if the server does not answer.
    """
    async with reader(settings) as consumer:
        known = await consumer.topics()
    return [name for name in names if name in known]


async def send_again(settings: Settings, records: list[Record]) -> None:
    """Send messages and wait for them.

    Raises:
        OutsideError: if the server does not answer.
    """
    publisher = Publisher(settings)
    await publisher.start()
    try:
        await publisher.publish(records)
    finally:
        await publisher.stop()


async def send_unsent(settings: Settings, topic: str, limit: int) -> Replayed:
    """Send dead letters to where they came from, on from where this ended last.

    Those that would only come back are passed over, and stay where they are.

    Raises:
        UsageError: if there is no such topic.
        OutsideError: if the server does not answer.
    """
    async with reader(settings, group_id=f"{GROUP}.dlq.replay") as consumer:
        places = await partitions(consumer, topic)
        begins = await consumer.beginning_offsets(places)
        ends = await consumer.end_offsets(places)
        consumer.assign(places)
        found: list[Any] = []
        for place in places:
            start = max(begins[place], await consumer.committed(place) or 0)
            consumer.seek(place, start)
            async with asyncio.timeout(READ_TIMEOUT_S):
                while start < ends[place] and len(found) < limit:
                    found.append(await consumer.getone(place))
                    start = found[-1].offset + 1
        letters = list(map(letter, found))
        fit = [one for one in letters if not unfit(settings, one)]
        await send_again(settings, returned(fit))
        done = {kafka().TopicPartition(topic, one.partition): one.offset + 1 for one in found}
        if done:
            await consumer.commit(done)
    cut = sum(not one.whole for one in letters)
    return Replayed(len(fit), cut, len(letters) - len(fit) - cut)
