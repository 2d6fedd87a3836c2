"""Limits of calls: exactly so many in any window, counted in this process, the only one."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable

from alphapanda.api.answers import ApiError

MOST_KEYS = 10_000
"""Callers that a log remembers; those longest silent are forgotten first."""


class SlidingLog:
    """So many calls of a key in any window of so many seconds: neither 101 nor 199.

    A call that is refused is not counted: who waits as long as he is told gets through.
    """

    def __init__(
        self, calls: int, seconds: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:  # fmt: skip
        self.calls, self.seconds, self.clock = calls, seconds, clock
        self._times: dict[str, deque[float]] = {}

    def take(self, key: str) -> float:
        """Count a call, and return 0; or return after how many seconds one will be let through."""
        now = self.clock()
        times = self._times.pop(key, None) or deque()
        self._times[key] = times
        while times and times[0] <= now - self.seconds:
            times.popleft()
        if len(times) >= self.calls:
            return times[0] + self.seconds - now
        times.append(now)
        if len(self._times) > MOST_KEYS:
            del self._times[next(iter(self._times))]
        return 0.0

    def require(self, key: str) -> None:
        """Count a call.

        Raises:
            ApiError: if there were too many; it says after how many seconds to come again.
        """
        wait = self.take(key)
        if wait > 0:
            headers = {"Retry-After": str(max(1, math.ceil(wait)))}
            raise ApiError(429, "too many requests: wait", headers=headers)
