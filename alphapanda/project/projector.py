"""The projector: follows a run's events, or is handed them, and keeps tables and board current."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from alphapanda import log
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.model.events import SHARED, Envelope, EventError, EventType, decode
from alphapanda.project import changes
from alphapanda.project.live import Live, LocalLive
from alphapanda.project.live_redis import RedisLive
from alphapanda.project.sources import Source
from alphapanda.project.tables import Applied, Place, Refused, Tables, source_of
from alphapanda.store.database import Database

LOG = log.get(__name__)
BATCH = 1_000
POLL_S = 0.1
BACKOFF_S = (0.2, 2.0)
STOP_S = 5.0
PATIENCE_S = 30.0
"""How long a missing event may be on its way before somebody should know."""
SYSTEM = (EventType.COMMAND, EventType.TRADING_STOPPED, EventType.SYSTEM_ERROR,
          EventType.FEED_GAP, EventType.SESSION_PHASE)  # fmt: skip


def board_of(settings: Settings) -> Live:
    """Return the board of the settings: in Redis, or in this process."""
    return RedisLive(settings) if settings.redis.enabled else LocalLive()


@dataclass
class Progress:
    """How far a projector is."""

    position: int = -1
    """The last place of its source that was taken in."""
    taken: int = 0
    refused: int = 0
    failures: int = 0
    trouble: str = ""
    """Why the last attempt failed; empty if it did not."""
    holes: dict[str, tuple[int, float]] = field(default_factory=dict)
    """By run: the event that others wait for, and since when."""


class Projector:
    """Writes tables and board; one process at a time has one.

    With a source it follows it from where it stopped; `apply` takes what a bus brings.
    """

    def __init__(
        self, database: Database, live: Live, source: Source | None = None, *,
        poll_s: float = POLL_S, batch: int = BATCH,
    ) -> None:  # fmt: skip
        self.progress = Progress()
        self.live = live
        self._database, self._source = database, source
        self._tables = Tables(database)
        self._market = changes.Market()
        self._poll_s, self._batch = poll_s, batch
        self._task: asyncio.Task[None] | None = None
        self._started = False
        self._loaded = False
        self._stopping = asyncio.Event()

    async def start(self) -> None:
        """Begin to follow the source. The database must have been started; it may be down now."""
        assert not self._started, "the projector has been started already"
        self._started = True
        await self.live.start()
        if self._source is not None:
            self._task = asyncio.create_task(self._follow(self._source))
        LOG.info("projector started", source=self._source and self._source.run_id)

    async def stop(self) -> None:
        """Take in what there is by now, for at most 5 s, and end; what is left comes next time."""
        self._stopping.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=STOP_S)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._started:
            await self.live.stop()
            LOG.info("projector stopped", taken=self.progress.taken)
        self._task = None

    async def finished(self) -> None:
        """Wait until the source has ended and all of it has been taken in."""
        assert self._task is not None, "nothing is followed"
        await self._task

    async def health(self) -> None:
        """See that events are taken in.

        Raises:
            OutsideError: if they are not; the message says what to do.
        """
        if self._task is not None and self._task.done() and not self._task.cancelled():
            error = self._task.exception()
            if error is not None:
                raise OutsideError(f"the projector has failed: {error}") from error
        if self.progress.trouble:
            raise OutsideError(self.progress.trouble)
        for run, (seq, since) in self.progress.holes.items():
            waited = time.monotonic() - since
            if waited > PATIENCE_S:
                raise OutsideError(
                    f"run {run}: event {seq} has not come for {waited:.0f} s, and later ones wait "
                    f"for it; from the journal: alphapanda project --rebuild --run {run}"
                )

    async def apply(self, events: Sequence[Envelope]) -> list[Refused]:
        """Take in events in any order, again or for the first time; return those that can't be.

        Raises:
            OutsideError: if the database does not answer: nothing is lost, give them again.
        """
        return (await self._apply(events, None)).refused

    async def _apply(self, events: Sequence[Envelope], place: Place | None) -> Applied:
        await self._load()
        self.live.put(self._market.take(events))
        self.live.put(changes.of_system(event) for event in events if event.type in SYSTEM)
        mine = [event for event in events if belongs(event)]
        applied = await self._tables.apply(mine, place) if mine or place else Applied()
        self._note(applied)
        for event, reason in applied.refused:
            LOG.error("event refused", id=event.id, type=event.type, run_id=event.run_id,
                      seq=event.seq, reason=reason)  # fmt: skip
        return applied

    def _note(self, applied: Applied) -> None:
        self.live.put(applied.changes)
        self.progress.taken += applied.taken
        self.progress.refused += len(applied.refused)
        for run, seq in applied.waits.items():
            if seq is None:
                self.progress.holes.pop(run, None)
            elif self.progress.holes.get(run, (-1, 0))[0] != seq:
                self.progress.holes[run] = seq, time.monotonic()

    async def _load(self) -> None:
        if self._loaded:
            return
        self._note(await self._tables.everything())
        self._loaded = True

    async def _follow(self, source: Source) -> None:
        pause = BACKOFF_S[0]
        begun = False
        while True:
            try:
                if not begun:
                    await self._load()
                    self.progress.position = await self._tables.position(source_of(source.run_id))
                    begun = True
                more = await self._step(source)
            except OutsideError as error:
                self._failed(error)
                if self._stopping.is_set():
                    return
                await self._nap(pause)
                pause = min(2 * pause, BACKOFF_S[1])
                continue
            pause = BACKOFF_S[0]
            if self.progress.trouble:
                LOG.warning("projector goes on", position=self.progress.position)
                self.progress.trouble = ""
            if more:
                continue
            if self._stopping.is_set() or source.outbox.finished():
                if not await self._step(source):
                    return
                continue
            await self._nap(self._poll_s)

    def _failed(self, error: OutsideError) -> None:
        if not self.progress.trouble:
            LOG.error("projector waits", error=str(error))
        self.progress.trouble = str(error)
        self.progress.failures += 1

    async def _nap(self, seconds: float) -> None:
        if self._stopping.is_set():
            await asyncio.sleep(0)
            return
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    async def _step(self, source: Source) -> bool:
        found = source.outbox.read(self.progress.position, self._batch)
        if not found:
            if source.about is not None and source.outbox.finished():
                await self._tell(source)
            return False
        events, bad = decoded(found)
        for error in bad:
            LOG.error("event refused", run_id=source.run_id, reason=str(error))
        self.progress.refused += len(bad)
        last = found[-1][0]
        await self._apply(events, Place(source_of(source.run_id), last))
        if self.progress.position < 0 and source.about is not None:
            await self._tell(source)
        self.progress.position = last
        return True

    async def _tell(self, source: Source) -> None:
        assert source.about is not None
        self.live.put([await self._tables.tell(source.run_id, source.about())])


def belongs(event: Envelope) -> bool:
    """Say if an event is one of a run's own, which its tables hold."""
    if event.broker == SHARED:
        return False
    return event.seq >= 0 or event.type is EventType.RUN_STATE


def decoded(found: Sequence[tuple[int, bytes]]) -> tuple[list[Envelope], list[EventError]]:
    """Return the events of a source, and why some are none."""
    events, bad = [], []
    for _, text in found:
        try:
            events.append(decode(text))
        except EventError as error:
            bad.append(error)
    return events, bad
