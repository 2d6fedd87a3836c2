"""Figures counted row by row are those that `statistics` defines over all rows at once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapanda.books.emit import count_pnl
from alphapanda.books.state import CLOCK, CLOSE, EQUITY
from alphapanda.engine.records import view
from alphapanda.model.calendar import DAY, IST
from alphapanda.model.rows import OUT, ChargeKind, Out
from alphapanda.research.events import Names
from alphapanda.research.gathering import Gatherer
from alphapanda.research.hours import Hours
from alphapanda.research.result import as_fills
from alphapanda.research.stats import Extras, day_closes, statistics
from alphapanda.research.tally import Tally

CASH = 50_000 * 10_000
FIRST = 1_754_278_200 * 10**9
FIRST_DAY = (FIRST + IST) // DAY
NAMES = Names(["one"], ["A", "B", "C"])

fills = st.tuples(
    st.just(int(Out.FILL)), st.integers(0, 2), st.integers(-9, 9).filter(bool),
    st.integers(1, 9_999_999), st.integers(-40, 400_000),
)  # fmt: skip
marks = st.tuples(st.just(int(Out.PNL)), st.integers(-CASH + 1, 3 * CASH))
charges = st.tuples(
    st.just(int(Out.CHARGE)), st.integers(0, 2), st.sampled_from(ChargeKind),
    st.integers(-40, 40_000_000),
)  # fmt: skip
others = st.tuples(st.just(int(Out.ORDER)))
steps = st.tuples(st.integers(0, DAY), st.one_of(fills, marks, charges, others))
trading = st.sets(st.integers(0, 61)).map(lambda days: FIRST_DAY + np.array(sorted(days), np.int64))


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
        elif what[0] == Out.CHARGE:
            _, row["row"], row["a"], row["b"] = what
    return rows


def extras_of(rows: Any) -> Extras:
    gatherer = Gatherer(NAMES, CASH, None)
    gatherer.take(rows)
    extra, after = gatherer.extras()
    return Extras(extra["strategy"], extra["row"], extra["a"], extra["b"], after)


@pytest.mark.core
@given(st.lists(steps, max_size=60), st.integers(1, 60), trading)
@settings(deadline=None, max_examples=200)
def test_counted_figures_equal_the_statistics(moves: list[Any], chunk: int, days: Any) -> None:
    """Reversals, several instruments, charges beside fills, flat days: all to the last unit."""
    rows = rows_of(moves)
    counted = Tally(CASH, 3, FIRST_DAY, 62)
    for _ in range(2):  # the second run must not remember the first
        counted.begin(days)
        for start in range(0, len(rows), chunk):
            counted.take(rows[start : start + chunk])
    got = counted.figures(0)
    pnl = rows[rows["type"] == Out.PNL]
    equity = CASH + pnl["d"]
    filled = rows[rows["type"] == Out.FILL]
    none = np.zeros(0, np.int64)
    expected = statistics(
        pnl["ts"], equity, initial_cash=CASH, fills=as_fills(filled), extras=extras_of(rows),
        hours=Hours(days, none, none),
    )  # fmt: skip
    assert counted.day_closes().tolist() == day_closes(pnl["ts"], equity, days, CASH).tolist()
    assert got.fills == len(filled)
    assert got.equity == (int(equity[-1]) if len(equity) else CASH)
    assert got.ret == expected["return"]
    for name in ("sharpe", "sortino", "max_drawdown", "trips", "hit_rate"):
        assert getattr(got, name) == expected[name], name


@given(st.lists(st.tuples(st.integers(0, DAY), marks), max_size=60), trading)
@settings(deadline=None, max_examples=100)
def test_what_a_core_counts_is_what_its_rows_tell(moves: list[Any], days: Any) -> None:
    """P&L counted inside a core gives the figures of the same P&L said row by row."""
    rows = rows_of(moves)
    tables = {"clock": np.zeros(1, CLOCK), "equity": np.zeros(1, EQUITY),
              "closes": np.zeros(64, CLOSE)}  # fmt: skip
    tables["equity"]["first_day"] = FIRST_DAY
    for name in ("cash", "equity", "peak", "fall_peak"):
        tables["equity"][name] = CASH
    core = SimpleNamespace(**{name: view(table) for name, table in tables.items()})
    for row in rows:
        core.clock[0].now = int(row["ts"])
        count_pnl(core, int(row["d"]))
    said, counted = Tally(CASH, 3, FIRST_DAY, 62), Tally(CASH, 3, FIRST_DAY, 62)
    said.begin(days)
    said.take(rows)
    counted.begin(days)
    counted.take_counted(tables)
    assert counted.figures(0) == said.figures(0)
    assert counted.day_closes().tolist() == said.day_closes().tolist()


@pytest.mark.core
def test_runs_behind_each_other_are_one() -> None:
    """The second run begins flat with what the first left; falls go on over the seam."""
    counted = Tally(CASH, 1, FIRST_DAY, 3)
    counted.begin(FIRST_DAY + np.arange(3))
    one = rows_of([(0, (Out.PNL, CASH)), (DAY, (Out.PNL, CASH // 2))])
    two = rows_of([(2 * DAY, (Out.PNL, -CASH // 2))])
    counted.take(one)
    counted.go_on()
    counted.take(two)
    assert counted.day_closes().tolist() == [CASH, 2 * CASH, CASH * 3 // 2, CASH]
    assert counted.figures(0).max_drawdown == 0.5
