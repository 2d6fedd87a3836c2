"""Orders and trades."""

from __future__ import annotations

from alphapanda.kitesim.answers import order_row, trade_row
from alphapanda.kitesim.call import Answer, Call, Route
from alphapanda.kitesim.orders import Order, Refusal
from alphapanda.kitesim.terms import changes_of, place_terms

UNKNOWN = Refusal("Couldn't find that `order_id`.", "GeneralException", 404)


def place(call: Call) -> Answer:
    """Place an order."""
    exchange = call.sim.exchange
    terms = place_terms(call.params, call.path["variety"], call.sim.listings)
    if isinstance(terms, Refusal):
        return terms
    freeze = terms.listing.instrument.freeze_quantity
    if terms.autoslice and freeze and terms.qty > freeze:
        return place_slices(call, exchange.place_slices(terms, call.now))
    return accepted(call, exchange.place(terms, call.now))


def place_slices(call: Call, made: tuple[str, list[Order | Refusal]] | Refusal) -> Answer:
    """Return what became of an order's slices."""
    if isinstance(made, Refusal):
        return made
    parent, slices = made
    children: list[Answer] = []
    for piece in slices:
        if isinstance(piece, Refusal):
            children.append({"error": {
                "code": piece.code, "error_type": piece.error_type, "message": piece.message,
                "data": None,
            }})  # fmt: skip
        else:
            children.append(accepted(call, piece))
    return {"order_id": parent, "children": children}


def modify(call: Call) -> Answer:
    """Change an order."""
    changes = changes_of(call.params)
    if isinstance(changes, Refusal):
        return changes
    refusal = other_variety(call)
    return refusal or accepted(
        call, call.sim.exchange.modify(call.path["order_id"], changes, call.now)
    )


def cancel(call: Call) -> Answer:
    """Cancel an order."""
    refusal = other_variety(call)
    return refusal or accepted(call, call.sim.exchange.cancel(call.path["order_id"], call.now))


def other_variety(call: Call) -> Refusal | None:
    """Return the refusal of an order under a variety that is not its own."""
    order = call.sim.exchange.orders.get(call.path["order_id"])
    return UNKNOWN if order is None or order.terms.variety != call.path["variety"] else None


def accepted(call: Call, order: Order | Refusal) -> Answer:
    """Return the answer to a request, and let the exchange act on it."""
    if isinstance(order, Refusal):
        return order
    if order.waits_for is not None:
        call.sim.under_way(order)
    return {"order_id": order.order_id}


def book(call: Call) -> Answer:
    """Return the order book."""
    user = call.sim.app.user_id
    return [order_row(order, user) for order in call.sim.visible()]


def history(call: Call) -> Answer:
    """Return the states of an order, oldest first."""
    order = call.sim.exchange.orders.get(call.path["order_id"])
    return UNKNOWN if order is None else order.history


def trades(call: Call) -> Answer:
    """Return the day's trades, or an order's."""
    exchange, wanted = call.sim.exchange, call.path.get("order_id")
    if wanted is not None and wanted not in exchange.orders:
        return UNKNOWN
    return [trade_row(trade) for trade in exchange.trades if wanted in (None, trade.order.order_id)]


ROUTES = (
    Route("GET", "/orders", "other", book),
    Route("GET", "/orders/{order_id}", "other", history),
    Route("GET", "/orders/{order_id}/trades", "other", trades),
    Route("POST", "/orders/{variety}", "place", place),
    Route("PUT", "/orders/{variety}/{order_id}", "other", modify),
    Route("DELETE", "/orders/{variety}/{order_id}", "other", cancel),
    Route("GET", "/trades", "other", trades),
)
