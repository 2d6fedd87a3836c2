"""Series that a strategy's functions hold from outside: globals, and attributes of its class.

A class from a notebook's cell may look into a table that another cell has loaded. Where rows of
such a series can be matched to those of the recording, a check shows them cut and changed too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import FunctionType
from typing import Any

import numpy as np

from alphapanda.engine.compiler.binder import is_ours, names
from alphapanda.engine.compiler.declared import Spec
from alphapanda.validation.shadow_files import SHIFT, Shadow, stamps_ns, time_column

LONG = 32
"""A shorter series is a setting, not market data."""


class Holding:
    """A series under a name, in a module or a class."""

    def __init__(self, owner: Any, name: str, value: Any) -> None:
        self.owner, self.name, self.value = owner, name, value

    def put(self, value: Any) -> None:
        """Let the name stand for another value."""
        if isinstance(self.owner, dict):
            self.owner[self.name] = value
        else:
            setattr(self.owner, self.name, value)


def holdings(specs: Sequence[Spec]) -> list[Holding]:
    """Return the series that the strategies' functions can see."""
    found: dict[tuple[int, str], Holding] = {}
    for spec in specs:
        for name, value in vars(spec.cls).items():
            if is_series(value):
                found[id(spec.cls), name] = Holding(spec.cls, name, value)
        for function in functions(spec):
            for name in names(function.__code__):
                value = function.__globals__.get(name)
                if is_series(value):
                    key = id(function.__globals__), name
                    found[key] = Holding(function.__globals__, name, value)
    return list(found.values())


def functions(spec: Spec) -> Iterator[FunctionType]:
    """Yield a strategy's hooks, its other methods, and the user's functions that they call."""
    todo = [value for value in vars(spec.cls).values() if isinstance(value, FunctionType)]
    seen: set[int] = set()
    while todo:
        function = todo.pop()
        if id(function) in seen or is_ours(function):
            continue
        seen.add(id(function))
        yield function
        called = (function.__globals__.get(name) for name in names(function.__code__))
        todo += [value for value in called if isinstance(value, FunctionType)]


def is_series(value: Any) -> bool:
    """Say if a value is a series or table of some length."""
    kind = f"{type(value).__module__}.{type(value).__name__}"
    table = kind.endswith((".DataFrame", ".Series", ".Table", ".ndarray", ".DatetimeIndex"))
    if not table and not isinstance(value, (list, tuple, deque)):
        return False
    if getattr(value, "ndim", 1) == 0 or len(value) < LONG:
        return False
    return table or all(isinstance(one, (int, float)) for one in list(value)[:LONG])


@contextmanager
def shown(
    specs: Sequence[Spec], shadow: Shadow, *, cut: int, rows: int, fixed: set[str]
) -> Iterator[None]:
    """Show what strategies hold as the shadow shows files; note names of what cannot be."""
    with ExitStack() as stack:
        for holding in holdings(specs):
            value = other(holding.value, shadow, cut=cut, rows=rows)
            if value is None:
                fixed.add(holding.name)
            elif shadow.how != "whole":
                stack.callback(holding.put, holding.value)
                holding.put(value)
        yield


def other(value: Any, shadow: Shadow, *, cut: int, rows: int) -> Any:
    """Return a series with its future cut off or changed, None if its rows cannot be matched."""
    future = future_rows(value, shadow.cut_ns, cut=cut, rows=rows)
    if future is None:
        return None
    if shadow.how == "whole":
        return value
    if type(value).__module__.startswith("pandas"):
        return value[~future] if shadow.how == "cut" else changed_frame(value, future)
    if type(value).__module__.startswith("polars"):
        return value.filter(~future) if shadow.how == "cut" else None
    array = np.asarray(value)
    array = array[~future] if shadow.how == "cut" else changed_array(array, future)
    return array if isinstance(value, np.ndarray) else type(value)(array.tolist())


def future_rows(value: Any, cut_ns: int, *, cut: int, rows: int) -> Any:
    """Return which rows of a series lie behind the cut: by their times, else by their number."""
    if type(value).__module__.startswith("pandas"):
        stamps = pandas_stamps(value)
        if stamps is not None:
            return stamps >= cut_ns
    if type(value).__module__.startswith("pyarrow"):
        return None
    return np.arange(rows) >= cut if len(value) == rows else None


def pandas_stamps(value: Any) -> Any:
    """Return the times of a frame's rows in ns UTC, None if they are not told."""
    import pyarrow as pa  # noqa: PLC0415

    index = getattr(value, "index", value)
    if type(index).__name__ == "DatetimeIndex":
        return stamps_ns(pa.chunked_array([pa.array(index)]))
    columns = [str(name) for name in getattr(value, "columns", ())]
    name = time_column(columns, None)
    return None if name is None else stamps_ns(pa.chunked_array([pa.array(value[name])]))


def changed_frame(value: Any, future: Any) -> Any:
    """Return a frame or series of pandas whose future numbers are others."""
    made = value.copy()
    if hasattr(made, "columns"):
        for name in made.columns:
            if made[name].dtype.kind in "if":
                made[name] = changed_array(made[name].to_numpy(), future)
    elif getattr(made.dtype, "kind", "") in "if":
        made[:] = changed_array(made.to_numpy(), future)
    return made


def changed_array(array: Any, future: Any) -> Any:
    """Return an array whose future numbers stand in reverse order and are scaled."""
    made = array.copy()
    if made.dtype.kind in "if":
        made[future] = (array[future][::-1] * SHIFT).astype(array.dtype)
    return made
