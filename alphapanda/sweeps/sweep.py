"""A sweep: one strategy over one market with many parameters, by compiled cores side by side.

Data are read and checked once, as a backtest reads them, and stay in memory for all threads. Each
thread has one core, set back and given other parameters for each combination, so that every
combination has the events and figures of a backtest of its own. Of a strategy in plain Python (or
with `--no-jit`) the combinations run one after another, each on a core made anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from alphapanda import config
from alphapanda.engine.reuse import Windows
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
from alphapanda.runs.stopping import orderly
from alphapanda.sweeps import spans
from alphapanda.sweeps.address import LOCAL
from alphapanda.sweeps.cores import Loop, accuse, counted, params_text
from alphapanda.sweeps.each import run_each
from alphapanda.sweeps.grid import make_grid
from alphapanda.sweeps.plan import Counts, Search, Sweep, cores, is_warm, key, read, tally
from alphapanda.sweeps.search import covering, seek
from alphapanda.sweeps.threads import Arguments, Crew, Failure, Span, Team, Worker
from alphapanda.sweeps.walk_forward import stitched
from alphapanda.sweeps.windows import windows

if TYPE_CHECKING:
    from alphapanda.config.settings import Settings

Progress = Callable[[int, int], None]
"""Called with combinations done and combinations in all."""

LONG = 50_000_000
"""Rows, over all combinations, beyond which a loop of one piece wins back what making it takes."""

FLUSH_S = 0.5
"""Seconds between parts on the disk, of a young sweep; of an old one, a hundredth of its age."""


def sweep(
    strategy: Any = None, data: Any = (), *, grid: Any, where: Any = None,
    random: int | None = None, search: str | None = None, trials: int | None = None,
    each_instrument: bool = False, workers: int | None = None, cluster: str = LOCAL,
    walk_forward: str | None = None, metric: str = "sharpe",
    progress: Progress | None = None, **options: Any,
) -> SweepResult:  # fmt: skip
    """Run every combination of a grid of parameters and return what each gave.

    `grid` maps parameters to values: `{"fast": range(5, 25), "slow": [30, 60]}`, or texts as on the
    command line. `where="fast < slow"` leaves combinations out; `search="optuna"` with `trials`
    tries some of the rest, chosen by what others gave. `cluster="ray"` runs them on a cluster.
    Other options are those of `alphapanda.backtest`. Without `out` nothing is written; with it a
    sweep that was killed goes on where it was.

    Raises:
        UsageError: for anything wrong in the options, the strategy or the data.
    """
    settings = config.load()
    made = from_python(strategy, data, options, cache_dir=settings.cache_dir)
    asked = Search(
        grid, read_number("random", random), read_number("workers", workers), walk_forward, metric,
        where=where, search=search, trials=read_number("trials", trials), cluster=cluster,
        each_instrument=each_instrument,
    )  # fmt: skip
    return run(made, asked, settings, progress=progress)


def read_number(name: str, value: Any) -> int | None:
    """Return a whole number given for an option, None for none."""
    return None if value is None else int(WHOLE.value(name, value))


def run(
    options: Options, search: Search, settings: Settings, *, progress: Progress | None = None,
    out: Path | None = None,
) -> SweepResult:  # fmt: skip
    """Run a sweep from its options, into a folder if `--out` or `out` names one."""
    began = perf_counter()
    if len(options.strategies) != 1:
        raise UsageError("a sweep is of one strategy")
    if search.each_instrument:
        return run_each(options, search, settings, run, progress=progress, out=out)
    entry = options.strategies[0]
    spec = discovery.find(entry.strategy, settings.strategies_dir)
    grid = make_grid(spec, search.grid, entry.params, search.where)
    if search.search is None:
        chosen = grid.chosen(search.random, options.seed)
        met = chosen.numbers.tolist()
    else:  # how many there can be; which ones, the search says
        chosen = grid.taken(range(grid.total), search.trials)._replace(skipped=0, left_out=0)
        met = covering(grid)
    market = read(options, grid, met, search.walk_forward)
    days = spans.trading_days(market)
    if len(days) < 2 and search.metric in ("sharpe", "sortino"):
        raise UsageError(
            f"--metric {search.metric} needs two trading days, the data have {len(days)}: "
            "write --metric pnl"
        )
    whole_days = market.days if search.walk_forward is None else days
    planned = windows(whole_days, search.walk_forward)
    many, counts = len(chosen.numbers), Counts(chosen.skipped, chosen.left_out)
    numbers = np.tile(chosen.numbers, len(planned))
    if search.search is not None:
        numbers[:] = -1
    with Store(out or options.out, many * len(planned)) as store:
        made = Sweep(options, search, grid, many, numbers, counts, market, planned, store, began,
                     settings.cache_dir, met)  # fmt: skip
        document = json.loads(json.dumps(key(made)))
        if store.open(document):
            assert store.final is not None
            return SweepResult.load(store.final)
        loop = loop_of(made)
        with team_of(made, loop) as team:
            carry_out(made, team, progress)
            team.report()
            return summed_up(made, loop.worker(tally(made)))


def loop_of(made: Sweep) -> Loop:
    """Load or compile the loop."""
    plan, spec = made.market.plan, made.grid.spec
    compiled = made.options.jit and spec.compiled
    tier = made.options.tier
    if tier == Tier.AUTO and made.jobs * made.market.rows > LONG:
        tier = Tier.FULL
    rows = None if compiled else made.jobs * made.market.rows  # threads do not share plain hooks
    program = load_program(
        plan, jit=made.options.jit, cache_dir=made.cache_dir, tier=tier, rows=rows,
        warm=is_warm(made),
    )  # fmt: skip
    first = counted(setup_of(plan, made.market.settles), made.market.day_numbers)
    if compiled:
        longest = Windows(spec).longest(made.grid.arguments(number) for number in made.met)
        first = replace(first, windows=longest)
    return Loop(program, first, spec, compiled)


@contextmanager
def team_of(made: Sweep, loop: Loop) -> Iterator[Team]:
    """Yield who runs the combinations: threads of this process, or the workers of a cluster."""
    if made.search.cluster != LOCAL:
        from alphapanda.sweeps.cluster import joined  # noqa: PLC0415 (only where it is wanted)

        with joined(made, loop) as team:
            yield team
        return
    if not loop.compiled:
        made.notes.append("a strategy in plain Python: its combinations run one after another")
    made.threads = min(made.search.workers or cores(), made.jobs) if loop.compiled else 1
    yield Threads(made, [loop.worker(tally(made)) for _ in range(made.threads)])


class Threads:
    """Runs the combinations of a sweep by threads of this process."""

    def __init__(self, made: Sweep, workers: Sequence[Worker]) -> None:
        self._made = made
        self._workers = workers
        self._train = spans.Cached(made.market, [window.train for window in made.windows])
        self._crew: Crew | None = None

    def results(self, jobs: Iterable[int]) -> Iterator[Rows | Failure | None]:
        """Yield finished runs as they come, None now and then while there are none."""
        self._crew = Crew(self._workers, iter(jobs), self._resolved)
        return self._crew.results()

    def stop(self) -> None:
        """Let every thread end after the combination it is at."""
        if self._crew is not None:
            self._crew.stop()

    def report(self) -> None:
        """Note nothing: how many threads there are is known."""

    def _resolved(self, job: int) -> tuple[Arguments, Span]:
        arguments = self._made.arguments(job)
        return arguments, self._train.span(job // self._made.many, arguments)


def carry_out(made: Sweep, team: Team, progress: Progress | None) -> None:
    """Run what is not done yet; an interrupt keeps what is done and ends the sweep."""
    keeping = Keeping(made, team, progress)
    with orderly() as asked_to_stop:
        try:
            if made.search.search is None:
                keeping.run((job for job in range(made.jobs) if not made.store.done[job]),
                            asked_to_stop)  # fmt: skip
            else:
                seek(made, lambda jobs: keeping.run(jobs, asked_to_stop))
        finally:
            made.run_s = perf_counter() - keeping.started
            made.store.flush()


class Keeping:
    """Keeps what a team does, in parts on the disk."""

    def __init__(self, made: Sweep, team: Team, progress: Progress | None) -> None:
        self._made, self._team, self._progress = made, team, progress
        self.started = self._flushed = perf_counter()

    def run(self, jobs: Iterable[int], asked_to_stop: Callable[[], bool]) -> None:
        """Run jobs and keep what they give.

        Raises:
            KeyboardInterrupt: if they were not all run.
        """
        made, store, stopped = self._made, self._made.store, False
        for rows in self._team.results(jobs):
            if isinstance(rows, Failure):
                accuse(made.market.plan.specs, params_text(made.grid.axes, rows.arguments), rows)
            if rows is not None:
                store.add(rows)
                made.ran += len(rows)
            self._flush()
            if self._progress is not None:
                self._progress(int(store.done.sum()), made.jobs)
            if asked_to_stop():
                stopped = True
                self._team.stop()
        if stopped and not store.done.all():
            raise KeyboardInterrupt

    def _flush(self) -> None:
        now = perf_counter()
        if now - self._flushed > max(FLUSH_S, (now - self.started) / 100):
            self._made.store.flush()
            self._flushed = now


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
        "combos": made.many,
        **made.passed_over._asdict(),
        "windows": len(made.windows) if made.search.walk_forward else None,
        "combos_per_s": round(rate, 3),
        "fills": int(rows["fills"].sum()),
        "pnl": text(sum(rows["pnl"].tolist())),
        "engine_s": round(float(rows["engine_s"].sum()), 6),
        "run_s": round(made.run_s, 3),
        "resumed": made.jobs - made.ran,
        "threads": made.threads,
        "cluster": made.cluster,
        "search": made.search.search,
        "where": None if made.grid.condition is None else list(made.grid.condition.texts),
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
