"""The whole state of a core: flat tables of 8-byte fields, so that a snapshot is a copy of bytes.

Every record has 8-byte fields only, which numba reads as record fields and plain Python through
memoryview proxies. Money and prices are scaled ints (1 = Rs 0.0001), times ns UTC, -1 means none.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from alphapanda.model.limits import LIMITS, MESSAGES, REPEATS
from alphapanda.model.rows import CONTROL, OUT, ints

CLOCK = ints(
    "now due minute midnight day day_ended cause seq last_id",
    "n_out room n_requests n_calls next_call deciding n_controls next_control control_at",
    "free slots reserved finished instruments strategies guarded closing",
    "forced forced_row forced_ts",
    "outside pre_open auction post_close outside_from outside_to",
    "halts ended",
)
"""One record: time, counters, and how many entries the growing tables hold. `cause`: input row;
`guarded`: 1 once an operator paused something; `closing`: positions that a flatten will close;
`forced`: square-off orders closed at the last price, with the first one's instrument and time;
`outside`: rows that came while their market was closed, with the first and last of them. Of a core
whose orders are sent: `halts`, why the broker's side lets no new risk of the account pass, a bit a
code; `ended`, how many orders ended with something unfilled."""

CONFIG = ints(
    "latency slippage slippage_random seed limit_fill volume_share always interval day_bars begin",
)
"""One record of settings; slippage in 1e-7 of the price, volume_share in 1e-7 of traded volume.
`day_bars`: a row is a whole day, so orders made at its end are for the next one's open; `begin`:
rows before this time feed indicators and bars only."""

INSTRUMENT = ints(
    "ts last held first phase traded phase_end tail",
    "bid bid_qty ask ask_qty open high low oi volume taken_buy taken_sell killed net",
    "paused closing",
    "tick tick_review lot freeze segment exchange",
    "group lower upper expiry strike option underlying",
    "met inside volumeless untradable",
    "close_from close_until close_sum close_count close_value settled_by settled_at",
    "physical family",
    "bought sold bought_value sold_value due_buy due_sell pair_buy pair_sell",
    "stock opening settled leaving seller seller_row",
    "halts unknowns",
)
"""The market and our own book of it (order list, holders, net quantity), then facts of the day.
`volumeless`: its volume is 0 throughout, so it limits no fill. `met`: the price at which the market
stands while a bar is matched; `inside`: its open is over; `untradable`: it is an index.
`tick_review`: when its tick was last chosen by the exchange's rule, 0 if it never is.
`close_*`: what its closing value is told from; `settled_*`: how a contract settled, and
`physical`, `family`: whether by delivery, and with which others. `bought` .. `pair_sell`: what the
account traded today for delivery, and what its orders would owe, by both rates. `stock`: the
first row of the same share, whose `opening` .. `seller_row` are the account's holding of it.
`halts`: as the clock's; `unknowns`: orders on it of which nobody knows whether they work."""

POSITION = ints(
    "qty cost realised charges open_buy open_sell product fees margin_rate margin_short margin",
    "placed repeats_buy repeats_sell closing asleep",
)
"""Strategy x instrument. `cost`: what the open quantity cost (signed); margin rates in 1e-7;
`closing`: 1 while a flatten waits until no order works; then it is closed; `asleep`: quantity of
exits that wait for the next session, which count as working."""

LEDGER = ints(
    "cash realised charges mark cost margin_mark margin blocked open_value",
    "signals orders rejected fills turnover",
    "killed paused last_pnl day_start messages_day messages others others_day",
)
"""A strategy's books; equity = cash + mark, mark = sum(qty x last). Behind them the account: its
initial cash, what is blocked, its messages, what its other runs earned on a day (`others`); its
other sums are those of the strategies."""


ALL_ORDERS = -1
"""In place of an order's number in a CANCEL: all of the strategy's orders on the instrument."""

ORDER = ints(
    "id state strategy row qty filled kind price trigger tif product ts cause next",
    "cancel_ts modify_ts more new_price new_trigger modifications reason extra",
    "group role stop target trail system value brokerage pair_brokerage basis blocked ahead",
    "protection",
    "was goal level goal_reason own_change next_message next_trail again refusals",
)
"""A live order. `qty` is signed; `ts` the earliest fill; `next` the slot behind it in its list. A
change on its way adds `more` to `qty`; `extra` of it counts as working already.

Of an order at a broker: `was`, its state before it became UNKNOWN; `goal`, the signed total that
is wanted of it, and `level`, the trigger (`books/changes.py`); `own_change`: 1 if the change under
way is the core's own; `next_*`: the earliest time of the core's next message about it; `again`:
when an exit that was refused is sent anew, 0: not, and `refusals`, how often it was in a row."""

REQUEST = ints(
    "id verb strategy row qty kind price trigger tif product order stop target trail system",
    "protection role group code value limit changes tag",
)
"""What a strategy asked for and the gate has not yet answered. `tag`: why (`model/tags.py`)."""

CALL = ints("hook strategy instance row a b c")
"""A hook that is due."""

BAR = ints("start end open high low close volume rows done")
"""`done`: its indicators have been updated, at the row that completed it."""

INTERVAL = ints("length next_end")
TIMER = ints("strategy period offset next number group")
GROUP = ints("phase open close square_off used intraday_end")
"""`intraday_end`: since when intraday positions are being closed, ahead of the broker."""
BIND = ints("instance leg")

FEES = ints(
    "until next pair note brokerage brokerage_cap brokerage_flat",
    "stt_buy stt_sell exchange sebi stamp_buy gst",
    "dp dp_btst square_off_fee exercise_stt settlement_brokerage physical physical_netted rounding",
    "buy sell brokerage_sum exercised settled booked",
)
"""Rates in force until a time, then the day's running totals. `pair`: of delivery, the rates of
what is bought and sold on one day; `exercised`: a value, `settled`: brokerage in 1e-7 of a unit."""

NOTE = ints(
    "commodities filler filler_row rounding",
    "brokerage exchange sebi stt stamp gst exercise_stt settlement_brokerage",
    "brokerage_rest exchange_rest sebi_rest stt_rest stamp_rest gst_rest",
    "exercise_stt_rest settlement_brokerage_rest",
    "total_brokerage total_exchange total_sebi total_stt total_stamp total_gst",
    "total_exercise_stt total_settlement_brokerage",
)
"""A contract note: who filled last, the day's exact sums (in units and 1e-7 of a unit) while it is
made, and what all notes so far came to. One of securities, one of commodities."""

EQUITY = ints("counted cash first_day equity peak fall fall_peak")
"""Of a sweep's run, `counted`: its P&L is counted here, and of the rest fills and charges alone are
said. From the cash it begins with and the IST day of its first row: equity, its peak, the deepest
fall and the peak before that."""

CLOSE = ints("seen equity")
"""The last equity of a day, counted from the first, and if there was any."""

TICK = ints("since up_to tick")
"""A step of the exchange's rule on tick sizes."""

TABLES: dict[str, np.dtype[Any]] = {
    "clock": CLOCK, "config": CONFIG, "instruments": INSTRUMENT, "positions": POSITION,
    "ledgers": LEDGER, "limits": LIMITS, "orders": ORDER, "requests": REQUEST, "calls": CALL,
    "bars": BAR, "intervals": INTERVAL, "timers": TIMER, "groups": GROUP, "binds": BIND,
    "fees": FEES, "notes": NOTE, "equity": EQUITY, "closes": CLOSE, "ticks": TICK,
    "ended": ORDER, "out": OUT, "controls": CONTROL,
    "heap": np.dtype("<f8"), "ring": np.dtype("<i8"),
}  # fmt: skip
"""The tables every core has; strategies add their own records. `ended`: the last orders that ended
with something unfilled, in a ring, because a broker may still report a fill of one."""

Record = Any
"""A record of a table: a numba record when compiled, a proxy in plain Python."""

Core = Any
"""The state as kernels see it: a named tuple of tables, generated for each set of strategies."""


def message_slot(owner: int, count: int) -> int:
    """Return where in the ring a ledger's `count`-th message is noted."""
    return owner * MESSAGES + count % MESSAGES


def repeat_slot(core: Core, position: int, side: int, count: int) -> int:
    """Return where in the ring the `count`-th filled order of a position's side is noted."""
    base = len(core.ledgers) * MESSAGES
    return base + (position * 2 + side) * REPEATS + count % REPEATS


PLACED = 16
"""Orders remembered per position for the duplicate rule."""


def placed_slot(core: Core, position: int, count: int) -> int:
    """Return where in the ring a position's `count`-th order is noted: time, quantity, price."""
    base = len(core.ledgers) * MESSAGES + len(core.positions) * 2 * REPEATS
    return base + (position * PLACED + count % PLACED) * 3


class Limit(NamedTuple):
    """How large the tables are; each bound is checked where a table could pass it."""

    orders: int = 1024
    out: int = 16384
    days: int = 0
    """Days whose P&L is counted in the core; 0: it is said."""


class OrderState(IntEnum):
    """States of a live order; a finished order leaves the table.

    What is on its way to an order lies across its state: a cancellation while `cancel_ts` is not
    NEVER, a change while `modify_ts` is not.
    """

    IN_FLIGHT = 0
    WORKING = 1
    PENDING_TRIGGER = 2
    """Its trigger has not been reached."""
    UNKNOWN = 3
    """Whether it works at the exchange is not known: it counts as if it did."""
    CLOSED = 4
    ASLEEP = 5
    """An exit between two sessions, or one that a broker refused: at no exchange, sent anew."""


class RequestVerb(IntEnum):
    """What a request asks for."""

    NEW = 0
    CANCEL = 1
    MODIFY = 2
    ADOPT = 3
    """Nothing is sent: the broker has the order already."""


class Maker(IntEnum):
    """Who made an order: its field `system`."""

    STRATEGY = 0
    CORE = 1
    """Exits of a bracket."""
    OPERATOR = 2
    """It closes a position for a flatten; its strategy can't change or cancel it."""
    SQUARE_OFF = 3
    """The broker's own."""
    PAID_SQUARE_OFF = 4
    """Its fee is due when it executes."""


class OrderRole(IntEnum):
    """An order's part in a bracket."""

    NONE = 0
    ENTRY = 1
    STOP = 2
    TARGET = 3


class Hook(IntEnum):
    """Hooks called from the queue; on_tick and on_bar of input bars are called directly."""

    BAR = 0
    TIME = 1
    FILL = 2
    ORDER = 3
    SESSION = 4


class SettledBy(IntEnum):
    """What a contract's settlement price was taken from."""

    NOTHING = 0
    CLOSING = 1
    """A row of its underlying after the close."""
    MEAN = 2
    """The mean of its underlying's rows at the end of trading."""
    LAST = 3
    """Its underlying's last row of the day, which has none so late."""
    OWN = 4
    """Its own last price: the underlying has no row of the day."""
