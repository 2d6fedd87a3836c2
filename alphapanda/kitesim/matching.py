"""How much of an order fills at a quote, and at which price."""

from __future__ import annotations

from typing import NamedTuple

from alphapanda.kitesim.market import Quote
from alphapanda.kitesim.orders import Order
from alphapanda.model.instruments import Instrument, Segment

BANDS = (
    ((10, 500), (100, 300), (500, 200), (None, 100)),
    ((100, 200), (500, 100), (None, 50)),
)
"""Automatic market protection of options and of others: below so many rupees, 1/100 percent."""


class Match(NamedTuple):
    """What fills now."""

    qty: int
    price: int


def match(order: Order, quote: Quote, *, arrives: bool, largest: int = 0) -> Match | None:
    """Return what fills of an order; `arrives`: it meets this quote for the first time.

    An arriving order takes the other side of the book as it stands, or the last price where data
    show no book. A resting one fills at its own price, as far as the book or trades reach it.
    """
    left = order.qty - order.filled
    buys = order.terms.buys
    found = _of_book(order, quote, buys=buys, arrives=arrives) if quote.has_book else None
    if found is None and not (arrives and quote.has_book):
        found = _of_trades(order, quote, buys=buys, arrives=arrives)
    if found is None:
        return None
    qty, price = found
    qty = min(left, qty) if qty >= 0 else left
    qty = min(qty, largest) if largest else qty
    lot = max(order.terms.listing.instrument.lot_size, 1)
    qty -= qty % lot
    return Match(qty, price) if qty > 0 else None


# Quantity (-1: as much as is wanted) and price.
def _of_book(order: Order, quote: Quote, *, buys: bool, arrives: bool) -> tuple[int, int] | None:
    price = quote.ask if buys else quote.bid
    shown, taken = (quote.ask_qty, quote.taken_ask) if buys else (quote.bid_qty, quote.taken_bid)
    if not price or (price > order.price if buys else price < order.price):
        return None
    return (shown - taken if shown else -1), (price if arrives else order.price)


def _of_trades(order: Order, quote: Quote, *, buys: bool, arrives: bool) -> tuple[int, int] | None:
    reach = quote.last if arrives else quote.reach_low if buys else quote.reach_high
    through = reach < order.price if buys else reach > order.price
    touched = reach == order.price and not quote.has_book
    if not quote.last or not (through or touched):
        return None
    return (-1 if arrives else quote.traded), (quote.last if arrives else order.price)


def triggered(order: Order, quote: Quote) -> bool:
    """Say if the price has reached an order's trigger."""
    if not quote.last:
        return False
    if order.terms.buys:
        return quote.reach_high >= order.trigger
    return quote.reach_low <= order.trigger


def protected_price(order: Order, quote: Quote) -> tuple[int, int]:
    """Return the limit of a protected market order, and its protection in 1/100 percent."""
    instrument = order.terms.listing.instrument
    band = order.terms.protection
    if band < 0:
        band = automatic(instrument, quote.last)
    tick = instrument.tick_size or 1
    if order.terms.buys:
        return quote.last * (10_000 + band) // 10_000 // tick * tick, band
    return -(-quote.last * (10_000 - band) // 10_000 // tick) * tick, band


def automatic(instrument: Instrument, last: int) -> int:
    """Return the automatic protection at a price, in 1/100 percent."""
    for below, band in BANDS[instrument.segment != Segment.OPTIONS]:
        if below is None or last < below * 10_000:
            return band
    raise AssertionError(last)
