"""A run's loop as a callable: plain Python, one compiled whole, or a core and hooks linked.

The compiled whole is the fastest to run and takes seconds to make. A core that calls what
strategies declare by address is made once and kept; then a new strategy costs its own lines.
"""

from __future__ import annotations

import builtins
import hashlib
import linecache
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache as once
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import alphapanda
from alphapanda import indicators, rules
from alphapanda.books.emit import call
from alphapanda.books.state import TABLES
from alphapanda.core import glue, loop
from alphapanda.core.bars import add_to_bar, complete_bar
from alphapanda.core.context import as_tag, context
from alphapanda.core.gate import gate
from alphapanda.engine.compiler import cache, generate, lint, units
from alphapanda.engine.compiler.binder import Binder
from alphapanda.engine.compiler.declared import Spec, short
from alphapanda.engine.compiler.generate import Shape
from alphapanda.engine.compiler.native import Bound, Entry, jit, load, source_hash
from alphapanda.engine.compiler.places import (
    COLUMN_TYPES,
    COLUMNS,
    FROM_CORE,
    FROM_STRATEGIES,
    table_places,
)
from alphapanda.engine.tier import Tier
from alphapanda.model.columns import Columns

LADDERS = ("refusal", "closing_refusal")
GLUE = (*LADDERS, *FROM_STRATEGIES)
SOURCES = ("model", "events", "books", "core", "indicators", "rules", "words", "engine")
GENERAL = {
    "STRATEGIES": 0, "WARM": 1, "TICK_BARS": 1, "TIMERS": 1, "HOOK_FILL": 1, "HOOK_ORDER": 1,
    "HOOK_SESSION": 1, "QUEUED": 1,
}  # fmt: skip
"""Flags of a core that serves any strategies."""
SHORT = 500_000
"""Microseconds of plain Python that cost less than loading a compiler."""


@dataclass(frozen=True)
class Program:
    """The loop of one shape. `step(core, columns, at)` for plain Python, `entry` when compiled."""

    shape: Shape
    names: tuple[str, ...]
    dtypes: tuple[np.dtype[Any], ...]
    state: type
    selves: list[list[Any]]
    """For strategies in plain Python: what `self` is, by strategy and instance."""
    tier: Tier = Tier.PLAIN
    step: Callable[[Any, Any, int], int] | None = None
    entry: Entry | None = None
    publish: Entry | None = None
    """Writes into a handle where the strategies' functions are, if they were compiled apart."""
    keys: tuple[str, ...] = ()
    """Its folders in the cache of compiled loops."""


def dtypes(specs: Sequence[Spec]) -> list[np.dtype[Any]]:
    """Return the dtypes of a core's tables, in the order of their names."""
    own = [dtype for spec in specs for dtype in (spec.record(), spec.member())]
    return [*TABLES.values(), *own]


def build(
    shape: Shape, *, jit: bool, cache_dir: Path, tier: Tier = Tier.AUTO, rows: int | None = None
) -> Program:  # fmt: skip
    """Generate and bind the loop of a shape, for so many rows if that is known.

    Compiled when `jit`, unless a strategy asks for plain Python: then the loop runs in Python and
    calls the compiled part of each row. A short run is over in Python before a compiler is loaded.

    Raises:
        UsageError: if a strategy cannot be compiled, with file and line.
    """
    for spec in shape.specs:
        units.check(spec)
        if spec.compiled:
            lint.check(spec, printing=not jit)
    program = unbound(shape)
    short_run = tier == Tier.AUTO and rows is not None and rows * weight(shape.specs) <= SHORT
    if not jit or tier == Tier.PLAIN or short_run:
        return replace(program, step=plain_loop(program, None))
    whole = all(spec.compiled for spec in shape.specs)
    function = "step" if whole else "proceed"
    made = compiled(program, function, cache_dir, tier)
    if whole:
        return made
    return replace(made, entry=None, step=plain_loop(program, made.entry, tier=made.tier))


def weight(specs: Sequence[Spec]) -> int:
    """Return about how many microseconds plain Python spends on a row."""
    return sum(8 + 2 * len(spec.indicators) for spec in specs)


def compiled(program: Program, function: str, cache_dir: Path, tier: Tier) -> Program:
    """Return a program with its compiled entry: of one piece, or of a core and hooks."""
    specs, flags = program.shape.specs, {**program.shape.flags, **GENERAL}
    if tier != Tier.QUICK:
        bound = bind_loop(program, function)
        if tier == Tier.FULL or cache.kept(cache_dir, bound.key):
            entry = load(bound, function, specs, cache_dir)
            return replace(program, tier=Tier.FULL, entry=entry, keys=(bound.key,))
    declared = bind_declared(program, flags)
    publish = load(declared, "publish", specs, cache_dir)
    core, entry = core_entry(tuple(sorted(flags.items())), function, cache_dir)
    return replace(
        program, tier=Tier.QUICK, entry=entry, publish=publish, keys=(core, declared.key)
    )


@once
def core_entry(
    flags: tuple[tuple[str, int], ...], function: str, cache_dir: Path
) -> tuple[str, Entry]:
    """Return the key and the entry of a core that serves any strategies on data of this form."""
    bound = bind_core(dict(flags), function)
    return bound.key, load(bound, function, (), cache_dir)


def unbound(shape: Shape) -> Program:
    """Return what is known of a loop before it is bound: its tables."""
    names = tuple(generate.tables(shape.specs))
    state = NamedTuple("State", [(name, Any) for name in names])  # type: ignore[misc]
    selves: list[list[Any]] = [[] for _ in shape.specs]
    return Program(shape, names, tuple(dtypes(shape.specs)), state, selves)


def plain_loop(
    program: Program, proceed: Callable[[Any, int], Any] | None, *, tier: Tier = Tier.PLAIN
) -> Callable[[Any, Any, int], int]:
    """Return the loop as plain Python, with the compiled `proceed` of a tier if there is one."""
    flags = dict(program.shape.flags)
    if tier == Tier.QUICK:  # a core for any strategies queues hooks that these may not have
        flags["QUEUED"] = GENERAL["QUEUED"]
    binder = Binder(None, flags)
    handle = [0]
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
        handle[0] = core.address
        return int(step(core.plain, columns, at))

    return with_handle


def bind_loop(program: Program, function: str) -> Bound:
    """Bind the loop for numba; its key changes with anything that it is made of."""
    binder = Binder(jit, program.shape.flags)
    scope = bind_glue(binder, program)
    text = generate.glue(program.shape) + "\n\n\n" + generate.entry(function)
    scope["as_core"] = core_caster(program.names, program.dtypes)
    scope["as_columns"] = columns_caster()
    run_glue(text, "alphapanda glue", scope, binder)
    scope[f"{function}_rows"] = binder.bind(getattr(loop, function))
    return keyed(text, scope, binder, (program.dtypes, program.shape.flags))


def bind_core(flags: Mapping[str, int], function: str) -> Bound:
    """Bind the loop without strategies: what they declare is called by address."""
    from alphapanda.engine.compiler.linked import linked, publish  # noqa: PLC0415 (0.4 s)

    binder = Binder(jit, flags)
    scope: dict[str, Any] = {"__builtins__": builtins}
    for name in FROM_STRATEGIES:
        binder.replaced[getattr(glue, name)] = linked(name)
    forward(binder, scope, LADDERS)
    bind_rules(binder, scope)
    scope["as_core"] = core_caster(tuple(TABLES), tuple(TABLES.values()))
    scope["as_columns"] = columns_caster()
    text = generate.ladders() + "\n\n\n" + generate.entry(function, FROM_CORE)
    run_glue(text, "alphapanda core", scope, binder, LADDERS)
    scope.update({f"publish_{name}": publish(name) for name in FROM_CORE})
    scope[f"{function}_rows"] = binder.bind(getattr(loop, function))
    return keyed(text, scope, binder, (tuple(TABLES.values()), flags))


def bind_declared(program: Program, flags: Mapping[str, int]) -> Bound:
    """Bind what the strategies declare, for a core that calls it by address."""
    from alphapanda.engine.compiler.linked import linked, publish  # noqa: PLC0415 (0.4 s)

    specs = program.shape.specs
    compiled = all(spec.compiled for spec in specs)
    names = FROM_STRATEGIES if compiled else FROM_STRATEGIES[:-2]  # Python calls its hooks itself
    binder = Binder(jit, flags)
    for function in CORE_FUNCTIONS:
        binder.replaced[function] = linked(function.__name__)
    scope: dict[str, Any] = {"__builtins__": builtins}
    forward(binder, scope, names)
    bind_specs(binder, scope, specs)
    scope["as_core"] = core_caster(program.names, program.dtypes)
    text = generate.declared(program.shape) + "\n\n\n" + generate.publisher(names)
    run_glue(text, "alphapanda hooks", scope, binder, names)
    scope.update({f"publish_{name}": publish(name) for name in names})
    return keyed(text, scope, binder, (program.dtypes, flags))


CORE_FUNCTIONS = (gate, call, add_to_bar, complete_bar)


def core_caster(names: Sequence[str], dtypes: Sequence[np.dtype[Any]]) -> Any:
    """Return the function that takes an address for a core's tables, the common ones first."""
    from alphapanda.engine.compiler.pointer import Tables, caster  # noqa: PLC0415 (0.4 s)

    return caster(Tables(names, dtypes, table_places(len(names))))


def columns_caster() -> Any:
    """Return the function that takes an address for the columns of a batch."""
    from alphapanda.engine.compiler.pointer import Tables, caster  # noqa: PLC0415 (0.4 s)

    places = range(COLUMNS, COLUMNS + len(Columns._fields))
    return caster(Tables(Columns._fields, COLUMN_TYPES, places))


def keyed(text: str, scope: dict[str, Any], binder: Binder, made_of: Any) -> Bound:
    """Return bound code with its key; `made_of`: dtypes of its tables, flags that specialise it."""
    dtypes, flags = made_of
    facts = dtypes, sorted(flags.items())
    return Bound(text, scope, binder, source_hash(facts, text, binder))


def bind_glue(binder: Binder, program: Program) -> dict[str, Any]:
    """Return the namespace of the glue: rules, indicators, hooks, each bound for this run."""
    scope: dict[str, Any] = {"__builtins__": builtins}
    forward(binder, scope, GLUE)
    bind_rules(binder, scope)
    bind_specs(binder, scope, program.shape.specs)
    return scope


def forward(binder: Binder, scope: dict[str, Any], names: Sequence[str]) -> None:
    """Let kernels name functions whose text is run later."""
    for name in names:
        binder.replaced[getattr(glue, name)] = Forward(scope, name)


def bind_rules(binder: Binder, scope: dict[str, Any]) -> None:
    """Bind the risk rules."""
    for number, rule in enumerate(rules.modules()):
        scope[f"rule{number}"] = binder.bind(rule.check)


def bind_specs(binder: Binder, scope: dict[str, Any], specs: Sequence[Spec]) -> None:
    """Bind the strategies' indicators and hooks."""
    if not binder.plain:
        binder.replaced[as_tag] = binder.bind(same_tag)
    for k, spec in enumerate(specs):
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


def same_tag(tag: int) -> int:
    """Return a tag of compiled code: it is a number there (`tags.py`)."""
    return tag


class Forward:
    """Stands for a glue function until its text has been run."""

    def __init__(self, scope: dict[str, Any], name: str) -> None:
        self.scope = scope
        self.name = name


def run_glue(
    text: str, file: str, scope: dict[str, Any], binder: Binder, names: Sequence[str] = GLUE
) -> None:  # fmt: skip
    """Run the generated text in its namespace and let the kernels see its functions."""
    for function in (*CORE_FUNCTIONS, context):
        scope[function.__name__] = binder.bind(function)
    exec(compile(text, file, "exec"), scope)  # noqa: S102 (our own text)
    for name in names:
        scope[name] = binder.made(scope[name])
        binder.replaced[getattr(glue, name)] = scope[name]
    for known in binder.scopes:
        for name, value in known.items():
            if isinstance(value, Forward):
                known[name] = value.scope[value.name]


@once
def package_sources() -> bytes:
    """Return a hash of every source file that may end up in a loop."""
    root = Path(alphapanda.__file__).parent
    digest = hashlib.sha256()
    for folder in SOURCES:
        for file in sorted((root / folder).rglob("*.py")):
            digest.update(f"{file.relative_to(root).as_posix()}\n".encode() + file.read_bytes())
    return digest.digest()
