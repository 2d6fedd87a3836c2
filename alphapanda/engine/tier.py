"""The ways in which a run's loop is made; all give the same bytes."""

from __future__ import annotations

from enum import StrEnum


class Tier(StrEnum):
    """How a run's loop is made."""

    AUTO = "auto"
    """PLAIN for a short run, FULL if it is on disk, else QUICK."""
    QUICK = "quick"
    """A core that is kept and calls, by address, what the strategies declare."""
    FULL = "full"
    """One loop with the strategies in it: seconds to make, fastest to run."""
    PLAIN = "plain"
    """Python, with breakpoints and print."""
