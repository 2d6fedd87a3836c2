"""Kite's limits of requests, kept on this side: a call waits for its turn."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

LIMITS = {"quote": 1, "historical": 3, "other": 10}
"""Requests a second, of each kind together. Orders are counted by what sends them."""
WINDOW_S = 1.05
"""A second, and what two clocks may differ by."""


def kind_of(method: str, path: str) -> str:
    """Return which limit a request counts for."""
    if method == "GET" and path.startswith("/quote"):
        return "quote"
    if path.startswith("/instruments/historical/"):
        return "historical"
    return "other"


class Turns:
    """Gives each request its turn: never more in any second than Kite allows.

    A refusal for the rate (`slow_down`) stops all of them for a while.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._sent: dict[str, deque[float]] = {
            kind: deque(maxlen=limit) for kind, limit in LIMITS.items()
        }
        self._not_before = float("-inf")
        self._lock = threading.Lock()

    def take(self, kind: str) -> None:
        """Wait until a request of a kind may go, and count it."""
        with self._lock:
            sent, now = self._sent[kind], self._clock()
            due = max(now, self._not_before)
            if len(sent) == sent.maxlen:
                due = max(due, sent[0] + WINDOW_S)
            sent.append(due)
        if due > now:
            self._sleep(due - now)

    def slow_down(self, seconds: float) -> None:
        """Let nothing go for so long."""
        with self._lock:
            self._not_before = max(self._not_before, self._clock() + seconds)
