"""Output rows as envelopes, and back: one table says how, and nothing else decides.

The same rows of the same feed give the same envelopes however they were cut into batches. Ids of
inputs hash the feed and the row's place in it, ids of outputs the run and their `seq`.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import IntEnum
from functools import lru_cache
from typing import Any, NamedTuple, get_type_hints

import numpy as np

from alphapanda.events.events import (
    PAYLOADS,
    VERSION,
    Charge,
    Envelope,
    EventType,
    Money,
    Text,
    event_id,
)
from alphapanda.model.columns import Columns
from alphapanda.model.commands import Verb
from alphapanda.model.instruments import Product
from alphapanda.model.money import text, to_scaled
from alphapanda.model.rows import (
    OUT,
    OUT_FIELDS,
    OUT_MEANING,
    ChargeKind,
    Control,
    Kind,
    Out,
    Reason,
    RejectionCode,
    ReportKind,
    Scope,
    Tif,
)
from alphapanda.model.texts import (
    AdoptTexts,
    CommandTexts,
    ReportTexts,
    Texts,
    part_id,
    worded,
)

TYPES: dict[Out, EventType] = {
    Out.SIGNAL: EventType.TRADING_SIGNAL,
    Out.VALIDATED: EventType.VALIDATED_SIGNAL,
    Out.REJECTED: EventType.REJECTED_SIGNAL,
    Out.ORDER: EventType.ORDER_PLACED,
    Out.ACKNOWLEDGED: EventType.ORDER_ACKNOWLEDGED,
    Out.MODIFY: EventType.ORDER_MODIFY_SENT,
    Out.MODIFIED: EventType.ORDER_MODIFIED,
    Out.TRIGGERED: EventType.ORDER_TRIGGERED,
    Out.CANCEL: EventType.ORDER_CANCEL_SENT,
    Out.CANCELLED: EventType.ORDER_CANCELLED,
    Out.EXPIRED: EventType.ORDER_EXPIRED,
    Out.FILL: EventType.ORDER_FILLED,
    Out.FAILED: EventType.ORDER_FAILED,
    Out.CHARGE: EventType.CHARGE_BOOKED,
    Out.PNL: EventType.PNL_SNAPSHOT,
    Out.KILLED: EventType.TRADING_STOPPED,
    Out.COMMAND: EventType.COMMAND,
    Out.UNKNOWN: EventType.ORDER_UNKNOWN,
    Out.EXTERNAL_ORDER: EventType.EXTERNAL_ORDER,
    Out.EXTERNAL_POSITION: EventType.EXTERNAL_POSITION,
    Out.BROKER_SESSION: EventType.BROKER_SESSION,
    Out.RECONCILED: EventType.RECONCILED,
    Out.ADOPTED: EventType.ORDER_ADOPTED,
}
"""The event that each type of output row is."""

ENUMS: dict[str, type[IntEnum]] = {
    "kind": Kind, "tif": Tif, "product": Product, "reason": Reason, "code": RejectionCode,
    "scope": Scope,
}  # fmt: skip
ABSENT = {"row": -1}
"""What a row holds in a field that its event does not show; 0 if it is not here."""
OF_ACCOUNT = (Out.EXTERNAL_ORDER, Out.EXTERNAL_POSITION, Out.BROKER_SESSION, Out.RECONCILED)
"""Rows about no strategy."""
ANSWERS = (
    Out.ACKNOWLEDGED, Out.MODIFIED, Out.TRIGGERED, Out.CANCELLED, Out.EXPIRED, Out.FAILED,
    Out.FILL, Out.UNKNOWN, *OF_ACCOUNT,
)  # fmt: skip
"""Rows that say what a report said, with its words and the exchange's time."""
SENT = {Out.ORDER, Out.MODIFY, Out.CANCEL, Out.ADOPTED}
REPORTED = ("trade_id", "broker_order_id", "exchange_ns", "text")
BESIDE: dict[Out, tuple[str, ...]] = {
    Out.COMMAND: ("name", "command", "by", "reason"),
    **dict.fromkeys((*ANSWERS, *SENT), REPORTED),
}
"""Fields of an event that its row does not hold."""

ENDED = (Out.REJECTED, Out.CANCELLED, Out.EXPIRED, Out.FAILED)
REMEMBERED = 1024
"""Ended orders whose chain is kept: the exits of a bracket follow their entry's last fill."""


class Field(NamedTuple):
    """A payload's field: which field of the row holds it, and how it is written."""

    name: str
    column: int
    write: Callable[[int], Any]
    read: Callable[[Any], int]


class Chain(NamedTuple):
    """An event's place among its causes."""

    correlation: str
    last: str


class Inputs:
    """The ids of a batch's inputs by their `cause`, the sequence that output rows name."""

    def __init__(
        self, feed: str, before: Position, batch: Columns, controls: Any,
        texts: Sequence[Texts] = (),
    ) -> None:  # fmt: skip
        self._feed = feed
        self._before = before
        self._batch = batch
        self._controls = controls
        self._texts = texts
        self._at = before.cause + 1 + controls["at"] + np.arange(len(controls))
        self._parts: Counter[int] = Counter()

    def id(self, cause: int) -> str:
        """Return the id of the input that stands behind an output row."""
        place = self.place(cause)
        if place is None:
            return self._before.input
        kind, number = place
        if kind == "control":
            ts = int(self._controls["ts"][number])
            return event_id(ts, self._feed, kind, self._before.controls + number)
        return tick_id(self._feed, self._before.rows + number, int(self._batch.ts[number]))

    def place(self, cause: int) -> tuple[str, int] | None:
        """Return which `control` or `market` row of the batch a cause is; None: it came before."""
        if cause <= self._before.cause:
            return None
        number = int(np.searchsorted(self._at, cause))
        if number < len(self._at) and self._at[number] == cause:
            return "control", number
        return "market", cause - self._before.cause - 1 - number

    def command(self, cause: int) -> CommandTexts:
        """Return what the command behind an output row says in words."""
        found = self._given(cause)
        if isinstance(found, AdoptTexts):
            return CommandTexts(found.command, found.by, found.reason)
        return found if isinstance(found, CommandTexts) else CommandTexts("")

    def adopted(self, cause: int) -> str:
        """Return the broker's number of the order that the command behind a row takes over."""
        found = self._given(cause)
        return found.broker_order_id if isinstance(found, AdoptTexts) else ""

    def _given(self, cause: int) -> Texts | None:
        place = self.place(cause)
        assert place is not None, "a command is of its own batch"
        return self._words(place[1])

    def report(self, kind: Out, cause: int, order: int) -> dict[str, Any]:
        """Return what the report that an output row repeats says beside it; nothing of others."""
        place = self.place(cause)
        if place is None or place[0] != "control":
            return {}
        row = self._controls[place[1]]
        if row["kind"] != Control.REPORT or row["b"] != order:
            return {}
        if kind == Out.UNKNOWN and row["a"] != ReportKind.UNKNOWN:
            return {}
        found = self._words(place[1])
        words = found._asdict() if isinstance(found, ReportTexts) else {}
        if kind == Out.FILL and row["a"] == ReportKind.SQUARED_OFF:
            self._parts[cause] += 1
            words["trade_id"] = part_id(words["trade_id"], self._parts[cause])
        return {"exchange_ns": int(row["d"]), **words}

    def _words(self, control: int) -> Texts | None:
        number = int(worded(self._controls[:control]).sum())
        return self._texts[number] if number < len(self._texts) else None

    def after(self) -> Position:
        """Return the position behind the batch."""
        cause = self._before.cause + self._batch.rows + len(self._controls)
        last = self.id(cause)
        return Position(
            cause, self._before.rows + self._batch.rows,
            self._before.controls + len(self._controls), last,
        )  # fmt: skip


class Position(NamedTuple):
    """How much of its inputs a run has taken, and the id of the last."""

    cause: int = 0
    rows: int = 0
    controls: int = 0
    input: str = ""


def tick_id(feed: str, feed_seq: int, ts: int) -> str:
    """Return the id of a market row, the same in every run that reads the feed."""
    return event_id(ts, feed, feed_seq)


class Translator:
    """Makes the envelopes of one run, in order."""

    def __init__(
        self, run_id: str, *, broker: str, feed: str, strategies: Sequence[str],
        instruments: Sequence[str],
    ) -> None:  # fmt: skip
        self.run_id = run_id
        self.broker = broker
        self.feed = feed
        self.strategies = strategies
        self.instruments = instruments
        self.position = Position(input=event_id(0, feed))
        self.seq = 0
        self._fields = fields_of(strategies, instruments)
        self._open: dict[int, tuple[Chain, int]] = {}
        self._ended: OrderedDict[int, Chain] = OrderedDict()
        self._last: tuple[int, Chain] = (-1, Chain("", ""))

    def take(
        self, rows: Any, batch: Columns, controls: Any, texts: Sequence[Texts] = ()
    ) -> list[Envelope]:
        """Return the envelopes of the rows that a batch brought forth.

        `texts`: what the commands among its control rows say in words, in order.
        """
        inputs = Inputs(self.feed, self.position, batch, controls, texts)
        made = [self._envelope(row, inputs) for row in rows.tolist()]
        self.position = inputs.after()
        return made

    def skip(self, envelopes: Iterable[Envelope], batch: Columns, controls: Any) -> None:
        """Go on behind a batch whose envelopes were made before, as if they were made now."""
        for envelope in envelopes:
            kind = OUTS[envelope.type]
            row = row_of(envelope, self._fields[kind])
            self._note(kind, row, Chain(envelope.correlation_id, envelope.id))
            self.seq = envelope.seq + 1
        self.position = Inputs(self.feed, self.position, batch, controls).after()

    def miss(self, rows: int) -> None:
        """Go on behind rows of the feed that never came: those that follow keep their places."""
        self.position = self.position._replace(rows=self.position.rows + rows)

    def _envelope(self, row: tuple[int, ...], inputs: Inputs) -> Envelope:
        kind = Out(row[TYPE])
        before = self._chain(kind, row, inputs)
        own = event_id(row[TS], self.run_id, self.seq)
        self._note(kind, row, Chain(before.correlation, own))
        values = {f.name: f.write(row[f.column]) for f in self._fields[kind]}
        if kind == Out.COMMAND:
            name = values["strategy"] or values["instrument"] or ""
            values |= {"name": name, **inputs.command(row[CAUSE])._asdict()}
        elif kind == Out.ADOPTED:
            values["broker_order_id"] = inputs.adopted(row[CAUSE])
        elif kind in ANSWERS:
            payload = PAYLOADS[TYPES[kind]].__struct_fields__
            said = inputs.report(kind, row[CAUSE], row[ORDER])
            values |= {name: value for name, value in said.items() if name in payload}
        made = Envelope(
            id=own, type=TYPES[kind], ts=row[TS], key=self._key(kind, row, values), source="core",
            version=VERSION, broker=self.broker, run_id=self.run_id, seq=self.seq,
            correlation_id=before.correlation, causation_id=before.last,
            trace_id=before.correlation.replace("-", ""), data=PAYLOADS[TYPES[kind]](**values),
        )  # fmt: skip
        self.seq += 1
        return made

    # An order's chain begins with the input behind its signal. The P&L that a fill makes, and what
    # a refusal or a command stops, follow directly and belong to it.
    def _chain(self, kind: Out, row: tuple[int, ...], inputs: Inputs) -> Chain:
        order, group = row[ORDER], row[GROUP]
        if order != 0 and kind not in (Out.SIGNAL, Out.COMMAND):
            for number in (order, group):
                if number in self._open:
                    return self._open[number][0]
                if number in self._ended:
                    return self._ended[number]
        if kind == Out.KILLED or (kind == Out.PNL and self._last[0] == Out.FILL):
            if self._last[0] in (Out.FILL, Out.REJECTED, Out.COMMAND):
                return self._last[1]
        source = inputs.id(row[CAUSE])
        return Chain(source, source)

    def _note(self, kind: Out, row: tuple[int, ...], own: Chain) -> None:
        order = row[ORDER]
        self._last = (kind, own)
        if order == 0 or kind in (Out.PNL, Out.CHARGE, Out.KILLED, Out.COMMAND):
            return
        _, wanted = self._open.get(order, (own, 0))
        if kind in (Out.SIGNAL, Out.ORDER, Out.ADOPTED, Out.MODIFIED):
            wanted = row[QTY]
        self._open[order] = (own, wanted)
        if kind in ENDED or (kind == Out.FILL and row[FILLED] == wanted):
            del self._open[order]
            self._ended[order] = own
            if len(self._ended) > REMEMBERED:
                self._ended.popitem(last=False)

    def _key(self, kind: Out, row: tuple[int, ...], values: Mapping[str, Any]) -> str:
        match kind:
            case Out.SIGNAL | Out.VALIDATED | Out.REJECTED:
                key = f"{values['strategy']}:{values['instrument']}"
            case Out.PNL | Out.CHARGE:
                key = str(values["strategy"])
            case Out.KILLED | Out.BROKER_SESSION | Out.RECONCILED:
                key = self.run_id
            case Out.COMMAND:
                key = str(values["scope"])
            case Out.EXTERNAL_ORDER:
                key = f"{self.run_id}:{values.get('broker_order_id', '')}"
            case Out.EXTERNAL_POSITION:
                key = values["instrument"] or self.run_id
            case _:
                key = f"{self.run_id}:{row[ORDER]}"
        return key


def rows_of(
    envelopes: Iterable[Envelope], strategies: Sequence[str], instruments: Sequence[str]
) -> Any:
    """Return the output rows that envelopes of a core were made of."""
    fields = fields_of(strategies, instruments)
    rows = [row_of(envelope, fields[OUTS[envelope.type]]) for envelope in envelopes]
    return np.array(rows, np.int64).reshape(-1, len(OUT_FIELDS)).view(OUT).reshape(-1)


def row_of(envelope: Envelope, fields: Sequence[Field]) -> tuple[int, ...]:
    """Return the output row that an envelope was made of."""
    row = list(EMPTY)
    row[TS], row[TYPE] = envelope.ts, OUTS[envelope.type]
    if row[TYPE] in OF_ACCOUNT:
        row[STRATEGY] = -1
    for field in fields:
        row[field.column] = field.read(getattr(envelope.data, field.name))
    return tuple(row)


def fields_of(
    strategies: Sequence[str], instruments: Sequence[str]
) -> Mapping[Out, tuple[Field, ...]]:
    """Return how each type of row is written, by the names of a run; asked for at every batch."""
    return fields_by_names(tuple(strategies), tuple(instruments))


@lru_cache(8)
def fields_by_names(
    strategies: tuple[str, ...], instruments: tuple[str, ...]
) -> Mapping[Out, tuple[Field, ...]]:
    """Return how each type of row is written; looking at the types takes 10 ms."""
    known = {"strategy": names(strategies), "instrument": names(instruments)}
    made = {}
    for kind, event in TYPES.items():
        hints = get_type_hints(PAYLOADS[event], include_extras=True)
        made[kind] = tuple(
            Field(name, column(kind, name), *writing(PAYLOADS[event], name, hint, known))
            for name, hint in hints.items()
            if name not in BESIDE.get(kind, ())
        )
    return made


def column(kind: Out, name: str) -> int:
    """Return which field of a row of this type holds a payload's field."""
    if name in OUT_MEANING[kind]:
        return OUT_FIELDS.index("abcd"[OUT_MEANING[kind].index(name)])
    return OUT_FIELDS.index("row" if name == "instrument" else name)


Writing = tuple[Callable[[int], Any], Callable[[Any], int]]


def writing(payload: type, name: str, hint: Any, known: Mapping[str, Writing]) -> Writing:
    """Return how a field is written, and how it is read."""
    if name in known:
        return known[name]
    if name == "verb":
        return lambda number: Verb[Control(number).name].value, lambda text: Verb(text).control
    if hint == Money:
        return text, to_scaled
    if hint == Text:
        members = ChargeKind if payload is Charge else ENUMS[name]
        return {int(m): m.name for m in members}.__getitem__, lambda text: int(members[text])
    return int, int


def names(values: Sequence[str]) -> Writing:
    """Return how numbers of strategies or instruments are written: null for none of them."""
    numbers = {name: number for number, name in enumerate(values)}
    return (
        lambda number: values[number] if 0 <= number < len(values) else None,
        lambda name: -1 if name is None else numbers[name],
    )


OUTS = {event: out for out, event in TYPES.items()}
TS, CAUSE, TYPE, STRATEGY, ORDER, GROUP, QTY = (
    OUT_FIELDS.index(name) for name in ("ts", "cause", "type", "strategy", "order", "group", "qty")
)
FILLED = column(Out.FILL, "filled")
EMPTY = tuple(ABSENT.get(name, 0) for name in OUT_FIELDS)
