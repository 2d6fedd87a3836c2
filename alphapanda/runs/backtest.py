"""The backtest: recorded rows through a core, and what came out as a result."""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from typing import Any

from alphapanda.engine.engine import Engine
from alphapanda.errors import UsageError
from alphapanda.research.result import Result
from alphapanda.research.rundir import RunDirectory
from alphapanda.runs.closing_notes import refuse_nothing_seen
from alphapanda.runs.notebook_bar import kernel_bar
from alphapanda.runs.options import Options, from_python
from alphapanda.runs.output import written
from alphapanda.runs.plan import Run, found, opened
from alphapanda.runs.runner import Progress, feed_all, start
from alphapanda.runs.summary import totals


def backtest(
    strategy: Any = None, data: Any = (), *, progress: Progress | None = None, **options: Any
) -> Result:
    """Run a backtest and return its result.

    `strategy` is a class, a name in `strategies/`, a file, or a list of these; `data` one or more
    Parquet files, folders or patterns. Options are those of `alphapanda backtest`, with `_` for
    `-`; `from_` and `to` are dates. Without `out` nothing is written. In a notebook a bar shows
    progress, unless `progress` is given.

    Raises:
        UsageError: for anything wrong in the options, the strategy or the data.
    """
    made = from_python(strategy, data, options)
    with kernel_bar() if progress is None else nullcontext(progress) as shown:
        result = run(made, progress=shown)
    if result.trouble:
        warnings.warn(result.trouble, stacklevel=2)
    return result


def run(
    options: Options, *, progress: Progress | None = None, directory: RunDirectory | None = None
) -> Result:
    """Run a backtest from its options, into a directory if `--out` or `directory` names one."""
    specs, arguments = found(options)
    if directory is None and options.out is not None:
        directory = RunDirectory(options.out)
    with directory or nullcontext(), opened(options, specs, arguments) as made:
        return carry_out(made, directory, progress)


def carry_out(made: Run, directory: RunDirectory | None, progress: Progress | None) -> Result:
    """Run the rows through a core; an interrupt ends the run early, and the result says so."""
    course = start(made, directory)
    if made.options.journal:
        made.recorder = journal(made, course.engine, directory)
    rows = feed_all(made, course, progress)
    if made.status == "complete":
        refuse_nothing_seen(made, course, rows)
    summary, tables = totals(made, course, rows)
    if made.recorder is not None:
        made.recorder.end(summary["digest"], note=made.status)
    return written(made, directory, course.gatherer, summary, tables)


def journal(made: Run, engine: Engine, directory: RunDirectory | None) -> Any:
    """Begin the journal of a run."""
    from alphapanda.runs import manifest, recorder  # noqa: PLC0415 (they make runs with this module)

    if directory is None:
        raise UsageError("a journal lies in the run's folder: name one with out=")
    document = manifest.document(made, name=directory.final.name, mode="backtest", broker="replay")
    return recorder.begin(made, engine, directory.partial, document)
