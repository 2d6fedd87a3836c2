"""Alpha Panda: one compiled trading core for backtest, paper and live.

What strategies and notebooks import is here; each name is loaded when it is first used.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "alphapanda.engine.compiler.strategy": ("strategy",),
    "alphapanda.core.context": (
        "AUTO", "Context", "at", "average_price", "bracket", "buy", "buy_limit", "buy_stop",
        "cancel", "cancel_all", "close", "filled", "is_open", "modify", "order", "pnl",
        "sell", "sell_limit", "sell_stop", "target", "tick_down", "tick_up", "working",
    ),
    "alphapanda.model.declaration": ("daily", "every", "legs", "param", "state", "universe"),
    "alphapanda.model.rows": ("Kind", "Out", "Tif"),
    "alphapanda.model.calendar": ("Phase",),
    "alphapanda.indicators._rupees": ("rupees",),
    "alphapanda.indicators._black76": (
        "black_delta", "black_gamma", "black_price", "black_theta", "black_vega",
        "implied_volatility",
    ),
    "alphapanda.words.chains": (
        "at_the_money", "delta_of", "expiry_after", "forward_of", "future_at", "middle_price",
        "nearest_expiry", "option_at", "option_by_delta", "strike_beside", "volatility_of",
        "years_left",
    ),
    "alphapanda.words.dates": ("date_of", "weekday_of"),
    "alphapanda.words.futures": ("nearest_future", "roll"),
    "alphapanda.words.sizing": ("size_by_equity", "size_by_margin", "size_by_risk"),
    "alphapanda.runs.backtest": ("backtest",),
    "alphapanda.sweeps.sweep": ("sweep",),
    "alphapanda.validation.check": ("check",),
    "alphapanda.validation.stress": ("stress",),
    "alphapanda.runs.folders": ("load",),
    "alphapanda.errors": ("AlphaPandaError", "Interrupted", "OutsideError", "UsageError"),
}  # fmt: skip
_INDICATORS = tuple(
    name[:-3] for name in sorted(os.listdir(f"{__path__[0]}/indicators"))  # noqa: PTH208 (fast)
    if name.endswith(".py") and not name.startswith("_")
)  # fmt: skip
_PARTS = ("indicators", "notebook", "options", "ta")
"""Modules that are used by their name, as `alphapanda.ta.rsi`, without an import of their own."""

_HOME = {name: home for home, names in _HOMES.items() for name in names}
_HOME |= {name: f"alphapanda.indicators.{name}" for name in _INDICATORS}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        return importlib.import_module(f"alphapanda.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'alphapanda' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__, *_PARTS]
