"""The backtest: recorded rows through a core, and what came out as a result."""

from __future__ import annotations

import hashlib
import platform
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from alphapanda import config
from alphapanda.app import strategies
from alphapanda.app.again import again
from alphapanda.app.closing_notes import closing_notes, refuse_nothing_seen, volume_notes
from alphapanda.app.kernel import kernel_bar
from alphapanda.app.options import Entry, Options, from_python
from alphapanda.app.stopping import orderly
from alphapanda.core import book
from alphapanda.core.blame import hook_failure
from alphapanda.core.engine import Engine, Enrolment, Paper, Setup
from alphapanda.core.generate import Shape
from alphapanda.core.program import build, package_sources
from alphapanda.core.records import view
from alphapanda.core.strategy import Spec, text_of
from alphapanda.data.instruments import read_masters
from alphapanda.data.replay import Replay, ReplayOptions, open_replay
from alphapanda.data.sessions import Placer, day_end, session_controls
from alphapanda.errors import AlphaPandaError, UsageError, did_you_mean
from alphapanda.model.calendar import DAY, INDIA, Calendar, Session, SessionGroup, session_group
from alphapanda.model.charges import Schedule, charge_class
from alphapanda.model.columns import Columns
from alphapanda.model.instruments import Instrument, Master, Product, Segment
from alphapanda.model.limits import LimitSet, load_limits
from alphapanda.model.money import text
from alphapanda.model.rows import ChargeKind, Out
from alphapanda.research.events import Names
from alphapanda.research.orders import EventFile
from alphapanda.research.prices import step_ns
from alphapanda.research.report import run_page
from alphapanda.research.result import Gatherer, Result, sum_up
from alphapanda.research.rundir import RunDirectory

Progress = Callable[[int, int, int], None]
"""Called with rows done, rows in all, fills so far."""

SMALL_BATCH = 8_192
"""Rows at once in plain Python, which can be stopped between batches, and in a journal."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds on every instrument, read before any data are."""

    calendar: Calendar
    schedule: Schedule
    limits: LimitSet


@dataclass
class Run:
    """Everything a run is made of, once its options and data are known."""

    options: Options
    replay: Replay
    """Or what stands for one, where the rows come from elsewhere."""
    specs: tuple[Spec, ...]
    instruments: tuple[Instrument, ...]
    enrolments: tuple[Enrolment, ...]
    rules: Rules
    notes: list[str]
    engine_s: float = 0.0
    status: str = "complete"
    recorder: Any = None
    """What writes the journal (`app/recorder.py`), if the run keeps one."""


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


def found(options: Options) -> tuple[tuple[Spec, ...], list[dict[str, Any]]]:
    """Return the strategies of a run and their arguments, before any data are read."""
    specs = tuple(strategies.find(entry.strategy) for entry in options.strategies)
    return specs, [s.arguments(e.params) for s, e in zip(specs, options.strategies, strict=True)]


@contextmanager
def opened(
    options: Options, specs: tuple[Spec, ...], arguments: Sequence[Mapping[str, Any]]
) -> Iterator[Run]:
    """Yield the run that options describe, with its data open."""
    rules = rules_of(options)
    with open_replay(replay_options(options, specs)) as replay:
        yield prepare(options, rules, replay, specs, arguments)


def rules_of(options: Options) -> Rules:
    """Return the rules of a run."""
    return Rules(
        read_calendar(options.calendar), Schedule.parse(options.costs), load_limits(options.limits)
    )


def replay_options(options: Options, specs: Sequence[Spec]) -> ReplayOptions:
    """Return what the replay has to read: columns are its own business, instruments ours."""
    wanted = [name for entry in options.strategies for name in entry.instruments]
    wanted = [*options.instrument, *(name for name in wanted if name not in options.instrument)]
    kind: Any = options.kind
    compiled = options.jit and all(spec.compiled for spec in specs)
    small = options.journal or not compiled
    batch = options.batch or (SMALL_BATCH if small else None)
    extra: dict[str, Any] = {} if batch is None else {"batch_rows": batch}
    return ReplayOptions(
        paths=options.data, kind=kind, interval=options.interval, mapping=options.map,
        repair=options.repair, first=options.first, last=options.last,
        instruments=tuple(wanted) or None, qty_scale=options.qty_scale,
        exchange=options.exchange, **extra,
    )  # fmt: skip


def prepare(
    options: Options,
    rules: Rules,
    replay: Replay,
    specs: tuple[Spec, ...],
    arguments: Sequence[Mapping[str, Any]],
) -> Run:
    """Bring data, instruments, strategies and calendar together."""
    notes = list(replay.notes)
    instruments = tuple(named(options, replay, notes))
    replay.end_with(rules.calendar, [session_group(instrument) for instrument in instruments])
    return bound(options, rules, replay, specs, arguments, instruments, notes)


def bound(
    options: Options, rules: Rules, replay: Any, specs: tuple[Spec, ...],
    arguments: Sequence[Mapping[str, Any]], instruments: tuple[Instrument, ...], notes: list[str],
) -> Run:  # fmt: skip
    """Bind strategies to instruments that are known."""
    enrolments = tuple(
        enrol(options, entry, spec, values, replay.names, instruments)
        for entry, spec, values in zip(options.strategies, specs, arguments, strict=True)
    )
    made = Run(options, replay, specs, instruments, enrolments, rules, notes)
    note_calendar(made)
    note_charges(made)
    made.notes += volume_notes(made.instruments)
    return made


def read_calendar(name: str) -> Calendar:
    """Return a calendar by name."""
    if name == "always":
        return Calendar.always()
    if name == "nse":
        return Calendar.nse()
    raise UsageError(f"--calendar {name}: write nse or always")


def named(options: Options, replay: Replay, notes: list[str]) -> Iterator[Instrument]:
    """Yield the instrument of each name in the data, with what the data tell of its volume."""
    for row, instrument in enumerate(known(options, replay, notes)):
        yield replace(instrument, has_volume=row not in replay.silent)


def known(options: Options, replay: Replay, notes: list[str]) -> Iterator[Instrument]:
    """Yield the instrument of each name in the data, from the master or with stated defaults."""
    if not options.instruments:
        notes.append("no instrument master: lot 1 and no tick size assumed")
        yield from (Instrument.assumed(name) for name in replay.names)
        return
    masters = read_masters([Path(path) for path in options.instruments])
    master = masters.at(replay.days[0])
    notes += master.notes
    for name in replay.names:
        yield master.get(in_master(name, master))


def in_master(name: str, master: Master) -> str:
    """Return a data name as the master has it; the exchange may be the data's guess."""
    if name in master:
        return name
    symbol = name.partition(":")[2]
    found = [f"{e.name}:{symbol}" for e in master.exchanges if f"{e.name}:{symbol}" in master]
    return found[0] if len(found) == 1 else name


def enrol(
    options: Options, entry: Entry, spec: Spec, values: Mapping[str, Any],
    data_names: Sequence[str], instruments: Sequence[Instrument],
) -> Enrolment:  # fmt: skip
    """Bind a strategy to its instruments."""
    wanted = entry.instruments or (options.instrument if spec.binding.legs else ())
    rows = tuple(row_of(name, data_names, instruments) for name in wanted)
    legs = spec.binding.legs
    if legs and len(rows) != len(legs):
        raise UsageError(
            f"{spec.name} binds {len(legs)} instruments ({', '.join(legs)}): "
            f"name them in this order with --instrument; the data have {few(data_names)}"
        )
    rows = rows or tuple(range(len(instruments)))
    return Enrolment(spec, values, rows, tuple(product(options, instruments[r]) for r in rows))


def row_of(name: str, data_names: Sequence[str], instruments: Sequence[Instrument]) -> int:
    """Return an instrument's row by its name in the data or in the master, or by its symbol."""
    for row, (given, instrument) in enumerate(zip(data_names, instruments, strict=True)):
        if name in (given, instrument.name, instrument.symbol):
            return row
    hint = did_you_mean(name, data_names)
    raise UsageError(f"there is no instrument '{name}' in the data.{hint}")


def few(names: Sequence[str]) -> str:
    """Return a few of many names."""
    return ", ".join(names[:8]) + (" ..." if len(names) > 8 else "")


def product(options: Options, instrument: Instrument) -> Product:
    """Return the product of an instrument's orders: CNC in shares, NRML in derivatives."""
    derivative = instrument.segment in (Segment.FUTURES, Segment.OPTIONS)
    chosen = options.product or (Product.NRML if derivative else Product.CNC)
    if derivative and chosen == Product.CNC:
        raise UsageError(f"{instrument.name} is a derivative: --product NRML or MIS")
    return chosen


def note_calendar(made: Run) -> None:
    """Say how the data and the calendar's sessions go together."""
    calendar, days = made.rules.calendar, made.replay.days
    if calendar.is_always:
        return
    interval_ns = made.replay.interval_ns
    if interval_ns and interval_ns % DAY == 0:
        made.notes.append("orders made on a day's bar are for the next day's open")
    else:
        note_idle_days(made)
    if days[0] < calendar.known_from or days[-1] > calendar.known_until:
        made.notes.append(
            f"holidays are known from {calendar.known_from} to {calendar.known_until} only"
        )


def note_idle_days(made: Run) -> None:
    """Say which days of the data have no session."""
    calendar, days, groups = made.rules.calendar, made.replay.days, used_groups(made)
    idle = [day for day in days if not any(calendar.session(day, g) for g in groups)]
    if idle:
        made.notes.append(
            f"{len(idle)} of {len(days)} days have no session in the calendar (first {idle[0]}): "
            "their rows only set the last price; --calendar always trades at any time"
        )


def note_charges(made: Run) -> None:
    """Say where rates are approximate or stand in for earlier ones."""
    seen: set[str] = set()
    for enrolment in made.enrolments:
        for row, chosen in zip(enrolment.rows, enrolment.products, strict=True):
            instrument = made.instruments[row]
            kind = charge_class(instrument.segment, chosen)
            for day in (made.replay.days[0], made.replay.days[-1]):
                seen.update(made.rules.schedule.doubts(day, kind, instrument.exchange))
    made.notes += sorted(seen)


def used_groups(made: Run) -> list[SessionGroup]:
    """Return the session groups of the run's instruments."""
    return sorted({session_group(instrument) for instrument in made.instruments})


def expiries(made: Run) -> dict[int, int]:
    """Return when the run's contracts settle, those too that outlive its days."""
    found: dict[int, int] = {}
    for row, instrument in enumerate(made.instruments):
        if instrument.expiry is not None:
            session = session_on(made, instrument, instrument.expiry)
            if session is not None:
                found[row] = session.close
    return found


def session_on(made: Run, instrument: Instrument, day: date) -> Session | None:
    """Return an instrument's session of a day."""
    if made.rules.calendar.is_always:
        return None
    return made.rules.calendar.session(day, session_group(instrument))


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


def totals(made: Run, course: Course, rows: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the summary and the tables of a run."""
    made.notes += closing_notes(made, course, rows)
    facts = describe(made, course.engine, course.gatherer, rows)
    return sum_up(course.gatherer, {**facts, "build_s": round(course.build_s, 4)})


def journal(made: Run, engine: Engine, directory: RunDirectory | None) -> Any:
    """Begin the journal of a run."""
    from alphapanda.app import recipe, recorder  # noqa: PLC0415 (they make runs with this module)

    if directory is None:
        raise UsageError("a journal lies in the run's folder: name one with out=")
    document = recipe.document(made, name=directory.final.name, mode="backtest", broker="replay")
    return recorder.begin(made, engine, directory.partial, document)


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


def strategy_names(specs: Sequence[Spec]) -> list[str]:
    """Return the strategies' names, numbered where one runs more than once."""
    names = [spec.name for spec in specs]
    return [
        f"{name}#{names[: k + 1].count(name)}" if names.count(name) > 1 else name
        for k, name in enumerate(names)
    ]


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


def describe(made: Run, engine: Engine, gatherer: Gatherer, rows: int) -> dict[str, Any]:
    """Return the facts of a run that are not in its output rows."""
    replay, options = made.replay, made.options
    positions = engine.tables["positions"].reshape(len(made.specs), -1)
    ledgers = engine.tables["ledgers"]
    names = strategy_names(made.specs)
    return {
        "status": made.status,
        "ticks": rows,
        "charges": int(ledgers["charges"][:-1].sum()),
        "charges_by": {k: text(v) for k, v in charges_by(engine, gatherer).items() if v},
        "engine_s": round(made.engine_s, 6),
        "ticks_per_s": round(rows / made.engine_s) if made.engine_s else 0,
        "strategies": {
            name: {
                "pnl": text(int(ledgers["cash"][k] + ledgers["mark"][k])),
                "params": dict(made.enrolments[k].arguments),
            }
            for k, name in enumerate(names)
        },
        "instruments": {
            instrument.name: text(int(instrument_pnl(positions, engine, row)))
            for row, instrument in enumerate(made.instruments)
        },
        "open_positions": {
            f"{names[k]} {made.instruments[row].name}": int(positions["qty"][k, row])
            for k, row in zip(*np.nonzero(positions["qty"]), strict=True)
        },
        "from": str(replay.days[0]),
        "to": str(replay.days[-1]),
        "days": len(replay.days),
        "kind": replay.kind,
        "calendar": options.calendar,
        "costs": options.costs,
        "limits": options.limits,
        "repairs": dict(replay.repairs),
        "notes": made.notes,
    }


def instrument_pnl(positions: Any, engine: Engine, row: int) -> int:
    """Return an instrument's P&L over all strategies: realised, marked, less its charges."""
    held = positions[:, row]
    last = engine.tables["instruments"]["last"][row]
    worth = held["qty"] * last - held["cost"]
    return int((held["realised"] + worth - held["charges"]).sum())


def charges_by(engine: Engine, gatherer: Gatherer) -> dict[str, int]:
    """Return charges by kind, the day that is still open included."""
    kinds = ("brokerage", "exchange", "sebi", "stt", "stamp", "gst")
    totals = dict.fromkeys(kinds, 0)
    for fees in view(engine.tables["fees"]):
        for kind, today in zip(kinds, book.day_charges(fees, 1, 1), strict=True):
            totals[kind] += getattr(fees, f"total_{kind}") + today
    totals["depository"] = int(gatherer.charged[ChargeKind.DEPOSITORY])
    totals["square_off"] = int(gatherer.charged[ChargeKind.SQUARE_OFF])
    return totals


def written(
    made: Run, directory: RunDirectory | None, gatherer: Gatherer,
    summary: dict[str, Any], tables: Mapping[str, Any],
) -> Result:  # fmt: skip
    """Write the run, if it has a directory, and return its result."""
    facts = manifest(made, summary["digest"])
    if directory is None:
        return Result(summary, tables, None, gatherer.spool, facts)
    gatherer.flush()
    for name, table in tables.items():
        directory.write(name, table)
    directory.close()
    directory.document("summary", summary)
    directory.document("manifest", facts)
    events = EventFile(directory.partial / "events.parquet")
    trouble = paged(directory, Result(summary, tables, None, events, facts))
    path = directory.finish()
    source = EventFile(path / "events.parquet")
    if trouble:
        trouble = f"the run is whole in {path}, but it has no page, which failed with {trouble}"
    return Result({**summary, "run": str(path)}, tables, path, source, facts, trouble)


def paged(directory: RunDirectory, result: Result) -> str:
    """Write a run's page; what goes wrong with it is returned: the run must not be lost for it."""
    try:
        directory.text("report.html", run_page(result, again(result.manifest)))
    except Exception as error:  # noqa: BLE001
        (directory.partial / "report.html").unlink(missing_ok=True)
        return f"{type(error).__name__}: {error}"
    return ""


def manifest(made: Run, digest: str) -> dict[str, Any]:
    """Return what it takes to run the same again: hashes of code, strategies and data, options."""
    packages = ("alphapanda", "numpy", "numba", "duckdb", "pyarrow")
    options = {
        field.name: plain_value(getattr(made.options, field.name))
        for field in fields(made.options)
        if field.name != "strategies"
    }
    return {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "digest": digest,
        "code": package_sources().hex(),
        "strategies": [
            {"name": spec.name, "file": spec.file, "sha256": source_sha(spec),
             "params": dict(e.arguments)}
            for spec, e in zip(made.specs, made.enrolments, strict=True)
        ],
        "options": options,
        "data": [
            {"path": str(f.path), "sha256": f.sha256, "rows": f.rows} for f in made.replay.files
        ],
        "python": sys.version.split()[0],
        "machine": platform.machine(),
        "packages": {name: version(name) for name in packages},
    }  # fmt: skip


def plain_value(value: Any) -> Any:
    """Return an option as JSON holds it."""
    if isinstance(value, (bool, int, float, type(None))):
        return value
    if isinstance(value, Mapping):
        return dict(value)
    return [str(v) for v in value] if isinstance(value, tuple) else str(value)


def source_sha(spec: Spec) -> str:
    """Return a hash of the file or cell in which a strategy was written."""
    return hashlib.sha256(text_of(spec.file).encode()).hexdigest()
