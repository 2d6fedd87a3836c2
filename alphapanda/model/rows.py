"""What goes into the core besides market data (control rows) and what comes out (output rows)."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np

NARROW_FIELDS = ("at", "ts", "kind", "a", "b", "c", "d")
CONTROL_FIELDS = (*NARROW_FIELDS, "row", "qty", "price", "trigger", "reason")
"""`at`: the market row of the batch before which the control row runs; `a`..`d` by kind; what
comes behind them is of a REPORT or an ADOPT alone."""

OUT_FIELDS = (
    "ts", "cause", "type", "strategy", "row", "order", "group", "qty", "price", "a", "b", "c", "d",
)  # fmt: skip
"""`cause`: the sequence of the input row; `order`: one number from signal to last fill;
`group`: the entry order of the bracket that an order belongs to, 0 for none; of a SIGNAL and a
VALIDATED, which are of no order yet, the number of its tag (`model/tags.py`)."""

CONTROL = np.dtype([(name, "<i8") for name in CONTROL_FIELDS])
NARROW = np.dtype([(name, "<i8") for name in NARROW_FIELDS])
"""A control row without what only a REPORT or an ADOPT has; so a journal keeps batches that have
none."""
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
    """Stop trading and cancel what is open (scope, number within the scope); so on to CANCEL, and
    in ADOPT: `c` is the command's number in the run, 0 if no operator sent it, `d` when it was
    asked for."""
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
    REPORT = 11
    """The broker says something (`ReportKind`, number of the order or 0); `c` is the report's
    number in the run, `d` when it happened by the exchange's clock, 0 if that is not known."""
    ADOPT = 12
    """An order that the broker has becomes a strategy's (scope STRATEGY, its number; row; qty, the
    signed total; price; trigger; in `reason` its product)."""


class ReportKind(IntEnum):
    """What a report says; in brackets what it carries besides its order and times."""

    ACKNOWLEDGED = 0
    """It works at the exchange (broker_order_id)."""
    TRIGGERED = 1
    """A stop has become a limit or market order."""
    FILLED = 2
    """One trade (qty, signed; price; trade_id)."""
    REPLACED = 3
    """A change is in force (qty, the signed total; price; trigger)."""
    CANCELLED = 4
    """What is left of it was cancelled (reason; 0: as was asked, or else by somebody outside)."""
    EXPIRED = 5
    """What is left of it ended with its session."""
    REJECTED = 6
    """It will never be filled (reason, 0 for REJECTED; text)."""
    CHANGE_REJECTED = 7
    """A change or a cancellation did not come about: it stands as it was (reason, text)."""
    UNKNOWN = 8
    """Whether it works at the exchange is not known: the worse is assumed (text)."""
    EXTERNAL_ORDER = 9
    """An order that no run of ours sent (row or -1, qty, price, broker_order_id, text)."""
    EXTERNAL_POSITION = 10
    """A position that is not ours (row or -1; qty; price, its average; text)."""
    BLOCKED = 11
    """No new risk on an instrument (row), or with row -1 on the account (reason, a code from
    AUTH_LOST to PRODUCT_CUTOFF; text). Each reason blocks by itself."""
    UNBLOCKED = 12
    """That reason blocks no more (row or -1; reason)."""
    CIRCUIT = 13
    """The day's circuit limits of an instrument (row; price, the lower; trigger, the upper)."""
    RECONCILED = 14
    """Broker and journal were compared (qty, how many things differ; text)."""
    EARLIER = 15
    """What other runs of the account have earned on a day (qty, scaled; price, the day in India
    since 1970): the day's loss limit is the account's."""
    SQUARED_OFF = 16
    """One trade by which the broker closes what the run holds intraday (row; qty, signed; price;
    reason SQUARE_OFF: its fee is due with it, 0: it is not; broker_order_id, trade_id)."""


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
    UNKNOWN = 18
    """Whether an order works at the exchange is not known; `qty` is what may still be filled."""
    EXTERNAL_ORDER = 19
    EXTERNAL_POSITION = 20
    BROKER_SESSION = 21
    """The broker's side lets no new risk pass (`blocked` 1), or lets it again (0)."""
    RECONCILED = 22
    """Broker and journal were compared; `qty` things differ."""
    ADOPTED = 23
    """An order that the broker has, and nobody here sent, is the strategy's from now on."""


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
    Out.UNKNOWN: ("trigger", "kind", "filled", "product"),
    Out.EXTERNAL_ORDER: ("", "", "", ""),
    Out.EXTERNAL_POSITION: ("", "", "", ""),
    Out.BROKER_SESSION: ("code", "blocked", "", ""),
    Out.RECONCILED: ("", "", "", ""),
    Out.ADOPTED: ("trigger", "kind", "tif", "product"),
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
    REJECTED = 12
    """Broker or exchange refused it, for a reason that has no word here."""
    LAPSED = 13
    """It never reached the broker: nothing was found under its tag."""
    AUTH = 14
    """The broker's session is gone."""
    RATE = 15
    """More messages than the broker takes."""
    IP = 16
    """The broker does not take orders from this address."""
    SYNC = 17
    """What the broker has does not agree with the run."""
    DRY_RUN = 18
    """A rehearsal: nothing was sent."""
    MARGIN = 19
    """The broker finds too little margin."""
    HOLDINGS = 20
    """The broker finds no such holdings, or no authorisation to sell them."""
    EXTERNAL = 21
    """Somebody else ended it: the broker, the exchange, or a person at the terminal."""


class ChargeKind(IntEnum):
    """Charges booked by a CHARGE row; the rest is booked with its fill."""

    NOTE_ROUNDING = 0
    DEPOSITORY = 1
    SQUARE_OFF = 2


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
