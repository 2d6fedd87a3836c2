"""Indicators, one file each: numbers kept up to date from ticks or bars, float64, O(1) an update.

A file `NAME.py` has a function `NAME(...)`, marked `@indicator`, that declares the indicator in a
strategy class, and

    FIELDS    its own record fields and their types; `value` is what strategies read
    OUTPUTS   optional: the fields to read where there is more than `value`
    ON_PRICE  optional: those of them that are prices themselves, which charts draw over the price
    INPUTS    the series one update takes: ("price",) takes what `of` names, ("units",) the same
              times 10,000 (prices as whole numbers, whose sums float64 keeps exactly),
              ("left", "right") the prices of two legs, taken in when both have a new one
    prepare(**arguments) -> dict    first values of its fields; `length` floats of heap, and the
                                    updates of its `warmup`
    update(self, heap, *inputs)     one update
    reset(self, heap)               optional: a new session begins

`update` and `reset` are compiled; they may use only what semantics allow (see CONTRIBUTING).

In a strategy every one takes `warmup` besides: inputs, or a parameter's name, that hooks wait for
where they are more than its own. What never quite forgets where it began (EMA, Wilder's) wants it.

Over data (an array, Series or DataFrame) the same `update` is run by `alphapanda.ta`.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import pkgutil
from collections.abc import Callable
from numbers import Number
from types import ModuleType
from typing import Any

import numpy as np

from alphapanda.errors import UsageError

COMMON = {"count": int, "warmup": int, "offset": int, "length": int}
"""Fields of every indicator's record: updates seen (up to warm-up), warm-up, and its heap."""

SIDES = ("left", "right")
PAIR = {"left": float, "right": float, "left_at": int, "right_at": int}
"""Further fields of an indicator of two legs: what each leg said last, and when."""


@functools.cache
def names() -> tuple[str, ...]:
    """Return the names of all indicators, in order."""
    found = (info.name for info in pkgutil.iter_modules(__path__))
    return tuple(sorted(name for name in found if not name.startswith("_")))


@functools.cache
def module(name: str) -> ModuleType:
    """Return an indicator's module."""
    return importlib.import_module(f"{__name__}.{name}")


def outputs(name: str) -> tuple[str, ...]:
    """Return the fields of an indicator that are there to be read."""
    return getattr(module(name), "OUTPUTS", ("value",))


def on_price(name: str) -> tuple[str, ...]:
    """Return the outputs of an indicator that are prices, if what it reads is one."""
    return getattr(module(name), "ON_PRICE", ())


def fields(name: str) -> dict[str, type]:
    """Return the fields of an indicator's record and their types."""
    return {**COMMON, **(PAIR if paired(name) else {}), **module(name).FIELDS}


def paired(name: str) -> bool:
    """Say if an indicator reads two legs."""
    return bool(module(name).INPUTS == SIDES)


def indicator(declare: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function that declares an indicator its `warmup`; refuse data, which `ta` takes."""
    name = declare.__name__

    @functools.wraps(declare)
    def declared(*arguments: Any, warmup: Any = 0, **named: Any) -> Any:
        if arguments and is_data(arguments[0]):
            raise UsageError(
                f"{name}() declares an indicator in a strategy class: over data it is "
                f"alphapanda.ta.{name}()"
            )
        return dataclasses.replace(declare(*arguments, **named), warmup=warmup)

    return declared


def in_units(column: Any) -> Any:
    """Return floats in units of 0.0001; what is a price to the last bit is a whole number."""
    units = np.asarray(column, np.float64) * 10_000.0
    near = np.rint(units)
    return np.where(np.abs(units - near) <= 4.5e-16 * np.abs(units), near, units)


def is_data(value: Any) -> bool:
    """Say if an argument is data: a list, what NumPy can read, or a lazy frame; not a number."""
    array = hasattr(value, "__array__") or hasattr(value, "collect") or isinstance(value, list)
    return array and not isinstance(value, Number)
