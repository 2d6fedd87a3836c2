"""A run's rows never go back in time, whatever the times of its feed are."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapanda.brokers.recorded import Part, Recording
from alphapanda.brokers.zerodha.packets import FULL, TICK
from alphapanda.brokers.zerodha.sieve import Sieve
from alphapanda.events.feeds import Feed
from alphapanda.model.columns import Columns
from alphapanda.model.rows import CONTROL
from alphapanda.runs.onward import Onward

SECOND = 10**9
NOON_S = 1_766_990_000
TIMES = st.integers(0, 20)
PORTIONS = st.lists(st.one_of(st.lists(TIMES, min_size=1, max_size=6), TIMES, st.none()))


def fed(portions: list[list[int] | int | None]) -> list[Columns]:
    """Return the rows of a run over portions: times of ticks, the clock's, or a new start."""
    kept, reached = [], 0
    sieve, onward = Sieve([1]), Onward()
    for number, portion in enumerate(portions):
        if portion is None:
            sieve, onward = Sieve([1]), Onward()
        elif isinstance(portion, int):
            reached = max(reached, sieve.reach((NOON_S + portion) * SECOND))
        else:
            ticks = np.zeros(len(portion), TICK)
            ticks["token"], ticks["size"], ticks["last"] = 1, FULL, 100
            ticks["stamp"] = [NOON_S + second for second in portion]
            ticks["buy_qty"] = np.arange(len(portion)) + 10 * number
            rows = onward.take(sieve.take(ticks, (NOON_S + 20) * SECOND), reached)
            kept.append(rows)
            reached = max([reached, *rows.ts.tolist()])
    return kept


@settings(max_examples=60, deadline=None)
@given(PORTIONS)
def test_the_rows_of_a_run_that_is_begun_again_are_in_order(
    portions: list[list[int] | int | None],
) -> None:
    """Over new starts, a feed's own times and a clock that jumps, the journal is a recording."""
    kept = fed(portions)
    feed = Feed("kite:x", "tick", 0, frozenset({"last"}), ("NSE:INFY",), (), (), None)
    parts = [Part(rows, np.empty(0, CONTROL)) for rows in kept]
    assert len(list(Recording(feed, lambda: iter(parts), (), ()).parts())) == len(kept)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(TIMES, max_size=5)), TIMES)
def test_only_what_lies_behind_is_moved(batches: list[list[int]], reached: int) -> None:
    """A row keeps its time unless the run was past it, then it has the run's; others stay."""
    onward, moved = Onward(), 0
    for times in batches:
        rows = Columns.of(ts=times, row=[0] * len(times), last=times)
        found = onward.take(rows, reached)
        for ts, was in zip(found.ts.tolist(), times, strict=True):
            moved += was < reached
            assert ts == max(was, reached)
            reached = ts
        assert found.last.tolist() == times
    assert onward.moved == moved
    assert bool(list(onward.notes())) == bool(moved)
