"""What the tables say that a person should know: refusals, orders, losses, and odd logins."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from alphapanda.config.settings import Settings
from alphapanda.errors import OutsideError
from alphapanda.monitor.pipeline import PipelineMonitor
from alphapanda.monitor.risk_used import limits_of, used_of
from alphapanda.monitor.rules import Entry, Refused, Trouble
from alphapanda.store.database import answering
from alphapanda.store.people import AuditEntry
from alphapanda.store.trading import Order, Run, Signal
from alphapanda.store.words import OrderStatus, SignalStatus

MINUTE_NS = 60_000_000_000
TROUBLES = 50
LOGINS_NS = 10 * MINUTE_NS
REUSED, WRONG = "refresh token used twice", "login refused"
"""Actions of the audit trail that somebody should know of."""
MOST_ENTRIES = 1_000


class Found(NamedTuple):
    """What was found; all empty where the tables can't be read."""

    refused: Sequence[Refused] = ()
    orders: Sequence[Trouble] = ()
    risk: Mapping[str, float] = MappingProxyType({})
    entries: Sequence[Entry] = ()


class Troubles:
    """Looks at the tables of the runs that trade, by the pipeline monitor's own connection."""

    def __init__(self, settings: Settings, counts: PipelineMonitor) -> None:
        self._settings, self._counts = settings, counts
        self._first_seen: dict[tuple[str, int, str], float] = {}

    async def look(self, trading: Sequence[str]) -> Found:
        """Return what is found of some runs, and of the installation's logins."""
        counts, database = self._counts, self._counts.database
        if database is None or counts.trouble:
            return Found()
        running = [run for run in trading if run in counts.runs]
        try:
            with answering(self._settings):
                async with database.session() as session:
                    return await self._found(session, running)
        except OutsideError:  # the health table has it, and an alert
            return Found()

    async def _found(self, session: AsyncSession, running: Sequence[str]) -> Found:
        refused: list[Refused] = []
        for run in running:
            last = max(self._counts.runs[run].last_ns.values(), default=0)
            refused += await refusals(session, run, last)
        risk = {run: await loss_share(session, run) for run in running}
        orders = await self._orders(session, running) if running else []
        return Found(refused, orders, risk, await self._entries(session))

    async def _orders(self, session: AsyncSession, runs: Sequence[str]) -> list[Trouble]:
        bad = (OrderStatus.FAILED, OrderStatus.UNKNOWN)
        rows = await session.scalars(
            select(Order).where(Order.run_id.in_(runs), Order.status.in_(bad))
            .order_by(Order.updated_ns.desc()).limit(TROUBLES)
        )  # fmt: skip
        now, found = time.monotonic(), []
        for row in rows:
            since = self._first_seen.setdefault((row.run_id, row.order_id, row.status), now)
            found.append(Trouble(row.run_id, row.order_id, row.strategy, row.instrument,
                                 row.status, row.reason or "", now - since))  # fmt: skip
        return found

    async def _entries(self, session: AsyncSession) -> list[Entry]:
        rows = await session.scalars(
            select(AuditEntry).where(
                AuditEntry.ts > time.time_ns() - LOGINS_NS, AuditEntry.action.in_((REUSED, WRONG)),
            ).order_by(AuditEntry.seq.desc()).limit(MOST_ENTRIES)
        )  # fmt: skip
        return [Entry(row.seq, row.actor, row.action == REUSED) for row in rows]


async def refusals(session: AsyncSession, run_id: str, last_ns: int) -> list[Refused]:
    """Return how many requests of a run each rule refused in the last minute of its own time."""
    rows = await session.execute(
        select(Signal.code, func.count()).where(
            Signal.run_id == run_id, Signal.status == SignalStatus.REJECTED,
            Signal.ts > last_ns - MINUTE_NS,
        ).group_by(Signal.code)
    )  # fmt: skip
    return [Refused(run_id, str(code), count) for code, count in rows]


async def loss_share(session: AsyncSession, run_id: str) -> float:
    """Return how much of a day's loss limit is used: a run's own, or the most of its strategies."""
    run = await session.get(Run, run_id)
    if run is None:
        return 0.0
    used = await used_of(session, run, limits_of(run.manifest))
    shares = [each.used / each.limit for each in used
              if each.rule == "loss" and each.used is not None and each.limit > 0]  # fmt: skip
    return max(shares, default=0.0)
