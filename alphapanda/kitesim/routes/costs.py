"""Margins and charges of orders that might be placed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from alphapanda.kitesim.account import COMMODITY, margin
from alphapanda.kitesim.answers import rupees
from alphapanda.kitesim.call import Answer, Call, Route
from alphapanda.kitesim.charges import note_of
from alphapanda.kitesim.orders import Refusal, Terms
from alphapanda.kitesim.terms import place_terms
from alphapanda.model.calendar import ist_date
from alphapanda.model.instruments import CASH, Segment

PARTS = ("span", "exposure", "option_premium", "additional", "bo", "cash", "var")


def order_margins(call: Call) -> Answer:
    """Return the margin of each order."""
    orders = read(call)
    return orders if isinstance(orders, Refusal) else [margin_row(call, o) for o in orders]


def basket_margins(call: Call) -> Answer:
    """Return the margin of orders together; the simulator knows no benefit of spreads."""
    orders = read(call)
    if isinstance(orders, Refusal):
        return orders
    rows = [margin_row(call, terms) for terms in orders]
    total = {name: sum(row[name] for row in rows) for name in (*PARTS, "total")}
    head = {"type": "", "tradingsymbol": "", "exchange": "", **total, "leverage": 0,
            "pnl": {"realised": 0, "unrealised": 0}, "charges": no_charges()}  # fmt: skip
    return {"initial": head, "final": dict(head), "orders": rows, "charges": no_charges()}


def contract_notes(call: Call) -> Answer:
    """Return the charges of each order, as if it alone were traded."""
    orders = read(call, priced="average_price")
    if isinstance(orders, Refusal):
        return orders
    return [
        {
            "transaction_type": o.side, "tradingsymbol": o.listing.symbol,
            "exchange": o.listing.exchange, "variety": o.variety, "product": o.product,
            "order_type": o.kind, "quantity": o.qty, "price": rupees(o.price),
            "charges": charges_row(call, o, o.price),
        }
        for o in orders
    ]  # fmt: skip


def read(call: Call, priced: str = "price") -> list[Terms] | Refusal:
    """Return the terms of the orders in a JSON body."""
    if not isinstance(call.body, list) or not all(isinstance(row, dict) for row in call.body):
        return Refusal("Invalid JSON in request body.")
    found = []
    for row in call.body:
        params = {name: str(value) for name, value in row.items() if value is not None}
        kind = params.get("order_type", "")
        params |= {"market_protection": "-1", "price": params.get(priced, "0")}
        params["order_type"] = "MARKET"  # its price is looked at below; none is wanted of it
        terms = place_terms(params, params.get("variety", "regular"), call.sim.listings)
        if isinstance(terms, Refusal):
            return terms
        found.append(replace(terms, kind=kind or terms.kind))
    return found


def margin_row(call: Call, terms: Terms) -> dict[str, Any]:
    """Return an order's margin as Kite shows it."""
    listing = terms.listing
    price = terms.price or call.sim.market.by_key[listing.key].last
    blocked = margin(listing, terms.product, terms.buys, terms.qty, price)
    part = "var" if listing.instrument.exchange in CASH else "span"
    if listing.instrument.segment == Segment.OPTIONS and terms.buys:
        part = "option_premium"
    parts = dict.fromkeys(PARTS, 0) | {part: rupees(blocked)}
    segment = "commodity" if listing.instrument.exchange in COMMODITY else "equity"
    return {
        "type": segment, "tradingsymbol": listing.symbol, "exchange": listing.exchange, **parts,
        "pnl": {"realised": 0, "unrealised": 0}, "leverage": 1,
        "charges": charges_row(call, terms, price), "total": rupees(blocked),
    }  # fmt: skip


def charges_row(call: Call, terms: Terms, price: int) -> dict[str, Any]:
    """Return an order's charges by the rates of the day, not rounded as a contract note is."""
    note = note_of(terms, [(terms.qty, price)], ist_date(call.now))
    tax = "ctt" if terms.listing.instrument.exchange in COMMODITY else "stt"
    return {
        "transaction_tax": rupees(note.stt), "transaction_tax_type": tax if note.stt else "",
        "exchange_turnover_charge": rupees(note.exchange),
        "sebi_turnover_charge": rupees(note.sebi), "brokerage": rupees(note.brokerage),
        "stamp_duty": rupees(note.stamp), "gst": gst_row(rupees(note.gst)),
        "total": rupees(note.total),
    }  # fmt: skip


def gst_row(total: float) -> dict[str, Any]:
    """Return the tax on charges."""
    return {"igst": total, "cgst": 0, "sgst": 0, "total": total}


def no_charges() -> Mapping[str, Any]:
    """Return charges of nothing."""
    names = ("transaction_tax", "exchange_turnover_charge", "sebi_turnover_charge", "brokerage",
             "stamp_duty", "total")  # fmt: skip
    return {**dict.fromkeys(names, 0), "transaction_tax_type": "", "gst": gst_row(0)}


ROUTES = (
    Route("POST", "/margins/orders", "other", order_margins),
    Route("POST", "/margins/basket", "other", basket_margins),
    Route("POST", "/charges/orders", "other", contract_notes),
)
