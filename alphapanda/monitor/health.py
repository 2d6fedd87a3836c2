"""Health of every part, looked at in the background; a request reads what was found last."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from alphapanda import log
from alphapanda.errors import AlphaPandaError
from alphapanda.net import tasks
from alphapanda.net.tasks import CANCEL_S, noticed

LOG = log.get(__name__)
OLD_S = 15.0
"""From when on nobody knows how a part is."""


class State(StrEnum):
    """How a part is."""

    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"
    OFF = "off"
    """It is not used here."""
    UNKNOWN = "unknown"
    """It was not looked at yet, or too long ago."""


WORST = (State.DOWN, State.UNKNOWN, State.DEGRADED, State.OK, State.OFF)


class Reading(NamedTuple):
    """What a probe has found; the text says what is so, and what to do."""

    state: State
    text: str = ""
    figures: Mapping[str, float] = {}


class Probe(NamedTuple):
    """A part that is looked at, within a time limit of its own."""

    part: str
    look: Callable[[], Awaitable[Reading]]
    limit_s: float
    must: bool = False
    """Whether this process is of no use without it."""


class Health(NamedTuple):
    """A part's health as it is shown."""

    part: str
    state: State
    text: str
    must: bool
    looked_ns: int
    took_s: float
    figures: Mapping[str, float]


class HealthMonitor:
    """Runs the probes side by side, each on its own, so that one that hangs delays no other."""

    def __init__(self, probes: Sequence[Probe], *, period_s: float) -> None:
        self._probes, self._period_s = probes, period_s
        self._found: dict[str, Health] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._looked = asyncio.Event()

    async def start(self) -> None:
        """Begin to look."""
        assert not self._tasks, "the health monitor has been started already"
        self._tasks = [
            asyncio.create_task(self._go_on(probe), name=f"health of {probe.part}")
            for probe in self._probes
        ]

    async def stop(self) -> None:
        """Stop looking."""
        await tasks.end(self._tasks)
        self._tasks = []

    async def health(self) -> None:
        """Nothing can fail that the table would not show."""

    async def once(self) -> None:
        """Look at everything once, now; for a command that ends then."""
        await asyncio.gather(*(self._look(probe) for probe in self._probes))

    def table(self, now_ns: int | None = None) -> list[Health]:
        """Return how each part is, by what was found last."""
        now = time.time_ns() if now_ns is None else now_ns
        return [aged(self._found.get(probe.part), probe, now) for probe in self._probes]

    def well(self) -> bool:
        """Say if every part is well that must be."""
        return not any(each.must and each.state in (State.DOWN, State.UNKNOWN)
                       for each in self.table())  # fmt: skip

    async def _go_on(self, probe: Probe) -> None:
        while True:
            await self._look(probe)
            await asyncio.sleep(self._period_s)

    async def _look(self, probe: Probe) -> None:
        begun, ts = time.monotonic(), time.time_ns()
        reading = await looked(probe)
        took = time.monotonic() - begun
        before = self._found.get(probe.part)
        self._found[probe.part] = Health(
            probe.part, reading.state, reading.text, probe.must, ts, took, reading.figures
        )
        if before is None or before.state != reading.state:
            bad = reading.state in (State.DOWN, State.DEGRADED)
            say = LOG.warning if bad else LOG.info
            say("health", of=probe.part, state=str(reading.state), why=reading.text)


# A probe may hang in a client that swallows its cancellation: then it is left behind.
async def looked(probe: Probe) -> Reading:
    """Return what a probe finds, or that it finds nothing in time."""
    task = asyncio.ensure_future(probe.look())
    try:
        done, _ = await asyncio.wait([task], timeout=probe.limit_s)
    finally:
        if not task.done():
            task.cancel()
            task.add_done_callback(noticed)
            await asyncio.wait([task], timeout=CANCEL_S)  # what it has open is closed first
    if not done:
        return Reading(State.DOWN, f"no answer in {probe.limit_s:g} s")
    try:
        return task.result()
    except (AlphaPandaError, OSError, TimeoutError, asyncio.CancelledError) as error:
        return Reading(State.DOWN, str(error)[:500] or type(error).__name__)


def aged(found: Health | None, probe: Probe, now_ns: int) -> Health:
    """Return what was found, or that nobody knows if it is too long ago."""
    if found is None:
        return Health(probe.part, State.UNKNOWN, "not looked at yet", probe.must, 0, 0.0, {})
    age_s = (now_ns - found.looked_ns) / 1e9
    if age_s > OLD_S + probe.limit_s:
        return found._replace(state=State.UNKNOWN, text=f"not looked at for {age_s:.0f} s")
    return found


def worst(states: Sequence[State]) -> State:
    """Return the worst of some states."""
    return min(states, key=WORST.index, default=State.OFF)


def facts(table: Sequence[Health]) -> list[dict[str, Any]]:
    """Return a table of health as JSON holds it."""
    return [
        {"part": each.part, "state": str(each.state), "text": each.text, "must": each.must,
         "looked_ns": each.looked_ns, "took_ms": round(each.took_s * 1000, 3),
         "figures": dict(each.figures)}
        for each in table
    ]  # fmt: skip
