"""Where functions of a strategy see series: names, attributes, dicts, closures, defaults, caches.

Three levels deep: a list in a dict of an object in a closure.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from alphapanda.engine.compiler.binder import is_ours, names
from alphapanda.engine.compiler.declared import Spec
from alphapanda.validation.shadow_files import machinery

LONG = 32
"""A shorter series is a setting, not market data."""

DEEP = 3
MANY = 10_000
"""Entries of a mapping, beyond which it is a series by its keys or not looked into."""

Put = Callable[[Any], None]


class Holding:
    """A series, what it is called, and how another is put in its place."""

    def __init__(self, home: int, name: str, value: Any, put: Put) -> None:
        self.home, self.name, self.value, self.put = home, name, value, put


def holdings(specs: Sequence[Spec], selves: Iterable[Any] = ()) -> list[Holding]:
    """Return the series that the strategies' functions, and their `selves`, can see."""
    found: dict[tuple[int, str], Holding] = {}
    for spec in specs:
        for one in roots(spec):
            for holding in within(*one, depth=DEEP):
                found.setdefault((holding.home, holding.name), holding)
    for own in selves:
        for holding in attributes(own, "self", depth=DEEP):
            found.setdefault((holding.home, holding.name), holding)
    return list(found.values())


def forget(specs: Sequence[Spec]) -> None:
    """Empty the caches of the user's functions: they may hold what was read before."""
    for spec in specs:
        for _, name, value, _ in roots(spec):
            if name and hasattr(value, "cache_clear"):
                value.cache_clear()


def roots(spec: Spec) -> Iterator[tuple[int, str, Any, Put]]:
    """Yield what a strategy's class and functions refer to: home, name, value, how to put it."""
    for name, value in [*vars(spec.cls).items()]:
        yield id(spec.cls), name, value, attribute(spec.cls, name)
    for function in functions(spec):
        for name in names(function.__code__):
            if name in function.__globals__:
                value = function.__globals__[name]
                yield id(function.__globals__), name, value, entry(function.__globals__, name)
        yield from remembered(function)


def remembered(function: FunctionType) -> Iterator[tuple[int, str, Any, Put]]:
    """Yield what a function's closure and its defaults hold."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):  # a cell may be empty
            yield id(cell), name, cell.cell_contents, closed(cell)
    defaults = function.__defaults__ or ()
    arguments = function.__code__.co_varnames[: function.__code__.co_argcount]
    for place, value in enumerate(defaults):
        name = arguments[len(arguments) - len(defaults) + place]
        yield id(function), name, value, default(function, place)
    for name, value in (function.__kwdefaults__ or {}).items():
        yield id(function), name, value, entry(function.__kwdefaults__ or {}, name)


def functions(spec: Spec) -> Iterator[FunctionType]:
    """Yield a strategy's hooks, its other methods, and the user's functions that they call."""
    todo: list[Any] = [*vars(spec.cls).values()]
    seen: set[int] = set()
    while todo:
        function = plain_function(todo.pop())
        if function is None or id(function) in seen or is_ours(function):
            continue
        if machinery(function.__code__.co_filename):
            continue
        seen.add(id(function))
        yield function
        used = [function.__globals__.get(name) for name in names(function.__code__)]
        todo += [*used, *(value for _, _, value, _ in remembered(function))]
        inner = [vars(one) for one in used if is_users(one) and hasattr(one, "__dict__")]
        wanted = {*names(function.__code__)}
        todo += [value for space in inner for name, value in space.items() if name in wanted]


def plain_function(value: Any) -> FunctionType | None:
    """Return the Python function behind a method, a cache or another wrapper."""
    for _ in range(9):
        if isinstance(value, FunctionType) and not hasattr(value, "__wrapped__"):
            return value
        if isinstance(value, (staticmethod, classmethod, MethodType)):
            value = value.__func__
        elif callable(getattr(value, "py_func", None)):
            value = value.py_func
        elif not isinstance(value, type) and "__wrapped__" in getattr(value, "__dict__", ()):
            value = value.__wrapped__
        else:
            return value if isinstance(value, FunctionType) else None
    return None


def within(home: int, name: str, value: Any, put: Put, *, depth: int) -> Iterator[Holding]:
    """Yield the series that a value is or holds, this many levels deep."""
    if is_series(value):
        yield Holding(home, name, value, put)
    elif depth > 0 and isinstance(value, dict) and len(value) <= MANY:
        for key, each in [*value.items()]:
            at = f"{name}[{key!r}]"
            yield from within(id(value), at, each, entry(value, key), depth=depth - 1)
    elif depth > 0 and isinstance(value, list) and len(value) <= LONG:
        for place, each in enumerate(value):
            at = f"{name}[{place}]"
            yield from within(id(value), at, each, entry(value, place), depth=depth - 1)
    elif depth > 0 and isinstance(value, tuple) and len(value) <= LONG and type(value) is tuple:
        for place, each in enumerate(value):
            at = f"{name}[{place}]"
            yield from within(id(value), at, each, in_tuple(value, place, put), depth=depth - 1)
    elif depth > 0 and is_users(value):
        yield from attributes(value, name, depth=depth - 1)


def attributes(owner: Any, name: str, *, depth: int) -> Iterator[Holding]:
    """Yield the series among an object's attributes."""
    for each, value in [*getattr(owner, "__dict__", {}).items()]:
        if not each.startswith("__"):
            put = attribute(owner, each)
            yield from within(id(owner), f"{name}.{each}", value, put, depth=depth)


def is_users(value: Any) -> bool:
    """Say if a module, a class or an object is of the user's own code."""
    if isinstance(value, ModuleType):
        file = getattr(value, "__file__", None)
        return bool(file) and not machinery(str(file))
    kind = value if isinstance(value, type) else type(value)
    if kind.__module__ == "types" and kind.__name__ == "SimpleNamespace":
        return True
    if isinstance(value, FunctionType) or kind.__module__ in ("builtins", "functools"):
        return False
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    return kind.__module__ == "__main__" or (bool(file) and not machinery(str(file)))


def is_series(value: Any) -> bool:
    """Say if a value is a series or table of some length."""
    kind = f"{type(value).__module__}.{type(value).__name__}"
    ends = (".DataFrame", ".Series", ".Table", ".ndarray", ".DatetimeIndex", ".memmap")
    table = kind.endswith(ends)
    if not table and not isinstance(value, (list, tuple, deque, dict)):
        return False
    if getattr(value, "ndim", 1) == 0 or len(value) < LONG:
        return False
    if isinstance(value, dict):
        return timed(value)
    few = list(value)[:LONG]
    return table or all(isinstance(one, (int, float, np.number)) for one in few) or is_rows(value)


def is_rows(value: Any) -> bool:
    """Say if a list holds rows, as a database's answer or records do: tuples or dicts alike."""
    if not isinstance(value, (list, tuple, deque)):
        return False
    few = list(value)[:LONG]
    kind, width = type(few[0]), len(few[0]) if isinstance(few[0], (tuple, list, dict)) else 0
    return 0 < width <= LONG and all(type(one) is kind and len(one) == width for one in few)


def timed(value: dict[Any, Any]) -> bool:
    """Say if a mapping is a series: numbers, or rows, by times or days."""
    few = [*value.items()][:LONG]
    keys = all(is_time(key) for key, _ in few)
    return keys and all(
        isinstance(one, (int, float, np.number, tuple, list, dict)) for _, one in few
    )


def is_time(key: Any) -> bool:
    """Say if a key may be a time or a day."""
    if isinstance(key, str):
        return len(key) >= len("20250701") and key[:4].isdigit()
    if isinstance(key, (int, np.integer)):
        return int(key) > 10**8
    return hasattr(key, "year") or type(key).__name__ == "datetime64"


def attribute(owner: Any, name: str) -> Put:
    """Return what puts a value under an attribute."""
    return lambda value: setattr(owner, name, value)


def entry(owner: Any, key: Any) -> Put:
    """Return what puts a value at a key or a place."""

    def put(value: Any) -> None:
        owner[key] = value

    return put


def closed(cell: CellType) -> Put:
    """Return what puts a value into a closure."""
    return lambda value: setattr(cell, "cell_contents", value)


def default(function: FunctionType, place: int) -> Put:
    """Return what puts a value among a function's defaults."""

    def put(value: Any) -> None:
        held = [*(function.__defaults__ or ())]
        held[place] = value
        function.__defaults__ = tuple(held)

    return put


def in_tuple(whole: tuple[Any, ...], place: int, put_whole: Put) -> Put:
    """Return what puts a tuple with another value at a place into the place of the tuple."""
    return lambda value: put_whole((*whole[:place], value, *whole[place + 1 :]))
