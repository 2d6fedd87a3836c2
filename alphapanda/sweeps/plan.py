"""The plan of a sweep: its combinations and what each is judged by."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from typing import Any

from alphapanda.engine.compiler.program import package_sources
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.research.sweep_result import METRICS
from alphapanda.research.sweep_store import Store
from alphapanda.research.tally import Tally
from alphapanda.runs import manifest, plan
from alphapanda.runs.imported import hashes, imported_by
from alphapanda.runs.options import Options
from alphapanda.sweeps.grid import Grid
from alphapanda.sweeps.spans import Market, training
from alphapanda.sweeps.threads import Arguments, Span
from alphapanda.sweeps.warming import Warming
from alphapanda.sweeps.windows import Window


@dataclass(frozen=True, slots=True)
class Search:
    """Which combinations to run, and what to choose the best by."""

    grid: Any
    random: int | None = None
    workers: int | None = None
    walk_forward: str | None = None
    metric: str = "sharpe"

    def __post_init__(self) -> None:
        """Refuse what no sweep could mean."""
        if self.metric not in METRICS:
            hint = did_you_mean(self.metric, METRICS)
            raise UsageError(f"--metric {self.metric}: write {', '.join(METRICS)}.{hint}")
        for name in ("random", "workers"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"--{name} {value}: must be at least 1")


@dataclass
class Sweep:
    """Everything a sweep is made of, once its options and data are known."""

    options: Options
    search: Search
    grid: Grid
    numbers: Any
    skipped: int
    market: Market
    windows: list[Window]
    store: Store
    began: float
    threads: int = 1
    run_s: float = 0.0
    ran: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def jobs(self) -> int:
        """Runs in all: every combination on the training days of every window."""
        return len(self.numbers) * len(self.windows)

    def span(self, days: Sequence[date], arguments: Arguments) -> Span:
        """Return the rows of some days as a backtest with these parameters is fed them."""
        return training(self.market, days, self.market.begin(days, arguments))

    def arguments(self, job: int) -> Arguments:
        """Return the parameters of a job."""
        return self.grid.arguments(int(self.numbers[job % len(self.numbers)]))


def read(options: Options, grid: Grid, numbers: Any, walk_forward: str | None = None) -> Market:
    """Read and check the data once, with what warms up any combination, and keep them."""
    rules = plan.rules_of(options)
    specs = (grid.spec,)
    warming = Warming(options, grid, numbers, walk_forward)
    with plan.open_recording(options, specs, begin=warming.begin) as source:
        bound = plan.bind(options, rules, source, specs, [grid.arguments(int(numbers[0]))])
        rows = tuple(portion.columns for portion in source.rows(0, lambda: False))
        return Market(bound, rows, plan.expiries(bound), warming)


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def tally(made: Sweep) -> Tally:
    """Return a counter for one core."""
    first, last = made.market.day_numbers
    return Tally(made.options.cash, len(made.market.plan.instruments), first, last - first + 1)


def shown_params(made: Sweep, arguments: Arguments) -> str:
    """Return the swept parameters of a combination as text."""
    return ", ".join(f"{name}={arguments[name]}" for name in made.grid.axes)


def key(made: Sweep) -> dict[str, Any]:
    """Return what the results depend on: another key, another sweep."""
    run_plan, spec, grid = made.market.plan, made.grid.spec, made.grid
    options = manifest.manifest(run_plan, "")["options"]
    for name in ("data", "out", "batch", "jit", "tier"):
        del options[name]
    return {
        "code": package_sources().hex(),
        "strategy": {
            "name": spec.name,
            "sha256": manifest.source_sha(spec),
            "modules": hashes(imported_by(spec)),
        },
        "params": {name: grid.fixed[name] for name in spec.params if name not in grid.axes},
        "grid": {name: list(values) for name, values in grid.axes.items()},
        "random": made.search.random,
        "metric": made.search.metric,
        "walk_forward": made.search.walk_forward,
        "options": options,
        "data": [{"sha256": f.sha256, "rows": f.rows} for f in run_plan.files],
        "packages": {name: version(name) for name in ("numpy", "numba")},
    }
