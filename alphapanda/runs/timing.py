"""How long each step of this process takes: counted in classes of time, told as percentiles.

A process trades one run at most, so there is one `STEPS` a process. Floats are allowed here: no
result depends on a time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping

DECISION, JOURNAL, SEND, ACK = "decision", "journal", "send", "ack"
NAMES = (DECISION, JOURNAL, SEND, ACK)
"""The core's run over a batch of rows; its way to the disk; the handing over to the broker's client
until it is sent; that until the broker has first answered."""
PERCENTILES = {"p50": 50, "p95": 95, "p99": 99}
BOUNDS = tuple(10e-6 * 1.25**number for number in range(75))
"""Upper ends of the classes, in seconds: 10 us to about 150 s, each a quarter above the last."""
PREFIX = "latency"


class Steps:
    """Counts how long steps took; one thread adds to a step, any may ask."""

    def __init__(self) -> None:
        self._counts = {name: [0] * (len(BOUNDS) + 1) for name in NAMES}

    def add(self, step: str, seconds: float) -> None:
        """Count one."""
        self._counts[step][bisect_left(BOUNDS, seconds)] += 1

    def figures(self) -> dict[str, float]:
        """Return `latency/STEP/p50` and its like in seconds, of the steps that were measured."""
        found: dict[str, float] = {}
        for step, kept in self._counts.items():
            counts = list(kept)
            total = sum(counts)
            if total:
                for name, percent in PERCENTILES.items():
                    found[f"{PREFIX}/{step}/{name}"] = round(at(counts, total * percent), 9)
                found[f"{PREFIX}/{step}/count"] = total
        return found


def at(counts: list[int], hundredths: int) -> float:
    """Return the upper end of the class that so many hundredths of all lie below."""
    seen = 0
    for bound, count in zip(BOUNDS, counts, strict=False):
        seen += 100 * count
        if seen >= hundredths:
            return bound
    return BOUNDS[-1]


def slowest(told: list[Mapping[str, float]]) -> dict[str, dict[str, float | None]]:
    """Return by step the worst of what processes say, None where none has measured."""
    return {
        step: {
            name: max((each[key] for each in told if key in each), default=None)
            for name in PERCENTILES for key in [f"{PREFIX}/{step}/{name}"]
        }
        for step in NAMES
    }  # fmt: skip


STEPS = Steps()
