"""A worker of a cluster: a process on any machine, with one core, which runs the jobs it is sent.

It has the rows as they lie in its machine's shared memory, read-only. The strategy comes as text
and the compiled loop as files, so that it needs neither the user's folder nor a compiler.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from alphapanda import config
from alphapanda.engine.compiler import cache
from alphapanda.engine.compiler.declared import Spec
from alphapanda.engine.compiler.program import build, package_sources
from alphapanda.engine.compiler.sources import text_of
from alphapanda.engine.setup import Enrolment
from alphapanda.engine.tier import Tier
from alphapanda.errors import UsageError
from alphapanda.model.columns import Columns
from alphapanda.research.sweep_store import Rows
from alphapanda.research.tally import Tally
from alphapanda.runs.imported import imported_by
from alphapanda.runs.plan import RunPlan
from alphapanda.runs.rebuild import kept_spec
from alphapanda.runs.runner import setup_of, shape_of
from alphapanda.sweeps.cores import Loop, accuse, counted, params_text
from alphapanda.sweeps.spans import Market, training
from alphapanda.sweeps.threads import Arguments, Failure, Span, Worker, run_part

PACKAGES = ("numpy", "numba", "llvmlite")


class Job(NamedTuple):
    """A run: its number, its parameters, its window, from which day on it is fed."""

    number: int
    arguments: tuple[int | float, ...]
    window: int
    begin: date | None


@dataclass(frozen=True)
class Recipe:
    """All that a worker needs beside the rows."""

    made_with: Mapping[str, str]
    plan: RunPlan
    """Without the strategy, which is a class of the sender's process."""
    bound: tuple[Any, Any, Any]
    """The strategy's parameters, instruments and products."""
    source: Mapping[str, Any]
    axes: tuple[str, ...]
    windows: tuple[tuple[date, ...], ...]
    settles: Mapping[int, int]
    longest: Mapping[str, int]
    days: tuple[int, int]
    """The IST day numbers of the first and the last row."""
    tier: Tier
    jit: bool
    warm: bool
    loops: tuple[cache.Packed, ...]


class Ready(NamedTuple):
    """Where a worker is, or why it can't be one."""

    node: str
    machine: str
    problem: str = ""


class Ran(NamedTuple):
    """What became of some jobs."""

    rows: Rows | None
    seconds: float
    compiled: int
    """Functions that this process has compiled so far."""
    memory_kb: int
    """The most that it held at a time, shared rows included."""
    problem: str = ""
    """What a strategy's code raised, as its author reads it."""


def made_with() -> dict[str, str]:
    """Return what must be the same in every process of a sweep."""
    return {"alphapanda": package_sources().hex(), **{name: version(name) for name in PACKAGES}}


def source_of(spec: Spec) -> dict[str, Any]:
    """Return a strategy as text, with the user's own modules that it imports."""
    return {
        "class": spec.cls.__name__, "file": spec.file, "text": text_of(spec.file),
        "modules": [module._asdict() for module in imported_by(spec)],
    }  # fmt: skip


class Remote:
    """One process of a cluster that runs jobs."""

    def prepare(self, recipe: Recipe, batches: Sequence[Columns]) -> Ready:
        """Make a core, and say if that went well."""
        self._compiled = count_compilations()
        import ray  # noqa: PLC0415 (1 s, and absent where nobody needs a cluster)

        node, machine = ray.get_runtime_context().get_node_id(), socket.gethostname()
        here = made_with()
        other = [name for name, value in recipe.made_with.items() if here[name] != value]
        if other:
            return Ready(node, machine, f"its {other[0]} is not the one that began the sweep")
        try:
            self._begin(recipe, batches, config.load().cache_dir)
        except UsageError as error:
            return Ready(
                node, machine, f"the strategy does not load there: {self._named(str(error))}"
            )
        return Ready(node, machine)

    def _begin(self, recipe: Recipe, batches: Sequence[Columns], cache_dir: Path) -> None:
        self._recipe, self._copy = recipe, ""
        spec = kept_spec({"file": recipe.source["file"]}, recipe.source)
        self._copy = spec.file
        arguments, rows, products = recipe.bound
        plan = replace(
            recipe.plan, specs=(spec,), enrolments=(Enrolment(spec, arguments, rows, products),)
        )
        for packed in recipe.loops:
            cache.unpack(cache_dir, packed)
        program = build(
            shape_of(plan, warm=recipe.warm), jit=recipe.jit, cache_dir=cache_dir, tier=recipe.tier
        )
        setup = counted(setup_of(plan, recipe.settles), recipe.days)
        setup = replace(setup, windows=recipe.longest)
        loop = Loop(program, setup, spec, compiled=recipe.jit and spec.compiled)
        first, last = recipe.days
        tally = Tally(plan.options.cash, len(plan.instruments), first, last - first + 1)
        self._spec, self._worker = spec, loop.worker(tally)
        self._market = Market(plan, tuple(batches), recipe.settles)
        self._spans: dict[tuple[int, date | None], Span] = {}

    def run(self, jobs: Sequence[Job]) -> Ran:
        """Run some jobs, up to the first that raises."""
        started = perf_counter()
        by_number = {job.number: job for job in jobs}
        worker: Worker = self._worker
        rows = run_part(
            worker, [*by_number], lambda number: self._resolved(by_number[number]), lambda: False
        )
        problem = ""
        if isinstance(rows, Failure):
            problem = self._told(rows)
        seconds = perf_counter() - started
        kept = None if isinstance(rows, Failure) else rows
        return Ran(kept, seconds, len(self._compiled), memory_kb(), problem)

    def _told(self, failure: Failure) -> str:
        try:
            accuse([self._spec], params_text(dict.fromkeys(self._recipe.axes), failure.arguments),
                   failure)  # fmt: skip
        except UsageError as error:
            return self._named(str(error))

    def _named(self, text: str) -> str:
        return text.replace(self._copy, self._recipe.source["file"]) if self._copy else text

    def _resolved(self, job: Job) -> tuple[Arguments, Span]:
        arguments = dict(zip(self._spec.params, job.arguments, strict=True))
        key = job.window, job.begin
        if key not in self._spans:
            if any(window != job.window for window, _ in self._spans):
                self._spans.clear()
            days = self._recipe.windows[job.window]
            self._spans[key] = training(self._market, days, job.begin)
        return arguments, self._spans[key]


def memory_kb() -> int:
    """Return the most memory that this process has held, 0 where the system does not say."""
    try:
        import resource  # noqa: PLC0415 (absent on Windows)
    except ImportError:
        return 0
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def count_compilations() -> list[str]:
    """Return a list to which each function is added that numba compiles in this process."""
    from numba.core import event  # noqa: PLC0415 (0.4 s)

    found: list[str] = []

    class Listener(event.Listener):
        """Takes down what is compiled; what is loaded from the disk makes no event."""

        def on_start(self, happening: Any) -> None:
            found.append(str(happening.data["dispatcher"]))

        def on_end(self, happening: Any) -> None:
            pass

    register: Any = event.register  # numba has no types
    register("numba:compile", Listener())
    return found


def lean(plan: RunPlan) -> RunPlan:
    """Return a plan without what only the sender's process has."""
    entries = tuple(
        replace(entry, strategy=spec.name)
        for entry, spec in zip(plan.options.strategies, plan.specs, strict=True)
    )
    options = replace(plan.options, strategies=entries)
    return replace(plan, options=options, specs=(), enrolments=(), files=(), notes=())


def loops_of(cache_dir: Path, keys: Sequence[str]) -> tuple[cache.Packed, ...]:
    """Return compiled loops as they are sent; those that are not on disk a worker compiles."""
    found = (cache.packed(cache_dir, key) for key in keys)
    return tuple(loop for loop in found if loop is not None)
