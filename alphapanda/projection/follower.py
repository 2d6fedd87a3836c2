"""Follows a run's journal, as it grows or after its end, and gives its events to the projector."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from alphapanda import log
from alphapanda.errors import OutsideError
from alphapanda.events.events import Envelope, EventError, decode
from alphapanda.events.outbox import Outbox
from alphapanda.journal.journal import Journal
from alphapanda.journal.published import published
from alphapanda.net.tasks import waits
from alphapanda.projection.newest import NewestRows
from alphapanda.projection.projector import Projector
from alphapanda.projection.tables import About

LOG = log.get(__name__)
PAGE = 5_000
"""Events that are taken in at once: as many share a transaction."""
IDLE_S = 0.1
BACKOFF_S, MOST_S = 0.2, 2.0
STOP_S = 5.0


class Source(NamedTuple):
    """A run whose events can be read; `about` is asked once there are any.

    `market` returns the newest row of each instrument since it was last asked, and how many it
    passed over.
    """

    run_id: str
    outbox: Outbox
    about: Callable[[], About]
    market: Callable[[], tuple[list[Envelope], int]] | None = None


def source_in(journal: Journal) -> Source:
    """Return a journal as a source."""
    manifest = journal.contents.manifest
    names = tuple(facts["name"] for facts in manifest["strategies"])
    trades = manifest["mode"] != "backtest" and not journal.contents.ended
    return Source(
        str(manifest["run_id"]), journal,
        lambda: About(manifest["mode"], names, published(manifest)),
        NewestRows(journal).take if trades else None,
    )  # fmt: skip


class Follower:
    """Takes in one run, on from where it was left; `step` by hand, or `start` and `stop`.

    Started, it waits for a database that is down; the journal keeps what is to be taken in.
    """

    def __init__(self, projector: Projector, source: Source, *, page: int = PAGE) -> None:
        self.projector, self.source, self.page = projector, source, page
        self.position: int | None = None
        """The last place that was taken in; None before it was looked up."""
        self.trouble = ""
        """Why the last attempt failed; empty if it did not."""
        self.over = False
        """Whether the run has ended, so that nothing will follow what its outbox holds."""
        self._told = False
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    async def start(self) -> None:
        """Begin to follow; with a projector that does not run yet, start that first."""
        assert self._task is None, "the run is followed already"
        self._task = asyncio.create_task(self._run(), name=f"project {self.source.run_id}")

    async def stop(self) -> None:
        """Finish the page in hand, and end; what is left comes another time."""
        if self._task is None:
            return
        self._stopping.set()
        await asyncio.wait([self._task], timeout=STOP_S)
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled() and self._task.exception() is not None:
            LOG.error("projecting ended", exc_info=self._task.exception())
        self._task = None

    async def drained(self, patience_s: float) -> bool:
        """Wait until the run has ended and all of it is in; False if it does not come on.

        A run that goes on is waited for; one that has ended for so long without progress.

        Raises:
            Exception: what ended it, if a mistake of our own did.
        """
        assert self._task is not None, "the run is not followed"
        while True:
            before = self.projector.progress.taken
            done, _ = await asyncio.wait([self._task], timeout=patience_s)
            if done:
                self._task.result()
                return True
            if self.over and self.projector.progress.taken == before:
                return False

    async def health(self) -> None:
        """See that events are taken in.

        Raises:
            OutsideError: if they are not; the message says what to do.
        """
        if self._task is None or (self._task.done() and self._task.exception() is not None):
            raise OutsideError(f"run {self.source.run_id} is not projected: see the log")
        if self.trouble:
            raise OutsideError(self.trouble)
        await self.projector.health()

    async def step(self) -> int:
        """Take in the next page; return how many events it had, 0 if there is none for now.

        Raises:
            OutsideError: if the database does not answer, or the journal is damaged.
            EventError: if it holds an event that this version does not know.
        """
        run_id, outbox, about, market = self.source
        if self.position is None:
            self.position = await self.projector.tables.place(run_id)
            self._told = False
            await self.projector.show([run_id])
        found = await asyncio.to_thread(outbox.read, self.position, self.page)
        if found:
            events = [decoded(*each) for each in found]
            applied = await self.projector.apply(events)
            self.position = found[-1][0]
            missing = applied.waits.get(run_id)
            if run_id in applied.begun and found[0][0] > 0:
                self.position, self._told = -1, False  # somebody dropped its start
            elif missing is not None and missing <= max(event.seq for event in events):
                self.position = None  # somebody dropped what was before the page
        if market is not None:
            self.projector.market(run_id, *await asyncio.to_thread(market))
        if not self._told and self.position is not None and self.position >= 0:
            self._told = await self.projector.tell(run_id, about())
        return len(found)

    async def _run(self) -> None:
        pauses = waits(BACKOFF_S, MOST_S)
        while True:
            try:
                last = self._stopping.is_set() or await self._ended()
                if not self.projector.started:
                    await self.projector.start()
                more = await self.step()
            except OutsideError as error:
                self._failed(error)
                if self._stopping.is_set():
                    return
                await self._nap(next(pauses))
                continue
            if self.trouble:
                LOG.warning("projector goes on", run_id=self.source.run_id, place=self.position)
                self.trouble, pauses = "", waits(BACKOFF_S, MOST_S)
            if self._stopping.is_set() or (last and not more):
                return
            if not more:
                await self._nap(IDLE_S)

    async def _ended(self) -> bool:
        self.over = self.over or await asyncio.to_thread(self.source.outbox.finished)
        return self.over

    def _failed(self, error: OutsideError) -> None:
        if not self.trouble:
            LOG.error("projector waits", run_id=self.source.run_id, error=error)
        self.trouble = str(error)
        self.position = None  # whether the last page is in is for the database to say

    async def _nap(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


def decoded(place: int, text: bytes) -> Envelope:
    """Return the envelope at a place of an outbox.

    Raises:
        EventError: if it is none that this version knows.
    """
    try:
        return decode(text)
    except EventError as error:
        raise EventError(f"event {place - 1} is none that this version knows: {error}") from error
