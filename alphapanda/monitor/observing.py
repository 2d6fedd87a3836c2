"""The monitor of a platform, whole: what it watches, in the order in which it begins."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from alphapanda import log
from alphapanda.config.settings import Settings
from alphapanda.errors import ODD, OutsideError
from alphapanda.monitor import beats, scrape
from alphapanda.monitor.alerts import AlertService
from alphapanda.monitor.channels import Pulse, channels_of
from alphapanda.monitor.health import Health, HealthMonitor, Probe, State, facts
from alphapanda.monitor.local_probes import (
    ClockProbe,
    DiskProbe,
    FeedProbe,
    MachineProbe,
    ProcessProbe,
    ProjectionProbe,
)
from alphapanda.monitor.metrics import Scraped
from alphapanda.monitor.pipeline import PipelineMonitor
from alphapanda.monitor.probes import (
    BusProbe,
    DatabaseProbe,
    LagProbe,
    RedisProbe,
    ZerodhaProbe,
)
from alphapanda.monitor.rules import Refused, Trouble, View
from alphapanda.monitor.watching import RunFacts, RunWatch
from alphapanda.store.database import answering
from alphapanda.store.trading import Order, Signal
from alphapanda.store.words import OrderStatus, SignalStatus

LOG = log.get(__name__)
MINUTE_NS = 60_000_000_000
TROUBLES = 50
STEPS = ("decision", "journal", "send", "ack")


class RunsPart:
    """Reads the journals in the background; `runs` is what was read last."""

    def __init__(self, settings: Settings, *, period_s: float) -> None:
        self._watch, self._period_s = RunWatch(settings), period_s
        self._task: asyncio.Task[None] | None = None
        self._found: list[RunFacts] = []

    def runs(self) -> list[RunFacts]:
        """Return the runs as they were seen last, the newest first."""
        return self._found

    async def look(self) -> None:
        """Read what was added."""
        self._found = await asyncio.to_thread(self._watch.look)

    async def start(self) -> None:
        """Look once, and from then on each few seconds."""
        await self.look()
        self._task = asyncio.create_task(self._go_on(), name="journals")

    async def stop(self) -> None:
        """Stop looking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def health(self) -> None:
        """See that it still looks.

        Raises:
            OutsideError: if it has ended.
        """
        if self._task is not None and self._task.done():
            raise OutsideError("the journals are not read any more: see the log")

    async def _go_on(self) -> None:
        while True:
            await asyncio.sleep(self._period_s)
            try:
                await self.look()
            except ODD as error:  # whatever an odd file holds: the next look finds the rest
                LOG.warning("the journals are not read", error=error)


class Monitor:
    """Watches a platform from one process: `start`, then ask, `stop`."""

    def __init__(self, settings: Settings, *, must: Sequence[str] = ("database",)) -> None:
        period = settings.monitor.period_s
        self._settings = settings
        self.journals = RunsPart(settings, period_s=min(period, 1.0))
        self.counts = PipelineMonitor(settings, period_s=min(period, 2.0))
        self.database, self.lag = DatabaseProbe(settings), LagProbe(settings)
        self.health_table = HealthMonitor(self._probes(settings, must), period_s=period)
        pulse = settings.monitor.pulse_url.get_secret_value()
        self.alerts = AlertService(
            settings, self.view, channels_of(settings), period_s=period,
            pulse=Pulse(pulse, private=settings.alerts.private) if pulse else None,
        )  # fmt: skip
        self._parts = (self.counts, self.journals, self.health_table, self.alerts)
        self._undone: AsyncExitStack | None = None
        self._scraped: Scraped | None = None
        self._first_seen: dict[tuple[str, int, str], float] = {}

    def _probes(self, settings: Settings, must: Sequence[str]) -> list[Probe]:
        runs = self.journals.runs
        named = {
            "database": (self.database.look, 2.0),
            "redis": (RedisProbe(settings).look, 4 * settings.redis.timeout_s + 0.5),
            "redpanda": (BusProbe(settings).look, 10.0),
            "consumer lag": (self.lag.look, 10.0),
            "journal disk": (DiskProbe(settings).look, 5.0),
            "feed": (FeedProbe(settings, runs).look, 2.0),
            "zerodha": (ZerodhaProbe(settings).look, settings.zerodha.timeout_s + 3.0),
            "processes": (ProcessProbe(settings.base_dir, runs).look, 2.0),
            "projection": (ProjectionProbe(runs, self.counts.taken).look, 2.0),
            "clock": (ClockProbe(runs).look, 2.0),
            "machine": (MachineProbe(settings).look, 2.0),
        }
        return [Probe(name, look, limit, name in must) for name, (look, limit) in named.items()]

    async def start(self) -> None:
        """Begin to watch: pipeline, journals, health, alerts."""
        assert self._undone is None, "the monitor has been started already"
        async with AsyncExitStack() as undone:
            undone.push_async_callback(self.database.stop)
            for part in self._parts:
                undone.push_async_callback(part.stop)
                await part.start()
            self._scraped = Scraped(self.metrics)
            self._undone = undone.pop_all()

    async def stop(self) -> None:
        """Stop watching, what began last first."""
        if self._undone is not None:
            if self._scraped is not None:
                self._scraped.close()
            await self._undone.aclose()
            self._undone = None

    def health(self) -> dict[str, Any]:
        """Return the last look at every part; it is `down` only where a part is that must be."""
        found = self.table()
        bad = any(each.state not in (State.OK, State.OFF) for each in found)
        down = any(each.must and each.state == State.DOWN for each in found)
        state = State.DOWN if down else State.DEGRADED if bad else State.OK
        return {"state": str(state), "parts": {
            each["part"]: {name: value for name, value in each.items() if name != "part"}
            for each in facts(found)
        }}  # fmt: skip

    def pipeline(self) -> dict[str, dict[str, Any]]:
        """Return the counts of each run, and what of them can't be."""
        return {run: counts.facts() for run, counts in self.counts.runs.items()}

    def services(self) -> list[Mapping[str, Any]]:
        """Return the processes that beat, or did until lately."""
        return [
            {**msgspec.to_builtins(seen.beat), "state": seen.state,
             "age_s": round(seen.age_s, 3), "id": f"{seen.beat.role}-{seen.beat.pid}"}
            for seen in beats.read(self._settings.base_dir).seen
        ]  # fmt: skip

    def latency(self) -> dict[str, Any]:
        """Return p50, p95 and p99 by step; null, for no process measures its steps yet."""
        return {step: dict.fromkeys(("p50", "p95", "p99")) for step in STEPS}

    def table(self) -> list[Health]:
        """Return how every part is, by what was found last."""
        return self.health_table.table()

    def metrics(self) -> Iterator[Any]:
        """Yield the metrics of what was found last."""
        yield from scrape.of_processes(beats.read(self._settings.base_dir).seen)
        yield from scrape.of_health(self.table())
        yield from scrape.of_runs(self.journals.runs())
        yield from scrape.of_pipeline(list(self.counts.runs.values()))

    async def view(self) -> View:
        """Return all that the rules of alerts look at."""
        found = await asyncio.to_thread(beats.read, self._settings.base_dir)
        refused, orders = await self._troubles()
        return View(
            health=self.table(), runs=self.journals.runs(), beats=found,
            pipeline=list(self.counts.runs.values()), refused=refused, orders=orders,
        )  # fmt: skip

    async def _troubles(self) -> tuple[list[Refused], list[Trouble]]:
        counts = self.counts.runs
        running = [run.run_id for run in self.journals.runs()
                   if run.trades and run.run_id in counts]  # fmt: skip
        if not running or self.counts.database is None or self.counts.trouble:
            return [], []
        try:
            with answering(self._settings):
                async with self.counts.database.session() as session:
                    refused = [one for run in running for one in await refusals(
                        session, run, max(counts[run].last_ns.values(), default=0))]  # fmt: skip
                    return refused, await self._orders(session, running)
        except OutsideError:  # the health table has it, and an alert
            return [], []

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


async def refusals(session: AsyncSession, run_id: str, last_ns: int) -> list[Refused]:
    """Return how many requests of a run each rule refused in the last minute of its own time."""
    rows = await session.execute(
        select(Signal.code, func.count()).where(
            Signal.run_id == run_id, Signal.status == SignalStatus.REJECTED,
            Signal.ts > last_ns - MINUTE_NS,
        ).group_by(Signal.code)
    )  # fmt: skip
    return [Refused(run_id, str(code), count) for code, count in rows]
