"""Messages on their way through the channels: tried again, and few when there are many."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from alphapanda import log
from alphapanda.errors import AlphaPandaError
from alphapanda.monitor.channels import Channel
from alphapanda.net import tasks

LOG = log.get(__name__)
PAUSES_S = (1.0, 4.0, 15.0, 60.0)
"""Between the attempts; after one more than these it is given up."""
WINDOW_S = 60.0
MOST = 200
"""Messages that wait for a channel; more are counted in its digest only."""


@dataclass
class Sending:
    """A message for one channel."""

    message: dict[str, Any]
    alert: str = ""
    """The alert's subject; empty for one that is about no alert."""
    attempts: int = 0
    error: str = ""


Done = Callable[[str, Sending, bool], Awaitable[None]]
"""Is called with the channel's name, what was sent, and whether it arrived."""


@dataclass
class Lane:
    """A channel with what waits for it."""

    channel: Channel
    flood: int
    waiting: deque[Sending] = field(default_factory=deque)
    sent: deque[float] = field(default_factory=deque)
    """When something was sent within the last minute."""
    held: list[Sending] = field(default_factory=list)
    """What came while too much was sent: one digest."""
    dropped: int = 0
    new: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, sending: Sending) -> None:
        """Put a message behind the others, or into the digest."""
        if len(self.waiting) + len(self.held) >= MOST:
            self.dropped += 1
        else:
            self.waiting.append(sending)
        self.new.set()

    def next(self, now: float) -> Sending | None:
        """Return what is to be sent now; None while there is nothing, or too much was."""
        while self.sent and now - self.sent[0] >= WINDOW_S:
            self.sent.popleft()
        if len(self.sent) >= self.flood:
            self.held += self.waiting
            self.waiting.clear()
            return None
        if self.held:
            held, self.held = self.held, []
            dropped, self.dropped = self.dropped, 0
            return held[0] if len(held) + dropped == 1 else digest(held, dropped)
        return self.waiting.popleft() if self.waiting else None

    def pause_s(self, now: float) -> float | None:
        """Return how long to wait until a digest may go; None for until something comes."""
        return max(0.05, WINDOW_S - (now - self.sent[0])) if self.held and self.sent else None


def digest(held: Sequence[Sending], dropped: int) -> Sending:
    """Return one message in place of many."""
    worst = "critical" if any(each.message["severity"] == "critical" for each in held) else (
        "warning")  # fmt: skip
    lines = [each.message["title"] for each in held[:20]]
    more = len(held) + dropped - len(lines)
    if more:
        lines.append(f"and {more} more")
    return Sending({
        "title": f"{len(held) + dropped} alerts", "text": "\n".join(lines), "severity": worst,
        "kind": "digest",
    })  # fmt: skip


class Deliveries:
    """Sends messages through all channels, each on its own, so that a dead one delays no other."""

    def __init__(
        self, channels: Sequence[Channel], done: Done, *, flood: int,
        pauses_s: Sequence[float] = PAUSES_S,
    ) -> None:  # fmt: skip
        self._lanes = [Lane(channel, flood) for channel in channels]
        self._done, self._pauses_s = done, pauses_s
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to send."""
        self._tasks = [asyncio.create_task(self._go_on(lane), name=f"alerts by {lane.channel.name}")
                       for lane in self._lanes]  # fmt: skip

    async def stop(self) -> None:
        """Stop; what waits is in the table of alerts."""
        await tasks.end(self._tasks)
        self._tasks = []

    def add(self, message: dict[str, Any], alert: str = "") -> None:
        """Send a message by every channel, soon."""
        for lane in self._lanes:
            lane.add(Sending(message, alert))

    async def send_now(self, message: dict[str, Any]) -> dict[str, str]:
        """Send a message once by every channel; return what came of it, `ok` or why not."""
        channels = [lane.channel for lane in self._lanes]
        came = await asyncio.gather(*(tried(channel, message) for channel in channels))
        return {channel.name: told for channel, told in zip(channels, came, strict=True)}

    async def _go_on(self, lane: Lane) -> None:
        while True:
            sending = lane.next(time.monotonic())
            if sending is None:
                with suppress(TimeoutError):
                    await asyncio.wait_for(lane.new.wait(), lane.pause_s(time.monotonic()))
                lane.new.clear()
                continue
            lane.sent.append(time.monotonic())
            await self._deliver(lane.channel, sending)

    async def _deliver(self, channel: Channel, sending: Sending) -> None:
        for pause_s in (*self._pauses_s, None):
            sending.attempts += 1
            sending.error = await tried(channel, sending.message)
            if sending.error == "ok":
                sending.error = ""
                await self._done(channel.name, sending, True)
                return
            if pause_s is not None:
                await asyncio.sleep(pause_s)
        LOG.error("an alert was not delivered", by=channel.name, error=sending.error)
        await self._done(channel.name, sending, False)


async def tried(channel: Channel, message: dict[str, Any]) -> str:
    """Return `ok`, or why a message did not arrive."""
    try:
        await channel.send(message)
    except AlphaPandaError as error:
        return str(error)[:300]
    return "ok"
