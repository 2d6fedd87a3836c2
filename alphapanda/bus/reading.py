"""Looks at a topic without being a member of any group: for people, and for dead letters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from alphapanda.bus.client import connection, kafka, opened
from alphapanda.bus.publisher import OVERHEAD, largest
from alphapanda.config.settings import Settings
from alphapanda.errors import UsageError, did_you_mean

WAIT_MS = 500
READ_TIMEOUT_S = 60


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
        consumer.assign(places)
        for place in places:
            consumer.seek(place, max(begins[place], ends[place] - limit))
        found = []
        async with asyncio.timeout(READ_TIMEOUT_S):
            while [place for place in places if await consumer.position(place) < ends[place]]:
                for place, part in (await consumer.getmany(timeout_ms=WAIT_MS)).items():
                    found += [one for one in part if one.offset < ends[place]]
    return sorted(found, key=lambda one: (one.timestamp, one.partition, one.offset))[-limit:]


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


def reader(settings: Settings) -> Any:
    """Return a consumer of no group, as a context."""
    consumer = kafka().AIOKafkaConsumer(
        **connection(settings), enable_auto_commit=False, isolation_level="read_committed",
        auto_offset_reset="earliest", max_partition_fetch_bytes=largest(settings) + OVERHEAD,
    )  # fmt: skip
    return opened(consumer, settings)


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
    return [kafka().TopicPartition(topic, n) for n in sorted(consumer.partitions_for_topic(topic))]
