"""Indicators, one file each: numbers kept up to date from ticks or bars, float64, O(1) an update.

A file `NAME.py` has a function `NAME(...)` that declares the indicator in a strategy class, and

    FIELDS    its own record fields and their types; `value` is what strategies read
    INPUTS    the series one update takes: ("price",) takes what `of` names, ("units",) the same
              times 10,000: whole numbers, whose sums float64 keeps exactly
    prepare(**arguments) -> dict    first values of its fields; `length` floats of heap, and the
                                    updates of its `warmup`
    update(self, heap, *inputs)     one update
    reset(self, heap)               optional: a new session begins

`update` and `reset` are compiled; they may use only what semantics allow (see CONTRIBUTING).
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType

COMMON = {"count": int, "warmup": int, "offset": int, "length": int}
"""Fields of every indicator's record: updates seen (up to warm-up), warm-up, and its heap."""


@cache
def names() -> tuple[str, ...]:
    """Return the names of all indicators, in order."""
    return tuple(sorted(info.name for info in pkgutil.iter_modules(__path__)))


@cache
def module(name: str) -> ModuleType:
    """Return an indicator's module."""
    return importlib.import_module(f"{__name__}.{name}")
