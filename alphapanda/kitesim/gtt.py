"""Good-till-triggered orders: kept by the broker, sent once when the price reaches them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from alphapanda.kitesim.answers import rupees, stamp
from alphapanda.kitesim.listings import Listing, Listings
from alphapanda.kitesim.market import Quote
from alphapanda.kitesim.orders import Order, Refusal, Terms
from alphapanda.kitesim.terms import place_terms, scaled
from alphapanda.model.calendar import DAY

ACTIVE, TRIGGERED, DELETED = "active", "triggered", "deleted"
LEGS = {"single": 1, "two-leg": 2}
FIRST_ID = 100_001
MOST = 500
"""Active ones of an account."""
YEAR = 365 * DAY


class Leg(NamedTuple):
    """What is sent at one of the trigger's prices."""

    trigger: int
    terms: Terms
    result: dict[str, Any] | None = None


@dataclass(slots=True)
class Gtt:
    """One trigger with its orders."""

    number: int
    kind: str
    listing: Listing
    last: int
    """The price when it was made."""
    legs: list[Leg]
    created_ts: int
    updated_ts: int
    status: str = ACTIVE
    meta: dict[str, Any] = field(default_factory=dict)


class Triggers:
    """All triggers of an account."""

    def __init__(self, place: Callable[[Terms, int, int], Order | Refusal]) -> None:
        self.all: dict[int, Gtt] = {}
        self._place = place
        """Sends an order: its terms, the time, the trigger's number."""

    def make(self, params: Mapping[str, str], listings: Listings, now: int) -> Gtt | Refusal:
        """Keep a new trigger."""
        if sum(gtt.status == ACTIVE for gtt in self.all.values()) >= MOST:
            return Refusal(f"GTT limit of {MOST} reached.")
        found = read(params, listings)
        if isinstance(found, Refusal):
            return found
        kind, listing, last, legs = found
        return self.add(kind, listing, last, legs, now)

    def add(self, kind: str, listing: Listing, last: int, legs: list[Leg], now: int) -> Gtt:
        """Keep a trigger whose terms are right."""
        gtt = Gtt(FIRST_ID + len(self.all), kind, listing, last, legs, now, now)
        self.all[gtt.number] = gtt
        return gtt

    def change(
        self, number: int, params: Mapping[str, str], listings: Listings, now: int
    ) -> Gtt | Refusal:
        """Replace a trigger's terms."""
        gtt = self.all.get(number)
        if gtt is None or gtt.status != ACTIVE:
            return missing(gtt)
        found = read(params, listings)
        if isinstance(found, Refusal):
            return found
        gtt.kind, gtt.listing, gtt.last, gtt.legs = found
        gtt.updated_ts = now
        return gtt

    def delete(self, number: int, now: int) -> Gtt | Refusal:
        """End a trigger."""
        gtt = self.all.get(number)
        if gtt is None or gtt.status != ACTIVE:
            return missing(gtt)
        gtt.status, gtt.updated_ts = DELETED, now
        return gtt

    def see(self, quote: Quote, now: int) -> None:
        """Send the orders of triggers that a price has reached."""
        for gtt in self.all.values():
            if gtt.status == ACTIVE and gtt.listing.key == quote.listing.key:
                at = reached(gtt, quote)
                if at is not None:
                    self.fire(gtt, at, now)

    def fire(self, gtt: Gtt, at: int, now: int) -> None:
        """Send the order of one of a trigger's legs; it fires once."""
        leg = gtt.legs[at]
        made = self._place(leg.terms, now, gtt.number)
        failed = isinstance(made, Refusal)
        outcome = {
            "status": "failed" if failed else "success",
            "order_id": "" if isinstance(made, Refusal) else made.order_id,
            "rejection_reason": made.message if isinstance(made, Refusal) else "",
        }
        gtt.status, gtt.updated_ts = TRIGGERED, now
        gtt.legs[at] = leg._replace(result={"ts": now, "order_result": outcome})


def missing(gtt: Gtt | None) -> Refusal:
    """Return the refusal of a trigger that is not there, or no longer active."""
    if gtt is None:
        return Refusal("Trigger not found.", "GeneralException", 404)
    return Refusal(f"Trigger is {gtt.status}.")


def reached(gtt: Gtt, quote: Quote) -> int | None:
    """Return which leg a price has reached or crossed since the trigger was made; None: none."""
    if not quote.last:
        return None
    for at, leg in enumerate(gtt.legs):
        below = at == 0 if gtt.kind == "two-leg" else leg.trigger < gtt.last
        if quote.reach_low <= leg.trigger if below else quote.reach_high >= leg.trigger:
            return at
    return None


Read = tuple[str, Listing, int, list[Leg]]


def read(params: Mapping[str, str], listings: Listings) -> Read | Refusal:
    """Return what a call asks for: kind, instrument, last price, legs; or why it is refused."""
    kind = params.get("type", "")
    if kind not in LEGS:
        return Refusal(f"Invalid `type`: {kind}.")
    try:
        condition = json.loads(params.get("condition", ""))
        orders = json.loads(params.get("orders", ""))
        triggers = [scaled({"value": str(value)}, "value") for value in condition["trigger_values"]]
        last = scaled({"value": str(condition["last_price"])}, "value")
        listing = listings.by_key.get(f"{condition['exchange']}:{condition['tradingsymbol']}")
        legs = list(terms_of(orders, listings))
    except (ValueError, KeyError, TypeError, AttributeError):
        return Refusal("Invalid `condition` or `orders`.")
    refused = next((terms for terms in legs if isinstance(terms, Refusal)), None)
    if listing is None or not len(triggers) == len(legs) == LEGS[kind]:
        refused = Refusal("Invalid `condition`: its instrument, or the count of trigger values.")
    elif refused is None and kind == "two-leg" and not triggers[0] < last < triggers[1]:
        refused = Refusal("Trigger values must lie below and above the last price.")
    elif refused is None and triggers[0] == last:
        refused = Refusal("Trigger already met: it equals the last price.")
    if listing is None or refused is not None:
        return refused or missing(None)
    made = [Leg(trigger, terms) for trigger, terms in zip(triggers, legs, strict=True)
            if isinstance(terms, Terms)]  # fmt: skip
    return kind, listing, last, made


def terms_of(orders: list[dict[str, Any]], listings: Listings) -> Iterator[Terms | Refusal]:
    """Yield the terms of the orders in a call, or why one is refused."""
    for order in orders:
        params = {name: str(value) for name, value in order.items()}
        terms = place_terms(params, "regular", listings)
        if isinstance(terms, Terms):
            terms = replace(terms, tag=None)
        yield terms


def gtt_row(gtt: Gtt, user_id: str) -> dict[str, Any]:
    """Return a trigger as Kite shows it."""
    listing = gtt.listing
    return {
        "id": gtt.number, "user_id": user_id, "parent_trigger": None, "type": gtt.kind,
        "created_at": stamp(gtt.created_ts), "updated_at": stamp(gtt.updated_ts),
        "expires_at": stamp(gtt.created_ts + YEAR), "status": gtt.status,
        "condition": {
            "exchange": listing.exchange, "last_price": rupees(gtt.last),
            "tradingsymbol": listing.symbol,
            "trigger_values": [rupees(leg.trigger) for leg in gtt.legs],
            "instrument_token": listing.token,
        },
        "orders": [leg_row(leg, gtt, user_id) for leg in gtt.legs], "meta": gtt.meta,
    }  # fmt: skip


def leg_row(leg: Leg, gtt: Gtt, user_id: str) -> dict[str, Any]:
    """Return an order of a trigger, and what became of it."""
    terms = leg.terms
    row = {
        "exchange": terms.listing.exchange, "tradingsymbol": terms.listing.symbol,
        "product": terms.product, "order_type": terms.kind, "transaction_type": terms.side,
        "quantity": terms.qty, "price": rupees(terms.price),
    }  # fmt: skip
    if leg.result is None:
        return {**row, "result": None}
    result = {
        "account_id": user_id, **row, "validity": "DAY",
        "meta": json.dumps({"app_id": 1, "gtt": gtt.number}, separators=(",", ":")),
        "timestamp": stamp(leg.result["ts"]), "triggered_at": rupees(leg.trigger),
        "order_result": leg.result["order_result"],
    }  # fmt: skip
    return {**row, "result": result}
