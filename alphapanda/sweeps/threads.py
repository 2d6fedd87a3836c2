"""Threads that run the combinations of a sweep: one core each, and the data of all."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from queue import Empty, SimpleQueue
from time import perf_counter
from typing import Any, Protocol

import numpy as np

from alphapanda.engine.engine import Engine
from alphapanda.model.columns import Columns
from alphapanda.research.sweep_store import ROW, Rows
from alphapanda.research.tally import Figures
from alphapanda.runs.session import Session, Sink

Arguments = Mapping[str, int | float]
TURN_S = 0.01
"""How long a thread works before it asks for more combinations."""


@dataclass(frozen=True)
class Span:
    """Rows of some days, in batches with the control rows among and behind them."""

    batches: Sequence[tuple[Columns, Any]]
    days: Any
    """Numbers of the trading days whose returns count: the same for every combination."""
    first: date
    """The first day of the run; rows of earlier days warm up indicators."""
    begin_ns: int
    """When it begins, behind those rows."""

    @property
    def rows(self) -> int:
        """Number of market rows."""
        return sum(columns.rows for columns, _ in self.batches)


class Counter(Sink, Protocol):
    """What counts a run's output rows."""

    def begin(self, days: Any) -> None:
        """Begin a run with these trading days."""

    def take_counted(self, tables: Mapping[str, Any]) -> None:
        """Take the P&L that a core has counted itself instead of saying it."""

    def figures(self, charges: int) -> Figures:
        """Return the run's figures."""

    def day_closes(self) -> Any:
        """Return the initial cash, then the equity at the end of each trading day."""


class Worker:
    """One core that runs one combination after another."""

    def __init__(
        self, begin: Callable[[Arguments, Span], Engine], tally: Counter, *, says: bool = False
    ) -> None:
        """`says`: the core says its P&L row by row, for a tally of more than one run."""
        self.begin = begin
        self.says = says
        self.tally = tally
        self.engine_s = 0.0
        self.engine: Engine | None = None

    def run(self, arguments: Arguments, span: Span) -> Figures:
        """Run a combination over a span and return its figures."""
        self.engine = self.begin(arguments, span)
        self.tally.begin(span.days)
        known = self.engine.tables["equity"][0]
        if self.says:
            known["counted"] = 0
        session = Session(self.engine, [self.tally])
        for columns, controls in span.batches:
            session.feed(columns, controls)
        self.engine_s += session.engine_s
        if known["counted"]:
            self.tally.take_counted(self.engine.tables)
        return self.tally.figures(int(self.engine.tables["ledgers"]["charges"][0]))


@dataclass(frozen=True)
class Failure:
    """A run that raised: its parameters, its core and the error."""

    arguments: Arguments
    engine: Engine | None
    error: Exception


class Team(Protocol):
    """Runs jobs, wherever that may be."""

    def results(self, jobs: Iterable[int]) -> Iterator[Rows | Failure | None]:
        """Yield finished runs as they come, None now and then while there are none."""

    def stop(self) -> None:
        """Begin no further runs."""

    def report(self) -> None:
        """Note in the sweep what took part."""


class Crew:
    """Deals jobs to threads, and hands back what they have done."""

    def __init__(
        self, workers: Sequence[Worker], jobs: Iterator[int],
        resolve: Callable[[int], tuple[Arguments, Span]],
    ) -> None:  # fmt: skip
        self._jobs = jobs
        self._resolve = resolve
        self._lock = threading.Lock()
        self._queue: SimpleQueue[Rows | Failure | None] = SimpleQueue()
        self._stopped = False
        self._threads = [
            threading.Thread(target=self._work, args=(worker, place), daemon=True)
            for place, worker in enumerate(workers)
        ]

    def results(self) -> Iterator[Rows | Failure | None]:
        """Yield finished runs as they come, None now and then while there are none."""
        for thread in self._threads:
            thread.start()
        running = len(self._threads)
        while running:
            try:
                item = self._queue.get(timeout=0.2)
            except Empty:
                yield None
                continue
            if item is None:
                running -= 1
            else:
                yield item

    def stop(self) -> None:
        """Let every thread end after the combination it is at."""
        self._stopped = True

    def _work(self, worker: Worker, place: int) -> None:
        if len(self._threads) > 1:
            stay(place)
        size = 1
        try:
            while part := self._deal(size):
                started = perf_counter()
                self._queue.put(self._run(worker, part))
                each = (perf_counter() - started) / len(part)
                size = min(max(int(TURN_S / max(each, 1e-6)), 1), 1_000)
        finally:
            self._queue.put(None)

    def _deal(self, size: int) -> list[int]:
        with self._lock:
            return [] if self._stopped else list(islice(self._jobs, size))

    def _run(self, worker: Worker, part: Sequence[int]) -> Rows | Failure:
        found = run_part(worker, part, self._resolve, lambda: self._stopped)
        if isinstance(found, Failure):
            self.stop()
        return found


def run_part(
    worker: Worker, part: Sequence[int], resolve: Callable[[int], tuple[Arguments, Span]],
    stopped: Callable[[], bool],
) -> Rows | Failure:  # fmt: skip
    """Run some jobs one after another, up to the first that raises."""
    rows = np.zeros(len(part), ROW)
    for place, job in enumerate(part):
        if stopped():
            return rows[:place]
        arguments, span = resolve(job)
        before = worker.engine_s
        try:
            figures = worker.run(arguments, span)
        except Exception as error:  # noqa: BLE001 (told by the thread that waits)
            return Failure(arguments, worker.engine, error)
        rows[place] = as_row(job, figures, worker.engine_s - before)
    return rows


def as_row(job: int, figures: Figures, engine_s: float) -> tuple[Any, ...]:
    """Return a run as the store keeps it."""
    values = [np.nan if value is None else value for value in figures]
    return (job, *values, engine_s)


def stay(place: int) -> None:
    """Keep a thread on a core of its own: some schedulers leave all of them where they began."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[place % len(cores)]})
