"""The backtest: recorded rows through a core, and what came out as a result."""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from alphapanda import config
from alphapanda.errors import Interrupted, UsageError
from alphapanda.research.result import Result
from alphapanda.research.rundir import RunDirectory
from alphapanda.runs import manifest, recorder
from alphapanda.runs.closing_notes import refuse_nothing_seen
from alphapanda.runs.notebook_bar import kernel_bar
from alphapanda.runs.options import Options, from_python
from alphapanda.runs.output import write_run
from alphapanda.runs.plan import bind, load_strategies, open_recording, rules_of
from alphapanda.runs.runner import ActiveRun, Progress, feed_all, start
from alphapanda.runs.summary import totals

if TYPE_CHECKING:
    from alphapanda.config.settings import Settings


def backtest(
    strategy: Any = None, data: Any = (), *, progress: Progress | None = None, **options: Any
) -> Result:
    """Run a backtest and return its result.

    `strategy` is a class, a name in `strategies/`, a file, or a list of these; `data` one or more
    Parquet files, folders or patterns, or frames of pandas, polars or Arrow: {"NSE:INFY": frame}
    names them. Options are those of `alphapanda backtest`, with `_` for
    `-`; `from_` and `to` are dates. Without `out` nothing is written. In a notebook a bar shows
    progress, unless `progress` is given.

    Raises:
        UsageError: for anything wrong in the options, the strategy or the data.
        Interrupted: a KeyboardInterrupt, by Ctrl-C or a notebook's stop; its `result` has the part
            that was run.
    """
    settings = config.load()
    chosen = from_python(strategy, data, options, cache_dir=settings.cache_dir)
    with kernel_bar() if progress is None else nullcontext(progress) as bar:
        result = run_backtest(chosen, settings, progress=bar)
    if result.trouble:
        warnings.warn(result.trouble, stacklevel=2)
    if result.summary["status"] == "interrupted":
        where = f" and in {result.path}" if result.path else ""
        raise Interrupted(
            f"the partial result is this exception's .result (sys.last_value.result){where}", result
        )
    return result


def run_backtest(
    options: Options, settings: Settings, *, progress: Progress | None = None,
    directory: RunDirectory | None = None,
) -> Result:  # fmt: skip
    """Run a backtest from its options, into a directory if `--out` or `directory` names one."""
    specs, arguments = load_strategies(options, settings.strategies_dir)
    if directory is None and options.out is not None:
        directory = RunDirectory(options.out)
    with directory or nullcontext():
        rules = rules_of(options)
        with open_recording(options, specs) as source:
            plan = bind(options, rules, source, specs, arguments)
            run = start(plan, source, directory, cache_dir=settings.cache_dir)
            return carry_out(run, directory, settings, progress)


def carry_out(
    run: ActiveRun, directory: RunDirectory | None, settings: Settings, progress: Progress | None
) -> Result:  # fmt: skip
    """Run the rows through the core; an interrupt ends the run early, and the result says so."""
    journal = None
    if run.plan.options.journal:
        journal = begin_journal(run, directory, settings)
        run.session.sinks.append(journal)
    feed_all(run, progress)
    if run.status == "complete":
        refuse_nothing_seen(run)
    summary, tables = totals(run)
    if journal is not None:
        journal.end(summary["digest"], note=run.status)
    return write_run(run, directory, summary, tables)


def begin_journal(
    run: ActiveRun, directory: RunDirectory | None, settings: Settings
) -> recorder.Recorder:
    """Begin the journal of a run."""
    if directory is None:
        raise UsageError("a journal lies in the run's folder: name one with out=")
    document = manifest.document(
        run.plan, settings, name=directory.final.name, mode="backtest", broker="replay"
    )
    return recorder.begin(
        run.plan, run.session.engine, directory.partial, document,
        checkpoint_rows=settings.paper.checkpoint_rows,
    )  # fmt: skip
