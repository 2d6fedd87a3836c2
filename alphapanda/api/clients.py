"""One who watches: of state only the latest is kept for him, of events all, up to a bound."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from alphapanda.api.frames import Frame
from alphapanda.api.who import Login, Who

MOST_EVENTS = 1_000
GATHER_S = 0.2
"""State is sent five times a second at most."""
BEAT_S = 5.0
IN_FRAME = 500
MOST_NAMES = 200
RESTART, SLOW, EXPIRED, REVOKED = "restart", "slow", "expired", "revoked"
RETRY_MS = {RESTART: 1_000, SLOW: 2_000}


@dataclass(frozen=True)
class Watched:
    """What somebody wants to see."""

    topics: frozenset[str]
    run: str = ""
    """Only this run; empty: all of the owner's."""
    names: frozenset[str] = frozenset()
    """Instruments whose ticks are shown."""

    @property
    def channels(self) -> frozenset[str]:
        """Channels of the log among the topics."""
        return frozenset(t.removeprefix("logs.") for t in self.topics if t.startswith("logs."))


@dataclass(eq=False)
class Client:
    """A stream that is open."""

    who: Who
    login: Login
    watched: Watched
    state: dict[tuple[str, str, str], Any] = field(default_factory=dict)
    """By run, part and name, what was not sent yet."""
    latest: dict[str, Any] = field(default_factory=dict)
    """By topic, of what is sent whole."""
    events: deque[Frame] = field(default_factory=deque)
    skipped: dict[str, int] = field(default_factory=dict)
    """Lines of a log's channel there was no room for."""
    bye: str = ""
    reset: bool = False
    """The board is sent anew, from nothing."""
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def sees(self, topic: str) -> bool:
        """Say if he watches a topic."""
        return topic in self.watched.topics

    def note(self, run: str, part: str, name: str, value: Any) -> None:
        """Note what a name of the board stands for now."""
        self.state[run, part, name] = value
        self.wake.set()

    def tell(self, topic: str, data: Any) -> None:
        """Note the latest of a topic that is sent whole."""
        self.latest[topic] = data
        self.wake.set()

    def add(self, frame: Frame) -> None:
        """Add an event, which is never left out: who has no room for it is let go."""
        if len(self.events) >= MOST_EVENTS:
            self.end(SLOW)
            return
        self.events.append(frame)
        self.wake.set()

    def add_line(self, channel: str, line: Any) -> None:
        """Add a line of a log; those there is no room for are counted."""
        if len(self.events) >= MOST_EVENTS // 2:
            self.skipped[channel] = self.skipped.get(channel, 0) + 1
            return
        self.events.append(Frame(f"logs.{channel}", line))
        self.wake.set()

    def end(self, reason: str) -> None:
        """Let him go, with the reason."""
        self.bye = self.bye or reason
        self.wake.set()
        self.over.set()

    def begin_anew(self) -> None:
        """Forget what was not sent: the board is sent from nothing."""
        self.state.clear()
        self.reset = True

    async def frames(self) -> AsyncIterator[list[Frame]]:
        """Yield what there is to send, as it comes; the last says why it is the last."""
        while True:
            if not self.wake.is_set():
                try:
                    async with asyncio.timeout(BEAT_S):
                        await self.wake.wait()
                except TimeoutError:
                    yield [Frame("beat", {"now": time.time_ns()})]
                    continue
            self.wake.clear()
            if self.bye != SLOW and (some := self.taken()):
                yield some
            if self.bye:
                yield [Frame("bye", {"reason": self.bye, "retry_ms": RETRY_MS.get(self.bye, 0)})]
                return
            await self.pause()

    async def pause(self) -> None:
        """Let some changes gather, but no farewell."""
        with suppress(TimeoutError):
            async with asyncio.timeout(GATHER_S):
                await self.over.wait()

    def taken(self) -> list[Frame]:
        """Return what is to be sent now, and keep nothing of it."""
        state, self.state = list(self.state.items()), {}
        latest, self.latest = self.latest, {}
        events, self.events = list(self.events), deque()
        skipped, self.skipped = self.skipped, {}
        reset, self.reset = self.reset, False
        found = [*events]
        found += [Frame(f"logs.{name}", {"skipped": count}) for name, count in skipped.items()]
        found += [Frame(topic, data) for topic, data in latest.items()]
        for at in range(0, len(state) or int(reset), IN_FRAME):
            some = [[*place, value] for place, value in state[at : at + IN_FRAME]]
            found.append(Frame("board", {"reset": reset and at == 0, "changes": some}))
        return found
