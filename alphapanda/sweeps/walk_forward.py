"""Walk-forward: each window's best on the days behind it, and all those days as one result.

Each run of a window, in training as in the test, is the backtest of its days alone: its indicators
are warm from the rows before them (but for `--no-warm`), it begins flat, with the initial cash.
What is open at the end of a test window counts at its last price and is not carried on. Stitched,
the windows' P&L add up on one initial cash, with one return for each trading day from the first
test day to the last; drawdowns go on from window to window.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np

from alphapanda.model.money import text, to_scaled
from alphapanda.research import deflated
from alphapanda.research.curves import EPOCH
from alphapanda.research.stats import drawdown
from alphapanda.research.sweep_result import best_of, figures_of, show_figures
from alphapanda.research.sweep_store import Rows
from alphapanda.research.tally import Figures, Tally
from alphapanda.sweeps import spans
from alphapanda.sweeps.plan import Sweep, tally
from alphapanda.sweeps.threads import Worker


def stitched(made: Sweep, worker: Worker, rows: Rows) -> dict[str, Any]:
    """Return the windows, the out-of-sample result, and the last window's choice as the best."""
    many, metric = made.many, made.search.metric
    told: list[dict[str, Any]] = []
    first, last = made.windows[0].test[0], made.windows[-1].test[-1]
    whole = tally(made)
    whole.begin(spans.counted(made.market, first, last))
    worker = Worker(worker.begin, Both(tally(made), whole), says=True)
    choice: dict[str, Any] | None = None
    for place, window in enumerate(made.windows):
        facts = {
            "train": [str(window.train[0]), str(window.train[-1])],
            "test": [str(window.test[0]), str(window.test[-1])],
        }
        best = best_of(rows[place * many : (place + 1) * many], metric)
        if best is None:
            told.append({**facts, "params": None, "in_sample": None, "out_of_sample": None})
            continue
        job = place * many + best
        arguments = made.arguments(job)
        figures = worker.run(arguments, made.span(window.test, arguments))
        choice = {"params": dict(arguments), **figures_of(rows[job])}
        told.append({
            **facts, "params": dict(arguments), "in_sample": figures_of(rows[job]),
            "out_of_sample": show_figures(figures),
        })  # fmt: skip
    chance = deflated.deflated(whole.day_closes(), np.empty(0), 1)
    return {
        "walk_forward": made.search.walk_forward,
        "windows_table": told,
        "out_of_sample": totals(whole, told),
        "best": choice,
        **deflated.verdict(chance),
    }


class Both:
    """Counts each test window by itself, and all of them as one run."""

    def __init__(self, window: Tally, whole: Tally) -> None:
        self.window = window
        self.whole = whole

    def begin(self, days: Any) -> None:
        """Begin a window behind the last one."""
        self.window.begin(days)
        self.whole.go_on()

    def take(self, rows: Any) -> None:
        """Count a chunk of output rows."""
        self.window.take(rows)
        self.whole.take(rows)

    def take_counted(self, tables: Any) -> None:
        """Take nothing: what goes on from run to run is counted row by row."""

    def close_batch(self, batch: Any, controls: Any, texts: Any = ()) -> None:
        """Count nothing of what went in."""

    def figures(self, charges: int) -> Figures:
        """Return the window's figures."""
        return self.window.figures(charges)

    def day_closes(self) -> Any:
        """Return the window's day closes."""
        return self.window.day_closes()


def totals(whole: Tally, told: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of all test days as one run."""
    closes, figures = whole.day_closes(), whole.figures(0)
    cash, final = whole.start, figures.equity
    tests = [window["out_of_sample"] for window in told if window["out_of_sample"]]
    return {
        "pnl": text(final - cash),
        "return": (final - cash) / cash,
        "sharpe": figures.sharpe,
        "sortino": figures.sortino,
        "max_drawdown": figures.max_drawdown,
        "max_drawdown_daily": drawdown(closes)[0],
        "trips": sum(test["trips"] for test in tests),
        "fills": sum(test["fills"] for test in tests),
        "days": len(closes) - 1,
        "closes": [
            [str(EPOCH + timedelta(days=day)), text(int(close))]
            for day, close in zip(whole.days.tolist(), closes[1:].tolist(), strict=True)
        ],
        "windows": len(told),
        "windows_with_profit": sum(to_scaled(test["pnl"]) > 0 for test in tests),
    }
