"""One run through a core, from its first row to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter
from typing import Any

from alphapanda import config
from alphapanda.engine.compiler.blame import hook_failure
from alphapanda.engine.compiler.generate import Shape
from alphapanda.engine.compiler.program import build
from alphapanda.engine.controls import Placer, day_end, session_controls
from alphapanda.engine.engine import Engine
from alphapanda.engine.setup import Paper, Setup
from alphapanda.errors import AlphaPandaError, UsageError
from alphapanda.model.calendar import INDIA
from alphapanda.model.columns import Columns
from alphapanda.model.rows import Out
from alphapanda.research.events import Names
from alphapanda.research.prices import step_ns
from alphapanda.research.result import Gatherer
from alphapanda.research.rundir import RunDirectory
from alphapanda.runs.plan import Run, expiries, strategy_names, used_groups
from alphapanda.runs.stopping import orderly

Progress = Callable[[int, int, int], None]
"""Called with rows done, rows in all, fills so far."""


@dataclass
class Course:
    """What a run works with while its rows are fed."""

    engine: Engine
    placer: Placer
    gatherer: Gatherer
    build_s: float


def start(made: Run, directory: RunDirectory | None) -> Course:
    """Make the core of a run, and all that goes around it."""
    settles = expiries(made)
    started = perf_counter()
    engine = make_engine(made, settles)
    build_s = perf_counter() - started
    days, groups = made.replay.days, used_groups(made)
    controls = session_controls(made.rules.calendar, days, groups, expiries=settles)
    names = Names(strategy_names(made.specs), [i.name for i in made.instruments])
    step = step_ns(len(days), len(made.instruments))
    return Course(
        engine, Placer(controls, bars=made.replay.kind == "bar"),
        Gatherer(names, made.options.cash, directory, step=step), build_s,
    )  # fmt: skip


def make_engine(made: Run, settles: Mapping[int, int]) -> Engine:
    """Load or compile the loop, and fill a core for the run."""
    shape = Shape(made.specs, made.replay.interval_ns, made.replay.columns, whole(made))
    program = build(shape, jit=made.options.jit, cache_dir=config.load().cache_dir)
    with hooks_blamed(made, lambda: "start"):
        return Engine(program, setup(made, settles))


@contextmanager
def hooks_blamed(made: Run, when: Callable[[], str]) -> Iterator[None]:
    """Tell an exception that a hook raised as the user's mistake, with its line and time."""
    try:
        yield
    except AlphaPandaError:
        raise
    except Exception as error:
        message = hook_failure(error, made.specs, when())
        if not message:
            raise
        raise UsageError(message) from error


def whole(made: Run) -> tuple[bool, ...]:
    """Say of each strategy if it has a record of its own for every instrument."""
    everything = tuple(range(len(made.instruments)))
    return tuple(e.spec.binding.kind == "each" and e.rows == everything for e in made.enrolments)


def setup(made: Run, settles: Mapping[int, int]) -> Setup:
    """Return what the core needs to know before its first row."""
    options = made.options
    return Setup(
        instruments=made.instruments, strategies=made.enrolments, schedule=made.rules.schedule,
        limits=made.rules.limits, first_day=made.replay.days[0], cash=options.cash,
        always=made.rules.calendar.is_always, expiries=settles,
        paper=Paper(
            latency_ns=options.latency, slippage=options.slippage, seed=options.seed,
            limit_fill=options.limit_fill, volume_share=options.volume_share,
        ),
    )  # fmt: skip


def feed_all(made: Run, course: Course, progress: Progress | None) -> int:
    """Feed every batch, then the session rows behind the last one; return the rows fed."""
    done = last = 0
    with orderly() as asked_to_stop, hooks_blamed(made, lambda: engine_time(course.engine)):
        for batch in made.replay.batches():
            feed(made, course, batch, course.placer.take(batch))
            done += batch.rows
            last = int(batch.ts[-1])
            if progress is not None:
                progress(done, made.replay.rows, int(course.gatherer.counts[Out.FILL]))
            if asked_to_stop():
                made.status = "interrupted"
                return done
        feed_rest(made, course, last)
    return done


def feed_rest(made: Run, course: Course, last: int) -> None:
    """Feed the session rows behind the last row of the data, whose time is `last`."""
    rest = course.placer.rest()
    if made.rules.calendar.is_always:  # nothing closes the last day but the end of the data
        rest = day_end(last)
    feed(made, course, Columns.of(), rest)


def engine_time(engine: Engine) -> str:
    """Return the time that a core has reached, as India writes it."""
    now = int(engine.tables["clock"]["now"][0])
    return datetime.fromtimestamp(now / 1e9, INDIA).strftime("%Y-%m-%d %H:%M:%S.%f IST")


def feed(made: Run, course: Course, batch: Columns, controls: Any) -> None:
    """Feed one batch, counting the time of the core alone; what it says is kept."""
    gatherer, kept = course.gatherer, []
    chunks = course.engine.feed(batch, controls)
    while True:
        started = perf_counter()
        rows = next(chunks, None)
        made.engine_s += perf_counter() - started
        if rows is None:
            break
        gatherer.take(rows)
        if made.recorder is not None:
            kept.append(rows.copy())
    gatherer.market(batch)
    if made.recorder is not None:
        made.recorder.take(batch, controls, kept)
