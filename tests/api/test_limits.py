"""Limits: exactly so many calls in any window, and the wait that is told is enough."""

from __future__ import annotations

import random

from alphapanda.api.limits import MOST_KEYS, SlidingLog
from tests.support.api import V1, Browser, Serving


def test_no_window_has_more_than_the_limit() -> None:
    """100 in 60 s are 100 in the worst window there is, not 101 and not 199."""
    now, chance = 0.0, random.Random(7)
    log = SlidingLog(100, 60, clock=lambda: now)
    passed = []
    for _ in range(1_000):
        now += chance.choice((0.0, 0.125, 0.5, 1.0))
        wait = log.take("a")
        if wait == 0:
            passed.append(now)
        else:
            now += wait
            assert log.take("a") == 0, "who waits as long as he is told gets through"
            passed.append(now)
    worst = max(sum(at <= each < at + 60 for each in passed) for at in passed)
    assert worst == 100


def test_callers_are_counted_apart_and_not_kept_for_ever() -> None:
    """One who floods delays nobody else; what is remembered is bounded."""
    log = SlidingLog(1, 60, clock=lambda: 0.0)
    assert [log.take("a"), log.take("b")] == [0, 0]
    assert log.take("a") > 0
    for number in range(2 * MOST_KEYS):
        log.take(str(number))
    assert len(log._times) == MOST_KEYS


def test_a_user_has_so_many_requests(api: Serving, admin: Browser) -> None:
    """S14: the next one is a 429 that says when to come again; a command is counted apart."""
    layer = api.server.app.middleware_stack
    while type(layer).__name__ != "LimitedByUser":
        layer = layer.app  # type: ignore[union-attr]
    before, layer.calls = layer.calls, SlidingLog(3, 60)  # type: ignore[union-attr]
    try:
        got = [admin.get(f"{V1}/auth/me").status for _ in range(5)]
        assert got == [200, 200, 200, 429, 429]
        assert 1 <= int(admin.get(f"{V1}/auth/me").headers["retry-after"]) <= 60
        assert admin.post(f"{V1}/commands", {"verb": "pause"}).status == 400
        assert api.ask("GET", "/").status == 200
    finally:
        layer.calls = before  # type: ignore[union-attr]
