"""The simulated day's time: it follows the data, and waits where the day has not begun."""

from __future__ import annotations


class VirtualClock:
    """Market time as a function of real time, which callers hand in as seconds."""

    def __init__(self, at_ns: int, speed: float) -> None:
        self.speed = speed
        """Seconds of the market in one real second; 0: only `put` moves it."""
        self._at = at_ns
        self._since: float | None = None

    @property
    def runs(self) -> bool:
        """Whether it moves by itself."""
        return self._since is not None

    def now(self, real_s: float) -> int:
        """Return the market's time, ns UTC."""
        if self._since is None:
            return self._at
        return self._at + round((real_s - self._since) * self.speed * 1e9)

    def start(self, real_s: float) -> None:
        """Let it run from where it stands."""
        if self._since is None and self.speed:
            self._since = real_s

    def put(self, at_ns: int, real_s: float, *, runs: bool) -> None:
        """Set it, and let it run on or stand there."""
        self._at, self._since = at_ns, real_s if runs and self.speed else None
