"""What orders cost, each as if it alone were traded, as Kite says before one is sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from alphapanda.kitesim.orders import Order, Terms
from alphapanda.model.charges import Note, NoteFill, Schedule, contract_note
from alphapanda.model.instruments import Product


def note_of(terms: Terms, fills: Sequence[tuple[int, int]], day: date) -> Note:
    """Return the charges of an order's fills (quantity, price) by a day's rates, not rounded."""
    schedule, instrument = Schedule.zerodha(), terms.listing.instrument
    product = Product[terms.product] if terms.product in Product.__members__ else Product.CNC
    rates = schedule.rates(
        day, schedule.class_of(instrument, product, day), instrument.exchange
    )._replace(note_rounding=0)
    units = terms.listing.multiplier
    return contract_note(
        [NoteFill(terms.buys, qty * units, price, 1) for qty, price in fills], rates
    )


def of_orders(orders: Iterable[Order], day: date) -> list[dict[str, Any]]:
    """Return the charges of the orders of a day that have traded, scaled.

    Shares that are bought and sold on one day are not netted, and nothing is rounded to rupees: the
    day's contract note does both.
    """
    return [
        {
            "order": order.order_id, "key": order.terms.listing.key, "side": order.terms.side,
            "product": order.terms.product, "tag": order.terms.tag, "day": str(day),
            "qty": order.filled, "value": order.value,
            **note_of(order.terms, order.fills, day)._asdict(),
        }
        for order in orders if order.filled
    ]  # fmt: skip
