"""The ticker's binary packets, as the official clients read them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from enum import Enum

from alphapanda.kitesim.listings import Listing
from alphapanda.kitesim.market import Quote
from alphapanda.model.instruments import Exchange

LTP = struct.Struct(">II")
QUOTE = struct.Struct(">11I")
REST = struct.Struct(">5I")
LEVEL = struct.Struct(">IIHxx")
INDEX_QUOTE = struct.Struct(">6Ii")
INDEX_FULL = struct.Struct(">6IiI")
LENGTH = struct.Struct(">H")
LARGEST = (1 << 32) - 1
NO_LEVELS = LEVEL.pack(0, 0, 0) * 4
HEARTBEAT = b"\0"
UNITS = {Exchange.CDS: (1_000, 1), Exchange.BCD: (1, 1), Exchange.NCO: (1, 1)}
"""Units of a packet's prices: scaled price x first / second; elsewhere paise."""
PAISE = (1, 100)


class Mode(Enum):
    """How much of a quote a client has asked for."""

    LTP = "ltp"
    QUOTE = "quote"
    FULL = "full"


def frame(packets: Sequence[bytes]) -> bytes:
    """Return a message of packets."""
    parts = [LENGTH.pack(len(packets))]
    for packet in packets:
        parts += (LENGTH.pack(len(packet)), packet)
    return b"".join(parts)


def fits(quote: Quote) -> bool:
    """Say if a quote is within what a packet can hold."""
    prices = (quote.last, quote.high, quote.close, quote.bid, quote.ask)
    sizes = (quote.qty, quote.volume, quote.bid_qty, quote.ask_qty, quote.oi_high)
    return (
        min(*prices, *sizes) >= 0
        and max(sizes) <= LARGEST
        and units(quote.listing, max(prices)) <= LARGEST
    )


def units(listing: Listing, price: int) -> int:
    """Return a scaled price as a packet holds it, rounded half up."""
    times, by = UNITS.get(listing.instrument.exchange, PAISE)
    return (price * times + by // 2) // by


def packet(quote: Quote, mode: Mode) -> bytes:
    """Return a quote as a packet of a mode."""
    listing = quote.listing
    last = units(listing, quote.last)
    if mode == Mode.LTP:
        return LTP.pack(listing.token, last)
    if listing.is_index:
        return _index(quote, mode)
    opened, high, low, close = (
        units(listing, price) for price in (quote.open, quote.high, quote.low, quote.close)
    )
    head = QUOTE.pack(
        listing.token, last, quote.qty, units(listing, quote.average),
        quote.volume, quote.bid_qty, quote.ask_qty,
        opened, high, low, close,
    )  # fmt: skip
    if mode == Mode.QUOTE:
        return head
    rest = REST.pack(
        seconds(quote.traded_ts), quote.oi, quote.oi_high, quote.oi_low,
        seconds(quote.ts),
    )  # fmt: skip
    return head + rest + side(listing, quote.bid, quote.bid_qty) + side(
        listing, quote.ask, quote.ask_qty
    )  # fmt: skip


def _index(quote: Quote, mode: Mode) -> bytes:
    listing = quote.listing
    values = [
        units(listing, price)
        for price in (quote.last, quote.high, quote.low, quote.open, quote.close)
    ]
    change = values[0] - values[-1]
    if mode == Mode.QUOTE:
        return INDEX_QUOTE.pack(listing.token, *values, change)
    return INDEX_FULL.pack(listing.token, *values, change, seconds(quote.ts))


def side(listing: Listing, price: int, qty: int) -> bytes:
    """Return a side of the book; data show one level of it."""
    return LEVEL.pack(qty, units(listing, price), 1 if price else 0) + NO_LEVELS


def seconds(ts: int) -> int:
    """Return a time as whole seconds."""
    return ts // 1_000_000_000
