"""One recording in memory, run again and again under changed conditions."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alphapanda.brokers.ports import MarketSource
from alphapanda.engine.compiler.declared import Spec
from alphapanda.engine.compiler.program import Program
from alphapanda.engine.compiler.strategy import spec_of
from alphapanda.engine.controls import Placer, day_end, session_controls
from alphapanda.engine.engine import Engine
from alphapanda.engine.setup import Setup
from alphapanda.errors import UsageError
from alphapanda.model.columns import Columns
from alphapanda.model.rows import OUT
from alphapanda.runs import discovery
from alphapanda.runs.imported import imported_by
from alphapanda.runs.options import Options
from alphapanda.runs.plan import (
    RunPlan,
    bind,
    expiries,
    load_strategies,
    open_recording,
    rules_of,
    used_groups,
)
from alphapanda.runs.runner import load_program, setup_of
from alphapanda.runs.session import Collector, Session, blaming

if TYPE_CHECKING:
    from alphapanda.config.settings import Settings

Table = NDArray[Any]
Done = Callable[[int], None]
"""Called with the rows that a run has taken, as it goes."""

MOST_ROWS = 20_000_000
"""Rows held in memory at once: some 2 GB where quotes are among them."""

AGAIN = 6
"""Runs over the rows that a check makes at least: what decides if compiling is worth it."""

STEP = 65_536
PLAIN_STEP = 2_048
"""Rows fed at once, between which a run shows progress and can be interrupted."""


@dataclass
class Lab:
    """A prepared run, its rows and its control rows, each placed before the row it precedes."""

    plan: RunPlan
    columns: Columns
    controls: Table
    jit: bool
    cache_dir: Path
    """Where the compiled loop is kept."""
    done: Done = lambda _rows: None
    _program: Program | None = field(default=None, repr=False)

    @property
    def rows(self) -> int:
        """Rows of the recording, those that warm up indicators too."""
        return self.columns.rows

    @property
    def begin(self) -> int:
        """The first row of the run itself: those before it warm up indicators."""
        return int(np.searchsorted(self.columns.ts, self.plan.begin_ns))

    @property
    def plain(self) -> bool:
        """Say if hooks run as plain Python, which may look at more than their rows."""
        return not self.jit or not all(spec.compiled for spec in self.plan.specs)

    @property
    def names(self) -> list[str]:
        """The strategies' names."""
        return self.plan.names

    def setup(self) -> Setup:
        """Return what a core of this recording needs to know."""
        return setup_of(self.plan, expiries(self.plan))

    def reload(self) -> None:
        """Load the strategies afresh, as a new process would; classes at hand stay as they are."""
        entries = self.plan.options.strategies
        for entry, spec in zip(entries, self.plan.specs, strict=True):
            if not isinstance(entry.strategy, type):
                for module in imported_by(spec):  # those elsewhere too read files when loaded
                    sys.modules.pop(module.name, None)
        specs = tuple(
            again(entry.strategy, spec)
            for entry, spec in zip(entries, self.plan.specs, strict=True)
        )
        enrolments = [
            replace(enrolment, spec=spec)
            for enrolment, spec in zip(self.plan.enrolments, specs, strict=True)
        ]
        self.plan = replace(self.plan, specs=specs, enrolments=tuple(enrolments))
        self._program = None

    def engine(self, setup: Setup | None = None) -> Engine:
        """Return a core at its start. In plain Python the loop keeps objects: each has its own."""
        if self._program is None or self._program.step is not None:
            tier, rows = self.plan.options.tier, self.rows * AGAIN
            self._program = load_program(
                self.plan, jit=self.jit, cache_dir=self.cache_dir, tier=tier, rows=rows
            )
        with blaming(self.plan.specs, lambda: "start"):
            return Engine(self._program, self.setup() if setup is None else setup)

    def part(self, start: int, stop: int) -> tuple[Columns, Table]:
        """Return rows [start, stop) with the control rows that belong before each of them."""
        at = self.controls["at"]
        controls = self.controls[np.searchsorted(at, start) : np.searchsorted(at, stop)].copy()
        controls["at"] -= start
        return self.columns.slice(start, stop), controls

    def rest(self) -> Table:
        """Return the control rows behind the last row."""
        controls = self.controls[self.controls["at"] >= self.rows].copy()
        controls["at"] = 0
        if self.plan.rules.calendar.is_always:  # nothing closes the last day but the end of data
            return np.concatenate([controls, day_end(int(self.columns.ts[-1]))])
        return controls

    def feed(self, engine: Engine, start: int, stop: int, *, step: int = 0) -> Table:
        """Run rows [start, stop), so many at once, and return what came out."""
        step = step or (PLAIN_STEP if self.plain else STEP)
        out = [np.empty(0, OUT)]
        for first in range(start, stop, step):
            last = min(first + step, stop)
            out.append(self.told(engine, *self.part(first, last)))
            self.done(last - first)
        return np.concatenate(out)

    def told(self, engine: Engine, columns: Columns, controls: Table) -> Table:
        """Run a batch and return what came out."""
        collected = Collector()
        session = Session(engine, [collected])
        with blaming(self.plan.specs, session.time):
            session.feed(columns, controls)
        return collected.drain()

    def whole(self, engine: Engine, *, step: int = 0) -> Table:
        """Run all rows to the end of the last session and return what came out."""
        out = self.feed(engine, 0, self.rows, step=step)
        return np.concatenate([out, self.told(engine, Columns.of(), self.rest())])

    def sequence(self) -> NDArray[np.int64]:
        """Return the number that each row bears as the cause of output rows."""
        places = np.arange(self.rows)
        return places + 1 + np.searchsorted(self.controls["at"], places, side="right")


def open_lab(options: Options, settings: Settings, *, warm: bool = True) -> Lab:
    """Read a recording whole; `warm`: with the rows before `--from` that warm up indicators.

    Raises:
        UsageError: for anything wrong in the options, the strategies or the data.
    """
    options = options if warm else replace(options, no_warm=True)
    specs, arguments = load_strategies(options, settings.strategies_dir)
    rules = rules_of(options)
    with open_recording(options, specs) as source:
        plan = bind(options, rules, source, specs, arguments)
        columns = joined(source)
    groups = used_groups(plan)
    controls = session_controls(
        rules.calendar, plan.all_days, groups, expiries=expiries(plan), clocks=plan.clocks
    )
    rows = placed(controls, columns, bars=plan.bars)
    return Lab(plan, columns, rows, options.jit, settings.cache_dir)


def again(strategy: Any, spec: Spec) -> Spec:
    """Return a strategy loaded afresh from its file; a class at hand as it is."""
    if isinstance(strategy, type):
        return spec_of(strategy)
    return discovery.in_file(f"{spec.file}:{spec.cls.__name__}")


def joined(source: MarketSource) -> Columns:
    """Return all rows of a recording as one batch."""
    count = source.feed.rows or 0
    if count > MOST_ROWS:
        raise UsageError(
            f"the data have {count:,} rows, and this command holds them in memory, at most "
            f"{MOST_ROWS:,}: take fewer days with --from and --to"
        )
    batches = [portion.columns for portion in source.rows(0, lambda: False)]
    return Columns._make(np.concatenate(parts) for parts in zip(*batches, strict=True))


def placed(controls: Table, columns: Columns, *, bars: bool) -> Table:
    """Return control rows placed among the rows; those behind the last have its end as place."""
    placer = Placer(controls, bars=bars)
    before, rest = placer.take(columns), placer.rest()
    rest["at"] = columns.rows
    return np.concatenate([before, rest])
