"""Many backtests in one process, as in a notebook, keep nothing of each other."""

from __future__ import annotations

import gc

import pytest

import alphapanda
from tests.support.running import session

RUNS = 10


@pytest.mark.core
@pytest.mark.parametrize("options", [{"tier": "quick"}, {"no_jit": True}], ids=["quick", "plain"])
def test_a_backtest_leaves_nothing_behind(options: dict[str, object]) -> None:
    """Objects do not grow with the number of runs; machine code is loaded once (0.4 MB a time)."""
    data = session(1, 600)

    def run_some() -> int:
        for _ in range(RUNS):
            alphapanda.backtest("ema_cross", data, params={"fast": 5, "slow": 20}, **options)
        gc.collect()
        return len(gc.get_objects())

    run_some()
    before = run_some()
    assert run_some() - before < 50 * RUNS
