"""Walk-forward: each window's best on the days behind it, and all those days as one result.

A window trains on its own rows, cold at the start like any backtest. Its best combination is then
fed the same days once more with every order refused, which warms its indicators up, and trades the
test days from flat, with the initial cash. What is open at the end of a test window counts at its
last price and is not carried on. Stitched, the windows' P&L add up on one initial cash.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from alphapanda.model.money import text
from alphapanda.research import deflated
from alphapanda.research.stats import risk
from alphapanda.research.sweep_result import best_of, figures_of, shown
from alphapanda.research.sweep_store import Rows
from alphapanda.sweeps import spans
from alphapanda.sweeps.threads import Worker

if TYPE_CHECKING:
    from alphapanda.sweeps.plan import Sweep


def stitched(made: Sweep, worker: Worker, rows: Rows) -> dict[str, Any]:
    """Return the windows, the out-of-sample result, and the last window's choice as the best."""
    many, metric = len(made.numbers), made.search.metric
    told: list[dict[str, Any]] = []
    closes = [made.options.cash]
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
        span = spans.testing(made.market, window.train, window.test)
        figures = worker.run(arguments, span)
        base = closes[-1] - made.options.cash
        closes += [base + close for close in worker.tally.day_closes()[1:]]
        choice = {"params": dict(arguments), **figures_of(rows[job])}
        told.append({
            **facts, "params": dict(arguments), "in_sample": figures_of(rows[job]),
            "out_of_sample": shown(figures),
        })  # fmt: skip
    chance = deflated.deflated(closes, np.empty(0), 1)
    return {
        "walk_forward": made.search.walk_forward,
        "windows_table": told,
        "out_of_sample": totals(closes, told),
        "best": choice,
        **deflated.verdict(chance),
    }


def totals(closes: Sequence[int], told: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of all test days as one run; its drawdown is that of day closes."""
    cash = closes[0]
    path = np.array(closes, np.int64)
    peaks = np.maximum.accumulate(path)
    tests = [window["out_of_sample"] for window in told if window["out_of_sample"]]
    figures = risk(closes)
    return {
        "pnl": text(closes[-1] - cash),
        "return": (closes[-1] - cash) / cash,
        "sharpe": figures["sharpe"],
        "sortino": figures["sortino"],
        "max_drawdown": float(((peaks - path) / peaks).max()),
        "trips": sum(test["trips"] for test in tests),
        "fills": sum(test["fills"] for test in tests),
        "days": len(closes) - 1,
        "windows": len(told),
        "windows_with_profit": sum(not test["pnl"].startswith("-") for test in tests),
    }
