"""What notebooks ask beside a backtest: `explore`, `watch`, `control`, and what a nightly needs."""

from __future__ import annotations

from alphapanda.notebook.control import control
from alphapanda.notebook.explore import explore
from alphapanda.notebook.nightly import (
    a_day,
    active_strategies,
    against_paper,
    changed,
    paper_runs,
)
from alphapanda.notebook.watch import watch

__all__ = [
    "a_day", "active_strategies", "against_paper", "changed", "control", "explore", "paper_runs",
    "watch",
]  # fmt: skip
