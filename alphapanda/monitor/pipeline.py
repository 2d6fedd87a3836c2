"""The pipeline rule: of each run, every raw signal is validated, rejected, or waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from alphapanda import log
from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.events.events import EventType, RunStatus
from alphapanda.projection.changes import RAW, REJECTED, VALIDATED, impossible, latest
from alphapanda.store.database import Database, answering
from alphapanda.store.trading import Fill, Order, Run, Signal, Stage
from alphapanda.store.words import SignalStatus

LOG = log.get(__name__)
PENDING_NS = 1_000_000_000
"""How long a signal may wait for its verdict, by the core's own time."""


class Counts(NamedTuple):
    """A run's pipeline at one event."""

    run_id: str
    owner_id: str
    account_id: str
    broker: str
    status: str
    seq: int
    counts: Mapping[str, int]
    """By type of event, as the table of stages has them."""
    last_ns: Mapping[str, int]
    pending: int
    impossible: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        named = {"raw": RAW, "validated": VALIDATED, "rejected": REJECTED}
        made = {name: self.counts.get(stage, 0) for name, stage in named.items()}
        return {"run_id": self.run_id, "broker": self.broker, "status": self.status,
                "seq": self.seq, **made, "pending": self.pending, "stages": dict(self.counts),
                "last_ns": dict(self.last_ns), "impossible": list(self.impossible)}  # fmt: skip


class PipelineMonitor:
    """Recounts the newest runs from the tables; `start`, then `runs`, `stop`."""

    def __init__(self, settings: Settings, *, period_s: float) -> None:
        self._settings, self._period_s = settings, period_s
        self.database: Database | None = None
        self._task: asyncio.Task[None] | None = None
        self.runs: dict[str, Counts] = {}
        """By run, as they were counted last."""
        self.counted_ns = 0
        self.trouble = ""

    async def start(self) -> None:
        """Begin to count; a database that is down is waited for."""
        assert self._task is None, "the pipeline monitor has been started already"
        self._task = asyncio.create_task(self._go_on(), name="pipeline monitor")

    async def stop(self) -> None:
        """Stop counting."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        if self.database is not None:
            await self.database.stop()
            self.database = None

    async def health(self) -> None:
        """See that the runs can be counted.

        Raises:
            OutsideError: if the database does not answer; the message says what to do.
        """
        if self.trouble:
            raise OutsideError(self.trouble)

    def taken(self) -> dict[str, int]:
        """Return by run the last event that is in the tables."""
        return {run: counts.seq for run, counts in self.runs.items()}

    async def count(self) -> None:
        """Count the newest runs once.

        Raises:
            OutsideError: if the database does not answer.
        """
        if not self._settings.has_database:
            return
        if self.database is None:
            made = Database(self._settings)
            await made.start()
            self.database = made
        with answering(self._settings):
            async with self.database.session() as session:
                self.runs = {each.run_id: each for each in await counted(session)}
        self.counted_ns, self.trouble = time.time_ns(), ""

    async def _go_on(self) -> None:
        while True:
            try:
                await self.count()
            except OutsideError as error:
                if not self.trouble:
                    LOG.warning("the runs can't be counted", error=error)
                self.trouble = str(error)
            await asyncio.sleep(self._period_s)


async def counted(session: AsyncSession) -> list[Counts]:
    """Return the pipelines of the newest runs, all as of one transaction.

    On a database that lets others write between two statements a run's own `seq` is read first
    and last: where it moved, what was read between is of two moments and is read again.
    """
    found = []
    for run_id in await latest(session):
        for _ in range(3):
            made = await of_run(session, run_id)
            now = await session.scalar(select(Run.seq).where(Run.run_id == run_id))
            if made is not None and made.seq == now:
                found.append(made)
                break
    return found


async def of_run(session: AsyncSession, run_id: str) -> Counts | None:
    """Return a run's pipeline; None if it was dropped meanwhile."""
    columns = (Run.owner_id, Run.account_id, Run.broker, Run.status, Run.seq)
    run = (await session.execute(select(*columns).where(Run.run_id == run_id))).one_or_none()
    if run is None:
        return None
    rows = await session.execute(
        select(Stage.stage, Stage.count, Stage.last_ns).where(Stage.run_id == run_id)
    )
    stages = {stage: (count, last) for stage, count, last in rows}
    raw = (Signal.run_id == run_id, Signal.status == SignalStatus.RAW)
    pending, oldest = (await session.execute(
        select(func.count(), func.min(Signal.ts)).where(*raw)
    )).one()  # fmt: skip
    filled = await session.scalar(
        select(func.coalesce(func.sum(Order.filled), 0)).where(Order.run_id == run_id)
    )
    fills = await session.scalar(
        select(func.coalesce(func.sum(Fill.quantity), 0)).where(Fill.run_id == run_id)
    )
    counts = {stage: count for stage, (count, _) in stages.items()}
    last = {stage: ns for stage, (_, ns) in stages.items()}
    wrong = [*impossible(counts, pending), *others(counts, int(filled or 0), int(fills or 0)),
             *waits(pending, oldest, last, run.status)]  # fmt: skip
    return Counts(run_id, run.owner_id, run.account_id, run.broker, run.status, run.seq, counts,
                  last, pending, tuple(wrong))  # fmt: skip


def others(counts: Mapping[str, int], filled: int, fills: int) -> Iterator[str]:
    """Yield what can't be beside what a board says already."""
    placed, taken = (
        counts.get(str(kind), 0) for kind in (EventType.ORDER_PLACED, EventType.ORDER_ACKNOWLEDGED)
    )
    if taken > placed > 0:
        yield f"{taken} orders acknowledged > {placed} placed"
    if filled != fills:
        yield f"orders say that {filled} are filled, fills that {fills} are"


def waits(
    pending: int, oldest_ns: int | None, last_ns: Mapping[str, int], status: str
) -> Iterator[str]:
    """Yield that a signal waits too long: the gate answers in the same step of the core."""
    if not pending or oldest_ns is None:
        return
    now = max(last_ns.values(), default=oldest_ns)
    if now - oldest_ns > PENDING_NS or status != RunStatus.RUNNING:
        waited_s = (now - oldest_ns) / 1e9
        yield f"{pending} signals wait for a verdict, the oldest for {waited_s:.1f} s"
