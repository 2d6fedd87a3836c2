"""Health: every part on its own, within its own time, and honest about what nobody has seen."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from alphapanda.errors import OutsideError
from alphapanda.monitor import local_probes
from alphapanda.monitor.health import HealthMonitor, Probe, Reading, State, facts, looked
from alphapanda.monitor.local_probes import DiskProbe, FeedProbe, ProjectionProbe
from alphapanda.monitor.watching import RunFacts
from tests.support.events import until
from tests.support.servers.databases import settings_of

OPEN = 1_764_042_300 * 10**9 + 3_600 * 10**9
"""2025-11-25, 10:15 in India: trading in shares is open."""
CLOSED = OPEN + 9 * 3_600 * 10**9


def run(**more: Any) -> RunFacts:
    """Return a run that trades."""
    known = {
        "run": "r", "run_id": "r-1", "status": "running", "mode": "paper", "broker": "paper",
        "owner_id": "o", "account_id": "a", "strategies": ("s",), "events": 10, "rows": 5,
        "missed": 0, "row_ns": OPEN, "quiet_s": 0.0, "feed": "replay", "pnl": {},
    }  # fmt: skip
    return RunFacts(**{**known, **more})


async def well() -> Reading:
    return Reading(State.OK, "fine")


async def ill() -> Reading:
    raise OutsideError("gone: start it")


async def stuck() -> Reading:
    """Swallow the cancellation, as some clients do."""
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0.5)
            return Reading(State.OK)


def test_one_that_hangs_delays_no_other() -> None:
    """Each probe has its own limit; the table is read at once, whatever they do."""
    parts = HealthMonitor([
        Probe("good", well, 1.0), Probe("bad", ill, 1.0), Probe("stuck", stuck, 0.2, must=True),
    ], period_s=0.05)  # fmt: skip

    async def watch() -> tuple[list[Any], list[Any]]:
        before = parts.table()
        await parts.start()
        await until(lambda: all(each.state != State.UNKNOWN for each in parts.table()))
        table = parts.table()
        await parts.stop()
        return before, table

    before, table = asyncio.run(watch())
    assert [each.state for each in before] == [State.UNKNOWN] * 3
    assert {each.part: each.state for each in table} == {
        "good": State.OK, "bad": State.DOWN, "stuck": State.DOWN,
    }  # fmt: skip
    assert {each["part"]: each["text"] for each in facts(table)} == {
        "good": "fine", "bad": "gone: start it", "stuck": "no answer in 0.2 s",
    }  # fmt: skip
    assert not parts.well()


def test_what_was_not_looked_at_for_long_is_unknown() -> None:
    """An old look is no news: after 15 s and the probe's own time nobody knows."""
    parts = HealthMonitor([Probe("good", well, 1.0)], period_s=60)
    asyncio.run(parts.once())
    (now,) = parts.table()
    (later,) = parts.table(now.looked_ns + 17 * 10**9)
    assert (now.state, later.state) == (State.OK, State.UNKNOWN)
    assert "17 s" in later.text


def test_an_answer_in_time_is_the_probes_own() -> None:
    """What a probe returns is returned."""
    assert asyncio.run(looked(Probe("x", well, 1.0))) == Reading(State.OK, "fine")


@pytest.mark.parametrize(("facts_of", "state"), [
    ({"quiet_s": 1.0}, State.OK), ({"quiet_s": 3.0}, State.DEGRADED),
    ({"quiet_s": 11.0}, State.DOWN), ({"quiet_s": 999.0, "row_ns": CLOSED}, State.OK),
    ({"quiet_s": 999.0, "row_ns": 0}, State.OK), ({"missed": 4}, State.DEGRADED),
    ({"status": "stopped", "quiet_s": 999.0}, State.OFF),
])  # fmt: skip
def test_a_feed_is_mute_only_while_trading_is_open(
    tmp_path: Path, facts_of: dict[str, Any], state: State
) -> None:
    """Silence is a fault in the phase OPEN of the run's own time, and never after it."""
    probe = FeedProbe(settings_of(tmp_path, ""), lambda: [run(**facts_of)])
    assert asyncio.run(probe.look()).state == state


def test_tables_that_lack_events_are_behind_and_then_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many events, or so long without all of them; a run that no table knows is none."""
    now = [0.0]
    monkeypatch.setattr(local_probes, "monotonic", lambda: now[0])
    taken = {"r-1": 9}
    found = [run(events=10)]
    probe = ProjectionProbe(lambda: found, lambda: taken)
    states = []
    for seconds, events in ((0, 10), (1, 12), (15, 12), (32, 12), (33, 10)):
        now[0], found[0] = float(seconds), run(events=events)
        states.append(asyncio.run(probe.look()).state)
    assert states == [State.OK, State.OK, State.DEGRADED, State.DOWN, State.OK]
    for look in range(20):  # some are always on their way, and come in time
        now[0], taken["r-1"], found[0] = 33.0 + 5 * look, 9 + 10 * look, run(events=20 + 10 * look)
        assert asyncio.run(probe.look()).state == State.OK
    found[0] = run(events=9_000)
    assert asyncio.run(probe.look()).state == State.DEGRADED
    other = ProjectionProbe(lambda: [run(run_id="x", status="ended")], lambda: taken)
    assert asyncio.run(other.look()).state == State.OK


@pytest.mark.parametrize(("least", "low", "state"), [
    (1, 2, State.OK), (1, 1 << 60, State.DEGRADED), (1 << 60, 1 << 61, State.DOWN),
])  # fmt: skip
def test_a_disk_that_fills_is_told_by_how_much(
    tmp_path: Path, least: int, low: int, state: State
) -> None:
    """The bounds are those of the settings; a probe leaves nothing on the disk."""
    limits = {"disk_least_bytes": least, "disk_low_bytes": low, "fsync_s": 60}
    probe = DiskProbe(settings_of(tmp_path, "", monitor=limits))
    reading = asyncio.run(probe.look())
    assert reading.state == state
    assert reading.figures["free_bytes"] > 0
    assert list(tmp_path.iterdir()) == []
