"""Requests wait for their turn: never more in a second than Kite allows."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from alphapanda.brokers.zerodha.rates import LIMITS, Turns, kind_of


class Time:
    """A clock that moves when somebody sleeps, or the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(LIMITS)), st.floats(0, 0.7)), max_size=80))
def test_no_second_has_too_many(steps: list[tuple[str, float]]) -> None:
    """In every window of a second, of each kind at most as many go as may."""
    time = Time()
    turns = Turns(lambda: time.now, time.sleep)
    gone: dict[str, list[float]] = {kind: [] for kind in LIMITS}
    for kind, pause in steps:
        time.now += pause
        turns.take(kind)
        gone[kind].append(time.now)
    for kind, times in gone.items():
        assert all(after >= before for before, after in pairwise(times))
        limit = LIMITS[kind]
        spans = zip(times, times[limit:], strict=False)
        assert all(after - before > 1 for before, after in spans)


def test_a_refusal_for_the_rate_stops_all() -> None:
    """After a 429 nothing goes for a while."""
    time = Time()
    turns = Turns(lambda: time.now, time.sleep)
    turns.slow_down(2)
    turns.take("other")
    assert time.now == 102


def test_kinds_are_kites() -> None:
    """Quotes and candles have limits of their own."""
    assert kind_of("GET", "/quote/ltp") == kind_of("GET", "/quote") == "quote"
    assert kind_of("GET", "/instruments/historical/1/minute") == "historical"
    assert kind_of("GET", "/instruments") == kind_of("POST", "/session/token") == "other"
