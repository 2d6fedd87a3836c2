"""Why an order is refused: at the call, or later in the order book."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from alphapanda.kitesim.account import Holding
from alphapanda.kitesim.market import Quote
from alphapanda.kitesim.orders import LIMIT, SL, SLM, Refusal, Terms
from alphapanda.model.calendar import Phase
from alphapanda.model.money import PAISA, text

UNLISTED = (
    "IP (127.0.0.1) is not allowed to place orders for this app. Update allowed IPs on the Kite "
    "developer console."
)


@dataclass(slots=True)
class Rules:
    """What a fault script may change of the exchange."""

    margin_at_call: bool = True
    """Too little money is refused at the call; else the order is rejected later."""
    largest_fill: int = 0
    """No fill is larger; 0: as the book allows."""
    unlisted_address: bool = False
    """Orders come from an address that the app does not list."""


class Standing(NamedTuple):
    """What an order meets."""

    quote: Quote
    phase: Phase
    available: int
    required: int
    holding: Holding | None
    sold: int
    """Of the holding, by orders that work."""


class Rejection(NamedTuple):
    """Why the order book shows an order as rejected: for people, and from the order system."""

    message: str
    raw: str


def refused_at_call(terms: Terms, standing: Standing, rules: Rules) -> Refusal | None:
    """Return why a call is refused; None: it is not."""
    if rules.unlisted_address:
        return Refusal(UNLISTED, "PermissionException", 403)
    if terms.variety == "amo" and standing.phase != Phase.CLOSED:
        return Refusal("After market orders are not accepted while the market is open.")
    holding = standing.holding
    if terms.product == "CNC" and not terms.buys and holding and not holding.authorised:
        return Refusal(f"{terms.qty} quantity needs authorisation at depository.",
                       "HoldingException", 428)  # fmt: skip
    if rules.margin_at_call and standing.required > standing.available:
        return Refusal(short_of_money(standing), "MarginException")
    return None


def refused_later(terms: Terms, standing: Standing, rules: Rules) -> Rejection | None:
    """Return why the order book shows an order as rejected; None: it is accepted."""
    closed = _closed(standing)
    if closed is not None:
        return closed
    return _odd(terms, standing.quote) or _lacking(terms, standing, rules)


def refused_change(wanted: Terms, left: int, more: int, standing: Standing) -> Refusal | None:
    """Return why a change is refused; None: it is not.

    `left` would still be unfilled, `more` than before.
    """
    refused = _odd(wanted, standing.quote)
    if refused is None and more > 0:
        refused = _lacking(replace(wanted, qty=left), standing, Rules())
    if refused is not None:
        return Refusal(refused.message)
    if standing.required > standing.available:
        return Refusal(short_of_money(standing), "MarginException")
    return None


def _closed(standing: Standing) -> Rejection | None:
    if standing.phase in (Phase.CLOSED, Phase.POST_CLOSE):
        closed = "Markets are closed right now. Use AMO to place an order for the next session."
        return Rejection(closed, "RMS:Rule: Market is closed")
    return None


def _odd(terms: Terms, quote: Quote) -> Rejection | None:
    instrument = terms.listing.instrument
    freeze = instrument.freeze_quantity
    if freeze and terms.qty > freeze:
        raw = f"RMS:Rule: Check freeze quantity for {terms.listing.exchange}"
        return Rejection(f"Order quantity is above the freeze quantity of {freeze}.", raw)
    price = terms.price if terms.kind in (LIMIT, SL) else 0
    for value in (price, terms.trigger if terms.kind in (SL, SLM) else 0):
        outside = beyond_circuit(value, quote)
        if outside is not None:
            return outside
    if not quote.last and terms.kind not in (LIMIT, SL):
        return Rejection("There is no price to protect a market order by.", "RMS:Rule: No LTP")
    return None


def _lacking(terms: Terms, standing: Standing, rules: Rules) -> Rejection | None:
    holding, free = standing.holding, 0
    if holding is not None:
        free = holding.free
    if terms.product == "CNC" and not terms.buys and terms.qty > free - standing.sold:
        lacking = (
            "Insufficient stock holding or there are pending sell orders for this stock. Check the "
            "orderbook for open orders."
        )
        return Rejection(lacking, f"RMS:Rule: Check holdings including BAI for entity {free}")
    if not rules.margin_at_call and standing.required > standing.available:
        raw = (
            f"RMS:Margin Exceeds,Required:{rupees(standing.required)}, Available:"
            f"{rupees(standing.available)} for entity account-SIMULATOR across exchange across "
            "segment across product "
        )
        return Rejection(short_of_money(standing), raw)
    return None


def beyond_circuit(price: int, quote: Quote) -> Rejection | None:
    """Return what is said of a price outside of the day's range; None: it is inside."""
    low, high = quote.lower_circuit, quote.upper_circuit
    raw = "RMS:Rule: Check circuit limit including square off order exceeds"
    if price and low and price < low:
        return Rejection(
            f"Your order price is lower than the current lower circuit limit of {text(low)}. "
            "Place an order within the daily range.", raw,
        )  # fmt: skip
    if price and high and price > high:
        return Rejection(
            f"Your order price is higher than the current upper circuit limit of {text(high)}. "
            "Place an order within the daily range.", raw,
        )  # fmt: skip
    return None


def short_of_money(standing: Standing) -> str:
    """Return what is said when there is too little money."""
    return (
        f"Insufficient funds. Required margin is {rupees(standing.required)} but available margin "
        f"is {rupees(standing.available)}. Check the orderbook for open orders."
    )


def rupees(scaled: int) -> str:
    """Return money with two decimals."""
    return text(scaled // PAISA * PAISA)
