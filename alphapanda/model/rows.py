"""What goes into the core besides market data (control rows) and what comes out (output rows)."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np

CONTROL_FIELDS = ("at", "ts", "kind", "a", "b", "c", "d")
"""`at`: the market row of the batch before which the control row runs; `a`..`d` by kind."""

OUT_FIELDS = (
    "ts", "cause", "type", "strategy", "row", "order", "group", "qty", "price", "a", "b", "c", "d",
)  # fmt: skip
"""`cause`: the sequence of the input row; `order`: one number from signal to last fill;
`group`: the entry order of the bracket that an order belongs to, 0 for none."""

CONTROL = np.dtype([(name, "<i8") for name in CONTROL_FIELDS])
OUT = np.dtype([(name, "<i8") for name in OUT_FIELDS])


class Control(IntEnum):
    """Kinds of control rows; in brackets what `a`, `b`, `c`, `d` hold."""

    TIME = 0
    """The clock stands at `ts`, nothing else happened."""
    PHASE = 1
    """A session group changes phase (group, phase, its end in ns, intraday cut-off in ns)."""
    SQUARE_OFF = 2
    """The broker squares off intraday positions (group)."""
    EXPIRY = 3
    """A contract expires and settles (instrument row)."""
    DAY_END = 4
    """The last session of the day is over: contract note, depository charges (IST day number)."""
    KILL = 5
    """Stop trading and cancel what is open (scope, number within the scope); so on to CANCEL:
    `c` is the command's number in the run, 0 if no operator sent it, `d` when it was asked for."""
    REARM = 6
    """Allow trading again after a KILL."""
    PAUSE = 7
    """Take no new risk, and cancel what adds some."""
    RESUME = 8
    """Allow new risk again after a PAUSE."""
    FLATTEN = 9
    """Pause, cancel everything, then close what is held."""
    CANCEL = 10
    """Cancel one order, whoever placed it (0, its number)."""


class Scope(IntEnum):
    """What a command covers."""

    ACCOUNT = 0
    STRATEGY = 1
    INSTRUMENT = 2


class Out(IntEnum):
    """Types of output rows; `OUT_MEANING` says what `a`..`d` hold in each."""

    SIGNAL = 1
    VALIDATED = 2
    REJECTED = 3
    ORDER = 4
    ACKNOWLEDGED = 5
    MODIFY = 6
    MODIFIED = 7
    TRIGGERED = 8
    CANCEL = 9
    CANCELLED = 10
    EXPIRED = 11
    FILL = 12
    FAILED = 13
    CHARGE = 14
    PNL = 15
    KILLED = 16
    COMMAND = 17
    """A command of an operator begins to act. `strategy` and `row` are those of its scope; of a
    CANCEL they are its order's, -1 if no order of that number works."""


OUT_MEANING: dict[Out, tuple[str, str, str, str]] = {
    Out.SIGNAL: ("trigger", "kind", "tif", "product"),
    Out.VALIDATED: ("trigger", "kind", "tif", "product"),
    Out.REJECTED: ("code", "value", "limit", "kind"),
    Out.ORDER: ("trigger", "kind", "tif", "product"),
    Out.ACKNOWLEDGED: ("trigger", "kind", "tif", "product"),
    Out.MODIFY: ("trigger", "kind", "tif", "product"),
    Out.MODIFIED: ("trigger", "kind", "tif", "product"),
    Out.TRIGGERED: ("trigger", "kind", "tif", "product"),
    Out.CANCEL: ("reason", "kind", "filled", "product"),
    Out.CANCELLED: ("reason", "kind", "filled", "product"),
    Out.EXPIRED: ("reason", "kind", "filled", "product"),
    Out.FILL: ("charges", "realised", "position", "filled"),
    Out.FAILED: ("reason", "kind", "filled", "product"),
    Out.CHARGE: ("kind", "amount", "", ""),
    Out.PNL: ("realised", "unrealised", "charges", "pnl"),
    Out.KILLED: ("code", "scope", "", ""),
    Out.COMMAND: ("verb", "scope", "number", "requested_ns"),
}


class Kind(IntEnum):
    """Order types."""

    MARKET = 0
    LIMIT = 1
    STOP_LIMIT = 2
    """Kite's SL: at the trigger it becomes LIMIT."""
    STOP = 3
    """Kite's SL-M: at the trigger it becomes MARKET with protection."""


class Tif(IntEnum):
    """Time in force."""

    DAY = 0
    IOC = 1


class Reason(IntEnum):
    """Why an order ended without being filled."""

    STRATEGY = 0
    IOC = 1
    SESSION_END = 2
    OCO = 3
    KILLED = 4
    SQUARE_OFF = 5
    EXPIRED = 6
    CIRCUIT = 7
    CAPACITY = 8
    """The order table had no slot for it."""
    PAUSED = 9
    """It adds risk, or more than is left to close, and trading is paused."""
    OPERATOR = 10
    """An operator cancelled it, or flattens its instrument."""
    OVERNIGHT = 11
    """An exit whose day is over; it is sent anew when its session opens again."""


class ChargeKind(IntEnum):
    """Charges booked by a CHARGE row; the rest is booked with its fill."""

    NOTE_ROUNDING = 0
    DEPOSITORY = 1
    SQUARE_OFF = 2


class RejectionCode(IntEnum):
    """Why the risk gate refused a signal; each is one file in `rules/`, but two of the gate."""

    PRICE_BAND = 1
    TICK_SIZE = 2
    LOT_SIZE = 3
    QTY_LIMIT = 4
    VALUE_LIMIT = 5
    OPEN_VALUE_LIMIT = 6
    POSITION_LIMIT = 7
    LOSS_LIMIT = 8
    RATE = 9
    DUPLICATE = 10
    REPEAT_EXEC = 11
    SELF_TRADE = 12
    NO_PROTECTION = 13
    STALE_DATA = 14
    MARKET_CLOSED = 15
    KILLED = 16
    FUNDS = 17
    HOLDINGS = 18
    UNKNOWN_ORDER = 19
    """A cancel or modify names an order that is not open."""
    ORDER_CAPACITY = 20
    """The order table is full."""
    PAUSED = 21
    WRONG_SIDE = 22
    TRIGGER_TICK = 23
    STOP_TICK = 24
    TARGET_TICK = 25


NEVER = (1 << 63) - 1
"""A time that never comes."""


def ints(*names: str) -> np.dtype[Any]:
    """Return a record dtype of int64 fields."""
    return np.dtype([(name, "<i8") for text in names for name in text.split()])


class LimitFill(IntEnum):
    """When a resting limit order fills."""

    THROUGH = 0
    TOUCH = 1
    QUEUE = 2
