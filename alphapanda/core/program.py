"""A run's loop as a callable: generated, bound and compiled once, then loaded from disk.

The generated module's name hashes every source it uses, because numba's own cache does not notice
an edited callee and would run the old code in silence.
"""

from __future__ import annotations

import builtins
import hashlib
import linecache
import sys
from collections import namedtuple
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

import alphapanda
from alphapanda import indicators, rules
from alphapanda.core import generate, glue, lint, loop
from alphapanda.core.bars import add_to_bar
from alphapanda.core.binder import HOT, INLINED, Binder
from alphapanda.core.context import context
from alphapanda.core.emit import call
from alphapanda.core.gate import gate
from alphapanda.core.generate import Shape
from alphapanda.core.strategy import Spec, short
from alphapanda.errors import UsageError
from alphapanda.model.columns import Columns
from alphapanda.model.state import TABLES

GLUE = ("refusal", "close_bar", "open_session", "see_row", "decide", "dispatch")
SOURCES = ("model", "core", "indicators", "rules")


@dataclass(frozen=True)
class Program:
    """The loop of one shape. `step(core, columns, at)` for plain Python, `entry` when compiled."""

    shape: Shape
    names: tuple[str, ...]
    dtypes: tuple[np.dtype[Any], ...]
    state: type
    step: Callable[[Any, Any, int], int] | None
    entry: Callable[[Any, int], Any] | None
    selves: list[list[Any]]
    """For strategies in plain Python: what `self` is, by strategy and instance."""


def dtypes(specs: Sequence[Spec]) -> list[np.dtype[Any]]:
    """Return the dtypes of a core's tables, in the order of their names."""
    own = [dtype for spec in specs for dtype in (spec.record(), spec.member())]
    return [*TABLES.values(), *own]


def build(shape: Shape, *, jit: bool, cache_dir: Path) -> Program:
    """Generate and bind the loop of a shape.

    Compiled when `jit`, unless a strategy asks for plain Python: then the loop runs in Python and
    calls the compiled part of each row.

    Raises:
        UsageError: if a strategy cannot be compiled, with file and line.
    """
    names = tuple(generate.tables(shape.specs))
    types = tuple(dtypes(shape.specs))
    state = namedtuple("State", names)  # type: ignore[misc]
    all_compiled = all(spec.compiled for spec in shape.specs)
    for spec in shape.specs:
        if spec.compiled:
            lint.check(spec)
    selves: list[list[Any]] = [[] for _ in shape.specs]
    program = Program(shape, names, types, state, None, None, selves)
    if jit and all_compiled:
        return compiled(program, "step", cache_dir)
    if not jit:
        return plain(program, None)
    return plain(program, compiled(program, "proceed", cache_dir).entry)


def plain(program: Program, proceed: Callable[[Any, int], Any] | None) -> Program:
    """Bind the loop as plain Python, with the compiled `proceed` if there is one."""
    binder = Binder(None, program.shape.flags)
    handle: list[Any] = []
    if proceed is not None:
        binder.replaced[loop.proceed] = lambda core, columns, at: proceed(handle[0], at)
    scope = bind_glue(binder, program)
    text = generate.glue(program.shape)
    name = f"alphapanda glue {hashlib.sha256(text.encode()).hexdigest()[:16]}"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    run_glue(text, name, scope, binder)
    scope.update({f"selves{k}": own for k, own in enumerate(program.selves)})
    step = binder.bind(loop.step)

    def with_handle(core: Any, columns: Any, at: int) -> int:
        handle[:] = [core.handle.ctypes.data]
        return int(step(core.plain, columns, at))

    return Program(
        program.shape, program.names, program.dtypes, program.state, with_handle, None,
        program.selves,
    )  # fmt: skip


def compiled(program: Program, function: str, cache_dir: Path) -> Program:
    """Write the generated module, bind the loop to it and return its cached compiled entry."""
    from numba import njit  # noqa: PLC0415 (0.4 s)

    from alphapanda.core.pointer import Tables, caster  # noqa: PLC0415

    def jit(made: FunctionType) -> Any:
        if made.__name__ in INLINED:
            return njit(made, inline="always")
        return njit(made, forceinline=made.__name__ in HOT, no_cpython_wrapper=True)

    binder = Binder(jit, program.shape.flags)
    scope = bind_glue(binder, program)
    text = generate.glue(program.shape) + "\n\n\n" + generate.entry(function)
    scope["as_core"] = caster(Tables(program.names, program.dtypes, 0))
    scope["as_columns"] = caster(Tables(Columns._fields, COLUMN_TYPES, len(program.names)))
    key = source_hash(program.shape, text, binder)
    module = module_for(key, cache_dir, text)
    run_glue(text, str(module.__file__), scope, binder)
    scope[f"{function}_rows"] = binder.bind(getattr(loop, function))
    for names in (scope, *binder.scopes):
        names["__name__"] = module.__name__
    module.__dict__.update(scope)
    made = njit(cache=True)(scope[function])
    return Program(
        program.shape, program.names, program.dtypes, program.state, None,
        explained(made, program.shape), program.selves,
    )  # fmt: skip


COLUMN_TYPES = [np.dtype("<i4" if name == "row" else "<i8") for name in Columns._fields]


def bind_glue(binder: Binder, program: Program) -> dict[str, Any]:
    """Return the namespace of the glue: rules, indicators, hooks, each bound for this run."""
    scope: dict[str, Any] = {"__builtins__": builtins}
    for name in GLUE:
        binder.replaced[getattr(glue, name)] = Forward(scope, name)
    for number, rule in enumerate(rules.modules()):
        scope[f"rule{number}"] = binder.bind(rule.check)
    for k, spec in enumerate(program.shape.specs):
        for name, indicator in spec.indicators.items():
            module = indicators.module(short(indicator))
            scope[f"update{k}_{name}"] = binder.bind(module.update)
            if hasattr(module, "reset"):
                scope[f"reset{k}_{name}"] = binder.bind(module.reset)
        for name, hook in spec.hooks.items():
            if spec.compiled or binder.plain:
                scope[f"{name}{k}"] = binder.bind(hook)
    return scope


class Forward:
    """Stands for a glue function until its text has been run."""

    def __init__(self, scope: dict[str, Any], name: str) -> None:
        self.scope = scope
        self.name = name


def run_glue(text: str, file: str, scope: dict[str, Any], binder: Binder) -> None:
    """Run the generated text in its namespace and let the kernels see its functions."""
    for function in (add_to_bar, call, context, gate):
        scope[function.__name__] = binder.bind(function)
    exec(compile(text, file, "exec"), scope)  # noqa: S102 (our own text)
    for name in GLUE:
        scope[name] = binder.made(scope[name])
        binder.replaced[getattr(glue, name)] = scope[name]
    for names in binder.scopes:
        for name, value in names.items():
            if isinstance(value, Forward):
                names[name] = value.scope[value.name]


def source_hash(shape: Shape, text: str, binder: Binder) -> str:
    """Return a hash of everything the compiled loop is made of."""
    import numba  # noqa: PLC0415
    from llvmlite.binding import get_host_cpu_features, get_host_cpu_name  # noqa: PLC0415

    parts = [text.encode(), repr(sorted(shape.flags.items())).encode(), package_sources()]
    parts += [spec.source.encode() for spec in shape.specs]
    parts += binder.foreign
    parts += [repr(dtype).encode() for dtype in dtypes(shape.specs)]
    versions = (numba.__version__, np.__version__, sys.version, get_host_cpu_name())
    parts.append(repr((versions, get_host_cpu_features().flatten())).encode())
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()[:24]


@cache
def package_sources() -> bytes:
    """Return a hash of every source file that may end up in a loop."""
    root = Path(alphapanda.__file__).parent
    digest = hashlib.sha256()
    for folder in SOURCES:
        for file in sorted((root / folder).glob("*.py")):
            digest.update(f"{folder}/{file.name}\n".encode() + file.read_bytes())
    return digest.digest()


def module_for(key: str, cache_dir: Path, text: str) -> ModuleType:
    """Write the generated module if it is new, and register it where numba looks for it."""
    name = f"alphapanda_loop_{key}"
    path = cache_dir / f"{name}.py"
    if not path.exists():
        cache_dir.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{id(text)}.tmp")
        temporary.write_text(text)
        temporary.replace(path)
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module
    return module


def explained(function: Callable[[Any, int], Any], shape: Shape) -> Callable[[Any, int], Any]:
    """Return the entry such that a numba error names the strategy's file, line and construct."""
    from numba.core.errors import NumbaError  # noqa: PLC0415

    def run(handle: Any, at: int) -> Any:
        try:
            return function(handle, at)
        except NumbaError as error:
            raise UsageError(lint.explain(error, shape.specs)) from None

    return run
