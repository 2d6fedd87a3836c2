"""The kernels bound anew for one run: same code objects, but its flags, glue, rules and hooks.

A function is rebound with a namespace of its own that holds just the names its code uses. Compiled,
each becomes a numba function; plain, it stays Python, with the file and line of its source.
"""

from __future__ import annotations

import builtins
import marshal
from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

HOT = {
    "proceed", "see", "see_row", "decide", "context", "emit", "ask_for", "order", "target", "buy",
    "sell", "update", "on_tick", "on_bar", "mark", "portion", "match", "check", "advance",
    "mark_minute", "emit_pnl",
}  # fmt: skip
"""Functions on the path of every row, which LLVM is told to inline."""

INLINED = {"context", "at"}
"""Functions that return records, which numba passes on only where their text is copied in."""

Jit = Callable[[FunctionType], Any]


class Binder:
    """Rebinds functions recursively; `replaced` maps a function to what stands for it here."""

    def __init__(self, jit: Jit | None, flags: Mapping[str, int]) -> None:
        self.jit = jit
        self.plain = jit is None
        self.flags = flags
        self.replaced: dict[Any, Any] = {}
        self.scopes: list[dict[str, Any]] = []
        self.foreign: list[bytes] = []
        """Code and constants of functions outside the package, for the hash of the sources."""

    def bind(self, function: FunctionType) -> Any:
        """Return the function as this run uses it."""
        if function in self.replaced:
            return self.replaced[function]
        scope: dict[str, Any] = {"__builtins__": builtins}
        self.scopes.append(scope)
        cells = tuple(CellType() for _ in function.__closure__ or ())
        new = FunctionType(
            function.__code__, scope, function.__name__, function.__defaults__, cells
        )
        new.__kwdefaults__ = function.__kwdefaults__
        made = self.made(new)
        self.replaced[function] = made
        own = function.__module__.startswith("alphapanda.")
        if not own:
            self.foreign.append(marshal.dumps(function.__code__))
        for cell, old in zip(cells, function.__closure__ or (), strict=True):
            cell.cell_contents = self._value(old.cell_contents, own)
        for name in names(function.__code__):
            if name in function.__globals__:
                scope[name] = self._named(name, function.__globals__[name], own)
        return made

    def made(self, function: FunctionType) -> Any:
        """Return a bound function as it runs: compiled, or as it is."""
        return function if self.jit is None else self.jit(function)

    def _named(self, name: str, value: Any, own: bool) -> Any:
        if own and name in self.flags:
            return self.flags[name]
        return self._value(value, own)

    def _value(self, value: Any, own: bool) -> Any:
        if isinstance(value, FunctionType):
            return self.bind(value)
        if isinstance(value, ModuleType) and value.__name__.split(".")[0] == "alphapanda":
            return self._module(value)
        if self.jit is not None and isinstance(value, type) and issubclass(value, IntEnum):
            return numbers(value)
        if not own and isinstance(value, (int, float, str, tuple)):
            self.foreign.append(repr(value).encode())
        return value

    def _module(self, module: ModuleType) -> ModuleType:
        bound = ModuleType(module.__name__)
        for name in dir(module):
            value = getattr(module, name)
            if isinstance(value, FunctionType) and value.__module__ == "alphapanda.core.context":
                setattr(bound, name, self.bind(value))
        return bound


def numbers(enum: type[IntEnum]) -> ModuleType:
    """Return an enum as a module of plain ints, so that kernels are compiled once, for int64."""
    module = ModuleType(enum.__name__)
    module.__dict__.update({member.name: int(member) for member in enum})
    return module


def names(code: CodeType) -> Iterator[str]:
    """Yield every global name that a code object or one inside it may use."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from names(constant)
