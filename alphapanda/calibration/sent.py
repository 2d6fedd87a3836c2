"""A live run as its journal has it: the rows, the orders as they were sent, what became of them.

A change or a cancellation counts where it came about: one that the broker refused, or that came
behind the last fill, never was at the exchange.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alphapanda.errors import UsageError
from alphapanda.events.events import Envelope, EventType, decode
from alphapanda.events.feeds import Feed, kept_in
from alphapanda.events.inputs import Inputs, Position
from alphapanda.journal.journal import Journal
from alphapanda.journal.packing import Batch
from alphapanda.model.calendar import ist_date
from alphapanda.model.columns import Columns
from alphapanda.model.money import to_scaled
from alphapanda.model.rows import CONTROL, Control, Kind, Reason, ReportKind, Tif
from alphapanda.runs.plan import Rules
from alphapanda.runs.rebuild import rules as rules_kept

Int64 = NDArray[np.int64]
Floats = NDArray[np.float64]


class Verb(IntEnum):
    """What happens to an order at a place among the rows."""

    PLACE = 0
    MODIFY = 1
    CANCEL = 2
    """Its cancellation is sent."""
    END = 3
    """It ends at the exchange, and we did not ask for it."""


class Act(NamedTuple):
    """Something that happens to an order, behind so many market rows and control rows."""

    rows: int
    controls: int
    ts: int
    verb: Verb
    order: int
    """Its place among the orders of the run."""
    qty: int = 0
    """Signed; of a MODIFY the new total."""
    price: int = 0
    trigger: int = 0


class SentOrder(NamedTuple):
    """An order as it was sent."""

    number: int
    """In the run."""
    row: int
    ts: int
    kind: Kind
    tif: Tif
    qty: int
    """Signed."""
    price: int
    """Of a market order the worst price that its protection allows."""
    trigger: int


class Filled(NamedTuple):
    """What was filled of each order; arrays as long as the list of orders."""

    qty: Int64
    """Unsigned."""
    value: Int64
    """Of all its fills, scaled."""
    ts: Floats
    """Mean time of what was filled, ns since the order was sent; 0 where nothing was."""


@dataclass(frozen=True)
class LiveRun:
    """One live run; `columns` hold the rows of the instruments that it sent orders for."""

    name: str
    run_id: str
    options: Mapping[str, Any]
    """As its manifest keeps them."""
    feed: Feed
    rules: Rules
    columns: Columns
    controls: Any
    """The phases of its sessions, and circuit limits, placed among the rows."""
    acts: tuple[Act, ...]
    orders: tuple[SentOrder, ...]
    filled: Filled
    away: Mapping[int, str]
    """Orders that never were at the exchange, by their place, and why."""
    missed: int
    """Rows of the feed that never came."""
    simulator: str = ""
    """How fast the day of the simulated exchange passed that it was made at; empty: at a broker."""

    @property
    def days(self) -> list[date]:
        """The day, in India, on which each order was sent."""
        return [ist_date(order.ts) for order in self.orders]


def read_live(path: Path, *, name: str = "") -> LiveRun:
    """Read a live run from its folder.

    Raises:
        UsageError: if there is no journal, or one of a run that sent nothing to a broker.
        DamageError: if the journal is damaged before its end.
    """
    journal = Journal.open(path)
    document = journal.contents.manifest
    if not document.get("sent"):
        raise UsageError(
            f"{path}: a {document['mode']} run, which sent nothing to a broker: there are no live "
            "orders to compare paper fills with; name a run of `alphapanda live` or `rehearse`"
        )
    reading = Reading(kept_in(document))
    for batch in journal.batches():
        reading.take(batch)
    return reading.run(name or path.name, document)


def simulator_of(document: Mapping[str, Any]) -> str:
    """Return how fast the simulated exchange was that a run was made at; empty for a broker's."""
    if "simulator" in document:
        speed = float(document["simulator"]["speed"])
        return f"{speed:g}x" if speed else "in steps"
    simulated = str(document.get("account_id", "")).startswith(SIMULATED)
    return "at a speed that it does not say" if simulated else ""


SIMULATED = "SIM"
"""What the accounts of the simulated exchange begin with."""
VERBS = {
    EventType.ORDER_PLACED: Verb.PLACE, EventType.ORDER_MODIFY_SENT: Verb.MODIFY,
    EventType.ORDER_CANCEL_SENT: Verb.CANCEL, EventType.ORDER_CANCELLED: Verb.END,
    EventType.ORDER_EXPIRED: Verb.END, EventType.ORDER_FAILED: Verb.END,
}  # fmt: skip
SEEN = (EventType.ORDER_ACKNOWLEDGED, EventType.ORDER_MODIFIED, EventType.ORDER_TRIGGERED)
"""Events of an order that is at the exchange, beside those with its number there."""
WORDS = {*VERBS, *SEEN, EventType.ORDER_FILLED, EventType.ORDER_ADOPTED}
UNSENT = "NOT_SENT"
"""Why an order was not at the exchange that its strategy took back before it had left."""


@dataclass
class Reading:
    """Takes a journal batch by batch."""

    feed: Feed
    _columns: list[Columns] = field(default_factory=list)
    _controls: list[Any] = field(default_factory=list)
    _acts: list[Act] = field(default_factory=list)
    _orders: list[SentOrder] = field(default_factory=list)
    _places: dict[int, int] = field(default_factory=dict)
    _fills: list[tuple[int, int, int, int]] = field(default_factory=list)
    _cancels: dict[int, int] = field(default_factory=dict)
    """By order's number, which act asks for its cancellation; likewise ..."""
    _changes: dict[int, int] = field(default_factory=dict)
    """... which asks for the change that is not answered."""
    _seen: set[int] = field(default_factory=set)
    """Numbers of orders that were at the exchange."""
    _adopted: set[int] = field(default_factory=set)
    """Numbers of orders that somebody else sent: nobody knows when, nor at which prices."""
    _void: set[int] = field(default_factory=set)
    """Acts that did not come about."""
    _away: dict[int, str] = field(default_factory=dict)
    _position: Position = field(default_factory=Position)
    _kept: int = 0
    _missed: int = 0

    def __post_init__(self) -> None:
        """Look up the instruments by name."""
        self._rows = {each.name: row for row, each in enumerate(self.feed.instruments)}

    def take(self, batch: Batch) -> None:
        """Take a batch: its rows, and what was said of orders at each of them."""
        inputs = Inputs("", self._position, batch.columns, batch.controls)
        kept = is_kept(batch.controls)
        before = np.concatenate([[0], np.cumsum(kept)])
        for envelope in about_orders(batch):
            market, control = consumed(inputs, envelope.data.cause, batch)
            place = (self._position.rows + market, self._kept + int(before[control]))
            self._note(envelope, place)
        chosen = batch.controls[kept].copy()
        chosen["at"] += self._position.rows
        self._controls.append(chosen)
        self._columns.append(batch.columns)
        self._kept += int(before[-1])
        self._missed += batch.missed
        self._position = inputs.after()

    def _note(self, envelope: Envelope, at: tuple[int, int]) -> None:
        said: Any = envelope.data
        if envelope.type == EventType.ORDER_PLACED:
            self._places[said.order] = len(self._orders)
            self._orders.append(self._order(said, envelope.ts))
        elif envelope.type == EventType.ORDER_ADOPTED:
            self._adopted.add(said.order)
            return
        elif said.order == 0 or said.order in self._adopted:  # 0: the broker's own, or among us
            return
        elif said.order not in self._places:
            raise UsageError(f"the journal speaks of order {said.order}, which it never placed")
        if envelope.type == EventType.ORDER_FILLED:
            ts = said.exchange_ns or envelope.ts
            self._fills.append((self._places[said.order], abs(said.qty), to_scaled(said.price), ts))
        elif envelope.type == EventType.ORDER_MODIFIED:
            self._changes.pop(said.order, None)
        if said.broker_order_id or envelope.type in SEEN:
            self._seen.add(said.order)
        if envelope.type in VERBS:
            self._act(envelope, at)

    def _act(self, envelope: Envelope, at: tuple[int, int]) -> None:
        said: Any = envelope.data
        place, verb = self._places[said.order], VERBS[envelope.type]
        if verb == Verb.END:
            asked = self._cancels.pop(said.order, None)
            if envelope.type == EventType.ORDER_FAILED or said.order not in self._seen:
                back = said.reason == Reason.STRATEGY.name
                self._away[place] = UNSENT if back else said.reason
            elif envelope.type == EventType.ORDER_CANCELLED and asked is not None:
                return
            elif asked is not None:
                self._void.add(asked)
            if said.reason == Reason.IOC.name:
                return
        elif verb == Verb.CANCEL:
            self._cancels.setdefault(said.order, len(self._acts))
        elif verb == Verb.MODIFY:
            if said.order in self._changes:
                self._void.add(self._changes[said.order])
            self._changes[said.order] = len(self._acts)
        self._acts.append(Act(
            *at, envelope.ts, verb, place, said.qty, to_scaled(said.price),
            to_scaled(getattr(said, "trigger", "0.00")),
        ))  # fmt: skip

    def _order(self, said: Any, ts: int) -> SentOrder:
        return SentOrder(
            said.order, self._rows[said.instrument], ts, Kind[said.kind], Tif[said.tif], said.qty,
            to_scaled(said.price), to_scaled(said.trigger),
        )  # fmt: skip

    def run(self, name: str, document: Mapping[str, Any]) -> LiveRun:
        """Return the run, its rows thinned out to the instruments that it sent orders for."""
        columns = joined(self._columns)
        traded = np.zeros(len(self.feed.instruments), bool)
        traded[[order.row for order in self._orders]] = True
        wanted = traded[columns.row]
        after = np.concatenate([[0], np.cumsum(wanted)])
        controls = np.concatenate([*self._controls, np.zeros(0, CONTROL)])
        controls["at"] = after[controls["at"]]
        thinned = Columns._make(column[wanted] if len(column) else column for column in columns)
        traded_at_all = {fill[0] for fill in self._fills}
        away = {n: why for n, why in self._away.items() if n not in traded_at_all}
        void = self._void | {*self._cancels.values()} | {*self._changes.values()}
        acts = tuple(
            act._replace(rows=int(after[act.rows]))
            for number, act in enumerate(self._acts)
            if act.order not in away and number not in void
        )
        return LiveRun(
            name, document["run_id"], document["options"], self.feed, rules_kept(document), thinned,
            controls, acts, tuple(self._orders), filled_of(self._orders, np.array(self._fills)),
            away, self._missed, simulator_of(document),
        )  # fmt: skip


def about_orders(batch: Batch) -> Iterator[Envelope]:
    """Yield what a batch says of orders; the others are not even decoded."""
    for line in batch.envelopes:
        if b'"order_' in line:
            envelope = decode(line)
            if envelope.type in WORDS:
                yield envelope


def is_kept(controls: Any) -> Any:
    """Say of each control row if paper matching needs it: phases, and the day's circuit limits."""
    circuit = (controls["kind"] == Control.REPORT) & (controls["a"] == ReportKind.CIRCUIT)
    return (controls["kind"] == Control.PHASE) | circuit


def consumed(inputs: Inputs, cause: int, batch: Batch) -> tuple[int, int]:
    """Return how many market rows and control rows of a batch lie up to a cause, it included."""
    place = inputs.place(cause)
    if place is None:
        return 0, 0
    kind, number = place
    if kind == "control":
        return int(batch.controls["at"][number]), number + 1
    return number + 1, int(np.searchsorted(batch.controls["at"], number, side="right"))


def joined(parts: list[Columns]) -> Columns:
    """Return batches of rows as one."""
    if not parts:
        return Columns.of()
    return Columns._make(np.concatenate(column) for column in zip(*parts, strict=True))


def filled_of(orders: list[SentOrder] | tuple[SentOrder, ...], fills: Any) -> Filled:
    """Return what was filled of each order, from rows of place, quantity, price and time."""
    count = len(orders)
    place, qty, price, ts = np.asarray(fills, np.int64).reshape(-1, 4).T
    total, value = np.zeros(count, np.int64), np.zeros(count, np.int64)
    np.add.at(total, place, qty)
    np.add.at(value, place, qty * price)
    sent = np.array([order.ts for order in orders], np.int64)
    waited = np.zeros(count)
    np.add.at(waited, place, (ts - sent[place]) * qty.astype(float))
    return Filled(total, value, waited / np.maximum(total, 1))
