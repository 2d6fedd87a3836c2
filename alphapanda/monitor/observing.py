"""The monitor of a platform, whole: what it watches, in the order in which it begins."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import msgspec

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
    READERS,
    BusProbe,
    DatabaseProbe,
    LagProbe,
    RedisProbe,
    ZerodhaProbe,
)
from alphapanda.monitor.rules import View
from alphapanda.monitor.troubles import Troubles
from alphapanda.monitor.watching import RunFacts, RunWatch
from alphapanda.runs.timing import slowest

LOG = log.get(__name__)


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
        self.troubles = Troubles(settings, self.counts)
        self.database, self._lag = DatabaseProbe(settings), LagProbe(settings)
        self.health_table = HealthMonitor(self._probes(settings, must), period_s=period)
        pulse = settings.monitor.pulse_url.get_secret_value()
        self.alerts = AlertService(
            settings, self.view, channels_of(settings), period_s=period,
            pulse=Pulse(pulse, private=settings.alerts.private) if pulse else None,
        )  # fmt: skip
        self._parts = (self.counts, self.journals, self.health_table, self.alerts)
        self._undone: AsyncExitStack | None = None
        self._scraped: Scraped | None = None

    def _probes(self, settings: Settings, must: Sequence[str]) -> list[Probe]:
        runs = self.journals.runs
        named = {
            "database": (self.database.look, 2.0),
            "redis": (RedisProbe(settings).look, 4 * settings.redis.timeout_s + 0.5),
            "redpanda": (BusProbe(settings).look, 10.0),
            "consumer lag": (self._lag.look, 10.0),
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

    def lag(self) -> Mapping[str, Any]:
        """Return how much of each topic's partitions waits for the projector, as seen last."""
        if not self._settings.bus.enabled:
            return {"enabled": False, "group": READERS, "items": []}
        health = next(each for each in self.table() if each.part == "consumer lag")
        items = [
            {"topic": topic, "partition": number, **share._asdict(), "waiting": share.waiting}
            for (topic, number), share in sorted(self._lag.shares.items())
        ]
        return {
            "enabled": True, "group": READERS, "state": str(health.state), "text": health.text,
            "looked_ns": health.looked_ns or None,
            "still_seconds": health.figures.get("still_seconds"), "items": items,
        }  # fmt: skip

    def latency(self) -> dict[str, Any]:
        """Return p50, p95 and p99 by step in seconds, of the slowest process; null for none."""
        seen = beats.read(self._settings.base_dir).seen
        return slowest([each.beat.figures for each in seen if each.state != "gone"])

    async def test_alerts(self) -> Mapping[str, str]:
        """Send a message by every channel of alerts; return by channel `ok`, or why not."""
        return await self.alerts.test()

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
        runs = self.journals.runs()
        told = await self.troubles.look([run.run_id for run in runs if run.trades])
        return View(
            health=self.table(), runs=runs, beats=found,
            pipeline=list(self.counts.runs.values()), refused=told.refused, orders=told.orders,
            risk=told.risk, entries=told.entries, letters=dict(self._lag.letters.found),
        )  # fmt: skip
