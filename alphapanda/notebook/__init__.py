"""What notebooks ask beside a backtest: `explore`, `watch`, `control`, and what a nightly needs."""

from __future__ import annotations

from alphapanda.notebook.nightly import (
    a_day,
    active_strategies,
    against_paper,
    changed,
    paper_runs,
)

__all__ = ["a_day", "active_strategies", "against_paper", "changed", "paper_runs"]
