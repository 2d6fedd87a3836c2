"""Orders of the account that nobody here sent, and that a person makes a strategy's.

From then on the order is followed as one of ours: its trades, those before too, are booked by
their numbers and prices, and stand no more for somebody else's. Nothing is sent by it.
"""

from __future__ import annotations

from alphapanda.brokers.ports import ForeignOrder, OrderRequest
from alphapanda.brokers.zerodha.orders import foreign
from alphapanda.brokers.zerodha.orders.bodies import (
    KINDS,
    PRODUCTS,
    REGULAR,
    VALIDITIES,
    Terms,
)
from alphapanda.brokers.zerodha.orders.reading import (
    BEFORE,
    KNOWN,
    TRIGGER_PENDING,
    OrderRow,
)
from alphapanda.brokers.zerodha.orders.state import Stage, State, Tracked
from alphapanda.model.calendar import DAY, IST
from alphapanda.model.instruments import Product
from alphapanda.model.rows import Kind, Tif

NAMED = 5
"""Orders that are named where one is not found."""
CODES = {word: product for product, word in PRODUCTS.items()}
STOPS = ("SL", "SL-M")


def find(state: State, order_id: str) -> ForeignOrder | str:
    """Return an order that no run sent, or why it can't be a strategy's."""
    mine = state.by_id.get(order_id)
    if mine is not None:
        return f"{order_id} is order {mine.order} of this run already"
    row = state.foreign.get(order_id)
    if row is None:
        others = sorted(state.foreign)
        left = len(others) - NAMED
        known = ", ".join(others[:NAMED]) + (f" and {left} more" if left > 0 else "")
        return f"the order book shows no order {order_id} of others; it shows {known or 'none'}"
    why = unfit(state, row)
    return why or ForeignOrder(row.name, row.signed, *levels(row), CODES[row.product])


def unfit(state: State, row: OrderRow) -> str:
    """Return why an order can be no strategy's; empty: it can."""
    number = row.order_id
    if row.variety != REGULAR or row.parent_id:
        return f"{number} is a {row.variety} order: only regular ones can be a strategy's"
    if row.product not in CODES:
        return f"{number} is {row.product}: strategies trade {', '.join(CODES)}"
    if row.status not in KNOWN or not row.qty:
        return f"{number} is {row.status}, of {row.qty}: wait until Kite shows how it stands"
    if row.is_final and not row.filled:
        return f"{number} is over ({row.status}), and nothing of it was filled"
    if any(order_id == number for order_id, _ in state.squared):
        return f"{number} is Zerodha's square-off, which is booked already"
    return ""


def levels(row: OrderRow) -> tuple[int, int]:
    """Return price and trigger; a stop whose trigger was reached has none any more."""
    waits = row.kind in STOPS and row.status in (TRIGGER_PENDING, *BEFORE)
    priced = row.kind in ("LIMIT", "SL") and not row.is_protected_market
    return row.price if priced else 0, row.trigger if waits else 0


def take(state: State, request: OrderRequest, now_s: float) -> None:
    """Follow an order of the account as the core's, by the number that the core gave it."""
    row = state.foreign.pop(request.adopts, None)
    kind = Kind(request.kind)
    terms = Terms(
        state.instruments[request.row].name, request.qty, KINDS[kind], request.price,
        request.trigger, VALIDITIES[Tif(request.tif)], PRODUCTS[Product(request.product)], 0,
    )  # fmt: skip
    tracked = Tracked(request.order, request, state.tags.of(request.order), terms, now_s)
    tracked.stage, tracked.changed_s = Stage.LIVE, now_s
    tracked.broker_id = request.adopts
    tracked.filled = 0 if row is None else row.filled
    state.orders[request.order] = tracked
    state.by_id[request.adopts] = tracked
    if request.adopts in state.quarantined:
        foreign.release(state, request.adopts)
    state.external.pop(request.adopts, None)


def is_of_earlier_day(state: State, tracked: Tracked) -> bool:
    """Say if an order was taken over on another day than today."""
    request = tracked.request
    return bool(request.adopts) and (request.since_ns + IST) // DAY < state.day
