"""Points at which a test lets the process die, as a power cut would: named, and counted.

`ALPHAPANDA_TEST_FAULT=record synced:7` kills the process the seventh time it comes there.
"""

from __future__ import annotations

import os
import signal

VARIABLE = "ALPHAPANDA_TEST_FAULT"
POINTS = (
    "record torn", "record written", "record synced", "journal begun", "batch kept",
    "checkpoint kept", "feed ended", "tables written", "folder filled", "end kept",
)  # fmt: skip
RELAYED = ("page acknowledged", "cursor written", "cursor kept")
"""Points of the relay."""
PROJECTED = ("page read", "page written", "page kept", "rows dropped")
"""Points of the projector."""
SWEPT = ("part written", "part kept", "sweep finished")
"""Points of a sweep."""
ORDERED = ("order leaving", "order answered")
"""Points of the order gateway."""

_passed: dict[str, int] = {}


def at(point: str) -> None:
    """Die here, if it is the time that was asked for."""
    if due(point):
        die()


def due(point: str) -> bool:
    """Say if this is the point and the time at which to die."""
    assert point in (*POINTS, *RELAYED, *PROJECTED, *SWEPT, *ORDERED), point
    wanted = os.environ.get(VARIABLE)
    if not wanted:
        return False
    name, _, count = wanted.rpartition(":")
    _passed[point] = _passed.get(point, 0) + 1
    return name == point and _passed[point] == int(count)


def die() -> None:
    """End as by a power cut: nothing is flushed, nothing is cleaned up."""
    os.kill(os.getpid(), signal.SIGKILL)
