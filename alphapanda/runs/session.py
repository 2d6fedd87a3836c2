"""The one loop that feeds a core: rows and commands go in, every sink takes what comes out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from time import perf_counter
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from alphapanda.engine.compiler.blame import hook_failure
from alphapanda.engine.compiler.declared import Spec
from alphapanda.engine.controls import Controls, Placer, day_end
from alphapanda.engine.engine import Engine
from alphapanda.errors import AlphaPandaError, UsageError
from alphapanda.model.calendar import INDIA
from alphapanda.model.columns import Columns
from alphapanda.model.rows import OUT
from alphapanda.model.texts import Texts
from alphapanda.runs.operator import NO_CONTROLS, Operator
from alphapanda.runs.reports import Reports
from alphapanda.runs.timing import DECISION, STEPS

Rows = NDArray[Any]
"""Output rows, records of `model.rows.OUT`."""
Feeding = Callable[[Columns, Controls], Iterator[Rows]]


class Sink(Protocol):
    """Takes what a core says: figures, a journal, a tally."""

    def take(self, rows: Rows) -> None:
        """Take some output rows; the array is valid only until this returns."""
        ...

    def close_batch(self, batch: Columns, controls: Controls, texts: Sequence[Texts] = ()) -> None:
        """See the market rows and control rows that the rows taken since the last call are of.

        `texts` are what the operator's commands among the control rows say in words, in order.
        """
        ...


class Session:
    """A core while it is fed.

    `feed` runs rows with the control rows they are given; `advance` runs market rows with the
    control rows that the calendar puts among them, and `finish` those behind the last row.
    """

    def __init__(
        self, engine: Engine, sinks: Sequence[Sink] = (), *, placer: Placer | None = None,
        operator: Operator | None = None, reports: Reports | None = None,
    ) -> None:  # fmt: skip
        self.engine = engine
        self.feeding: Feeding = engine.feed
        """How a batch is fed: as a whole, or cut where something else looks in between."""
        self.sinks = list(sinks)
        self.placer = placer
        self.operator = operator
        self.reports = reports
        self.rows = 0
        """Market rows fed."""
        self.engine_s = 0.0
        """Seconds in the core alone."""
        self.last_ns = 0
        """Time of the last market row."""

    def time(self) -> str:
        """Return the time that the core has reached, as India writes it."""
        return time_of(self.engine)

    @property
    def now(self) -> int:
        """The time that the core has reached, ns UTC."""
        return int(self.engine.tables["clock"]["now"][0])

    def feed(self, batch: Columns, controls: Controls, texts: Sequence[Texts] = ()) -> None:
        """Run rows and the control rows placed among them."""
        chunks, before = self.feeding(batch, controls), self.engine_s
        while True:
            started = perf_counter()
            rows = next(chunks, None)
            self.engine_s += perf_counter() - started
            if rows is None:
                break
            for sink in self.sinks:
                sink.take(rows)
        self.rows += batch.rows
        if batch.rows:
            STEPS.add(DECISION, self.engine_s - before)
            self.last_ns = int(batch.ts[-1])
        for sink in self.sinks:
            sink.close_batch(batch, controls, texts)

    def advance(self, batch: Columns, clock_ns: int = 0) -> None:
        """Run market rows, with what the calendar says of their time; first what waits.

        Of that, reports come before commands. A batch without rows runs it alone, at the time that
        the core has reached; or, with a time that a running market has reached, what is due until
        then.
        """
        assert self.placer is not None
        controls = self.placer.take(batch) if batch.rows else NO_CONTROLS
        if clock_ns > self.now and not batch.rows:
            controls = self.placer.until(clock_ns)
        texts: tuple[Texts, ...] = ()
        for part in (self.operator, self.reports):
            if part is not None and (batch.rows or self.now):
                came, words = part.take(self.now or int(batch.ts[0]))
                controls = np.concatenate([came, controls])
                texts = (*words, *texts)
        if batch.rows or len(controls):
            self.feed(batch, controls, texts)
        if self.operator is not None and texts:
            self.operator.settle()

    def skip_controls(self, count: int) -> None:
        """Leave out the first control rows of the calendar: a run goes on that has had them."""
        assert self.placer is not None
        self.placer.skip(count)

    def finish(self, *, always: bool) -> None:
        """Run what the calendar says behind the last row; `always`: the data's end ends a day."""
        assert self.placer is not None
        rest = self.placer.rest()
        if always:
            rest = np.concatenate([rest, day_end(self.last_ns or self.now)])
        self.feed(Columns.of(), rest)


class Collector:
    """A sink that keeps all output rows."""

    def __init__(self) -> None:
        self._kept: list[Rows] = []

    def take(self, rows: Rows) -> None:
        """Keep a copy of some rows."""
        if len(rows):
            self._kept.append(rows.copy())

    def close_batch(self, batch: Columns, controls: Controls, texts: Sequence[Texts] = ()) -> None:
        """Keep nothing of what went in."""

    def drain(self) -> Rows:
        """Return what was kept since the last call."""
        kept, self._kept = self._kept, []
        return np.concatenate([*kept, np.empty(0, OUT)])


@contextmanager
def blaming(specs: Sequence[Spec], when: Callable[[], str]) -> Iterator[None]:
    """Report an exception out of a strategy's code as its author's mistake.

    Raises:
        UsageError: it names the file, the line and the time that `when` returns.
    """
    try:
        yield
    except AlphaPandaError:
        raise
    except Exception as error:
        message = hook_failure(error, specs, when())
        if not message:
            raise
        raise UsageError(message) from error


def time_of(engine: Engine) -> str:
    """Return the time that a core has reached, as India writes it."""
    now = int(engine.tables["clock"]["now"][0])
    return datetime.fromtimestamp(now / 1e9, INDIA).strftime("%Y-%m-%d %H:%M:%S.%f IST")
