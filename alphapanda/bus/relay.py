"""The relay: what a run has written into its journal goes to the topics, at least once, in order.

Ids are the journal's, so an envelope that is sent twice is the same envelope and readers drop it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import msgspec

from alphapanda import faults, log
from alphapanda.bus.publisher import Publisher, Record
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.events.events import EventType
from alphapanda.events.outbox import Outbox
from alphapanda.events.topics import topic_of
from alphapanda.net.tasks import see_alive

LOG = log.get(__name__)
PAGE = 2_000
"""Envelopes that are on their way at once: the relay's memory, and what is sent again at most."""
IDLE_S = 0.05


class Cursor(Protocol):
    """Where the relay is. Calls come from a worker thread, one at a time."""

    def load(self) -> int:
        """Return the last sequence that was acknowledged, -1 before any."""

    def store(self, seq: int) -> int:
        """Keep it durably, unless a later one is kept; return the later."""


class Address(msgspec.Struct, frozen=True):
    """The part of an envelope that says where it goes."""

    type: EventType
    key: str
    broker: str


ADDRESS = msgspec.json.Decoder(Address)
topic_name = cache(topic_of)


def addressed(text: bytes, prefix: str = "") -> Record:
    """Return an envelope's message; its bytes stay as they are."""
    to = ADDRESS.decode(text)
    return Record(prefix + topic_name(to.type, to.broker), to.key.encode(), text)


@dataclass
class Relayed:
    """What a relay has done; `position` is the last sequence acknowledged."""

    position: int = -1
    first: int = -1
    """The position at the start: what lies before was acknowledged to earlier processes."""
    sent: int = 0
    pages: int = 0
    started_s: float = 0
    last_s: float = 0


class Relay:
    """Publishes an outbox; `start`, then `stop`, or `drained` for a run that ends by itself.

    Without a server it waits, for the journal keeps what is to be sent.
    """

    def __init__(
        self, settings: Settings, outbox: Outbox, cursor: Cursor, *, run_id: str, page: int = PAGE,
        prefix: str = "",
    ) -> None:  # fmt: skip
        self.settings, self.outbox, self.cursor = settings, outbox, cursor
        self.run_id, self.page, self.prefix = run_id, page, prefix
        self.relayed = Relayed()
        self.publisher = Publisher(settings)
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._woken = asyncio.Event()

    async def start(self) -> None:
        """Connect, and go on behind the cursor.

        Raises:
            OutsideError: if the server does not answer.
        """
        assert self._task is None, "the relay has been started already"
        self._stopping = False
        self.relayed.position = await asyncio.to_thread(self.cursor.load)
        self.relayed.first = self.relayed.position
        self.relayed.started_s = time.monotonic()
        await self.publisher.start()
        with log.bound(run_id=self.run_id):
            LOG.info("relay started", after=self.relayed.position)
            self._task = asyncio.create_task(self._run(), name="relay")
            self._task.add_done_callback(ended)

    async def stop(self) -> None:
        """Send what is there, within the time limit, and close."""
        if self._task is None:
            return
        self._stopping = True
        self.wake()
        try:
            with suppress(OutsideError):
                await asyncio.wait([self._task], timeout=self.settings.bus.stop_timeout_s / 2)
        finally:
            whole = self._task.done() and not self._task.cancelled()
            self._task.cancel()
            await asyncio.wait([self._task])
            failed = None if self._task.cancelled() else self._task.exception()
            self._task = None
            await self.publisher.stop()
            LOG.info(
                "relay stopped", run_id=self.run_id, position=self.relayed.position,
                sent=self.relayed.sent, errors=self.publisher.sent.retries, everything_sent=whole,
                error=failed,
            )  # fmt: skip

    async def drained(self) -> None:
        """Wait until the run has ended and every envelope of it is acknowledged."""
        assert self._task is not None, "the relay has not been started"
        await asyncio.shield(self._task)

    async def health(self) -> None:
        """See that it runs, and that the last attempt to send did not fail.

        Raises:
            OutsideError: if it does not, or did.
        """
        see_alive(self._task, "relay")
        await self.publisher.health()

    def wake(self) -> None:
        """Say that there is something to send; otherwise the relay looks every 50 ms."""
        self._woken.set()

    async def _run(self) -> None:
        while True:
            ended = self._stopping or await asyncio.to_thread(self.outbox.finished)
            page = await asyncio.to_thread(self.outbox.read, self.relayed.position, self.page)
            if page:
                await self._send([addressed(text, self.prefix) for _, text in page])
                # Only now: whatever lies behind the cursor has been acknowledged, by this relay or
                # by one that has taken over.
                last = page[-1][0]
                self.relayed.position = await asyncio.to_thread(self.cursor.store, last)
            elif ended:
                return
            else:
                await self._idle(IDLE_S)

    async def _send(self, records: Sequence[Record]) -> None:
        await self.publisher.insist(records)
        faults.at("page acknowledged")
        self.relayed.sent += len(records)
        self.relayed.pages += 1
        self.relayed.last_s = time.monotonic()

    async def _idle(self, timeout_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._woken.wait()
        self._woken.clear()


def ended(task: asyncio.Task[None]) -> None:
    """Log why a relay has ended, if it was not stopped and the run goes on."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        LOG.error("relay ended", exc_info=error)
