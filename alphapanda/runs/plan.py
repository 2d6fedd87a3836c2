"""The plan of a run: strategies bound to instruments, rules and data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from alphapanda.brokers.ports import MarketSource
from alphapanda.brokers.recorded import RecordedSource, recording_at
from alphapanda.brokers.replay import FULL_SPEED, ReplaySource
from alphapanda.data.replay.replay import FileInfo, ReplayOptions
from alphapanda.data.replay.resampled import Resampled, Rows, open_rows
from alphapanda.engine.compiler.declared import Spec
from alphapanda.engine.setup import Enrolment
from alphapanda.errors import UsageError, did_you_mean
from alphapanda.events.feeds import Feed
from alphapanda.model.calendar import (
    DAY,
    Calendar,
    SessionGroup,
    session_group,
)
from alphapanda.model.charges import Schedule
from alphapanda.model.classes import BOND_TERMS, PAIR, is_bond
from alphapanda.model.instruments import Instrument, Product, Segment
from alphapanda.model.limits import LimitSet, load_limits, margins_known_from, own_limits
from alphapanda.model.notes import Note, Rank
from alphapanda.runs import discovery
from alphapanda.runs.assuming import refuse_indices
from alphapanda.runs.closing_notes import volume_notes
from alphapanda.runs.left_out import left_out_notes
from alphapanda.runs.listing import list_instruments
from alphapanda.runs.options import Entry, Options
from alphapanda.runs.recordings import as_it_came
from alphapanda.runs.settling import last_session
from alphapanda.runs.warming import (
    Begin,
    begin_ns,
    begin_of,
    warm_days,
    warmed,
    warming_notes,
)

SMALL_BATCH = 8_192
"""Rows at once in plain Python, which can be stopped between batches, and in a journal."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds on every instrument, read before any data are."""

    calendar: Calendar
    schedule: Schedule
    limits: LimitSet


@dataclass(frozen=True)
class RunPlan:
    """What a run is, before its first row: options, feed, strategies bound to it, rules."""

    options: Options
    feed: Feed
    """What the rows are that it will be fed."""
    files: tuple[FileInfo, ...]
    """Where they lie; none where they come over a network."""
    specs: tuple[Spec, ...]
    enrolments: tuple[Enrolment, ...]
    rules: Rules
    notes: tuple[str, ...] = ()
    clocks: tuple[int, ...] = ()
    """Times that the recorded market reached without a row."""
    sent: bool = False
    """Orders go to a broker, and its reports move them; else the core fills them itself."""
    later: tuple[date, ...] = ()
    """Days behind the feed's on which a live run went on."""
    simulator: float | None = None
    """How fast the day of a simulated exchange passes, 0 in steps; None: the rows are of none."""
    deployment: str = ""
    """The file of `deployments/` that says who trades here."""

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """The instruments by row."""
        return self.feed.instruments

    @property
    def names(self) -> list[str]:
        """The strategies' names, numbered where one runs more than once."""
        return numbered([e.name or e.spec.name for e in self.enrolments])

    def brokers(self, own: str) -> tuple[str, ...]:
        """Return where the orders of each strategy may go: where a deployment says, else `own`."""
        return tuple(enrolment.broker or own for enrolment in self.enrolments)

    @property
    def all_days(self) -> tuple[date, ...]:
        """The days of all rows, those that only warm up indicators too."""
        return (*self.feed.before, *self.feed.days)

    @property
    def begin_ns(self) -> int:
        """When the run begins, behind the rows that warm up indicators; 0 if there are none."""
        return begin_ns(self.options.first, bars=self.bars) if self.feed.before else 0

    @property
    def bars(self) -> bool:
        """Say if the rows are bars."""
        return self.feed.kind == "bar"


def load_strategies(
    options: Options, strategies_dir: Path
) -> tuple[tuple[Spec, ...], list[dict[str, Any]]]:
    """Return the strategies of a run and their arguments, before any data are read."""
    specs = tuple(discovery.find(entry.strategy, strategies_dir) for entry in options.strategies)
    return specs, [s.arguments(e.params) for s, e in zip(specs, options.strategies, strict=True)]


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
        price_scale=options.price_scale, keep_repeats=options.keep_repeats,
        exchange=options.exchange, bars=options.bars, **extra,
    )  # fmt: skip


@contextmanager
def open_recording(
    options: Options, specs: Sequence[Spec], *, speed: float = FULL_SPEED,
    slice_rows: int | None = None, begin: Begin | None = None,
) -> Iterator[ReplaySource | RecordedSource]:  # fmt: skip
    """Yield the data that options name, open; a recording of `record` or of a run as it came.

    `begin` tells from when on rows before `--from` are read; by itself, as the strategies need.

    Raises:
        UsageError: for anything wrong in the data, the options or the instruments.
    """
    calendar = read_calendar(options.calendar)
    if any(recording_at(Path(path)) for path in options.data):
        yield as_it_came(options, calendar, speed=speed, slice_rows=slice_rows)
        return
    with ExitStack() as stack:
        replay, instruments, notes = opened(
            options, replay_options(options, specs), calendar, begin or begin_of(options, specs)
        )
        stack.callback(replay.close)
        yield ReplaySource(
            replay, feed_of(options, replay, instruments), data=options.data, notes=tuple(notes),
            speed=speed, slice_rows=slice_rows,
        )  # fmt: skip


def opened(
    options: Options, reading: ReplayOptions, calendar: Calendar, begin: Begin
) -> tuple[Rows, tuple[Instrument, ...], list[str]]:
    """Return the rows of a run, its instruments, and what is to be said of both.

    What an instrument is, the days of the run tell; rows that warm up indicators change none of it.
    """
    replay = run_rows = open_rows(reading)
    try:
        notes: list[str] = []
        listed = list_instruments(options, replay, notes, calendar)
        groups = [session_group(instrument) for instrument in listed]
        replay.end_with(calendar, groups)
        notes = [*left_out_notes(replay, calendar, groups), *notes]
        first = begin(run_rows, calendar, groups)
        if first is not None:
            replay = warmed(reading, run_rows, first, (calendar, groups))
    except BaseException:
        replay.close()
        raise
    notes = [*replay.notes, *warming_notes(options, replay.days), *notes]
    instruments = tuple(
        replace(instrument, has_volume=row not in run_rows.silent)
        for row, instrument in enumerate(listed)
    )
    return replay, instruments, notes


def bind(
    options: Options, rules: Rules, source: MarketSource, specs: tuple[Spec, ...],
    arguments: Sequence[Mapping[str, Any]],
) -> RunPlan:  # fmt: skip
    """Return the plan of a run: strategies bound to the instruments of a source."""
    feed, origin = source.feed, source.origin
    options = replace(options, data=origin.data)
    enrolments = tuple(
        enrol(options, entry, spec, values, feed)
        for entry, spec, values in zip(options.strategies, specs, arguments, strict=True)
    )
    refuse_indices([feed.instruments[r] for e in enrolments for r in e.rows], rules.schedule)
    plan = RunPlan(options, feed, origin.files, specs, enrolments, rules)
    volume = volume_notes(feed.instruments)
    notes = (
        *origin.notes,
        *calendar_notes(plan),
        *charge_notes(plan),
        *margin_notes(plan),
        *volume,
    )
    return replace(plan, notes=notes, clocks=origin.clocks)


def feed_of(options: Options, replay: Rows, instruments: tuple[Instrument, ...]) -> Feed:
    """Return what the rows of a recording are."""
    before = warm_days(options, replay.days)
    return Feed(
        feed_id(options, replay), replay.kind, replay.interval_ns, replay.columns, replay.names,
        instruments, replay.days[len(before) :], replay.rows, before,
    )  # fmt: skip


def feed_id(options: Options, replay: Rows) -> str:
    """Return what names the rows of a recording: the same files, chosen the same way."""
    chosen = (
        sorted(info.sha256 for info in replay.files), replay.names, replay.kind,
        replay.interval_ns, str(options.first), str(options.last), options.repair,
        sorted(options.map.items()), options.qty_scale,
        *([options.calendar] if replay.kind == "bar" else []),
        *(["made"] if isinstance(replay, Resampled) else []),
        *([("price_scale", options.price_scale)] if options.price_scale > 1 else []),
        *(["keep_repeats"] if options.keep_repeats else []),
        *[("warm", str(day)) for day in warm_days(options, replay.days)[:1]],
    )  # fmt: skip
    return "replay:" + hashlib.sha256(repr(chosen).encode()).hexdigest()[:16]


def read_calendar(name: str) -> Calendar:
    """Return a calendar by name."""
    if name == "always":
        return Calendar.always()
    if name == "nse":
        return Calendar.nse()
    raise UsageError(f"--calendar {name}: write nse or always")


def enrol(
    options: Options, entry: Entry, spec: Spec, values: Mapping[str, Any], feed: Feed
) -> Enrolment:  # fmt: skip
    """Bind a strategy to its instruments, its products and limits."""
    data_names, instruments = feed.names, feed.instruments
    wanted = entry.instruments or (options.instrument if spec.binding.legs else ())
    rows = tuple(row_of(name, data_names, instruments) for name in wanted)
    legs = spec.binding.legs
    if legs and len(rows) != len(legs):
        raise UsageError(
            f"{spec.name} binds {len(legs)} instruments ({', '.join(legs)}): "
            f"name them in this order with --instrument; the data have {few(data_names)}"
        )
    rows = rows or chosen_rows(options, data_names, instruments)
    products = tuple(product(options, instruments[r], entry.product) for r in rows)
    limits = own_limits(f"{entry.name or spec.name}: limits, ", entry.limits)
    return Enrolment(spec, values, rows, products, entry.name, limits, entry.broker)


def chosen_rows(
    options: Options, data_names: Sequence[str], instruments: Sequence[Instrument]
) -> tuple[int, ...]:
    """Return the rows that options choose, all if none; a feed may have more than was asked for."""
    names = [*options.instrument, *(n for entry in options.strategies for n in entry.instruments)]
    if not names:
        return tuple(range(len(instruments)))
    return tuple(sorted({row_of(name, data_names, instruments) for name in names}))


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


def product(options: Options, instrument: Instrument, own: Product | None = None) -> Product:
    """Return the product of an instrument's orders: CNC in shares, NRML in derivatives."""
    derivative = instrument.segment in (Segment.FUTURES, Segment.OPTIONS)
    chosen = own or options.product or (Product.NRML if derivative else Product.CNC)
    if derivative and chosen == Product.CNC:
        raise UsageError(f"{instrument.name} is a derivative: --product NRML or MIS")
    return chosen


def calendar_notes(plan: RunPlan) -> Iterator[str]:
    """Yield how the data and the calendar's sessions go together."""
    calendar, days = plan.rules.calendar, plan.feed.days
    if calendar.is_always:
        return
    interval_ns = plan.feed.interval_ns
    if interval_ns and interval_ns % DAY == 0:
        yield "orders made on a day's bar are for the next day's open"
    else:
        yield from idle_day_notes(plan)
    if days[0] < calendar.known_from or days[-1] > calendar.known_until:
        yield Note(
            f"holidays are known from {calendar.known_from} to {calendar.known_until} only: "
            "every other weekday counts as a trading day", Rank.ASSUMED,
        )  # fmt: skip


def idle_day_notes(plan: RunPlan) -> Iterator[str]:
    """Yield which days of the data have no session."""
    calendar, days, groups = plan.rules.calendar, plan.feed.days, used_groups(plan)
    idle = [day for day in days if not any(calendar.session(day, g) for g in groups)]
    if idle:
        yield Note(
            f"{len(idle)} of {len(days)} days have no session in the calendar (first {idle[0]}): "
            "their rows only set the last price; --calendar always trades at any time",
            Rank.LEFT_OUT,
        )


def margin_notes(plan: RunPlan) -> Iterator[str]:
    """Yield that margins of the run's days stand in for those that are not known."""
    first = margins_known_from()
    if plan.feed.days[0] < first:
        yield Note(f"margins: unknown before {first}, that day's taken", Rank.ASSUMED)


def charge_notes(plan: RunPlan) -> list[str]:
    """Return where rates are approximate or stand in for earlier ones."""
    schedule, days = plan.rules.schedule, plan.feed.days
    used = {
        (plan.instruments[row], chosen)
        for enrolment in plan.enrolments
        for row, chosen in zip(enrolment.rows, enrolment.products, strict=True)
    }
    found: set[str] = set()
    for instrument, chosen in used:
        kind = schedule.class_of(instrument, chosen, days[0])
        for charged in {kind, PAIR.get(kind, kind)}:
            for day in steps_met(schedule.dates(charged, instrument.exchange), days):
                found.update(schedule.doubts(day, charged, instrument.exchange))
    alike = sorted({i.name for i, _ in used if schedule.looks_like_fund(i, days[0])})
    if alike:
        like = f"{few(alike)} sounds like an ETF but is charged as a share"
        found.add(f"{like}: name it in an [[etf]] table of a file for --costs")
    bonds = [] if schedule.is_plain else sorted({i.name for i, _ in used if is_bond(i)})
    if bonds:
        found.add(f"{few(bonds)} {BOND_TERMS}")
    return [Note(each, Rank.ASSUMED) for each in sorted(found)]


def steps_met(changes: Sequence[date], days: Sequence[date]) -> list[date]:
    """Return a run's first day and each day within it from which other rates hold."""
    return [days[0], *(day for day in changes if days[0] < day <= days[-1])]


def used_groups(plan: RunPlan) -> list[SessionGroup]:
    """Return the session groups of the run's instruments."""
    return sorted({session_group(instrument) for instrument in plan.instruments})


def expiries(plan: RunPlan) -> dict[int, int]:
    """Return when the run's contracts settle, those too that outlive its days."""
    found: dict[int, int] = {}
    for row, instrument in enumerate(plan.instruments):
        session = last_session(plan.rules.calendar, instrument)
        if session is not None:
            found[row] = session.close
    return found


def numbered(names: Sequence[str]) -> list[str]:
    """Return strategies' names, numbered where one runs more than once."""
    return [
        f"{name}#{names[: k + 1].count(name)}" if names.count(name) > 1 else name
        for k, name in enumerate(names)
    ]
