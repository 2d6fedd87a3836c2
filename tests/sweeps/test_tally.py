"""Figures counted row by row are those that `statistics` defines over all rows at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapanda.model.calendar import DAY, IST
from alphapanda.model.rows import OUT, Out
from alphapanda.research.result import as_fills
from alphapanda.research.stats import statistics
from alphapanda.research.tally import Tally

CASH = 50_000 * 10_000
FIRST = 1_754_278_200 * 10**9

fills = st.tuples(
    st.just(int(Out.FILL)), st.integers(0, 2), st.integers(-9, 9).filter(bool),
    st.integers(1, 9_999_999), st.integers(-40, 400_000),
)  # fmt: skip
marks = st.tuples(st.just(int(Out.PNL)), st.integers(-CASH + 1, 3 * CASH))
others = st.tuples(st.just(int(Out.ORDER)))
steps = st.tuples(st.integers(0, DAY), st.one_of(fills, marks, others))


def rows_of(given_steps: list[tuple[int, Any]]) -> Any:
    rows = np.zeros(len(given_steps), OUT)
    ts = FIRST
    for row, (wait, what) in zip(rows, given_steps, strict=True):
        ts += wait
        row["ts"], row["type"] = ts, what[0]
        if what[0] == Out.FILL:
            _, row["row"], row["qty"], row["price"], row["a"] = what
        elif what[0] == Out.PNL:
            row["d"] = what[1]
    return rows


@pytest.mark.core
@given(st.lists(steps, max_size=60), st.integers(1, 60))
@settings(deadline=None, max_examples=150)
def test_counted_figures_equal_the_statistics(moves: list[Any], chunk: int) -> None:
    """Reversals, several instruments, days without equity: every figure to the last unit."""
    rows = rows_of(moves)
    counted = Tally(CASH, 3, (FIRST + IST) // DAY, 62)
    for _ in range(2):  # the second run must not remember the first
        counted.begin()
        for start in range(0, len(rows), chunk):
            counted.take(rows[start : start + chunk])
    got = counted.figures(0)
    pnl = rows[rows["type"] == Out.PNL]
    equity = CASH + pnl["d"]
    filled = rows[rows["type"] == Out.FILL]
    expected = statistics(pnl["ts"], equity, initial_cash=CASH, fills=as_fills(filled))
    assert got.fills == len(filled)
    assert got.equity == (int(equity[-1]) if len(equity) else CASH)
    assert got.ret == expected["return"]
    for name in ("sharpe", "sortino", "max_drawdown", "trips", "hit_rate"):
        assert getattr(got, name) == expected[name], name
