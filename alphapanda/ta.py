"""Indicators over data: `ta.rsi(frame, 14)`, by the code that the core runs row by row.

Each indicator of `alphapanda.indicators` is a function here. It takes data first (a list, an array,
a Series or a DataFrame of pandas or polars; two where it reads two), then the arguments it takes in
a strategy. `docs/indicators.md` lists them.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any

from alphapanda import config, indicators
from alphapanda.engine import frames
from alphapanda.errors import UsageError


def __getattr__(name: str) -> Any:
    """Return the function that computes an indicator."""
    if name.startswith("_") or name not in indicators.names():
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    declare = getattr(indicators.module(name), name)

    @functools.wraps(declare)
    def compute(*arguments: Any, **named: Any) -> Any:
        data = tuple(itertools.takewhile(indicators.is_data, arguments))
        if not data:
            raise UsageError(f"ta.{name}() takes data first: an array, a Series or a DataFrame")
        cache_dir = config.load().cache_dir
        return frames.computed(declare, data, arguments[len(data) :], named, cache_dir=cache_dir)

    return compute


def __dir__() -> list[str]:
    return list(indicators.names())
