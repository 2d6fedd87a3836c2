"""Trading on paper: a feed through the core, every step in the journal at once.

A run that was stopped, or killed, goes on where its journal ends when it is started again with the
same `--out`. It ends with the same tables, digest and journal as if it had never stopped.
"""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from alphapanda import faults, log
from alphapanda.errors import UsageError
from alphapanda.journal.journal import FILE, Journal
from alphapanda.journal.records import LockError, torn_first, written
from alphapanda.model.columns import Columns
from alphapanda.research.result import Result
from alphapanda.research.rundir import RunDirectory, make_folder
from alphapanda.runs import manifest, output, plan, recorder, runner
from alphapanda.runs.stopping import orderly
from alphapanda.runs.summary import totals

LOG = log.get(__name__)
PERFORMANCE = log.get("performance")
Show = Callable[["Standing"], None]
Rows = Callable[[int, Callable[[], bool]], Iterator[tuple[int, Columns]]]
"""A feed's rows behind the first so many, until it is asked to stop: pieces that go to the disk
together, each with the number of rows before it that never came."""


@dataclass
class Standing:
    """How a paper run stands, for whoever looks at it."""

    made: plan.Run
    course: runner.Course
    done: int = 0
    now: int = 0


def run(
    made: plan.Run, folder: Path, journal: Journal | None, rows: Rows, *, show: Show | None = None
) -> Result:
    """Trade on paper until the feed ends, into a folder; go on if its journal has not ended.

    Raises:
        KeyboardInterrupt: after an orderly stop by Ctrl-C or SIGTERM.
    """
    make_folder(folder)
    with RunDirectory(folder, joins=True) as directory:
        course = runner.start(made, directory)
        document = manifest.document(made, name=folder.name, mode="paper", broker="paper")
        if journal is None:
            made.recorder = recorder.begin(made, course.engine, folder, document)
        else:
            same_run(journal, document)
            made.recorder = recorder.resume(made, course, journal)
        leftovers(directory)
        fed = 0 if journal is None else sum(place.rows for place in journal.contents.batches)
        standing = Standing(made, course, fed)
        before = document if journal is None else journal.contents.manifest
        with log.bound(run_id=before["run_id"]):
            LOG.info(
                "run begins" if journal is None else "run goes on", feed=before["feed"],
                strategies=plan.strategy_names(made.specs), row=taken(journal),
            )  # fmt: skip
            with settled(), measured(standing):
                stopped = trade(standing, journal, rows, show=show)
            if stopped:
                made.recorder.pause()
                LOG.info("run stopped in order", rows=standing.done)
                raise KeyboardInterrupt
            result = ended(standing, directory)
            told = ("digest", "fills", "orders", "pnl", "charges")
            LOG.info("run ended", **{name: result.summary[name] for name in told})
            return result


@contextmanager
def measured(standing: Standing) -> Iterator[None]:
    """Log how many rows were fed, and how fast."""
    before, begun = standing.done, perf_counter()
    yield
    rows, seconds = standing.done - before, perf_counter() - begun
    PERFORMANCE.info("rows fed", rows=rows, seconds=round(seconds, 3))


@contextmanager
def settled() -> Iterator[None]:
    """Keep what was made before out of the collector's walks; each stopped trading for 0.1 s."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def unfinished(folder: Path) -> Journal | None:
    """Return the journal of a run that waits in a folder, if there is one.

    Raises:
        UsageError: if the folder holds something else, a run that has ended or one that trades.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    if not (folder / FILE).is_file():
        raise UsageError(f"--out {folder}: there is something else; choose another")
    journal = Journal(folder / FILE)
    journal.refresh()
    if journal.contents.ended:
        raise UsageError(f"--out {folder}: this run has ended; choose another")
    if written(folder / FILE):
        raise LockError(f"--out {folder}: another process is writing this run; choose another")
    if journal.contents.manifest:
        return journal
    # Killed before its first record was whole, it had done nothing, and so left nothing else.
    if not torn_first(folder / FILE):
        raise UsageError(f"--out {folder}: its {FILE} is no journal; choose another")
    if any(path.name != FILE for path in folder.iterdir()):
        raise UsageError(
            f"--out {folder}: its {FILE} has not one whole record, and there are files of a run "
            "that got further; choose another"
        )
    return None


def leftovers(directory: RunDirectory) -> None:
    """Remove what earlier processes of this run left half made; none of them lives."""
    for path in directory.final.parent.glob(f".{directory.final.name}.*.partial"):
        if path != directory.partial:
            shutil.rmtree(path, ignore_errors=True)


def same_run(journal: Journal, document: dict[str, Any]) -> None:
    """Refuse to go on with a run that was begun with other options, data or strategies."""
    before = journal.contents.manifest
    if manifest.fingerprint(before) != manifest.fingerprint(document):
        other = [
            name for name in ("strategies", "options", "data", "market", "instruments", "files")
            if before[name] != document[name]
        ]  # fmt: skip
        raise UsageError(
            f"{journal.contents.path.parent}: the run that waits there was begun otherwise "
            f"({', '.join(other) or 'its feed'} differ); choose another --out"
        )


def taken(journal: Journal | None) -> int:
    """Return how many rows of the feed lie behind a run, those that never came included."""
    if journal is None:
        return 0
    return sum(place.rows + place.missed for place in journal.contents.batches)


def trade(
    standing: Standing, journal: Journal | None, rows: Rows, *, show: Show | None
) -> bool:  # fmt: skip
    """Feed the rest of the feed to the core; say if it was stopped before its end."""
    made, course = standing.made, standing.course
    batches = [] if journal is None else journal.contents.batches
    last = 0
    with orderly() as asked, runner.hooks_blamed(made, lambda: runner.engine_time(course.engine)):
        for missed, part in rows(taken(journal), asked):
            made.recorder.miss(missed)
            if not part.rows:
                continue
            runner.feed(made, course, part, course.placer.take(part))
            standing.done += part.rows
            standing.now = last = int(part.ts[-1])
            if show is not None:
                show(standing)
        if asked():
            return True
        if not batches or batches[-1].rows:  # rows of the session's end were not fed before
            runner.feed_rest(made, course, last or int(course.engine.tables["clock"]["now"][0]))
    faults.at("feed ended")
    return False


def ended(standing: Standing, directory: RunDirectory) -> Result:
    """Write the tables of a run that is over, then its end into the journal."""
    made, course = standing.made, standing.course
    summary, tables = totals(made, course, standing.done)
    faults.at("tables written")
    result = output.written(made, directory, course.gatherer, summary, tables)
    faults.at("folder filled")
    made.recorder.end(summary["digest"], note=made.status)
    return result
