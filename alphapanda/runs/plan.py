"""The plan of a run: strategies bound to instruments, rules and data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from alphapanda.data.instruments import read_masters
from alphapanda.data.replay.replay import Replay, ReplayOptions, open_replay
from alphapanda.engine.compiler.declared import Spec
from alphapanda.engine.setup import Enrolment
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.model.calendar import DAY, Calendar, Session, SessionGroup, session_group
from alphapanda.model.charges import Schedule, charge_class
from alphapanda.model.instruments import Instrument, Master, Product, Segment
from alphapanda.model.limits import LimitSet, load_limits
from alphapanda.runs import discovery
from alphapanda.runs.closing_notes import volume_notes
from alphapanda.runs.options import Entry, Options

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


def found(options: Options) -> tuple[tuple[Spec, ...], list[dict[str, Any]]]:
    """Return the strategies of a run and their arguments, before any data are read."""
    specs = tuple(discovery.find(entry.strategy) for entry in options.strategies)
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


def strategy_names(specs: Sequence[Spec]) -> list[str]:
    """Return the strategies' names, numbered where one runs more than once."""
    names = [spec.name for spec in specs]
    return [
        f"{name}#{names[: k + 1].count(name)}" if names.count(name) > 1 else name
        for k, name in enumerate(names)
    ]
