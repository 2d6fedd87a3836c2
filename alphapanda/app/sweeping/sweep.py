"""A sweep: one strategy over one market with many parameters, by compiled cores side by side.

Data are read and checked once, as a backtest reads them, and stay in memory for all threads. Each
thread has one core, set back and given other parameters for each combination, so that every
combination has the events and figures of a backtest of its own. Of a strategy in plain Python (or
with `--no-jit`) the combinations run one after another, each on a core made anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any, NoReturn

from alphapanda import config
from alphapanda.app import backtest as runs
from alphapanda.app import strategies
from alphapanda.app.imported import hashes, imported_by
from alphapanda.app.options import Options, as_whole, converted, make
from alphapanda.app.stopping import orderly
from alphapanda.app.sweeping import spans
from alphapanda.app.sweeping.crew import Arguments, Crew, Failure, Worker
from alphapanda.app.sweeping.grid import Grid, make_grid
from alphapanda.app.sweeping.spans import Market
from alphapanda.app.sweeping.stitch import stitched
from alphapanda.app.sweeping.walk import Window, windows
from alphapanda.core.engine import Engine, Setup
from alphapanda.core.generate import Shape
from alphapanda.core.program import Program, build, package_sources
from alphapanda.core.reuse import Reusable, Windows, with_arguments
from alphapanda.data.replay import open_replay
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.model.money import text
from alphapanda.research import deflated
from alphapanda.research.sweep_result import (
    METRICS,
    SweepResult,
    best_of,
    figures_of,
    results_table,
)
from alphapanda.research.sweep_store import Rows, Store
from alphapanda.research.tally import Tally

Progress = Callable[[int, int], None]
"""Called with combinations done and combinations in all."""

FLUSH_S = 0.5
"""Seconds between parts on the disk, of a young sweep; of an old one, a hundredth of its age."""


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


def sweep(
    strategy: Any = None, data: Any = (), *, grid: Any, random: int | None = None,
    workers: int | None = None, walk_forward: str | None = None, metric: str = "sharpe",
    progress: Progress | None = None, **options: Any,
) -> SweepResult:  # fmt: skip
    """Run every combination of a grid of parameters and return what each gave.

    `grid` maps parameters to values: `{"fast": range(5, 25), "slow": [30, 60]}`, or texts as on the
    command line. Other options are those of `alphapanda.backtest`. Without `out` nothing is
    written; with it a sweep that was killed goes on where it was.

    Raises:
        UsageError: for anything wrong in the options, the strategy or the data.
    """
    given = dict(options)
    if "from_" in given:
        given["from"] = given.pop("from_")
    made = make({**given, "strategies": strategy, "data": data})
    search = Search(grid, whole("random", random), whole("workers", workers), walk_forward, metric)
    return run(made, search, progress=progress)


def whole(name: str, value: Any) -> int | None:
    """Return a whole number given for an option, None for none."""
    return None if value is None else int(converted("", name, value, as_whole))


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

    @property
    def jobs(self) -> int:
        """Runs in all: every combination on the training days of every window."""
        return len(self.numbers) * len(self.windows)

    def arguments(self, job: int) -> Arguments:
        """Return the parameters of a job."""
        return self.grid.arguments(int(self.numbers[job % len(self.numbers)]))


def run(
    options: Options, search: Search, *, progress: Progress | None = None, out: Path | None = None
) -> SweepResult:
    """Run a sweep from its options, into a folder if `--out` or `out` names one."""
    began = perf_counter()
    if len(options.strategies) != 1:
        raise UsageError("a sweep is of one strategy")
    entry = options.strategies[0]
    spec = strategies.find(entry.strategy)
    grid = make_grid(spec, search.grid, entry.params)
    numbers, skipped = grid.chosen(search.random, options.seed)
    market = read(options, grid, numbers)
    days = spans.trading_days(market)
    if len(days) < 2 and search.metric in ("sharpe", "sortino"):
        raise UsageError(
            f"--metric {search.metric} needs two trading days, the data have {len(days)}: "
            "write --metric pnl"
        )
    whole_days = market.days if search.walk_forward is None else days
    planned = windows(whole_days, search.walk_forward)
    with Store(out or options.out, len(numbers) * len(planned)) as store:
        made = Sweep(options, search, grid, numbers, skipped, market, planned, store, began)
        document = json.loads(json.dumps(key(made)))
        if store.open(document):
            assert store.final is not None
            return SweepResult.load(store.final)
        crew = workers(made)
        carry_out(made, crew, progress)
        return summed_up(made, crew[0])


def read(options: Options, grid: Grid, numbers: Any) -> Market:
    """Read and check the data once, and keep them."""
    rules = runs.rules_of(options)
    specs = (grid.spec,)
    with open_replay(runs.replay_options(options, specs)) as replay:
        made = runs.prepare(options, rules, replay, specs, [grid.arguments(int(numbers[0]))])
        return Market(made, tuple(replay.batches()), runs.expiries(made))


def workers(made: Sweep) -> list[Worker]:
    """Compile the loop, and fill a core for each thread."""
    run_, spec = made.market.run, made.grid.spec
    shape = Shape(run_.specs, run_.replay.interval_ns, run_.replay.columns, runs.whole(run_))
    compiled = made.options.jit and spec.compiled
    program = build(shape, jit=made.options.jit, cache_dir=config.load().cache_dir)
    first = runs.setup(run_, made.market.settles)
    made.threads = 1
    if not compiled:
        run_.notes.append("a strategy in plain Python: its combinations run one after another")
        return [Worker(fresh(program, first), tally(made))]
    heap = Windows(spec)
    longest = heap.longest(made.grid.arguments(int(number)) for number in made.numbers)
    prepared = replace(first, windows=longest)
    made.threads = min(made.search.workers or cores(), made.jobs)
    with runs.hooks_blamed(run_, lambda: "start"):
        return [
            Worker(Reusable(Engine(program, prepared), heap).begin, tally(made))
            for _ in range(made.threads)
        ]


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def fresh(program: Program, first: Setup) -> Callable[[Arguments], Engine]:
    """Return what makes a core anew for each combination."""
    return lambda arguments: Engine(
        program, replace(first, strategies=with_arguments(first.strategies, arguments))
    )


def tally(made: Sweep) -> Tally:
    """Return a counter for one core."""
    first, last = made.market.day_numbers
    return Tally(made.options.cash, len(made.market.run.instruments), first, last - first + 1)


def carry_out(made: Sweep, crew: Sequence[Worker], progress: Progress | None) -> None:
    """Run what is not done yet; an interrupt keeps what is done and ends the sweep."""
    store, many = made.store, len(made.numbers)
    train = spans.Cached(made.market, [window.train for window in made.windows])
    left = (job for job in range(made.jobs) if not store.done[job])
    team = Crew(crew, left, lambda job: (made.arguments(job), train.span(job // many)))
    started = flushed = perf_counter()
    with orderly() as asked_to_stop:
        for rows in team.results():
            if isinstance(rows, Failure):
                store.flush()
                raise_for(made, rows)
            if rows is not None:
                store.add(rows)
                made.ran += len(rows)
            now = perf_counter()
            if now - flushed > max(FLUSH_S, (now - started) / 100):
                store.flush()
                flushed = now
            if progress is not None:
                progress(int(store.done.sum()), made.jobs)
            if asked_to_stop():
                team.stop()
        made.run_s = perf_counter() - started
        store.flush()
        if not store.done.all():
            raise KeyboardInterrupt


def raise_for(made: Sweep, failure: Failure) -> NoReturn:
    """Tell what a hook raised as the user's mistake, with the combination."""
    shown = shown_params(made, failure.arguments)
    engine = failure.engine

    def when() -> str:
        return f"{'start' if engine is None else runs.engine_time(engine)}, with {shown}"

    with runs.hooks_blamed(made.market.run, when):
        raise failure.error


def shown_params(made: Sweep, arguments: Arguments) -> str:
    """Return the swept parameters of a combination as text."""
    return ", ".join(f"{name}={arguments[name]}" for name in made.grid.axes)


def key(made: Sweep) -> dict[str, Any]:
    """Return what the results depend on: another key, another sweep."""
    run_, spec, grid = made.market.run, made.grid.spec, made.grid
    options = runs.manifest(run_, "")["options"]
    for name in ("data", "out", "batch", "jit"):
        del options[name]
    return {
        "code": package_sources().hex(),
        "strategy": {
            "name": spec.name,
            "sha256": runs.source_sha(spec),
            "modules": hashes(imported_by(spec)),
        },
        "params": {name: grid.fixed[name] for name in spec.params if name not in grid.axes},
        "grid": {name: list(values) for name, values in grid.axes.items()},
        "random": made.search.random,
        "metric": made.search.metric,
        "walk_forward": made.search.walk_forward,
        "options": options,
        "data": [{"sha256": f.sha256, "rows": f.rows} for f in run_.replay.files],
        "packages": {name: version(name) for name in ("numpy", "numba")},
    }


def summed_up(made: Sweep, worker: Worker) -> SweepResult:
    """Choose the best, judge it, and return all, written if the sweep has a folder."""
    rows = made.store.rows
    table = results_table(rows, made.numbers, made.grid.axes, len(made.windows))
    facts = described(made)
    if made.search.walk_forward is None:
        facts |= judged(made, worker, rows)
    else:
        facts |= stitched(made, worker, rows)
    facts["wall_s"] = round(perf_counter() - made.began, 3)
    result = SweepResult(facts, table, list(made.grid.axes), made.store.final)
    documents = {
        "summary.json": json.dumps(facts, indent=2, ensure_ascii=False) + "\n",
        "heatmap.html": result.html(),
        "manifest.json": json.dumps(runs.manifest(made.market.run, ""), indent=2) + "\n",
    }
    made.store.finish(table, documents)
    return result


def described(made: Sweep) -> dict[str, Any]:
    """Return the facts of a sweep, summed over its combinations."""
    rows, run_ = made.store.rows, made.market.run
    rate = made.ran / made.run_s if made.run_s else 0.0
    return {
        "strategy": made.grid.spec.name,
        "combos": len(made.numbers),
        "skipped": made.skipped,
        "windows": len(made.windows) if made.search.walk_forward else None,
        "combos_per_s": round(rate, 3),
        "fills": int(rows["fills"].sum()),
        "pnl": text(sum(rows["pnl"].tolist())),
        "engine_s": round(float(rows["engine_s"].sum()), 6),
        "run_s": round(made.run_s, 3),
        "resumed": made.jobs - made.ran,
        "threads": made.threads,
        "metric": made.search.metric,
        "ticks": made.market.rows,
        "from": str(made.market.days[0]),
        "to": str(made.market.days[-1]),
        "days": len(made.market.days),
        "grid": {name: list(values) for name, values in made.grid.axes.items()},
        "params": {
            name: made.grid.fixed[name]
            for name in made.grid.spec.params
            if name not in made.grid.axes
        },
        "notes": run_.notes,
    }


def judged(made: Sweep, worker: Worker, rows: Rows) -> dict[str, Any]:
    """Return the best combination and what it is worth; it is run once more, for its days."""
    job = best_of(rows, made.search.metric)
    if job is None:
        return {
            "best": None, "deflated_sharpe": None, "chance": None,
            "warning": f"{made.search.metric} is undefined in every combination: try --metric pnl",
        }  # fmt: skip
    arguments = made.arguments(job)
    span = spans.training(made.market, made.windows[0].train)
    again = worker.run(arguments, span)
    assert again.pnl == rows["pnl"][job], "a combination run twice must give the same"
    closes = worker.tally.day_closes()
    chance = deflated.deflated(closes, rows["sharpe"], len(rows))
    return {
        "best": {"params": dict(arguments), **figures_of(rows[job])},
        **deflated.verdict(chance),
    }
