"""The kernels bound anew for one run: same code objects, but its flags, glue, rules and hooks.

A function is rebound with a namespace of its own that holds just the names its code uses. Compiled,
each becomes a numba function; plain, it stays Python, with the file and line of its source.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import IntEnum
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from alphapanda.engine.compiler.tags import with_numbers

HOT = {
    "proceed", "see", "see_row", "decide", "context", "emit", "emit_in", "target", "buy", "sell",
    "update", "on_tick", "on_bar", "mark", "portion", "match", "check", "advance", "refusal",
    "take",
}  # fmt: skip
"""Functions that LLVM is told to inline, where a run was measured to be faster for it."""

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
        self.sources: list[bytes] = []
        """Code and constants of all that was bound, as it is in memory, for the module's name."""

    def bind(self, function: Any) -> Any:
        """Return the function as this run uses it."""
        if function in self.replaced:
            return self.replaced[function]
        scope: dict[str, Any] = {"__builtins__": builtins}
        self.scopes.append(scope)
        numbered = not (self.plain or is_ours(function))
        code = with_numbers(function) if numbered else function.__code__
        closure = function.__closure__ or ()
        cells = tuple(CellType() for _ in closure)
        new = FunctionType(code, scope, function.__name__, function.__defaults__, cells)
        new.__kwdefaults__, new.__module__ = function.__kwdefaults__, function.__module__
        made = self.made(new)
        self.replaced[function] = made
        self.sources.append(fingerprint(function))
        used = tuple(dict.fromkeys(names(code)))
        for cell, old in zip(cells, closure, strict=True):
            cell.cell_contents = self._value(old.cell_contents, used)
        flags = self.flags if is_ours(function) else {}
        for name in used:
            if name in flags:
                scope[name] = flags[name]
            elif name in function.__globals__:
                scope[name] = self._value(function.__globals__[name], used)
        return made

    def users(self) -> list[FunctionType]:
        """Return the functions that were written outside the package."""
        return [function for function in self.replaced if not is_ours(function)]

    def made(self, function: FunctionType) -> Any:
        """Return a bound function as it runs: compiled, or as it is."""
        return function if self.jit is None else self.jit(function)

    def _value(self, value: Any, used: Sequence[str]) -> Any:
        if isinstance(value, FunctionType):
            return self.bind(value)
        if isinstance(value, ModuleType):
            return self._module(value, used)
        self.sources.append(constant(value))
        if isinstance(value, type) and issubclass(value, IntEnum) and not self.plain:
            return numbers(value)
        return value

    # A module of Python functions, with those that are used bound: `import helper; helper.f(x)`.
    # Names are all that the code says, so `ctx.core` must not pull in the package of that name.
    def _module(self, module: ModuleType, used: Sequence[str]) -> ModuleType:
        if self.plain or module is math:
            return module
        bound = ModuleType(module.__name__)
        for name in used:
            value = getattr(module, name, None)
            if value is not None and not (is_ours(value) and isinstance(value, ModuleType)):
                setattr(bound, name, self._value(value, used))
        return bound


def is_ours(value: Any) -> bool:
    """Say if a function or a module is the package's own."""
    name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", "")
    return str(name).startswith("alphapanda.")


def fingerprint(function: Any) -> bytes:
    """Return what a function computes, as bytes: equal ones compile to the same."""
    optional = sorted((function.__kwdefaults__ or {}).items())
    shown = (function.__name__, shape_of(function.__code__), function.__defaults__, optional)
    return repr(shown).encode()


def shape_of(code: CodeType) -> tuple[Any, ...]:
    """Return the parts of a code object that matter, lines included, but not the file's path."""
    constants = [shape_of(c) if isinstance(c, CodeType) else constant(c) for c in code.co_consts]
    variables = code.co_names, code.co_varnames, code.co_freevars
    return code.co_code, code.co_firstlineno, code.co_linetable, variables, constants


def constant(value: Any) -> bytes:
    """Return a constant as bytes; of classes and built-in functions their names."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape} ".encode() + value.tobytes()
    if isinstance(value, frozenset):
        return repr(sorted(map(repr, value))).encode()
    if isinstance(value, type) and issubclass(value, IntEnum):
        return repr([(member.name, int(member)) for member in value]).encode()
    if callable(value):
        owner, name = getattr(value, "__module__", ""), getattr(value, "__qualname__", "")
        return f"{type(value).__name__} {owner}.{name} {getattr(value, '_fields', '')}".encode()
    return repr(value).encode()


def numbers(enum: type[IntEnum]) -> ModuleType:
    """Return an enum as a module of plain ints, so that kernels are compiled once, for int64."""
    module = ModuleType(enum.__name__)
    module.__dict__.update({member.name: int(member) for member in enum})
    return module


def names(code: CodeType) -> Iterator[str]:
    """Yield every global name that a code object or one inside it may use."""
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from names(inner)
