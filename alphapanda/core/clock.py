"""Time as data: boundaries that fall due, session phases, and the rows that carry them.

At one time: bars end, then timers fire, then session rows are read, then ticks. `now` is the
largest time seen and never goes back.
"""

from __future__ import annotations

from alphapanda.books.emit import call, emit_pnl
from alphapanda.books.flags import (
    BARS_IN,
    HOOK_SESSION,
    PAPER,
    STRATEGIES,
    TICK_BARS,
    TIMERS,
    VOLUME,
)
from alphapanda.books.funds import equity
from alphapanda.books.notes import end_of_day
from alphapanda.books.state import Core, Hook, Record
from alphapanda.core.bars import end_bar
from alphapanda.core.expiry import await_close, expire
from alphapanda.core.glue import open_session
from alphapanda.core.operator import close_all_positions, close_intraday, obey
from alphapanda.core.overnight import end_session, wake
from alphapanda.core.reports import doubt_all, hear
from alphapanda.core.square_off import square_off, square_off_left
from alphapanda.core.ticks import review_tick
from alphapanda.model.calendar import DAY, IST, Phase
from alphapanda.model.rows import NEVER, Control

MINUTE = 60_000_000_000


def advance(core: Core, ts: int) -> None:
    """Fire the earliest boundary that is due at `ts`; its hooks run before anything later."""
    clock = core.clock[0]
    due = clock.due
    clock.now = max(clock.now, due)
    if clock.minute <= due:
        mark_minute(core)
        clock.minute += MINUTE
        if clock.minute <= ts:  # rows are seldom further apart, and a division costs ten additions
            clock.minute = (ts // MINUTE + 1) * MINUTE
    if TICK_BARS:
        end_bars(core, due)
    if TIMERS:
        fire_timers(core, due)
    if clock.midnight <= due:
        start_day(core, ts)
    clock.due = next_due(core)


def next_due(core: Core) -> int:
    """Return the earliest boundary ahead."""
    clock = core.clock[0]
    due = min(clock.minute, clock.midnight)
    if TICK_BARS:
        for index in range(len(core.intervals)):
            due = min(due, core.intervals[index].next_end)
    if TIMERS:
        for index in range(len(core.timers)):
            due = min(due, core.timers[index].next)
    return due


def mark_minute(core: Core) -> None:
    """Say each strategy's P&L at the end of a minute in which it changed."""
    for strategy in range(STRATEGIES or core.clock[0].strategies):
        ledger = core.ledgers[strategy]
        if ledger.cash + ledger.mark != ledger.last_pnl:
            emit_pnl(core, strategy)


def start_day(core: Core, ts: int) -> None:
    """Begin an IST day: close the last one's notes if no session did, reset daily counters."""
    clock = core.clock[0]
    today = (ts + IST) // DAY
    if clock.day_ended == 0 and clock.day != 0:
        end_of_day(core)
    if not PAPER and clock.day != 0:
        doubt_all(core)
    clock.day = today
    clock.day_ended = 0
    clock.midnight = (today + 1) * DAY - IST
    for index in range(len(core.ledgers)):
        ledger = core.ledgers[index]
        ledger.messages_day = 0
        ledger.day_start = equity(core, index)
    if core.config[0].always != 0:
        start_timers(core, -1, clock.midnight - DAY, NEVER)
        for row in range(clock.instruments):
            open_session(core, row)
    elif VOLUME and not BARS_IN:
        for row in range(clock.instruments):
            core.instruments[row].volume = 0  # ticks count it from the day's begin


def start_timers(core: Core, group: int, opened: int, closed: int) -> None:
    """Set the timers of a session group (-1: all) for a session that runs from `opened`."""
    now = core.clock[0].now
    midnight = core.clock[0].midnight - DAY
    for index in range(len(core.timers)):
        timer = core.timers[index]
        if group in (-1, timer.group):
            timer.next = first_fire(timer, opened, midnight, now)
            if timer.next > closed:
                timer.next = NEVER
    core.clock[0].due = next_due(core)


def first_fire(timer: Record, opened: int, midnight: int, now: int) -> int:
    """Return when a timer first fires after `now` in a session."""
    if timer.period == 0:
        at = midnight + timer.offset
        return at if at > now else NEVER
    passed = max(now - opened, 0)
    return opened + (passed // timer.period + 1) * timer.period


def stop_timers(core: Core, group: int) -> None:
    """Silence the timers of a group whose session has ended."""
    for index in range(len(core.timers)):
        timer = core.timers[index]
        if timer.group == group:
            timer.next = NEVER
    core.clock[0].due = next_due(core)


def fire_timers(core: Core, due: int) -> None:
    """Queue on_time for every timer that is due."""
    for index in range(len(core.timers)):
        timer = core.timers[index]
        if timer.next <= due:
            call_instances(core, Hook.TIME, timer.strategy, timer.number, due)
            timer.next = timer.next + timer.period if timer.period != 0 else NEVER


def call_instances(core: Core, hook: int, strategy: int, a: int, b: int) -> None:
    """Queue a hook once for each instance of a strategy."""
    clock = core.clock[0]
    last = -1
    for row in range(clock.instruments):
        bind = core.binds[strategy * clock.instruments + row]
        if bind.instance > last:
            last = bind.instance
            call(core, hook, strategy, bind.instance, row, a, b, 0)


def end_bars(core: Core, due: int) -> None:
    """End every bar whose time is up, by interval, then by instrument."""
    instruments = core.clock[0].instruments
    for index in range(len(core.intervals)):
        interval = core.intervals[index]
        if interval.next_end <= due:
            interval.next_end = NEVER
            for row in range(instruments):
                bar = core.bars[index * instruments + row]
                if bar.rows != 0 and bar.end <= due:
                    end_bar(core, index, row)
                elif bar.rows != 0:
                    interval.next_end = min(interval.next_end, bar.end)


def control(core: Core, row: Record) -> None:
    """Run one control row."""
    clock = core.clock[0]
    clock.now = max(clock.now, row.ts)
    if row.kind == Control.PHASE:
        change_phase(core, row.a, row.b, row.c, row.d)
    elif row.kind == Control.SQUARE_OFF:
        if PAPER:
            square_off(core, row.a)
        else:
            close_intraday(core, row.a)
    elif row.kind == Control.EXPIRY:
        expire(core, row.a)
    elif row.kind == Control.DAY_END:
        if clock.day_ended == 0:
            if PAPER and core.config[0].always == 0:
                square_off_left(core)
            end_of_day(core)
        clock.day_ended = 1
    elif row.kind == Control.REPORT:
        hear(core, row)
    elif row.kind >= Control.KILL:
        obey(core, row)
    if clock.closing != 0:
        close_all_positions(core)


def change_phase(core: Core, group: int, phase: int, until: int, cut_off: int) -> None:
    """Let a session group enter a phase; what is still open when trading ends expires."""
    clock = core.clock[0]
    was = core.groups[group].phase
    core.groups[group].phase = phase
    core.groups[group].square_off = cut_off
    if phase == Phase.OPEN and was != Phase.OPEN:
        core.groups[group].open = clock.now
        core.groups[group].close = until
        core.groups[group].intraday_end = NEVER
        start_timers(core, group, clock.now, until)
    for row in range(clock.instruments):
        instrument = core.instruments[row]
        if instrument.group == group:
            instrument.phase = phase
            instrument.phase_end = until
            if phase == Phase.OPEN and was != Phase.OPEN:
                await_close(instrument, until, clock.midnight - DAY)
                review_tick(core, instrument)
                open_session(core, row)
                wake(core, row, 0)
            ends = was == Phase.OPEN and phase != Phase.OPEN
            if PAPER and ends and core.config[0].day_bars == 0:
                end_session(core, row)
    if was == Phase.OPEN and phase != Phase.OPEN:
        stop_timers(core, group)
        mark_minute(core)
    if HOOK_SESSION:
        for strategy in range(clock.strategies):
            call_instances(core, Hook.SESSION, strategy, phase, group)
