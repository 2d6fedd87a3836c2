"""When a connection may be dialled again: growing waits, and a bound whatever the server does."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import NamedTuple


class Limits(NamedTuple):
    """How patient a connection is; in seconds."""

    first_wait_s: float = 1.0
    most_wait_s: float = 30.0
    jitter: float = 0.2
    steady_s: float = 30.0
    """Of data, after which the next wait is the first again."""
    crowded_s: float = 60.0
    """After a refusal because there are too many connections."""
    dials: int = 20
    window_s: float = 300.0
    """In which at most so many dials are made."""
    silence_s: float = 5.0
    """Without a message of any kind: the connection is dead."""
    no_ticks_s: float = 10.0
    """Without a tick while the market is open: the same."""
    open_s: float = 10.0
    """For the handshake."""
    token_s: float = 5.0
    """Between two looks for another session, once the last was refused."""


class Dialling:
    """Says how long to wait before each dial."""

    def __init__(
        self,
        limits: Limits,
        clock: Callable[[], float],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._chance = chance
        self._failed = 0
        self._dialled: deque[float] = deque(maxlen=limits.dials)

    def wait_s(self, *, crowded: bool = False) -> float:
        """Return the seconds until the next dial, which is counted."""
        limits, now = self._limits, self._clock()
        wait = 0.0
        if self._failed:
            doubled = limits.first_wait_s * 2 ** min(self._failed - 1, 30)
            wait = min(doubled, limits.most_wait_s)
            wait *= 1 + limits.jitter * (2 * self._chance() - 1)
        if crowded:
            wait = max(wait, limits.crowded_s)
        if len(self._dialled) == limits.dials:
            wait = max(wait, self._dialled[0] + limits.window_s - now)
        self._dialled.append(now + wait)
        return wait

    def lost(self, data_s: float) -> None:
        """Note that a connection was lost, or never made, after so many seconds of data."""
        self._failed = 1 if data_s >= self._limits.steady_s else self._failed + 1
