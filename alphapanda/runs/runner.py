"""A run under way: its plan, a core filled for it, and what takes what the core says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from alphapanda.books.state import Limit
from alphapanda.brokers.ports import MarketSource
from alphapanda.engine.compiler.generate import Shape
from alphapanda.engine.compiler.program import Program, build
from alphapanda.engine.controls import Placer, session_controls
from alphapanda.engine.engine import Engine
from alphapanda.engine.setup import Paper, Setup
from alphapanda.engine.tier import Tier
from alphapanda.model.rows import Out
from alphapanda.research.events import Names
from alphapanda.research.gathering import Gatherer
from alphapanda.research.indicator_path import IndicatorPath
from alphapanda.research.prices import step_ns
from alphapanda.research.rundir import RunDirectory
from alphapanda.runs.plan import RunPlan, expiries, used_groups
from alphapanda.runs.sampling import Sampled, watched
from alphapanda.runs.session import Session, blaming
from alphapanda.runs.stopping import orderly

LEAD_NS = 180_000_000_000
"""So long before the broker squares off we close intraday positions ourselves, for no fee."""
Progress = Callable[[int, int, int], None]
"""Called with rows done, rows in all, fills so far."""


@dataclass
class ActiveRun:
    """A run while its rows are fed, and until its summary is written."""

    plan: RunPlan
    source: MarketSource
    session: Session
    gatherer: Gatherer
    build_s: float
    status: str = "complete"
    seen: IndicatorPath | None = None
    """Of a run with a folder, what indicators stood at."""


def start(
    plan: RunPlan, source: MarketSource, directory: RunDirectory | None, *, cache_dir: Path
) -> ActiveRun:
    """Return a run whose core is ready for the first row; its loop is kept in `cache_dir`."""
    settles = expiries(plan)
    started = perf_counter()
    engine = make_engine(plan, settles, cache_dir=cache_dir)
    build_s = perf_counter() - started
    days = plan.feed.days
    controls = session_controls(
        plan.rules.calendar,
        (*plan.all_days, *plan.later),
        used_groups(plan),
        expiries=settles,
        clocks=plan.clocks,
        lead_ns=LEAD_NS if plan.sent else 0,
    )
    names = Names(plan.names, [instrument.name for instrument in plan.instruments])
    step = step_ns(len(days), len(plan.instruments))
    gatherer = Gatherer(names, plan.options.cash, directory, step=step, begin_ns=plan.begin_ns)
    session = Session(engine, [gatherer], placer=Placer(controls, bars=plan.bars))
    run = ActiveRun(plan, source, session, gatherer, build_s)
    if directory is not None:
        run.seen = IndicatorPath(watched(engine), names, days=len(days), begin_ns=plan.begin_ns)
        session.feeding = Sampled(engine, run.seen).feed
    return run


def make_engine(
    plan: RunPlan, settles: Mapping[int, int], *, cache_dir: Path, rows: int | None = None
) -> Engine:  # fmt: skip
    """Load or compile the loop, for so many rows if the feed does not know; fill a core."""
    rows = plan.feed.rows if rows is None else rows
    program = load_program(
        plan, jit=plan.options.jit, cache_dir=cache_dir, tier=plan.options.tier, rows=rows
    )
    with blaming(plan.specs, lambda: "start"):
        return Engine(program, setup_of(plan, settles))


def load_program(
    plan: RunPlan, *, jit: bool, cache_dir: Path, tier: Tier, rows: int | None = None,
    warm: bool = False,
) -> Program:  # fmt: skip
    """Return the loop for a plan's strategies and columns: loaded, or compiled.

    `warm`: rows may come before a run begins, though there are none before `--from`.
    """
    shape = shape_of(plan, warm=warm)
    return build(shape, jit=jit, cache_dir=cache_dir, tier=tier, rows=rows)


def shape_of(plan: RunPlan, *, warm: bool = False) -> Shape:
    """Return what the loop of a plan depends on."""
    return Shape(plan.specs, plan.feed.interval_ns, plan.feed.columns, covers_all(plan),
                 warm=warm or bool(plan.feed.before), paper=not plan.sent)  # fmt: skip


def prepare(plan: RunPlan, cache_dir: Path) -> None:
    """Have the loop of a plan ready, compiled if need be, before its rows begin to come."""
    load_program(
        plan, jit=plan.options.jit, cache_dir=cache_dir, tier=plan.options.tier,
        rows=plan.feed.rows,
    )  # fmt: skip


def covers_all(plan: RunPlan) -> tuple[bool, ...]:
    """Return for each strategy if it has a record of its own for every instrument."""
    everything = tuple(range(len(plan.instruments)))
    return tuple(e.spec.binding.kind == "each" and e.rows == everything for e in plan.enrolments)


def setup_of(plan: RunPlan, settles: Mapping[int, int]) -> Setup:
    """Return what the core needs to know before its first row."""
    options = plan.options
    return Setup(
        instruments=plan.instruments, strategies=plan.enrolments, schedule=plan.rules.schedule,
        limits=plan.rules.limits, first_day=plan.feed.days[0], cash=options.cash,
        always=plan.rules.calendar.is_always, expiries=settles, begin_ns=plan.begin_ns,
        sizes=Limit(orders=options.open_orders or room(plan)),
        paper=Paper(
            latency_ns=options.latency, slippage=options.slippage, seed=options.seed,
            limit_fill=options.limit_fill, volume_share=options.volume_share,
        ),
    )  # fmt: skip


def room(plan: RunPlan) -> int:
    """Return how many orders may be open at once: an entry, its exits and one more a position."""
    return max(Limit().orders, 4 * sum(len(enrolment.rows) for enrolment in plan.enrolments))


def feed_all(run: ActiveRun, progress: Progress | None) -> None:
    """Feed every row of the source, then the session rows behind the last; stop when asked."""
    session, total = run.session, run.plan.feed.rows or 0
    with orderly() as stopping, blaming(run.plan.specs, session.time):
        for portion in run.source.rows(0, stopping):
            session.advance(portion.columns, portion.clock_ns)
            if progress is not None:
                progress(session.rows, total, int(run.gatherer.counts[Out.FILL]))
            if stopping():
                run.status = "interrupted"
                return
        session.finish(always=run.plan.rules.calendar.is_always)
