"""Output rows as payloads of events, and back: one table says how, and nothing else decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import IntEnum
from functools import lru_cache
from typing import Any, NamedTuple, get_type_hints

import numpy as np

from alphapanda.events.events import PAYLOADS, Charge, Envelope, EventType, Money, Text
from alphapanda.model.commands import Verb
from alphapanda.model.instruments import Product
from alphapanda.model.limits import RejectionCode
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
    Scope,
    Tif,
)
from alphapanda.model.tags import read_tag, tag_text

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
COLUMNS = {"instrument": "row", "tag": "group"}
"""Fields of rows that events call otherwise."""
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


class Field(NamedTuple):
    """A payload's field: which field of the row holds it, and how it is written."""

    name: str
    column: int
    write: Callable[[int], Any]
    read: Callable[[Any], int]


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
    return OUT_FIELDS.index(COLUMNS.get(name, name))


Writing = tuple[Callable[[int], Any], Callable[[Any], int]]


def writing(payload: type, name: str, hint: Any, known: Mapping[str, Writing]) -> Writing:
    """Return how a field is written, and how it is read."""
    if name in known:
        return known[name]
    if name == "verb":
        return lambda number: Verb[Control(number).name].value, lambda text: Verb(text).control
    if name == "tag":
        return tag_text, read_tag
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
