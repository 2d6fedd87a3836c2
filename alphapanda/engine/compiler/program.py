"""A run's loop as a callable: generated, bound and compiled once, then loaded from disk.

The generated module's name hashes every function and constant in it as they are in memory, because
numba's own cache does not notice an edited callee and would run the old code in silence.
"""

from __future__ import annotations

import builtins
import hashlib
import linecache
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache as once
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

import numpy as np

import alphapanda
from alphapanda import indicators, rules
from alphapanda.core import glue, loop
from alphapanda.core.bars import add_to_bar, complete_bar
from alphapanda.core.context import context
from alphapanda.core.emit import call
from alphapanda.core.gate import gate
from alphapanda.core.state import TABLES
from alphapanda.engine.compiler import blame, cache, generate, lint, units
from alphapanda.engine.compiler.binder import HOT, INLINED, Binder
from alphapanda.engine.compiler.declared import Spec, short
from alphapanda.engine.compiler.generate import Shape
from alphapanda.errors import UsageError
from alphapanda.model.columns import Columns

GLUE = (
    "refusal", "closing_refusal", "update_bar", "close_bar", "open_session", "see_row", "decide",
    "dispatch",
)  # fmt: skip
SOURCES = ("model", "events", "core", "indicators", "rules", "engine")
COMPILER = ("BOUNDSCHECK", "OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "DEBUGINFO_DEFAULT")
"""Settings of numba that change what it makes of the same source."""
MAKERS = ("pointer.py", "link.py")
"""Our own part in how numba makes it."""


@dataclass(frozen=True)
class Program:
    """The loop of one shape. `step(core, columns, at)` for plain Python, `entry` when compiled."""

    shape: Shape
    names: tuple[str, ...]
    dtypes: tuple[np.dtype[Any], ...]
    state: type
    selves: list[list[Any]]
    """For strategies in plain Python: what `self` is, by strategy and instance."""
    step: Callable[[Any, Any, int], int] | None = None
    entry: Callable[[Any, int], Any] | None = None


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
    for spec in shape.specs:
        units.check(spec)
        if spec.compiled:
            lint.check(spec, printing=not jit)
    program = unbound(shape)
    if not jit:
        return replace(program, step=plain(program, None))
    if all(spec.compiled for spec in shape.specs):
        return replace(program, entry=compiled(program, "step", cache_dir))
    return replace(program, step=plain(program, compiled(program, "proceed", cache_dir)))


def unbound(shape: Shape) -> Program:
    """Return what is known of a loop before it is bound: its tables."""
    names = tuple(generate.tables(shape.specs))
    state = NamedTuple("State", [(name, Any) for name in names])  # type: ignore[misc]
    selves: list[list[Any]] = [[] for _ in shape.specs]
    return Program(shape, names, tuple(dtypes(shape.specs)), state, selves)


def plain(
    program: Program, proceed: Callable[[Any, int], Any] | None
) -> Callable[[Any, Any, int], int]:
    """Return the loop as plain Python, with the compiled `proceed` if there is one."""
    binder = Binder(None, program.shape.flags)
    handle: list[Any] = []
    if proceed is not None:
        binder.replaced[loop.proceed] = lambda _core, _columns, at: proceed(handle[0], at)
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

    return with_handle


class Bound(NamedTuple):
    """A loop as it is before numba compiles it: its generated text, its functions, its key."""

    text: str
    scope: dict[str, Any]
    binder: Binder
    key: str


def bind_loop(program: Program, function: str) -> Bound:
    """Bind the loop for numba; its key changes with anything that it is made of."""
    from alphapanda.engine.compiler.pointer import Tables, caster  # noqa: PLC0415 (0.4 s)

    binder = Binder(jit, program.shape.flags)
    scope = bind_glue(binder, program)
    text = generate.glue(program.shape) + "\n\n\n" + generate.entry(function)
    scope["as_core"] = caster(Tables(program.names, program.dtypes, 0))
    scope["as_columns"] = caster(Tables(Columns._fields, COLUMN_TYPES, len(program.names)))
    run_glue(text, "alphapanda glue", scope, binder)
    tables = program.dtypes, sorted(program.shape.flags.items())
    scope[f"{function}_rows"] = binder.bind(getattr(loop, function))
    return Bound(text, scope, binder, source_hash(tables, text, binder))


def compiled(program: Program, function: str, cache_dir: Path) -> Callable[[Any, int], Any]:
    """Return the compiled entry of the loop, from disk if these sources were compiled before."""
    from numba.core.errors import NumbaError  # noqa: PLC0415

    text, scope, binder, key = bind_loop(program, function)
    module = register(f"alphapanda_loop_{key}", scope, binder)
    users = binder.users()
    with cache.folder(cache_dir, key, text) as folder:
        module.__file__ = str(folder / cache.MODULE)
        try:
            made = compile_entry(scope[function], module.__file__)
        except NumbaError as error:
            message = blame.uncompilable(error, program.shape.specs, users)
            raise UsageError(message) from None
        blame.check_types(binder.replaced, users)
    return made


def jit(function: FunctionType) -> Any:
    """Return a kernel or a hook as numba will compile it once it is called."""
    from numba import njit  # noqa: PLC0415

    from alphapanda.engine.compiler.link import PartCompiler  # noqa: PLC0415

    if function.__name__ in INLINED:
        return njit(function, inline="always")
    options: dict[str, Any] = {
        "no_cpython_wrapper": True, "no_cfunc_wrapper": True, "pipeline_class": PartCompiler,
        "forceinline": function.__name__ in HOT,
    }  # fmt: skip
    return njit(function, **options)


def compile_entry(function: FunctionType, file: str) -> Callable[[Any, int], Any]:
    """Compile the entry, or load it from the folder of its file, where numba keeps it."""
    from numba import int64, njit  # noqa: PLC0415
    from numba.core import config as numba_config  # noqa: PLC0415

    from alphapanda.engine.compiler.link import WholeCompiler  # noqa: PLC0415

    config: Any = numba_config

    function.__code__ = function.__code__.replace(co_filename=file)
    elsewhere, config.CACHE_DIR = config.CACHE_DIR, ""
    try:
        made = njit(cache=True, nogil=True, pipeline_class=WholeCompiler)(function)
    finally:
        config.CACHE_DIR = elsewhere
    try:
        made.compile((int64, int64))
    except OSError:
        if not made.overloads:
            raise
        # Compiled, but the disk is too full to keep it.
    return made


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
            if binder.plain:
                scope[f"{name}{k}"] = hook
            elif spec.compiled:
                scope[f"{name}{k}"] = binder.bind(hook)
    return scope


class Forward:
    """Stands for a glue function until its text has been run."""

    def __init__(self, scope: dict[str, Any], name: str) -> None:
        self.scope = scope
        self.name = name


def run_glue(text: str, file: str, scope: dict[str, Any], binder: Binder) -> None:
    """Run the generated text in its namespace and let the kernels see its functions."""
    for function in (add_to_bar, complete_bar, call, context, gate):
        scope[function.__name__] = binder.bind(function)
    exec(compile(text, file, "exec"), scope)  # noqa: S102 (our own text)
    for name in GLUE:
        scope[name] = binder.made(scope[name])
        binder.replaced[getattr(glue, name)] = scope[name]
    for names in binder.scopes:
        for name, value in names.items():
            if isinstance(value, Forward):
                names[name] = value.scope[value.name]


def source_hash(tables: Any, text: str, binder: Binder) -> str:
    """Return a hash of everything a compiled loop is made of, as it is in memory.

    `tables`: the dtypes of its tables, and the flags that specialise it.
    """
    import numba  # noqa: PLC0415
    from llvmlite.binding import get_host_cpu_features, get_host_cpu_name  # noqa: PLC0415

    facts = (
        [getattr(numba.config, name) for name in COMPILER],
        (get_host_cpu_name(), get_host_cpu_features().flatten()),
        (numba.__version__, np.__version__, sys.version, "nogil"),
        (tables, sorted(HOT), sorted(INLINED)),
    )
    makers = [Path(__file__).with_name(name).read_bytes() for name in MAKERS]
    digest = hashlib.sha256()
    for part in (text.encode(), *makers, repr(facts).encode(), *binder.sources):
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()[:24]


@once
def package_sources() -> bytes:
    """Return a hash of every source file that may end up in a loop."""
    root = Path(alphapanda.__file__).parent
    digest = hashlib.sha256()
    for folder in SOURCES:
        for file in sorted((root / folder).rglob("*.py")):
            digest.update(f"{file.relative_to(root).as_posix()}\n".encode() + file.read_bytes())
    return digest.digest()


def register(name: str, scope: dict[str, Any], binder: Binder) -> ModuleType:
    """Return the generated module, registered where numba looks for it.

    Every function says that it belongs to the module: numba makes symbols of module and name, and
    two loops of one process, loaded from the disk, would else call each other's functions.
    """
    module = ModuleType(name)
    for names in (scope, *binder.scopes):
        names["__name__"] = name
    for made in (*binder.replaced.values(), *scope.values()):
        function = getattr(made, "py_func", made)
        if isinstance(function, FunctionType):
            function.__module__ = name
    module.__dict__.update(scope)
    sys.modules[name] = module
    return module
