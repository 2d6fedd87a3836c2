"""Bodies of order requests, made by us from ints: Kite gets what was approved, digit by digit.

No table has a default: what it does not name is refused. Of a change only what changes is sent.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from alphapanda.brokers.ports import OrderRequest
from alphapanda.model.instruments import CASH, Exchange, Instrument, Product, Segment
from alphapanda.model.money import BOUND, text
from alphapanda.model.rows import Kind, Tif

REGULAR = "regular"
"""The only variety that is sent."""
PRODUCTS = {Product.CNC: "CNC", Product.MIS: "MIS", Product.NRML: "NRML"}
KINDS = {Kind.MARKET: "MARKET", Kind.LIMIT: "LIMIT", Kind.STOP_LIMIT: "SL", Kind.STOP: "SL-M"}
VALIDITIES = {Tif.DAY: "DAY", Tif.IOC: "IOC"}
EXCHANGES = {
    Exchange.NSE: "NSE", Exchange.BSE: "BSE", Exchange.NFO: "NFO", Exchange.BFO: "BFO",
    Exchange.MCX: "MCX", Exchange.CDS: "CDS", Exchange.BCD: "BCD",
}  # fmt: skip
"""NCO is not among the exchanges that Kite documents for orders."""
PRICED = (Kind.LIMIT, Kind.STOP_LIMIT)
TRIGGERED = (Kind.STOP, Kind.STOP_LIMIT)
PROTECTED = (Kind.MARKET, Kind.STOP)
AUTOMATIC = -1
"""Of the core and of Kite: the broker's own band."""
HUNDREDTH = 1_000
"""0.01 % in 1e-7; Kite shows protection with two decimals."""
WHOLE = 10_000
"""100 % in hundredths of a percent."""
BROKER_ID = re.compile(r"[0-9]{8,24}")
SYMBOL = re.compile(r"[A-Z0-9&.\- ]{1,40}")


class Refused(NamedTuple):
    """Why a request has no body."""

    text: str


class Terms(NamedTuple):
    """What an order is, as it was approved and as a body says it; prices scaled."""

    name: str
    """EXCHANGE:SYMBOL."""
    qty: int
    """Signed."""
    kind: str
    price: int
    trigger: int
    validity: str
    product: str
    protection: int
    """In hundredths of a percent; -1: automatic, 0: none."""


def terms_of(request: OrderRequest, instrument: Instrument) -> Terms | Refused:
    """Return the terms of a new order, or why Kite could not take it."""
    reason = next((text for text in faults(request, instrument) if text), None)
    if reason is not None:
        return Refused(reason)
    kind = Kind(request.kind)
    return Terms(
        instrument.name, request.qty, KINDS[kind],
        request.price if kind in PRICED else 0, request.trigger if kind in TRIGGERED else 0,
        VALIDITIES[Tif(request.tif)], PRODUCTS[Product(request.product)],
        protection_of(request) if kind in PROTECTED else 0,
    )  # fmt: skip


def faults(request: OrderRequest, instrument: Instrument) -> list[str]:
    """Return what is wrong with a new order, empty texts where nothing is."""
    return [
        unnamed(request, instrument),
        unsized(request.qty, instrument),
        *mispriced(request),
    ]


def unnamed(request: OrderRequest, instrument: Instrument) -> str:
    """Return which word of a request Kite has none for."""
    for name, value, table in (
        ("product", request.product, PRODUCTS), ("kind", request.kind, KINDS),
        ("validity", request.tif, VALIDITIES), ("exchange", instrument.exchange, EXCHANGES),
    ):  # fmt: skip
        if value not in table:
            return f"{name} {value!r} of {instrument.name} has no word at Kite"
    product, cash = Product(request.product), instrument.exchange in CASH
    if instrument.segment == Segment.INDEX:
        return f"{instrument.name} is an index, which nobody trades"
    if (product == Product.NRML) if cash else (product == Product.CNC):
        return f"{instrument.exchange.name} has no product {product.name}"
    if not SYMBOL.fullmatch(instrument.symbol):
        return f"{instrument.name!r} has a character that no symbol of Kite has"
    if instrument.exchange == Exchange.MCX and request.tif == Tif.IOC:
        return "MCX takes no IOC order by API"
    return ""


def unsized(qty: int, instrument: Instrument) -> str:
    """Return what is wrong with a quantity."""
    size, lot = abs(qty), max(instrument.lot_size, 1)
    if not 0 < size < BOUND:
        return f"quantity {qty} is none"
    if size % lot:
        return f"quantity {size} is not a multiple of the lot of {lot}"
    if instrument.freeze_quantity and size > instrument.freeze_quantity:
        return f"quantity {size} is above the freeze quantity of {instrument.freeze_quantity}"
    return ""


def mispriced(request: OrderRequest) -> list[str]:
    """Return what is wrong with price, trigger and protection."""
    kind, found = Kind(request.kind) if request.kind in KINDS else None, []
    if kind in PRICED and not 0 < request.price < BOUND:
        found.append(f"price {request.price} of a {KINDS[kind]} order")
    if kind in TRIGGERED and not 0 < request.trigger < BOUND:
        found.append(f"trigger {request.trigger} of a {KINDS[kind]} order")
    if kind in PROTECTED:
        width = protection_of(request)
        if request.protection == 0:
            found.append("a market order without protection, which Kite refuses")
        elif width != AUTOMATIC and (request.protection % HUNDREDTH or width > WHOLE):
            found.append(f"protection {request.protection} is not in steps of 0.01 % up to 100 %")
    return found


def protection_of(request: OrderRequest) -> int:
    """Return a request's protection in hundredths of a percent; -1: automatic."""
    return AUTOMATIC if request.protection < 0 else request.protection // HUNDREDTH


def place_form(terms: Terms, tag: str) -> dict[str, str]:
    """Return the form that places an order."""
    exchange, _, symbol = terms.name.partition(":")
    form = {
        "exchange": exchange, "tradingsymbol": symbol,
        "transaction_type": "BUY" if terms.qty > 0 else "SELL",
        "quantity": str(abs(terms.qty)), "product": terms.product, "order_type": terms.kind,
        "validity": terms.validity, "tag": tag,
    }  # fmt: skip
    if terms.price:
        form["price"] = text(terms.price)
    if terms.trigger:
        form["trigger_price"] = text(terms.trigger)
    if terms.protection:
        form["market_protection"] = show_protection(terms.protection)
    return form


def change_form(wanted: Terms, now: Terms) -> dict[str, str]:
    """Return the form that changes an order to what is wanted; empty if it is that already."""
    form = {}
    if abs(wanted.qty) != abs(now.qty):
        form["quantity"] = str(abs(wanted.qty))
    if wanted.kind != now.kind:
        form["order_type"] = wanted.kind
        if wanted.protection:
            form["market_protection"] = show_protection(wanted.protection)
    if wanted.price and wanted.price != now.price:
        form["price"] = text(wanted.price)
    if wanted.trigger and wanted.trigger != now.trigger:
        form["trigger_price"] = text(wanted.trigger)
    return form


def market_form(terms: Terms) -> dict[str, str]:
    """Return the form that makes what rests of a market order one at the market again."""
    return {
        "order_type": KINDS[Kind.MARKET],
        "market_protection": show_protection(terms.protection),
    }


def show_protection(protection: int) -> str:
    """Return a protection as Kite reads it: percent, or -1."""
    if protection == AUTOMATIC:
        return "-1"
    whole, rest = divmod(protection, 100)
    return f"{whole}.{rest:02d}".rstrip("0").rstrip(".")


def path_of(broker_id: str, variety: str = REGULAR) -> str:
    """Return the route of an order that is changed or cancelled."""
    assert BROKER_ID.fullmatch(broker_id), f"order id {broker_id!r} of a route"
    assert variety.isalpha(), f"variety {variety!r} of a route"
    return f"/orders/{variety}/{broker_id}"
