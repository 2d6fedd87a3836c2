"""The loop: one row at a time, in the one order that backtest, paper and live share.

Per row: time, market data, resting paper orders (fills before decisions), indicators and bars,
strategies, risk gate, orders.
"""

from __future__ import annotations

from typing import Any

from alphapanda.books.book import mark
from alphapanda.books.flags import (
    BARS_IN,
    DAY_BARS,
    OPEN_INTEREST,
    PAPER,
    QTY,
    QUEUED,
    QUOTES,
    VOLUME,
    WARM,
)
from alphapanda.books.state import Core
from alphapanda.core.clock import advance, control
from alphapanda.core.expiry import see_close
from alphapanda.core.gate import gate
from alphapanda.core.glue import decide, dispatch, see_row
from alphapanda.core.matching import match
from alphapanda.core.operator import close_positions
from alphapanda.core.overnight import end_session, wake
from alphapanda.core.reports import follow
from alphapanda.core.ticks import first_tick
from alphapanda.model.calendar import Phase

NONE = -1
STOP = -2


def step(core: Core, columns: Any, start: int) -> int:
    """Run the rows of a batch from `start`; return where it stopped: at its end, or for room.

    Stopped for room, it goes on where it was when it is called again: in the middle of a row, too.
    """
    clock = core.clock[0]
    at = start
    row = NONE
    while row != STOP:
        if QUEUED and clock.n_calls != 0:
            drain(core)
            if clock.n_calls != 0:
                return at
        if QUEUED and clock.deciding >= 0:
            row = clock.deciding
            clock.deciding = NONE
            decide(core, row)
        at, row = proceed(core, columns, at)
        if QUEUED and row >= 0:
            clock.deciding = row
        elif row >= 0:
            decide(core, row)
    return at


def proceed(core: Core, columns: Any, at: int) -> tuple[int, int]:
    """Do the next thing: a control row, a boundary of time, or a market row.

    Return where the batch stands and the instrument on which strategies decide (or NONE, STOP).
    """
    clock = core.clock[0]
    if clock.n_out >= clock.room:
        return at, STOP
    if at >= clock.control_at:
        run_control(core)
        return at, NONE
    if at >= len(columns.ts):
        return at, STOP
    ts = columns.ts[at]
    if clock.due <= ts - BARS_IN:
        advance(core, ts - BARS_IN)
        if clock.due <= ts - BARS_IN or (QUEUED and clock.n_calls != 0):
            return at, NONE
    return at + 1, see(core, columns, at, ts)


def run_control(core: Core) -> None:
    """Run what the next control row's time makes due, one thing at a time, then the row itself."""
    clock = core.clock[0]
    row = core.controls[clock.next_control]
    if clock.due <= row.ts:
        advance(core, row.ts)
        return
    clock.cause += 1
    control(core, row)
    clock.next_control += 1
    if clock.next_control < clock.n_controls:
        clock.control_at = core.controls[clock.next_control].at
    else:
        clock.control_at = 1 << 62


def see(core: Core, columns: Any, at: int, ts: int) -> int:
    """Take in a market row; return its instrument, or NONE while its market isn't trading."""
    clock = core.clock[0]
    row = columns.row[at]
    instrument = core.instruments[row]
    clock.cause += 1
    clock.now = max(clock.now, ts)
    last = columns.last[at]
    if instrument.held != 0:
        mark(core, row, last - instrument.last)
    if instrument.close_from <= ts - BARS_IN:
        see_close(instrument, ts - BARS_IN, last, instrument.last)
    if instrument.tick < 0:
        first_tick(core, instrument, last, ts - BARS_IN)
    instrument.ts = ts
    instrument.last = last
    see_columns(instrument, columns, at)
    if instrument.phase != Phase.OPEN and not (DAY_BARS and core.config[0].day_bars != 0):
        count_outside(core, instrument.phase, ts)
        return NONE
    if instrument.first >= 0:
        match_row(core, row)
        if instrument.closing != 0:
            close_positions(core, row)
    see_row(core, row)
    return int(row)


def see_columns(instrument: Any, columns: Any, at: int) -> None:
    """Take in what else a row of the source has."""
    if QUOTES:
        instrument.bid = columns.bid[at]
        instrument.bid_qty = columns.bid_qty[at]
        instrument.ask = columns.ask[at]
        instrument.ask_qty = columns.ask_qty[at]
    if BARS_IN:
        instrument.open = columns.open[at]
        instrument.high = columns.high[at]
        instrument.low = columns.low[at]
        if VOLUME:
            instrument.traded = columns.volume[at]
    elif VOLUME:
        see_volume(instrument, columns, at)
    elif QTY:
        instrument.traded = columns.qty[at]
    if OPEN_INTEREST:
        instrument.oi = columns.oi[at]


def count_outside(core: Core, phase: int, ts: int) -> None:
    """Count a row that comes outside continuous trading: it sets the last price, nothing else."""
    clock = core.clock[0]
    if WARM and ts < core.config[0].begin:
        return
    if phase == Phase.PRE_OPEN:
        clock.pre_open += 1
    elif phase == Phase.AUCTION:
        clock.auction += 1
    elif phase == Phase.POST_CLOSE:
        clock.post_close += 1
    else:
        if clock.outside == 0:
            clock.outside_from = ts
        clock.outside += 1
        clock.outside_to = ts


def match_row(core: Core, row: int) -> None:
    """Match a row, if no broker does; the bar of a whole day is the one day of a DAY order."""
    if not PAPER:
        follow(core, row)
        return
    if not (DAY_BARS and core.config[0].day_bars != 0):
        match(core, row)
        return
    wake(core, row, core.config[0].interval)
    match(core, row)
    end_session(core, row)


def see_volume(instrument: Any, columns: Any, at: int) -> None:
    """Tell from the day's cumulative volume what was traded since the instrument's last row."""
    volume = columns.volume[at]
    if 0 < instrument.volume <= volume:
        instrument.traded = volume - instrument.volume
    elif QTY:
        instrument.traded = columns.qty[at]
    else:
        instrument.traded = 0
    instrument.volume = volume


def drain(core: Core) -> None:
    """Call the queued hooks in order, while there is room for what they cause.

    What a hook asks for passes the gate before the next hook is called.
    """
    clock = core.clock[0]
    while clock.next_call < clock.n_calls:
        if clock.n_out >= clock.room:
            return
        entry = core.calls[clock.next_call]
        clock.next_call += 1
        dispatch(core, entry)
        if clock.n_requests != 0:
            gate(core)
    clock.next_call = 0
    clock.n_calls = 0
