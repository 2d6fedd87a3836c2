"""From a call's parameters to terms of an order, or to the refusal that Kite would answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from alphapanda.kitesim.listings import Listings
from alphapanda.kitesim.orders import LIMIT, MARKET, SL, SLM, Refusal, Terms
from alphapanda.model.instruments import CASH
from alphapanda.model.money import BOUND, SCALE, text

VARIETIES = ("regular", "amo", "iceberg", "co", "auction")
SERVED = ("regular", "amo")
"""Varieties of which the simulator knows the life."""
KINDS = (MARKET, LIMIT, SL, SLM)
VALIDITIES = ("DAY", "IOC", "TTL")
PRODUCTS = ("CNC", "NRML", "MIS", "MTF")
CHOICES = {
    "transaction_type": ("BUY", "SELL"), "order_type": KINDS, "product": PRODUCTS,
    "validity": VALIDITIES,
}  # fmt: skip
TAG_LENGTH = 20
UNPROTECTED = (
    "Market orders without market protection are not allowed via API. Please set market protection "
    "or use a Limit order."
)
EXPIRED = "The instrument you are placing an order for has either expired or does not exist."
AUTOMATIC = -100

Params = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Changes:
    """What a modification asks for; None: unchanged."""

    kind: str | None = None
    qty: int | None = None
    price: int | None = None
    trigger: int | None = None
    validity: str | None = None
    disclosed: int | None = None
    protection: int | None = None


def place_terms(params: Params, variety: str, listings: Listings) -> Terms | Refusal:
    """Return the terms of a call that places an order, or why it is refused."""
    params = {"validity": "DAY", **params}
    wrong = next(misnamed(params, variety), None)
    if wrong is not None:
        return Refusal(wrong)
    listing = listings.by_key.get(f"{params['exchange']}:{params['tradingsymbol']}")
    if listing is None or listing.is_index:
        return Refusal(EXPIRED)
    try:
        terms = Terms(
            listing, variety, params["transaction_type"], params["order_type"], params["product"],
            quantity(params, "quantity"), scaled(params, "price"), scaled(params, "trigger_price"),
            params["validity"], quantity(params, "validity_ttl"),
            quantity(params, "disclosed_quantity"), protection(params), params.get("tag") or None,
            params.get("autoslice", "").lower() == "true",
        )  # fmt: skip
    except ValueError as error:
        return Refusal(str(error))
    return refusal_of(terms) or terms


def misnamed(params: Params, variety: str) -> Iterator[str]:
    """Yield what is missing from a call, and words of it that Kite does not know."""
    if variety not in VARIETIES:
        yield f"Invalid `variety`: {variety}."
    if variety not in SERVED:
        yield f"SIMULATOR: orders of variety {variety} are not simulated."
    for name in ("exchange", "tradingsymbol", "quantity", *CHOICES):
        if not params.get(name):
            yield f"Missing or empty field `{name}`"
    for name, known in CHOICES.items():
        if params[name] not in known:
            yield f"Invalid `{name}`: {params[name]}."


def changes_of(params: Params) -> Changes | Refusal:
    """Return what a call that modifies asks for, or why it is refused."""
    kind, validity = params.get("order_type"), params.get("validity")
    if kind is not None and kind not in KINDS:
        return Refusal(f"Invalid `order_type`: {kind}.")
    if validity is not None and validity not in VALIDITIES:
        return Refusal(f"Invalid `validity`: {validity}.")
    try:
        return Changes(
            kind,
            quantity(params, "quantity") if "quantity" in params else None,
            scaled(params, "price") if "price" in params else None,
            scaled(params, "trigger_price") if "trigger_price" in params else None,
            validity,
            quantity(params, "disclosed_quantity") if "disclosed_quantity" in params else None,
            protection(params) if "market_protection" in params else None,
        )
    except ValueError as error:
        return Refusal(str(error))


def refusal_of(terms: Terms) -> Refusal | None:
    """Return why terms are refused at the call; None: they are not."""
    text_of = next((text for text in faults(terms) if text), None)
    return None if text_of is None else Refusal(text_of)


def faults(terms: Terms) -> Iterator[str]:
    """Yield what is wrong with terms, in the order in which it is looked at; empty: nothing."""
    instrument, exchange = terms.listing.instrument, terms.listing.exchange
    cash, kind = instrument.exchange in CASH, terms.kind
    tick, lot = max(instrument.tick_size, 1), max(instrument.lot_size, 1)
    used = (terms.price if kind in (LIMIT, SL) else 0, terms.trigger)
    if terms.tag is not None and len(terms.tag) > TAG_LENGTH:
        yield f"Invalid `tag`: it has more than {TAG_LENGTH} characters."
    if (terms.product == "NRML" and cash) or (terms.product in ("CNC", "MTF") and not cash):
        yield f"Trading in {exchange} is not allowed using {terms.product} product type."
    if terms.qty <= 0:
        yield "Invalid `quantity`: it must be above 0."
    if terms.qty % lot:
        yield f"Quantity should be a multiple of the lot size {lot}."
    if kind in (MARKET, SLM) and not terms.protection:
        yield UNPROTECTED
    if kind in (LIMIT, SL) and not terms.price:
        yield "Missing or empty field `price`"
    if kind in (SL, SLM) and not terms.trigger:
        yield "Missing or empty field `trigger_price`"
    if terms.validity == "TTL" and not terms.ttl_minutes:
        yield "Missing or empty field `validity_ttl`"
    if kind == SL and (terms.price - terms.trigger) * (1 if terms.buys else -1) < 0:
        side = "above" if terms.buys else "below"
        yield f"Trigger price cannot be {side} the limit price."
    if any(price % tick for price in used):
        yield (
            f"Tick size for this script is {text(tick)}. Kindly enter price in the multiple of tick"
            " size for this script"
        )


def quantity(params: Params, name: str) -> int:
    """Return a whole number; clients write 5 and 5.0.

    Raises:
        ValueError: with the text of the answer.
    """
    value = number(params, name)
    if value != int(value):
        raise ValueError(f"Invalid `{name}`: {params[name]} is not a whole number.")
    return int(value)


def scaled(params: Params, name: str) -> int:
    """Return a price, scaled.

    Raises:
        ValueError: with the text of the answer.
    """
    value = number(params, name) * SCALE
    if value != int(value):
        raise ValueError(f"Invalid `{name}`: {params[name]} has more than four decimals.")
    return int(value)


def protection(params: Params) -> int:
    """Return the market protection in hundredths of a percent.

    Raises:
        ValueError: with the text of the answer.
    """
    name = "market_protection"
    value = signed(params, name) * 100
    if value != int(value) or not (value == AUTOMATIC or 0 <= value <= 100 * 100):
        raise ValueError(f"Invalid `{name}`: write -1, or up to 100 percent.")
    return int(value)


def number(params: Params, name: str) -> Decimal:
    """Return a number from 0 up, 0 where there is none.

    Raises:
        ValueError: with the text of the answer.
    """
    value = signed(params, name)
    if value < 0:
        raise ValueError(f"Invalid `{name}`: {params[name]} is below 0.")
    return value


def signed(params: Params, name: str) -> Decimal:
    """Return a number within bounds, 0 where there is none.

    Raises:
        ValueError: with the text of the answer.
    """
    written = params.get(name) or "0"
    try:
        value = Decimal(written)
    except InvalidOperation as error:
        raise ValueError(f"Invalid `{name}`: {written} is not a number.") from error
    if not value.is_finite() or abs(value) * SCALE >= BOUND:
        raise ValueError(f"Invalid `{name}`: {written} is out of bounds.")
    return value
