"""The probes of health that ask no server: disk, feed, processes, projection, the machine."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic

from alphapanda.config.settings import Settings
from alphapanda.model.calendar import Calendar, Phase, SessionGroup, ist_date
from alphapanda.monitor import beats
from alphapanda.monitor.beating import existing
from alphapanda.monitor.beats import GONE_S, LATE_S, Found
from alphapanda.monitor.health import Reading, State, worst
from alphapanda.monitor.watching import RunFacts

SAMPLES = 100
BEHIND, HOLE_S = 5_000, 30.0
CPU_S = 60.0
MEGA, GIGA = 1e6, 1e9


class DiskProbe:
    """Looks at the space for journals, and at how long a sync to their disk takes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._took: deque[float] = deque(maxlen=SAMPLES)

    async def look(self) -> Reading:
        """Return how the disk of the journals is."""
        return await asyncio.to_thread(self._look)

    def _look(self) -> Reading:
        limits = self._settings.monitor
        folder = existing(self._settings.runs_dir)
        free = shutil.disk_usage(folder).free
        self._took.append(sync_once(folder))
        slowest = max(self._took)
        facts = {"free_bytes": float(free), "fsync_seconds": round(slowest, 6)}
        text = f"{free / GIGA:,.1f} GB free, slowest sync {slowest * 1000:,.1f} ms"
        if free < limits.disk_least_bytes:
            return Reading(State.DOWN, f"{text}: make room in {folder}", facts)
        # One slow sync in a hundred is the machine's, several are the disk's.
        slow = sum(took > limits.fsync_s for took in self._took) > max(1, len(self._took) // 50)
        if free < limits.disk_low_bytes or slow:
            return Reading(State.DEGRADED, text, facts)
        return Reading(State.OK, text, facts)


def sync_once(folder: Path) -> float:
    """Return how long it takes to bring a small file to the disk."""
    path = folder / f".sync-{os.getpid()}.partial"
    begun = monotonic()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(descriptor, b"alphapanda" * 400)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return monotonic() - begun
    finally:
        with suppress(OSError):
            path.unlink()


class FeedProbe:
    """Looks at the age of the newest row of each run that trades, while trading is open."""

    def __init__(self, settings: Settings, runs: Callable[[], Sequence[RunFacts]]) -> None:
        self._late_s, self._runs = settings.monitor.feed_late_s, runs

    async def look(self) -> Reading:
        """Return how the feeds are; silence is a fault in the phase OPEN only."""
        found = [run for run in self._runs() if run.trades]
        if not found:
            return Reading(State.OFF, "no run trades")
        readings = [self._of(run) for run in found]
        bad = worst([each.state for each in readings])
        texts = [each.text for each in readings if each.state == bad and each.text]
        return Reading(bad, "; ".join(texts[:5]), {
            "age_seconds": round(max(run.quiet_s for run in found), 3),
            "missed_rows": float(sum(run.missed for run in found)),
        })  # fmt: skip

    def _of(self, run: RunFacts) -> Reading:
        missed = f"; {run.missed:,} rows never came" if run.missed else ""
        if not run.row_ns:
            return Reading(State.OK, f"{run.run}: no row yet")
        if phase_at(run.row_ns) != Phase.OPEN:
            return Reading(State.OK, f"{run.run}: trading is not open{missed}")
        text = f"{run.run}: the newest row came {run.quiet_s:.0f} s ago{missed}"
        if run.quiet_s > 5 * self._late_s:
            return Reading(State.DOWN, text)
        late = run.quiet_s > self._late_s
        return Reading(State.DEGRADED if late or run.missed else State.OK, text)


def phase_at(ts: int) -> Phase:
    """Return the phase of trading in shares at a time."""
    session = Calendar.nse().session(ist_date(ts), SessionGroup.EQUITY)
    phase = Phase.CLOSED
    for change in session.changes if session is not None else ():
        if change.ts <= ts:
            phase = change.phase
    return phase


class ProcessProbe:
    """Looks at the beats: who is late or gone, and whether all are of one code and settings."""

    def __init__(self, base: Path, runs: Callable[[], Sequence[RunFacts]]) -> None:
        self._base, self._runs = base, runs

    async def look(self) -> Reading:
        """Return how the processes are."""
        return processes(await asyncio.to_thread(beats.read, self._base))


def processes(found: Found) -> Reading:
    """Return how the processes of some beats are."""
    facts = {"processes": float(len(found.seen))}
    late = [f"{each.beat.role} ({each.beat.pid}) beat {each.age_s:.0f} s ago"
            for each in found.seen if each.age_s > LATE_S]  # fmt: skip
    living = [each.beat for each in found.seen if each.age_s <= GONE_S]
    differing = [
        f"processes of different {name}: " + ", ".join(f"{b.role} {getattr(b, name)[:8]}"
                                                       for b in living)
        for name in ("code", "config", "schema")
        if len({getattr(each, name) for each in living}) > 1
    ]  # fmt: skip
    gone = any(each.age_s > GONE_S for each in found.seen)
    text = "; ".join((late + differing + found.strange)[:5])
    if gone or differing:
        return Reading(State.DOWN, text, facts)
    if late or found.strange:
        return Reading(State.DEGRADED, text, facts)
    return Reading(State.OK if found.seen else State.OFF, "" if found.seen else "none beats", facts)


class ProjectionProbe:
    """Compares how far the tables are with where the journals end."""

    def __init__(
        self, runs: Callable[[], Sequence[RunFacts]], taken: Callable[[], Mapping[str, int]]
    ) -> None:
        self._runs, self._taken = runs, taken
        self._marks: dict[str, tuple[float, int]] = {}
        """By run that is behind, an end of its journal, and when it was that."""

    async def look(self) -> Reading:
        """Return how far the tables are behind, and since when."""
        taken = self._taken()
        now, behind, waited = monotonic(), 0, 0.0
        for run in self._runs():
            # A run that has ended and that no table knows was never to be there: a backtest.
            if run.run_id not in taken and not run.trades:
                continue
            done = taken.get(run.run_id, -1) + 1
            behind = max(behind, run.events - done)
            # A run that goes on is always some events ahead: what counts is how old those are.
            since, end = self._marks.get(run.run_id, (now, run.events))
            if done >= min(end, run.events):
                since, end = now, run.events
            self._marks[run.run_id] = since, end
            waited = max(waited, now - since)
        facts = {"events": float(behind), "seconds": round(waited, 3)}
        text = f"{behind:,} events of a run are not in the tables" if behind > 0 else ""
        if waited > HOLE_S:
            return Reading(State.DOWN, f"{text} for {waited:.0f} s: alphapanda project RUN", facts)
        if behind > BEHIND or waited > HOLE_S / 3:
            return Reading(State.DEGRADED, text, facts)
        return Reading(State.OK, text, facts)


class MachineProbe:
    """Looks at the cores, the memory and the space for logs of this machine."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._busy_since: float | None = None

    async def look(self) -> Reading:
        """Return how the machine is."""
        try:
            import psutil  # noqa: PLC0415 (an extra)
        except ModuleNotFoundError:
            return Reading(State.OFF, "psutil is not installed: pip install 'alphapanda[monitor]'")
        limits = self._settings.monitor
        cpu, memory = psutil.cpu_percent(None) / 100, psutil.virtual_memory().percent / 100
        free = shutil.disk_usage(existing(self._settings.logs_dir)).free
        now = monotonic()
        self._busy_since = (self._busy_since or now) if cpu > limits.cpu else None
        busy = self._busy_since is not None and now - self._busy_since >= CPU_S
        text = f"cpu {cpu:.0%}, memory {memory:.0%}, {free / GIGA:,.1f} GB free for logs"
        facts = {"cpu": round(cpu, 4), "memory": round(memory, 4), "logs_free_bytes": float(free)}
        if free < limits.disk_least_bytes:
            return Reading(State.DOWN, f"{text}: make room", facts)
        full = memory > limits.memory
        return Reading(State.DEGRADED if busy or full else State.OK, text, facts)


class ClockProbe:
    """Compares the clock with the newest tick of a live feed; nothing else here knows the time."""

    def __init__(self, runs: Callable[[], Sequence[RunFacts]]) -> None:
        self._runs = runs

    async def look(self) -> Reading:
        """Return how far the clock is from the exchange's."""
        live = [run for run in self._runs() if run.trades and run.feed.startswith("kite")]
        if not live:
            return Reading(State.OFF, "no live feed to compare it with")
        newest = max(live, key=lambda run: run.row_ns)
        off_s = time.time_ns() / GIGA - newest.quiet_s - newest.row_ns / GIGA
        facts = {"offset_seconds": round(off_s, 3)}
        text = f"{off_s:+.1f} s from the exchange's"
        if abs(off_s) > 30:
            return Reading(State.DOWN, f"{text}: set this machine's clock", facts)
        return Reading(State.DEGRADED if abs(off_s) > 2 else State.OK, text, facts)
