"""The best of many combinations on a random walk is told to be chance."""

from __future__ import annotations

import pytest

import alphapanda
from tests.sweeps.markets import SMA_CROSS, bars

pytestmark = pytest.mark.core


def test_the_best_on_a_random_walk_is_not_believed() -> None:
    """Made-up prices have no trend to find: a warning, whatever the best looks like."""
    result = alphapanda.sweep(
        SMA_CROSS, bars(), grid={"fast": "2:12", "slow": "12:40:4"}, costs="none", limits="wide"
    )
    assert result.best is not None
    assert result.best["sharpe"] == max(v for v in result.table["sharpe"].to_pylist() if v)
    assert result.summary["deflated_sharpe"] < 0.95
    assert "looks like chance" in result.summary["warning"]
