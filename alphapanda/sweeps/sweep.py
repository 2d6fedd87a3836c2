"""A sweep: one strategy over one market with many parameters, by compiled cores side by side.

Data are read and checked once, as a backtest reads them, and stay in memory for all threads. Each
thread has one core, set back and given other parameters for each combination, so that every
combination has the events and figures of a backtest of its own. Of a strategy in plain Python (or
with `--no-jit`) the combinations run one after another, each on a core made anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any, NoReturn

from alphapanda.engine.compiler.program import Program
from alphapanda.engine.engine import Engine
from alphapanda.engine.reuse import Reusable, Windows, with_arguments
from alphapanda.engine.setup import Setup
from alphapanda.engine.tier import Tier
from alphapanda.errors import UsageError
from alphapanda.model.money import text
from alphapanda.model.notes import in_order
from alphapanda.research import deflated
from alphapanda.research.sweep_result import (
    SweepResult,
    best_of,
    figures_of,
    results_table,
)
from alphapanda.research.sweep_store import Rows, Store
from alphapanda.runs import discovery, manifest
from alphapanda.runs.options import Options, from_python
from alphapanda.runs.readings import WHOLE
from alphapanda.runs.runner import load_program, setup_of
from alphapanda.runs.session import blaming, time_of
from alphapanda.runs.stopping import orderly
from alphapanda.sweeps import spans
from alphapanda.sweeps.grid import make_grid
from alphapanda.sweeps.plan import Search, Sweep, cores, key, read, shown_params, tally
from alphapanda.sweeps.threads import Arguments, Crew, Failure, Span, Worker
from alphapanda.sweeps.walk_forward import stitched
from alphapanda.sweeps.windows import windows

Progress = Callable[[int, int], None]
"""Called with combinations done and combinations in all."""

LONG = 50_000_000
"""Rows, over all combinations, beyond which a loop of one piece wins back what making it takes."""

PORTION = 2048
"""Output rows that a core says at a time: few enough to be counted while they lie in the cache."""

FLUSH_S = 0.5
"""Seconds between parts on the disk, of a young sweep; of an old one, a hundredth of its age."""


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
    made = from_python(strategy, data, options)
    search = Search(grid, whole("random", random), whole("workers", workers), walk_forward, metric)
    return run(made, search, progress=progress)


def whole(name: str, value: Any) -> int | None:
    """Return a whole number given for an option, None for none."""
    return None if value is None else int(WHOLE.value(name, value))


def run(
    options: Options, search: Search, *, progress: Progress | None = None, out: Path | None = None
) -> SweepResult:
    """Run a sweep from its options, into a folder if `--out` or `out` names one."""
    began = perf_counter()
    if len(options.strategies) != 1:
        raise UsageError("a sweep is of one strategy")
    entry = options.strategies[0]
    spec = discovery.find(entry.strategy)
    grid = make_grid(spec, search.grid, entry.params)
    numbers, skipped = grid.chosen(search.random, options.seed)
    market = read(options, grid, numbers, search.walk_forward)
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


def workers(made: Sweep) -> list[Worker]:
    """Compile the loop, and fill a core for each thread."""
    plan, spec = made.market.plan, made.grid.spec
    compiled = made.options.jit and spec.compiled
    tier = made.options.tier
    if tier == Tier.AUTO and made.jobs * made.market.rows > LONG:
        tier = Tier.FULL
    rows = None if compiled else made.jobs * made.market.rows  # threads do not share plain hooks
    warm = made.search.walk_forward is not None and not made.options.no_warm
    program = load_program(plan, jit=made.options.jit, tier=tier, rows=rows, warm=warm)
    first = counted(setup_of(plan, made.market.settles), made.market)
    made.threads = 1
    if not compiled:
        made.notes.append("a strategy in plain Python: its combinations run one after another")
        return [Worker(fresh(program, first), tally(made))]
    heap = Windows(spec)
    longest = heap.longest(made.grid.arguments(int(number)) for number in made.numbers)
    prepared = replace(first, windows=longest)
    made.threads = min(made.search.workers or cores(), made.jobs)
    with blaming(plan.specs, lambda: "start"):
        return [
            Worker(Cores(program, prepared, heap).begin, tally(made)) for _ in range(made.threads)
        ]


def counted(setup: Setup, market: spans.Market) -> Setup:
    """Return a set-up whose core counts its P&L, and says little at a time."""
    first, last = market.day_numbers
    sizes = setup.sizes._replace(out=PORTION, days=last - first + 2)
    return replace(setup, sizes=sizes, counted_from=first)


def fresh(program: Program, first: Setup) -> Callable[[Arguments, Span], Engine]:
    """Return what makes a core anew for each combination."""
    return lambda arguments, span: Engine(
        program,
        replace(
            first, strategies=with_arguments(first.strategies, arguments),
            first_day=span.first, begin_ns=span.begin_ns,
        ),
    )  # fmt: skip


class Cores:
    """A core for the window that is run, set back for each combination."""

    def __init__(self, program: Program, setup: Setup, heap: Windows) -> None:
        self._program, self._setup, self._heap = program, setup, heap
        self._first: date | None = None
        self._core = self._made(setup.first_day, setup.begin_ns)

    def begin(self, arguments: Arguments, span: Span) -> Engine:
        """Return the core as if it had just been made for these parameters and days."""
        if self._first != span.first:
            self._core, self._first = self._made(span.first, span.begin_ns), span.first
        return self._core.begin(arguments)

    def _made(self, first: date, begin_ns: int) -> Reusable:
        setup = replace(self._setup, first_day=first, begin_ns=begin_ns)
        return Reusable(Engine(self._program, setup), self._heap)


def carry_out(made: Sweep, crew: Sequence[Worker], progress: Progress | None) -> None:
    """Run what is not done yet; an interrupt keeps what is done and ends the sweep."""
    store, many = made.store, len(made.numbers)
    train = spans.Cached(made.market, [window.train for window in made.windows])

    def resolved(job: int, arguments: Arguments) -> tuple[Arguments, Span]:
        return arguments, train.span(job // many, arguments)

    left = (job for job in range(made.jobs) if not store.done[job])
    team = Crew(crew, left, lambda job: resolved(job, made.arguments(job)))
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
        return f"{'start' if engine is None else time_of(engine)}, with {shown}"

    with blaming(made.market.plan.specs, when):
        raise failure.error


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
        "manifest.json": json.dumps(manifest.manifest(made.market.plan, ""), indent=2) + "\n",
    }
    made.store.finish(table, documents)
    return result


def described(made: Sweep) -> dict[str, Any]:
    """Return the facts of a sweep, summed over its combinations."""
    rows = made.store.rows
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
        "notes": in_order([*made.market.plan.notes, *made.notes]),
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
    span = made.span(made.windows[0].train, arguments)
    again = worker.run(arguments, span)
    assert again.pnl == rows["pnl"][job], "a combination run twice must give the same"
    chance = deflated.deflated(worker.tally.day_closes(), rows["sharpe"], len(rows))
    return {
        "best": {"params": dict(arguments), **figures_of(rows[job])},
        **deflated.verdict(chance),
    }
