"""Orders and positions as the journals of runs have them, for whoever lays a broker's beside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from alphapanda.events.events import Envelope, EventType, decode
from alphapanda.journal.journal import Journal
from alphapanda.model.calendar import ist_date

STATES = {
    EventType.ORDER_PLACED: "SENT", EventType.ORDER_ADOPTED: "SENT",
    EventType.ORDER_ACKNOWLEDGED: "WORKING",
    EventType.ORDER_TRIGGERED: "WORKING", EventType.ORDER_MODIFIED: "WORKING",
    EventType.ORDER_UNKNOWN: "UNKNOWN", EventType.ORDER_CANCELLED: "CANCELLED",
    EventType.ORDER_EXPIRED: "EXPIRED", EventType.ORDER_FAILED: "FAILED",
}  # fmt: skip
OVER = ("FILLED", "CANCELLED", "EXPIRED", "FAILED")


@dataclass(slots=True)
class KeptOrder:
    """An order of a run; quantities are signed."""

    run: str
    """The run's folder name."""
    order: int
    instrument: str
    product: str
    qty: int
    day: date
    state: str = "SENT"
    filled: int = 0
    broker_order_id: str = ""


@dataclass
class KeptBooks:
    """What runs have sent and hold."""

    orders: dict[tuple[str, int], KeptOrder] = field(default_factory=dict)
    positions: dict[tuple[str, str, str], int] = field(default_factory=dict)
    """Signed quantity by run and strategy (as one name), instrument and product."""
    _products: dict[tuple[str, str], str] = field(default_factory=dict)

    def take(self, run: str, event: Envelope) -> None:
        """Take in one event of a run."""
        if event.type == EventType.ORDER_FILLED:
            self._fill(run, event)
        elif event.type in STATES:
            self._move(run, event)

    def held(self) -> dict[tuple[str, str], int]:
        """Return the signed quantity by instrument and product, of all runs together."""
        found: dict[tuple[str, str], int] = {}
        for (_, instrument, product), qty in self.positions.items():
            found[instrument, product] = found.get((instrument, product), 0) + qty
        return {key: qty for key, qty in found.items() if qty}

    def of_day(self, day: date) -> list[KeptOrder]:
        """Return the orders that were sent on a day."""
        return [one for one in self.orders.values() if one.day == day]

    def _move(self, run: str, event: Envelope) -> None:
        data, key = event.data, (run, event.data.order)
        if event.type in (EventType.ORDER_PLACED, EventType.ORDER_ADOPTED):
            self.orders[key] = KeptOrder(
                run, data.order, data.instrument, data.product, data.qty, ist_date(event.ts)
            )
            self._products[f"{run} {data.strategy}", data.instrument] = data.product
        order = self.orders.get(key)
        if order is None:
            return
        order.state = STATES[event.type]
        order.broker_order_id = data.broker_order_id or order.broker_order_id
        if event.type == EventType.ORDER_MODIFIED:
            order.qty = data.qty

    def _fill(self, run: str, event: Envelope) -> None:
        data, owner = event.data, f"{run} {event.data.strategy}"
        product = self._products.get((owner, data.instrument), "")
        self.positions[owner, data.instrument, product] = data.position
        order = self.orders.get((run, data.order))
        if order is not None:
            order.filled += data.qty
            order.broker_order_id = data.broker_order_id or order.broker_order_id
            if order.state not in OVER:
                order.state = "FILLED" if order.filled == order.qty else "WORKING"


def books_of(journals: Iterable[Journal]) -> KeptBooks:
    """Return what runs have sent and hold, by their journals."""
    books = KeptBooks()
    for journal in journals:
        run = journal.contents.path.parent.name
        for batch in journal.batches():
            for line in batch.envelopes:
                if b'"order_' in line:
                    books.take(run, decode(line))
    return books
