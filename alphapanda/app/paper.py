"""Trading on paper: a feed through the core at its own pace, every step in the journal at once.

A run that was stopped, or killed, goes on where its journal ends when it is started again with the
same `--out`. It ends with the same tables, digest and journal as if it had never stopped.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alphapanda.app import backtest as runs
from alphapanda.app import recipe, recorder
from alphapanda.app.options import Options
from alphapanda.app.stopping import orderly
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.journal import faults
from alphapanda.journal.journal import FILE, Journal
from alphapanda.model.columns import Columns
from alphapanda.research.result import Result
from alphapanda.research.rundir import RunDirectory, make_folder

SLICE_ROWS = 1_024
"""Rows of a feed at full speed that share one write to the disk."""
PAUSE_NS = 15 * 60 * 10**9
"""A longer gap between rows is a closed market, and is not waited for."""
NAP_S = 0.1
"""How soon a waiting run notices that it is to stop."""

FEEDS = {"replay": "replay:PATH"}
"""Feeds by the word before the colon, and how each is written."""

Show = Callable[["Standing"], None]


@dataclass
class Standing:
    """How a paper run stands, for whoever looks at it."""

    made: runs.Run
    course: runs.Course
    done: int = 0
    now: int = 0


def parse_feed(feed: str) -> str:
    """Return the path of a feed's data.

    Raises:
        UsageError: for a feed that does not exist (yet).
    """
    kind, _, where = feed.partition(":")
    if kind not in FEEDS or not where:
        hint = did_you_mean(kind, FEEDS) or f" There is {', '.join(FEEDS.values())}."
        raise UsageError(f"--feed {feed}: no such feed.{hint}")
    return where


def parse_speed(text: str) -> float:
    """Return how many seconds of the market pass in one; infinite for `max`."""
    if text == "max":
        return float("inf")
    try:
        speed = float(text.removesuffix("x"))
    except ValueError:
        speed = 0.0
    if not 0 < speed <= 1_000:
        raise UsageError(f"--speed {text}: write 1x, 10x (up to 1000x) or max")
    return speed


def run(
    options: Options, folder: Path, *, speed: float, show: Show | None = None,
    beside: Callable[[Path], AbstractContextManager[object]] = nullcontext,
) -> Result:  # fmt: skip
    """Trade on paper until the feed ends, into a folder; go on if its journal has not ended.

    `beside` gives what follows the journal in the folder while the run lasts.

    Raises:
        KeyboardInterrupt: after an orderly stop by Ctrl-C or SIGTERM.
    """
    folder = folder.expanduser().absolute()
    specs, arguments = runs.found(options)
    with runs.opened(options, specs, arguments) as made:
        journal = unfinished(folder)
        make_folder(folder)
        with RunDirectory(folder, joins=True) as directory:
            course = runs.start(made, directory)
            document = recipe.document(made, name=folder.name, mode="paper", broker="paper")
            if journal is None:
                made.recorder = recorder.begin(made, course.engine, folder, document)
            else:
                same_run(journal, document)
                made.recorder = recorder.resume(made, course, journal)
            leftovers(directory)
            standing = Standing(made, course)
            with beside(folder):
                if trade(standing, journal, speed=speed, show=show):
                    made.recorder.pause()
                    raise KeyboardInterrupt
                return ended(standing, directory)


def unfinished(folder: Path) -> Journal | None:
    """Return the journal that waits in a folder, if there is one.

    Raises:
        UsageError: if the folder holds something else, or a run that has ended.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    if not (folder / FILE).is_file():
        raise UsageError(f"--out {folder}: there is something else; choose another")
    journal = Journal(folder / FILE)
    journal.refresh()
    if not journal.contents.manifest:  # killed before its first record was whole
        return None
    if journal.contents.ended:
        raise UsageError(f"--out {folder}: this run has ended; choose another")
    return journal


def leftovers(directory: RunDirectory) -> None:
    """Remove what earlier processes of this run left half made; none of them lives."""
    for path in directory.final.parent.glob(f".{directory.final.name}.*.partial"):
        if path != directory.partial:
            shutil.rmtree(path, ignore_errors=True)


def same_run(journal: Journal, document: dict[str, Any]) -> None:
    """Refuse to go on with a run that was begun with other options, data or strategies."""
    before = journal.contents.manifest
    if recipe.fingerprint(before) != recipe.fingerprint(document):
        other = [
            name for name in ("strategies", "options", "data", "market", "instruments", "files")
            if before[name] != document[name]
        ]  # fmt: skip
        raise UsageError(
            f"{journal.contents.path.parent}: the run that waits there was begun otherwise "
            f"({', '.join(other) or 'its feed'} differ); choose another --out"
        )


def trade(standing: Standing, journal: Journal | None, *, speed: float, show: Show | None) -> bool:
    """Feed the rest of the feed to the core; say if it was stopped before its end."""
    made, course = standing.made, standing.course
    batches = [] if journal is None else journal.contents.batches
    standing.done = sum(place.rows for place in batches)
    pace, last = Pace(speed), 0
    with orderly() as asked, runs.hooks_blamed(made, lambda: runs.engine_time(course.engine)):
        for batch in slices(made.replay.batches(), standing.done):
            for part in pace.parts(batch, asked):
                runs.feed(made, course, part, course.placer.take(part))
                standing.done += part.rows
                standing.now = last = int(part.ts[-1])
                if show is not None:
                    show(standing)
            if asked():
                return True
        if not batches or batches[-1].rows:  # rows of the session's end were not fed before
            runs.feed_rest(made, course, last or int(course.engine.tables["clock"]["now"][0]))
    faults.at("feed ended")
    return False


def slices(batches: Iterator[Columns], skip: int) -> Iterator[Columns]:
    """Yield the rows behind the first `skip`, in pieces that go to the disk together."""
    for batch in batches:
        start = min(skip, batch.rows)
        skip -= start
        for at in range(start, batch.rows, SLICE_ROWS):
            yield batch.slice(at, at + SLICE_ROWS)


class Pace:
    """Lets recorded rows come when they came, `speed` times as fast."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._offset = 0.0
        self._before = 0

    def parts(self, batch: Columns, asked: Callable[[], bool]) -> Iterator[Columns]:
        """Yield a batch in the parts that are due, until the run is asked to stop."""
        if self._speed == float("inf"):
            if not asked():
                yield batch
            return
        at = 0
        while at < batch.rows and not asked():
            self._wait(int(batch.ts[at]), asked)
            due = self._market_time()
            end = max(int(batch.ts.searchsorted(due, side="right")), at + 1)
            if not asked():
                yield batch.slice(at, end)
            self._before = int(batch.ts[end - 1])
            at = end

    def _market_time(self) -> float:
        return (time.monotonic() - self._offset) * self._speed * 1e9

    def _wait(self, ts: int, asked: Callable[[], bool]) -> None:
        if self._before == 0 or ts - self._before > PAUSE_NS:
            self._offset = time.monotonic() - ts / 1e9 / self._speed
        while (left := (ts - self._market_time()) / 1e9 / self._speed) > 0 and not asked():
            time.sleep(min(left, NAP_S))


def ended(standing: Standing, directory: RunDirectory) -> Result:
    """Write the tables of a run that is over, then its end into the journal."""
    made, course = standing.made, standing.course
    summary, tables = runs.totals(made, course, standing.done)
    faults.at("tables written")
    result = runs.written(made, directory, course.gatherer, summary, tables)
    faults.at("folder filled")
    made.recorder.end(summary["digest"], note=made.status)
    return result
