"""What the topics hold of some runs, read through beside the group: before anything is dropped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alphapanda.bus.decoding import PoisonError, taken_in
from alphapanda.bus.topic_reader import between, partitions_of, reader
from alphapanda.config.settings import Settings
from alphapanda.events.events import Envelope, EventType
from alphapanda.events.topics import BROKERS, topics
from alphapanda.projection.tables import Known

OURS = sorted({
    name for broker in BROKERS for name in topics(broker) if not name.startswith("market.")
})  # fmt: skip
"""Topics of events that belong to runs."""


class Found:
    """What has been found of a run: which events of its sequence, and what was said of it."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._seen = bytearray(known.seq + 1)
        self._held: set[int] = set()
        self._said: set[str] = set()

    def take(self, event: Envelope) -> None:
        """Note an event of the run."""
        if event.type is EventType.RUN_STATE:
            self._said.add(event.data.status.lower())
        elif 0 <= event.seq < len(self._seen):
            self._seen[event.seq] = 1
        elif event.seq in self._known.held:
            self._held.add(event.seq)

    def lack(self) -> str:
        """Say what the tables know that was not found; empty if all was."""
        here, there = self._known.events, self._seen.count(1) + len(self._held)
        if there < here:
            return f"the topics hold {there:,} of its {here:,} events"
        if self._known.status not in (None, *self._said):
            return f"the topics do not say that it is {self._known.status}"
        return ""


async def survey(settings: Settings, known: Mapping[str, Known]) -> dict[str, str]:
    """Return by run what the topics lack of what the tables know; empty texts for whole runs.

    Raises:
        OutsideError: if the server does not answer.
    """
    found = {run: Found(each) for run, each in known.items()}
    if found:
        async with reader(settings) as consumer:
            names = [name for name in OURS if name in await consumer.topics()]
            places = [place for name in names for place in await partitions_of(consumer, name)]
            if places:
                begins = await consumer.beginning_offsets(places)
                ends = await consumer.end_offsets(places)
                async for message in between(consumer, begins, ends):
                    event = usable(message, settings.bus.message_bytes)
                    if event is not None and event.run_id in found:
                        found[event.run_id].take(event)
    return {run: each.lack() for run, each in found.items()}


def usable(message: Any, most: int) -> Envelope | None:
    """Return the envelope of a message, None if the projector could not take it in."""
    try:
        return taken_in(message, most)
    except PoisonError:
        return None
