"""How much of some topics a consumer group has before it: asked anew, past the group's own client.

A client that is stuck knows no newer end of its partitions, so it can't be asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, NamedTuple

from alphapanda.bus.client import connection, kafka, opened
from alphapanda.bus.topic_reader import partitions_of
from alphapanda.config.settings import Settings


class Share(NamedTuple):
    """A partition: where it begins and ends, and what the group has committed (-1: nothing)."""

    begin: int
    end: int
    committed: int

    @property
    def waiting(self) -> int:
        """Return how many messages the group has not committed."""
        return self.end - max(self.begin, self.committed)


async def backlog(
    settings: Settings, group: str, topics: Iterable[str]
) -> dict[tuple[str, int], Share]:
    """Return each partition's share.

    Raises:
        OutsideError: if the server does not answer.
    """
    wanted = set(topics)
    consumer = kafka().AIOKafkaConsumer(
        **connection(settings), group_id=group, enable_auto_commit=False
    )
    # Without the group's coordinator `committed` asks for ever.
    async with opened(consumer, settings), asyncio.timeout(settings.bus.connect_timeout_s):
        known = sorted(wanted & await consumer.topics())
        places = [place for topic in known for place in await partitions_of(consumer, topic)]
        begins: dict[Any, int] = await consumer.beginning_offsets(places)
        ends: dict[Any, int] = await consumer.end_offsets(places)
        # `committed` asks for one partition at a time: hundreds of questions for all topics.
        done = await consumer._coordinator.fetch_committed_offsets(places)
        return {
            (place.topic, place.partition): Share(
                begins[place], ends[place], done[place].offset if place in done else -1
            )
            for place in places
        }
