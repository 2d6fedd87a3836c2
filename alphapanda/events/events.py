"""Events as others read them: types, payloads, the envelope around them, and their JSON.

An envelope's `version` is that of its type's payload. Fields may be added to a payload, with a
default, and readers skip what they do not know; a field that goes, or means something else, makes
a new version (docs/adr/012). Money and prices are decimal strings in rupees, quantities signed
ints, times ns UTC.

Over 400 lines: the payloads are one list, which the table of topics follows.
"""

from __future__ import annotations

from enum import StrEnum
from hashlib import blake2b
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
from msgspec import UNSET, Meta, UnsetType

from alphapanda.errors import AlphaPandaError

VERSION = 1
"""The version of every payload so far."""

SHARED = "shared"
"""In place of a broker, in events of the market."""


Money = Annotated[str, Meta(pattern=r"^-?[0-9]{1,15}\.[0-9]{2,4}$")]
Int = Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
Count = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
Text = Annotated[str, Meta(min_length=1, max_length=200)]
Short = Annotated[str, Meta(max_length=200)]
"""As `Text`, or nothing."""
Long = Annotated[str, Meta(max_length=20_000)]
"""What people or programs said: no longer than a line of the log."""


class EventError(AlphaPandaError):
    """Bytes that are no event: not JSON, an unknown type or version, a field out of place."""


class Broker(StrEnum):
    """Who takes the orders."""

    REPLAY = "replay"
    PAPER = "paper"
    ZERODHA = "zerodha"


class RunStatus(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    """Its journal has no end: it runs, or it was killed."""
    ENDED = "ended"
    RECOVERED = "crashed-recovered"
    """It was killed once, went on, and ended."""
    QUARANTINED = "quarantined"
    """Its journal is damaged before its end."""


class FeedStatus(StrEnum):
    """How a feed stands."""

    BEGUN = "begun"
    ENDED = "ended"


class EventType(StrEnum):
    """Every type of event there is."""

    MARKET_TICK = "market_tick"
    MARKET_BAR = "market_bar"
    FEED_STATE = "feed_state"
    FEED_GAP = "feed_gap"
    SESSION_PHASE = "session_phase"
    TRADING_SIGNAL = "trading_signal"
    VALIDATED_SIGNAL = "validated_signal"
    REJECTED_SIGNAL = "rejected_signal"
    ORDER_PLACED = "order_placed"
    ORDER_MODIFY_SENT = "order_modify_sent"
    ORDER_CANCEL_SENT = "order_cancel_sent"
    ORDER_ACKNOWLEDGED = "order_acknowledged"
    ORDER_MODIFIED = "order_modified"
    ORDER_TRIGGERED = "order_triggered"
    ORDER_FILLED = "order_filled"
    ORDER_CANCELLED = "order_cancelled"
    ORDER_EXPIRED = "order_expired"
    ORDER_FAILED = "order_failed"
    CHARGE_BOOKED = "charge_booked"
    PNL_SNAPSHOT = "pnl_snapshot"
    COMMAND = "command"
    TRADING_STOPPED = "trading_stopped"
    ORDER_UNKNOWN = "order_unknown"
    EXTERNAL_ORDER = "external_order"
    EXTERNAL_POSITION = "external_position"
    BROKER_SESSION = "broker_session"
    RECONCILED = "reconciled"
    ORDER_ADOPTED = "order_adopted"
    RUN_STATE = "run_state"
    SYSTEM_ERROR = "system_error"


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """What an event says beyond its envelope."""


class Tick(Payload, frozen=True, kw_only=True):
    """A trade or quote as the feed gave it; `feed_seq` counts the rows of the feed from 0."""

    instrument: Text
    feed_seq: Count
    last: Money
    qty: Int = 0
    volume: Count = 0
    bid: Money = "0.00"
    bid_qty: Count = 0
    ask: Money = "0.00"
    ask_qty: Count = 0
    oi: Count = 0


class Bar(Payload, frozen=True, kw_only=True):
    """A bar, at its end."""

    instrument: Text
    feed_seq: Count
    open: Money
    high: Money
    low: Money
    close: Money
    volume: Count = 0
    oi: Count = 0


class Listing(Payload, frozen=True, kw_only=True, omit_defaults=True):
    """An instrument of a feed, as it was known when the feed began."""

    name: Text
    exchange: Text
    segment: Text
    tick_size: Money
    lot_size: Count
    token: Count = 0
    freeze_quantity: Count = 0
    expiry: Short = ""
    strike: Money = "0.00"
    option_type: Text = "NONE"
    underlying: Short = ""
    has_derivatives: bool = False
    lower_circuit: Money = "0.00"
    upper_circuit: Money = "0.00"
    has_volume: bool = True


class FeedState(Payload, frozen=True, kw_only=True):
    """A feed begins with row 0, or has ended with row `last`; what its rows are, in both.

    `names` are those of the data, in the order of `instruments`; `columns` those that rows have.
    """

    feed: Text
    status: Text
    kind: Text
    interval_ns: Count
    columns: tuple[Text, ...]
    names: tuple[Text, ...]
    instruments: tuple[Listing, ...]
    days: tuple[Text, ...]
    rows: Count | None = None
    last: Int = -1


class FeedGap(Payload, frozen=True, kw_only=True, omit_defaults=True):
    """Rows `first` to `last` of a feed never came.

    Of a live feed nobody knows how many: `last` is before `first`, the row behind the gap, and the
    times are those of the rows around it.
    """

    feed: Text
    first: Int
    last: Int
    after_ns: Count = 0
    before_ns: Count = 0
    instruments: Count = 0
    why: Short = ""


class SessionPhase(Payload, frozen=True, kw_only=True):
    """A session group changes phase; `until` is when the phase ends."""

    group: Short
    phase: Text
    until: Count


class Signal(Payload, frozen=True, kw_only=True, omit_defaults=True):
    """What a strategy wants; `order` numbers it from here to its last fill.

    `tag` is the word by which the strategy says why.
    """

    cause: Count
    strategy: Text
    instrument: Text
    order: Count
    qty: Int
    price: Money
    trigger: Money
    kind: Text
    tif: Text
    product: Text
    tag: Text = ""


class Rejection(Payload, frozen=True, kw_only=True):
    """A signal that a risk rule refused: the rule's code, the value it saw, its limit."""

    cause: Count
    strategy: Text
    instrument: Text
    order: Count
    qty: Int
    price: Money
    code: Text
    value: Int
    limit: Int
    kind: Int


class Order(Payload, frozen=True, kw_only=True, omit_defaults=True):
    """An order's terms; `group` is the entry order of its bracket, 0 for none.

    What a broker reported has its number there, and the exchange's time (0 where it is not known).
    """

    cause: Count
    strategy: Text
    instrument: Text
    order: Count
    group: Count
    qty: Int
    price: Money
    trigger: Money
    kind: Text
    tif: Text
    product: Text
    broker_order_id: Short = ""
    exchange_ns: Count = 0


class OrderEnd(Payload, frozen=True, kw_only=True, omit_defaults=True):
    """Why what is left of an order (`qty`) will not be filled, or is asked not to be.

    `text` is what a broker said of it.
    """

    cause: Count
    strategy: Text
    instrument: Text
    order: Count
    group: Count
    qty: Int
    price: Money
    reason: Text
    kind: Text
    filled: Int
    product: Text
    broker_order_id: Short = ""
    exchange_ns: Count = 0
    text: Long = ""


class OrderUnknown(Payload, frozen=True, kw_only=True, omit_defaults=True):
    """Whether an order works at the exchange is not known; `qty` of it may still be filled."""

    cause: Count
    strategy: Text
    instrument: Text
    order: Count
    group: Count
    qty: Int
    price: Money
    trigger: Money
    kind: Text
    filled: Int
    product: Text
    broker_order_id: Short = ""
    exchange_ns: Count = 0
    text: Long = ""


class Fill(Payload, frozen=True, kw_only=True, omit_defaults=True):
    """A fill: signed quantity, its charges, the P&L it realised before them, what is held after.

    At a broker it is one trade, of that `trade_id` on the exchange's day.
    """

    cause: Count
    strategy: Text
    instrument: Text
    order: Count
    group: Count
    qty: Int
    price: Money
    charges: Money
    realised: Money
    position: Int
    filled: Int
    trade_id: Short = ""
    broker_order_id: Short = ""
    exchange_ns: Count = 0


class ExternalOrder(Payload, frozen=True, kw_only=True, omit_defaults=True):
    """An order in the account that no run of ours sent; null: none of the run's instruments."""

    cause: Count
    instrument: Short | None
    qty: Int
    price: Money
    broker_order_id: Short = ""
    exchange_ns: Count = 0
    text: Long = ""


class ExternalPosition(Payload, frozen=True, kw_only=True, omit_defaults=True):
    """A position in the account that is not ours; `price` is what it cost on average."""

    cause: Count
    instrument: Short | None
    qty: Int
    price: Money
    exchange_ns: Count = 0
    text: Long = ""


class BrokerSession(Payload, frozen=True, kw_only=True, omit_defaults=True):
    """The broker's side takes no new risk (`blocked` 1) for the reason `code`, or again does (0).

    On an instrument, or, where that is null, of the account.
    """

    cause: Count
    instrument: Short | None
    code: Text
    blocked: Int
    exchange_ns: Count = 0
    text: Long = ""


class Reconciled(Payload, frozen=True, kw_only=True, omit_defaults=True):
    """Broker and journal were compared; `qty` things differ, and `text` says which."""

    cause: Count
    qty: Int
    exchange_ns: Count = 0
    text: Long = ""


class Charge(Payload, frozen=True, kw_only=True):
    """A charge that belongs to no fill."""

    cause: Count
    strategy: Text
    instrument: Text
    kind: Text
    amount: Money


class Pnl(Payload, frozen=True, kw_only=True):
    """A strategy's P&L since the start of the run; `pnl = realised + unrealised - charges`."""

    cause: Count
    strategy: Text
    realised: Money
    unrealised: Money
    charges: Money
    pnl: Money


class Command(Payload, frozen=True, kw_only=True, omit_defaults=True):
    """A command of an operator begins to act; `verb` is a `Verb` (docs/adr/017).

    `strategy` or `instrument` is that of its scope, and `name` repeats it; the account has none. A
    cancel has those of its `order`, none if no order of that number works. `number` counts the
    run's commands, `command` is its id, `by` and `reason` are the sender's own words.
    """

    verb: Text
    scope: Text
    name: Short = ""
    cause: Count = 0
    strategy: Short | None = None
    instrument: Short | None = None
    order: Int = 0
    number: Int = 0
    requested_ns: Int = 0
    command: Short = ""
    by: Long = ""
    reason: Long = ""


class Stopped(Payload, frozen=True, kw_only=True):
    """Trading was stopped: of a strategy, an instrument, or (both null) the account."""

    cause: Count
    strategy: Short | None
    instrument: Short | None
    code: Int
    scope: Text


class RunState(Payload, frozen=True, kw_only=True):
    """A run starts, or has ended."""

    status: Text
    digest: Short = ""
    note: Long = ""
    manifest: dict[str, Any] | UnsetType = UNSET
    """Of a run that starts: what `journal/published.py` lets out of its manifest."""


class PartFailure(Payload, frozen=True, kw_only=True):
    """A part of the system failed."""

    part: Text
    message: Long


PAYLOADS: dict[EventType, type[Payload]] = {
    EventType.MARKET_TICK: Tick,
    EventType.MARKET_BAR: Bar,
    EventType.FEED_STATE: FeedState,
    EventType.FEED_GAP: FeedGap,
    EventType.SESSION_PHASE: SessionPhase,
    EventType.TRADING_SIGNAL: Signal,
    EventType.VALIDATED_SIGNAL: Signal,
    EventType.REJECTED_SIGNAL: Rejection,
    EventType.ORDER_PLACED: Order,
    EventType.ORDER_MODIFY_SENT: Order,
    EventType.ORDER_CANCEL_SENT: OrderEnd,
    EventType.ORDER_ACKNOWLEDGED: Order,
    EventType.ORDER_MODIFIED: Order,
    EventType.ORDER_TRIGGERED: Order,
    EventType.ORDER_FILLED: Fill,
    EventType.ORDER_CANCELLED: OrderEnd,
    EventType.ORDER_EXPIRED: OrderEnd,
    EventType.ORDER_FAILED: OrderEnd,
    EventType.CHARGE_BOOKED: Charge,
    EventType.PNL_SNAPSHOT: Pnl,
    EventType.COMMAND: Command,
    EventType.TRADING_STOPPED: Stopped,
    EventType.ORDER_UNKNOWN: OrderUnknown,
    EventType.EXTERNAL_ORDER: ExternalOrder,
    EventType.EXTERNAL_POSITION: ExternalPosition,
    EventType.BROKER_SESSION: BrokerSession,
    EventType.RECONCILED: Reconciled,
    EventType.ORDER_ADOPTED: Order,
    EventType.RUN_STATE: RunState,
    EventType.SYSTEM_ERROR: PartFailure,
}


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """An event with its place in the run. `seq` counts a run's outputs from 0; -1 for others.

    `correlation_id` is the first event of the chain (the tick), `causation_id` the one just before.
    """

    id: Text
    type: EventType
    ts: Count
    key: Text
    source: Text
    version: Int
    broker: Text
    run_id: Short
    seq: Int
    correlation_id: Text
    causation_id: Short
    trace_id: Text
    data: Any


def alone(
    kind: EventType, own: str, ts: int, *, key: str, source: str, data: Payload,
    broker: str = SHARED, run_id: str = "",
) -> Envelope:  # fmt: skip
    """Return an event outside a run's sequence, which begins a chain of its own."""
    return Envelope(
        id=own, type=kind, ts=ts, key=key, source=source, version=VERSION, broker=broker,
        run_id=run_id, seq=-1, correlation_id=own, causation_id="",
        trace_id=own.replace("-", ""), data=data,
    )  # fmt: skip


class _Bare(Envelope, frozen=True, kw_only=True):
    data: msgspec.Raw


_ENCODER = msgspec.json.Encoder()
_BARE = msgspec.json.Decoder(_Bare)
_DATA = {kind: msgspec.json.Decoder(payload) for kind, payload in PAYLOADS.items()}
_FIELDS = [field for field in Envelope.__struct_fields__ if field != "data"]


def encode(envelope: Envelope) -> bytes:
    """Return an envelope as JSON."""
    return _ENCODER.encode(envelope)


def decode(text: bytes) -> Envelope:
    """Return the envelope that JSON holds.

    Raises:
        EventError: if it is none, with what is wrong and where.
    """
    try:
        bare = _BARE.decode(text)
        if bare.version != VERSION:
            raise EventError(f"{bare.type} of version {bare.version}; known is {VERSION}")
        data = _DATA[bare.type].decode(bare.data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EventError(f"not an event: {error}") from error
    return Envelope(**{name: getattr(bare, name) for name in _FIELDS}, data=data)


def event_id(ts: int, *parts: str | int) -> str:
    """Return an id in the layout of a UUIDv7: ms of `ts`, the rest a hash of the parts."""
    hashed = int.from_bytes(blake2b(repr(parts).encode(), digest_size=10).digest(), "big")
    number = (max(ts, 0) // 1_000_000 & (1 << 48) - 1) << 80 | hashed
    number = number & ~(0xF << 76) | 7 << 76
    text = f"{number & ~(0x3 << 62) | 2 << 62:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def schema() -> dict[str, Any]:
    """Return the JSON Schema of all envelopes: one definition for each type of event."""
    hints = get_type_hints(Envelope, include_extras=True)
    kinds = []
    for kind, payload in PAYLOADS.items():
        own = {"type": Literal[kind.value], "version": Literal[VERSION], "data": payload}
        fields: list[Any] = [(name, own.get(name, hint)) for name, hint in hints.items()]
        kinds.append(msgspec.defstruct(str(kind), fields, kw_only=True))
    schemas, parts = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Alpha Panda event envelope",
        "oneOf": list(schemas),
        "$defs": parts,
    }
