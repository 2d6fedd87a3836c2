"""What one update of each indicator costs, over a long array of made-up bars."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from time import perf_counter

import numpy as np

from alphapanda import config
from alphapanda.engine import series
from tests.support.oracles import CASES, Case, made_up

ROWS = 1_000_000
RUNS = 5


def measure(say: Callable[[str], None]) -> None:
    """Print ns an update for the cases that stand for daily use, and for the longest windows."""
    data = made_up(ROWS)[1]
    for case in CASES:
        if case.arguments.get("window", 14) not in (2, 3, 5, 16):
            say(f"   {case.label:32s} {cost(case, data):6.1f} ns")


def cost(case: Case, data: dict[str, np.ndarray]) -> float:
    """Return the median ns an update."""
    opens = np.zeros(ROWS, np.int64)
    inputs, spent = case.inputs(data), []
    for _ in range(RUNS + 1):
        started = perf_counter()
        series.run(case.name, case.first(), inputs, opens, cache_dir=config.load().cache_dir)
        spent.append(perf_counter() - started)
    return statistics.median(spent[1:]) / ROWS * 1e9
