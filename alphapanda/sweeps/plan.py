"""The plan of a sweep: its combinations and what each is judged by."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from alphapanda.engine.compiler.program import package_sources
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.research.sweep_result import METRICS
from alphapanda.research.sweep_store import Store
from alphapanda.research.tally import Tally
from alphapanda.runs import manifest, plan
from alphapanda.runs.imported import hashes, imported_by
from alphapanda.runs.options import Options
from alphapanda.sweeps.address import LOCAL, address_of
from alphapanda.sweeps.extras import check_installed
from alphapanda.sweeps.grid import Grid
from alphapanda.sweeps.spans import Market, training
from alphapanda.sweeps.threads import Arguments, Span
from alphapanda.sweeps.warming import Warming
from alphapanda.sweeps.windows import Window


class Counts(NamedTuple):
    """Combinations that were passed over, and what a search did beside its trials."""

    skipped: int = 0
    """Refused by the strategy's own check."""
    left_out: int = 0
    """By the condition that was given."""
    repeats: int = 0
    """Proposed again, and not run again."""
    beside: int = 0
    """Tried as the nearest to a proposal that was of no use."""

    def plus(self, **more: int) -> Counts:
        """Return the counts with some of them raised."""
        return self._replace(**{name: getattr(self, name) + many for name, many in more.items()})


@dataclass(frozen=True, slots=True)
class Search:
    """Which combinations to run, and what to choose the best by."""

    grid: Any
    random: int | None = None
    workers: int | None = None
    walk_forward: str | None = None
    metric: str = "sharpe"
    where: Any = None
    search: str | None = None
    """None: every combination, or those that `random` draws."""
    trials: int | None = None
    cluster: str = LOCAL
    each_instrument: bool = False

    def __post_init__(self) -> None:
        """Refuse what no sweep could mean."""
        if self.metric not in METRICS:
            hint = did_you_mean(self.metric, METRICS)
            raise UsageError(f"--metric {self.metric}: write {', '.join(METRICS)}.{hint}")
        for name in ("random", "workers", "trials"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"--{name} {value}: must be at least 1")
        if self.search is not None:
            self._check_search(self.search)
        elif self.trials is not None:
            raise UsageError("--trials is how many a search makes: add --search optuna")
        if self.cluster != LOCAL:
            address_of(self.cluster)
            check_installed("ray", f"--cluster {self.cluster}", "cluster")

    def _check_search(self, search: str) -> None:
        if search != "optuna":
            raise UsageError(f"--search {search}: write optuna.{did_you_mean(search, ['optuna'])}")
        if self.random is not None:
            raise UsageError("--random draws and --search chooses: leave one out")
        if self.trials is None:
            raise UsageError("--search optuna: say how many combinations it may try, --trials 200")
        check_installed("optuna", "--search optuna", "search")


@dataclass
class Sweep:
    """Everything a sweep is made of, once its options and data are known."""

    options: Options
    search: Search
    grid: Grid
    many: int
    """Runs of a window."""
    numbers: Any
    """The combination of each run; those of a search are filled in as they are chosen."""
    passed_over: Counts
    market: Market
    windows: list[Window]
    store: Store
    began: float
    cache_dir: Path
    """Where compiled loops are kept."""
    met: Sequence[int] = ()
    """Combinations that have every window of an indicator that the sweep may meet."""
    threads: int = 1
    run_s: float = 0.0
    ran: int = 0
    cluster: dict[str, int] | None = None
    """What a cluster took part with."""
    notes: list[str] = field(default_factory=list)

    @property
    def jobs(self) -> int:
        """Runs in all: every combination on the training days of every window."""
        return self.many * len(self.windows)

    def span(self, days: Sequence[date], arguments: Arguments) -> Span:
        """Return the rows of some days as a backtest with these parameters is fed them."""
        return training(self.market, days, self.market.begin(days, arguments))

    def arguments(self, job: int) -> Arguments:
        """Return the parameters of a job."""
        return self.grid.arguments(int(self.numbers[job]))


def read(
    options: Options, grid: Grid, numbers: Sequence[int], walk_forward: str | None = None
) -> Market:
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


def is_warm(made: Sweep) -> bool:
    """Say if rows may come before a run begins, though there are none before `--from`."""
    return made.search.walk_forward is not None and not made.options.no_warm


def tally(made: Sweep) -> Tally:
    """Return a counter for one core."""
    first, last = made.market.day_numbers
    return Tally(made.options.cash, len(made.market.plan.instruments), first, last - first + 1)


def searched(made: Sweep) -> dict[str, Any]:
    """Return what a search and a condition make of the results, nothing where there are none."""
    found: dict[str, Any] = {}
    if made.grid.condition is not None:
        found["where"] = list(made.grid.condition.texts)
    if made.search.search is not None:
        package = made.search.search
        found["search"] = {"by": package, "version": version(package), "trials": made.many}
    return found


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
        **searched(made),
        "metric": made.search.metric,
        "walk_forward": made.search.walk_forward,
        "options": options,
        "data": [{"sha256": f.sha256, "rows": f.rows} for f in run_plan.files],
        "packages": {name: version(name) for name in ("numpy", "numba")},
    }
