"""The projector: takes in events, wherever they come from, and keeps tables and board current."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from alphapanda import faults, log
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.events.events import SHARED, Envelope, EventType
from alphapanda.projection import changes
from alphapanda.projection.live import Live, LocalLive
from alphapanda.projection.live_redis import RedisLive
from alphapanda.projection.tables import About, Applied, Tables
from alphapanda.store.database import Database
from alphapanda.store.migrating import require_current

LOG = log.get(__name__)
PATIENCE_S = 30.0
"""How long a missing event may be on its way before somebody should know."""
SYSTEM = (EventType.COMMAND, EventType.TRADING_STOPPED, EventType.SYSTEM_ERROR,
          EventType.FEED_GAP, EventType.SESSION_PHASE)  # fmt: skip


def board_of(settings: Settings) -> Live:
    """Return the board of the settings: in Redis, or in this process."""
    return RedisLive(settings) if settings.redis.enabled else LocalLive()


@dataclass
class Progress:
    """What a projector has done."""

    taken: int = 0
    refused: int = 0
    holes: dict[str, tuple[int, float]] = field(default_factory=dict)
    """By run: the event that others wait for, and since when."""


class Projector:
    """The only writer of the projected tables and of the board; `start`, then `apply`, `stop`."""

    def __init__(self, settings: Settings, *, patient: bool = False) -> None:
        self.progress = Progress()
        self.live = board_of(settings)
        self.database = Database(settings, patient=patient)
        self.tables = Tables(self.database)
        self.started = False
        self._market = changes.Market()
        self._markets: dict[str, changes.Market] = {}
        """By run, of those that are read from their journals."""

    async def start(self) -> None:
        """Open the database and the board, and take in what lies ready there.

        Raises:
            OutsideError: if the database does not answer, or has another schema; try it again.
        """
        assert not self.started, "the projector has been started already"
        async with AsyncExitStack() as undone:
            await self.database.start()
            undone.push_async_callback(self.database.stop)
            await require_current(self.database)
            await self._tell_of(await self.tables.release())
            await self.live.start()
            undone.pop_all()
        self.started = True
        LOG.info("projector started")

    async def stop(self) -> None:
        """Show what is left to show, and close."""
        if not self.started:
            return
        self.started = False
        await self.live.stop()
        await self.database.stop()
        LOG.info("projector stopped", taken=self.progress.taken, refused=self.progress.refused)

    async def health(self) -> None:
        """See that events can be taken in, that viewers see it, and that none is missing.

        Raises:
            OutsideError: if not; the message says what to do.
        """
        await self.database.health()
        await self.live.health()
        for run, (seq, since) in self.progress.holes.items():
            waited = time.monotonic() - since
            if waited > PATIENCE_S:
                raise OutsideError(
                    f"run {run}: event {seq} has not come for {waited:.0f} s, and later ones wait "
                    "for it; from the run's journal: alphapanda project RUN"
                )

    async def apply(self, events: Sequence[Envelope]) -> Applied:
        """Take in events in any order, again or for the first time.

        Returns what became of them; those that can't be true have been counted and passed over.

        Raises:
            OutsideError: if the database does not answer: nothing is lost, give them again.
        """
        faults.at("page read")
        self.live.put(self._market.take(events))
        self.live.put(changes.of_system(event) for event in events if event.type in SYSTEM)
        mine = [event for event in events if belongs(event)]
        applied = await self.tables.apply(mine) if mine else Applied()
        faults.at("page kept")
        await self._tell_of(applied)
        return applied

    def market(self, run_id: str, events: Sequence[Envelope], others: int) -> None:
        """Show rows of the market that a run was fed, and that so many others came before them."""
        market = self._markets.setdefault(run_id, changes.Market(run_id))
        self.live.put(market.take(events, others))

    async def tell(self, run_id: str, about: About) -> bool:
        """Note what the manifest of a run says; False if no event of it has been taken in.

        Raises:
            OutsideError: if the database does not answer.
        """
        known = await self.tables.tell(run_id, about)
        await self.show([run_id])
        return known

    async def show(self, runs: Sequence[str] | None = None) -> None:
        """Put all of some runs on the board, or of the latest.

        Raises:
            OutsideError: if the database does not answer.
        """
        if runs is None or runs:
            shown = await self.tables.shown(runs)
            self._note(shown)
            self.live.put(shown.changes)

    async def _tell_of(self, applied: Applied) -> None:
        self._note(applied)
        await self.show([
            change.run_id for change in applied.changes
            if change.part == "run" and not self.live.shows(change.broker, change.run_id)
        ])  # fmt: skip
        self.live.put(applied.changes)
        for event, reason in applied.refused:
            with log.bound(run_id=event.run_id, correlation_id=event.correlation_id):
                LOG.error("event refused", id=event.id, type=event.type, seq=event.seq,
                          reason=reason)  # fmt: skip

    def _note(self, applied: Applied) -> None:
        self.progress.taken += applied.taken
        self.progress.refused += len(applied.refused)
        for run, seq in applied.waits.items():
            if seq is None:
                self.progress.holes.pop(run, None)
            elif self.progress.holes.get(run, (-1, 0))[0] != seq:
                self.progress.holes[run] = seq, time.monotonic()


def belongs(event: Envelope) -> bool:
    """Say if an event is one of a run's own, which its tables hold."""
    if event.broker == SHARED:
        return False
    return event.seq >= 0 or event.type is EventType.RUN_STATE
