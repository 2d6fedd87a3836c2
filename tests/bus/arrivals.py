"""What has arrived: on the topic of fills, and at a reader of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

from alphapanda.bus.topic_reader import newest
from alphapanda.config.settings import Settings
from alphapanda.events.events import Envelope, EventError, decode
from tests.support.events import FILLS

MANY = 1_000_000


async def landed(settings: Settings, run: str) -> list[Envelope]:
    """Return a run's fills as they lie on the topic, repeats included."""
    found = await newest(settings, FILLS, MANY)
    found.sort(key=lambda one: (one.partition, one.offset))
    events = []
    for each in found:
        with suppress(EventError):  # other tests write what is none
            events.append(decode(each.value))
    return [one for one in events if one.run_id == run]


def once(events: Iterable[Envelope]) -> list[Envelope]:
    """Return events without repeats, as every reader takes them: the first arrival counts."""
    return list({one.id: one for one in events}.values())


def by_key(events: Iterable[Envelope]) -> dict[str, list[int]]:
    """Return each key's sequences in their order."""
    told: dict[str, list[int]] = {}
    for one in events:
        told.setdefault(one.key, []).append(one.seq)
    return told


class Table:
    """What has been applied, in order; a test says what fails."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.rows: list[int] = []
        self.fail: dict[int, list[Exception]] = {}

    async def apply(self, envelopes: Sequence[Envelope]) -> None:
        """Take envelopes in, or fail as told."""
        mine = [one.seq for one in envelopes if one.run_id == self.run]
        for seq in mine:
            if self.fail.get(seq):
                raise self.fail[seq].pop(0)
        self.rows += mine
